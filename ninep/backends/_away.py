"""Descriptors that nodes do without while others need them.

A server has few descriptors and a client may have many fids.  A node that is reached by a name can
be found again by it: it gives its descriptor up, and the file's handle, which no other file ever
has, says whether what has the name is still the same.  One whose name is gone keeps its own.

A number is good until the next descriptor is asked for, of any node: who needs two at a time holds
the `Fd` of each (`LocalNode.hold`), which is not closed then.

Source: name_to_handle_at(2)
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING
from weakref import ref

from ninep.backends._linux import NODE, Fd
from ninep.backends._shared import error

if TYPE_CHECKING:
    from ninep.backends._local_node import LocalNode

AT_EMPTY_PATH = 0x1000
HANDLE_MAX = 128
AT_ONCE = 256
"""Nodes that are looked at between two calls."""

_libc = ctypes.CDLL(None, use_errno=True)


class Handle(ctypes.Structure):
    """struct file_handle."""

    _fields_ = (
        ("size", ctypes.c_uint),
        ("type", ctypes.c_int),
        ("data", ctypes.c_ubyte * HANDLE_MAX),
    )


class Away:
    """What a node has in the place of its descriptor."""

    __slots__ = ("_handle", "_node")

    def __init__(self, node: LocalNode, handle: bytes) -> None:
        """Stand for the descriptor of `node`."""
        self._node = ref(node)
        self._handle = handle

    @property
    def number(self) -> int:
        """Open the file again; return the number of the descriptor."""
        return self.regain().number

    def regain(self) -> Fd:
        """Open the file again, and let the node have the descriptor.

        Errors: ESTALE (its name means another file by now, or none), EACCES, EMFILE
        """
        node = self._node()
        assert node is not None
        node.fd = fd = self._found(node)
        return fd

    def _found(self, node: LocalNode) -> Fd:
        """Go down to the file from the nearest directory above that has a descriptor."""
        names, above = [node.name], node.parent
        while isinstance(above.fd, Away):
            names.append(above.name)
            above = above.parent
        fd = above.fd
        try:
            for name in reversed(names):
                fd = node.tree.held(os.open(name, NODE, dir_fd=fd.number))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise error(errno.ESTALE, node.name) from exc
        if handle(fd.number) != self._handle:
            raise error(errno.ESTALE, node.name)
        return fd


class Spare:
    """Takes descriptors from the nodes of a tree, some in each call."""

    def __init__(self) -> None:
        """Begin with the first node."""
        self._nodes: Iterator[ref[LocalNode]] = iter(())

    def __call__(self, root: LocalNode) -> None:
        """Let some nodes do without."""
        some = list(islice(self._nodes, AT_ONCE))
        if not some:
            self._nodes = below(root)
            some = list(islice(self._nodes, AT_ONCE))
        for one in some:
            node = one()
            if node is not None:
                give_up(node)


def below(node: LocalNode) -> Iterator[ref[LocalNode]]:
    """Yield the nodes that are known below one, and keep none of them."""
    left = node.children()
    while left:
        one = left.pop()
        yield one
        found = one()
        if found is not None:
            left += found.children()
        del found


def give_up(node: LocalNode) -> None:
    """Let a node do without its descriptor, if it can be found again."""
    if isinstance(node.fd, Fd) and node.parent.known(node.name) is node:
        found = handle(node.fd.number)
        if found:
            node.fd = Away(node, found)


def handle(number: int) -> bytes:
    """Return what tells a file from all others that its file system ever had, if it can."""
    wanted, mount = Handle(size=HANDLE_MAX), ctypes.c_int()
    if _libc.name_to_handle_at(
        number, b"", ctypes.byref(wanted), ctypes.byref(mount), AT_EMPTY_PATH
    ):
        return b""
    device = os.fstat(number).st_dev
    return b"%d %d " % (device, wanted.type) + bytes(wanted.data[: wanted.size])
