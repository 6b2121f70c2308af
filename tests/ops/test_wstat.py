"""Twstat: every change that is asked for, or none."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from ninep import messages as m
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend, MemoryNode
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import OpenMode, Perm
from ninep.messages import Qid, Stat
from ninep.ops.wstat import UNTOUCHED
from ninep.policy import Policy
from tests.helpers import Peer, old_peer

OLD, U = "9P2000", "9P2000.u"
ROOT, A, B, FREE = 0, 1, 2, 777
PAST = 1_000_000
CONTENT = b"content"


async def furnish(peer: Peer) -> Peer:
    """Make a file, a directory and a further file; `A` is the first."""
    for name, perm in ((b"f", 0o644), (b"g", 0o644), (b"d", Perm.DIR | 0o755)):
        await peer.walk(ROOT, A)
        await peer.ok(m.Tcreate(A, name, perm, 0 if perm & Perm.DIR else OpenMode.WRITE))
        if name == b"f":
            await peer.ok(m.Twrite(A, 0, CONTENT))
        await peer.ok(m.Tclunk(A))
    await peer.walk(ROOT, A, b"f")
    await peer.ok(wstat(A, mtime=PAST))
    return peer


@pytest.fixture(params=[OLD, U])
async def client(request: pytest.FixtureRequest) -> Peer:
    """Return a client of each dialect."""
    return await furnish(await old_peer(request.param))


@pytest.fixture
async def unix() -> Peer:
    """Return a client of 9P2000.u."""
    return await furnish(await old_peer(U))


def wstat(fid: int, **fields: Any) -> m.Twstat:
    """Return a Twstat that changes some fields."""
    return m.Twstat(fid, UNTOUCHED._replace(**fields))


async def stat(peer: Peer, fid: int = A) -> Stat:
    """Return a stat record."""
    r = await peer.ok(m.Tstat(fid))
    assert isinstance(r, m.Rstat)
    return r.stat


async def seen(peer: Peer) -> tuple[bytes, int, int, int]:
    """Return what the tests change of a file: name, length, mode, mtime."""
    found = await stat(peer)
    return found.name, found.length, found.mode, found.mtime


BEFORE = (b"f", len(CONTENT), 0o644, PAST)


@pytest.mark.parametrize(
    ("fields", "after"),
    [
        ({"name": b"new"}, (b"new", 7, 0o644, PAST)),
        ({"name": b"f"}, BEFORE),
        ({"length": 3, "mtime": 5}, (b"f", 3, 0o644, 5)),
        ({"length": 9, "mtime": PAST}, (b"f", 9, 0o644, PAST)),
        ({"mode": 0o600}, (b"f", 7, 0o600, PAST)),
        ({"mtime": 0xFFFFFFFE}, (b"f", 7, 0o644, 0xFFFFFFFE)),
        ({"name": b"new", "mode": 0, "mtime": 0}, (b"new", 7, 0, 0)),
    ],
)
async def test_changes(client: Peer, fields: dict[str, Any], after: tuple[Any, ...]) -> None:
    """stat.wstat-name, stat.wstat-length, stat.wstat-mode, stat.wstat-times."""
    assert m.Rwstat() == await client.ok(wstat(A, **fields))
    assert after == await seen(client)


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"name": b"a/b"}, errno.EINVAL),
    ({"name": b".."}, errno.EINVAL),
    ({"name": b"n" * 256}, errno.ENAMETOOLONG),
    ({"type": 1}, errno.EPERM),
    ({"dev": 1}, errno.EPERM),
    ({"qid": Qid(0, 0, 0)}, errno.EPERM),
    ({"mode": Perm.DIR | 0o755}, errno.EPERM),
    ({"mode": Perm.AUTH | 0o755}, errno.EINVAL),
    ({"mode": 0o1755}, errno.EINVAL),
    ({"gid": b"nobody-of-this-name"}, errno.EINVAL),
    ({"name": b"d"}, 0),
]


@pytest.mark.parametrize(("fields", "number"), REFUSED)
@pytest.mark.parametrize("also", [{}, {"length": 1, "mtime": 7}, {"mode": 0o600}])
async def test_all_or_nothing(
    client: Peer, fields: dict[str, Any], number: int, also: dict[str, Any]
) -> None:
    """stat.wstat-atomic: what cannot be done keeps the rest from being done."""
    found = await client.errno(wstat(A, **(also | fields)))
    assert found == (number or (errno.EEXIST if client.dialect == OLD else errno.EISDIR))
    assert BEFORE == await seen(client)


@pytest.mark.parametrize("fields", [{"uid": b"root-or-so"}, {"atime": 5}, {"muid": b"me"}])
async def test_fields_of_9p2000(fields: dict[str, Any]) -> None:
    """stat.wstat-fixed-fields: uid, atime and muid are not the client's there."""
    client = await furnish(await old_peer(OLD))
    assert errno.EPERM == await client.errno(wstat(A, **fields))


async def test_fields_of_u(unix: Peer) -> None:
    """stat.wstat-times, stat.wstat-group: atime and owners are; muid means nothing."""
    await unix.ok(wstat(A, atime=5, muid=b"me", n_uid=1001, gid=b"1002"))
    found = await stat(unix)
    assert (5, 1001, 1002, b"1002") == (found.atime, found.n_uid, found.n_gid, found.gid)
    assert errno.EPERM == await unix.errno(wstat(A, extension=b"text"))


async def test_what_is_said_again_is_no_change(client: Peer) -> None:
    """stat.wstat-fixed-fields: a field may also have the value that it has."""
    found = await stat(client)
    await client.ok(m.Twstat(A, found._replace(length=2, mtime=PAST)))
    assert (b"f", 2, 0o644, PAST) == await seen(client)


@pytest.mark.parametrize("how", ["unopened", "open", "directory"])
async def test_nothing(client: Peer, how: str) -> None:
    """stat.wstat-all-syncs, stat.wstat-dont-touch."""
    if how == "open":
        await client.ok(m.Topen(A, OpenMode.WRITE))
    if how == "directory":
        await client.ok(wstat(ROOT))
    await client.ok(wstat(A))
    assert BEFORE == await seen(client)


@pytest.mark.parametrize(
    ("bit", "extension"), [(Perm.SYMLINK, b"x"), (Perm.NAMEDPIPE, b""), (Perm.SOCKET, b"")]
)
async def test_nothing_to_sync(unix: Peer, bit: int, extension: bytes) -> None:
    """stat.wstat-all-syncs: of a file that is not opened there is nothing that could get lost."""
    await unix.walk(ROOT, B)
    await unix.ok(m.Tcreate(B, b"x", bit | 0o644, 0, extension))
    assert m.Rwstat() == await unix.ok(wstat(B))


async def test_a_sync_that_fails(client: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """stat.wstat-all-syncs: an error is told."""

    async def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "not for you")

    monkeypatch.setattr(MemoryNode, "open", refuse)
    assert errno.EACCES == await client.errno(wstat(A))


async def test_directories(client: Peer) -> None:
    """stat.wstat-length, stat.wstat-mode, create.perm-bits."""
    await client.walk(ROOT, B, b"d")
    await client.ok(wstat(B, length=0, mode=Perm.DIR | 0o700, name=b"e"))
    assert (b"e", Perm.DIR | 0o700) == ((await stat(client, B)).name, (await stat(client, B)).mode)
    assert errno.EISDIR == await client.errno(wstat(B, length=1))
    assert errno.EPERM == await client.errno(wstat(B, mode=0o700))
    assert errno.EINVAL == await client.errno(wstat(B, mode=Perm.DIR | Perm.APPEND | 0o700))


async def test_the_root(client: Peer) -> None:
    """stat.wstat-root-name: EPERM; other changes are made."""
    assert errno.EPERM == await client.errno(wstat(ROOT, name=b"x"))
    await client.ok(wstat(ROOT, mode=Perm.DIR | 0o711))
    assert (b"/", Perm.DIR | 0o711) == (
        (await stat(client, ROOT)).name,
        (await stat(client, 0)).mode,
    )


async def test_a_name_that_is_taken() -> None:
    """stat.wstat-name-taken, stat.wstat-name-replaces: EEXIST in 9P2000, replaced in 9P2000.u."""
    client = await furnish(await old_peer(OLD))
    assert errno.EEXIST == await client.errno(wstat(A, name=b"g"))
    client = await furnish(await old_peer(U))
    await client.ok(wstat(A, name=b"g"))
    (qid,) = await client.walk(ROOT, B, b"g")
    assert qid.path == (await stat(client)).qid.path


@pytest.mark.parametrize("mode", [OpenMode.READ, OpenMode.WRITE, OpenMode.RDWR])
async def test_open_fids(client: Peer, mode: int) -> None:
    """stat.wstat-open-fid: the fid goes on."""
    await client.ok(m.Topen(A, mode))
    await client.ok(wstat(A, name=b"new", length=3, mode=0o400, mtime=5))
    assert (b"new", 3, 0o400, 5) == await seen(client)


async def test_bits_that_9p2000_cannot_say() -> None:
    """stat.wstat-mode: set-id bits are neither seen nor lost there."""
    tree = MemoryBackend()
    unix = await furnish(await old_peer(U, tree))
    await unix.ok(wstat(A, mode=Perm.SETGID | 0o755))
    client = await old_peer(OLD, tree)
    await client.walk(ROOT, A, b"f")
    assert 0o755 == (await stat(client)).mode
    await client.ok(wstat(A, mode=0o711))
    assert Perm.SETGID | 0o711 == (await stat(unix)).mode


async def test_marks(client: Peer) -> None:
    """open.append-only, stat.qid-agrees: a mode sets and takes away the marks, too."""
    await client.ok(wstat(A, mode=Perm.APPEND | Perm.TMP | 0o644))
    assert 0x44 == (await stat(client)).qid.type
    await client.ok(wstat(A, mode=0o644))
    assert 0 == (await stat(client)).qid.type


@pytest.mark.parametrize("fields", [{"mode": 0o600}, {"name": b"x"}, {"length": 0}, {"mtime": 1}])
async def test_read_only(fields: dict[str, Any]) -> None:
    """session.readonly-refuses: EROFS; a record that touches nothing is fine."""
    tree = MemoryBackend()
    await furnish(await old_peer(OLD, tree))
    client = await old_peer(OLD, ReadonlyBackend(tree))
    await client.walk(ROOT, A, b"f")
    assert errno.EROFS == await client.errno(wstat(A, **fields))
    await client.ok(wstat(A))


async def test_attributes_have_no_record() -> None:
    """fid.is-file: what carries an extended attribute is no file."""
    client = await old_peer(OLD)
    assert errno.EBADF == await client.errno(wstat(FREE, mode=0))


class Failing:
    """Makes one call of the tree fail with EIO, from the n-th time on."""

    def __init__(self, call: Any, after: int = 0) -> None:
        """Let the first calls pass."""
        self.call, self.after = call, after

    def __get__(self, node: Any, owner: type) -> Any:
        """Bind to a node."""

        async def bound(*args: Any, **only: Any) -> Any:
            if self.after:
                self.after -= 1
                return await self.call(node, *args, **only)
            raise OSError(errno.EIO, "the disk")

        return bound


@pytest.mark.parametrize("name", ["setattr", "setxattr", "rename"])
async def test_a_step_that_fails(client: Peer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """stat.wstat-atomic: what was done before it is undone."""
    monkeypatch.setattr(MemoryNode, name, Failing(getattr(MemoryNode, name)))
    asked = wstat(A, name=b"new", length=1, mode=Perm.APPEND | 0o600, mtime=7)
    assert errno.EIO == await client.errno(asked)
    monkeypatch.undo()
    assert BEFORE == await seen(client)


async def test_a_length_that_fails(client: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """stat.wstat-atomic: the last step, too; name, marks and attributes come back."""
    monkeypatch.setattr(MemoryNode, "setattr", Failing(MemoryNode.setattr, after=1))
    asked = wstat(A, name=b"new", length=1 << 62, mode=Perm.APPEND | 0o600, mtime=7)
    assert errno.EIO == await client.errno(asked)
    monkeypatch.undo()
    assert (b"f", 7) == (await seen(client))[:2]
    assert 0 == (await stat(client)).qid.type


async def test_a_length_that_cannot_be(client: Peer) -> None:
    """stat.wstat-atomic: a length that no file can have leaves everything as it was."""
    asked = wstat(A, name=b"new", length=1 << 62, mode=Perm.APPEND | 0o600, mtime=7)
    assert errno.EFBIG == await client.errno(asked)
    assert BEFORE == await seen(client)


@pytest.mark.parametrize("dialect", [OLD, U])
async def test_a_directory_of_the_host(dialect: str, tmp_path: Path) -> None:
    """stat.wstat-name, stat.wstat-times: the same on a real file system."""
    client = await furnish(await old_peer(dialect, LocalBackend(tmp_path)))
    await client.ok(wstat(A, name=b"new", length=2, mode=0o600, mtime=5))
    made = (tmp_path / "new").stat()
    assert (2, 0o600, 5) == (made.st_size, made.st_mode & 0o777, int(made.st_mtime))
    number = await client.errno(wstat(A, name=b"d"))
    assert number == (errno.EEXIST if dialect == OLD else errno.EISDIR)


async def test_set_id_bits_are_an_option(unix: Peer) -> None:
    """create.set-id-privilege: none is new, and with another owner each is; so for Tcreate."""
    mode = Perm.SETUID | 0o755
    await unix.ok(wstat(A, mode=mode))
    unix.session.service.policy = Policy()
    before = await seen(unix)
    for fields in (
        {"mode": mode | Perm.SETGID},
        {"mode": mode, "n_uid": 5},
        {"mode": mode, "n_gid": 5},
    ):
        assert errno.EPERM == await unix.errno(wstat(A, **fields))
    assert before == await seen(unix)
    await unix.ok(wstat(A, mode=Perm.SETUID | 0o700))
    await unix.walk(ROOT, FREE)
    assert errno.EPERM == await unix.errno(m.Tcreate(FREE, b"new", mode, OpenMode.WRITE))
    await unix.ok(m.Tcreate(FREE, b"new", Perm.DIR | Perm.SETGID | 0o755, 0))
