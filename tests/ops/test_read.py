"""Reading, writing, listing and syncing through open fids."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.constants import IOHDRSZ, NONUNAME, OFFSET_MAX, DirentType, UnlinkFlag
from tests.backends.helpers import at_once
from tests.helpers import CODEC, MSIZE, Peer, service
from tests.populated import (
    BOTH,
    DIR,
    FIFO,
    FILE,
    FREE,
    LIMIT,
    LINK,
    OPEN_DIR,
    RDONLY,
    RDWR,
    READ,
    ROOT,
    WRITE,
    XREAD,
    XWRITE,
    entries_of,
    populated,
)  # fmt: skip

CLOSED = (ROOT, FILE, DIR, LINK, FIFO, FREE)
REMOVEDIR = int(UnlinkFlag.REMOVEDIR)


@pytest.mark.parametrize(
    ("offset", "count", "data"),
    [
        (0, 7, b"content"),
        (3, 2, b"te"),
        (0, 0, b""),
        (5, 100, b"nt"),
        (7, 1, b""),
        (9, 1, b""),
        (OFFSET_MAX, 1, b""),
        (0, 4294967295, b"content"),
    ],
)
async def test_reading(client: Peer, offset: int, count: int, data: bytes) -> None:
    """read.count-kept, read.past-end, read.whole-count (S-065)."""
    assert m.Rread(data) == await client.ok(m.Tread(READ, offset, count))


@pytest.mark.parametrize("count", [MSIZE - IOHDRSZ, MSIZE - 11, MSIZE, 1 << 20, 0xFFFFFFFF])
async def test_a_large_count_is_cut(client: Peer, count: int) -> None:
    """read.count-clamped: to what surely fits."""
    await client.create(FREE, b"big", b"x" * 8000)
    await client.ok(m.Twrite(FREE, 8000, b"y" * 8000))
    assert MSIZE - IOHDRSZ == len(await client.read(FREE, 0, count))


@pytest.mark.parametrize(
    ("fid", "number"),
    [*((fid, errno.EBADF) for fid in (*CLOSED, WRITE, XWRITE)), (OPEN_DIR, errno.EISDIR)],
)
async def test_fids_that_are_not_read(client: Peer, fid: int, number: int) -> None:
    """read.fid-readable, read.directory-fid (S-066)."""
    assert number == await client.errno(m.Tread(fid, 0, 1))


@pytest.mark.parametrize("fid", [READ, BOTH, XREAD])
@pytest.mark.parametrize("offset", [1 << 63, (1 << 64) - 1])
async def test_offsets_that_are_not_read(client: Peer, fid: int, offset: int) -> None:
    """read.offset-range (S-065)."""
    assert errno.EINVAL == await client.errno(m.Tread(fid, offset, 1))


async def test_writing(client: Peer) -> None:
    """write.count-true: what was sent is what others read."""
    assert m.Rwrite(4) == await client.ok(m.Twrite(WRITE, 3, b"1234"))
    assert m.Rwrite(2) == await client.ok(m.Twrite(BOTH, 0, b"ab"))
    assert b"abn1234" == await client.read(READ)


async def test_writing_behind_the_end(client: Peer) -> None:
    """write.past-end: what lies between reads as zeros."""
    await client.ok(m.Twrite(WRITE, 10, b"x"))
    assert b"content\0\0\0x" == await client.read(READ)


@pytest.mark.parametrize("offset", [0, 100, OFFSET_MAX])
async def test_writing_nothing(client: Peer, offset: int) -> None:
    """write.zero-bytes: nothing changes, not even the times."""
    before = await client.getattr(FILE)
    assert m.Rwrite(0) == await client.ok(m.Twrite(WRITE, offset, b""))
    assert before == await client.getattr(FILE)


@pytest.mark.parametrize(
    ("fid", "number"),
    [*((fid, errno.EBADF) for fid in (*CLOSED, READ, XREAD)), (OPEN_DIR, errno.EISDIR)],
)
@pytest.mark.parametrize("data", [b"", b"x"])
async def test_fids_that_are_not_written(client: Peer, fid: int, number: int, data: bytes) -> None:
    """write.fid-writable, write.directory-fid."""
    assert number == await client.errno(m.Twrite(fid, 0, data))


@pytest.mark.parametrize(
    ("offset", "number"),
    [
        (1 << 63, errno.EINVAL),
        ((1 << 64) - 1, errno.EINVAL),
        (OFFSET_MAX, errno.EFBIG),
        (OFFSET_MAX - 3, errno.EFBIG),
        (1 << 43, errno.EFBIG),
    ],
)
async def test_offsets_that_are_not_written(client: Peer, offset: int, number: int) -> None:
    """write.offset-range, write.end-range (S-068, S-069): nothing is written."""
    before = await client.getattr(FILE)
    assert number == await client.errno(m.Twrite(WRITE, offset, b"1234"))
    assert before == await client.getattr(FILE)


async def test_data_that_do_not_fit_are_an_error(client: Peer) -> None:
    """write.never-stuck (S-070): ENOSPC and not a count of 0."""
    at = 0
    while isinstance(r := await client.rpc(m.Twrite(WRITE, at, bytes(8000))), m.Rwrite):
        assert m.Rwrite(8000) == r
        at += 8000
    assert (m.Rlerror(errno.ENOSPC), at) == (r, (await client.getattr(FILE)).size)


@pytest.mark.parametrize("lie", [-1, 1, 1000, 0xFFFF_0000])
async def test_a_count_that_lies(client: Peer, lie: int) -> None:
    """frame.short-body, frame.trailing-bytes (S-067): nothing is written."""
    data = bytearray(CODEC.encode(1, m.Twrite(WRITE, 0, b"1234")))
    data[19:23] = (4 + lie & 0xFFFFFFFF).to_bytes(4, "little")
    assert [(1, m.Rlerror(errno.EINVAL))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]
    assert b"content" == await client.read(READ)


async def test_through_unlinked_files(client: Peer) -> None:
    """unlink.open-survives: read, write, getattr, setattr, fsync and lock work till the clunk."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    await client.ok(m.Twrite(BOTH, 0, b"CON"))
    await client.ok(m.Tsetattr(BOTH, 8, 0, 0, 0, 4, 0, 0, 0, 0))
    await client.ok(m.Tfsync(BOTH, 0))
    assert m.Rlock(0) == await client.ok(m.Tlock(BOTH, 1, 0, 0, 0, 1, b"c"))
    assert (b"CONt", 0) == (await client.read(READ), (await client.getattr(BOTH)).nlink)


# listings


async def test_a_listing(client: Peer) -> None:
    """readdir.dot-entries, readdir.qid-path, readdir.cookie-range, readdir.end-empty."""
    entries = await entries_of(client, OPEN_DIR)
    assert [b".", b"..", b"g"] == [e.name for e in entries]
    paths = [(await client.getattr(fid)).qid.path for fid in (DIR, ROOT)]
    (_, inner) = await client.walk(ROOT, FREE, b"d", b"g")
    assert [*paths, inner.path] == [e.qid.path for e in entries]
    assert [DirentType.DIR, DirentType.DIR, DirentType.REG] == [e.type for e in entries]
    assert all(0 < e.offset <= OFFSET_MAX for e in entries)
    assert [] == await entries_of(client, OPEN_DIR, entries[-1].offset)


async def test_the_root_is_its_own_parent(client: Peer) -> None:
    """readdir.dot-entries: `..` of the attached root has the root's own qid."""
    await client.ok(m.Tlopen(ROOT, RDONLY))
    here, above, *_ = await entries_of(client, ROOT)
    assert here.qid == above.qid


async def many(client: Peer, count: int) -> list[bytes]:
    """Fill the directory of DIR and OPEN_DIR; return the names."""
    found = [b"%05d" % i for i in range(count)]
    for name in found:
        await client.ok(m.Tmknod(DIR, name, 0o644, 0, 0, NONUNAME))
    return found


async def listed(client: Peer, count: int, offset: int = 0) -> list[bytes]:
    """Read the listing of OPEN_DIR to its end, `count` bytes at a time."""
    found: list[bytes] = []
    while entries := await entries_of(client, OPEN_DIR, offset, count):
        found += [e.name for e in entries]
        offset = entries[-1].offset
    return found


@pytest.mark.parametrize("count", [30, 100, 4000, 8000])
async def test_large_directories(client: Peer, count: int) -> None:
    """readdir.whole-entries, readdir.resume-exact: any count, any number of requests."""
    names = await many(client, 300)
    assert [b".", b"..", b"g", *names] == await listed(client, count)


@pytest.mark.parametrize("count", [1 << 20, 0xFFFFFFFF])
async def test_a_listing_fits_into_msize(client: Peer, count: int) -> None:
    """readdir.whole-entries: however much was asked for."""
    await many(client, 500)
    (reply,) = await client.send(CODEC.encode(1, m.Treaddir(OPEN_DIR, 0, count)))
    assert MSIZE - 100 < len(reply) <= MSIZE


@pytest.mark.parametrize("count", [0, 1, 24])
async def test_no_room_for_an_entry(client: Peer, count: int) -> None:
    """readdir.count-too-small: an error where there is more, no entries at the end."""
    assert errno.EINVAL == await client.errno(m.Treaddir(OPEN_DIR, 0, count))
    last = (await entries_of(client, OPEN_DIR))[-1].offset
    assert m.Rreaddir(b"") == await client.ok(m.Treaddir(OPEN_DIR, last, count))


async def test_removing_while_reading(client: Peer) -> None:
    """readdir.stable-entries: `rm -r` reads, removes and reads on, and leaves nothing."""
    await many(client, 100)
    offset = 0
    while entries := await entries_of(client, OPEN_DIR, offset, 200):
        for e in entries:
            if e.name not in {b".", b".."}:
                await client.ok(m.Tunlinkat(DIR, e.name, 0))
        offset = entries[-1].offset
    assert [b".", b".."] == await listed(client, 8000)


async def test_making_while_reading(client: Peer) -> None:
    """readdir.stable-entries: what was there all the time comes once."""
    names = await many(client, 50)
    first = await entries_of(client, OPEN_DIR, 0, 300)
    await client.ok(m.Tmknod(DIR, b"0", 0o644, 0, 0, NONUNAME))
    rest = await listed(client, 300, first[-1].offset)
    assert [b".", b"..", b"g", *names] == [e.name for e in first] + [n for n in rest if n != b"0"]


async def test_rewinding(client: Peer) -> None:
    """readdir.rewind-at-zero: the directory as it is now; old cookies mean what they meant."""
    before = await entries_of(client, OPEN_DIR)
    await client.ok(m.Tmknod(DIR, b"new", 0o644, 0, 0, NONUNAME))
    await client.ok(m.Tunlinkat(DIR, b"g", 0))
    assert [b".", b"..", b"new"] == await listed(client, 8000)
    assert [b"..", b"new"] == await listed(client, 8000, before[0].offset)


async def test_each_fid_has_its_own_place(client: Peer) -> None:
    """readdir.resume-exact: two listings of one directory do not disturb each other."""
    await client.walk(DIR, FREE)
    await client.ok(m.Tlopen(FREE, RDONLY))
    (first,) = await entries_of(client, OPEN_DIR, 0, 30)
    assert 3 == len(await entries_of(client, FREE))
    assert [b"..", b"g"] == [e.name for e in await entries_of(client, OPEN_DIR, first.offset)]


@pytest.mark.parametrize("offset", [1, 7, OFFSET_MAX, 1 << 63, (1 << 64) - 1])
async def test_cookies_never_handed_out(client: Peer, offset: int) -> None:
    """readdir.cookie-known (S-073)."""
    assert errno.EINVAL == await client.errno(m.Treaddir(OPEN_DIR, offset, 8000))


@pytest.mark.parametrize(
    ("fid", "number"),
    [*((fid, errno.EBADF) for fid in (*CLOSED, XREAD, XWRITE))]
    + [(fid, errno.ENOTDIR) for fid in (READ, WRITE, BOTH)],
)
async def test_fids_that_are_not_listed(client: Peer, fid: int, number: int) -> None:
    """readdir.fid-open, readdir.not-directory (S-074)."""
    assert number == await client.errno(m.Treaddir(fid, 0, 8000))


async def test_a_directory_that_was_removed(client: Peer) -> None:
    """unlink.open-survives: its open fid lists nothing but the dots, or says ENOENT."""
    await client.ok(m.Tunlinkat(DIR, b"g", 0))
    await client.ok(m.Tunlinkat(ROOT, b"d", REMOVEDIR))
    assert [b".", b".."] == await listed(client, 8000)


NAMES = [
    b"\xff\xfe",
    b"new\nline",
    b"-rf",
    b".x",
    b"A",
    b"a",
    b"x" * 255,
    "ä".encode(),
    b" ",
    b"\\",
]


async def test_names_are_bytes(client: Peer) -> None:
    """names.raw-bytes (S-046, S-076): they come back as they went in."""
    for name in NAMES:
        await client.ok(m.Tmknod(DIR, name, 0o644, 0, 0, NONUNAME))
        await client.walk(DIR, FREE, name)
        await client.ok(m.Tclunk(FREE))
    assert sorted([b".", b"..", b"g", *NAMES]) == sorted(await listed(client, 500))


@given(
    st.lists(st.tuples(st.sampled_from("+-r"), st.integers(0, 9)), max_size=30),
    st.integers(30, 200),
)
def test_any_changes_while_reading(steps: list[tuple[str, int]], count: int) -> None:
    """readdir.stable-entries: what is there from first to last comes exactly once."""
    at_once(changes_while_reading(steps, count))


async def changes_while_reading(steps: list[tuple[str, int]], count: int) -> None:
    """Make, remove and read in the order given; look at the names that were always there."""
    client = await populated(MemoryBackend(LIMIT))
    stable = await many(client, 20)
    found: list[bytes] = []
    offset = 0
    for what, number in [*steps, *[("r", 0)] * 60]:
        if what == "+":
            await client.rpc(m.Tmknod(DIR, b"x%d" % number, 0o644, 0, 0, NONUNAME))
        elif what == "-":
            await client.rpc(m.Tunlinkat(DIR, b"x%d" % number, 0))
        elif entries := await entries_of(client, OPEN_DIR, offset, count):
            found += [e.name for e in entries]
            offset = entries[-1].offset
    assert stable == [name for name in found if not name.startswith((b"x", b".", b"g"))]


# syncing


@pytest.mark.parametrize("fid", [READ, WRITE, BOTH, OPEN_DIR])
@pytest.mark.parametrize("datasync", [0, 1, 0xFFFFFFFF])
async def test_syncing(client: Peer, fid: int, datasync: int) -> None:
    """fsync.fid-open, fsync.directory-allowed."""
    assert m.Rfsync() == await client.ok(m.Tfsync(fid, datasync))


@pytest.mark.parametrize("fid", [*CLOSED, XREAD, XWRITE])
async def test_fids_that_are_not_synced(client: Peer, fid: int) -> None:
    """fsync.fid-open."""
    assert errno.EBADF == await client.errno(m.Tfsync(fid, 0))


async def test_the_short_form(client: Peer) -> None:
    """fsync.short-form: a Tfsync that ends behind fid."""
    data = b"\x0b\0\0\0" + bytes([m.Tfsync.code]) + b"\1\0" + READ.to_bytes(4, "little")
    assert [(1, m.Rfsync())] == [CODEC.decode(r) for r in await client.send(bytes(data))]


async def test_a_small_msize_is_enough() -> None:
    """frame.reply-fits: large files and directories take more requests, and complete."""
    client = Peer(service())
    await client.begin(msize=4096)
    content = bytes(range(256)) * 64
    await client.ok(m.Tlcreate(0, b"big", RDWR, 0o644, NONUNAME))
    for at in range(0, len(content), 4000):
        await client.ok(m.Twrite(0, at, content[at : at + 4000]))
    parts = [await client.read(0, at, 4096) for at in range(0, len(content), 4072)]
    assert content == b"".join(parts)
