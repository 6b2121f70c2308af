"""Record locks: ranges split and merge, readers share, owners do not block themselves."""

from __future__ import annotations

import pytest

from ninep.constants import LockType
from ninep.errors import Violation
from ninep.locks import INFINITY, Lock, LockTable, Owner

READ, WRITE, NONE = LockType.RDLCK, LockType.WRLCK, LockType.UNLCK
ALICE, BOB = Owner("c1", b"host", 1), Owner("c2", b"host", 1)


def lock(kind: int, start: int, end: int, owner: Owner = ALICE, fid: object = "f") -> Lock:
    """Return a lock."""
    return Lock(kind, start, end, owner, fid)


def ranges(table: LockTable) -> list[tuple[int, int, int]]:
    """Return (type, start, end) of everything held on the file."""
    owners = table._files.get("file", {})  # noqa: SLF001
    return sorted((k.type, k.start, k.end) for locks in owners.values() for k in locks)


@pytest.mark.parametrize(
    ("held", "wanted", "possible"),
    [
        (lock(READ, 0, 10), lock(READ, 0, 10, BOB), True),
        (lock(READ, 0, 10), lock(WRITE, 9, 20, BOB), False),
        (lock(WRITE, 0, 10), lock(READ, 9, 20, BOB), False),
        (lock(WRITE, 0, 10), lock(WRITE, 10, 20, BOB), True),
        (lock(WRITE, 0, 10), lock(READ, 0, 10, ALICE), True),
        (lock(WRITE, 5, INFINITY), lock(READ, 1 << 60, INFINITY, BOB), False),
        (lock(WRITE, 5, INFINITY), lock(NONE, 0, INFINITY, BOB), True),
    ],
)
def test_conflicts(held: Lock, wanted: Lock, *, possible: bool) -> None:
    """lock.conflict-blocked."""
    table = LockTable(100)
    assert table.set("file", held)
    assert possible == table.set("file", wanted)


def test_unlocking_the_middle_splits() -> None:
    """lock.range-split."""
    table = LockTable(100)
    table.set("file", lock(WRITE, 0, 30))
    table.set("file", lock(NONE, 10, 20))
    assert ranges(table) == [(WRITE, 0, 10), (WRITE, 20, 30)]


def test_relocking_the_middle_changes_its_type() -> None:
    """A lock is replaced where its owner asks for another type."""
    table = LockTable(100)
    table.set("file", lock(WRITE, 0, 30))
    table.set("file", lock(READ, 10, 20))
    assert ranges(table) == [(READ, 10, 20), (WRITE, 0, 10), (WRITE, 20, 30)]


def test_neighbours_merge() -> None:
    """Ranges that touch become one."""
    table = LockTable(100)
    for start in (20, 0, 10):
        table.set("file", lock(READ, start, start + 10))
    assert ranges(table) == [(READ, 0, 30)]


def test_the_first_conflict_is_reported() -> None:
    """lock.getlock-holder: the one with the lowest start."""
    table = LockTable(100)
    table.set("file", lock(READ, 20, 30))
    table.set("file", lock(READ, 0, 10))
    assert table.conflict("file", lock(WRITE, 0, 40, BOB)) == lock(READ, 0, 10)
    assert table.conflict("other", lock(WRITE, 0, 40, BOB)) is None


def test_released_with_the_fid_or_the_connection() -> None:
    """lock.released-on-clunk: what was set through a fid goes with it."""
    table = LockTable(100)
    table.set("file", lock(READ, 0, 10, ALICE, "f"))
    table.set("file", lock(READ, 20, 30, ALICE, "g"))
    table.set("file", lock(READ, 0, 30, BOB, "h"))
    table.release_fid("file", "f")
    table.release_fid("nothing", "f")
    assert len(table) == 2
    table.release("c2")
    assert ranges(table) == [(READ, 20, 30)]
    table.release("c1")
    assert len(table) == 0


def test_no_more_than_the_limit() -> None:
    """lock.count-limit: of one connection, however they came about; S-086."""
    table = LockTable(3)
    for start in (0, 2, 4):
        assert table.set("file", lock(WRITE, start, start + 1))
    with pytest.raises(Violation, match=r"lock\.count-limit"):
        table.set("other", lock(WRITE, 0, 1))
    assert table.set("file", lock(WRITE, 6, 7, BOB))
    assert table.set("file", lock(NONE, 4, 5))
    assert table.set("file", lock(WRITE, 10, 20))
    with pytest.raises(Violation, match=r"lock\.count-limit"):
        table.set("file", lock(NONE, 12, 13))
    assert len(table) == 4
    assert table.set("file", lock(NONE, 0, INFINITY))
    assert table.set("file", lock(WRITE, 0, 1))
    for owner in (ALICE, BOB):
        table.release(owner.connection)
    assert (len(table), len(table._held)) == (0, 0)  # noqa: SLF001
