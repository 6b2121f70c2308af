"""The tree in memory: the shared suite, and its limits."""

from __future__ import annotations

import errno
import stat
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.backend import Backend, Node
from ninep.backends._memory_content import PIECE, Content
from ninep.backends.memory import MemoryBackend
from ninep.constants import NONUNAME, SetattrValid, StMode, XattrFlag

from .contract import Contract
from .helpers import (
    APPEND,
    NOBODY,
    RDWR,
    TRUNC,
    attributes,
    change,
    create,
    mkdir,
    names,
    refused,
)

LIMIT = 1 << 16
LARGE = 1000 << 20


class TestContract(Contract):
    """Memory keeps the contract."""

    @pytest.fixture
    def backend(self) -> MemoryBackend:
        """An empty tree."""
        return MemoryBackend()

    def another(self) -> Backend:
        """Return another tree."""
        return MemoryBackend()


@pytest.fixture
def backend() -> MemoryBackend:
    """An empty tree for 64 KiB, at three seconds after 1970."""
    return MemoryBackend(LIMIT, clock=lambda: 3 * 10**9)


@pytest.fixture
async def root(backend: MemoryBackend) -> Node:
    """The root of that tree."""
    return await backend.attach()


async def test_owner(root: Node) -> None:
    """Owner and group are kept as given, root's if not."""
    node = await root.mkdir(b"a", 0o755, 7, 8)
    other = await root.mkdir(b"b", 0o755, NONUNAME, NONUNAME)
    st, default = await attributes(node), await attributes(other)
    assert (8, 7, 0, 0) == (st.uid, st.gid, default.uid, default.gid)


async def test_setattr_owner(root: Node) -> None:
    """Owner and group are changed each for itself."""
    await root.setattr(change(SetattrValid.UID, uid=5, gid=6))
    await root.setattr(change(SetattrValid.GID, uid=7, gid=8))
    st = await attributes(root)
    assert (5, 8) == (st.uid, st.gid)


async def test_set_id_bits(root: Node) -> None:
    """Who changes a file, or gives it away, takes from it the right to run as its owner."""
    node, file = await create(root, b"f", b"abc")
    changes = (
        lambda: file.write(0, b"x"),
        lambda: file.truncate(2),
        lambda: node.open(RDWR | TRUNC),
        lambda: node.setattr(change(SetattrValid.SIZE, size=1)),
        lambda: node.setattr(change(SetattrValid.GID, gid=7)),
    )
    for step in changes:
        await node.setattr(change(SetattrValid.MODE, mode=0o6755))
        await step()
        assert 0o755 == stat.S_IMODE((await attributes(node)).mode)


async def test_clock(root: Node) -> None:
    """Times are those of the clock that was given."""
    st = await attributes((await create(root, b"f"))[0])
    assert [3, 0] * 3 == [
        st.atime_sec, st.atime_nsec, st.mtime_sec, st.mtime_nsec, st.ctime_sec, st.ctime_nsec
    ]  # fmt: skip


async def test_device(root: Node) -> None:
    """A device is a record: it has its numbers and does not open."""
    node = await root.mknod(b"n", StMode.IFBLK | 0o600, 8, 257, NOBODY, NOBODY)
    assert 0x100801 == (await attributes(node)).rdev
    with refused(errno.EOPNOTSUPP):
        await node.open(RDWR)


@pytest.mark.parametrize("flags", [RDWR, RDWR | APPEND])
async def test_too_much_content(root: Node, flags: int) -> None:
    """Content for which there is no room is refused, and what was there stays."""
    node, file = await create(root, b"f", b"abc", flags=flags)
    with refused(errno.ENOSPC):
        await file.write(LIMIT - 10, b"0123456789" if flags == RDWR else bytes(LIMIT - 10))
    assert 3 == (await attributes(node)).size


async def test_sparse_bomb(root: Node) -> None:
    """A file cannot be larger than the tree may be, holes included."""
    node, file = await create(root, b"f")
    with refused(errno.EFBIG):
        await file.write(1 << 43, b"x")
    with refused(errno.EFBIG):
        await node.setattr(change(SetattrValid.SIZE, size=LIMIT + 1))


async def test_too_many_files(root: Node) -> None:
    """Empty files take room too, and give it back."""
    free = (await root.statfs()).bfree
    with refused(errno.ENOSPC):
        for number in range(LIMIT):
            await mkdir(root, b"%d" % number)
    for name in await names(root):
        await root.unlink(name, directory=True)
    assert free == (await root.statfs()).bfree


async def test_room_comes_back(backend: MemoryBackend, root: Node) -> None:
    """A removed file takes room until nobody uses it."""
    used = backend.space.used
    node, file = await create(root, b"f", bytes(5000))
    await node.setxattr(b"user.a", b"value", 0)
    await node.setxattr(b"user.a", b"v", XattrFlag.REPLACE)
    await root.unlink(b"f", directory=False)
    assert backend.space.used > used + 5000
    del node, file
    assert used == backend.space.used


async def test_too_many_links(root: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a last possible name."""
    monkeypatch.setattr("ninep.backends.memory.LINK_MAX", 2)
    node, _ = await create(root, b"f")
    await root.link(b"g", node)
    with refused(errno.EMLINK):
        await root.link(b"h", node)


async def test_numbers_are_not_reused(root: Node) -> None:
    """A file made under the name of another is another file."""
    paths = set()
    for _ in range(10):
        paths.add((await mkdir(root, b"d")).qid.path)
        await root.unlink(b"d", directory=True)
    assert 10 == len(paths)


async def test_holes() -> None:
    """A size, or a byte far away, takes no memory for what lies before it."""
    root = await MemoryBackend().attach()
    node, file = await create(root, b"f", b"abc")
    tracemalloc.start()
    await node.setattr(change(SetattrValid.SIZE, size=LARGE))
    assert b"\0" * 9 == await file.read(LARGE - 9, 100)
    await file.write(LARGE - 5, b"x")
    assert b"abc\0" == await file.read(0, 4)
    assert b"\0x" + bytes(4) == await file.read(LARGE - 6, 100)
    await file.truncate(2)
    assert 1 << 20 > tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


places = st.integers(0, 3 * PIECE)
changes = st.lists(st.tuples(places, st.none() | st.binary(max_size=9)), max_size=20)


@given(changes, st.lists(st.tuples(places, places)))
def test_content(made: list[tuple[int, bytes | None]], read: list[tuple[int, int]]) -> None:
    """Wherever it is cut, extended and written, it reads as a row of bytes does."""
    content, model = Content(), bytearray()
    for at, data in made:
        size = at if data is None else max(content.size, at + len(data))
        content.resize(size)
        model[size:] = bytes(max(size - len(model), 0))
        content.write(at, data or b"")
        model[at : at + len(data or b"")] = data or b""
    assert all(model[at : at + count] == content.read(at, count) for at, count in read)
    assert len(model) == content.size
