"""The client: paths, tags and fids, and servers that do not behave."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from ninep import connect
from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.client import Client, Numbers, VersionError
from ninep.codec import codec, read_size
from ninep.constants import LopenFlag
from ninep.errors import CodecError, ConnectionLost, RemoteError
from ninep.messages import Message, RMessage
from ninep.server import Server
from tests.helpers import settled

CODEC = codec("9P2000.L")
QID = m.Qid(0x80, 1, 1)
Script = Callable[[int, Message], bytes]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Return a client of a server with an empty tree."""
    async with (
        Server(MemoryBackend(), "tcp://127.0.0.1:0") as running,
        connect(running.addresses[0], msize=8192) as found,
    ):
        yield found


@contextlib.asynccontextmanager
async def scripted(script: Script, msize: int = 8192) -> AsyncIterator[Client]:
    """Connect to a server that answers Tversion and Tattach, and anything else by the script."""

    def reply(tag: int, t: Message) -> bytes:
        if isinstance(t, m.Tversion):
            return CODEC.encode(tag, m.Rversion(msize, b"9P2000.L"))
        begins = isinstance(t, m.Tattach) and t.fid == 0
        return CODEC.encode(tag, m.Rattach(QID)) if begins else script(tag, t)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readexactly(4):
                rest = await reader.readexactly(read_size(head)[0] - 4)
                writer.write(reply(*CODEC.decode(head + rest)))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with connect(f"tcp://127.0.0.1:{port}", msize=8192) as found:
            yield found


def answer(r: RMessage) -> Script:
    """Return a script that gives one reply to everything."""
    return lambda tag, _: CODEC.encode(tag, r)


async def test_write_and_read(client: Client) -> None:
    """Content of any length comes back; writing again replaces it."""
    data = os.urandom(30_000)
    assert await client.write("f", [data[:11], data[11:]]) == len(data)
    assert b"".join([bytes(part) async for part in client.read("f")]) == data
    assert await client.write(b"/f", [b"new"]) == 3
    assert b"".join([bytes(part) async for part in client.read("f")]) == b"new"


async def test_more_names_than_one_walk_carries(client: Client) -> None:
    """A deep path is walked in parts of MAXWELEM; a missing end leaves no fid behind."""
    path = ""
    for i in range(20):
        async with client.walk(path) as fid:
            await client.tmkdir(fid, b"d%d" % i, 0o755, 0xFFFFFFFF)
        path += f"/d{i}"
    assert (await client.stat(path)).mode & 0o777 == 0o755
    with pytest.raises(RemoteError):
        await client.stat(path + "/missing")
    with pytest.raises(RemoteError):
        await client.stat("/d0/missing/d2")
    assert await client.ls(path) == []


async def test_large_directories(client: Client) -> None:
    """A listing takes as many requests as it needs."""
    for i in range(300):
        await client.write(f"a rather long name {i:04}", [])
    assert len(await client.ls("/")) == 300


async def test_readlink(client: Client) -> None:
    """The text of a link."""
    async with client.walk("/") as fid:
        await client.tsymlink(fid, b"l", b"a/b", 0xFFFFFFFF)
    assert await client.readlink("l") == b"a/b"


async def test_write_where_no_file_can_be(client: Client) -> None:
    """The reason is the server's."""
    with pytest.raises(RemoteError, match="Is a directory"):
        await client.write("/", [b"x"])


async def test_many_at_once(client: Client) -> None:
    """Requests of one client run side by side."""
    await client.write("f", [b"x" * 1000])
    results = await asyncio.gather(*(client.stat("f") for _ in range(200)))
    assert {r.size for r in results} == {1000}


async def test_a_value_that_does_not_fit(client: Client) -> None:
    """It is refused before anything is sent, and the client goes on."""
    with pytest.raises(CodecError):
        await client.tclunk(-1)
    assert await client.ls("/") == []


async def test_a_server_without_this_dialect() -> None:
    """VersionError names what was asked for and what came."""
    async with Server(MemoryBackend(), "tcp://127.0.0.1:0", dialects=()) as running:
        with pytest.raises(VersionError, match="got unknown"):
            async with connect(running.addresses[0]):
                pass


def entry(name: bytes, offset: int = 1) -> bytes:
    """Return a packed entry of a listing."""
    return CODEC.pack_dirent(m.Dirent(QID, offset, 8, name))


Call = Callable[[Client], Coroutine[None, None, object]]
BREACHES: list[tuple[Call, RMessage, str]] = [
    (lambda c: c.tgetattr(0, 1), m.Rclunk(), "Tgetattr was answered by Rclunk"),
    (lambda c: c.twalk(0, 1, (b"a",)), m.Rwalk((QID, QID)), "Twalk was answered by more than"),
    (lambda c: c.tread(0, 0, 3), m.Rread(b"four"), "Tread was answered by more than"),
    (lambda c: c.treaddir(0, 0, 3), m.Rreaddir(b"four"), "Treaddir was answered by more than"),
    (lambda c: c.twrite(0, 0, b"abc"), m.Rwrite(4), "Twrite was answered by more than"),
    (lambda c: c.write("/", [b"abc"]), m.Rwrite(0), "Twrite was answered by a count of 0"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a", 0)), "led back to the offset 0"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a", 7)), "led back to the offset 7"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a")[:-1]), "no listing: frame.short-body"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a/b")), "no listing: names.no-slash"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a\0b")), "no listing: names.no-nul"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"")), "no listing: names.not-empty"),
    (lambda c: c.ls("/"), m.Rreaddir(entry(b"a" * 4000)), "no listing: names.too-long"),
]


@pytest.mark.parametrize(("call", "r", "says"), BREACHES)
async def test_servers_that_break_the_protocol(call: Call, r: RMessage, says: str) -> None:
    """The reply is not taken for an answer, and the server is left, which ends every call."""
    opening = {m.Twalk: m.Rwalk(()), m.Tlopen: m.Rlopen(QID, 0)}

    def script(tag: int, t: Message) -> bytes:
        return CODEC.encode(tag, r if isinstance(r, m.Rwalk) else opening.get(type(t), r))

    async with scripted(script) as client:
        with pytest.raises(ConnectionLost, match=says):
            await asyncio.wait_for(call(client), 10)
        with pytest.raises(ConnectionLost, match=says):
            await client.tclunk(7)


@pytest.mark.parametrize("msize", [0, 8, 4095, 1 << 20])
async def test_a_server_with_another_msize(msize: int) -> None:
    """version.msize-minimum, version.msize-not-larger: no session begins."""
    with pytest.raises(VersionError, match=f"asked for 9P2000.L, 8192 bytes; .* {msize} bytes"):
        async with scripted(answer(m.Rclunk()), msize):
            pass


async def test_a_request_larger_than_msize(client: Client) -> None:
    """frame.size-maximum: it is refused before anything is sent, and the client goes on."""
    with pytest.raises(CodecError, match=r"frame.size-maximum: .* msize 8192"):
        await client.twrite(0, 0, bytes(8192))
    assert await client.ls("/") == []


@pytest.mark.parametrize(
    "script",
    [
        lambda tag, _: CODEC.encode(tag + 1, m.Rclunk()),
        lambda _, __: b"\xff\xff\xff\xff\0\0\0",
        lambda _, __: b"\7\0\0\0\xc8\0\0",
        lambda tag, _: CODEC.encode(tag, m.Rclunk())[:5],
    ],
    ids=["other tag", "too large", "unknown type", "cut"],
)
async def test_replies_that_end_the_connection(script: Script) -> None:
    """Whatever is wrong, every request gets an error and none hangs."""
    client: Client
    async with scripted(script) as client:
        one = asyncio.ensure_future(client.tclunk(7))
        if script(1, m.Tclunk(7))[:1] == CODEC.encode(1, m.Rclunk())[:1] == b"\7":
            await settled(20)
            client._reader.feed_eof()  # noqa: SLF001  half a frame, then the end
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(one, 10)
        with pytest.raises(ConnectionLost):
            await client.tclunk(7)


class Late:
    """A script that answers nothing but Tflush and Tclunk, and the flushed request before that."""

    def __init__(self, late: RMessage | None = None) -> None:
        """Answer what is flushed with `late`."""
        self.late = late
        self.seen: list[tuple[int, Message]] = []

    def __call__(self, tag: int, t: Message) -> bytes:
        """Note what comes."""
        self.seen.append((tag, t))
        if isinstance(t, m.Tflush):
            late = CODEC.encode(t.oldtag, self.late) if self.late else b""
            return late + CODEC.encode(tag, m.Rflush())
        return CODEC.encode(tag, m.Rclunk()) if isinstance(t, m.Tclunk) else b""


async def cancelled(call: Coroutine[None, None, object]) -> None:
    """Cancel a call that waits for its reply, and wait for nothing else."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.05)


@pytest.mark.parametrize(
    ("call", "late", "clunked"),
    [
        (lambda c: c.tgetattr(0, 1), None, []),
        (lambda c: c.twalk(0, 9, (b"a",)), None, []),
        (lambda c: c.twalk(0, 9, (b"a",)), m.Rwalk((QID,)), [9]),
        (lambda c: c.twalk(0, 9, (b"a", b"b")), m.Rwalk((QID,)), []),
        (lambda c: c.twalk(9, 9, (b"a",)), m.Rwalk((QID,)), []),
        (lambda c: c.tattach(9, 8, b"", b"", 0), m.Rattach(QID), [9]),
        (lambda c: c.tauth(9, b"", b"", 0), m.Rauth(QID), [9]),
        (lambda c: c.txattrwalk(0, 9, b"a"), m.Rxattrwalk(1), [9]),
        (lambda c: c.txattrwalk(0, 9, b"a"), m.Rlerror(61), []),
        (lambda c: c.stat("/a"), m.Rwalk((QID,)), [1]),
        (lambda c: c.stat("/a"), None, []),
    ],
)
async def test_a_cancelled_request_is_flushed(
    call: Call,
    late: RMessage | None,
    clunked: list[int],
) -> None:
    """Its tag is free after the Rflush, and a fid that it has bound all the same is clunked."""
    script = Late(late)
    async with scripted(script) as client:
        await cancelled(call(client))
        await asyncio.sleep(0.05)
        tag = script.seen[0][0]
        assert script.seen[1][1] == m.Tflush(tag)
        assert clunked == [t.fid for _, t in script.seen if isinstance(t, m.Tclunk)]
        assert (await client.tclunk(7), script.seen[-1][0] in {tag, tag + 1}) == (m.Rclunk(), True)
        assert (client._waiting, client._background) == ({}, set())  # noqa: SLF001
        assert client._fids.taken == set()  # noqa: SLF001


async def test_a_tag_is_in_use_until_the_rflush() -> None:
    """As long as the server owes an answer, no other request has the tag."""
    seen: list[int] = []

    def silent(tag: int, _: Message) -> bytes:
        seen.append(tag)
        return b""

    async with scripted(silent) as client:
        for _ in range(3):
            await cancelled(client.tclunk(1))
    assert len(set(seen)) == len(seen) == 6


async def test_a_cancelled_call_leaves_no_fid_on_the_server() -> None:
    """Whatever it was cancelled in: the server has the root's fid and no other."""
    tree = MemoryBackend()
    async with Server(tree, "127.0.0.1:0") as running, connect(running.addresses[0]) as client:
        await client.write("f", [b"x"])
        for turns in range(40):
            task = asyncio.ensure_future(client.stat("f"))
            await settled(turns)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        (connection,) = running.connections
        assert len(connection.session.fids) == 1
        assert client._fids.taken == set()  # noqa: SLF001


async def test_append_only_needs_the_flag(client: Client) -> None:
    """Twrite goes to the end of a file that was opened with APPEND."""
    await client.write("f", [b"one"])
    async with client.open("f", LopenFlag.WRONLY | LopenFlag.APPEND) as fid:
        await client.twrite(fid, 0, b" two")
    assert (await client.stat("f")).size == 7


def test_numbers_run_out() -> None:
    """There are 65,535 tags and no more."""
    numbers = Numbers(2)
    assert [numbers.take(), numbers.take()] == [0, 1]
    with pytest.raises(ConnectionLost):
        numbers.take()
    numbers.give_back(1)
    numbers.give_back(5)
    assert numbers.take() == 1
