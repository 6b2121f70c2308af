"""The inodes of a tree in memory, and the open ones.

Invariant: everything stored is counted in `Space`, so no client can take more memory than it has.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from itertools import count

from ninep.backends._memory_content import Content
from ninep.backends._shared import (
    ACCESS,
    DIR,
    FORMAT,
    LINK,
    MASK32,
    REGULAR,
    SET_ID,
    error,
    is_set_id,
)
from ninep.constants import NONUNAME, LopenFlag, QidType
from ninep.messages import Qid

INODE_COST, ENTRY_COST = 1024, 256
"""Bytes counted for an inode and for a name, besides what they hold."""
NOBODY = 0
"""Owner and group where none is given."""
APPEND = int(LopenFlag.APPEND)
RDONLY, WRONLY = int(LopenFlag.RDONLY), int(LopenFlag.WRONLY)
QID_TYPES = {DIR: int(QidType.DIR), LINK: int(QidType.SYMLINK)}
FILE_TYPE = int(QidType.FILE)


class Space:
    """What the inodes of a tree share: bytes to take, numbers to have, the time."""

    def __init__(self, limit: int, clock: Callable[[], int]) -> None:
        """Have `limit` bytes, all free; `clock` tells nanoseconds since 1970."""
        self.limit = limit
        self.used = 0
        self.clock = clock
        self.numbers = count(1)

    def take(self, size: int) -> None:
        """Take `size` bytes, or give back if that is negative."""
        if size > 0 and self.used + size > self.limit:
            raise error(errno.ENOSPC)
        self.used += size


class Inode:
    """One file, whatever names it has."""

    def __init__(self, space: Space, mode: int, uid: int, gid: int) -> None:
        """Make a file of the type in `mode`, without a name."""
        self.cost = 0
        self.space = space
        self.charge(INODE_COST)
        self.number = next(space.numbers)
        self.version = 1
        self.mode = mode
        self.uid = NOBODY if uid == NONUNAME else uid
        self.gid = NOBODY if gid == NONUNAME else gid
        self.nlink = 0
        self.rdev = 0
        self.content = Content()
        """What a regular file holds, the text of a symbolic link."""
        self.entries: dict[bytes, Inode] = {}
        self.xattrs: dict[bytes, bytes] = {}
        self.atime = self.mtime = self.ctime = self.space.clock()

    def __del__(self) -> None:
        """Give back what was taken."""
        self.space.take(-self.cost)

    @property
    def kind(self) -> int:
        """The bits of the mode that say the type of the file."""
        return self.mode & FORMAT

    @property
    def qid(self) -> Qid:
        """The identity of the file now."""
        return Qid(QID_TYPES.get(self.kind, FILE_TYPE), self.version, self.number)

    def charge(self, size: int) -> None:
        """Account for `size` more bytes."""
        self.space.take(size)
        self.cost += size

    def changed(self, *, content: bool = False) -> None:
        """Note a change of the attributes, or of the content too."""
        self.version = self.version + 1 & MASK32 or 1
        self.ctime = self.space.clock()
        if content:
            self.mtime = self.ctime

    def drop_set_id(self) -> None:
        """Take away what lets others run the file as its owner: it is another's, or changed."""
        if self.kind == REGULAR and is_set_id(self.mode):
            self.mode &= ~SET_ID

    def resize(self, size: int) -> None:
        """Cut the content or extend it with zeros, which count though they take no memory yet."""
        if size > self.space.limit:
            raise error(errno.EFBIG)
        self.charge(size - self.content.size)
        self.content.resize(size)

    def enter(self, name: bytes, inode: Inode) -> None:
        """Give `inode` a name in this directory."""
        self.charge(ENTRY_COST)
        self.entries[name] = inode
        inode.nlink += 2 if inode.kind == DIR else 1
        self.nlink += inode.kind == DIR
        inode.changed()
        self.changed(content=True)

    def leave(self, name: bytes) -> None:
        """Take away a name of this directory."""
        inode = self.entries.pop(name)
        self.charge(-ENTRY_COST)
        inode.nlink -= 2 if inode.kind == DIR else 1
        self.nlink -= inode.kind == DIR
        inode.changed()
        self.changed(content=True)


class MemoryFile:
    """What an open fid reads and writes."""

    def __init__(self, inode: Inode, flags: int) -> None:
        """Open `inode`."""
        self._inode = inode
        self._readable = flags & ACCESS != WRONLY
        self._writable = flags & ACCESS != RDONLY
        self._append = bool(flags & APPEND)

    async def read(self, offset: int, count: int) -> bytearray:
        """Return a copy of what is there."""
        if not self._readable:
            raise error(errno.EBADF)
        if self._inode.kind == DIR:
            raise error(errno.EISDIR)
        return self._inode.content.read(offset, count)

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        """Write all of `data`; a hole is filled with zeros."""
        if not self._writable:
            raise error(errno.EBADF)
        inode = self._inode
        start = inode.content.size if self._append else offset
        end = start + len(data)
        if len(data) and end > inode.content.size:
            inode.resize(end)
        inode.content.write(start, data)
        inode.drop_set_id()
        inode.changed(content=True)
        return len(data)

    async def truncate(self, size: int) -> None:
        """Cut or extend to `size` bytes."""
        if not self._writable:
            raise error(errno.EINVAL)
        self._inode.resize(size)
        self._inode.drop_set_id()
        self._inode.changed(content=True)

    async def fsync(self, datasync: bool) -> None:  # noqa: FBT001  the Protocol's signature
        """Return: memory is as stable as it gets."""

    async def clunk(self) -> None:
        """Return: nothing can have been lost."""

    def readdir(self) -> Iterator[tuple[Qid, int, bytes]]:
        """Scan what the directory holds now."""
        if self._inode.kind != DIR:
            raise error(errno.ENOTDIR)
        for name, inode in list(self._inode.entries.items()):
            yield inode.qid, inode.kind >> 12, name  # DirentType has the numbers of the mode
