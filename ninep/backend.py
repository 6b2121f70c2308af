"""What a file tree implements to be served: `Backend`, `Node`, `File`.

A `Node` is what a fid points to: one file under one name.  A `File` is a node that was opened.
The protocol's rules (fids, tags, offsets of listings, two-step xattrs, locks) are kept above this
line; a backend only knows files.  It answers errors as the operating system does: by raising
`OSError` with the host's errno.

Concurrency: calls come from one event loop.  A call that need not wait must return without
awaiting, then no task is made for it.  A call that must wait (a slow disk) awaits; other calls may
come in the meantime.  The first step of a call runs outside a task, so it must not ask for
`asyncio.current_task()` (as `asyncio.timeout` does) before it first awaits.

Lifetime: nothing is closed by hand.  A `File` or `Node` ends when its last holder lets it go
(a fid, a running request, a worker thread), so a descriptor cannot be reused under a running call.
`docs/adr/0003-descriptors-close-when-dropped.md`
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Protocol

from ninep.constants import NONUNAME
from ninep.messages import Qid, Rgetattr, Rstatfs, Tsetattr


class Backend(Protocol):
    """A file tree that can be attached to."""

    async def attach(self, uid: int = NONUNAME) -> Node:
        """Return the root directory of the tree, as it is for a user if that makes a difference."""
        ...


class File(Protocol):
    """A node opened for input and output, or an open directory."""

    async def read(self, offset: int, count: int) -> bytes | bytearray | memoryview:
        """Return up to `count` bytes at `offset`; fewer only at the end of the file.

        Units:  bytes; 0 <= offset < 2**63
        Errors: EISDIR, EIO
        """
        ...

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        """Write `data` at `offset` (at the end if opened with APPEND); return the bytes written.

        `data` may be a view that is reused once this call has returned: copy what is kept.

        Errors: EISDIR, EFBIG, ENOSPC, EDQUOT, EIO
        """
        ...

    async def truncate(self, size: int) -> None:
        """Cut or extend with zeros to `size` bytes, by the right this file was opened with."""
        ...

    async def fsync(self, datasync: bool) -> None:  # noqa: FBT001  as on the wire
        """Return when data (and, unless `datasync`, metadata) are on stable storage.

        When data were lost that this file had before, every call says so, whoever was told already.

        Errors: EIO, ENOSPC, EDQUOT (lost); EINTR, EINVAL
        """
        ...

    async def clunk(self) -> None:
        """Raise if data that this file had are known to be lost and it was not told.

        Nothing is written out for that: who wants to be sure asks for an fsync.

        Errors: EIO, ENOSPC, EDQUOT
        """
        ...

    def readdir(self) -> Iterator[tuple[Qid, int, bytes]]:
        """Start a scan of the directory: (qid, DirentType, name) of each entry, lazily.

        `.` and `..` are not among them.  Only `qid.path` must be right; version may be 0.

        Errors: ENOTDIR, ENOENT, EIO
        """
        ...


class Node(Protocol):
    """One file of a tree, reached under one name.  It follows renames made through the tree."""

    @property
    def tree(self) -> object:
        """What nodes that can be linked and renamed into each other have in common."""
        ...

    @property
    def readonly(self) -> bool:
        """Whether every change of this tree is refused with EROFS.

        Clauses: session.readonly-refuses
        """
        ...

    @property
    def identity(self) -> Hashable:
        """What all nodes of this file have in common, whatever tree and name they were found by.

        Record locks are kept by it.

        Clauses: lock.one-file
        """
        ...

    @property
    def qid(self) -> Qid:
        """The server's identity of this file, as last seen."""
        ...

    @property
    def name(self) -> bytes:
        """The last path element; b"/" for the root."""
        ...

    @property
    def parent(self) -> Node:
        """The directory that holds it; the root is its own parent."""
        ...

    async def walk(self, name: bytes) -> Node:
        """Return the node called `name` in this directory: never `.`, `..`, or a path.

        Clauses: walk.missing-name, walk.removed-directory, walk.search-permission
        Errors: ENOENT, ENOTDIR, EACCES, ENAMETOOLONG
        """
        ...

    async def getattr(self, request_mask: int) -> Rgetattr:
        """Return the attributes; `valid` says which of them are real."""
        ...

    async def setattr(self, t: Tsetattr) -> None:
        """Change what `t.valid` names, in this order: owner, mode, size, times.

        The caller has checked the values' ranges.  CTIME alone changes nothing.

        Clauses: setattr.fixed-order, setattr.size-directory
        Errors: EPERM, EACCES, EROFS, EISDIR (size of a directory), EFBIG, EINVAL
        """
        ...

    async def statfs(self) -> Rstatfs:
        """Return the figures of the file system that holds this node."""
        ...

    async def open(self, flags: int) -> File:
        """Open the node.  `flags` is a `LopenFlag` word of access mode, TRUNC, APPEND, sync bits.

        Clauses: open.permission-denied, open.write-directory, open.directory-flag,
                open.symlink-refused, open.special-refused, open.unlinked-refused
        Errors: ENOENT (unlinked), EACCES, EISDIR, ELOOP (symlink), ENOTDIR,
                EOPNOTSUPP (FIFO, socket, device: these are the client's own business), ETXTBSY
        """
        ...

    async def create(
        self, name: bytes, flags: int, mode: int, gid: int, uid: int
    ) -> tuple[Node, File]:
        """Create the regular file `name`, or open it if it exists and EXCL is not among `flags`.

        `uid` and `gid` own the new file where the server may say so; NONUNAME leaves it be.
        `mode` has no bits but 0o7777 and is applied as it is, whatever the process's umask.

        Clauses: create.directory-only, create.removed-directory, create.no-follow,
                create.gid-applied, create.excl-exists
        Errors: EEXIST, ENOENT (this directory is gone), ENOTDIR, EACCES, ENAMETOOLONG, ENOSPC
        """
        ...

    async def mkdir(self, name: bytes, mode: int, gid: int, uid: int) -> Node:
        """Create the directory `name`.  Arguments, clauses and errors as for `create`; EMLINK.

        Clauses: create.name-taken
        """
        ...

    async def symlink(self, name: bytes, target: bytes, gid: int, uid: int) -> Node:
        """Create the symbolic link `name` with `target` as its text, stored as given."""
        ...

    async def mknod(
        self, name: bytes, mode: int, major: int, minor: int, gid: int, uid: int
    ) -> Node:
        """Create a node of the type in `mode` (S_IFMT; 0 and S_IFREG: a regular file).

        Clauses: create.name-taken, create.mknod-range
        """
        ...

    async def readlink(self) -> bytes:
        """Return the text of this symbolic link.  Errors: EINVAL (no symbolic link)"""
        ...

    async def link(self, name: bytes, target: Node) -> None:
        """Make `name` in this directory a further name of `target` (same `tree`).

        Errors: EEXIST, EPERM (a directory), EMLINK, ENOENT (target has no name left)
        """
        ...

    async def unlink(self, name: bytes, directory: bool, only: Node | None = None) -> None:  # noqa: FBT001
        """Remove `name`; it must be a directory if `directory`, else no directory.

        With `only`, fail with ENOENT unless `name` still is that node.

        Clauses: unlink.missing-name, unlink.directory-only, unlink.directory-flag,
                unlink.flag-on-file, remove.not-empty, remove.same-file
        Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EACCES, EBUSY
        """
        ...

    async def rename(
        self,
        name: bytes,
        newdir: Node,
        newname: bytes,
        only: Node | None = None,
        *,
        replace: bool = True,
    ) -> None:
        """Move a name to another place.  Nodes of the file follow, and all nodes below it.

        Unless `replace`, nothing may have the new name yet: EEXIST.

        Clauses: rename.old-missing, rename.directory-only, rename.into-itself, rename.fids-follow,
                rename.over-directory, rename.over-file, rename.over-full-directory,
                rename.removed-directory
        Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EEXIST, EINVAL (below itself), EXDEV, EBUSY
        """
        ...

    async def getxattr(self, name: bytes) -> bytes:
        """Return the value.

        Clauses: xattr.missing-name, xattr.unsupported-name
        Errors: ENODATA, EOPNOTSUPP
        """
        ...

    async def listxattr(self) -> bytes:
        """Return the names, each followed by a NUL byte."""
        ...

    async def setxattr(self, name: bytes, value: bytes, flags: int) -> None:
        """Set an attribute.  `flags`: 0, CREATE (EEXIST if there), REPLACE (ENODATA if not).

        Clauses: xattr.create-existing, xattr.replace-missing
        """
        ...

    async def removexattr(self, name: bytes) -> None:
        """Remove an attribute.  Errors: ENODATA, EOPNOTSUPP"""
        ...
