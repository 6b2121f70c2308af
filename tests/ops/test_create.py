"""Tcreate: what is made of which bits, and what is left behind when that fails."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend, MemoryNode
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import IOHDRSZ, OpenMode, Perm, QidType
from ninep.messages import Stat
from ninep.ops.wstat import UNTOUCHED
from ninep.session import Service
from tests.backends.helpers import at_once
from tests.helpers import MSIZE, Peer, old_peer

OLD, U = "9P2000", "9P2000.u"
ROOT, A, B, FREE = 0, 1, 2, 777


@pytest.fixture(params=[OLD, U])
async def client(request: pytest.FixtureRequest) -> Peer:
    """Return a client of each dialect."""
    return await old_peer(request.param)


@pytest.fixture
async def unix() -> Peer:
    """Return a client of 9P2000.u."""
    return await old_peer(U)


async def create(
    peer: Peer, fid: int, name: bytes, perm: int, mode: int = 0, extension: bytes = b""
) -> m.Rcreate:
    """Create a file in the root; `fid` becomes it."""
    await peer.walk(ROOT, fid)
    r = await peer.ok(m.Tcreate(fid, name, perm, mode, extension))
    assert isinstance(r, m.Rcreate)
    return r


async def stat(peer: Peer, fid: int) -> Stat:
    """Return a stat record."""
    r = await peer.ok(m.Tstat(fid))
    assert isinstance(r, m.Rstat)
    return r.stat


async def there(peer: Peer, *path: bytes) -> bool:
    """Say whether a file is there."""
    r = await peer.rpc(m.Twalk(ROOT, FREE, path))
    found = isinstance(r, m.Rwalk) and len(r.wqid) == len(path)
    if found:
        await peer.ok(m.Tclunk(FREE))
    return found


async def test_a_file(client: Peer) -> None:
    """create.fid-becomes-file, open.iounit-bound: open for what was asked."""
    r = await create(client, A, b"f", 0o640, OpenMode.RDWR)
    assert (0, MSIZE - IOHDRSZ) == (r.qid.type, r.iounit)
    assert m.Rwrite(3) == await client.ok(m.Twrite(A, 0, b"abc"))
    assert b"abc" == await client.read(A)
    found = await stat(client, A)
    assert (b"f", 3, 0o640, r.qid.path) == (found.name, found.length, found.mode, found.qid.path)


async def test_a_directory(client: Peer) -> None:
    """create.directory-bit: made, and open to be read."""
    r = await create(client, A, b"d", Perm.DIR | 0o750)
    assert QidType.DIR == r.qid.type
    assert b"" == await client.read(A)
    assert Perm.DIR | 0o750 == (await stat(client, A)).mode
    assert errno.EISDIR == await client.errno(m.Twrite(A, 0, b"x"))


@pytest.mark.parametrize("perm", [0o644, Perm.DIR | 0o755])
async def test_a_name_that_is_taken(client: Peer, perm: int) -> None:
    """create.name-new, create.failure-leaves-fid: EEXIST, and the fid is still the directory's."""
    for name, kind in ((b"f", 0o644), (b"d", Perm.DIR | 0o755)):
        await create(client, A, name, kind)
        await client.walk(ROOT, B)
        assert errno.EEXIST == await client.errno(m.Tcreate(B, name, perm, 0))
        await client.ok(m.Tcreate(B, b"another" + name, perm, 0))
        await client.ok(m.Tclunk(A))
        await client.ok(m.Tclunk(B))


@pytest.mark.parametrize(
    ("name", "perm", "mode", "number"),
    [
        (b"", 0o644, 0, errno.EINVAL),
        (b"a/b", 0o644, 0, errno.EINVAL),
        (b"..", 0o644, 0, errno.EEXIST),
        (b"n" * 256, 0o644, 0, errno.ENAMETOOLONG),
        (b"x", 0o644, 0x04, errno.EINVAL),
        (b"x", Perm.DIR | 0o755, 1, errno.EISDIR),
        (b"x", Perm.DIR | 0o755, OpenMode.TRUNC, errno.EISDIR),
        (b"x", Perm.DIR | 0o755, OpenMode.RCLOSE, errno.EISDIR),
        (b"x", Perm.DIR | Perm.APPEND | 0o755, 0, errno.EINVAL),
        (b"x", Perm.AUTH | 0o644, 0, errno.EINVAL),
        (b"x", Perm.MOUNT | 0o644, 0, errno.EINVAL),
        (b"x", 0o1000, 0, errno.EINVAL),
    ],
)
async def test_refused(client: Peer, name: bytes, perm: int, mode: int, number: int) -> None:
    """create.dot-names, open.mode-byte, open.write-directory, create.perm-bits."""
    await client.walk(ROOT, A)
    assert number == await client.errno(m.Tcreate(A, name, perm, mode))
    assert not await there(client, b"x")
    await client.ok(m.Tcreate(A, b"x", 0o644, 0))


@pytest.mark.parametrize("bit", [Perm.SYMLINK, Perm.LINK, Perm.DEVICE, Perm.NAMEDPIPE, Perm.SETUID])
async def test_bits_of_another_dialect(bit: int) -> None:
    """create.perm-bits: what 9P2000 has no bit for is not made as something else."""
    client = await old_peer(OLD)
    await client.walk(ROOT, A)
    assert errno.EINVAL == await client.errno(m.Tcreate(A, b"x", bit | 0o644, 0))


@pytest.mark.parametrize(
    ("dialect", "perm", "made"),
    [
        (OLD, 0o666, 0o640),
        (OLD, 0o777, 0o751),
        (OLD, Perm.DIR | 0o777, Perm.DIR | 0o750),
        (U, 0o666, 0o666),
        (U, Perm.DIR | 0o777, Perm.DIR | 0o777),
    ],
)
async def test_permissions(dialect: str, perm: int, made: int) -> None:
    """create.permission-inherited: in 9P2000 alone."""
    client = await old_peer(dialect)
    await create(client, A, b"d", Perm.DIR | 0o750)
    await client.walk(ROOT, B, b"d")
    await client.ok(m.Tcreate(B, b"x", perm, 0))
    assert made == (await stat(client, B)).mode


async def test_a_file_that_nobody_may_write(client: Peer) -> None:
    """create.fid-becomes-file: the permissions do not count for who makes it."""
    await create(client, A, b"f", 0o444, OpenMode.WRITE)
    assert m.Rwrite(1) == await client.ok(m.Twrite(A, 0, b"x"))


SPECIAL = [
    (Perm.SYMLINK, b"to/there", 0x02, b"to/there"),
    (Perm.NAMEDPIPE, b"", 0, b"HARDLINKCOUNT 1"),
    (Perm.SOCKET, b"", 0, b"HARDLINKCOUNT 1"),
    (Perm.DEVICE, b"c 1 3", 0, b"c 1 3"),
    (Perm.DEVICE, b"b 259 70000", 0, b"b 259 70000"),
]


@pytest.mark.parametrize(("bit", "extension", "kind", "seen"), SPECIAL)
async def test_special_files(
    unix: Peer, bit: int, extension: bytes, kind: int, seen: bytes
) -> None:
    """create.special-extension: made, and the fid is the new file, which is not open."""
    r = await create(unix, A, b"x", bit | 0o644, 0, extension)
    assert (kind, 0) == (r.qid.type, r.iounit)
    found = await stat(unix, A)
    assert (seen, bit, b"x") == (found.extension, found.mode & ~0o777, found.name)
    assert errno.EBADF == await unix.errno(m.Tread(A, 0, 9))


@pytest.mark.parametrize("end", [b"", b"\n"])
async def test_a_hard_link(unix: Peer, end: bytes) -> None:
    """create.special-extension: the file of the fid gets a further name."""
    first = await create(unix, A, b"f", 0o644, OpenMode.WRITE)
    r = await create(unix, B, b"g", Perm.LINK, 0, b"1" + end)
    assert first.qid.path == r.qid.path
    assert b"HARDLINKCOUNT 2" == (await stat(unix, B)).extension


UNREADABLE = [
    (Perm.SYMLINK, b"", errno.EINVAL), (Perm.SYMLINK, b"a\0b", errno.EINVAL),
    (Perm.DEVICE, b"", errno.EINVAL), (Perm.DEVICE, b"d 1 2", errno.EINVAL),
    (Perm.DEVICE, b"c 1", errno.EINVAL), (Perm.DEVICE, b"c 1 2 3", errno.EINVAL),
    (Perm.DEVICE, b"c -1 2", errno.EINVAL), (Perm.DEVICE, b"c 4096 2", errno.EINVAL),
    (Perm.LINK, b"", errno.EINVAL), (Perm.LINK, b"f", errno.EINVAL),
    (Perm.LINK, b"99", errno.EBADF),
    (Perm.LINK, b"9" * 11, errno.EINVAL), (Perm.LINK, b"0", errno.EPERM),
    (Perm.SYMLINK | Perm.NAMEDPIPE, b"x", errno.EINVAL),
    (Perm.SYMLINK | Perm.APPEND, b"x", errno.EINVAL),
]  # fmt: skip


@pytest.mark.parametrize(("bit", "extension", "number"), UNREADABLE)
async def test_extensions_that_say_nothing(
    unix: Peer, bit: int, extension: bytes, number: int
) -> None:
    """create.special-extension, create.perm-bits, link.no-directory: nothing is made."""
    await unix.walk(ROOT, A)
    assert number == await unix.errno(m.Tcreate(A, b"x", bit | 0o644, 0, extension))
    assert not await there(unix, b"x")


async def test_a_link_from_another_tree() -> None:
    """link.same-tree: EXDEV."""
    service = Service({b"": MemoryBackend(), b"other": MemoryBackend()})
    client = Peer(service, U)
    await client.begin()
    await create(client, A, b"f", 0o644)
    await client.attach(5, b"other")
    await client.walk(5, B)
    assert errno.EXDEV == await client.errno(m.Tcreate(B, b"x", Perm.LINK, 0, b"1"))


async def test_devices_take_leave() -> None:
    """create.device-privilege: EPERM unless the server was told to allow them."""
    client = Peer(Service({b"": MemoryBackend()}), U)
    await client.begin()
    await client.walk(ROOT, A)
    t = m.Tcreate(A, b"x", Perm.DEVICE | 0o600, 0, b"c 1 3")
    assert errno.EPERM == await client.errno(t)


@pytest.mark.parametrize("perm", [0o644, Perm.DIR | 0o755])
async def test_not_in_a_file(client: Peer, perm: int) -> None:
    """create.directory-only: ENOTDIR."""
    await create(client, A, b"f", 0o644)
    await client.walk(ROOT, B, b"f")
    assert errno.ENOTDIR == await client.errno(m.Tcreate(B, b"x", perm, 0))


@pytest.mark.parametrize("mode", [0, OpenMode.RCLOSE])
async def test_read_only(mode: int) -> None:
    """session.readonly-refuses: EROFS, also where it would be removed again."""
    client = await old_peer(OLD, ReadonlyBackend(MemoryBackend()))
    await client.walk(ROOT, A)
    assert errno.EROFS == await client.errno(m.Tcreate(A, b"x", 0o644, mode))


async def test_marks(client: Peer) -> None:
    """open.append-only, stat.qid-agrees: they are there from the beginning."""
    r = await create(client, A, b"log", Perm.APPEND | Perm.TMP | 0o644, OpenMode.WRITE)
    assert (Perm.APPEND | Perm.TMP) >> 24 == r.qid.type
    for part in (b"one", b"two"):
        await client.ok(m.Twrite(A, 0, part))
    assert 6 == (await stat(client, A)).length
    assert ((Perm.APPEND | Perm.TMP) >> 24,) == tuple(
        q.type for q in await client.walk(ROOT, B, b"log")
    )


async def test_a_tree_that_keeps_no_marks(client: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """create.failure-leaves-fid: a file that cannot have what was asked for is not left behind."""

    async def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "no attributes")

    monkeypatch.setattr(MemoryNode, "setxattr", refuse)
    await client.walk(ROOT, A)
    t = m.Tcreate(A, b"log", Perm.APPEND | 0o644, 0)
    assert errno.EOPNOTSUPP == await client.errno(t)
    assert not await there(client, b"log")


async def test_a_directory_that_cannot_be_opened(
    client: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """create.failure-leaves-fid: nor is a directory."""

    async def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "not for you")

    monkeypatch.setattr(MemoryNode, "open", refuse)
    await client.walk(ROOT, A)
    assert errno.EACCES == await client.errno(m.Tcreate(A, b"d", Perm.DIR, 0))
    assert not await there(client, b"d")


async def test_the_group_is_that_of_the_directory(unix: Peer) -> None:
    """open(5): a new file belongs to who made it, and to the group of its directory."""
    await unix.walk(ROOT, A)
    await unix.ok(m.Twstat(A, UNTOUCHED._replace(n_gid=1002)))
    await unix.attach(5, n_uname=1001)
    await unix.walk(5, B)
    await unix.ok(m.Tcreate(B, b"x", 0o644, 0))
    found = await stat(unix, B)
    assert (1001, 1002) == (found.n_uid, found.n_gid)


def test_both_ends_of_a_file() -> None:
    """open.exclusive-use: a new file with EXCL is held by the fid that has made it."""

    async def held() -> int:
        client = await old_peer(OLD)
        await create(client, A, b"one", Perm.EXCL | 0o644)
        await client.walk(ROOT, B, b"one")
        number = await client.errno(m.Topen(B, 0))
        await client.ok(m.Tclunk(A))
        await client.ok(m.Topen(B, 0))
        return number

    assert errno.EAGAIN == at_once(held())
