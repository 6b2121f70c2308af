"""Opening and creating: what a fid is afterwards, and what it is when that failed."""

from __future__ import annotations

import asyncio
import errno

import pytest

from ninep import messages as m
from ninep.backends._memory_inode import MemoryFile
from ninep.backends.memory import MemoryBackend, MemoryNode
from ninep.backends.readonly import ReadonlyBackend
from ninep.conformance.check.layout import stats
from ninep.constants import IOHDRSZ, NONUNAME, LopenFlag, Perm, QidType, StMode
from tests.helpers import MSIZE, Peer, old_peer, service
from tests.populated import (
    BOTH,
    DIR,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    RDONLY,
    RDWR,
    READ,
    ROOT,
    WRITE,
    WRONLY,
    XREAD,
    XWRITE,
    fill,
    names,
)  # fmt: skip

TRUNC, APPEND, EXCL = int(LopenFlag.TRUNC), int(LopenFlag.APPEND), int(LopenFlag.EXCL)
CREATE, DIRECTORY = int(LopenFlag.CREATE), int(LopenFlag.DIRECTORY)
HARMLESS = sum(LopenFlag) & ~(3 | TRUNC | APPEND | EXCL | CREATE | DIRECTORY)


def create(fid: int, name: bytes, flags: int = RDWR, mode: int = 0o644) -> m.Tlcreate:
    """Return a Tlcreate that leaves the group to the server."""
    return m.Tlcreate(fid, name, flags, mode, NONUNAME)


async def test_qid_and_iounit(client: Peer) -> None:
    """open.iounit-bound: what surely fits into a message."""
    qid = (await client.getattr(FILE)).qid
    assert m.Rlopen(qid, MSIZE - IOHDRSZ) == await client.ok(m.Tlopen(FILE, RDONLY))


@pytest.mark.parametrize(
    ("flags", "reads", "writes"),
    [
        (RDONLY, 0, errno.EBADF),
        (WRONLY, errno.EBADF, 0),
        (RDWR, 0, 0),
        (RDWR | HARMLESS, 0, 0),
        (RDONLY | CREATE | EXCL, 0, errno.EBADF),
        (1 << 31 | 1, 9, 0),
    ],
)
async def test_access(client: Peer, flags: int, reads: int, writes: int) -> None:
    """read.fid-readable, write.fid-writable, open.create-ignored, open.client-flags-ignored."""
    await client.ok(m.Tlopen(FILE, flags))
    read, write = await client.rpc(m.Tread(FILE, 0, 9)), await client.rpc(m.Twrite(FILE, 0, b"CON"))
    assert (m.Rlerror(reads) if reads else m.Rread(b"content")) == read
    assert (m.Rlerror(writes) if writes else m.Rwrite(3)) == write


@pytest.mark.parametrize("fid", [READ, WRITE, BOTH, OPEN_DIR, XREAD, XWRITE])
async def test_only_once(client: Peer, fid: int) -> None:
    """open.fid-unopened, create.fid-unopened (S-057, S-082): the fid goes on as it is."""
    assert errno.EINVAL == await client.errno(m.Tlopen(fid, RDONLY))
    assert errno.EINVAL == await client.errno(create(fid, b"new"))
    assert b"content" == await client.read(READ)
    assert b"value" == await client.read(XREAD)
    assert [b"d", b"f", b"p", b"s"] == await names(client)


REFUSED = [
    (FILE, 3, errno.EINVAL),  # open.access-mode
    (FILE, RDONLY | DIRECTORY, errno.ENOTDIR),  # open.directory-flag
    (DIR, 3, errno.EINVAL),
    (DIR, WRONLY, errno.EISDIR),  # open.write-directory
    (DIR, RDWR, errno.EISDIR),
    (DIR, RDONLY | TRUNC, errno.EISDIR),
    (LINK, RDONLY, errno.ELOOP),  # open.symlink-refused
    (LINK, WRONLY | TRUNC, errno.ELOOP),
    (FIFO, RDONLY, errno.EOPNOTSUPP),  # open.special-refused
    (FIFO, WRONLY, errno.EOPNOTSUPP),
    (FREE, RDONLY, errno.EBADF),  # fid.unknown-fid
]


@pytest.mark.parametrize(("fid", "flags", "number"), REFUSED)
async def test_an_open_that_fails(client: Peer, fid: int, flags: int, number: int) -> None:
    """open.failure-leaves-fid (S-054, S-056, S-058): not open, and to be opened otherwise."""
    assert number == await client.errno(m.Tlopen(fid, flags))
    if fid in {FILE, DIR}:
        assert errno.EBADF == await client.errno(m.Tread(fid, 0, 1))
        await client.ok(m.Tlopen(fid, RDONLY))


@pytest.mark.parametrize("kind", [StMode.IFCHR, StMode.IFBLK, StMode.IFSOCK, StMode.IFIFO])
@pytest.mark.parametrize("flags", [RDONLY, RDWR, WRONLY | TRUNC])
async def test_special_files(client: Peer, kind: StMode, flags: int) -> None:
    """open.special-refused (S-055): none is opened, in no way."""
    await client.ok(m.Tmknod(ROOT, b"special", int(kind) | 0o666, 1, 3, NONUNAME))
    await client.walk(ROOT, FREE, b"special")
    assert errno.EOPNOTSUPP == await client.errno(m.Tlopen(FREE, flags))


async def test_directories(client: Peer) -> None:
    """open.directory-flag: a directory is opened with the flag and without."""
    await client.ok(m.Tlopen(DIR, RDONLY | DIRECTORY))
    await client.ok(m.Treaddir(DIR, 0, 1000))


async def test_truncation(client: Peer) -> None:
    """open.truncate-flag (S-058): the file is empty, for other fids too."""
    await client.ok(m.Tlopen(FILE, WRONLY | TRUNC))
    assert b"" == await client.read(READ)


async def test_appending(client: Peer) -> None:
    """open.append-flag: each write goes to the end as it is then, whatever its offset."""
    await client.ok(m.Tlopen(FILE, WRONLY | APPEND))
    for fid, offset, data in ((FILE, 0, b"-1"), (BOTH, 9, b"-2"), (FILE, 1, b"-3")):
        assert m.Rwrite(2) == await client.ok(m.Twrite(fid, offset, data))
    assert b"content-1-2-3" == await client.read(READ)


async def test_without_a_name(client: Peer) -> None:
    """open.unlinked-refused: what has no name left is not opened any more."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    assert errno.ENOENT == await client.errno(m.Tlopen(FILE, RDONLY))
    assert 0 == (await client.getattr(FILE)).nlink


async def test_permissions_count_at_the_open(client: Peer) -> None:
    """open.checked-once: what is changed later does not touch an open fid."""
    await client.ok(m.Tsetattr(FILE, 1, 0, 0, 0, 0, 0, 0, 0, 0))
    assert b"content" == await client.read(READ)
    await client.ok(m.Twrite(WRITE, 0, b"C"))


async def test_the_fid_becomes_the_file(client: Peer) -> None:
    """create.fid-becomes-file, create.visible-at-once: open, and no directory any more."""
    r = await client.ok(create(DIR, b"new", RDWR, 0o600))
    assert isinstance(r, m.Rlcreate)
    assert m.Rlcreate((await client.getattr(DIR)).qid, MSIZE - IOHDRSZ) == r
    await client.ok(m.Twrite(DIR, 0, b"abc"))
    assert b"abc" == await client.read(DIR)
    assert errno.ENOTDIR == await client.errno(m.Twalk(DIR, FREE, (b"x",)))
    assert (r.qid.path,) == tuple(q.path for q in await client.walk(ROOT, FREE, b"d", b"new"))[1:]


@pytest.mark.parametrize(("flags", "number"), [(RDONLY, errno.EBADF), (WRONLY, 0), (RDWR, 0)])
async def test_access_of_what_was_created(client: Peer, flags: int, number: int) -> None:
    """write.fid-writable: the access mode counts for a new file as for an old one."""
    await client.ok(create(DIR, b"new", flags))
    r = await client.rpc(m.Twrite(DIR, 0, b"x"))
    assert (m.Rlerror(number) if number else m.Rwrite(1)) == r


@pytest.mark.parametrize("mode", [0o7777, 0o644, 0, 0o100644, int(StMode.IFDIR) | 0o700])
async def test_the_mode_of_what_was_created(client: Peer, mode: int) -> None:
    """create.mode-masked: the permissions exactly, and always a regular file."""
    await client.ok(create(DIR, b"new", RDWR, mode))
    assert StMode.IFREG | mode & 0o7777 == (await client.getattr(DIR)).mode


async def test_the_owner_of_what_was_created(client: Peer) -> None:
    """create.gid-applied: the user of the fid, and the group that was asked for."""
    await client.attach(FREE, n_uname=1000)
    await client.ok(m.Tlcreate(FREE, b"new", RDWR, 0o644, 555))
    st = await client.getattr(FREE)
    assert (1000, 555) == (st.uid, st.gid)


NO_CREATE = [
    (DIR, b"", RDWR, errno.EINVAL),  # names.not-empty
    (DIR, b".", RDWR, errno.EEXIST),  # create.dot-names
    (DIR, b"..", RDWR, errno.EEXIST),
    (DIR, b"a/b", RDWR, errno.EINVAL),  # names.no-slash
    (DIR, b"/a", RDWR, errno.EINVAL),
    (DIR, b"a\0", RDWR, errno.EINVAL),  # names.no-nul
    (DIR, b"x" * 256, RDWR, errno.ENAMETOOLONG),  # names.too-long
    (DIR, b"x" * 8000, RDWR, errno.ENAMETOOLONG),
    (DIR, b"new", 3, errno.EINVAL),  # open.access-mode
    (DIR, b"g", RDWR | EXCL, errno.EEXIST),  # create.excl-exists
    (ROOT, b"d", RDWR | EXCL, errno.EEXIST),
    (ROOT, b"s", RDWR | EXCL, errno.EEXIST),
    (ROOT, b"s", RDWR, errno.ELOOP),  # create.no-follow
    (ROOT, b"s", WRONLY | TRUNC, errno.ELOOP),
    (ROOT, b"d", RDWR, errno.EISDIR),
    (ROOT, b"d", RDONLY, errno.EISDIR),  # create.existing-opened: a regular file only
    (ROOT, b"p", RDWR, errno.EOPNOTSUPP),
    (FILE, b"new", RDWR, errno.ENOTDIR),  # create.directory-only
    (LINK, b"new", RDWR, errno.ENOTDIR),
    (FREE, b"new", RDWR, errno.EBADF),  # fid.unknown-fid
]


@pytest.mark.parametrize(("fid", "name", "flags", "number"), NO_CREATE)
async def test_a_create_that_fails(
    client: Peer, fid: int, name: bytes, flags: int, number: int
) -> None:
    """create.failure-leaves-fid (S-059, S-060): the fid is what it was, and no name is left."""
    before = await names(client), await names(client, b"d")
    path = (await client.getattr(fid)).qid.path if fid != FREE else 0
    assert number == await client.errno(create(fid, name, flags))
    assert before == (await names(client), await names(client, b"d"))
    if fid in {DIR, ROOT}:
        assert path == (await client.getattr(fid)).qid.path
        await client.ok(create(fid, b"another"))


async def test_directory_flag_of_a_create(client: Peer) -> None:
    """create.failure-leaves-fid: DIRECTORY has no effect, and no half of a create is left."""
    await client.ok(create(DIR, b"new", RDWR | DIRECTORY))
    assert QidType.FILE == (await client.getattr(DIR)).qid.type
    assert m.Rwrite(1) == await client.ok(m.Twrite(DIR, 0, b"x"))


async def test_in_a_removed_directory(client: Peer) -> None:
    """create.removed-directory: nothing is made there."""
    await client.ok(m.Tunlinkat(DIR, b"g", 0))
    await client.ok(m.Tunlinkat(ROOT, b"d", 0x200))
    assert errno.ENOENT == await client.errno(create(DIR, b"new"))
    assert 0 == (await client.getattr(DIR)).nlink


async def test_what_exists_is_opened(client: Peer) -> None:
    """create.existing-opened: without EXCL, and TRUNC counts."""
    await client.ok(create(ROOT, b"f", RDONLY, 0o777))
    assert b"content" == await client.read(ROOT)
    assert StMode.IFREG | 0o644 == (await client.getattr(ROOT)).mode
    await client.attach(FREE)
    await client.ok(create(FREE, b"f", WRONLY | TRUNC))
    assert b"" == await client.read(ROOT)


async def test_a_new_file_takes_the_place_of_the_directory_only_for_its_fid(client: Peer) -> None:
    """create.fid-becomes-file: other fids of the directory are not touched."""
    await client.walk(DIR, FREE)
    await client.ok(create(FREE, b"new"))
    assert (await client.getattr(DIR)).qid.path != (await client.getattr(FREE)).qid.path
    assert [b"g", b"new"] == await names(client, b"d")


READONLY = [
    (FILE, WRONLY), (FILE, RDWR), (FILE, RDONLY | TRUNC), (FILE, WRONLY | TRUNC), (DIR, RDWR),
]  # fmt: skip


@pytest.fixture
async def readonly() -> Peer:
    """Return a client of a tree that cannot be changed, with a few fids."""
    tree = MemoryBackend()
    writer = Peer(service(tree))
    await writer.begin()
    await fill(writer)
    reader = Peer(service(ReadonlyBackend(tree)))
    await reader.begin()
    await reader.walk(ROOT, FILE, b"f")
    await reader.walk(ROOT, DIR, b"d")
    return reader


@pytest.mark.parametrize(("fid", "flags"), READONLY)
async def test_readonly_open(readonly: Peer, fid: int, flags: int) -> None:
    """session.readonly-open (S-058): EROFS, and nothing was cut."""
    assert errno.EROFS == await readonly.errno(m.Tlopen(fid, flags))
    await readonly.ok(m.Tlopen(FILE, RDONLY | APPEND | CREATE))
    assert b"content" == await readonly.read(FILE)


@pytest.mark.parametrize("name", [b"new", b"f"])
async def test_readonly_create(readonly: Peer, name: bytes) -> None:
    """session.readonly-refuses: also where the file exists."""
    assert errno.EROFS == await readonly.errno(create(ROOT, name, RDONLY))
    assert b"d" in await names(readonly)


async def test_readonly_allows(readonly: Peer) -> None:
    """session.readonly-allows: reading, syncing, locking and clunking work."""
    await readonly.ok(m.Tlopen(FILE, RDONLY))
    await readonly.ok(m.Tfsync(FILE, 0))
    assert m.Rlock(0) == await readonly.ok(m.Tlock(FILE, 1, 0, 0, 0, 1, b"c"))
    await readonly.ok(m.Tclunk(FILE))


# Topen


@pytest.fixture(params=["9P2000", "9P2000.u"])
async def old(request: pytest.FixtureRequest) -> Peer:
    """Return a client of an older dialect, with a program, a file and a directory in its tree."""
    found = await old_peer(request.param)
    for name, perm in ((b"run", 0o755), (b"f", 0o644), (b"d", Perm.DIR | 0o755)):
        await found.walk(0, 1)
        await found.ok(m.Tcreate(1, name, perm, 0))
        await found.ok(m.Tclunk(1))
    return found


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    [(0, 0, 9), (1, 9, 0), (2, 0, 0), (0x20, 0, 9), (0x32, 0, 0), (0x41, 9, 0)],
)
async def test_topen(old: Peer, mode: int, reads: int, writes: int) -> None:
    """open.reply-qid, open.iounit-bound, open.mode-byte: what the byte asks for."""
    (qid,) = await old.walk(0, 1, b"f")
    r = await old.ok(m.Topen(1, mode))
    assert isinstance(r, m.Ropen)
    assert (qid.path, MSIZE - IOHDRSZ) == (r.qid.path, r.iounit)
    for t, number in ((m.Tread(1, 0, 9), reads), (m.Twrite(1, 0, b"x"), writes)):
        if number:
            assert number == await old.errno(t)
        else:
            await old.ok(t)


@pytest.mark.parametrize(
    ("name", "mode", "number"),
    [
        (b"f", 0x04, errno.EINVAL),
        (b"f", 0x08, errno.EINVAL),
        (b"f", 3, errno.EACCES),
        (b"d", 1, errno.EISDIR),
        (b"d", 0x10, errno.EISDIR),
        (b"d", 0x40, errno.EISDIR),
    ],
)
async def test_topen_refused(old: Peer, name: bytes, mode: int, number: int) -> None:
    """open.mode-byte, open.exec-reads, open.write-directory; the fid can be opened otherwise."""
    await old.walk(0, 1, name)
    assert number == await old.errno(m.Topen(1, mode))
    await old.ok(m.Topen(1, 0))
    assert errno.EINVAL == await old.errno(m.Topen(1, 0))


async def test_topen_to_run(old: Peer) -> None:
    """open.exec-reads: a program is read."""
    await old.walk(0, 1, b"run")
    await old.ok(m.Topen(1, 3))
    assert b"" == await old.read(1)
    await old.walk(0, 2, b"d")
    await old.ok(m.Topen(2, 3))


async def test_append_is_a_bit_of_u(old: Peer) -> None:
    """open.append-flag: in 9P2000.u alone."""
    await old.walk(0, 1, b"f")
    if old.dialect == "9P2000":
        assert errno.EINVAL == await old.errno(m.Topen(1, 0x81))
        return
    await old.ok(m.Topen(1, 0x82))
    for part in (b"one", b"two"):
        await old.ok(m.Twrite(1, 0, part))
    assert b"onetwo" == await old.read(1)


async def test_append_only(old: Peer) -> None:
    """open.append-only: neither an offset nor TRUNC counts."""
    await old.walk(0, 1)
    await old.ok(m.Tcreate(1, b"log", Perm.APPEND | 0o644, 1))
    await old.ok(m.Twrite(1, 0, b"one"))
    await old.walk(0, 2, b"log")
    await old.ok(m.Topen(2, 0x12))
    await old.ok(m.Twrite(2, 0, b"two"))
    assert b"onetwo" == await old.read(2)


async def test_exclusive_use(old: Peer) -> None:
    """open.exclusive-use: EAGAIN while a fid has it open, whoever asks."""
    await old.walk(0, 1)
    await old.ok(m.Tcreate(1, b"one", Perm.EXCL | 0o644, 1))
    other = Peer(old.session.service, old.dialect)
    await other.begin()
    for held in (1, 2):
        await other.walk(0, held, b"one")
        assert errno.EAGAIN == await other.errno(m.Topen(held, 0))
        await old.ok(m.Tclunk(held))
        await other.ok(m.Topen(held, 0))
        await other.ok(m.Tclunk(held))
        await old.walk(0, 2, b"one")
        await old.ok(m.Topen(2, 0))


async def test_exclusive_use_while_it_is_opened(old: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """open.exclusive-use: also while a slow tree still opens it, and not after that has failed."""
    await old.walk(0, 1)
    await old.ok(m.Tcreate(1, b"one", Perm.EXCL | 0o644, 1))
    await old.ok(m.Tclunk(1))
    go, sound, faults = asyncio.Event(), MemoryNode.open, [OSError(errno.EIO, "the disk")]

    async def slow(node: MemoryNode, flags: int) -> MemoryFile:
        await go.wait()
        if faults:
            raise faults.pop()
        return await sound(node, flags)

    monkeypatch.setattr(MemoryNode, "open", slow)
    for fid in (1, 2):
        await old.walk(0, fid, b"one")
    first = asyncio.create_task(old.errno(m.Topen(1, 0)))
    await asyncio.sleep(0)
    assert errno.EAGAIN == await old.errno(m.Topen(2, 0))
    go.set()
    assert errno.EIO == await first
    await old.ok(m.Topen(2, 0))


async def test_nothing_read_only_is_removed() -> None:
    """session.readonly-open: EROFS for RCLOSE, too."""
    tree = MemoryBackend()
    await (await old_peer("9P2000", tree)).ok(m.Tcreate(0, b"f", 0o644, 0))
    client = await old_peer("9P2000", ReadonlyBackend(tree))
    await client.walk(0, 1, b"f")
    for mode in (1, 0x10, 0x40):
        assert errno.EROFS == await client.errno(m.Topen(1, mode))


# Directories as records


async def records(peer: Peer, fid: int, count: int = 8000) -> list[m.Stat]:
    """Return the stat records of an open directory."""
    found, offset = [], 0
    while data := await peer.read(fid, offset, count):
        offset += len(data)
        found += stats(peer.dialect, data)
    return found


@pytest.mark.parametrize("count", [120, 8000])
async def test_records(old: Peer, count: int) -> None:
    """read.directory-records: those of Tstat, without the dots."""
    await old.ok(m.Topen(0, 0))
    found = await records(old, 0, count)
    assert [b"run", b"f", b"d"] == [stat.name for stat in found]
    for stat in found:
        await old.walk(0, 5, stat.name)
        r = await old.ok(m.Tstat(5))
        assert isinstance(r, m.Rstat)
        assert stat == r.stat
        await old.ok(m.Tclunk(5))


async def test_what_cannot_be_looked_at(old: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """read.directory-records: an entry that is gone, or fails, does not cost the others."""
    await old.ok(m.Topen(0, 0))
    sound = MemoryNode.walk

    async def walk(node: MemoryNode, name: bytes) -> MemoryNode:
        if name == b"f":
            raise OSError(errno.EIO, "the disk")
        return await sound(node, name)

    monkeypatch.setattr(MemoryNode, "walk", walk)
    assert [b"run", b"d"] == [stat.name for stat in await records(old, 0)]
