"""A tree that can only be looked at."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from ninep.backend import Backend, Node
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import LopenFlag, SetattrValid, StMode

from .helpers import (
    NOBODY,
    RDONLY,
    RDWR,
    TRUNC,
    WRONLY,
    attributes,
    change,
    content,
    create,
    mkdir,
    names,
    refused,
)


@pytest.fixture(params=["local", "memory"])
async def inner(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A tree with a file, a link and a directory with a file."""
    tree: Backend = LocalBackend(tmp_path) if request.param == "local" else MemoryBackend()
    root = await tree.attach()
    node, _ = await create(root, b"f", b"abc")
    await node.setxattr(b"user.a", b"v", 0)
    await root.symlink(b"l", b"f", NOBODY, NOBODY)
    await create(await mkdir(root, b"d"), b"g")
    return tree


@pytest.fixture
async def root(inner: Backend) -> Node:
    """Its root, to be looked at only."""
    return await ReadonlyBackend(inner).attach()


async def test_reading(root: Node) -> None:
    """All that changes nothing goes on as in the tree behind."""
    node = await root.walk(b"f")
    assert b"abc" == await content(node)
    assert (b"v", b"user.a\0") == (await node.getxattr(b"user.a"), await node.listxattr())
    assert b"f" == await (await root.walk(b"l")).readlink()
    assert [b"d", b"f", b"l"] == await names(root)
    assert node.qid == (await attributes(node)).qid
    assert (await root.statfs()).bsize > 0


async def test_nodes(inner: Backend, root: Node) -> None:
    """A node stands for one node behind, and follows it when that is renamed."""
    directory = await root.walk(b"d")
    node = await directory.walk(b"g")
    assert (b"g", directory, root) == (node.name, node.parent, directory.parent)
    assert (root, node) == (root.parent, await directory.walk(b"g"))
    behind = await inner.attach()
    assert behind.tree is node.tree
    await (await behind.walk(b"d")).rename(b"g", behind, b"h")
    assert (b"h", root) == (node.name, node.parent)


async def test_root(inner: Backend) -> None:
    """The root is the same for all who attach."""
    backend = ReadonlyBackend(inner)
    root = await backend.attach()
    assert root is await backend.attach()


async def test_says_so(inner: Backend, root: Node) -> None:
    """Who asks before a change is told, on every node."""
    behind = await inner.attach()
    assert [True, True, False] == [n.readonly for n in (root, await root.walk(b"f"), behind)]


async def test_changes(root: Node) -> None:
    """Each change is EROFS, whatever it is."""
    node = await root.walk(b"f")
    for call in (
        root.create(b"x", RDWR, 0o644, NOBODY, NOBODY),
        root.mkdir(b"x", 0o755, NOBODY, NOBODY),
        root.symlink(b"x", b"t", NOBODY, NOBODY),
        root.mknod(b"x", StMode.IFIFO, 0, 0, NOBODY, NOBODY),
        root.link(b"x", node),
        root.unlink(b"f", directory=False, only=node),
        root.rename(b"f", root, b"x", only=node),
        node.setattr(change(SetattrValid.MODE, mode=0o600)),
        node.setxattr(b"user.a", b"w", 0),
        node.removexattr(b"user.a"),
    ):
        with refused(errno.EROFS):
            await call


@pytest.mark.parametrize("flags", [WRONLY, RDWR, RDONLY | TRUNC, WRONLY | LopenFlag.APPEND])
async def test_open_for_writing(root: Node, flags: int) -> None:
    """Nothing opens for writing, and nothing is cut."""
    node = await root.walk(b"f")
    with refused(errno.EROFS):
        await node.open(flags)
    assert 3 == (await attributes(node)).size
