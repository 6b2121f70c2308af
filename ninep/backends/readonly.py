"""Any file tree, but nothing in it can be changed."""

from __future__ import annotations

import errno
from typing import NoReturn
from weakref import WeakValueDictionary

from ninep.backend import Backend, File, Node
from ninep.backends._shared import ACCESS, TRUNC, Behind, error
from ninep.constants import NONUNAME
from ninep.messages import Rgetattr, Rstatfs


class ReadonlyBackend:
    """A tree whose every change is refused with EROFS.

    Clauses: session.readonly-refuses, session.readonly-open
    """

    def __init__(self, inner: Backend) -> None:
        """Show the tree of `inner`."""
        self._inner = inner
        self._nodes: WeakValueDictionary[int, ReadonlyNode] = WeakValueDictionary()

    async def attach(self, uid: int = NONUNAME) -> ReadonlyNode:
        """Return the root directory."""
        return self.wrap(await self._inner.attach(uid))

    def wrap(self, inner: Node) -> ReadonlyNode:
        """Return the node that stands for `inner`: one and the same while it is in use."""
        node = self._nodes.get(id(inner))  # which is no other's while that node holds `inner`
        if node is None:
            node = self._nodes[id(inner)] = ReadonlyNode(self, inner)
        return node


class ReadonlyNode(Behind):
    """A node that can be looked at."""

    __slots__ = ("_backend", "_inner")

    readonly = True

    def __init__(self, backend: ReadonlyBackend, inner: Node) -> None:
        """Stand for `inner`."""
        self._backend = backend
        self._inner = inner

    @property
    def parent(self) -> ReadonlyNode:
        """The directory that holds it."""
        return self._backend.wrap(self._inner.parent)

    async def walk(self, name: bytes) -> ReadonlyNode:
        """Return the node called `name`."""
        return self._backend.wrap(await self._inner.walk(name))

    async def getattr(self, request_mask: int) -> Rgetattr:
        """Return the attributes."""
        return await self._inner.getattr(request_mask)

    async def statfs(self) -> Rstatfs:
        """Return the figures of the file system."""
        return await self._inner.statfs()

    async def open(self, flags: int) -> File:
        """Open the node for reading."""
        if flags & (ACCESS | TRUNC):
            raise error(errno.EROFS)
        return await self._inner.open(flags)

    async def readlink(self) -> bytes:
        """Return the text of this symbolic link."""
        return await self._inner.readlink()

    async def getxattr(self, name: bytes) -> bytes:
        """Return the value of an extended attribute."""
        return await self._inner.getxattr(name)

    async def listxattr(self) -> bytes:
        """Return the names of the extended attributes."""
        return await self._inner.listxattr()

    async def _refuse(self, *_args: object, **_only: object) -> NoReturn:
        """Refuse a change, whatever it is."""
        raise error(errno.EROFS)

    setattr = create = mkdir = symlink = mknod = _refuse
    link = unlink = rename = setxattr = removexattr = _refuse
