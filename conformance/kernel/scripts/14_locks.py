"""Record locks and flock between two mounts of one server, and so between two machines."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time
from pathlib import Path

from ..children import Holder, run
from ..expect import equal, raises, true
from ..files import opened, write
from ..place import Place

NEEDS = ("second-mount",)
FLOCK = "hhqqi4x"
"""struct flock on 64-bit Linux: type, whence, start, length, pid."""
BUSY = (errno.EAGAIN, errno.EACCES)
EARLY = 0.3
"""Seconds in which a waiting lock must not come while another is held."""
WAIT = 10.0
"""Seconds within which a waiting lock must come once it is free."""


def lock(path: Path, kind: int, start: int = 0, length: int = 0) -> int:
    """Open a file and take a record lock without waiting; return the descriptor."""
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(fd, kind | fcntl.LOCK_NB, length, start)
    except OSError:
        os.close(fd)
        raise
    return fd


def locked(path: Path, kind: int) -> bool:
    """Try a record lock on the whole file in a process of its own and give it back at once."""
    return can_lock(path, kind, (0, 0)) == [True]


def can_lock(path: Path, kind: int, *ranges: tuple[int, int]) -> list[bool]:
    """Try record locks on ranges (start, length), each given back before the next is tried.

    All are tried in one other process: a fork is what costs most in a guest.
    """

    def attempt(start: int, length: int) -> bool:
        try:
            os.close(lock(path, kind, start, length))
        except OSError as failure:
            if failure.errno in BUSY:
                return False
            raise
        return True

    return list(run(lambda: [attempt(start, length) for start, length in ranges]))


def query(path: Path, kind: int, start: int, length: int) -> tuple[int, int, int]:
    """Ask with F_GETLK; return type, start and length of the lock in the way."""
    with opened(path, os.O_RDWR) as fd:
        asked = struct.pack(FLOCK, kind, os.SEEK_SET, start, length, 0)
        answer = struct.unpack(FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    return answer[0], answer[2], answer[3]


def files(here: Place) -> tuple[Path, Path]:
    """Make a file; return its path through either mount."""
    write(here / "file", bytes(1000))
    return here / "file", here.second / "file"


def check_exclusive(here: Place) -> None:
    """An exclusive lock on one mount refuses another on the other mount.

    Clauses: lock.conflict-blocked
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX)):
        raises(BUSY, "exclusive", lock, two, fcntl.LOCK_EX)
        raises(BUSY, "shared", lock, two, fcntl.LOCK_SH)


def check_shared(here: Place) -> None:
    """Shared locks live together, and refuse an exclusive one.

    Clauses: lock.shared-readers
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_SH)):
        true("a shared lock beside it", locked(two, fcntl.LOCK_SH))
        true("no exclusive lock beside it", not locked(two, fcntl.LOCK_EX))


def check_different_ranges(here: Place) -> None:
    """Locks on different ranges do not meet; on overlapping ones they do.

    Clauses: lock.conflict-blocked, lock.byte-range
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX, 100, 100)):
        free = can_lock(two, fcntl.LOCK_EX, (0, 100), (200, 100), (100, 1), (199, 1), (0, 0))
        what = "the bytes before, those behind, the first byte, the last byte, an overlap"
        equal(what, [True, True, False, False, False], free)


def check_to_end_of_file(here: Place) -> None:
    """Length 0 locks to the end, however far that is.

    Clauses: lock.zero-length
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX, 500, 0)):
        free = can_lock(two, fcntl.LOCK_EX, (0, 500), (1 << 40, 1))
        equal("the bytes before, a byte far behind", [True, False], free)


def check_release_on_unlock(here: Place) -> None:
    """Unlocking a part frees that part.

    Clauses: lock.range-split
    """
    one, two = files(here)

    def hold_ends() -> None:
        fd = lock(one, fcntl.LOCK_EX, 0, 300)
        fcntl.lockf(fd, fcntl.LOCK_UN, 100, 100)

    with Holder(hold_ends):
        free = can_lock(two, fcntl.LOCK_EX, (100, 100), (0, 100), (200, 100))
        equal("the freed middle, the beginning, the end", [True, False, False], free)


def check_release_on_close(here: Place) -> None:
    """Closing the file frees its locks.

    Clauses: lock.released-on-clunk
    """
    one, two = files(here)
    fd = lock(one, fcntl.LOCK_EX)
    true("held before", not locked(two, fcntl.LOCK_EX))
    os.close(fd)
    true("free afterwards", locked(two, fcntl.LOCK_EX))


def check_release_on_death(here: Place) -> None:
    """A killed process loses its locks.

    Clauses: lock.released-on-clunk
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX)) as holder:
        true("held before", not locked(two, fcntl.LOCK_EX))
        holder.kill()
        true("free afterwards", locked(two, fcntl.LOCK_EX))


def check_downgrade(here: Place) -> None:
    """An exclusive lock turned into a shared one lets others share.

    Clauses: lock.range-split
    """
    one, two = files(here)

    def downgrade() -> None:
        fcntl.lockf(lock(one, fcntl.LOCK_EX), fcntl.LOCK_SH | fcntl.LOCK_NB)

    with Holder(downgrade):
        true("shared", locked(two, fcntl.LOCK_SH))
        true("not exclusive", not locked(two, fcntl.LOCK_EX))


def check_query(here: Place) -> None:
    """F_GETLK describes the lock in the way, and says when there is none.

    Clauses: lock.getlock-holder, lock.getlock-unlck-asks-any
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX, 100, 50)):
        equal("the lock in the way", (fcntl.F_WRLCK, 100, 50), query(two, fcntl.F_WRLCK, 0, 0))
        equal("beside it", fcntl.F_UNLCK, query(two, fcntl.F_WRLCK, 200, 10)[0])
    equal("when it is gone", fcntl.F_UNLCK, query(two, fcntl.F_WRLCK, 0, 0)[0])


def check_waiting(here: Place) -> None:
    """A waiting lock comes when the other one goes, and not before.

    Clauses: lock.never-waits, session.no-head-blocking
    """
    one, two = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX)) as holder:
        reader, writer = os.pipe()
        waiting = os.fork()
        if waiting == 0:
            wait_for_lock(two, writer)
        early = select.select([reader], [], [], EARLY)[0]
        equal("descriptors with news while the lock is held", [], early)
        start = time.monotonic()
        holder.let_go()
        equal("what the waiting process says", b"got it", os.read(reader, 10))
        os.waitpid(waiting, 0)
        true(f"within {WAIT:g} s", time.monotonic() - start < WAIT)


def wait_for_lock(path: Path, writer: int) -> None:
    """Be a process that waits for a lock and says when it has it."""
    try:
        fcntl.lockf(os.open(path, os.O_RDWR), fcntl.LOCK_EX)
        os.write(writer, b"got it")
    finally:
        os._exit(0)


def check_flock(here: Place) -> None:
    """flock holds between mounts as well: exclusive against both, shared beside shared."""
    one, two = files(here)
    with Holder(lambda: flock(one, fcntl.LOCK_EX)):
        raises(BUSY, "exclusive", run, lambda: flock(two, fcntl.LOCK_EX))
        raises(BUSY, "shared", run, lambda: flock(two, fcntl.LOCK_SH))
    with Holder(lambda: flock(one, fcntl.LOCK_SH)):
        run(lambda: flock(two, fcntl.LOCK_SH))
        raises(BUSY, "exclusive beside shared", run, lambda: flock(two, fcntl.LOCK_EX))


def flock(path: Path, kind: int) -> int:
    """Open a file and take a flock without waiting."""
    fd = os.open(path, os.O_RDWR)
    fcntl.flock(fd, kind | fcntl.LOCK_NB)
    return fd


def check_flock_release(here: Place) -> None:
    """A killed process loses its flock."""
    one, two = files(here)
    with Holder(lambda: flock(one, fcntl.LOCK_EX)) as holder:
        holder.kill()
        run(lambda: flock(two, fcntl.LOCK_EX))


def check_same_mount(here: Place) -> None:
    """Two processes on one mount exclude each other.

    Clauses: lock.owner-key
    """
    one, _ = files(here)
    with Holder(lambda: lock(one, fcntl.LOCK_EX, 0, 10)):
        free = can_lock(one, fcntl.LOCK_EX, (0, 10), (10, 10))
        equal("the same range, another range", [False, True], free)


def check_many_ranges(here: Place) -> None:
    """100 single-byte locks are each held, and all go with the process.

    Clauses: lock.range-split
    """
    one, two = files(here)

    def take() -> None:
        fd = os.open(one, os.O_RDWR)
        for start in range(0, 200, 2):
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, start)

    with Holder(take):
        free = can_lock(two, fcntl.LOCK_EX, (99, 1), (100, 1))
        equal("a byte between, a locked byte", [True, False], free)
    true("all, when the process is gone", locked(two, fcntl.LOCK_EX))


def check_read_lock_needs_no_writing(here: Place) -> None:
    """A shared lock through a read-only descriptor is possible.

    Clauses: lock.access-unchecked
    """
    one, two = files(here)
    with opened(one, os.O_RDONLY) as fd:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        true("it refuses an exclusive one", not locked(two, fcntl.LOCK_EX))
