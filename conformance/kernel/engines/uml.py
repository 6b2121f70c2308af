"""User Mode Linux: a kernel as a process, with the host's tree as its root and no privilege.

Several guests share a job: each takes its next script from the folder of claims, so that a guest
that dies costs the script that it was at.  A guest's console goes to stderr; a second terminal that
only the bench writes to carries the events.  Everything that is written lies in one temporary
folder, which all guests see.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from ..catalog import load
from ..model import Job
from ..plan import longest_first
from ..record import Event
from . import EngineError
from .process import BOOT, Guest, boot_command, follow, scratch, write_job

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = {
    "linux": "user-mode-linux",
    "busybox": "busybox-static",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
}
MODULES = Path("/usr/lib/uml/modules")
MEMORY = 512
"""MiB that a guest may use."""
MOST = 8
"""Guests by default: beyond it the longest script decides."""
DISK_SIZE = "16G"
"""Size of the sparse disk image: it must hold offsets beyond 4 GiB."""
DISK = "/dev/ubda"
SHIM = Path(__file__).with_name("xstate.c")
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
FEATURES = "ea_inode,^has_journal"
"""Of the disk's ext4: attribute values of 64 KiB; no journal, nothing outlives the run."""


def which(program: str) -> str | None:
    """Find a program where Debian puts it, also outside the user's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{PATH}")


def wide_registers() -> bool:
    """Tell whether the CPU has AMX, whose register state UML before 6.13 cannot carry.

    There the guest's first process dies with "ptrace set fp regs failed, errno = 14".
    """
    return "amx_tile" in CPUINFO.read_text(encoding="utf-8", errors="replace").split()


class UmlEngine:
    """Boot the kernel of Debian's package user-mode-linux."""

    name = "uml"

    def available(self) -> str | None:
        """Return what is missing, with the package that has it, or None."""
        for program, package in PROGRAMS.items():
            if which(program) is None:
                return f"{program} is missing: apt-get install {package}"
        if not list(MODULES.glob("*/kernel/fs/9p/9p.ko")):
            return f"no 9p module below {MODULES}: apt-get install user-mode-linux"
        folder = tempfile.gettempdir()
        if " " in folder or folder.startswith("/dev/"):
            return f"the guest cannot see {folder} (a blank, or below /dev): set another TMPDIR"
        if wide_registers() and which("cc") is None:
            return (
                "cc is missing (this CPU has AMX, UML needs a shim): apt-get install gcc libc6-dev"
            )
        return None

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Boot guests that share the job, follow them until they power off, and clean up."""
        count = how_many(job)
        with scratch() as folder:
            env = environment(folder)
            if count > 1:
                job = shared(job, folder / "claims")
            guests = [
                prepare(replace(job, disk=DISK), folder / f"guest-{number}", env, core)
                for number, core in zip(range(count), cycle(cores()))
            ]
            follow(guests, on_event)


def how_many(job: Job) -> int:
    """Return how many guests share the job: what was asked for, else what there is room for."""
    memory = min(available_memory(), shutil.disk_usage(tempfile.gettempdir()).free)
    room = max(1, min(MOST, len(cores()), memory // (MEMORY << 20)))
    return min(job.jobs or room, sum(len(planned.scripts) for planned in job.cells))


def cores() -> list[int]:
    """Return the cores that we may use; two labs at once begin with different ones."""
    allowed = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(allowed)
    return allowed[first:] + allowed[:first]


def available_memory() -> int:
    """Return how many bytes the system can give without swapping."""
    kilobytes = MEMINFO.read_text(encoding="ascii").partition("MemAvailable:")[2].split()[0]
    return int(kilobytes) << 10


def shared(job: Job, claims: Path) -> Job:
    """Return the job for guests that take its scripts from each other."""
    claims.mkdir()
    return replace(job, cells=longest_first(job.cells, load), claims=str(claims))


def prepare(job: Job, folder: Path, env: Mapping[str, str], core: int) -> Guest:
    """Make and fill a guest's folder: job, first process, second stage, disk image."""
    folder.mkdir()
    path = write_job(job, folder)
    shutil.copy(BOOT.with_name("init.sh"), folder / "init")
    (folder / "init").chmod(0o755)
    (folder / "umldir").mkdir()
    variables = [f"PATH={PATH}", "HOME=/tmp", "LANG=C.UTF-8"]
    command = shlex.join(["env", "-i", *variables, *boot_command(job, path)])
    (folder / "stage2").write_text(f"cd /\nexec {command}\n", encoding="utf-8")
    make_disk(folder / "disk")
    return Guest(kernel_command(folder), env, folder / "console", core)


def make_disk(path: Path) -> None:
    """Make the sparse ext4 image that export and control share."""
    options = ["-q", "-F", "-O", FEATURES, "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"]
    call([str(which("mkfs.ext4")), *options, str(path), DISK_SIZE])


def call(command: list[str]) -> None:
    """Run a helper program; raise EngineError with what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise EngineError(f"{command[0]} failed: {done.stderr.strip()}")


def environment(folder: Path) -> dict[str, str]:
    """Return the kernel processes' environment; memory files and sockets stay in the folder."""
    env = {"PATH": PATH, "HOME": str(folder), "TMPDIR": str(folder)}
    if wide_registers():
        library = folder / "xstate.so"
        call([str(which("cc")), "-O2", "-shared", "-fPIC", "-o", str(library), str(SHIM)])
        env["LD_PRELOAD"] = str(library)
    return env


def kernel_command(folder: Path) -> list[str]:
    """Return the kernel's command line."""
    root = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]
    consoles = ["con=null", "con0=null,fd:2", "con1=null,fd:1", "ssl=null", "quiet", "selinux=0"]
    return [
        str(which("linux")),
        f"mem={MEMORY}M",
        *root,
        f"init={folder}/init",
        f"uml_dir={folder}/umldir",
        *consoles,
        f"ubd0={folder}/disk",
        f"LAB={folder}",
    ]
