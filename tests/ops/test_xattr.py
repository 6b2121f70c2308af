"""Extended attributes: read through a new fid, written through a fid that becomes the value."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NOFID, XATTR_SIZE_MAX, XattrFlag
from ninep.policy import Policy
from tests.helpers import MSIZE, Peer, service
from tests.populated import (
    BOTH,
    DIR,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    RDONLY,
    READ,
    ROOT,
    WRITE,
    XREAD,
    XWRITE,
    set_xattr,
)  # fmt: skip

CREATE, REPLACE = int(XattrFlag.CREATE), int(XattrFlag.REPLACE)
FILES = (ROOT, FILE, READ, WRITE, BOTH, DIR, OPEN_DIR, LINK, FIFO)


@pytest.mark.parametrize("fid", [FILE, READ, WRITE, BOTH])
async def test_a_value(client: Peer, fid: int) -> None:
    """xattr.walk-any-fid: open or not."""
    assert m.Rxattrwalk(5) == await client.ok(m.Txattrwalk(fid, FREE, b"user.a"))
    assert b"value" == await client.read(FREE)


@pytest.mark.parametrize("fid", FILES)
async def test_every_kind_of_file(client: Peer, fid: int) -> None:
    """xattr.special-unopened, xattr.list-with-empty-name (S-079): nothing is opened for it."""
    closed = {READ: FILE, WRITE: FILE, BOTH: FILE, OPEN_DIR: DIR}.get(fid, fid)
    await set_xattr(client, closed, b"user.new", b"x")
    assert isinstance(await client.ok(m.Txattrwalk(fid, FREE, b"")), m.Rxattrwalk)
    assert (await client.read(FREE)).endswith(b"user.new\0")


async def test_the_list(client: Peer) -> None:
    """xattr.list-with-empty-name: every name with a NUL byte behind it."""
    await set_xattr(client, FILE, b"user.z", b"")
    assert m.Rxattrwalk(14) == await client.ok(m.Txattrwalk(FILE, FREE, b""))
    assert b"user.a\0user.z\0" == await client.read(FREE)


async def test_an_empty_list(client: Peer) -> None:
    """xattr.list-with-empty-name: of a file without attributes."""
    assert m.Rxattrwalk(0) == await client.ok(m.Txattrwalk(DIR, FREE, b""))
    assert b"" == await client.read(FREE)


@pytest.mark.parametrize(
    ("offset", "count", "data"),
    [
        (0, 2, b"va"),
        (2, 99, b"lue"),
        (5, 1, b""),
        (99, 1, b""),
        ((1 << 63) - 1, 1, b""),
        (0, 0, b""),
        (0, 4294967295, b"value"),
    ],
)
async def test_reading(client: Peer, offset: int, count: int, data: bytes) -> None:
    """xattr.read-clamped, read.fid-readable: behind the end there is nothing."""
    assert m.Rread(data) == await client.ok(m.Tread(XREAD, offset, count))


async def test_a_large_value(client: Peer) -> None:
    """xattr.size-maximum, read.count-clamped: written and read in parts."""
    value = bytes(range(256)) * (XATTR_SIZE_MAX // 256)
    await client.walk(FILE, FREE)
    await client.ok(m.Txattrcreate(FREE, b"user.big", len(value), 0))
    for at in range(0, len(value), 8000):
        await client.ok(m.Twrite(FREE, at, value[at : at + 8000]))
    await client.ok(m.Tclunk(FREE))
    await client.ok(m.Txattrwalk(FILE, FREE, b"user.big"))
    step = MSIZE - 24
    parts = [await client.read(FREE, at) for at in range(0, len(value), step)]
    assert value == b"".join(parts)


async def test_a_value_is_what_it_was(client: Peer) -> None:
    """xattr.missing-name: a fid keeps the value that it was made for."""
    await set_xattr(client, FILE, b"user.a", b"other")
    assert b"value" == await client.read(XREAD)


WALKS = [
    (FILE, FREE, b"user.none", errno.ENODATA),  # xattr.missing-name
    (FILE, FREE, b"security.capability", errno.ENODATA),
    (FILE, FREE, b"a\0b", errno.EINVAL),  # xattr.name-no-nul
    (FILE, FREE, b"\0", errno.EINVAL),
    (FILE, FREE, b"x" * 256, errno.ERANGE),  # xattr.name-range
    (FILE, FREE, b"x" * 8000, errno.ERANGE),
    (FILE, FILE, b"user.a", errno.EBADF),  # xattr.walk-newfid-unused
    (FILE, READ, b"user.a", errno.EBADF),
    (FILE, XREAD, b"", errno.EBADF),
    (FILE, NOFID, b"user.a", errno.EBADF),  # fid.never-nofid
    (FREE, 778, b"user.a", errno.EBADF),  # fid.unknown-fid
    (XREAD, 778, b"", errno.EBADF),  # fid.is-file
    (XWRITE, 778, b"user.a", errno.EBADF),
]


@pytest.mark.parametrize(("fid", "newfid", "name", "number"), WALKS)
async def test_a_walk_that_fails(
    client: Peer, fid: int, newfid: int, name: bytes, number: int
) -> None:
    """xattr.missing-name, xattr.name-range, xattr.walk-newfid-unused (S-079): no fid is made."""
    before = len(client.session.fids)
    assert number == await client.errno(m.Txattrwalk(fid, newfid, name))
    assert before == len(client.session.fids)
    assert b"content" == await client.read(READ)


CREATES = [
    *((fid, b"user.x", 1, 0, errno.EINVAL) for fid in (READ, BOTH, OPEN_DIR, XREAD, XWRITE)),
    (FREE, b"user.x", 1, 0, errno.EBADF),  # fid.unknown-fid
    (FILE, b"", 1, 0, errno.ERANGE),  # xattr.name-range
    (FILE, b"x" * 256, 1, 0, errno.ERANGE),
    (FILE, b"a\0", 1, 0, errno.EINVAL),  # xattr.name-no-nul
    (FILE, b"user.x", XATTR_SIZE_MAX + 1, 0, errno.E2BIG),  # xattr.size-maximum
    (FILE, b"user.x", 1 << 32, 0, errno.E2BIG),
    (FILE, b"user.x", 1 << 63, 0, errno.E2BIG),
    (FILE, b"user.x", (1 << 64) - 1, 0, errno.E2BIG),
    (FILE, b"user.x", 1, 3, errno.EINVAL),  # xattr.known-flags
    (FILE, b"user.x", 1, 4, errno.EINVAL),
    (FILE, b"user.x", 1, 0xFFFFFFFF, errno.EINVAL),
]


@pytest.mark.parametrize(("fid", "name", "size", "flags", "number"), CREATES)
async def test_a_create_that_fails(
    client: Peer, fid: int, name: bytes, size: int, flags: int, number: int
) -> None:
    """xattr.create-fid-unopened, xattr.size-maximum, xattr.known-flags (S-080, S-082): the fid
    stays what it was.
    """
    assert number == await client.errno(m.Txattrcreate(fid, name, size, flags))
    assert (b"content", b"value") == (await client.read(READ), await client.read(XREAD))
    await client.ok(m.Tlopen(FILE, RDONLY))
    await client.ok(m.Twrite(XWRITE, 0, b"1234"))
    await client.ok(m.Tclunk(XWRITE))


REFUSED_ON_A_VALUE = [
    (m.Tread(XWRITE, 0, 1), errno.EBADF),  # read.fid-readable
    (m.Twrite(XREAD, 0, b"x"), errno.EBADF),  # write.fid-writable
    (m.Tlopen(XWRITE, RDONLY), errno.EINVAL),  # open.fid-unopened
    (m.Twalk(XWRITE, FREE, ()), errno.EBADF),  # walk.fid-is-file
    (m.Treaddir(XREAD, 0, 999), errno.EBADF),  # readdir.fid-open
    (m.Tfsync(XWRITE, 0), errno.EBADF),  # fsync.fid-open
    (m.Tlock(XREAD, 0, 0, 0, 0, 1, b""), errno.EBADF),  # lock.fid-open
    (m.Txattrcreate(XWRITE, b"user.c", 1, 0), errno.EINVAL),  # xattr.create-fid-unopened
]


@pytest.mark.parametrize(("t", "number"), REFUSED_ON_A_VALUE, ids=repr)
async def test_a_value_is_no_file(client: Peer, t: m.TMessage, number: int) -> None:
    """xattr.create-fid-unopened (S-082): after success the fid stands for the value alone."""
    assert number == await client.errno(t)


WRITES = [
    ((0, b"12345"),),  # more than was announced
    ((1, b"1"),),  # a hole
    ((0, b"12"), (3, b"4")),
    ((0, b"12"), (0, b"12")),  # the same again
    ((0, b"12"), (2, b"345")),
    ((0, b"1234"), (4, b"5")),
    ((8, b"1234"),),
    (((1 << 63) - 1, b"1"),),
]


@pytest.mark.parametrize("parts", WRITES)
async def test_parts_that_do_not_follow(client: Peer, parts: tuple[tuple[int, bytes], ...]) -> None:
    """xattr.write-sequential (S-081): refused, and what was there before goes on."""
    *good, (offset, data) = parts
    for at, part in good:
        await client.ok(m.Twrite(XWRITE, at, part))
    number = await client.errno(m.Twrite(XWRITE, offset, data))
    assert number == (errno.EFBIG if offset >> 62 else errno.EINVAL)
    done = sum(len(part) for _, part in good)
    await client.ok(m.Twrite(XWRITE, done, b"1234"[done:]))
    assert m.Rclunk() == await client.ok(m.Tclunk(XWRITE))


async def test_what_was_written_is_kept(client: Peer) -> None:
    """xattr.commit-at-clunk: the value does not depend on the buffer that it came in."""
    for at in range(4):
        await client.ok(m.Twrite(XWRITE, at, b"%d" % at))
        client.shared[:] = bytes(len(client.shared))
    await client.ok(m.Tclunk(XWRITE))
    await client.ok(m.Txattrwalk(FILE, FREE, b"user.b"))
    assert b"0123" == await client.read(FREE)


async def test_of_a_directory(client: Peer) -> None:
    """xattr.create-fid-unopened (S-082): the fid stands for no directory any more."""
    await client.walk(DIR, FREE)
    await client.ok(m.Txattrcreate(FREE, b"user.x", 1, 0))
    assert errno.EINVAL == await client.errno(m.Tlopen(FREE, RDONLY))
    assert errno.EINVAL == await client.errno(m.Tlcreate(FREE, b"new", 0, 0, 0))


@pytest.mark.parametrize(("size", "flags"), [(3, 0), (0, REPLACE), (0, CREATE)])
async def test_on_a_readonly_export(size: int, flags: int) -> None:
    """session.readonly-refuses: at once; the fid stands for its file as before."""
    client = Peer(service(ReadonlyBackend(MemoryBackend())))
    await client.begin()
    assert errno.EROFS == await client.errno(m.Txattrcreate(0, b"user.x", size, flags))
    assert errno.EBADF == await client.errno(m.Twrite(0, 0, b"x"))
    await client.ok(m.Tlopen(0, RDONLY))


async def test_privileged_names_are_an_option(client: Peer) -> None:
    """xattr.privileged-name: EPERM at once unless the server was told; removing is tried."""
    client.session.service.policy = Policy()
    for name in (b"trusted.a", b"security.a"):
        await client.walk(FILE, FREE)
        for size, flags in ((1, 0), (0, 0), (0, 1), (1, 2)):
            assert errno.EPERM == await client.errno(m.Txattrcreate(FREE, name, size, flags))
        await client.ok(m.Txattrcreate(FREE, name, 0, 2))
        assert errno.ENODATA == await client.errno(m.Tclunk(FREE))
