"""The fid table: what a number stands for, and what may be done with it in which state."""

from __future__ import annotations

import errno

import pytest

from ninep.backend import Node
from ninep.backends.memory import MemoryBackend
from ninep.constants import NOFID
from ninep.errors import Violation
from ninep.fids import (
    BOUND,
    BY_ACCESS,
    DIRECTORY,
    EXCEPTIONS,
    LEGAL,
    RDWR,
    READ,
    RECORDS,
    REFUSAL,
    WRITE,
    XATTR_READ,
    XATTR_WRITE,
    Fid,
    FidTable,
    State,
)  # fmt: skip
from tests.backends.helpers import at_once, mkdir

FILES = {BOUND, READ, WRITE, RDWR, DIRECTORY, RECORDS}
OPEN = {READ, WRITE, RDWR, DIRECTORY, RECORDS}
ALLOWED = {
    "walk": FILES,
    "getattr": FILES,
    "open": {BOUND},
    "create": {BOUND},
    "xattrcreate": {BOUND},
    "read": {READ, RDWR, RECORDS, XATTR_READ},
    "write": {WRITE, RDWR, XATTR_WRITE},
    "readdir": {DIRECTORY},
    "fsync": OPEN,
    "lock": OPEN,
}
"""The manual pages once more, apart from the code."""


@pytest.fixture
def node() -> Node:
    """Return some node."""
    return at_once(MemoryBackend().attach())


@pytest.fixture
def table(node: Node) -> FidTable:
    """Return a table in which 5 is in use."""
    fids = FidTable(3)
    fids.bind(5, Fid(node, node, 1000))
    return fids


def refusal(what: str, state: State) -> str:
    """Return the clause that is broken."""
    return EXCEPTIONS.get((what, state), REFUSAL[what])


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("what", LEGAL)
def test_every_use_in_every_state(table: FidTable, what: str, state: State) -> None:
    """What is legal gives the fid; what is not names the clause and leaves the fid as it is."""
    table[5].state = state
    if state in ALLOWED[what]:
        assert table[5] is table.legal(5, what)
        return
    with pytest.raises(Violation) as caught:
        table.legal(5, what)
    assert (refusal(what, state), state) == (caught.value.clause.id, table[5].state)


def test_the_tables_fit() -> None:
    """Each use has its states and its refusal, and an exception is one of something refused."""
    assert set(ALLOWED) == set(LEGAL) == set(REFUSAL)
    assert all(state not in LEGAL[what] for what, state in EXCEPTIONS)


def test_access_modes() -> None:
    """open.access-mode: the two low bits of the flags."""
    assert (READ, WRITE, RDWR) == BY_ACCESS


@pytest.mark.parametrize("fid", [0, 4, 6, NOFID])
def test_an_unknown_number(table: FidTable, fid: int) -> None:
    """fid.unknown-fid: EBADF, whatever is asked of it."""
    for call in (table.__getitem__, table.free, lambda fid: table.legal(fid, "read")):
        with pytest.raises(Violation, match=r"fid\.unknown-fid") as caught:
            call(fid)
        assert errno.EBADF == caught.value.errno
    assert 1 == len(table)


@pytest.mark.parametrize(
    ("fid", "unless", "clause"),
    [
        (5, NOFID, "fid.in-use"),
        (5, 6, "fid.in-use"),
        (NOFID, NOFID, "fid.never-nofid"),
        (NOFID, 5, "fid.never-nofid"),
    ],
)
def test_numbers_that_cannot_be_made(table: FidTable, fid: int, unless: int, clause: str) -> None:
    """fid.in-use, fid.never-nofid."""
    with pytest.raises(Violation, match=clause):
        table.require_free(fid, unless)


@pytest.mark.parametrize(("fid", "unless"), [(6, NOFID), (5, 5), (0, NOFID), (NOFID - 1, 5)])
def test_numbers_that_can_be_made(table: FidTable, fid: int, unless: int) -> None:
    """walk.newfid-unused: free, or the one that may be in use."""
    table.require_free(fid, unless)
    assert 1 == len(table)


def test_bind_and_free(table: FidTable, node: Node) -> None:
    """A number is in the table exactly while the client may use it."""
    found = Fid(node, node, 0)
    table.bind(6, found)
    assert (2, found) == (len(table), table[6])
    assert (found, 1) == (table.free(6), len(table))
    table.clear()
    assert 0 == len(table)


def test_a_clone_is_not_open(table: FidTable, node: Node) -> None:
    """fid.user-inherited, walk.no-names-clones: user and root stay, the state does not."""
    table[5].state = RDWR
    other = at_once(MemoryBackend().attach())
    clone = table[5].clone(other)
    assert (other, node, 1000, BOUND) == (clone.node, clone.root, clone.uid, clone.state)
    assert (None, None, None) == (clone.file, clone.listing, clone.xattr)


async def test_what_lies_in_the_attached_tree(node: Node) -> None:
    """attach.moved-out: the root and what is below it, not what is beside or above."""
    root = await mkdir(node, b"a")
    fid = Fid(root, root, 1000)
    below, beside = await mkdir(root, b"b", b"c"), await mkdir(node, b"d")
    assert [True, True, False, False] == [fid.holds(n) for n in (root, below, beside, node)]


async def test_where_a_change_may_begin(node: Node) -> None:
    """attach.moved-out: at the root and below it; elsewhere it is ENOENT."""
    root = await mkdir(node, b"a")
    fid = Fid(root, root, 1000)
    assert fid is fid.held()
    with pytest.raises(Violation, match=r"attach\.moved-out"):
        fid.clone(node).held()
