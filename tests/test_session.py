"""Bytes in, requests out: frames however they are cut, limits, tags, and hostile bytes."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.constants import FIRST_FRAME_MAX, NOFID, NONUNAME, NOTAG
from ninep.dispatch import answer
from ninep.errors import CodecError, FrameError, Violation
from ninep.messages import Message, RMessage, TMessage
from ninep.session import Session
from ninep.spec import Field
from tests.backends.helpers import at_once
from tests.helpers import CODEC, MSIZE, SHARED, Peer, peer, service
from tests.populated import FIDS, FILE, FREE, LIMIT, RDWR, READ, ROOT, WRITE, blank, populated
from tests.strategies import SPEC, value

REQUESTS = [x.name for x in SPEC.messages_of("9P2000.L") if x.is_request]
VERSION = CODEC.encode(NOTAG, m.Tversion(MSIZE, b"9P2000.L"))
ATTACH = CODEC.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME))


def header(size: int, code: int = 120, tag: int = 1) -> bytes:
    """Return the first seven bytes of a frame."""
    return struct.pack("<IBH", size, code, tag)


def stream(*requests: TMessage) -> bytes:
    """Return the bytes of a session: Tversion, Tattach and some requests, with tags from 2."""
    return VERSION + ATTACH + b"".join(CODEC.encode(i, t) for i, t in enumerate(requests, 2))


async def cut(data: bytes, sizes: Iterable[int], client: Peer | None = None) -> list[bytes]:
    """Send bytes in pieces of some sizes, the rest at once; return the replies."""
    client = client or Peer(service(MemoryBackend(LIMIT, clock=lambda: 0)))
    replies, at = [], 0
    for size in sizes:
        replies += await client.send(data[at : at + size])
        at += size
    return replies + await client.send(data[at:])


SESSION = stream(
    m.Tlcreate(0, b"f", RDWR, 0o644, NONUNAME),
    m.Twrite(0, 0, b"some data"),
    m.Tread(0, 2, 100),
    m.Tgetattr(0, 0x7FF),
    m.Tclunk(9),
    m.Twrite(0, 4, bytes(range(256))),
    m.Tclunk(0),
)


# frames


@given(st.lists(st.integers(0, 60), max_size=200))
def test_any_cut(sizes: list[int]) -> None:
    """frame.any-cut (S-011, S-029): the replies do not depend on where the bytes are cut."""
    assert at_once(cut(SESSION, [])) == at_once(cut(SESSION, sizes))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 11, 4096])
async def test_equal_pieces(size: int) -> None:
    """frame.any-cut (S-011): byte by byte too."""
    assert await cut(SESSION, []) == await cut(SESSION, [size] * len(SESSION))


async def test_a_thousand_frames() -> None:
    """frame.any-cut (S-011): in one piece, and in order."""
    client = await peer()
    many = b"".join(CODEC.encode(tag, m.Tclunk(FREE)) for tag in range(1000))
    assert list(range(1000)) == [CODEC.decode(r)[0] for r in await cut(many, [], client)]


@pytest.mark.parametrize("size", range(7))
@pytest.mark.parametrize("begun", [False, True])
async def test_too_small(size: int, begun: bool) -> None:
    """frame.size-minimum (S-001, S-002): the connection is closed, before Tversion too."""
    client = await peer() if begun else Peer(service())
    with pytest.raises(FrameError, match=r"frame\.size-minimum"):
        await client.send(header(size) * 3)


@pytest.mark.parametrize("size", [MSIZE + 1, 1 << 20, 1 << 31, 0xFFFFFFFF])
@pytest.mark.parametrize("pieces", [[], [1, 2], [3], [4]])
async def test_too_large(size: int, pieces: list[int]) -> None:
    """frame.size-maximum (S-004): the header is enough to know, and nothing is set aside."""
    client = await peer()
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await cut(header(size), pieces, client)
    assert len(client.session.buffer(client.shared)) in {0, SHARED}


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc"])
async def test_other_protocols(data: bytes) -> None:
    """frame.size-maximum, version.comes-first (S-013): over at the first impossible header."""
    with pytest.raises(FrameError):
        await Peer(service()).send(data)


@pytest.mark.parametrize("missing", [0, 1])
async def test_frames_as_large_as_msize(missing: int) -> None:
    """frame.size-maximum (S-005): msize itself is good."""
    client = await peer()
    await client.create(FREE, b"f")
    data = bytes(MSIZE - 23 - missing)
    assert MSIZE - missing == len(CODEC.encode(1, m.Twrite(FREE, 0, data)))
    assert m.Rwrite(len(data)) == await client.ok(m.Twrite(FREE, 0, data))


async def test_one_byte_more() -> None:
    """frame.size-maximum (S-005): msize + 1 is not, and nothing of it is written."""
    client = await peer()
    await client.create(FREE, b"f")
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await client.rpc(m.Twrite(FREE, 0, bytes(MSIZE - 22)))
    assert 0 == (await client.getattr(FREE)).size


@pytest.mark.parametrize(
    ("length", "good"), [(FIRST_FRAME_MAX - 13, True), (FIRST_FRAME_MAX - 12, False)]
)
async def test_the_first_frame(length: int, good: bool) -> None:
    """frame.first-cap (S-006): before an msize is agreed on."""
    client = Peer(service())
    t = m.Tversion(1 << 20, b"x" * length)
    if good:
        assert m.Rversion(1 << 20, b"unknown") == await client.rpc(t, NOTAG)
        return
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await client.rpc(t, NOTAG)


async def test_a_frame_is_kept_across_receives() -> None:
    """frame.any-cut: in a buffer of its own size, while the shared one is used by others."""
    client = await peer()
    await client.create(FREE, b"f")
    data = CODEC.encode(1, m.Twrite(FREE, 0, b"abcdef"))
    assert [] == await client.send(data[:-3])
    assert 3 == len(client.session.buffer(client.shared))
    client.shared[:] = b"\xff" * SHARED
    assert [(1, m.Rwrite(6))] == [CODEC.decode(r) for r in await client.send(data[-3:])]
    assert (SHARED, b"abcdef") == (
        len(client.session.buffer(client.shared)), await client.read(FREE),
    )  # fmt: skip


async def test_half_a_frame_has_no_effect() -> None:
    """frame.any-cut (S-099): what never comes whole is never done."""
    client = await peer()
    await client.create(FREE, b"f", b"before")
    assert [] == await client.send(CODEC.encode(1, m.Twrite(FREE, 0, b"after"))[:-1])
    client.session.close()
    other = Peer(client.session.service)
    await other.begin()
    await other.walk(ROOT, 1, b"f")
    await other.ok(m.Tlopen(1, 0))
    assert b"before" == await other.read(1)


async def test_frames_are_judged_by_what_came_before() -> None:
    """version.comes-first, frame.size-maximum: frames behind a Tversion in one piece obey it."""
    client = Peer(service())
    large = CODEC.encode(2, m.Twrite(9, 0, bytes(9000)))
    version = CODEC.encode(NOTAG, m.Tversion(16384, b"9P2000.L"))
    replies = await client.send(version + large)
    assert m.Rlerror(errno.EBADF) == CODEC.decode(replies[1])[1]
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await client.send(CODEC.encode(NOTAG, m.Tversion(8192, b"9P2000.L")) + large)


async def test_a_piece_is_judged_when_it_is_whole() -> None:
    """frame.size-maximum: a frame that was begun under one msize is measured once more."""
    client = await peer()
    part = CODEC.encode(2, m.Twrite(9, 0, bytes(6000)))
    await client.send(part[:5000])
    client.session.begin("9P2000.L", 4096)
    with pytest.raises(FrameError, match=r"frame\.size-maximum"):
        await client.send(part[5000:])


# what may come when


@pytest.mark.parametrize("name", [n for n in REQUESTS if n != "Tversion"])
async def test_nothing_comes_before_tversion(name: str) -> None:
    """version.comes-first (S-024): the connection is closed, whatever it is."""
    client = Peer(service())
    with pytest.raises(FrameError, match=r"version\.comes-first"):
        await client.send(header(7, SPEC.messages[name].code))


@pytest.mark.parametrize("code", [0, 1, 6, 7, 101, 106, 128, 255])
async def test_no_other_type_comes_before_tversion(code: int) -> None:
    """version.comes-first: nor what is no request, or no message."""
    with pytest.raises(FrameError, match=r"version\.comes-first"):
        await Peer(service()).send(header(7, code))


@pytest.mark.parametrize("body", [b"", b"\0\0\1\0", b"\0\0\1\0\x08\0", b"\0\0\1\0\x08\x009P2000"])
async def test_a_tversion_that_cannot_be_read(body: bytes) -> None:
    """frame.short-body (S-019): an error, and a good one may follow."""
    client = Peer(service())
    (reply,) = await client.send(header(7 + len(body), 100, NOTAG) + body)
    assert (NOTAG, m.Rlerror(errno.EINVAL)) == CODEC.decode(reply)
    await client.begin()


@pytest.mark.parametrize("name", [n for n in REQUESTS if n != "Tversion"])
async def test_notag(name: str) -> None:
    """tag.notag-only-version: EINVAL, with the tag that came, and nothing is done."""
    client = await populated()
    t = blank(name, **{f.name: READ for f in SPEC.messages[name].fields if f.type == "fid"})
    (reply,) = await client.send(CODEC.encode(NOTAG, t))
    assert (NOTAG, m.Rlerror(errno.EINVAL)) == CODEC.decode(reply)
    assert len(FIDS) == len(client.session.fids)


@pytest.mark.parametrize("tag", [0, 1, 0x7FFF, NOTAG - 1])
async def test_tags_come_back(tag: int) -> None:
    """tag.reply-same-tag, tag.reuse-after-reply (S-040): any number, and again at once."""
    client = await peer()
    for _ in range(2):
        assert m.Rlerror(errno.EBADF) == await client.rpc(m.Tclunk(FREE), tag)


async def test_connections_are_apart() -> None:
    """session.connections-apart: both use the same fids and tags for files of their own."""
    first = await peer()
    second = Peer(first.session.service)
    await second.begin()
    for client, name in ((first, b"one"), (second, b"two")):
        await client.create(1, name, name)
    assert [b"one", b"two"] == [await client.read(1) for client in (first, second)]
    await first.ok(m.Tclunk(1))
    assert b"two" == await second.read(1)


async def test_the_end_of_a_session() -> None:
    """session.end-releases: fids and locks are gone."""
    client = await populated()
    await client.ok(m.Tlock(READ, 1, 0, 0, 0, 1, b""))
    client.session.close()
    assert (0, 0) == (len(client.session.fids), len(client.session.service.locks))


async def test_others_are_unharmed() -> None:
    """session.others-unharmed: one connection's end by hostile bytes is not the others'."""
    client = await populated()
    bad = Peer(client.session.service)
    await bad.begin()
    with pytest.raises(FrameError):
        await bad.send(b"\xff" * 100)
    assert b"content" == await client.read(READ)


# replies


def test_a_reply_that_does_not_fit() -> None:
    """frame.reply-fits: an error and not a cut reply; msize itself is good."""
    session = Session(service())
    session.begin("9P2000.L", 4096)
    assert 4096 == len(session.reply(1, m.Rread(bytes(4096 - 11))))
    with pytest.raises(Violation, match=r"frame\.reply-fits") as caught:
        session.reply(1, m.Rread(bytes(4096 - 10)))
    assert errno.EMSGSIZE == caught.value.errno


@pytest.mark.parametrize("r", [m.Rwrite(-1), m.Rreadlink(b"x" * 65536), m.Ropen(m.Qid(0, 0, 0), 0)])
def test_a_reply_that_is_none(r: RMessage) -> None:
    """frame.value-range, frame.unknown-type: what cannot be said in this dialect is not sent."""
    session = Session(service())
    session.begin("9P2000.L", 4096)
    with pytest.raises(CodecError):
        session.reply(1, r)


# hostile bytes: whatever comes is answered, or ends the connection


async def hostile(client: Peer, data: bytes) -> None:
    """Send anything: each reply is an R-message that fits, or the connection is at its end."""
    session = client.session
    while data:
        room = session.buffer(client.shared)
        part, data = data[: len(room)], data[len(room) :]
        room[: len(part)] = part
        try:
            for tag, t in session.received(client.shared, len(part)):
                reply = await answer(session, tag, t)
                seen, r = CODEC.decode(reply)
                assert (tag, True) == (seen, isinstance(r, RMessage))
                assert len(reply) <= session.msize
                assert r != m.Rlerror(errno.EIO)
        except FrameError:
            session.close()
            return


def probe(data: bytes, client: Peer) -> None:
    """Send anything; then the server must serve another client as before."""
    at_once(hostile(client, data))
    other = Peer(client.session.service)
    at_once(other.begin())
    at_once(other.getattr(0))


def begun() -> Peer:
    """Return a client with a populated tree."""
    return at_once(populated(MemoryBackend(LIMIT)))


@given(st.binary(max_size=400), st.booleans())
def test_random_bytes(data: bytes, framed: bool) -> None:
    """session.others-unharmed: with a size that is right, or any."""
    probe((struct.pack("<I", len(data) + 4) if framed else b"") + data, begun())


NUMBERS = st.one_of(
    st.sampled_from([*FIDS, FREE, NOFID]),
    st.integers(0, 40),
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([(1 << n) - 1 for n in (7, 8, 15, 16, 31, 32, 63, 64)]),
)
TEXTS = st.one_of(
    st.sampled_from(
        [b"f", b"d", b"s", b"p", b"g", b"..", b".", b"", b"user.a", b"9P2000.L", b"a/b"]
    ),
    st.binary(max_size=300),
)


def field(f: Field) -> st.SearchStrategy[Any]:
    """Draw a value of a field that is more likely to mean something than not."""
    wire = SPEC.resolve(f.type)
    if f.count:
        return st.lists(TEXTS, max_size=16).map(tuple)
    if wire.size:
        limit = (1 << 8 * wire.size) - 1
        return NUMBERS.map(lambda n: n & limit)
    return TEXTS


def request(name: str) -> st.SearchStrategy[Message]:
    """Draw a request."""
    fields = [field(f) for f in SPEC.messages[name].fields_in("9P2000.L")]
    return st.tuples(*fields).map(lambda values: getattr(m, name)(*values))


ANY = st.sampled_from(REQUESTS).flatmap(request)


@pytest.mark.parametrize("name", REQUESTS)
@settings(max_examples=60)
@given(data=st.data())
def test_any_request(name: str, data: st.DataObject) -> None:
    """error.one-reply: every request with any fields, on fids in every state."""
    t = data.draw(request(name))
    probe(CODEC.encode(5, t), begun())


@given(st.lists(ANY, max_size=25))
def test_any_sequence(requests: list[Message]) -> None:
    """error.internal-fault: no order of requests is a fault of the server."""
    probe(b"".join(CODEC.encode(i, t) for i, t in enumerate(requests)), begun())


@given(
    st.lists(ANY, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4),
    st.integers(0, 9),
)
def test_mutated_sessions(
    requests: list[Message], changes: list[tuple[int, int]], lost: int
) -> None:
    """session.others-unharmed: bytes changed at random, and some lost in the middle."""
    data = bytearray(b"".join(CODEC.encode(i, t) for i, t in enumerate(requests)))
    for at, byte in changes:
        data[at % len(data)] = byte
    del data[len(data) // 2 : len(data) // 2 + lost]
    probe(bytes(data), begun())


@pytest.mark.parametrize("name", REQUESTS)
@settings(max_examples=40)
@given(data=st.data())
def test_bodies_with_lies(name: str, data: st.DataObject) -> None:
    """frame.short-body: lengths and counts inside a frame that are not true."""
    fields = [value(f, "9P2000.L") for f in SPEC.messages[name].fields_in("9P2000.L")]
    whole = bytearray(CODEC.encode(5, getattr(m, name)(*data.draw(st.tuples(*fields)))))
    for _ in range(3):
        whole[data.draw(st.integers(5, len(whole) - 1))] = data.draw(st.integers(0, 255))
    probe(bytes(whole), begun())


async def test_fids_of_the_populated_tree() -> None:
    """The properties above start from fids in every state."""
    client = await populated()
    assert 7 == len({client.session.fids[fid].state for fid in FIDS})
    assert b"content" == await client.read(READ)
    assert m.Rwrite(1) == await client.ok(m.Twrite(WRITE, 0, b"C"))
    assert b"content" != bytes(await client.read(READ))
    assert 7 == (await client.getattr(FILE)).size
