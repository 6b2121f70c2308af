"""Record locks between all connections of a server.

POSIX record locks: an owner's ranges split and merge, readers share, writers do not, nothing ever
waits here.  A lock remembers the fid it was set through and goes when that fid goes.

Clauses: lock.conflict-blocked, lock.byte-range, lock.range-split, lock.released-on-clunk,
lock.zero-length
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from ninep.constants import LockType
from ninep.errors import Violation

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
    """Locks by file."""

    def __init__(self, most: int) -> None:
        """Start with none; a connection may have so many."""
        self.most = most
        self._files: dict[Hashable, list[Lock]] = {}
        self._held: Counter[object] = Counter()
        """How many locks each connection has."""

    def __len__(self) -> int:
        """Count the locks held."""
        return sum(map(len, self._files.values()))

    def conflict(self, file: Hashable, wanted: Lock) -> Lock | None:
        """Return the first lock that stands in the way of `wanted`."""
        held = [lock for lock in self._files.get(file, ()) if lock.conflicts(wanted)]
        return min(held, key=lambda lock: lock.start, default=None)

    def set(self, file: Hashable, wanted: Lock) -> bool:
        """Set or (type UNLCK) release a range; say whether that was possible.

        Clauses: lock.count-limit
        """
        if wanted.type != UNLCK and self.conflict(file, wanted):
            return False
        kept = _without(self._files.get(file, []), wanted)
        locks = kept if wanted.type == UNLCK else _joined(kept, wanted)
        self._bounded(wanted.owner.connection, len(locks) - len(self._files.get(file, ())))
        self._store(file, locks)
        return True

    def _bounded(self, connection: object, more: int) -> None:
        """Refuse so many more locks of a connection; to release a part of one makes two of it.

        Clauses: lock.count-limit
        """
        if more > 0 and self._held[connection] + more > self.most:
            raise Violation("lock.count-limit", f"{self.most} locks")

    def release(self, gone: Callable[[Lock], bool]) -> None:
        """Release every lock that `gone` says yes to."""
        for file in list(self._files):
            self._store(file, [lock for lock in self._files[file] if not gone(lock)])

    def release_fid(self, file: Hashable, fid: object) -> None:
        """Release what was locked through one fid."""
        if file in self._files:
            self._store(file, [lock for lock in self._files[file] if lock.fid is not fid])

    def _store(self, file: Hashable, locks: list[Lock]) -> None:
        old = self._files.get(file, ())
        self._held.update(lock.owner.connection for lock in locks)
        self._held.subtract(lock.owner.connection for lock in old)
        for connection in {lock.owner.connection for lock in old}:
            if not self._held[connection]:
                del self._held[connection]
        if locks:
            self._files[file] = locks
        else:
            self._files.pop(file, None)


def _without(locks: list[Lock], cut: Lock) -> list[Lock]:
    """Return what is left when an owner locks or releases the range of `cut`."""
    left = []
    for lock in locks:
        if lock.end <= cut.start or cut.end <= lock.start or lock.owner != cut.owner:
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
