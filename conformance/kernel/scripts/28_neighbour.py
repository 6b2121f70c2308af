"""Another machine has mounted the same server: locks change hands, each sees what the other does.

The other machine is a second guest, with a kernel and a client of its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..expect import equal, needs, raises, true
from ..files import opened, read, write, write_through
from ..neighbour import MASK, THERE, Neighbour, Process, beside
from ..place import Place

NEEDS = ("root", "neighbour")
LONG = True
BUSY = (errno.EAGAIN, errno.EACCES)
HELD: list[int] = []
"""What the process at hand has open."""
EARLY = 1.5
"""Seconds in which a lock that is held must not be given to another: a client that waits asks
again each second.
"""
WAIT = 15.0
"""Seconds within which a lock that is free must be had."""
ROUNDS = 3
AWAY = 2.0
"""Seconds that the other machine is not on the network."""
CARDS = Path("/sys/class/net")
NONE = "0.0.0.0"  # noqa: S104 - to have no address


def lock(path: str, start: int = 0, length: int = 0, *, wait: bool = False) -> None:
    """Open a file and take a lock, which this process keeps."""
    HELD.append(os.open(path, os.O_RDWR))
    fcntl.lockf(HELD[-1], fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), length, start)


def wait_for_lock(path: str) -> None:
    """Wait for a lock and keep it."""
    lock(path, wait=True)


def flock(path: str, kind: int) -> None:
    """Open a file and take a flock without waiting, which this process keeps."""
    HELD.append(os.open(path, os.O_RDWR))
    fcntl.flock(HELD[-1], kind | fcntl.LOCK_NB)


def let_go() -> None:
    """Close what is open, which gives up its locks."""
    while HELD:
        os.close(HELD.pop())


def count(path: str, rounds: int) -> None:
    """Add one to the number in a file, each time under a lock."""
    for _ in range(rounds):
        wait_for_lock(path)
        number = int(os.pread(HELD[-1], 20, 0))
        os.pwrite(HELD[-1], b"%d" % (number + 1), 0)
        os.fsync(HELD[-1])
        let_go()


def text_of(path: str) -> str:
    """Return the content of a file."""
    return read(Path(path)).decode()


def put(path: str, text: str) -> None:
    """Create or replace a file and have it on the server."""
    write_through(Path(path), text.encode())


def wait(seconds: float) -> None:
    """Do nothing for a while."""
    select.select([], [], [], seconds)


def vanish(seconds: float) -> None:
    """Be off the network for a while, with no word to anybody."""
    card = next(name for name in os.listdir(CARDS) if name in ("vec0", "eth0"))
    subprocess.check_call(["busybox", "ifconfig", card, NONE])
    wait(seconds)
    subprocess.check_call(["busybox", "ifconfig", card, THERE, "netmask", MASK])


@contextmanager
def pair(here: Place, content: bytes) -> Iterator[tuple[Process, str, Process, str]]:
    """Provide a process on each machine, with its path of a file that both see."""
    write_through(here / "file", content)
    with (
        here.neighbour() as other,
        Neighbour(here.dir, beside).process() as ours,
        other.process() as theirs,
    ):
        yield ours, str(here / "file"), theirs, str(other.dir / "file")


def hand_over(
    holder: Process, held: str, waiting: Process, wanted: str, early: float = EARLY
) -> None:
    """Have a process wait for the lock that another one holds, and let that one go."""
    holder.run(lock, held)
    waiting.begin(wait_for_lock, wanted)
    true("the lock is not given away early", not waiting.ended(early))
    holder.run(let_go)
    true(f"the lock is had within {WAIT:g} s", waiting.ended(WAIT))
    waiting.result()
    raises(BUSY, "taking it back at once", holder.run, lock, held)
    waiting.run(let_go)
    holder.run(let_go)


def check_lock_excludes(here: Place) -> None:
    """A lock on one machine is in the way on the other, in both directions; other ranges are not.

    Clauses: lock.conflict-blocked, lock.byte-range, lock.owner-key
    """
    with pair(here, bytes(100)) as (ours, path, theirs, far):
        ours.run(lock, path, 0, 10)
        raises(BUSY, "there, the same range", theirs.run, lock, far, 9, 1)
        theirs.run(lock, far, 10, 10)
        raises(BUSY, "here, the other's range", ours.run, lock, path, 19, 1)


def check_hand_over(here: Place) -> None:
    """A lock that one machine waits for comes when the other gives it up, and not before.

    Clauses: lock.conflict-blocked, lock.never-waits
    """
    with pair(here, b"") as (ours, path, theirs, far):
        early = EARLY / 10 if here.is_control else EARLY
        hand_over(ours, path, theirs, far, early)
        hand_over(theirs, far, ours, path, early)


@needs("coherent")
def check_counting(here: Place) -> None:
    """Both add to the number in one file, each time under a lock: none is lost.

    Clauses: lock.never-waits
    """
    with pair(here, b"0") as (ours, path, theirs, far):
        for process, its_path in ((ours, path), (theirs, far)):
            process.begin(count, its_path, ROUNDS)
        ours.result()
        theirs.result()
        equal("the number there", str(2 * ROUNDS), theirs.run(text_of, far))
        equal("the number here", str(2 * ROUNDS), ours.run(text_of, path))


def check_killed(here: Place) -> None:
    """The lock of a process that is killed on one machine is free on the other.

    Clauses: lock.released-on-clunk
    """
    write(here / "file")
    with here.neighbour() as other, Neighbour(here.dir, beside).process() as ours:
        with other.process() as theirs:
            theirs.run(lock, str(other.dir / "file"))
            raises(BUSY, "while it lives", ours.run, lock, str(here / "file"))
        ours.run(let_go)
        ours.run(lock, str(here / "file"))


def check_flock(here: Place) -> None:
    """flock holds between machines as well: shared beside shared, exclusive against both.

    Clauses: lock.shared-readers, lock.conflict-blocked
    """
    with pair(here, b"") as (ours, path, theirs, far):
        ours.run(flock, path, fcntl.LOCK_SH)
        theirs.run(flock, far, fcntl.LOCK_SH)
        theirs.run(let_go)
        raises(BUSY, "exclusive beside shared", theirs.run, flock, far, fcntl.LOCK_EX)
        ours.run(let_go)
        theirs.run(let_go)
        theirs.run(flock, far, fcntl.LOCK_EX)
        raises(BUSY, "shared beside exclusive", ours.run, flock, path, fcntl.LOCK_SH)


@needs("coherent")
def check_seen(here: Place) -> None:
    """What one machine makes, changes, renames and removes the other one finds so.

    Clauses: session.connections-apart
    """
    with pair(here, b"from here") as (ours, path, theirs, far):
        equal("content there", "from here", theirs.run(text_of, far))
        theirs.run(put, far, "and from there")
        equal("content here", "and from there", ours.run(text_of, path))
        theirs.run(os.mkdir, f"{far}.d")
        equal("names here", ["file", "file.d"], sorted(os.listdir(here.dir)))
        os.rename(here / "file", here / "file.d" / "moved")
        equal("names there", ["moved"], theirs.run(os.listdir, f"{far}.d"))
        raises(errno.ENOENT, "the old name there", theirs.run, text_of, far)


def check_removed_while_open(here: Place) -> None:
    """A file that one machine has open and the other removes can be read to its end."""
    with pair(here, b"content") as (_, path, theirs, far), opened(Path(path), os.O_RDONLY) as fd:
        theirs.run(os.unlink, far)
        equal("content", b"content", os.pread(fd, 100, 0))
        raises(errno.ENOENT, "the name there", theirs.run, text_of, far)


def check_half_open(here: Place) -> None:
    """A machine that is off the network with no word harms nobody.

    It keeps its lock, the other one works on, and when it is back it can give the lock up.

    Clauses: session.no-head-blocking
    """
    with pair(here, b"") as (ours, path, theirs, far), here.neighbour() as other:
        theirs.run(lock, far)
        with other.process() as helper:
            helper.begin(wait if here.is_control else vanish, AWAY)
            true("it is away", here.is_control or not helper.ended(EARLY))
            write(here / "beside", b"content")
            equal("content of another file", b"content", read(here / "beside"))
            raises(BUSY, "its lock", ours.run, lock, path)
            helper.result()
            theirs.run(let_go)
            ours.run(let_go)
            ours.run(lock, path)
