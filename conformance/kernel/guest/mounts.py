"""Mounting: the 9P mounts under test, and bind mounts for the control."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model import Cell

VERSION = "9p2000.L"
PATIENCE = 20.0
"""Seconds that a mount may take."""
FD = "{fd}"
"""Stands in options for the number of a descriptor."""
LOCK_RETRY = 1
"""Seconds between a waiting lock's requests; the kernel's own default is 30."""


class MountError(Exception):
    """The mount failed; the text is what mount(8) said."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount; `steps` are the argument lists of mount(8) that make it."""

    target: Path
    steps: tuple[tuple[str, ...], ...]
    connect: str = ""
    """The server's address when the connection is made here and handed to the kernel."""

    def mount(self) -> None:
        """Mount; raise MountError with the reason."""
        self.target.mkdir(parents=True, exist_ok=True)
        with connection(self.connect) as fd:
            for step in self.steps:
                run(["mount", *(word.replace(FD, str(fd)) for word in step)], fd)

    def unmount(self) -> None:
        """Unmount; raise MountError when it is busy."""
        run(["umount", str(self.target)])

    def abandon(self) -> None:
        """Detach the mount whatever state it is in."""
        subprocess.run(["umount", "-l", str(self.target)], check=False, capture_output=True)

    def remount(self) -> None:
        """Unmount and mount again."""
        self.unmount()
        self.mount()

    @property
    def line(self) -> str:
        """Return the mount's line in /proc/mounts."""
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="backslashreplace")
        found = [line for line in lines.splitlines() if line.split()[1] == str(self.target)]
        return found[-1] if found else ""


@contextmanager
def connection(addr: str) -> Iterator[int | None]:
    """Provide a connected socket, whose descriptor the kernel keeps; None for no address."""
    if not addr:
        yield None
        return
    host, _, port = addr.partition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as sock:
            sock.settimeout(None)
            yield sock.fileno()
    except OSError as problem:
        raise MountError(f"cannot connect to {addr}: {problem}") from None


def run(command: list[str], fd: int | None = None) -> None:
    """Run mount or umount, which say on stderr what went wrong.

    One that waits for a server that never answers cannot even be killed before the server is: it
    is left behind.
    """
    pipe = subprocess.PIPE
    fds = () if fd is None else (fd,)
    process = subprocess.Popen(command, stderr=pipe, text=True, errors="replace", pass_fds=fds)
    try:
        words = process.communicate(timeout=PATIENCE)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        raise MountError(f"{' '.join(command)}: no answer within {PATIENCE:g} s") from None
    if process.returncode:
        raise MountError(f"{' '.join(command)}: {words.strip() or process.returncode}")


def nine(target: Path, cell: Cell, addr: str, aname: str, more: Iterable[str] = ()) -> Mount:
    """Describe a 9P mount of the server at `addr`, with `more` options than its cell has."""
    endpoint = addr.partition("://")[2]
    options = [f"trans={cell.transport}", f"version={VERSION}", f"cache={cell.cache}"]
    source, connect = endpoint, ""
    if cell.transport == "tcp":
        source, _, port = endpoint.rpartition(":")
        options.append(f"port={port}")
    if cell.transport == "fd":
        source, connect = "ninep", addr
        options += [f"rfdno={FD}", f"wfdno={FD}"]
    if cell.access:
        options.append(f"access={cell.access}")
    if cell.msize:
        options.append(f"msize={cell.msize}")
    options += [f"aname={aname}"] if aname else []  # from Linux 6.19 on an empty one is refused
    options += ["uname=root", f"locktimeout={LOCK_RETRY}", *more]
    step = ("-i", "-t", "9p", "-o", ",".join(options), source, str(target))
    return Mount(target, (step,), connect)


def mount_nine(cell: dict[str, Any], addr: str, aname: str) -> str:
    """Mount what the server at `addr` exports, in a new folder, and return that."""
    target = tempfile.mkdtemp(prefix="ninep-lab-")
    nine(Path(target), Cell(**cell), addr, aname).mount()
    return target


def bind(target: Path, source: Path, *, read_only: bool = False) -> Mount:
    """Describe a bind mount of a directory."""
    steps: tuple[tuple[str, ...], ...] = (("--bind", str(source), str(target)),)
    if read_only:
        steps += (("-o", "remount,bind,ro", str(target)),)
    return Mount(target, steps)


def image(target: Path, device: str) -> Mount:
    """Describe the mount of the disk that both sides share."""
    return Mount(target, (("-t", "ext4", device, str(target)),))


def prepare_root(path: Path) -> None:
    """Make a directory that every user may pass through."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o755)
