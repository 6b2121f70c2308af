"""The client: paths, tags and fids, and servers that do not behave."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock, Mock

import pytest

from ninep import connect
from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.client import Client, VersionError
from ninep.constants import NONUNAME, NOTAG, LopenFlag
from ninep.errors import ConnectionLost, RemoteError
from ninep.messages import Message, RMessage
from ninep.server import Server
from tests.helpers import settled
from tests.scripted import CODEC, QID, Call, answer, scripted


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Return a client of a server with an empty tree."""
    async with (
        Server(MemoryBackend(), "tcp://127.0.0.1:0") as running,
        connect(running.addresses[0], msize=8192) as found,
    ):
        yield found


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


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("d/f/x", errno.ENOTDIR),
        ("d/f/x/y", errno.ENOTDIR),
        ("d/missing/x", errno.ENOENT),
        ("missing", errno.ENOENT),
        ("d/" + "x" * 300 + "/y", errno.ENAMETOOLONG),
        ("d/../" * 10 + "d/f/x", errno.ENOTDIR),
    ],
)
async def test_why_a_path_ends(client: Client, path: str, number: int) -> None:
    """The reason is that of the name where the walk stops, and no fid is left."""
    async with client.walk("/") as fid:
        await client.tmkdir(fid, b"d", 0o755, NONUNAME)
    await client.write("d/f", [])
    with pytest.raises(RemoteError) as caught:
        await client.stat(path)
    assert number == caught.value.errno
    assert client._fids.taken == set()  # noqa: SLF001


@pytest.mark.parametrize("found", [0, 1, 2])
async def test_a_server_that_never_says_why(found: int) -> None:
    """A walk that always stops early ends with ENOENT."""

    def script(tag: int, t: Message) -> bytes:
        qids = (QID,) * min(found, len(t.wname) - 1) if isinstance(t, m.Twalk) else ()
        return CODEC.encode(tag, m.Rwalk(qids) if isinstance(t, m.Twalk) else m.Rclunk())

    async with scripted(script) as client:
        with pytest.raises(RemoteError, match="No such file"):
            await client.stat("a/b/c")


async def test_a_file_whose_directory_comes_late() -> None:
    """What appears while the reason is asked for is walked to."""
    replies = iter([*[m.Rwalk((QID,))] * 5, m.Rlerror(1), m.Rclunk()])
    async with scripted(lambda tag, _: CODEC.encode(tag, next(replies))) as client:
        with pytest.raises(RemoteError, match="Tgetattr"):
            await client.stat("a/b/c")


async def test_no_file_without_a_name(client: Client) -> None:
    """A path that ends in a slash names no file to be created."""
    with pytest.raises(RemoteError):
        await client.write("new/", [b"x"])
    assert await client.ls("/") == []


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


async def test_a_server_without_this_dialect() -> None:
    """VersionError names what was asked for and what came."""
    async with Server(MemoryBackend(), "tcp://127.0.0.1:0", dialects=()) as running:
        with pytest.raises(VersionError, match="got unknown"):
            async with connect(running.addresses[0]):
                pass


def entry(name: bytes, offset: int = 1) -> bytes:
    """Return a packed entry of a listing."""
    return CODEC.pack_dirent(m.Dirent(QID, offset, 8, name))


BREACHES: list[tuple[Call, RMessage, str]] = [
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
        return CODEC.encode(tag, opening.get(type(t), r))

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


async def test_a_dialect_that_does_not_exist() -> None:
    """It is refused before anything is sent, and those that exist are named."""
    with pytest.raises(ValueError, match=r"'9P2000.x' is no dialect: expected 9P2000 or "):
        async with connect("127.0.0.1:1", dialect="9P2000.x"):
            pass


async def test_a_clunk_costs_no_task(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on in the background of a call that is not cancelled."""
    monkeypatch.setattr(client, "_spawn", Mock(side_effect=AssertionError))
    await client.write("f", [b"x"])
    with pytest.raises(RemoteError):
        await client.stat("f/missing")
    assert client._fids.taken == set()  # noqa: SLF001


@pytest.mark.parametrize("late", [True, False], ids=["done all the same", "not done"])
async def test_a_clunk_that_is_cancelled(late: bool) -> None:
    """It is flushed like any request, and asked for again: no fid stays, nor is one used twice."""
    seen: list[Message] = []

    def script(tag: int, t: Message) -> bytes:
        seen.append(t)
        match t:
            case m.Twalk():
                return CODEC.encode(tag, m.Rwalk(()))
            case m.Tgetattr():
                return CODEC.encode(tag, m.Rlerror(1))
            case m.Tclunk() if len(seen) == 3:
                clunked.set()
                return b""
            case m.Tclunk():
                return CODEC.encode(tag, m.Rlerror(errno.EBADF) if late else m.Rclunk())
            case m.Tflush():
                done = CODEC.encode(t.oldtag, m.Rclunk()) if late else b""
                return done + CODEC.encode(tag, m.Rflush())
        raise AssertionError(t)

    clunked = asyncio.Event()
    async with scripted(script) as client:
        call = asyncio.ensure_future(client.stat("/"))
        await asyncio.wait_for(clunked.wait(), 10)
        call.cancel()
        await asyncio.wait([call])
        assert client._fids.taken == {1}  # noqa: SLF001
        while client._background:  # noqa: SLF001
            await asyncio.wait(set(client._background))  # noqa: SLF001
        assert [type(t) for t in seen[2:]] == [m.Tclunk, m.Tflush, m.Tclunk]
        assert client._fids.taken == client._tags.taken == set()  # noqa: SLF001


async def test_a_server_that_does_not_accept() -> None:
    """A session that does not begin in time is given up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConnectionLost, match=r"no session has begun within 0.05 s"):
            async with connect(f"127.0.0.1:{port}", timeout=0.05):
                pass


async def test_a_version_that_is_refused() -> None:
    """An error in answer to Tversion is no session."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(CODEC.encode(NOTAG, m.Rlerror(errno.EINVAL)))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(VersionError, match=r"asked for 9P2000.L; got Tversion: Invalid"):
            async with connect(f"127.0.0.1:{port}"):
                pass


async def test_a_timeout_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays what it is."""
    late = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    monkeypatch.setattr("ninep.dial.asyncio.open_connection", AsyncMock(side_effect=late))
    with pytest.raises(TimeoutError, match="Connection timed out"):
        async with connect("127.0.0.1:1", timeout=5):
            pass


async def test_append_only_needs_the_flag(client: Client) -> None:
    """Twrite goes to the end of a file that was opened with APPEND."""
    await client.write("f", [b"one"])
    async with client.open("f", LopenFlag.WRONLY | LopenFlag.APPEND) as fid:
        await client.twrite(fid, 0, b" two")
    assert (await client.stat("f")).size == 7


@pytest.mark.parametrize("dialect", ["9P2000", "9P2000.u"])
async def test_the_older_dialects(dialect: str) -> None:
    """error.rerror-text: their messages are there, and their errors are errors by number."""
    async with (
        Server(MemoryBackend(), "tcp://127.0.0.1:0") as running,
        connect(running.addresses[0], dialect=dialect) as client,
    ):
        assert b"/" == (await client.tstat(0)).stat.name
        with pytest.raises(RemoteError, match=r"Twalk: No such file or directory \(errno 2\)"):
            await client.twalk(0, 9, (b"missing",))
        await client.tcreate(0, b"new", 0o644, 1)
        assert 3 == (await client.twrite(0, 0, b"abc")).count
