"""More nodes than descriptors."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ninep.backend import Backend, Node
from ninep.backends import _away, _linux
from ninep.backends._away import Away, give_up
from ninep.backends._local_node import LocalNode
from ninep.backends.local import LocalBackend
from ninep.constants import SetattrValid

from .contract import Contract
from .helpers import (
    NOBODY,
    RDONLY,
    attributes,
    change,
    content,
    create,
    mkdir,
    names,
    refused,
)

MANY = 600
MOST = 256
"""Descriptors that the process may have."""


@pytest.fixture
def few() -> Iterator[None]:
    """Have few descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def used() -> int:
    """Count the descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def all_away(node: Node) -> None:
    """Let all nodes below one do without a descriptor."""
    assert isinstance(node, LocalNode)
    for one in list(_away.below(node)):
        found = one()
        if found is not None:
            give_up(found)


class TestContract(Contract):
    """What every tree must do, where no node keeps its descriptor when another one is opened."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        """A tree that is empty."""
        tree = LocalBackend(tmp_path)
        monkeypatch.setattr(LocalBackend, "held", held_alone)
        self.other = tmp_path
        return tree

    def another(self) -> Backend:
        """Return another tree."""
        return LocalBackend(self.other)


def held_alone(tree: LocalBackend, number: int) -> _linux.Fd:
    """Do as `held`, as if there were no descriptor left at all."""
    fd = _linux.Fd(number)
    root = None if tree._node is None else tree._node()  # noqa: SLF001
    if root is not None:
        all_away(root)
    return fd


@pytest.mark.usefixtures("few")
async def test_more_nodes_than_descriptors(path: Path, root: Node) -> None:
    """Each of them can be used, and all descriptors are free in the end."""
    for number in range(MANY):
        (path / str(number)).write_bytes(b"%d" % number)
    before = used()
    nodes = [await root.walk(b"%d" % number) for number in range(MANY)]
    for number, node in enumerate(nodes):
        assert b"%d" % number == await content(node)
    assert [(await attributes(node)).size for node in nodes] == [len(str(n)) for n in range(MANY)]
    assert used() < MOST - _linux.RESERVE
    assert nodes[0] is await root.walk(b"0")
    del nodes, node
    assert before >= used()


@pytest.mark.usefixtures("few")
async def test_open_files_come_first(path: Path, root: Node) -> None:
    """Nodes make room for files until hardly any descriptor is left; then it is EMFILE."""
    for number in range(MANY):
        (path / str(number)).touch()
    nodes = [await root.walk(b"%d" % number) for number in range(MANY)]
    files = []
    with refused(errno.EMFILE):
        for node in nodes:
            files.append(await node.open(RDONLY))  # noqa: PERF401  those before the error count
    opened = used()
    assert opened >= MOST - _linux.RESERVE - 8
    assert len(files) > MOST // 2


async def test_a_name_that_means_another_file(path: Path, root: Node) -> None:
    """It is not the file of before, even with the same number; who asks anew gets the new one."""
    (path / "f").write_bytes(b"old")
    node = await root.walk(b"f")
    all_away(root)
    assert isinstance(node, LocalNode)
    assert isinstance(node.fd, Away)
    (path / "f").unlink()
    (path / "f").write_bytes(b"new")
    for call in (node.open(RDONLY), node.getattr(0), node.setattr(change(SetattrValid.MODE))):
        with refused(errno.ESTALE):
            await call
    anew = await root.walk(b"f")
    assert anew is not node
    assert b"new" == await content(anew)
    (path / "f").unlink()
    all_away(root)
    with refused(errno.ESTALE):
        await anew.getattr(0)


async def test_the_same_number_again(path: Path, root: Node) -> None:
    """An inode number is soon another file's; the handle tells."""
    for _ in range(50):
        (path / "f").write_bytes(b"old")
        node = await root.walk(b"f")
        number = node.qid.path
        all_away(root)
        (path / "f").unlink()
        (path / "f").write_bytes(b"new")
        if (path / "f").stat().st_ino == number:
            with refused(errno.ESTALE):
                await node.getattr(0)
            assert b"new" == await content(await root.walk(b"f"))
            return
        (path / "f").unlink()
    pytest.skip("the file system gave no number again in 50 times")


async def test_a_way_that_is_gone(path: Path, root: Node) -> None:
    """A file below a directory that was moved by others cannot be found; moved back, it can."""
    await create(await mkdir(root, b"a", b"b"), b"f", b"x")
    node = await (await (await root.walk(b"a")).walk(b"b")).walk(b"f")
    all_away(root)
    (path / "a").rename(path.parent / "elsewhere")
    with refused(errno.ESTALE):
        await node.getattr(0)
    (path / "a").symlink_to(path.parent / "elsewhere")
    with refused(errno.ESTALE):
        await node.getattr(0)
    (path / "a").unlink()
    (path.parent / "elsewhere").rename(path / "a")
    assert b"x" == await content(node)


@pytest.mark.parametrize("call", ["unlink", "rename over", "rename"])
async def test_names_that_go(root: Node, call: str) -> None:
    """A node whose name is taken away through the tree has its file all the same."""
    await create(root, b"f", b"old")
    node = await root.walk(b"f")
    await create(root, b"g", b"other")
    all_away(root)
    calls: dict[str, Callable[[], object]] = {
        "unlink": lambda: root.unlink(b"f", directory=False),
        "rename over": lambda: root.rename(b"g", root, b"f"),
        "rename": lambda: root.rename(b"f", root, b"h"),
    }
    await calls[call]()  # type: ignore[misc]
    all_away(root)
    assert 3 == (await attributes(node)).size


async def test_a_file_system_without_handles(
    path: Path, root: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file cannot be told from others, its node keeps the descriptor."""
    (path / "f").touch()
    node = await root.walk(b"f")
    monkeypatch.setattr(_away._libc, "name_to_handle_at", lambda *_: -1)  # noqa: SLF001
    all_away(root)
    assert isinstance(node, LocalNode)
    assert isinstance(node.fd, _linux.Fd)


async def test_deep(root: Node) -> None:
    """The way down may be longer than any stack."""
    node = await mkdir(root, *[b"d"] * 1500)
    await node.mkdir(b"last", 0o755, NOBODY, NOBODY)
    all_away(root)
    assert [b"last"] == await names(node)
    await node.unlink(b"last", directory=True)
    while node is not root:
        above = node.parent
        await above.unlink(b"d", directory=True, only=node)
        node = above
    assert [] == await names(root)
