"""What all file trees have in common: nodes that are known by name, and what must be refused.

Invariant: while a node is alive and its directory knows it by name, asking for that name again
gives the same node.  Children hold their parents, parents know their children weakly; so a node
lives as long as a fid, or a node below it, needs it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Hashable
from typing import Self
from weakref import WeakValueDictionary, ref

from ninep.backend import Node
from ninep.constants import LopenFlag, StMode
from ninep.messages import Qid
from ninep.perm import set_ids

ROOT_NAME = b"/"
SIZE_END = 1 << 63
"""No file is as large."""
MAJOR_END, MINOR_END = 1 << 12, 1 << 20
"""Device numbers that Linux has."""
MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
NANOSECONDS = 10**9

FORMAT, REGULAR = int(StMode.IFMT), int(StMode.IFREG)
DIR, LINK = int(StMode.IFDIR), int(StMode.IFLNK)
DEVICES = frozenset({int(StMode.IFCHR), int(StMode.IFBLK)})
SPECIALS = DEVICES | {int(StMode.IFIFO), int(StMode.IFSOCK)}
PERMISSIONS, MODE_BITS = 0o777, 0o7777
SET_ID = int(StMode.ISUID | StMode.ISGID)

ACCESS = 3
"""The bits of `LopenFlag` that say read, write or both."""
TRUNC, ONLY_DIR = int(LopenFlag.TRUNC), int(LopenFlag.DIRECTORY)


def error(number: int, name: bytes = b"") -> OSError:
    """Return the `OSError` for an errno, as the operating system would raise it."""
    return OSError(number, os.strerror(number), name or None)


def check_name(name: bytes) -> None:
    """Refuse what is a path and no name: `dir_fd` does not hold back an absolute path.

    Errors: EINVAL
    """
    if not name or b"/" in name or b"\0" in name or name in {b".", b".."}:
        raise error(errno.EINVAL, name)


def check_openable(kind: int, flags: int) -> None:
    """Refuse to open what only the client can, and a directory for writing.

    Opening a special file may block for ever or start a device.

    Errors: ELOOP, ENOTDIR, EISDIR, EOPNOTSUPP
    """
    if kind == LINK:
        raise error(errno.ELOOP)
    if kind == DIR:
        if flags & (ACCESS | TRUNC):
            raise error(errno.EISDIR)
    elif flags & ONLY_DIR:
        raise error(errno.ENOTDIR)
    elif kind != REGULAR:
        raise error(errno.EOPNOTSUPP)


def is_set_id(mode: int) -> bool:
    """Say whether running a file of this mode changes user or group."""
    return bool(set_ids(mode))


def node_type(mode: int, major: int, minor: int) -> int:
    """Return the type of file that Tmknod asks for.

    Errors: EINVAL (a directory, a symbolic link, no such type or device number)
    """
    kind = mode & FORMAT or REGULAR
    if kind != REGULAR and kind not in SPECIALS:
        raise error(errno.EINVAL)
    if kind in DEVICES and (major >= MAJOR_END or minor >= MINOR_END):
        raise error(errno.EINVAL)
    return kind


def device_word(major: int, minor: int) -> int:
    """Return device numbers as the Linux client takes them apart."""
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12


def signed(word: int) -> int:
    """Return the number that a 64-bit word of the wire stands for."""
    return (word ^ SIZE_END) - SIZE_END


class NamedNode:
    """A node as others reach it: its name, its parent and the known nodes below it."""

    __slots__ = ("__weakref__", "_children", "_parent", "name")

    readonly = False

    def __init__(self, parent: Self | None, name: bytes) -> None:
        """Make a node under `name`; without a parent it is a root."""
        self._parent = parent
        self.name = name
        self._children: WeakValueDictionary[bytes, Self] | None = None

    @property
    def parent(self) -> Self:
        """The directory that holds it; the root is its own parent."""
        return self if self._parent is None else self._parent

    def known(self, name: bytes) -> Self | None:
        """Return the live node last seen under `name`."""
        return None if self._children is None else self._children.get(name)

    def children(self) -> list[ref[Self]]:
        """Return the nodes last seen in this directory."""
        return [] if self._children is None else list(self._children.valuerefs())

    def adopt(self, name: bytes, child: Self) -> Self:
        """Know `child` as `name` from now on."""
        if self._children is None:
            self._children = WeakValueDictionary()
        child._parent = self
        child.name = name
        self._children[name] = child
        return child

    def forget(self, name: bytes) -> Self | None:
        """Stop knowing a node as `name`; return it."""
        return None if self._children is None else self._children.pop(name, None)

    def moved(self, name: bytes, newdir: Self, newname: bytes) -> None:
        """Let the node follow that was renamed, and with it all nodes below."""
        child = self.forget(name)
        if child is None:
            newdir.forget(newname)
        else:
            newdir.adopt(newname, child)


class Behind:
    """A node that stands for another one, and is known as that is."""

    __slots__ = ("__weakref__",)

    _inner: Node

    @property
    def tree(self) -> object:
        """The tree of the node behind."""
        return self._inner.tree

    @property
    def identity(self) -> Hashable:
        """The identity of the file behind."""
        return self._inner.identity

    @property
    def qid(self) -> Qid:
        """The identity of the node behind."""
        return self._inner.qid

    @property
    def name(self) -> bytes:
        """The name of the node behind."""
        return self._inner.name
