"""The same wish in each dialect: open, create, make a directory, ask for attributes.

Cases about what all dialects share use these words; cases about one message build that message.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Any, Protocol

from ninep import messages as m
from ninep.constants import (
    NONUNAME,
    GetattrMask,
    LopenFlag,
    OpenMode,
    Perm,
    QidType,
    SetattrValid,
    StMode,
)
from ninep.messages import Message, Qid, Stat, TMessage

ACCESS = {"r": 0, "w": 1, "rw": 2}
MODE = 0o644
"""Permissions of a special file."""
KINDS = {
    int(StMode.IFIFO): (Perm.NAMEDPIPE, b""),
    int(StMode.IFSOCK): (Perm.SOCKET, b""),
    int(StMode.IFCHR): (Perm.DEVICE, b"c"),
    int(StMode.IFBLK): (Perm.DEVICE, b"b"),
}
ONES32, ONES64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
UNTOUCHED = Stat(
    0xFFFF, ONES32, Qid(0xFF, ONES32, ONES64), ONES32, ONES32, ONES32, ONES64,
    b"", b"", b"", b"", b"", NONUNAME, NONUNAME, NONUNAME,
)  # fmt: skip
"""A stat record that changes nothing."""


def wstat(fid: int, **fields: Any) -> m.Twstat:
    """Return the request that changes some fields of a stat record."""
    return m.Twstat(fid, UNTOUCHED._replace(**fields))


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
    uid: int
    """Number of the owner; NONUNAME where the dialect gives none."""


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
    directory: int
    """The bit of a mode that says so."""

    def stat(self, fid: int) -> TMessage:
        """Ask for attributes."""
        ...

    def attributes(self, r: Message) -> Attributes:
        """Read the reply to `stat`."""
        ...

    def chmod(self, fid: int, mode: int) -> TMessage:
        """Set the mode; that of a directory has the bit `directory`."""
        ...

    def symlink(self, fid: int, name: bytes, target: bytes) -> TMessage:
        """Make a symbolic link in the directory of `fid`, which may become it."""
        ...

    def mknod(
        self, fid: int, name: bytes, kind: int, numbers: tuple[int, int] = (0, 0)
    ) -> TMessage:
        """Make a special file of an S_IFMT in the directory of `fid`, which may become it."""
        ...

    def link(self, fid: int, name: bytes, target: int) -> TMessage:
        """Give the file of the fid `target` a further name there; `fid` may become it."""
        ...


class Linux:
    """9P2000.L"""

    mkdir_moves = False
    directory = int(StMode.IFDIR)

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
        return Attributes(r.qid, stat.S_IMODE(r.mode), r.size, r.mtime_sec, directory, r.uid)

    def chmod(self, fid: int, mode: int) -> TMessage:
        """Set permissions."""
        return m.Tsetattr(fid, SetattrValid.MODE, mode, 0, 0, 0, 0, 0, 0, 0)

    def symlink(self, fid: int, name: bytes, target: bytes) -> TMessage:
        """Make a symbolic link in the directory of `fid`."""
        return m.Tsymlink(fid, name, target, NONUNAME)

    def mknod(
        self, fid: int, name: bytes, kind: int, numbers: tuple[int, int] = (0, 0)
    ) -> TMessage:
        """Make a special file of an S_IFMT in the directory of `fid`."""
        return m.Tmknod(fid, name, kind | MODE, *numbers, NONUNAME)

    def link(self, fid: int, name: bytes, target: int) -> TMessage:
        """Give the file of the fid `target` a further name there."""
        return m.Tlink(fid, target, name)


class Plan9:
    """9P2000 and 9P2000.u"""

    mkdir_moves = True
    directory = int(Perm.DIR)

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
        return Attributes(s.qid, stat.S_IMODE(s.mode), s.length, s.mtime, directory, s.n_uid)

    def chmod(self, fid: int, mode: int) -> TMessage:
        """Set the mode, `directory` included."""
        return wstat(fid, mode=mode)

    def symlink(self, fid: int, name: bytes, target: bytes) -> TMessage:
        """Make a symbolic link in the directory of `fid`, which becomes it."""
        return m.Tcreate(fid, name, Perm.SYMLINK | 0o777, 0, target)

    def mknod(
        self, fid: int, name: bytes, kind: int, numbers: tuple[int, int] = (0, 0)
    ) -> TMessage:
        """Make a special file of an S_IFMT in the directory of `fid`, which becomes it."""
        bit, letter = KINDS[kind]
        extension = b"%s %d %d" % (letter, *numbers) if letter else b""
        return m.Tcreate(fid, name, bit | MODE, 0, extension)

    def link(self, fid: int, name: bytes, target: int) -> TMessage:
        """Give the file of the fid `target` a further name there; `fid` becomes it."""
        return m.Tcreate(fid, name, Perm.LINK, 0, b"%d" % target)


SPEECH: dict[str, Speech] = {"9P2000": Plan9(), "9P2000.u": Plan9(), "9P2000.L": Linux()}
