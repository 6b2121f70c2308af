"""Modes of files of the host: what a new file gets, and what a write takes away."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep.backend import Node
from ninep.backends import _local_file
from ninep.backends.local import LocalBackend
from ninep.constants import SetattrValid
from tests.acl import set_default_acl

from .helpers import (
    NOBODY,
    RDONLY,
    TRUNC,
    WRONLY,
    attributes,
    change,
    create,
    mkdir,
    mkfifo,
)

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps set-id bits")


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """Have a umask that leaves nothing to others."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
async def test_umask(path: Path) -> None:
    """Modes are those that were given, whatever the server's umask."""
    root = await LocalBackend(path).attach()
    made = [
        (await create(root, b"f", mode=0o666))[0],
        await root.mkdir(b"d", 0o1777, NOBODY, NOBODY),
        await mkfifo(root, b"p", 0o622),
    ]
    modes = [stat.S_IMODE((await attributes(node)).mode) for node in made]
    assert [0o666, 0o1777, 0o622] == modes


async def test_default_acl(path: Path, root: Node) -> None:
    """What a default ACL takes from the mode is not given back."""
    set_default_acl(path, 7, 5, 0)
    node, _ = await create(root, b"f", mode=0o4666)
    assert 0o4640 == stat.S_IMODE((await attributes(node)).mode)


@pytest.mark.usefixtures("strict_umask")
async def test_default_acl_like_the_umask(path: Path, root: Node) -> None:
    """Where a default ACL takes what the umask would have taken, it is not given back either."""
    set_default_acl(path, 7, 0, 0)
    node, _ = await create(root, b"f", mode=0o644)
    assert 0o600 == stat.S_IMODE((await attributes(node)).mode)


async def test_inherited_group(path: Path, root: Node) -> None:
    """A directory keeps the set-group-id bit that it inherits."""
    path.chmod(0o2755)
    node = await mkdir(root, b"d")
    assert 0o2755 == stat.S_IMODE((await attributes(node)).mode)


@ROOT_ONLY
async def test_set_id_bits(root: Node) -> None:
    """Who writes to a file takes from it the right to run as its owner, as for any user."""
    node, _ = await create(root, b"f", b"abc")
    for number in range(5):
        await node.setattr(change(SetattrValid.MODE, mode=0o6755))
        await rewrite(node, number)
        assert 0o755 == stat.S_IMODE((await attributes(node)).mode)


@ROOT_ONLY
async def test_set_id_bits_after_the_open(path: Path, root: Node) -> None:
    """They go too if the file was made with them, or got them later, in another export too."""
    node, maker = await create(root, b"f", mode=0o6755)
    again = await (await LocalBackend(path).attach()).walk(b"f")
    for other in (node, node, again):
        assert 0o6755 == stat.S_IMODE((await attributes(node)).mode)
        await maker.write(0, b"x")
        assert 0o755 == stat.S_IMODE((await attributes(node)).mode)
        await other.setattr(change(SetattrValid.MODE, mode=0o6755))
    await maker.truncate(0)
    assert 0o755 == stat.S_IMODE((await attributes(node)).mode)


@ROOT_ONLY
async def test_set_id_bits_are_asked_for_rarely(
    root: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write to a file costs no look at its mode unless some file got such bits since the last."""
    asked: list[int] = []
    monkeypatch.setattr(_local_file, "drop_set_id", asked.append)
    node, file = await create(root, b"f", b"abc")
    await node.setattr(change(SetattrValid.MODE, mode=0o755))
    await file.write(0, b"abc")
    assert [] == asked
    await (await mkdir(root, b"d")).setattr(change(SetattrValid.MODE, mode=0o2755))
    for _ in range(3):
        await file.write(0, b"abc")
    assert 1 == len(asked)


async def rewrite(node: Node, number: int) -> None:
    """Change the content of a file in one of five ways."""
    if number == 0:
        await node.setattr(change(SetattrValid.SIZE, size=1))
    elif number == 1:
        await node.open(RDONLY | TRUNC)
    elif number == 2:
        await (await node.open(WRONLY)).truncate(2)
    else:
        file = await node.open(WRONLY)
        await file.write(0, b"a")
        await file.write(1, b"b")
