"""Record locks between all connections of a server.

POSIX record locks: an owner's ranges split and merge, readers share, writers do not, nothing ever
waits here.  A lock remembers the fid it was set through and goes when that fid goes.

Clauses: lock.conflict-blocked, lock.byte-range, lock.range-split, lock.released-on-clunk,
lock.zero-length
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from operator import attrgetter

from ninep.constants import LockType
from ninep.errors import Violation

START, END = attrgetter("start"), attrgetter("end")
RDLCK, WRLCK, UNLCK = LockType.RDLCK, LockType.WRLCK, LockType.UNLCK
INFINITY = 1 << 64
"""End of a lock that reaches to the end of the file, however long that gets."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock: a process of a client, on one connection."""

    connection: object
    client_id: bytes
    proc_id: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Bytes `start` … `end`-1 of a file, held for reading or writing."""

    type: int
    start: int
    end: int
    owner: Owner
    fid: object

    @property
    def length(self) -> int:
        """Its length in bytes; 0: to the end of the file."""
        return 0 if self.end == INFINITY else self.end - self.start

    def conflicts(self, other: Lock) -> bool:
        """Say whether both can not be held at once."""
        return (
            self.start < other.end
            and other.start < self.end
            and WRLCK in (self.type, other.type)
            and self.owner != other.owner
        )


class LockTable:
    """Locks by file and owner.

    Those of one owner are in order and do not overlap, so that a request costs no more for them.
    """

    def __init__(self, most: int) -> None:
        """Start with none; a connection may have so many."""
        self.most = most
        self._files: dict[Hashable, dict[Owner, list[Lock]]] = {}
        self._held: Counter[object] = Counter()
        """How many locks each connection has."""

    def __len__(self) -> int:
        """Count the locks held."""
        return self._held.total()

    def conflict(self, file: Hashable, wanted: Lock) -> Lock | None:
        """Return the first lock that stands in the way of `wanted`."""
        owners = self._files.get(file, {})
        firsts = (_in_the_way(locks, wanted) for owner, locks in owners.items()
                  if owner != wanted.owner)  # fmt: skip
        return min(filter(None, firsts), key=START, default=None)

    def set(self, file: Hashable, wanted: Lock) -> bool:
        """Set or (type UNLCK) release a range; say whether that was possible.

        Clauses: lock.count-limit
        """
        if wanted.type != UNLCK and self.conflict(file, wanted):
            return False
        locks = self._files.get(file, {}).get(wanted.owner, [])
        at = bisect_left(locks, wanted.start, key=END)
        end = bisect_right(locks, wanted.end, key=START)
        kept = _without(locks[at:end], wanted)
        new = kept if wanted.type == UNLCK else sorted(_joined(kept, wanted), key=START)
        self._bounded(wanted.owner.connection, len(new) - (end - at))
        self._store(file, wanted.owner, [*locks[:at], *new, *locks[end:]])
        return True

    def _bounded(self, connection: object, more: int) -> None:
        """Refuse so many more locks of a connection; to release a part of one makes two of it.

        Clauses: lock.count-limit
        """
        if more > 0 and self._held[connection] + more > self.most:
            raise Violation("lock.count-limit", f"{self.most} locks")

    def release(self, connection: object) -> None:
        """Release every lock of a connection."""
        if connection in self._held:
            for file, owners in list(self._files.items()):
                for owner in [owner for owner in owners if owner.connection is connection]:
                    self._store(file, owner, [])

    def release_fid(self, file: Hashable, fid: object) -> None:
        """Release what was locked through one fid."""
        for owner, locks in list(self._files.get(file, {}).items()):
            self._store(file, owner, [lock for lock in locks if lock.fid is not fid])

    def _store(self, file: Hashable, owner: Owner, locks: list[Lock]) -> None:
        owners = self._files.setdefault(file, {})
        self._held[owner.connection] += len(locks) - len(owners.pop(owner, ()))
        if not self._held[owner.connection]:
            del self._held[owner.connection]
        if locks:
            owners[owner] = locks
        if not owners:
            del self._files[file]


def _in_the_way(locks: list[Lock], wanted: Lock) -> Lock | None:
    """Return the first of an owner's locks that `wanted` of another one conflicts with."""
    overlapping = islice(locks, bisect_right(locks, wanted.start, key=END), None)
    within = takewhile(lambda lock: lock.start < wanted.end, overlapping)
    return next((lock for lock in within if lock.conflicts(wanted)), None)


def _without(locks: list[Lock], cut: Lock) -> list[Lock]:
    """Return what is left of an owner's locks when the range of `cut` is locked or released."""
    left = []
    for lock in locks:
        if lock.end <= cut.start or cut.end <= lock.start:
            left.append(lock)
            continue
        if lock.start < cut.start:
            left.append(replace(lock, end=cut.start))
        if cut.end < lock.end:
            left.append(replace(lock, start=cut.end))
    return left


def _joined(locks: list[Lock], new: Lock) -> list[Lock]:
    """Add a lock, as one with those that its range touches and that differ in nothing else."""
    apart = []
    for lock in locks:
        touches = lock.end == new.start or new.end == lock.start
        if touches and replace(lock, start=new.start, end=new.end) == new:
            new = replace(new, start=min(lock.start, new.start), end=max(lock.end, new.end))
        else:
            apart.append(lock)
    return [*apart, new]
