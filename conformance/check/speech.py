"""The same wish in each dialect: open, create, make a directory, ask for attributes.

Cases about what all dialects share use these words; cases about one message build that message.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Protocol

from ninep import messages as m
from ninep.constants import (
    NONUNAME,
    GetattrMask,
    LopenFlag,
    OpenMode,
    Perm,
    QidType,
    StMode,
)
from ninep.messages import Message, Qid, TMessage

ACCESS = {"r": 0, "w": 1, "rw": 2}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What every dialect tells of a file."""

    qid: Qid
    mode: int
    """Permission bits."""
    size: int
    mtime: int
    """Seconds since 1970."""
    directory: bool


class Speech(Protocol):
    """How a dialect says it."""

    def open(self, fid: int, access: str, *, truncate: bool = False) -> TMessage:
        """Open for "r", "w" or "rw"."""
        ...

    def create(self, fid: int, name: bytes, access: str, perm: int) -> TMessage:
        """Create a file in the directory of `fid`, which becomes the file."""
        ...

    def mkdir(self, fid: int, name: bytes, perm: int) -> TMessage:
        """Make a directory."""
        ...

    mkdir_moves: bool
    """Whether that makes `fid` the new directory, open."""

    def stat(self, fid: int) -> TMessage:
        """Ask for attributes."""
        ...

    def attributes(self, r: Message) -> Attributes:
        """Read the reply to `stat`."""
        ...


class Linux:
    """9P2000.L"""

    mkdir_moves = False

    def open(self, fid: int, access: str, *, truncate: bool = False) -> TMessage:
        """Open for "r", "w" or "rw"."""
        return m.Tlopen(fid, ACCESS[access] | (LopenFlag.TRUNC if truncate else 0))

    def create(self, fid: int, name: bytes, access: str, perm: int) -> TMessage:
        """Create a file in the directory of `fid`, which becomes the file."""
        return m.Tlcreate(fid, name, ACCESS[access], perm, NONUNAME)

    def mkdir(self, fid: int, name: bytes, perm: int) -> TMessage:
        """Make a directory."""
        return m.Tmkdir(fid, name, perm, NONUNAME)

    def stat(self, fid: int) -> TMessage:
        """Ask for attributes."""
        return m.Tgetattr(fid, GetattrMask.BASIC)

    def attributes(self, r: Message) -> Attributes:
        """Read an Rgetattr."""
        assert isinstance(r, m.Rgetattr)
        kind = r.mode & StMode.IFMT
        directory = kind == StMode.IFDIR
        return Attributes(r.qid, stat.S_IMODE(r.mode), r.size, r.mtime_sec, directory)


class Plan9:
    """9P2000 and 9P2000.u"""

    mkdir_moves = True

    def open(self, fid: int, access: str, *, truncate: bool = False) -> TMessage:
        """Open for "r", "w" or "rw"."""
        return m.Topen(fid, ACCESS[access] | (OpenMode.TRUNC if truncate else 0))

    def create(self, fid: int, name: bytes, access: str, perm: int) -> TMessage:
        """Create a file in the directory of `fid`, which becomes the file."""
        return m.Tcreate(fid, name, perm, ACCESS[access])

    def mkdir(self, fid: int, name: bytes, perm: int) -> TMessage:
        """Make a directory; `fid` becomes it, open."""
        return m.Tcreate(fid, name, Perm.DIR | perm, ACCESS["r"])

    def stat(self, fid: int) -> TMessage:
        """Ask for attributes."""
        return m.Tstat(fid)

    def attributes(self, r: Message) -> Attributes:
        """Read an Rstat."""
        assert isinstance(r, m.Rstat)
        s = r.stat
        directory = bool(s.qid.type & QidType.DIR)
        return Attributes(s.qid, stat.S_IMODE(s.mode), s.length, s.mtime, directory)


SPEECH: dict[str, Speech] = {"9P2000": Plan9(), "9P2000.u": Plan9(), "9P2000.L": Linux()}
