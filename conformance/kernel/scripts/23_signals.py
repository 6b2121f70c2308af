"""Signals: caught ones change nothing, deadly ones end a process in the middle of a request."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..children import Holder, finish, start
from ..expect import equal, needs, true
from ..files import opened, pattern, read, write, write_all
from ..place import Place

SIZE = 1 << 20
NAMES = 200
ROUNDS = 10
VICTIMS = 8
WAIT = 10.0
"""Seconds within which a process must be gone, or have its lock."""
EARLY = 0.3
"""Seconds in which a waiting lock must not come while another is held, nor what was flushed show.
"""
PAUSE = 0.002
"""Seconds between two signals of a storm."""


def in_a_storm(work: Callable[[], object]) -> object:
    """Run a function in a process that is sent SIGINT all the time; return what it returns."""

    def caught() -> object:
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003
        os.write(writer, b"ready")
        return work()

    reader, writer = os.pipe()
    pid, result = start(caught)
    os.read(reader, 10)
    while not select.select([result], [], [], PAUSE)[0]:
        os.kill(pid, signal.SIGINT)
    return finish((pid, result))


def check_reading(here: Place) -> None:
    """A storm of SIGINT takes nothing from what is read."""
    data = pattern(SIZE)
    write(here.backing / "file", data)

    def reads() -> list[bool]:
        return [read(here / "file") == data for _ in range(ROUNDS)]

    equal("whether each reading was right", [True] * ROUNDS, in_a_storm(reads))


def check_writing(here: Place) -> None:
    """A storm of SIGINT takes nothing from what is written.

    Clauses: write.count-true
    """
    data = pattern(SIZE)

    def writes() -> None:
        with opened(here / "file", os.O_WRONLY | os.O_CREAT) as fd:
            for _ in range(ROUNDS):
                os.lseek(fd, 0, os.SEEK_SET)
                write_all(fd, data)

    in_a_storm(writes)
    true("the file is what was written", read(here / "file") == data)


def check_listing(here: Place) -> None:
    """A storm of SIGINT takes nothing from a listing."""
    names = sorted(f"name{number:03}" for number in range(NAMES))
    for name in names:
        write(here.backing / name)

    def lists() -> list[bool]:
        return [sorted(os.listdir(here.dir)) == names for _ in range(ROUNDS)]

    equal("whether each listing was right", [True] * ROUNDS, in_a_storm(lists))


def check_names(here: Place) -> None:
    """What may be done only once is done once in a storm of SIGINT: create, rename, remove."""

    def changes() -> None:
        for number in range(ROUNDS):
            with opened(here / "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
                write_all(fd, b"%d" % number)
            os.mkdir(here / "dir")
            os.rename(here / "new", here / "dir/moved")
            equal("content", b"%d" % number, read(here / "dir/moved"))
            os.unlink(here / "dir/moved")
            os.rmdir(here / "dir")

    in_a_storm(changes)
    equal("names that are left", [], os.listdir(here.dir))


def check_killed_in_the_middle(here: Place) -> None:
    """Processes that are killed while they read, write and list are gone, and the mount serves on.

    Clauses: session.others-unharmed, flush.no-trace
    """
    data = pattern(SIZE)
    write(here / "file", data)
    ready, told = os.pipe()
    victims = [start(partial(busy, here, number, told)) for number in range(VICTIMS)]
    for _ in victims:
        os.read(ready, 1)
    for pid, _ in victims:
        kill(pid)
    true("a file that they read is as it was", read(here / "file") == data)
    for number in range(VICTIMS):
        write(here / f"own{number}", b"new")
    select.select([], [], [], EARLY)
    for number in range(VICTIMS):
        equal("the content of one that they wrote", b"new", read(here / f"own{number}"))


def busy(here: Place, number: int, told: int) -> None:
    """Read, write and list until the end; say when all of it has been done once."""
    while True:
        read(here / "file")
        write(here / f"own{number}", pattern(SIZE))
        os.listdir(here.dir)
        os.write(told, b"!")


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a process a signal and expect it to be gone soon."""
    pidfd = os.pidfd_open(pid)
    os.kill(pid, number)
    gone = select.select([pidfd], [], [], WAIT)[0]
    os.close(pidfd)
    true(f"the process is gone {WAIT:g} s after {signal.Signals(number).name}", bool(gone))
    os.waitpid(pid, 0)


@needs("second-mount")
def check_waiting_for_a_lock(here: Place) -> None:
    """SIGINT ends a process that waits for a lock; the lock is nobody's when its holder goes.

    Clauses: lock.never-waits, lock.conflict-blocked
    """
    write(here / "file", b"content")
    with Holder(partial(locked, here / "file")):
        pid, waiting = start(partial(locked, here.second / "file"))
        equal("descriptors with news while another holds it", [], readable(waiting, EARLY))
        kill(pid, signal.SIGINT)
        os.close(waiting)
    with Holder(partial(locked, here / "file")):
        pid, waiting = start(partial(locked, here.second / "file"))
        equal("descriptors with news while another holds it", [], readable(waiting, EARLY))
    equal("descriptors with news when it is free", [waiting], readable(waiting, WAIT))
    finish((pid, waiting))


def readable(fd: int, seconds: float) -> list[int]:
    """Return the descriptor if it has something to read within so many seconds."""
    return select.select([fd], [], [], seconds)[0]


def locked(path: Path) -> None:
    """Wait for the lock of a file and keep it until the end; SIGINT is deadly."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.lockf(os.open(path, os.O_RDWR), fcntl.LOCK_EX)
