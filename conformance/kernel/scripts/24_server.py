"""A server that stops, dies and comes back: requests wait or fail, nothing hangs for good."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..children import finish, start
from ..expect import equal, needs, raises, true
from ..files import opened, pattern, read, write, write_all, write_through
from ..place import Place

NEEDS = ("root", "server")
LONG = True
SIZE = 1 << 18
EARLY = 0.3
"""Seconds in which nothing may come from a server that is stopped."""
ELSEWHERE = "127.0.0.9"
"""An address of this machine that nothing else uses."""
DEAD = (errno.EIO, errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNABORTED)
"""What requests fail with when the connection is gone."""
WAIT = 15.0
"""Seconds within which a request must have failed when the server is gone."""


def check_stopped_for_a_moment(here: Place) -> None:
    """While the server is stopped a request waits; when it goes on, the answer is right."""
    with here.apart() as apart:
        write_through(apart.dir / "file", b"content")
        apart.send(signal.SIGSTOP)
        child = start(lambda: os.listdir(apart.dir))
        early = select.select([child[1]], [], [], EARLY)[0]
        apart.send(signal.SIGCONT)
        true("a listing waits for the server", here.is_control or not early)
        equal("names", ["file"], finish(child))


def check_killed_while_it_waits(here: Place) -> None:
    """A process that waits for a stopped server and is killed leaves nothing wrong behind.

    Clauses: flush.no-trace
    """
    with here.apart() as apart:
        write_through(apart.dir / "file", b"content")
        apart.send(signal.SIGSTOP)
        pid, pipe = start(partial(os.mkdir, apart.dir / "maybe"))
        select.select([pipe], [], [], EARLY)
        os.kill(pid, signal.SIGKILL)
        apart.send(signal.SIGCONT)
        pidfd = os.pidfd_open(pid)
        true(f"it is gone within {WAIT:g} s", bool(select.select([pidfd], [], [], WAIT)[0]))
        os.waitpid(pid, 0)
        os.close(pidfd)
        os.close(pipe)
        equal("content", b"content", read(apart.dir / "file"))
        for number in range(50):
            write(apart.dir / f"file{number}", b"%d" % number)
            equal("content", b"%d" % number, read(apart.dir / f"file{number}"))


def check_killed(here: Place) -> None:
    """When the server is killed every request fails with an error, soon, and the mount can go.

    A new server and a new mount have what was written, and locks of before are nobody's.
    """
    data = pattern(SIZE)
    with here.apart() as apart:
        with opened(apart.dir / "file", os.O_RDWR | os.O_CREAT) as fd:
            write_all(fd, data)
            os.fsync(fd)
            apart.send(signal.SIGKILL)
            if not here.is_control:
                all_fail(apart.dir, fd)
        apart.restart()
        apart.remount()
        true("the file is there and whole", read(apart.dir / "file") == data)
        with opened(apart.dir / "file", os.O_RDWR) as fd:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def all_fail(at: Path, fd: int) -> None:
    """Expect calls that need the server to fail within the time, whatever the error is."""
    calls: dict[str, Callable[[], object]] = {
        "stat of a new name": lambda: os.stat(at / "new"),
        "create": lambda: os.open(at / "made", os.O_CREAT | os.O_WRONLY),
        "mkdir": lambda: os.mkdir(at / "dir"),
        "rename": lambda: os.rename(at / "file", at / "moved"),
        "write and fsync": lambda: synchronised(fd),
    }
    children = {what: start(partial(error_of, call)) for what, call in calls.items()}
    for what, (pid, pipe) in children.items():
        true(f"{what} has ended within {WAIT:g} s", bool(select.select([pipe], [], [], WAIT)[0]))
        true(f"{what} fails without a server", bool(finish((pid, pipe))))


def synchronised(fd: int) -> None:
    """Write something and have it on the disk."""
    os.pwrite(fd, b"x", 0)
    os.fsync(fd)


def error_of(call: Callable[[], object]) -> int:
    """Return the errno of a call, 0 if it succeeds."""
    try:
        call()
    except OSError as failure:
        return failure.errno or 0
    return 0


def check_open_files_stay_dead(here: Place) -> None:
    """A file that was open when the server died is not another one's after a restart.

    The client has no way to find it again: it fails, and a new mount opens it.
    """
    with here.apart() as apart:
        write_through(apart.dir / "file", b"content")
        with opened(apart.dir / "file", os.O_RDONLY) as fd:
            apart.send(signal.SIGKILL)
            apart.restart()
            if not here.is_control:
                raises(DEAD, "fsync", os.fsync, fd)
                raises(DEAD, "a new name", os.stat, apart.dir / "new")
        apart.remount()
        equal("content", b"content", read(apart.dir / "file"))


@needs("transport=tcp", "program:ip")
def check_half_open(here: Place) -> None:
    """When nothing gets through to the server and neither end is told, requests wait.

    Other mounts work on, and when the way is open again the answers are right.
    """
    with here.apart(ELSEWHERE) as apart:
        write_through(apart.dir / "file", b"content")
        with no_way_to(ELSEWHERE, here):
            child = start(lambda: os.listdir(apart.dir))
            early = select.select([child[1]], [], [], EARLY)[0]
            true("a listing waits for the server", here.is_control or not early)
            write(here / "beside", b"content")
            equal("content on the other mount", b"content", read(here / "beside"))
        true(f"it has ended within {WAIT:g} s", bool(select.select([child[1]], [], [], WAIT)[0]))
        true("the listing has the file", "file" in finish(child))


@contextmanager
def no_way_to(address: str, here: Place) -> Iterator[None]:
    """Drop what is sent to an address of this machine, but what it sends arrives."""
    route = ["blackhole", address, "table", "local"]
    if not here.is_control:
        subprocess.check_call(["ip", "route", "add", *route])
    try:
        yield
    finally:
        if not here.is_control:
            subprocess.check_call(["ip", "route", "del", *route])


def check_many_restarts(here: Place) -> None:
    """Three servers in a row are each killed under load; what was synchronised is there."""
    with here.apart() as apart:
        for number in range(3):
            write_through(apart.dir / f"kept{number}", pattern(SIZE))
            loads = [start(partial(load, apart.dir / f"load{n}")) for n in range(4)]
            select.select([], [], [], EARLY)
            apart.send(signal.SIGKILL)
            if here.is_control:
                for pid, _ in loads:
                    os.kill(pid, signal.SIGKILL)
            for pid, pipe in loads:
                os.waitpid(pid, 0)
                os.close(pipe)
            apart.restart()
            apart.remount()
            for kept in range(number + 1):
                true(f"file {kept} is whole", read(apart.dir / f"kept{kept}") == pattern(SIZE))


def load(path: Path) -> None:
    """Write and read until that fails."""
    while True:
        write(path, pattern(SIZE))
        read(path)
