"""A directory of the host as a file tree.

Names never become paths: each is looked up alone, in a directory held by a descriptor, and no
symbolic link is ever followed.  So nothing outside the root can be reached, whatever is renamed or
exchanged meanwhile.  Hard links and mounts below the root are inside by definition.

`_local_node.py` has the nodes, `_local_file.py` the open files; here is what they share.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar, TypeVarTuple
from weakref import ref

from ninep.backends._linux import (
    KEEP,
    Fd,
    chmod,
    chown,
    magic,
    may_give_away,
    require_proc,
)
from ninep.backends._local_node import LocalNode
from ninep.backends._shared import MASK32, ROOT_NAME, error
from ninep.constants import NONUNAME, QidType
from ninep.messages import Qid

R = TypeVar("R")
Args = TypeVarTuple("Args")

WORKERS = 8
CHANGES_MAX = 1 << 16
"""Files whose changes are counted one by one."""
INODE_END = 1 << 48
"""Inode numbers of the root's file system below this are qid paths as they are."""
DEVICES_END = 1 << 15
QID_TYPES = {stat.S_IFDIR: int(QidType.DIR), stat.S_IFLNK: int(QidType.SYMLINK)}
TYPES = tuple(QID_TYPES.get(index << 12, int(QidType.FILE)) for index in range(16))
"""`Qid.type` by the four bits of the mode that say the type of a file."""


class LocalBackend:
    """A tree below one directory, and what its nodes share."""

    def __init__(self, root: str | os.PathLike[str], *, noatime: bool = False) -> None:
        """Export the directory `root`, wherever it is moved later.

        With `noatime`, reading leaves the access times alone where the host allows it.

        Errors: ENOENT, ENOTDIR, EACCES; ENOSYS (/proc is not mounted)
        """
        require_proc()
        self._root = Fd(os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        self._node: ref[LocalNode] | None = None
        self._noatime = noatime
        self._room = asyncio.Semaphore(WORKERS)
        self._devices: dict[int, int] = {}
        self._strangers: dict[tuple[int, int], int] = {}
        self._changes: dict[int, int] = {}
        self._count = self._floor = 0
        self.dev = os.fstat(self._root.number).st_dev
        self.privileged = may_give_away()
        self.uncached: set[int] = set()
        """Devices that cannot say whether data are in memory."""
        if not os.access(magic(self._root.number), os.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), root)

    @property
    def descriptor(self) -> int:
        """Return the descriptor that holds the root directory; it stays this object's."""
        return self._root.number

    async def attach(self) -> LocalNode:
        """Return the root directory, the same node for all."""
        node = None if self._node is None else self._node()
        if node is None:
            node = LocalNode(self, self._root, None, ROOT_NAME)
            self._node = ref(node)
        return node

    def qid(self, st: os.stat_result) -> Qid:
        """Return the qid of a file; the version is a digest of what changes when the file does."""
        path = st.st_ino
        if st.st_dev != self.dev or path >= INODE_END:
            path = self.path(st.st_dev, path)
        seen = (st.st_ctime_ns, st.st_mtime_ns, st.st_size, self._changes.get(path, self._floor))
        return Qid(TYPES[st.st_mode >> 12], hash(seen) & MASK32 or 1, path)

    def path(self, dev: int, inode: int) -> int:
        """Return the qid path of an inode: no two inodes of the tree have the same.

        Below 2**63 it is the number of the device in order of appearance, 0 for the root's, in
        front of the inode number; above are those whose numbers are too large for that.
        """
        if inode < INODE_END:
            if dev == self.dev:
                return inode
            device = self._devices.setdefault(dev, len(self._devices) + 1)
            if device < DEVICES_END:
                return device * INODE_END + inode
        key = (dev, inode)
        return DEVICES_END * INODE_END + self._strangers.setdefault(key, len(self._strangers))

    def changed(self, path: int) -> None:
        """Let the file with this qid path have another version, also within one tick of the clock.

        Files that changed long ago share one count, which is never lower than their own was.
        """
        if len(self._changes) >= CHANGES_MAX:
            self._changes.clear()
            self._floor = self._count
        self._count += 1
        self._changes[path] = self._count

    def reopen(self, number: int, flags: int) -> int:
        """Open what a descriptor holds, as new descriptor."""
        if self._noatime:
            try:
                return os.open(magic(number), flags | os.O_NOATIME)
            except PermissionError:  # it takes the owner or root
                pass
        return os.open(magic(number), flags)

    def settle(self, number: int, made: os.stat_result, mode: int, gid: int, uid: int) -> bool:
        """Give a file just made its owner and its mode.

        Return whether there was anything to do.  A server that is not root cannot give files away:
        `uid` is ignored, and `gid` if it is not a group of the server, because the Linux client
        always sends one.
        """
        owner = uid if self.privileged and uid not in {NONUNAME, made.st_uid} else KEEP
        group = gid if gid not in {NONUNAME, made.st_gid} else KEEP
        chowned = owner != KEEP or group != KEEP
        if chowned:
            try:
                chown(number, owner, group)
            except PermissionError:
                if self.privileged:
                    raise
        if mode != stat.S_IMODE(made.st_mode):
            chmod(number, mode)
            return True
        return chowned

    async def in_thread(self, call: Callable[[*Args], R], *args: *Args) -> R:
        """Run a call that may take long.

        If its awaiter is cancelled, a call that has begun runs to its end, and only then does the
        awaiter: it counts until then.  No more than `WORKERS` calls run at once.
        """
        async with self._room:
            try:
                work = self._workers.submit(call, *args)
            except RuntimeError as exc:  # no thread can be started
                raise error(errno.ENOMEM) from exc
            try:
                return await asyncio.wrap_future(work)
            except asyncio.CancelledError:
                while not work.done():
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait({asyncio.wrap_future(work)})
                raise

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(WORKERS, "ninep-local")
