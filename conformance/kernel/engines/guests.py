"""Guests that share a job: how many fit, what each is given, how they are run.

Each takes its next script from the folder of claims, so that a guest that dies costs the script
that it was at.  A guest's console goes to a file; a second terminal that only the bench writes to
carries the events.  Everything that is written lies in one temporary folder, which all guests see.

Where a script needs another machine one more guest is booted.  A wire leads from it to the first
guest, which takes these scripts: a pair of sockets, each with a network card at its end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Protocol

from ...text import unbroken
from ..catalog import load
from ..model import EXPORT, VIRTIO, Job, Planned, claim
from ..neighbour import HERE, THERE
from ..plan import longest_first
from ..record import Event
from . import EngineError
from .process import BENCH, BOOT, Guest, boot_command, follow, scratch, write_job

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY = 512
"""MiB that a guest may use."""
REPLACED = 3
"""Guests that may take the places of others that died, or that have a process nobody can end."""
MOST = 8
"""Guests by default: beyond it the longest script decides."""
DISK_SIZE = "16G"
"""Size of the sparse disk image: it must hold offsets beyond 4 GiB."""
FEATURES = "ea_inode,^has_journal"
"""Of the disk's ext4: attribute values of 64 KiB; no journal, nothing outlives the run."""
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Wire:
    """One end of a wire: the descriptor of a socket, and the guest's address there."""

    fd: int
    address: str


class Machine(Protocol):
    """What makes a guest of a folder that has been filled."""

    disk: str
    """The disk image as the guest names it."""
    patience: float
    """How many times slower than User Mode Linux it may be."""

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Return the environment that the kernel's process gets; `folder` is all guests'."""

    def command(self, folder: Path, wire: Wire | None) -> list[str]:
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
    job = replace(job, disk=machine.disk, patience=machine.patience, neighbour=meets(job))
    with scratch() as folder:
        env = machine.environment(folder)
        with neighbour(machine, job, folder, env) as wire:
            job = shared(job, folder / "claims", count)
            crew = Crew(machine, job, folder, env, wire)
            parts = zip(crew.parts(count), cycle(cores()))
            first = [crew.guest(part, core) for part, core in parts]
            follow(first, on_event, job.patience, len(job.cells), crew.successor)
            if not crew.spare and unclaimed(job):
                raise EngineError(f"{len(crew.work)} guests were lost: the rest was not run")


class Crew:
    """The guests of a job, and those that may take the places of others."""

    def __init__(
        self,
        machine: Machine,
        job: Job,
        folder: Path,
        env: Mapping[str, str],
        wire: Wire | None,
    ) -> None:
        """Remember what guests are made of; the wire is that of the first."""
        self.machine = machine
        self.job = job
        self.folder = folder
        self.wire = wire
        self.env = env
        self.work: dict[Guest, Job] = {}
        self.spare = REPLACED

    def parts(self, count: int) -> list[Job]:
        """Return the job of each guest: only the first one does what needs the wire."""
        alike = replace(self.job, cells=alone(self.job), neighbour=False)
        return [self.job, *[alike] * (count - 1)]

    def guest(self, part: Job, core: int | None) -> Guest:
        """Make a guest that works on a job."""
        folder = self.folder / f"guest-{len(self.work)}"
        wire = self.wire if part.neighbour else None
        guest = prepare(self.machine, part, folder, self.env, wire)
        guest.core = core
        self.work[guest] = part
        return guest

    def successor(self, lost: Guest) -> Guest | None:
        """Make a guest that goes on with the work of one that was lost, if there is any left."""
        part = self.work[lost]
        if not (self.spare and unclaimed(part)):
            return None
        self.spare -= 1
        return self.guest(part, lost.core)


def meets(job: Job) -> bool:
    """Tell whether a script of the job needs another guest, and can have one."""
    cells = [p for p in job.cells if p.cell.transport != VIRTIO]
    return not job.remote and any(load(name).meets for p in cells for name in p.scripts)


def alone(job: Job) -> tuple[Planned, ...]:
    """Return the cells without what needs another guest, if that is to be."""
    if not job.neighbour:
        return job.cells
    return tuple(
        replace(p, scripts=tuple(n for n in p.scripts if not load(n).meets)) for p in job.cells
    )


@contextmanager
def neighbour(
    machine: Machine, job: Job, folder: Path, env: Mapping[str, str]
) -> Iterator[Wire | None]:
    """Boot one more guest, if one is needed; provide the other end of the wire to it.

    Errors: EngineError, when it died
    """
    if not job.neighbour:
        yield None
        return
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        wire = Wire(there.fileno(), THERE)
        guest = prepare(machine, job, folder / "neighbour", env, wire, main="neighbour")
        guest.core = cores()[-1]
        guest.start()
        try:
            yield Wire(here.fileno(), HERE)
            if guest.process and guest.process.poll() is not None:
                raise EngineError(f"the other guest: {guest.trouble}")
        finally:
            with unbroken():
                guest.end()


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


def shared(job: Job, claims: Path, count: int) -> Job:
    """Return the job for guests that take its scripts from each other, or from one that died."""
    claims.mkdir()
    cells = longest_first(job.cells, load) if count > 1 else job.cells
    return replace(job, cells=cells, claims=str(claims))


def unclaimed(job: Job) -> bool:
    """Tell whether a script is left that no guest has taken."""
    assert job.claims is not None  # noqa: S101 - guests have it
    taken = {path.name for path in Path(job.claims).iterdir()}
    return any(
        claim(number, name) not in taken
        for number, planned in enumerate(job.cells)
        for name in planned.scripts
    )


def prepare(
    machine: Machine,
    job: Job,
    folder: Path,
    env: Mapping[str, str],
    wire: Wire | None = None,
    main: str = BENCH,
) -> Guest:
    """Make and fill a guest's folder: job, first process, second stage, disk image."""
    folder.mkdir()
    path = write_job(job, folder)
    shutil.copy(BOOT.with_name("init.sh"), folder / "init")
    (folder / "init").chmod(0o755)
    variables = [f"PATH={PATH}", "HOME=/run", "TMPDIR=/run", "LANG=C.UTF-8"]
    command = shlex.join(["env", "-i", *variables, *boot_command(job, path, main)])
    (folder / "stage2").write_text(f"cd /\nexec {command}\n", encoding="utf-8")
    (folder / EXPORT).mkdir()
    make_disk(folder / "disk")
    fds = (wire.fd,) if wire else ()
    return Guest(machine.command(folder, wire), env, folder / "console", fds)


def make_disk(path: Path) -> None:
    """Make the sparse ext4 image that export and control share."""
    options = ["-q", "-F", "-O", FEATURES, "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"]
    call([str(which("mkfs.ext4")), *options, str(path), DISK_SIZE])


def call(command: list[str]) -> None:
    """Run a helper program; raise EngineError with what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise EngineError(f"{command[0]} failed: {done.stderr.strip()}")
