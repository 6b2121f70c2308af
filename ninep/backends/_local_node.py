"""A file of the host under one name.

Invariant: a `LocalNode` is one inode.  Its descriptor keeps the inode's number from being reused,
so device and number say whether a name still means that node; `_away.py` has those that have none.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from ninep.backend import Node
from ninep.backends._away import Away
from ninep.backends._linux import (
    KEEP,
    NODE,
    UTIME_NOW,
    Fd,
    chmod,
    chown,
    drop_set_id,
    has_default_acl,
    host_flags,
    magic,
    rename_if_free,
    set_times,
)
from ninep.backends._local_file import LocalFile
from ninep.backends._shared import (
    DEVICES,
    DIR,
    LINK,
    MASK64,
    MODE_BITS,
    NANOSECONDS,
    PERMISSIONS,
    REGULAR,
    SIZE_END,
    TRUNC,
    NamedNode,
    check_name,
    check_openable,
    device_word,
    error,
    is_set_id,
    node_type,
)
from ninep.constants import V9FS_MAGIC, GetattrMask, LopenFlag, SetattrValid, XattrFlag
from ninep.messages import Rgetattr, Rstatfs, Tsetattr

if TYPE_CHECKING:
    from ninep.backends.local import LocalBackend

CREATE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
BLOCK = 4096
SPECIAL_BITS = 0o7000

BASIC = int(GetattrMask.BASIC)
EXCL, WRONLY = int(LopenFlag.EXCL), int(LopenFlag.WRONLY)
MODE, UID, GID = int(SetattrValid.MODE), int(SetattrValid.UID), int(SetattrValid.GID)
SIZE, ATIME, MTIME = int(SetattrValid.SIZE), int(SetattrValid.ATIME), int(SetattrValid.MTIME)
ATIME_SET, MTIME_SET = int(SetattrValid.ATIME_SET), int(SetattrValid.MTIME_SET)
CHANGES = MODE | UID | GID | SIZE | ATIME | MTIME
XATTR_FLAGS = {
    0: 0,
    int(XattrFlag.CREATE): os.XATTR_CREATE,
    int(XattrFlag.REPLACE): os.XATTR_REPLACE,
}


class LocalNode(NamedNode):
    """One inode, held by an `O_PATH` descriptor, or found again, and reached under one name."""

    __slots__ = ("dev", "fd", "ino", "kind", "qid", "tree")

    def __init__(self, tree: LocalBackend, fd: Fd, parent: LocalNode | None, name: bytes) -> None:
        """Make the node of what `fd` holds."""
        super().__init__(parent, name)
        st = os.fstat(fd.number)
        self.tree = tree
        self.fd: Fd | Away = fd
        self.dev = st.st_dev
        self.ino = st.st_ino
        self.kind = stat.S_IFMT(st.st_mode)
        self.qid = tree.qid(st)

    @property
    def identity(self) -> tuple[int, int]:
        """What the host knows the file by: exports of one directory agree on it."""
        return self.dev, self.ino

    def is_inode(self, st: os.stat_result) -> bool:
        """Say whether these are the attributes of this very inode."""
        return st.st_ino == self.ino and st.st_dev == self.dev and self._is_held()

    def hold(self) -> Fd:
        """Return the descriptor, which stays open as long as the caller has it."""
        return self.fd.regain() if isinstance(self.fd, Away) else self.fd

    def _is_held(self) -> bool:
        """Have a descriptor; say whether that could be."""
        try:
            self.hold()
        except OSError:
            return False
        return True

    def _keep(self, name: bytes) -> None:
        """Let the node that is known by a name have a descriptor: it may lose the name."""
        child = self.known(name)
        if child is not None:
            child._is_held()

    def _stat(self, name: bytes) -> os.stat_result:
        return os.stat(name, dir_fd=self.fd.number, follow_symlinks=False)

    def _look_up(self, name: bytes) -> LocalNode:
        fd = self.tree.held(os.open(name, NODE, dir_fd=self.fd.number))
        return self.adopt(name, LocalNode(self.tree, fd, self, name))

    async def walk(self, name: bytes) -> LocalNode:
        """Return the node called `name`: the known one if the name still means it."""
        child = self.known(name)
        if child is None:
            check_name(name)
            return self._look_up(name)
        st = self._stat(name)
        if not child.is_inode(st):
            return self._look_up(name)
        child.qid = self.tree.qid(st)
        return child

    async def getattr(self, request_mask: int) -> Rgetattr:
        """Return the basic attributes; birth time, generation and data version are not kept."""
        st = os.fstat(self.fd.number)
        self.qid = self.tree.qid(st)
        rdev = st.st_rdev
        return Rgetattr(
            request_mask & BASIC,
            self.qid,
            st.st_mode,
            st.st_uid,
            st.st_gid,
            st.st_nlink,
            rdev and device_word(os.major(rdev), os.minor(rdev)),
            st.st_size,
            st.st_blksize or BLOCK,
            st.st_blocks,
            st.st_atime_ns // NANOSECONDS & MASK64,
            st.st_atime_ns % NANOSECONDS,
            st.st_mtime_ns // NANOSECONDS & MASK64,
            st.st_mtime_ns % NANOSECONDS,
            st.st_ctime_ns // NANOSECONDS & MASK64,
            st.st_ctime_ns % NANOSECONDS,
            0,
            0,
            0,
            0,
        )

    async def setattr(self, t: Tsetattr) -> None:
        """Change owner, mode, size, times, in this order; an error leaves the rest undone."""
        valid, number = t.valid, self.fd.number
        if not valid & CHANGES:
            return
        self._check_setattr(t)
        try:
            if valid & (UID | GID):
                chown(number, t.uid if valid & UID else KEEP, t.gid if valid & GID else KEEP)
            if valid & MODE:
                chmod(number, t.mode & MODE_BITS)
            if valid & SIZE:
                self._truncate(t.size)
            if valid & (ATIME | MTIME):
                self._set_times(t)
        finally:
            self.changed()

    def _check_setattr(self, t: Tsetattr) -> None:
        """Refuse what the host would, before anything is changed.

        Clauses: setattr.checked-first, setattr.size-directory
        """
        if t.valid & MODE and self.kind == LINK:
            raise error(errno.EOPNOTSUPP)
        if t.valid & SIZE and self.kind != REGULAR:
            raise error(errno.EISDIR if self.kind == DIR else errno.EINVAL)
        if t.valid & SIZE and t.size >= SIZE_END:
            raise error(errno.EFBIG)

    def drop_set_id(self) -> None:
        """Take away what lets others run the file as its owner or group."""
        drop_set_id(self.fd.number)

    def _truncate(self, size: int) -> None:
        """Cut or extend; who has leased the file is told, and truncate(2) would wait for him."""
        fd = self.tree.held(os.open(magic(self.fd.number), host_flags(WRONLY)))
        if self.tree.privileged:
            self.drop_set_id()
        os.ftruncate(fd.number, size)

    def _set_times(self, t: Tsetattr) -> None:
        atime = (t.atime_sec, t.atime_nsec) if t.valid & ATIME_SET else (0, UTIME_NOW)
        mtime = (t.mtime_sec, t.mtime_nsec) if t.valid & MTIME_SET else (0, UTIME_NOW)
        set_times(
            self.fd.number,
            atime if t.valid & ATIME else None,
            mtime if t.valid & MTIME else None,
        )

    def changed(self) -> None:
        """Note that this file was changed through us; its qid shows it when seen next."""
        self.tree.changed(self.qid.path)

    def _refresh(self) -> None:
        self.qid = self.tree.qid(os.fstat(self.fd.number))

    async def statfs(self) -> Rstatfs:
        """Return the figures of the file system, in units of its fragment size."""
        st = os.fstatvfs(self.fd.number)
        return Rstatfs(
            V9FS_MAGIC,
            st.f_frsize or st.f_bsize or BLOCK,
            st.f_blocks,
            st.f_bfree,
            st.f_bavail,
            st.f_files,
            st.f_ffree,
            st.f_fsid & MASK64,
            st.f_namemax,
        )

    async def open(self, flags: int) -> LocalFile:
        """Open the file that this node holds, whatever its name means by now."""
        host = host_flags(flags)
        check_openable(self.kind, flags)
        st = os.fstat(self.fd.number)
        if not st.st_nlink:
            raise error(errno.ENOENT)
        fd = self.tree.held(self.tree.reopen(self.fd.number, host))
        file = self._file(fd, flags, st.st_mode)
        if flags & TRUNC:
            self.changed()
            self._refresh()
        else:
            self.qid = self.tree.qid(st)
        return file

    def _file(self, fd: Fd, flags: int, mode: int) -> LocalFile:
        """Return the open file; root must drop the bits that Linux would drop for others."""
        set_id = is_set_id(mode)
        if set_id and flags & TRUNC and self.tree.privileged:
            drop_set_id(fd.number)
        return LocalFile(self.tree, fd, self.dev, self.qid.path, set_id=set_id)

    async def create(
        self, name: bytes, flags: int, mode: int, gid: int, uid: int
    ) -> tuple[LocalNode, LocalFile]:
        """Create a regular file and open it; without EXCL, open what is there."""
        check_name(name)
        host = host_flags(flags)
        try:
            number = os.open(name, host | CREATE, mode & PERMISSIONS, dir_fd=self.fd.number)
        except FileExistsError:
            if flags & EXCL:
                raise
            node = await self.walk(name)
            return node, await node.open(flags)
        try:
            made = self._new(name, number)
        except OSError:
            os.close(number)
            raise
        try:
            fd = self.tree.held(number)
        except OSError:
            self._unmake(name, made)
            raise
        node = self._made(name, made, mode, gid, uid)
        return node, LocalFile(self.tree, fd, node.dev, node.qid.path, set_id=is_set_id(mode))

    async def mkdir(self, name: bytes, mode: int, gid: int, uid: int) -> LocalNode:
        """Create a directory; the set-group-id bit that it may inherit is kept."""
        check_name(name)
        os.mkdir(name, mode & PERMISSIONS, dir_fd=self.fd.number)
        return self._made(name, self._new(name, undo=os.rmdir), mode, gid, uid)

    async def symlink(self, name: bytes, target: bytes, gid: int, uid: int) -> LocalNode:
        """Create a symbolic link."""
        check_name(name)
        if b"\0" in target:
            raise error(errno.EINVAL, name)
        os.symlink(target, name, dir_fd=self.fd.number)
        return self._made(name, self._new(name), 0, gid, uid)

    async def mknod(
        self, name: bytes, mode: int, major: int, minor: int, gid: int, uid: int
    ) -> LocalNode:
        """Create a regular file, FIFO or socket; a device if the server's user may."""
        check_name(name)
        kind = node_type(mode, major, minor)
        if kind == REGULAR:
            return (await self.create(name, EXCL, mode & MODE_BITS, gid, uid))[0]
        device = os.makedev(major, minor) if kind in DEVICES else 0
        os.mknod(name, kind | mode & PERMISSIONS, device, dir_fd=self.fd.number)
        return self._made(name, self._new(name), mode & MODE_BITS, gid, uid)

    def _new(
        self, name: bytes, number: int | None = None, undo: Callable[..., None] = os.unlink
    ) -> os.stat_result:
        """Return the attributes of a file just made; if they cannot be had, leave none behind."""
        try:
            return self._stat(name) if number is None else os.fstat(number)
        except FileNotFoundError:  # another process was quicker
            raise
        except OSError:
            undo(name, dir_fd=self.fd.number)
            raise

    def _made(self, name: bytes, made: os.stat_result, mode: int, gid: int, uid: int) -> LocalNode:
        """Finish a file just made and return its node; if that fails, leave no file behind.

        Another process may have exchanged it already: then it is not ours to finish or remove.
        """
        tree = self.tree
        tree.changed(tree.path(made.st_dev, made.st_ino))  # the number may have been another file's
        self.changed()
        try:
            node = self._look_up(name)
            if not node.is_inode(made):
                raise error(errno.ENOENT, name)
            mode = self._mode(made.st_mode, mode)
            if tree.settle(node.fd.number, made, mode, gid, uid):
                node._refresh()
        except OSError:
            self._unmake(name, made)
            raise
        return node

    def _mode(self, got: int, mode: int) -> int:
        """Return the mode that was asked for, without what a default ACL took from it.

        What the server's umask took is given back, whatever that is by now.

        Clauses: create.mode-masked
        """
        if stat.S_ISLNK(got):
            return stat.S_IMODE(got)
        kept = (got ^ mode) & PERMISSIONS and has_default_acl(self.fd.number)
        bits = got if kept else mode
        return bits & PERMISSIONS | mode & SPECIAL_BITS | got & stat.S_ISGID

    def _unmake(self, name: bytes, made: os.stat_result) -> None:
        self.forget(name)
        there = self._stat(name)
        if (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino):
            (os.rmdir if stat.S_ISDIR(made.st_mode) else os.unlink)(name, dir_fd=self.fd.number)

    async def readlink(self) -> bytes:
        """Return the text of this symbolic link."""
        if self.kind != LINK:
            raise error(errno.EINVAL)
        return os.readlink(b"", dir_fd=self.fd.number)

    async def link(self, name: bytes, target: Node) -> None:
        """Make a further name for the very inode of `target`, a symbolic link's included."""
        check_name(name)
        there = self._same_tree(target)
        source, where = there.hold(), self.hold()
        os.link(
            magic(source.number),
            name,
            src_dir_fd=source.number,  # unused, but without it the link in /proc is meant
            dst_dir_fd=where.number,
            follow_symlinks=True,
        )
        there.changed()
        self.changed()

    def _same_tree(self, node: Node) -> LocalNode:
        if isinstance(node, LocalNode) and node.tree is self.tree:
            return node
        raise error(errno.EXDEV)

    def _check_still(self, name: bytes, only: Node | None) -> None:
        """Refuse if `name` is not `only`; the root has no name that could be removed."""
        if only is not None and only.parent is only:
            raise error(errno.EBUSY)
        check_name(name)
        if only is not None and not self._same_tree(only).is_inode(self._stat(name)):
            raise error(errno.ENOENT, name)

    async def unlink(self, name: bytes, directory: bool, only: Node | None = None) -> None:  # noqa: FBT001  the Protocol's signature
        """Remove a name; nodes of the file live on without it."""
        self._check_still(name, only)
        self._keep(name)
        (os.rmdir if directory else os.unlink)(name, dir_fd=self.fd.number)
        self.forget(name)
        self.changed()

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
        self._check_still(name, only)
        check_name(newname)
        target._keep(newname)
        old, new = self.hold(), target.hold()
        if replace:
            os.rename(name, newname, src_dir_fd=old.number, dst_dir_fd=new.number)
        else:
            rename_if_free(old.number, name, new.number, newname)
        if not self._is_there(name):
            self.moved(name, target, newname)
        self.changed()
        target.changed()

    def _is_there(self, name: bytes) -> bool:
        """Say whether `name` still means the node that is known by it."""
        child = self.known(name)
        try:
            return child is not None and child.is_inode(self._stat(name))
        except OSError:
            return False

    async def getxattr(self, name: bytes) -> bytes:
        """Return the value of an extended attribute."""
        return os.getxattr(magic(self.fd.number), xattr_name(name))

    async def listxattr(self) -> bytes:
        """Return the names, each followed by a NUL byte."""
        names = os.listxattr(magic(self.fd.number))
        return b"".join(os.fsencode(name) + b"\0" for name in names)

    async def setxattr(self, name: bytes, value: bytes, flags: int) -> None:
        """Set an extended attribute."""
        if flags not in XATTR_FLAGS:
            raise error(errno.EINVAL)
        os.setxattr(magic(self.fd.number), xattr_name(name), value, XATTR_FLAGS[flags])
        self.changed()

    async def removexattr(self, name: bytes) -> None:
        """Remove an extended attribute."""
        os.removexattr(magic(self.fd.number), xattr_name(name))
        self.changed()


def xattr_name(name: bytes) -> bytes:
    """Return `name` if the host's calls can take it."""
    if b"\0" in name:
        raise error(errno.EINVAL)
    return name
