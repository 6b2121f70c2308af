"""The fids of a connection: what each stands for and what may be done with it.

Invariant: a number is in the table exactly while the client may use it.  A `Fid` is bound last,
when nothing can fail any more, so a refused request leaves the table as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ninep.backend import File, Node
from ninep.constants import NOFID
from ninep.errors import Violation
from ninep.listing import Listing, Records
from ninep.messages import Buffer


class State(Enum):
    """What a fid stands for."""

    BOUND = auto()
    """a file that is not open"""
    READ = auto()
    WRITE = auto()
    RDWR = auto()
    DIRECTORY = auto()
    """an open directory"""
    RECORDS = auto()
    """an open directory that is read as stat records"""
    XATTR_READ = auto()
    """the value of an extended attribute, or the list of names"""
    XATTR_WRITE = auto()
    """a value that is being sent, and is set at the clunk"""


BOUND, READ, WRITE, RDWR = State.BOUND, State.READ, State.WRITE, State.RDWR
DIRECTORY, RECORDS = State.DIRECTORY, State.RECORDS
XATTR_READ, XATTR_WRITE = State.XATTR_READ, State.XATTR_WRITE
OPEN = frozenset({READ, WRITE, RDWR, DIRECTORY, RECORDS})
A_FILE = OPEN | {BOUND}

BY_ACCESS = (READ, WRITE, RDWR)
"""State after an open, by the access mode in the low two bits of the flags."""

LEGAL: dict[str, frozenset[State]] = {
    "walk": A_FILE,
    "getattr": A_FILE,
    "open": frozenset({BOUND}),
    "create": frozenset({BOUND}),
    "read": frozenset({READ, RDWR, RECORDS, XATTR_READ}),
    "write": frozenset({WRITE, RDWR, XATTR_WRITE}),
    "readdir": frozenset({DIRECTORY}),
    "fsync": OPEN,
    "lock": OPEN,
    "xattrcreate": frozenset({BOUND}),
}
"""What may be done with a fid in which state."""

REFUSAL = {
    "walk": "walk.fid-is-file",
    "getattr": "fid.is-file",
    "open": "open.fid-unopened",
    "create": "create.fid-unopened",
    "read": "read.fid-readable",
    "write": "write.fid-writable",
    "readdir": "readdir.fid-open",
    "fsync": "fsync.fid-open",
    "lock": "lock.fid-open",
    "xattrcreate": "xattr.create-fid-unopened",
}
"""The clause that is broken by doing it in another state,"""

EXCEPTIONS = {
    ("read", DIRECTORY): "read.directory-fid",
    ("write", DIRECTORY): "write.directory-fid",
    ("write", RECORDS): "write.directory-fid",
    ("readdir", READ): "readdir.not-directory",
    ("readdir", WRITE): "readdir.not-directory",
    ("readdir", RDWR): "readdir.not-directory",
}
"""but for these."""


@dataclass(slots=True)
class Xattr:
    """An extended attribute that is read or written through a fid."""

    name: bytes
    value: Buffer
    size: int = 0
    """Bytes that it has, or will have when it is written."""
    flags: int = 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class Fid:
    """What one fid stands for."""

    node: Node
    root: Node
    """Where its attach began: `..` leads no further."""
    uid: int
    """Who attached, by number."""
    state: State = BOUND
    file: File | None = None
    listing: Listing | None = None
    records: Records | None = None
    xattr: Xattr | None = None
    removes: bool = False
    """Whether the file is removed when this fid is clunked."""

    def holds(self, node: Node) -> bool:
        """Say whether `node` lies in the attached tree: through another attach it can be moved out.

        Clauses: attach.moved-out
        """
        while node is not self.root:
            if node is node.parent:
                return False
            node = node.parent
        return True

    def held(self) -> Fid:
        """Return this fid if its file lies in the attached tree: every change asks here first.

        Clauses: attach.moved-out
        """
        if not self.holds(self.node):
            raise Violation("attach.moved-out")
        return self

    def clone(self, node: Node) -> Fid:
        """Return an unopened fid for another node of the same attach."""
        return Fid(node, self.root, self.uid)


class FidTable:
    """The fids of one connection by number."""

    def __init__(self, most: int) -> None:
        """Start with none; there may be so many."""
        self._most = most
        self._fids: dict[int, Fid] = {}
        self.xattrs = 0
        """Bytes of all values that are read or written through a fid."""

    def __len__(self) -> int:
        """Count the fids in use."""
        return len(self._fids)

    def __getitem__(self, fid: int) -> Fid:
        """Return what `fid` stands for.

        Clauses: fid.unknown-fid
        """
        try:
            return self._fids[fid]
        except KeyError:
            raise Violation("fid.unknown-fid", f"fid {fid}") from None

    def legal(self, fid: int, what: str) -> Fid:
        """Return what `fid` stands for if `what` may be done with it now.

        Clauses: fid.unknown-fid, and the one that `REFUSAL` or `EXCEPTIONS` names
        """
        found = self[fid]
        if found.state not in LEGAL[what]:
            clause = EXCEPTIONS.get((what, found.state), REFUSAL[what])
            raise Violation(clause, f"fid {fid} is {found.state.name}")
        return found

    def require_free(self, fid: int, unless: int = NOFID) -> None:
        """Refuse a new fid that is in use or is no fid; `unless` may be in use.

        Clauses: fid.in-use, fid.never-nofid, fid.any-number, fid.count-limit
        """
        if fid == NOFID:
            raise Violation("fid.never-nofid")
        if fid in self._fids and fid != unless:
            raise Violation("fid.in-use", f"fid {fid}")
        if len(self._fids) >= self._most and fid not in self._fids:
            raise Violation("fid.count-limit", f"{self._most} fids")

    def bind(self, fid: int, what: Fid) -> None:
        """Let `fid` stand for `what` from now on."""
        self._fids[fid] = what

    def take(self, xattr: Xattr, most: int) -> Xattr:
        """Count the bytes of an attribute that a fid is to have; they count until that is free.

        Clauses: xattr.pending-limit
        """
        if self.xattrs + xattr.size > most:
            raise Violation("xattr.pending-limit", f"{xattr.size} of {most} bytes")
        self.xattrs += xattr.size
        return xattr

    def free(self, fid: int) -> Fid:
        """Take `fid` out of use; return what it stood for.

        Clauses: fid.unknown-fid
        """
        found = self[fid]
        del self._fids[fid]
        if found.xattr:
            self.xattrs -= found.xattr.size
        return found

    def clear(self) -> list[Fid]:
        """Take all out of use; return those whose files are removed with them."""
        left = [fid for fid in self._fids.values() if fid.removes]
        self._fids.clear()
        self.xattrs = 0
        return left
