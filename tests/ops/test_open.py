"""Opening and creating: what a fid is afterwards, and what it is when that failed."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import IOHDRSZ, NONUNAME, LopenFlag, QidType, StMode
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
