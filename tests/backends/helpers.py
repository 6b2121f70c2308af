"""Short words for what tests of file trees do over and over."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from ninep.backend import File, Node
from ninep.constants import NONUNAME, GetattrMask, LopenFlag, SetattrValid, StMode
from ninep.messages import Rgetattr, Tsetattr

R = TypeVar("R")

RDONLY, WRONLY, RDWR = int(LopenFlag.RDONLY), int(LopenFlag.WRONLY), int(LopenFlag.RDWR)
TRUNC, APPEND, EXCL = int(LopenFlag.TRUNC), int(LopenFlag.APPEND), int(LopenFlag.EXCL)
BASIC = int(GetattrMask.BASIC)
NOBODY = NONUNAME


def at_once(call: Coroutine[Any, Any, R]) -> R:
    """Run a call that must not await, and return its result."""
    try:
        call.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    call.close()
    pytest.fail("the call awaits")


@contextmanager
def refused(number: int) -> Iterator[None]:
    """Expect an `OSError` with this errno, and no other exception."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  the number is looked at here
        yield
    assert number == caught.value.errno


async def create(
    where: Node, name: bytes, content: bytes = b"", mode: int = 0o644, flags: int = RDWR
) -> tuple[Node, File]:
    """Create a file with `content`; return its node and the open file."""
    node, file = await where.create(name, flags, mode, NOBODY, NOBODY)
    if content:
        assert len(content) == await file.write(0, content)
    return node, file


async def mkdir(where: Node, *names: bytes) -> Node:
    """Create directories, each in the one before; return the last."""
    for name in names:
        where = await where.mkdir(name, 0o755, NOBODY, NOBODY)
    return where


async def mkfifo(where: Node, name: bytes, mode: int = 0o644) -> Node:
    """Create a FIFO."""
    return await where.mknod(name, StMode.IFIFO | mode, 0, 0, NOBODY, NOBODY)


async def content(node: Node) -> bytes:
    """Return what is in a file."""
    return bytes(await (await node.open(RDONLY)).read(0, 1 << 16))


async def names(node: Node) -> list[bytes]:
    """Return the names in a directory, in order."""
    return sorted(name for _, _, name in (await node.open(RDONLY)).readdir())


async def attributes(node: Node) -> Rgetattr:
    """Return the basic attributes."""
    return await node.getattr(BASIC)


def change(valid: int | SetattrValid, **values: int) -> Tsetattr:
    """Return a Tsetattr: fields not given have what the Linux client sends in them."""
    fields = {
        "mode": 0, "uid": NONUNAME, "gid": NONUNAME, "size": 0,
        "atime_sec": 0, "atime_nsec": 0, "mtime_sec": 0, "mtime_nsec": 0,
    }  # fmt: skip
    return Tsetattr(0, int(valid), **(fields | values))
