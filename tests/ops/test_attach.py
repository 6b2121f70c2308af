"""Attaching: which tree, for whom, on which fid."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NOFID, NONUNAME
from ninep.policy import Policy
from ninep.users import NOBODY
from tests.helpers import Peer, service
from tests.populated import FREE, ROOT, XREAD, fill, names


@pytest.fixture
async def exports() -> Peer:
    """Return a client of a server with a tree, the same read-only, and one that is empty."""
    tree = MemoryBackend()
    peer = Peer(service({b"": tree, b"ro": ReadonlyBackend(tree), b"other": MemoryBackend()}))
    await peer.begin()
    await fill(peer)
    return peer


def attach(fid: int = FREE, aname: bytes = b"", uname: bytes = b"", afid: int = NOFID) -> m.Tattach:
    """Return a Tattach of nobody in particular."""
    return m.Tattach(fid, afid, uname, aname, NONUNAME)


@pytest.mark.parametrize("afid", [FREE, ROOT, NOFID])
async def test_tauth_is_refused(client: Peer, afid: int) -> None:
    """attach.auth-refused: afid stays unused."""
    before = len(client.session.fids)
    assert errno.ENOENT == await client.errno(m.Tauth(afid, b"u", b"", NONUNAME))
    assert before == len(client.session.fids)


@pytest.mark.parametrize("fid", [ROOT, XREAD, NOFID])
async def test_fids_that_cannot_be_attached(client: Peer, fid: int) -> None:
    """attach.fid-free, fid.in-use, fid.never-nofid (S-025): what is there goes on."""
    before = len(client.session.fids)
    assert errno.EBADF == await client.errno(attach(fid))
    assert before == len(client.session.fids)
    assert b"value" == await client.read(XREAD)


@pytest.mark.parametrize("afid", [ROOT, FREE, 0xFFFFFFFE])
async def test_an_afid_is_refused(client: Peer, afid: int) -> None:
    """attach.afid-none: no number can be one."""
    assert errno.EINVAL == await client.errno(attach(afid=afid))
    assert errno.EBADF == await client.errno(m.Tclunk(FREE))


@pytest.mark.parametrize("aname", [b"", b"/", b"ro", b"other", b"/d", b"ro/d"])
async def test_names_of_trees(exports: Peer, aname: bytes) -> None:
    """attach.aname-known: an export, or a directory below one."""
    wanted = aname != b"/d"  # the empty name is that of an export, and has none below it
    r = await exports.rpc(attach(aname=aname))
    assert wanted == isinstance(r, m.Rattach)


ELSEWHERE = [
    b"none", b"..", b".", b"../..", b"/etc", b"//", b"/..", b"ro/", b"ro//d", b"ro/.", b"ro/..",
    b"ro/d/..", b"ro/d/../..", b"ro/none", b"ro/d/none", b"ro\0", b"ro/d\0", b"ro/\xff", b"\xff",
    b"x" * 4096, b"new\nline", b"\x1b[31m", b"d",
]  # fmt: skip


@pytest.mark.parametrize("aname", ELSEWHERE)
async def test_names_that_lead_nowhere(exports: Peer, aname: bytes) -> None:
    """attach.aname-known (S-026, S-028): the fid stays free."""
    assert errno.ENOENT == await exports.errno(attach(aname=aname))
    assert errno.EBADF == await exports.errno(m.Tclunk(FREE))


@pytest.mark.parametrize("aname", [b"ro/f", b"ro/s", b"ro/p", b"ro/f/x", b"ro/s/x", b"ro/d/g"])
async def test_roots_are_directories(exports: Peer, aname: bytes) -> None:
    """attach.aname-directory (S-026): symbolic links are not followed, not even on the way."""
    assert errno.ENOTDIR == await exports.errno(attach(aname=aname))


async def test_a_name_that_is_too_long_below_an_export(exports: Peer) -> None:
    """attach.aname-known (S-026): no file can have it."""
    assert await exports.errno(attach(aname=b"ro/" + b"x" * 4096)) in {
        errno.ENOENT, errno.ENAMETOOLONG,
    }  # fmt: skip


async def test_a_directory_below_is_a_root(exports: Peer) -> None:
    """walk.dotdot-at-root (S-047): `..` does not leave what was attached."""
    root = await exports.attach(FREE, b"ro/d")
    assert (root, root) == await exports.walk(FREE, 778, b"..", b"..")
    assert [root.path] == [q.path for q in await exports.walk(ROOT, 779, b"d")]


async def test_exports_are_apart(exports: Peer) -> None:
    """attach.aname-known: what is made in one tree is not seen in another."""
    await exports.attach(FREE, b"other")
    assert errno.ENOENT == await exports.errno(m.Twalk(FREE, 778, (b"f",)))
    assert [b"d", b"f", b"p", b"s"] == await names(exports)


@pytest.mark.parametrize("uname", [b"", b"nobody", b"a\nb", b"\x1b[2J", b"\xff\0", b"u" * 7000])
async def test_any_name_of_a_user(client: Peer, uname: bytes) -> None:
    """attach.several-users (S-028): an empty one too, and bytes of any kind."""
    r = await client.ok(attach(uname=uname))
    assert m.Rattach((await client.getattr(ROOT)).qid) == r


async def test_users_belong_to_fids(client: Peer) -> None:
    """attach.n-uname, fid.user-inherited (S-030): what is made is owned by the fid's user."""
    for fid, uid in ((100, 1000), (200, 2000)):
        await client.attach(fid, n_uname=uid)
    for fid, name in ((200, b"two"), (100, b"one")):
        await client.create(fid + 1, name, directory=fid)
        await client.ok(m.Tmkdir(fid, b"dir-" + name, 0o755, NONUNAME))
        await client.walk(fid, fid + 2, b"dir-" + name)
    owners = [(await client.getattr(fid)).uid for fid in (101, 102, 201, 202)]
    assert [1000, 1000, 2000, 2000] == owners


def claim(uname: bytes, n_uname: int) -> m.Tattach:
    """Return the Tattach of somebody."""
    return m.Tattach(FREE, NOFID, uname, b"", n_uname)


@pytest.mark.parametrize(
    ("uname", "n_uname", "uid"),
    [
        (b"", NONUNAME, NOBODY),
        (b"nobody of this name", NONUNAME, NOBODY),
        (b"root", NONUNAME, 0),
        (b"root", 77, 77),
        (b"", 0, 0),
        (b"", NONUNAME - 1, NONUNAME - 1),
    ],
)
async def test_who_a_client_is(client: Peer, uname: bytes, n_uname: int, uid: int) -> None:
    """attach.n-uname, attach.no-server-identity (S-027): who is nobody is not the server."""
    await client.ok(claim(uname, n_uname))
    await client.create(FREE + 1, b"new", directory=FREE)
    assert uid == (await client.getattr(FREE + 1)).uid


@pytest.mark.parametrize(
    ("bound", "uname", "n_uname", "uid"),
    [
        (1000, b"", NONUNAME, 1000),
        (1000, b"nobody of this name", NONUNAME, 1000),
        (1000, b"", 1000, 1000),
        (1000, b"root", NONUNAME, None),
        (1000, b"", 0, None),
        (1000, b"", 1001, None),
        (1000, b"", NONUNAME - 1, None),
        (None, b"", 1001, 1001),
    ],
)
async def test_who_comes_over_a_unix_socket(
    client: Peer, bound: int | None, uname: bytes, n_uname: int, uid: int | None
) -> None:
    """attach.user-admitted (S-027): a process's user is who it is, and nobody else."""
    client.session.bound = bound
    if uid is None:
        assert errno.EPERM == await client.errno(claim(uname, n_uname))
        assert errno.EBADF == await client.errno(m.Tclunk(FREE))
    else:
        await client.ok(claim(uname, n_uname))
        await client.create(FREE + 1, b"new", directory=FREE)
        assert uid == (await client.getattr(FREE + 1)).uid


async def test_who_is_let_in(client: Peer) -> None:
    """attach.user-admitted: those who are listed, whatever they are called."""
    client.session.service.policy = Policy(users=frozenset({0, 1000}))
    for uname, n_uname in ((b"x", 1001), (b"", NONUNAME), (b"", NOBODY)):
        assert errno.EPERM == await client.errno(claim(uname, n_uname))
    for uname, n_uname in ((b"root", NONUNAME), (b"", 1000)):
        await client.ok(claim(uname, n_uname))
        await client.ok(m.Tclunk(FREE))
