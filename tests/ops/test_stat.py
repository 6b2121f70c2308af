"""Attributes of files and of file systems."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NONUNAME, GetattrMask, SetattrValid, StMode
from ninep.constants import SetattrValid as V
from ninep.policy import Policy
from ninep.users import NOBODY
from tests.backends.helpers import change
from tests.helpers import Peer, service
from tests.populated import (
    ATTRIBUTES,
    BOTH,
    DIR,
    FIDS,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    READ,
    ROOT,
    WRITE,
)  # fmt: skip

FILES = [fid for fid in FIDS if fid not in ATTRIBUTES]
BASIC, ALL = int(GetattrMask.BASIC), int(GetattrMask.ALL)
NOW, LATER = 1_000_000_000, 5_000_000_000
"""What a clock shows, in nanoseconds."""


def setattr_(fid: int, valid: int | SetattrValid, **values: int) -> m.Tsetattr:
    """Return a Tsetattr."""
    t = change(valid, **values)
    t.fid = fid
    return t


@pytest.mark.parametrize("fid", FILES)
@pytest.mark.parametrize("mask", [BASIC, ALL, BASIC | 0x1000, (1 << 64) - 1])
async def test_attributes_of_any_fid(client: Peer, fid: int, mask: int) -> None:
    """getattr.any-fid, getattr.basic-complete, getattr.blksize-nonzero."""
    st = await client.ok(m.Tgetattr(fid, mask))
    assert isinstance(st, m.Rgetattr)
    assert BASIC == st.valid & BASIC
    assert st.blksize


@pytest.mark.parametrize("mask", [0, 1, int(GetattrMask.SIZE), 1 << 63])
async def test_the_qid_comes_always(client: Peer, mask: int) -> None:
    """getattr.qid-always, getattr.valid-true: whatever was asked for."""
    st = await client.ok(m.Tgetattr(FILE, mask))
    assert isinstance(st, m.Rgetattr)
    assert ((await client.walk(ROOT, FREE, b"f"))[0], 0) == (st.qid, st.valid & ~BASIC)


KINDS = [(ROOT, StMode.IFDIR), (DIR, StMode.IFDIR), (FILE, StMode.IFREG), (LINK, StMode.IFLNK),
         (FIFO, StMode.IFIFO), (OPEN_DIR, StMode.IFDIR), (READ, StMode.IFREG)]  # fmt: skip


@pytest.mark.parametrize(("fid", "kind"), KINDS)
async def test_types_agree(client: Peer, fid: int, kind: StMode) -> None:
    """getattr.mode-type: mode and qid say the same."""
    st = await client.getattr(fid)
    types = {StMode.IFDIR: 0x80, StMode.IFLNK: 0x02}
    assert (kind, types.get(kind, 0)) == (st.mode & StMode.IFMT, st.qid.type)


async def test_identity(client: Peer) -> None:
    """getattr.path-identity: the same by every name and after a rename, another for a new file."""
    before = (await client.getattr(FILE)).qid.path
    await client.ok(m.Tlink(DIR, FILE, b"hard"))
    await client.ok(m.Trenameat(ROOT, b"f", DIR, b"moved"))
    for name in (b"hard", b"moved"):
        (qid,) = await client.walk(DIR, FREE, name)
        assert before == qid.path
        await client.ok(m.Tremove(FREE))
    await client.file(b"f")
    assert before != (await client.walk(ROOT, FREE, b"f"))[0].path


@pytest.mark.parametrize(
    "t", [m.Twrite(WRITE, 0, b"x"), setattr_(FILE, V.SIZE, size=3), m.Tlopen(FILE, 0o1001)]
)
async def test_the_version_changes(client: Peer, t: m.TMessage) -> None:
    """getattr.version-changes: with the content."""
    before = (await client.getattr(READ)).qid.version
    await client.ok(t)
    assert before != (await client.getattr(READ)).qid.version


async def test_without_a_name(client: Peer) -> None:
    """getattr.after-unlink: nlink is 0, open or not."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    assert [0, 0] == [(await client.getattr(fid)).nlink for fid in (READ, FILE)]


@pytest.mark.parametrize("fid", [*ATTRIBUTES, FREE])
async def test_what_is_no_file(client: Peer, fid: int) -> None:
    """fid.is-file, fid.unknown-fid."""
    requests = (
        m.Tgetattr(fid, BASIC), setattr_(fid, V.MODE), m.Tstatfs(fid), m.Treadlink(fid),
        m.Txattrwalk(fid, 555, b""),
    )  # fmt: skip
    assert [errno.EBADF] * 5 == [await client.errno(t) for t in requests]


# changing


@pytest.mark.parametrize("fid", [FILE, READ, WRITE, BOTH, DIR, OPEN_DIR, FIFO, ROOT])
async def test_mode(client: Peer, fid: int) -> None:
    """setattr.mode-bits, getattr.any-fid: permissions alone, the type stays."""
    kind = (await client.getattr(fid)).mode & StMode.IFMT
    await client.ok(setattr_(fid, V.MODE, mode=0o177751))
    assert kind | 0o7751 == (await client.getattr(fid)).mode


async def test_set_id_bits_are_an_option(client: Peer) -> None:
    """create.set-id-privilege: what a file has it keeps, and gets no more; directories may."""
    await client.ok(setattr_(FILE, V.MODE, mode=0o4755))
    client.session.service.policy = Policy()
    assert errno.EPERM == await client.errno(setattr_(FILE, V.MODE, mode=0o6755))
    await client.ok(setattr_(FILE, V.MODE, mode=0o4700))
    await client.ok(setattr_(FILE, V.MODE, mode=0o700))
    assert errno.EPERM == await client.errno(setattr_(FILE, V.MODE, mode=0o4700))
    await client.ok(setattr_(DIR, V.MODE, mode=0o2755))
    client.session.service.policy = Policy(set_id=True)
    await client.ok(setattr_(FILE, V.MODE, mode=0o6755))
    client.session.service.policy = Policy()
    for valid in (V.MODE | V.UID, V.MODE | V.GID, V.MODE | V.UID | V.GID):
        assert errno.EPERM == await client.errno(setattr_(FILE, valid, mode=0o6755, uid=5, gid=5))


@pytest.mark.parametrize(
    ("valid", "owners"), [(V.UID, (11, 0)), (V.GID, (NOBODY, 22)), (V.UID | V.GID, (11, 22))]
)
async def test_owners(client: Peer, valid: SetattrValid, owners: tuple[int, int]) -> None:
    """setattr.owner-bits, setattr.valid-only: each alone, or both."""
    await client.ok(setattr_(FILE, valid, uid=11, gid=22, mode=0, size=1 << 63, atime_nsec=1 << 60))
    st = await client.getattr(FILE)
    assert (*owners, StMode.IFREG | 0o644, 7) == (st.uid, st.gid, st.mode, st.size)


@pytest.mark.parametrize("fid", [FILE, READ, WRITE, BOTH])
@pytest.mark.parametrize(("size", "data"), [(0, b""), (3, b"con"), (9, b"content\0\0")])
async def test_size(client: Peer, fid: int, size: int, data: bytes) -> None:
    """setattr.size-bit, setattr.size-open-fid: cut, or made longer with zeros."""
    await client.ok(setattr_(fid, V.SIZE | V.MTIME | V.CTIME, size=size))
    assert data == await client.read(READ)


async def test_size_by_the_right_of_the_open_fid(client: Peer) -> None:
    """setattr.size-open-fid: also after the file was unlinked and closed to writers."""
    await client.ok(setattr_(FILE, V.MODE, mode=0))
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    await client.ok(setattr_(WRITE, V.SIZE, size=2))
    assert b"co" == await client.read(READ)


@pytest.mark.parametrize("fid", [DIR, OPEN_DIR, ROOT])
async def test_size_of_a_directory(client: Peer, fid: int) -> None:
    """setattr.size-directory."""
    assert errno.EISDIR == await client.errno(setattr_(fid, V.SIZE, size=0))


IMPOSSIBLE = [
    (0x200, {}),  # setattr.known-bits
    (1 << 31, {}),
    (0xFFFFFFFF, {}),
    (V.UID, {"uid": NONUNAME}),  # setattr.owner-range
    (V.GID, {"gid": NONUNAME}),
    (V.UID | V.GID, {"uid": 5, "gid": NONUNAME}),
    (V.SIZE, {"size": 1 << 63}),  # setattr.size-range
    (V.SIZE, {"size": (1 << 64) - 1}),
    (V.ATIME | V.ATIME_SET, {"atime_nsec": 10**9}),  # setattr.time-range
    (V.MTIME | V.MTIME_SET, {"mtime_nsec": (1 << 64) - 1}),
    (V.ATIME | V.ATIME_SET, {"atime_sec": 1 << 63}),
    (V.MTIME | V.MTIME_SET, {"mtime_sec": 1 << 62}),
]


@pytest.mark.parametrize(("valid", "values"), IMPOSSIBLE)
@pytest.mark.parametrize("fid", [FILE, BOTH])
async def test_values_that_no_file_has(
    client: Peer, fid: int, valid: int, values: dict[str, int]
) -> None:
    """setattr.checked-first (S-077, S-078): nothing is changed, not even what was possible."""
    before = await client.getattr(FILE)
    good = {"mode": 0o600, "uid": 7, "mtime_sec": 5, "size": 3}
    extra = V.MODE | V.UID | V.MTIME | V.MTIME_SET | V.SIZE
    for t in (setattr_(fid, valid, **values), setattr_(fid, valid | extra, **(good | values))):
        assert errno.EINVAL == await client.errno(t)
    assert before == await client.getattr(FILE)


@pytest.fixture
async def clocked() -> Peer:
    """Return a client of a tree whose clock stands still, after a file was made."""
    time = NOW
    client = Peer(service(MemoryBackend(1 << 20, clock=lambda: time)))
    await client.begin()
    await client.create(WRITE, b"f", b"content")
    time = LATER
    return client


TIMES = [
    (V.ATIME, (5, 0), (1, 0)),  # setattr.time-now
    (V.MTIME, (1, 0), (5, 0)),
    (V.ATIME | V.MTIME, (5, 0), (5, 0)),
    (V.ATIME | V.ATIME_SET, (42, 999_999_999), (1, 0)),  # setattr.time-given
    (V.MTIME | V.MTIME_SET, (1, 0), ((1 << 64) - 3, 1)),
    (V.ATIME | V.MTIME | V.MTIME_SET, (5, 0), ((1 << 64) - 3, 1)),
    (V.ATIME_SET, (1, 0), (1, 0)),  # setattr.set-alone
    (V.ATIME_SET | V.MTIME_SET, (1, 0), (1, 0)),
    (V.CTIME, (1, 0), (1, 0)),  # setattr.ctime-accepted
    (V(0), (1, 0), (1, 0)),
]


@pytest.mark.parametrize(("valid", "atime", "mtime"), TIMES)
async def test_times(
    clocked: Peer, valid: SetattrValid, atime: tuple[int, int], mtime: tuple[int, int]
) -> None:
    """setattr.time-now, setattr.time-given, setattr.set-alone, setattr.ctime-accepted."""
    given = {"atime_sec": 42, "atime_nsec": 999_999_999, "mtime_sec": (1 << 64) - 3}
    await clocked.ok(setattr_(WRITE, valid, **given, mtime_nsec=1))
    st = await clocked.getattr(WRITE)
    assert (atime, mtime) == ((st.atime_sec, st.atime_nsec), (st.mtime_sec, st.mtime_nsec))


@pytest.mark.parametrize("valid", [V.ATIME_SET, V.MTIME_SET, V.ATIME | V.MTIME])
async def test_times_that_do_not_count(clocked: Peer, valid: SetattrValid) -> None:
    """setattr.valid-only, setattr.set-alone: a time that is not to be set may be anything."""
    nonsense = dict.fromkeys(("atime_sec", "atime_nsec", "mtime_sec", "mtime_nsec"), 1 << 63)
    await clocked.ok(setattr_(WRITE, valid, **nonsense))


@pytest.mark.parametrize("opened", [False, True])
async def test_size_before_times(clocked: Peer, opened: bool) -> None:
    """setattr.fixed-order: cutting does not spoil the time that comes with it."""
    fid = WRITE
    if not opened:
        await clocked.walk(0, fid := FREE, b"f")
    valid = V.SIZE | V.MTIME | V.MTIME_SET | V.MODE
    await clocked.ok(setattr_(fid, valid, size=1, mtime_sec=77, mode=0o600))
    st = await clocked.getattr(fid)
    assert (1, 77, StMode.IFREG | 0o600) == (st.size, st.mtime_sec, st.mode)


@pytest.mark.parametrize("fid", [FILE, BOTH])
async def test_owner_and_mode_before_size(client: Peer, fid: int) -> None:
    """setattr.fixed-order (S-078): where the size fails what comes before it is done, and what
    comes after it is not, through an open fid and another.
    """
    before = await client.getattr(FILE)
    valid = V.UID | V.MODE | V.SIZE | V.MTIME | V.MTIME_SET
    t = setattr_(fid, valid, uid=9, mode=0o600, size=1 << 40, mtime_sec=77)
    assert errno.EFBIG == await client.errno(t)
    st = await client.getattr(FILE)
    assert (9, StMode.IFREG | 0o600, 7) == (st.uid, st.mode, st.size)
    assert before.mtime_sec == st.mtime_sec


async def test_of_a_link(client: Peer) -> None:
    """setattr.symlink-itself, setattr.symlink-mode: owner and times are its own, it has no mode."""
    valid = V.UID | V.MTIME | V.MTIME_SET
    await client.ok(setattr_(LINK, valid, uid=9, mtime_sec=77))
    assert errno.EOPNOTSUPP == await client.errno(setattr_(LINK, V.MODE, mode=0o600))
    link, file = await client.getattr(LINK), await client.getattr(FILE)
    assert (9, 77, NOBODY) == (link.uid, link.mtime_sec, file.uid)


@pytest.mark.parametrize("valid", [V.MODE, V.SIZE, V.UID, V.MTIME])
async def test_on_a_readonly_export(valid: SetattrValid) -> None:
    """session.readonly-refuses."""
    client = Peer(service(ReadonlyBackend(MemoryBackend())))
    await client.begin()
    assert errno.EROFS == await client.errno(setattr_(0, valid, uid=1))


@pytest.mark.parametrize("fid", FILES)
async def test_figures(client: Peer, fid: int) -> None:
    """statfs.any-fid, statfs.bsize-nonzero."""
    r = await client.ok(m.Tstatfs(fid))
    assert isinstance(r, m.Rstatfs)
    assert (True, 255) == (r.bsize > 0, r.namelen)
