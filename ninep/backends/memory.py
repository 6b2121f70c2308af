"""A file tree in memory: for tests, and for trying things out.

It behaves as a local file system that asks for no permissions: owners and modes are kept, not
enforced.  Reading leaves access times alone.  Inode numbers are never reused.  Holes count as
content, but take memory only once they are written.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from ninep.backend import Node
from ninep.backends._memory_inode import INODE_COST, NOBODY, Inode, MemoryFile, Space
from ninep.backends._shared import (
    ACCESS,
    DEVICES,
    DIR,
    LINK,
    MASK64,
    MODE_BITS,
    NANOSECONDS,
    REGULAR,
    ROOT_NAME,
    TRUNC,
    NamedNode,
    check_name,
    check_openable,
    device_word,
    error,
    node_type,
    signed,
)
from ninep.constants import (
    NAME_MAX,
    NONUNAME,
    V9FS_MAGIC,
    XATTR_SIZE_MAX,
    GetattrMask,
    LopenFlag,
    SetattrValid,
    XattrFlag,
)
from ninep.messages import Qid, Rgetattr, Rstatfs, Tsetattr

LIMIT = 1 << 30
"""Bytes that a tree may take, holes included, unless told otherwise."""
LINK_MAX = 65000
PATH_MAX = 4096
BLOCK, SECTOR = 4096, 512
BASIC = int(GetattrMask.BASIC)
EXCL = int(LopenFlag.EXCL)
MODE, UID, GID = int(SetattrValid.MODE), int(SetattrValid.UID), int(SetattrValid.GID)
SIZE, ATIME, MTIME = int(SetattrValid.SIZE), int(SetattrValid.ATIME), int(SetattrValid.MTIME)
ATIME_SET, MTIME_SET = int(SetattrValid.ATIME_SET), int(SetattrValid.MTIME_SET)
XATTR_CREATE, XATTR_REPLACE = int(XattrFlag.CREATE), int(XattrFlag.REPLACE)


class MemoryBackend:
    """A tree that lives as long as this object."""

    def __init__(self, limit: int = LIMIT, clock: Callable[[], int] = time.time_ns) -> None:
        """Make an empty tree for `limit` bytes; `clock` tells nanoseconds since 1970."""
        self.space = Space(limit, clock)
        self._root = Inode(self.space, DIR | 0o755, NOBODY, NOBODY)
        self._root.nlink = 2
        self._nodes: WeakValueDictionary[bytes, MemoryNode] = WeakValueDictionary()

    async def attach(self, uid: int = NONUNAME) -> MemoryNode:  # noqa: ARG002  it is the same for all
        """Return the root directory, the same node for all."""
        node = self._nodes.get(ROOT_NAME)
        if node is None:
            node = self._nodes[ROOT_NAME] = MemoryNode(self, self._root, None, ROOT_NAME)
        return node


class MemoryNode(NamedNode):
    """One inode, reached under one name."""

    __slots__ = ("inode", "tree")

    def __init__(
        self, tree: MemoryBackend, inode: Inode, parent: MemoryNode | None, name: bytes
    ) -> None:
        """Make a node for `inode`."""
        super().__init__(parent, name)
        self.tree = tree
        self.inode = inode

    @property
    def identity(self) -> Inode:
        """The file itself."""
        return self.inode

    @property
    def qid(self) -> Qid:
        """The identity of the file now."""
        return self.inode.qid

    async def walk(self, name: bytes) -> MemoryNode:
        """Return the node called `name`: the known one if the name still means it."""
        inode = self._entry(name)
        child = self.known(name)
        if child is None or child.inode is not inode:
            child = self.adopt(name, MemoryNode(self.tree, inode, self, name))
        return child

    def _entries(self, name: bytes) -> dict[bytes, Inode]:
        """Return the entries of this directory, where `name` may be looked for."""
        if self.inode.kind != DIR:
            raise error(errno.ENOTDIR)
        check_name(name)
        if len(name) > NAME_MAX:
            raise error(errno.ENAMETOOLONG)
        return self.inode.entries

    def _entry(self, name: bytes) -> Inode:
        found = self._entries(name).get(name)
        if found is None:
            raise error(errno.ENOENT, name)
        return found

    def _only(self, name: bytes, only: Node | None) -> Inode:
        """Return what `name` means, if it is `only`; the root has no name to take away."""
        if only is not None and only.parent is only:
            raise error(errno.EBUSY)
        inode = self._entry(name)
        if only is not None and self._same_tree(only).inode is not inode:
            raise error(errno.ENOENT, name)
        return inode

    def _same_tree(self, node: Node) -> MemoryNode:
        if isinstance(node, MemoryNode) and node.tree is self.tree:
            return node
        raise error(errno.EXDEV)

    async def getattr(self, request_mask: int) -> Rgetattr:
        """Return the basic attributes."""
        inode = self.inode
        return Rgetattr(
            request_mask & BASIC,
            inode.qid,
            inode.mode,
            inode.uid,
            inode.gid,
            inode.nlink,
            inode.rdev,
            inode.content.size,
            BLOCK,
            -(-inode.content.size // SECTOR),
            inode.atime // NANOSECONDS & MASK64,
            inode.atime % NANOSECONDS,
            inode.mtime // NANOSECONDS & MASK64,
            inode.mtime % NANOSECONDS,
            inode.ctime // NANOSECONDS & MASK64,
            inode.ctime % NANOSECONDS,
            0,
            0,
            0,
            0,
        )

    async def setattr(self, t: Tsetattr) -> None:
        """Change owner, mode, size, times; all but the room for the size is checked first."""
        inode, valid = self.inode, t.valid
        self._check_setattr(t)
        if valid & UID:
            inode.uid = t.uid
        if valid & GID:
            inode.gid = t.gid
        if valid & (UID | GID):
            inode.drop_set_id()
        if valid & MODE:
            inode.mode = inode.kind | t.mode & MODE_BITS
        if valid & SIZE:
            inode.resize(t.size)
            inode.drop_set_id()
        if valid & (UID | GID | MODE | SIZE | ATIME | MTIME):
            inode.changed(content=bool(valid & SIZE))
        if valid & ATIME:
            inode.atime = timestamp(t.atime_sec, t.atime_nsec) if valid & ATIME_SET else inode.ctime
        if valid & MTIME:
            inode.mtime = timestamp(t.mtime_sec, t.mtime_nsec) if valid & MTIME_SET else inode.ctime

    def _check_setattr(self, t: Tsetattr) -> None:
        kind = self.inode.kind
        if NONUNAME in {t.valid & UID and t.uid, t.valid & GID and t.gid}:
            raise error(errno.EINVAL)
        if t.valid & MODE and kind == LINK:
            raise error(errno.EOPNOTSUPP)
        if t.valid & SIZE and kind != REGULAR:
            raise error(errno.EISDIR if kind == DIR else errno.EINVAL)

    async def statfs(self) -> Rstatfs:
        """Return what is taken and free of the tree's bytes."""
        space = self.tree.space
        free = space.limit - space.used
        return Rstatfs(
            V9FS_MAGIC,
            BLOCK,
            space.limit // BLOCK,
            free // BLOCK,
            free // BLOCK,
            space.limit // INODE_COST,
            free // INODE_COST,
            0,
            NAME_MAX,
        )

    async def open(self, flags: int) -> MemoryFile:
        """Open the file that this node holds."""
        inode = self.inode
        check_openable(inode.kind, flags)
        if flags & ACCESS == ACCESS:
            raise error(errno.EINVAL)
        if not inode.nlink:
            raise error(errno.ENOENT)
        if flags & TRUNC:
            inode.resize(0)
            inode.drop_set_id()
            inode.changed(content=True)
        return MemoryFile(inode, flags)

    async def create(
        self, name: bytes, flags: int, mode: int, gid: int, uid: int
    ) -> tuple[MemoryNode, MemoryFile]:
        """Create a regular file and open it; without EXCL, open what is there."""
        if flags & EXCL or name not in self._entries(name):
            self._make(name, REGULAR | mode, gid, uid)
            flags &= ~TRUNC  # else a new file would lose its set-id bits
        node = await self.walk(name)
        return node, await node.open(flags)

    async def mkdir(self, name: bytes, mode: int, gid: int, uid: int) -> MemoryNode:
        """Create a directory."""
        self._make(name, DIR | mode, gid, uid)
        return await self.walk(name)

    async def symlink(self, name: bytes, target: bytes, gid: int, uid: int) -> MemoryNode:
        """Create a symbolic link."""
        if not target:
            raise error(errno.ENOENT)
        if b"\0" in target:
            raise error(errno.EINVAL)
        if len(target) >= PATH_MAX:
            raise error(errno.ENAMETOOLONG)
        self._make(name, LINK | 0o777, gid, uid, text=target)
        return await self.walk(name)

    async def mknod(
        self, name: bytes, mode: int, major: int, minor: int, gid: int, uid: int
    ) -> MemoryNode:
        """Create a regular file, or a record of a FIFO, socket or device."""
        kind = node_type(mode, major, minor)
        inode = self._make(name, kind | mode & MODE_BITS, gid, uid)
        inode.rdev = device_word(major, minor) if kind in DEVICES else 0
        return await self.walk(name)

    def _make(self, name: bytes, mode: int, gid: int, uid: int, text: bytes = b"") -> Inode:
        self._check_free(name)
        inode = Inode(self.tree.space, mode, uid, gid)
        inode.resize(len(text))
        inode.content.write(0, text)
        self.inode.enter(name, inode)
        return inode

    def _check_free(self, name: bytes) -> None:
        if name in self._entries(name):
            raise error(errno.EEXIST, name)
        if not self.inode.nlink:
            raise error(errno.ENOENT)

    async def readlink(self) -> bytes:
        """Return the text of this symbolic link."""
        if self.inode.kind != LINK:
            raise error(errno.EINVAL)
        return bytes(self.inode.content.read(0, PATH_MAX))

    async def link(self, name: bytes, target: Node) -> None:
        """Make a further name for the inode of `target`."""
        inode = self._same_tree(target).inode
        self._check_free(name)
        if inode.kind == DIR:
            raise error(errno.EPERM)
        if not inode.nlink:
            raise error(errno.ENOENT)
        if inode.nlink >= LINK_MAX:
            raise error(errno.EMLINK)
        self.inode.enter(name, inode)

    async def unlink(self, name: bytes, directory: bool, only: Node | None = None) -> None:  # noqa: FBT001  the Protocol's signature
        """Remove a name; the inode lives on while a node or a file holds it."""
        inode = self._only(name, only)
        if directory != (inode.kind == DIR):
            raise error(errno.ENOTDIR if directory else errno.EISDIR)
        if inode.entries:
            raise error(errno.ENOTEMPTY)
        self.inode.leave(name)
        self.forget(name)

    async def rename(
        self,
        name: bytes,
        newdir: Node,
        newname: bytes,
        only: Node | None = None,
        *,
        replace: bool = True,
    ) -> None:
        """Rename; nodes follow unless both names are links to one file, then nothing happens."""
        target = self._same_tree(newdir)
        inode = self._only(name, only)
        victim = target._entries(newname).get(newname)
        if victim is not None and not replace:
            raise error(errno.EEXIST, newname)
        if victim is inode:
            return
        target._check_move(inode, victim)
        self.inode.leave(name)
        if victim is not None:
            target.inode.leave(newname)
        target.inode.enter(newname, inode)
        self.moved(name, target, newname)

    def _check_move(self, inode: Inode, victim: Inode | None) -> None:
        """Refuse what rename(2) refuses when `inode` comes here in the place of `victim`."""
        if not self.inode.nlink:
            raise error(errno.ENOENT)
        node = self
        while node.inode is not inode and node.parent is not node:
            node = node.parent
        if node.inode is inode:
            raise error(errno.EINVAL)
        if victim is not None and (victim.kind == DIR) != (inode.kind == DIR):
            raise error(errno.EISDIR if victim.kind == DIR else errno.ENOTDIR)
        if victim is not None and victim.entries:
            raise error(errno.ENOTEMPTY)

    async def getxattr(self, name: bytes) -> bytes:
        """Return the value of an extended attribute."""
        try:
            return self.inode.xattrs[name]
        except KeyError:
            raise error(errno.ENODATA) from None

    async def listxattr(self) -> bytes:
        """Return the names, each followed by a NUL byte."""
        return b"".join(name + b"\0" for name in self.inode.xattrs)

    async def setxattr(self, name: bytes, value: bytes, flags: int) -> None:
        """Set an extended attribute; any name will do."""
        xattrs = self.inode.xattrs
        if not name or len(name) > NAME_MAX:
            raise error(errno.ERANGE)
        if b"\0" in name or flags not in {0, XATTR_CREATE, XATTR_REPLACE}:
            raise error(errno.EINVAL)
        if len(value) > XATTR_SIZE_MAX:
            raise error(errno.E2BIG)
        if flags == XATTR_CREATE and name in xattrs:
            raise error(errno.EEXIST)
        if flags == XATTR_REPLACE and name not in xattrs:
            raise error(errno.ENODATA)
        old = len(name) + len(xattrs[name]) if name in xattrs else 0
        self.inode.charge(len(name) + len(value) - old)
        xattrs[name] = bytes(value)
        self.inode.changed()

    async def removexattr(self, name: bytes) -> None:
        """Remove an extended attribute."""
        value = await self.getxattr(name)
        self.inode.charge(-len(name) - len(value))
        del self.inode.xattrs[name]
        self.inode.changed()


def timestamp(sec: int, nsec: int) -> int:
    """Return a time of the wire in nanoseconds since 1970."""
    return signed(sec) * NANOSECONDS + nsec
