"""What the model of a server remembers: files, their names, the fids of clients."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import (
    EBADF,
    EINVAL,
    ENAMETOOLONG,
    ENOENT,
)
from typing import Any

from ninep import messages as m
from ninep.constants import (
    NAME_MAX,
    NOFID,
    QidType,
    SetattrValid,
)
from ninep.errors import CLAUSES, NUMBERS
from ninep.fids import EXCEPTIONS, LEGAL, REFUSAL, State
from ninep.messages import Message

DIR, LINK, REGULAR = stat.S_IFDIR, stat.S_IFLNK, stat.S_IFREG
MADE = {REGULAR, stat.S_IFIFO, stat.S_IFSOCK}
DEVICES = {stat.S_IFCHR, stat.S_IFBLK}
QID_TYPES = {DIR: QidType.DIR, LINK: QidType.SYMLINK}
DIRENT = 24
"""Bytes of an entry of a listing beside its name."""
DOTS = (b".", b"..")
BOUNDS = (*range(20), (1 << 64) - 1, 1 << 64)
"""Where the pieces begin that locks are kept by: single bytes, a long one, the last byte."""
PIECES = range(len(BOUNDS) - 1)
V = SetattrValid
ANY: Any = type(
    "Any", (), {"__eq__": lambda *_: True, "__hash__": None, "__repr__": lambda _: "?"}
)()
"""Is equal to everything."""


class Refused(Exception):  # noqa: N818  what happened
    """The request must be answered with one of these errors."""

    def __init__(self, *numbers: int) -> None:
        """Take the numbers."""
        super().__init__(*numbers)
        self.numbers = numbers


def refuse_if(wrong: object, *numbers: int) -> None:
    """Refuse, if something is wrong."""
    if wrong:
        raise Refused(*numbers)


@dataclass(eq=False)
class File:
    """A file of any kind."""

    kind: int
    mode: int
    gid: int
    content: bytearray = field(default_factory=bytearray)
    """What a regular file holds, the text of a symbolic link."""
    entries: dict[bytes, Name] = field(default_factory=dict)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    links: int = 0
    """Names that it has."""
    place: Name | None = None
    """The last name that it got: the only one that a directory has."""
    path: int | None = None
    """`Qid.path`, once it has been seen."""
    versions: dict[int, object] = field(default_factory=dict)
    """What it held when `Qid.version` was that."""
    atime: int | None = None
    mtime: int | None = None
    """Nanoseconds, where a client has set them and nothing has changed them."""
    locks: dict[tuple[Owner, int], tuple[int, Handle]] = field(default_factory=dict)
    """By owner and piece: the type, and the fid it was set through."""

    def __repr__(self) -> str:
        """Say what can be told apart."""
        return f"<{stat.filemode(self.kind | self.mode)} {self.place and self.place.name!r}>"

    @property
    def nlink(self) -> int:
        """Names, and what leads back from below."""
        if self.kind != DIR or not self.links:
            return self.links
        return 2 + sum(name.file.kind == DIR for name in self.entries.values())

    @property
    def held(self) -> object:
        """What a change of `Qid.version` has to follow."""
        return hash(bytes(self.content)), tuple(sorted(self.entries))

    def changed(self) -> None:
        """Have another time of change."""
        self.mtime = None

    def resize(self, size: int) -> None:
        """Cut, or extend with zeros."""
        del self.content[size:]
        self.content += bytes(size - len(self.content))
        self.drop_set_id()
        self.changed()

    def drop_set_id(self) -> None:
        """Lose what lets others run it as its owner."""
        if self.kind != DIR and (self.mode & stat.S_ISUID or self.mode & 0o2010 == 0o2010):
            self.mode &= ~(stat.S_ISUID | stat.S_ISGID)


@dataclass(eq=False)
class Name:
    """A name of a file, for as long as it is not removed; what a fid stands for."""

    dir: File
    name: bytes
    file: File

    @property
    def means(self) -> bool:
        """Tell whether the file still has this name, or has it again."""
        found = self.dir.entries.get(self.name)
        return found is not None and found.file is self.file


Owner = tuple[int, bytes, int]
"""Client, client_id, proc_id."""


@dataclass
class Scan:
    """How far a listing has come since it was begun."""

    due: dict[bytes, File]
    """What has been there all the time: it must come."""
    may: set[bytes] = field(default_factory=set)
    """What came or went: it may."""
    seen: list[tuple[int, bytes]] = field(default_factory=list)
    """Cookie and name of what has come, in order."""


@dataclass(eq=False)
class Handle:
    """What a fid stands for."""

    name: Name
    root: File
    state: State = State.BOUND
    append: bool = False
    scan: Scan | None = None
    attribute: bytes = b""
    value: bytes = b""
    size: int = 0
    flags: int = 0

    @property
    def file(self) -> File:
        """The file."""
        return self.name.file

    @property
    def inside(self) -> bool:
        """Tell whether the file lies in the tree that was attached."""
        name = self.name
        while name.file is not self.root:
            if name.dir is name.file:
                return False
            assert name.dir.place
            name = name.dir.place
        return True


@dataclass
class Client:
    """One connection."""

    number: int
    fids: dict[int, Handle] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Bytes of all values of attributes."""
        return sum(handle.size for handle in self.fids.values())

    def legal(self, fid: int, what: str) -> Handle:
        """Return what a fid stands for."""
        refuse_if(fid not in self.fids, EBADF)
        handle = self.fids[fid]
        if handle.state not in LEGAL[what]:
            clause = EXCEPTIONS.get((what, handle.state), REFUSAL[what])
            raise Refused(NUMBERS[CLAUSES[clause].errno or ""])
        return handle

    def held(self, fid: int, what: str) -> Handle:
        """Return what a fid stands for, if something may be changed through it."""
        handle = self.legal(fid, what)
        refuse_if(not handle.inside, ENOENT)
        return handle

    def require_free(self, fid: int) -> None:
        """Refuse what cannot become a fid."""
        refuse_if(fid == NOFID or fid in self.fids, EBADF)


def checked(name: bytes, dots: int) -> bytes:
    """Return what can be a name; `.` and `..` are told as `dots`."""
    refuse_if(not name or b"/" in name or b"\0" in name, EINVAL)
    refuse_if(len(name) > NAME_MAX, ENAMETOOLONG)
    refuse_if(name in DOTS, dots)
    return name


@dataclass
class Habits:
    """What file systems do differently."""

    gid: int
    """Group of a file whose maker names none."""
    counted: bool = True
    """Whether the nlink of a directory counts those below."""
    attributes: frozenset[int] | None = None
    """Kinds of files that can have attributes; None: all."""


Judge = Callable[[Message], None]
"""Asserts that a reply is right."""


def qid(file: File) -> Any:
    """Return what stands for the qid of a file: `Model.judge` compares the one that came."""
    return file


def described(locks: dict[Any, tuple[int, Handle]], owner: Owner, piece: int) -> m.Rgetlock:
    """Return the lock that a piece belongs to: all around it that differs in nothing."""
    kind, handle = locks[owner, piece]
    first = last = piece
    while locks.get((owner, first - 1)) == (kind, handle):
        first -= 1
    while locks.get((owner, last + 1)) == (kind, handle):
        last += 1
    start, end = BOUNDS[first], BOUNDS[last + 1]
    length = 0 if end == 1 << 64 else end - start
    return m.Rgetlock(kind, start, length, owner[2], owner[1])


def dirents(data: m.Buffer) -> list[m.Dirent]:
    """Take a listing apart: qid[13] offset[8] type[1] name[s]."""
    found, data = [], bytes(data)
    while data:
        name = data[DIRENT : DIRENT + int.from_bytes(data[22:24], "little")]
        version, path, offset = (
            int.from_bytes(data[a:b], "little") for a, b in ((1, 5), (5, 13), (13, 21))
        )
        found.append(m.Dirent(m.Qid(data[0], version, path), offset, data[21], name))
        data = data[DIRENT + len(name) :]
    return found
