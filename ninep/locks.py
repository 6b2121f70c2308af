"""Record locks between all connections of a server.

POSIX record locks: an owner's ranges split and merge, readers share, writers do not, nothing ever
waits here.  A lock remembers the fid it was set through and goes when that fid goes.

Clauses: lock.conflict-blocked, lock.range-split, lock.released-on-clunk, lock.zero-length
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

from ninep.constants import LockType

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
            self.owner != other.owner
            and WRLCK in (self.type, other.type)
            and self.start < other.end
            and other.start < self.end
        )


class LockTable:
    """Locks by file."""

    def __init__(self) -> None:
        """Start with none."""
        self._files: dict[Hashable, list[Lock]] = {}

    def __len__(self) -> int:
        """Count the locks held."""
        return sum(map(len, self._files.values()))

    def conflict(self, file: Hashable, wanted: Lock) -> Lock | None:
        """Return the first lock that stands in the way of `wanted`."""
        held = sorted(self._files.get(file, ()), key=lambda lock: lock.start)
        return next((lock for lock in held if lock.conflicts(wanted)), None)

    def set(self, file: Hashable, wanted: Lock) -> bool:
        """Set or (type UNLCK) release a range; say whether that was possible."""
        if wanted.type != UNLCK and self.conflict(file, wanted):
            return False
        kept = [part for lock in self._files.get(file, ()) for part in _without(lock, wanted)]
        if wanted.type != UNLCK:
            kept.append(wanted)
        self._store(file, _merged(kept))
        return True

    def release(self, gone: Callable[[Lock], bool]) -> None:
        """Release every lock that `gone` says yes to."""
        for file in list(self._files):
            self._store(file, [lock for lock in self._files[file] if not gone(lock)])

    def release_fid(self, file: Hashable, fid: object) -> None:
        """Release what was locked through one fid."""
        if file in self._files:
            self._store(file, [lock for lock in self._files[file] if lock.fid is not fid])

    def _store(self, file: Hashable, locks: list[Lock]) -> None:
        if locks:
            self._files[file] = locks
        else:
            self._files.pop(file, None)


def _without(lock: Lock, cut: Lock) -> Iterator[Lock]:
    """Yield what is left of a lock when its owner locks or releases the range of `cut`."""
    if lock.owner != cut.owner or lock.end <= cut.start or cut.end <= lock.start:
        yield lock
        return
    if lock.start < cut.start:
        yield replace(lock, end=cut.start)
    if cut.end < lock.end:
        yield replace(lock, start=cut.end)


def _merged(locks: list[Lock]) -> list[Lock]:
    """Join ranges that touch and differ in nothing else."""
    merged: list[Lock] = []
    for lock in sorted(locks, key=lambda lock: lock.start):
        for i, other in enumerate(merged):
            if other.end == lock.start and replace(other, start=0, end=0) == replace(
                lock, start=0, end=0
            ):
                merged[i] = replace(other, end=lock.end)
                break
        else:
            merged.append(lock)
    return merged
