"""Agreeing on dialect and msize, and beginning anew."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.constants import FIRST_FRAME_MAX, IOHDRSZ, MSIZE_MAX, NOTAG
from ninep.errors import FrameError
from ninep.session import Service
from tests.helpers import CODEC, MSIZE, Peer, service
from tests.populated import BOTH, FILE, LINK, RDONLY, ROOT, XWRITE

L = b"9P2000.L"
STRANGE = [
    b"", b"9P", b"9P2001", b"unknown", b"9P2000.U", b"9P2000.", b"9P2000.l",
    b"9P2000.Lx", b"9P2000.L.x", b" 9P2000.L", b"9P2000.L\0", b"9P2000.\xff", b"x" * 8000,
]  # fmt: skip


@pytest.mark.parametrize("version", STRANGE)
async def test_other_versions_are_unknown(version: bytes) -> None:
    """version.exact-name, version.unknown-reply (S-020): no error and no nearly right name."""
    peer = Peer(service())
    assert m.Rversion(MSIZE, b"unknown") == await peer.rpc(m.Tversion(MSIZE, version), NOTAG)


@pytest.mark.parametrize("version", [b"9P2000", b"9P2000.u", b"9P2000.L"])
async def test_every_dialect(version: bytes) -> None:
    """version.exact-name: each is granted, unless the server was told to speak another alone."""
    peer = Peer(service())
    assert m.Rversion(MSIZE, version) == await peer.rpc(m.Tversion(MSIZE, version), NOTAG)
    only = Peer(Service({b"": MemoryBackend()}, dialects=("9P2000.e",)))
    assert m.Rversion(MSIZE, b"unknown") == await only.rpc(m.Tversion(MSIZE, version), NOTAG)


@pytest.mark.parametrize(("msize", "granted"), [(255, b"unknown"), (256, b"9P2000")])
async def test_messages_of_9p2000_may_be_small(msize: int, granted: bytes) -> None:
    """version.msize-minimum: what a Twalk of sixteen names takes."""
    peer = Peer(service())
    assert m.Rversion(msize, granted) == await peer.rpc(m.Tversion(msize, b"9P2000"), NOTAG)


@pytest.mark.parametrize("msize", [0, 6, 7, 23, 24, 255, 4095])
async def test_a_small_msize_begins_nothing(msize: int) -> None:
    """version.msize-minimum (S-017): the reply is unknown, and its msize is not larger."""
    peer = Peer(service())
    assert m.Rversion(msize, b"unknown") == await peer.rpc(m.Tversion(msize, L), NOTAG)
    assert peer.session.dialect is None


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        (4096, 4096),
        (MSIZE_MAX - 1, MSIZE_MAX - 1),
        (MSIZE_MAX + 1, MSIZE_MAX),
        (1 << 31, MSIZE_MAX),
        (4294967295, MSIZE_MAX),
    ],
)
async def test_the_smaller_msize_counts(asked: int, granted: int) -> None:
    """version.msize-not-larger (S-018): the client's or the server's own."""
    assert m.Rversion(granted, L) == await Peer(service()).rpc(m.Tversion(asked, L), NOTAG)


async def test_the_operator_may_lower_the_maximum() -> None:
    """version.msize-not-larger: what the service allows bounds every session."""
    assert m.Rversion(5000, L) == await Peer(service(msize=5000)).rpc(m.Tversion(9000, L), NOTAG)


async def test_any_tag_will_do() -> None:
    """version.tag-echoed: NOTAG is not demanded of a Tversion."""
    assert m.Rversion(MSIZE, L) == await Peer(service()).rpc(m.Tversion(MSIZE, L), 7)


@pytest.mark.parametrize("version", [L, b"unknown"])
async def test_every_fid_is_gone(client: Peer, version: bytes) -> None:
    """version.resets-session, version.failed-leaves-none: numbers are free again, also after a
    Tversion that failed.
    """
    await client.rpc(m.Tversion(MSIZE, version), NOTAG)
    assert 0 == len(client.session.fids)
    await client.begin(fid=FILE)
    assert errno.EBADF == await client.errno(m.Tclunk(ROOT))


async def test_locks_go_with_the_session(client: Peer) -> None:
    """version.resets-session, lock.released-on-clunk: another client finds no lock."""
    other = Peer(client.session.service)
    await other.begin()
    await client.ok(m.Tlock(BOTH, 1, 0, 0, 0, 1, b"c"))
    assert 1 == len(client.session.service.locks)
    await client.rpc(m.Tversion(MSIZE, L), NOTAG)
    assert 0 == len(client.session.service.locks)


async def test_half_written_attributes_are_not_set(client: Peer) -> None:
    """xattr.lost-uncommitted: even a whole value is dropped if its fid was not clunked."""
    await client.ok(m.Twrite(XWRITE, 0, b"1234"))
    await client.begin()
    await client.walk(ROOT, 1, b"f")
    assert errno.ENODATA == await client.errno(m.Txattrwalk(1, 2, b"user.b"))


async def test_nothing_but_tversion_after_a_failure(client: Peer) -> None:
    """version.failed-leaves-none: the session is over, and another Tversion begins one."""
    await client.rpc(m.Tversion(MSIZE, b"9P3000"), NOTAG)
    with pytest.raises(FrameError, match=r"version\.comes-first"):
        await client.rpc(m.Tgetattr(ROOT, 0))


async def test_a_later_tversion_may_succeed() -> None:
    """version.failed-leaves-none: a client may try other names."""
    peer = Peer(service())
    for version in (b"9P3000", b"9P2000.u"):
        await peer.rpc(m.Tversion(MSIZE, version), NOTAG)
    await peer.begin()
    assert MSIZE == peer.session.msize


async def test_an_unknown_version_brings_the_first_limit_back(client: Peer) -> None:
    """frame.first-cap: without a session a frame is small again."""
    await client.rpc(m.Tversion(MSIZE * 2, L), NOTAG)
    await client.rpc(m.Tversion(MSIZE * 2, b"?"), NOTAG)
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await client.send((FIRST_FRAME_MAX + 1).to_bytes(4, "little"))


async def test_many_times(client: Peer) -> None:
    """version.resets-session (S-022): each is answered and nothing is left of those before."""
    for _ in range(300):
        await client.begin()
    assert (1, 0) == (len(client.session.fids), len(client.session.service.locks))


async def test_a_smaller_msize_bounds_the_replies(client: Peer) -> None:
    """version.msize-not-larger, frame.reply-fits (S-023): reads are cut to the new msize."""
    await client.create(50, b"big", b"x" * 8000)
    await client.begin(msize=4096)
    await client.walk(ROOT, 1, b"big")
    assert m.Rlopen((await client.getattr(1)).qid, 4096 - IOHDRSZ) == await client.ok(
        m.Tlopen(1, RDONLY)
    )
    (reply,) = await client.send(CODEC.encode(1, m.Tread(1, 0, 8000)))
    assert 4096 - IOHDRSZ + 11 == len(reply)


async def test_what_does_not_fit_is_an_error(client: Peer) -> None:
    """frame.reply-fits (S-063): a long link is EMSGSIZE and not cut."""
    await client.ok(m.Tsymlink(ROOT, b"long", b"x" * 4095, 0))
    await client.begin(msize=4096)
    await client.walk(ROOT, LINK, b"long")
    assert errno.EMSGSIZE == await client.errno(m.Treadlink(LINK))
    await client.begin(msize=4096 + 9)
    await client.walk(ROOT, LINK, b"long")
    assert m.Rreadlink(b"x" * 4095) == await client.ok(m.Treadlink(LINK))
