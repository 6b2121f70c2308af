"""A directory of the host, where each client may do what its user may do on the host.

Each call runs as that user, from its beginning to its end in one thread: never in the event loop,
whose thread stays what it is.  Calls on names go one after the other, as they share what nodes
know of each other; input and output, which may take long, go side by side.  What a listing reads it
reads through a directory that was opened as the user.

`docs/adr/0013-as-the-client.md`
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ninep import perm
from ninep.backend import File, Node
from ninep.backends import _acting
from ninep.backends._local_node import LocalNode
from ninep.backends._shared import MODE_BITS, Behind, error
from ninep.backends._workers import Workers, in_thread
from ninep.backends.local import WORKERS, LocalBackend
from ninep.constants import NONUNAME, GetattrMask, LopenFlag, SetattrValid
from ninep.messages import Qid, Rgetattr, Rstatfs, Tsetattr
from ninep.perm import set_ids
from ninep.policy import PRIVILEGED
from ninep.users import NOBODY, Identity, identity

R = TypeVar("R")
BASIC, WRONLY = int(GetattrMask.BASIC), int(LopenFlag.WRONLY)
MODE, OWNERS = int(SetattrValid.MODE), int(SetattrValid.UID | SetattrValid.GID)
ROOT = Identity(0, 0)
HIDDEN = b"trusted."
"""Attributes that the kernel shows to root alone; it asks the process, and not its user."""
Call = Callable[..., Coroutine[Any, Any, R]]


class ClientBackend:
    """A tree in which everybody has their own rights and no others."""

    def __init__(self, inner: LocalBackend) -> None:
        """Show the tree of `inner`.

        Errors: EPERM (the process may not act for others), ENOSYS (not known how on this machine)
        """
        _acting.require()
        self._inner = inner
        self._nodes: WeakValueDictionary[tuple[int, Identity], ClientNode] = WeakValueDictionary()
        self._names = Workers(1)
        self._files: defaultdict[int, Workers] = defaultdict(partial(Workers, WORKERS))

    async def attach(self, uid: int = NONUNAME) -> ClientNode:
        """Return the root directory as it is for a user, with the groups that it has by now."""
        who = identity(NOBODY if uid == NONUNAME else uid)
        return self.wrap(await self._inner.attach(), who)

    def wrap(self, inner: LocalNode, who: Identity) -> ClientNode:
        """Return the node that stands for `inner`: one and the same for a user, while in use."""
        key = id(inner), who
        node = self._nodes.get(key)  # whose `inner` is no other's while that node holds it
        if node is None:
            node = self._nodes[key] = ClientNode(self, inner, who)
        return node

    async def on_names(self, who: Identity, call: Call[R], *args: object) -> R:
        """Make a call that has to do with names and attributes."""
        return await in_thread(self._names, _acting.act, who, call, *args)

    async def on_files(self, dev: int, who: Identity, call: Call[R], *args: object) -> R:
        """Make a call that has to do with what is in an open file of a device."""
        return await in_thread(self._files[dev], _acting.act, who, call, *args)


class ClientFile:
    """An open file or directory."""

    __slots__ = ("_inner", "_run")

    def __init__(self, backend: ClientBackend, inner: File, dev: int, who: Identity) -> None:
        """Stand for `inner`, which is a file of the device `dev`."""
        self._inner = inner
        self._run = partial(backend.on_files, dev, who)

    async def read(self, offset: int, count: int) -> bytes | bytearray | memoryview:
        """Return up to `count` bytes."""
        return await self._run(self._inner.read, offset, count)

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        """Write at `offset`; return how much went in."""
        return await self._run(self._inner.write, offset, data)

    async def truncate(self, size: int) -> None:
        """Cut or extend to `size` bytes."""
        await self._run(self._inner.truncate, size)

    async def fsync(self, datasync: bool) -> None:  # noqa: FBT001  the Protocol's signature
        """Wait until all is on stable storage."""
        await self._run(self._inner.fsync, datasync)

    async def clunk(self) -> None:
        """Raise if data are known to be lost; no call of the host is made for that."""
        await self._inner.clunk()

    def readdir(self) -> Iterator[tuple[Qid, int, bytes]]:
        """Scan the directory."""
        return self._inner.readdir()


class ClientNode(Behind):
    """A node as it is for one user."""

    __slots__ = ("_backend", "_inner", "_who")

    _inner: LocalNode
    readonly = False

    def __init__(self, backend: ClientBackend, inner: LocalNode, who: Identity) -> None:
        """Stand for `inner`."""
        self._backend = backend
        self._inner = inner
        self._who = who

    @property
    def parent(self) -> ClientNode:
        """The directory that holds it."""
        return self._node(self._inner.parent)

    def _node(self, inner: LocalNode) -> ClientNode:
        return self._backend.wrap(inner, self._who)

    def _file(self, inner: File) -> ClientFile:
        return ClientFile(self._backend, inner, self._inner.dev, self._who)

    async def _call(self, call: Call[R], *args: object) -> R:
        return await self._backend.on_names(self._who, call, *args)

    def _behind(self, node: Node | None) -> Node | None:
        """Return the node behind another one of this tree."""
        return node._inner if isinstance(node, ClientNode) else node

    async def walk(self, name: bytes) -> ClientNode:
        """Return the node called `name`."""
        return self._node(await self._call(self._inner.walk, name))

    async def getattr(self, request_mask: int) -> Rgetattr:
        """Return the attributes."""
        return await self._call(self._inner.getattr, request_mask)

    async def setattr(self, t: Tsetattr) -> None:
        """Change what `t.valid` names."""
        await self._call(self._setattr, t)

    async def _setattr(self, t: Tsetattr) -> None:
        """Do so; a mode that does no more than a write would is for all who may write.

        Linux's client takes set-id bits away before it writes, and as the user who writes, who need
        not be the owner.  What is done then is what a write does: no mode is set.

        Clauses: write.drops-privilege
        """
        try:
            await self._inner.setattr(t)
        except PermissionError:
            if not await self._is_as_a_write(t):
                raise
            _acting.become(ROOT)
            self._inner.drop_set_id()
            _acting.become(self._who)
            t.valid &= ~MODE
            await self._inner.setattr(t)

    async def _is_as_a_write(self, t: Tsetattr) -> bool:
        """Say whether the user may write the file, and asks to take its set-id bits away."""
        had = (await self._inner.getattr(BASIC)).mode
        rights = set_ids(had)
        taken = rights and t.mode & MODE_BITS == had & MODE_BITS & ~rights
        if not taken or not t.valid & MODE or t.valid & OWNERS:
            return False
        try:
            await self._inner.open(WRONLY)
        except OSError:
            return False
        return True

    async def statfs(self) -> Rstatfs:
        """Return the figures of the file system."""
        return await self._call(self._inner.statfs)

    async def open(self, flags: int) -> ClientFile:
        """Open the node."""
        return self._file(await self._call(self._inner.open, flags))

    async def create(
        self, name: bytes, flags: int, mode: int, gid: int, uid: int
    ) -> tuple[ClientNode, ClientFile]:
        """Create a regular file and open it."""
        node, file = await self._call(self._inner.create, name, flags, mode, gid, uid)
        return self._node(node), self._file(file)

    async def mkdir(self, name: bytes, mode: int, gid: int, uid: int) -> ClientNode:
        """Create a directory."""
        return self._node(await self._call(self._inner.mkdir, name, mode, gid, uid))

    async def symlink(self, name: bytes, target: bytes, gid: int, uid: int) -> ClientNode:
        """Create a symbolic link."""
        return self._node(await self._call(self._inner.symlink, name, target, gid, uid))

    async def mknod(
        self, name: bytes, mode: int, major: int, minor: int, gid: int, uid: int
    ) -> ClientNode:
        """Create a node of the type in `mode`."""
        made = await self._call(self._inner.mknod, name, mode, major, minor, gid, uid)
        return self._node(made)

    async def readlink(self) -> bytes:
        """Return the text of this symbolic link."""
        return await self._call(self._inner.readlink)

    async def link(self, name: bytes, target: Node) -> None:
        """Make a further name of `target`."""
        await self._call(self._inner.link, name, self._behind(target))

    async def unlink(self, name: bytes, directory: bool, only: Node | None = None) -> None:  # noqa: FBT001  the Protocol's signature
        """Remove a name."""
        await self._call(self._inner.unlink, name, directory, self._behind(only))

    async def rename(
        self,
        name: bytes,
        newdir: Node,
        newname: bytes,
        only: Node | None = None,
        *,
        replace: bool = True,
    ) -> None:
        """Move a name to another place."""

        async def rename(*args: Any) -> None:
            await self._inner.rename(*args, replace=replace)

        await self._call(rename, name, self._behind(newdir), newname, self._behind(only))

    async def getxattr(self, name: bytes) -> bytes:
        """Return the value of an extended attribute.

        The marks of a file are as public as its mode, of which they are a part.
        """
        if self._who.uid and name.startswith(HIDDEN):
            raise error(errno.ENODATA, name)
        who = ROOT if name == perm.XATTR else self._who
        return await self._backend.on_names(who, self._inner.getxattr, name)

    async def listxattr(self) -> bytes:
        """Return the names of the extended attributes."""
        names = await self._call(self._inner.listxattr)
        if self._who.uid == 0:
            return names
        return b"".join(n + b"\0" for n in names.split(b"\0")[:-1] if not n.startswith(HIDDEN))

    async def setxattr(self, name: bytes, value: bytes, flags: int) -> None:
        """Set an extended attribute."""
        self._check(name)
        await self._call(self._inner.setxattr, name, value, flags)

    async def removexattr(self, name: bytes) -> None:
        """Remove an extended attribute."""
        self._check(name)
        await self._call(self._inner.removexattr, name)

    def _check(self, name: bytes) -> None:
        """Refuse what the kernel asks the process about, and not its user."""
        if self._who.uid and name.startswith(PRIVILEGED):
            raise error(errno.EPERM, name)
