"""Guests that share a job: how many fit, what each is given, how they are run.

Each takes its next script from the folder of claims, so that a guest that dies costs the script
that it was at.  A guest's console goes to a file; a second terminal that only the bench writes to
carries the events.  Everything that is written lies in one temporary folder, which all guests see.
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
from typing import Protocol

from ..catalog import load
from ..model import EXPORT, Job
from ..plan import longest_first
from ..record import Event
from . import EngineError
from .process import BOOT, Guest, boot_command, follow, scratch, write_job

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY = 512
"""MiB that a guest may use."""
MOST = 8
"""Guests by default: beyond it the longest script decides."""
DISK_SIZE = "16G"
"""Size of the sparse disk image: it must hold offsets beyond 4 GiB."""
FEATURES = "ea_inode,^has_journal"
"""Of the disk's ext4: attribute values of 64 KiB; no journal, nothing outlives the run."""
MEMINFO = Path("/proc/meminfo")


class Machine(Protocol):
    """What makes a guest of a folder that has been filled."""

    disk: str
    """The disk image as the guest names it."""
    patience: float
    """How many times slower than User Mode Linux it may be."""

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Return the environment that the kernel's process gets; `folder` is all guests'."""

    def command(self, folder: Path) -> list[str]:
        """Return the command that boots in a guest's folder."""


def which(program: str) -> str | None:
    """Find a program where Debian puts it, also outside the user's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{PATH}")


def missing(programs: Mapping[str, str]) -> str | None:
    """Return which of some programs is missing, with the package that has it, or None."""
    for program, package in programs.items():
        if which(program) is None:
            return f"{program} is missing: apt-get install {package}"
    return None


def unseen(folder: str) -> str | None:
    """Return why guests cannot see the temporary folder, or None."""
    if any(mark in folder for mark in (" ", ",")) or folder.startswith("/dev/"):
        return (
            f"the guest cannot see {folder} (a blank or comma, or below /dev): set another TMPDIR"
        )
    return None


def run(machine: Machine, job: Job, on_event: Callable[[Event], None]) -> None:
    """Boot guests that share the job, follow them until they power off, and clean up."""
    count = how_many(job)
    job = replace(job, disk=machine.disk, patience=machine.patience)
    with scratch() as folder:
        env = machine.environment(folder)
        if count > 1:
            job = shared(job, folder / "claims")
        guests = [
            prepare(machine, job, folder / f"guest-{number}", env, core)
            for number, core in zip(range(count), cycle(cores()))
        ]
        follow(guests, on_event, job.patience)


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


def prepare(machine: Machine, job: Job, folder: Path, env: Mapping[str, str], core: int) -> Guest:
    """Make and fill a guest's folder: job, first process, second stage, disk image."""
    folder.mkdir()
    path = write_job(job, folder)
    shutil.copy(BOOT.with_name("init.sh"), folder / "init")
    (folder / "init").chmod(0o755)
    variables = [f"PATH={PATH}", "HOME=/run", "TMPDIR=/run", "LANG=C.UTF-8"]
    command = shlex.join(["env", "-i", *variables, *boot_command(job, path)])
    (folder / "stage2").write_text(f"cd /\nexec {command}\n", encoding="utf-8")
    (folder / EXPORT).mkdir()
    make_disk(folder / "disk")
    return Guest(machine.command(folder), env, folder / "console", core)


def make_disk(path: Path) -> None:
    """Make the sparse ext4 image that export and control share."""
    options = ["-q", "-F", "-O", FEATURES, "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"]
    call([str(which("mkfs.ext4")), *options, str(path), DISK_SIZE])


def call(command: list[str]) -> None:
    """Run a helper program; raise EngineError with what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise EngineError(f"{command[0]} failed: {done.stderr.strip()}")
