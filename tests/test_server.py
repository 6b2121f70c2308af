"""The asyncio server: order, coalescing, back-pressure, faults, and what is left at the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from ninep import cli, connect, server
from ninep import messages as m
from ninep.address import Address
from ninep.backend import Backend
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.client import Client
from ninep.codec import codec, read_size
from ninep.constants import NOFID, NONUNAME, NOTAG
from ninep.errors import ConnectionLost, RemoteError
from ninep.fids import Fid
from ninep.limits import Limits
from ninep.messages import Message, TMessage
from ninep.server import Server
from tests.helpers import descriptors, settled

CODEC = codec("9P2000.L")
MSIZE = 65536
WAITING, UNSENT = Limits().waiting, Limits().unsent
VERSION = CODEC.encode(NOTAG, m.Tversion(MSIZE, b"9P2000.L"))
ATTACH = CODEC.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME))


class Gated:
    """A file tree whose reads, writes and fsyncs wait for a gate, and whose walks may break."""

    def __init__(self, inner: Any, gate: asyncio.Event, parent: Gated | None = None) -> None:
        """Wrap a backend, a node or a file."""
        self.inner = inner
        self.gate = gate
        self.parent = parent or self

    def __getattr__(self, name: str) -> Any:
        """Leave the rest to what is wrapped."""
        return getattr(self.inner, name)

    async def attach(self, uid: int = NONUNAME) -> Gated:
        """Wrap the root."""
        return Gated(await self.inner.attach(uid), self.gate)

    async def walk(self, name: bytes) -> Gated:
        """Wrap what is found; break on a bad name."""
        if name == b"bug":
            raise ZeroDivisionError
        if name == b"memory":
            raise MemoryError
        return Gated(await self.inner.walk(name), self.gate, self)

    async def create(self, *args: Any) -> tuple[Gated, Gated]:
        """Wrap node and file."""
        node, file = await self.inner.create(*args)
        return Gated(node, self.gate, self), Gated(file, self.gate)

    async def open(self, flags: int) -> Gated:
        """Wrap the file."""
        return Gated(await self.inner.open(flags), self.gate)

    async def read(self, offset: int, count: int) -> Any:
        """Wait, then read."""
        await self.gate.wait()
        return await self.inner.read(offset, count)

    async def write(self, offset: int, data: Any) -> int:
        """Wait, then write."""
        await self.gate.wait()
        written: int = await self.inner.write(offset, data)
        return written

    async def fsync(self, *_: object) -> None:
        """Wait, or end as if somebody had cancelled it."""
        await self.gate.wait()
        raise asyncio.CancelledError


class Wire:
    """A raw connection: any bytes out, frames in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk through an open stream."""
        self.reader = reader
        self.writer = writer

    def send(self, *requests: tuple[int, TMessage]) -> None:
        """Send requests in one go."""
        self.writer.write(b"".join(CODEC.encode(tag, t) for tag, t in requests))

    async def receive(self) -> tuple[int, Message]:
        """Return the next reply."""
        head = await asyncio.wait_for(self.reader.readexactly(4), 10)
        size = read_size(head)[0]
        return CODEC.decode(head + await self.reader.readexactly(size - 4))

    async def tags(self, count: int) -> list[int]:
        """Return the tags of the next replies, in order."""
        return [(await self.receive())[0] for _ in range(count)]

    async def closed(self) -> bool:
        """Say whether the server closes the connection without another byte."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True


@contextlib.asynccontextmanager
async def wire(running: Server) -> AsyncIterator[Wire]:
    """Connect, agree on a version, attach fid 0."""
    address = running.addresses[0]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    found = Wire(reader, writer)
    writer.write(VERSION + ATTACH)
    assert [NOTAG, 1] == await found.tags(2)
    try:
        yield found
    finally:
        writer.close()


@pytest.fixture
async def gate() -> asyncio.Event:
    """Return a gate that is shut."""
    return asyncio.Event()


@pytest.fixture
async def gated(gate: asyncio.Event) -> AsyncIterator[Server]:
    """Serve a tree with one file whose I/O waits for the gate."""
    memory = MemoryBackend()
    root = await memory.attach()
    _, file = await root.create(b"file", 2, 0o644, NONUNAME, NONUNAME)
    await file.write(0, b"content")
    tree: Any = Gated(memory, gate)
    async with Server(tree, "tcp://127.0.0.1:0") as running:
        yield running


OPEN = [(2, m.Twalk(0, 1, (b"file",))), (3, m.Tlopen(1, 2))]


async def test_replies_come_in_any_order(gated: Server, gate: asyncio.Event) -> None:
    """A request that waits does not hold up those behind it."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)), (5, m.Tgetattr(0, 0x7FF)))
        assert [2, 3, 5] == await w.tags(3)
        gate.set()
        assert (4, m.Rread(b"content")) == await w.receive()


async def test_requests_on_one_fid_take_effect_in_order(gated: Server, gate: asyncio.Event) -> None:
    """A pipelined clunk waits for the read before it; the number is free after it."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)), (5, m.Tclunk(1)), (6, m.Twalk(0, 1, ())))
        assert [2, 3] == await w.tags(2)
        gate.set()
        assert [4, 5, 6] == await w.tags(3)


async def test_written_data_survive_the_wait(gated: Server, gate: asyncio.Event) -> None:
    """A Twrite that waits keeps its data, whatever is received meanwhile."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Twrite(1, 0, b"precious")))
        w.send((5, m.Twrite(1, 8, b"!")))
        assert [2, 3] == await w.tags(2)
        w.send(*((tag, m.Twalk(0, NOFID, (b"x" * 200,))) for tag in range(10, 60)))
        await w.tags(50)
        gate.set()
        await w.tags(2)
        w.send((6, m.Tread(1, 0, 100)))
        assert (6, m.Rread(b"precious!")) == await w.receive()


async def test_flush_abandons_a_read(gated: Server, gate: asyncio.Event) -> None:
    """No reply to the read, then Rflush; the connection goes on."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)), (5, m.Tflush(4)), (6, m.Tflush(5)))
        assert [2, 3, 5, 6] == await w.tags(4)
        gate.set()
        w.send((4, m.Tread(1, 0, 3)))
        assert (4, m.Rread(b"con")) == await w.receive()


async def test_flush_waits_for_a_write(gated: Server, gate: asyncio.Event) -> None:
    """The write runs to its end, is answered, then comes Rflush."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Twrite(1, 0, b"new")), (5, m.Tflush(4)), (6, m.Tgetattr(0, 1)))
        assert [2, 3, 6] == await w.tags(3)
        gate.set()
        assert [4, 5] == await w.tags(2)


async def test_version_silences_what_runs(gated: Server, gate: asyncio.Event) -> None:
    """S-021: no reply of an old tag after Rversion, no fid left."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Twrite(1, 0, b"new")), (5, m.Tread(1, 0, 1)))
        w.send((NOTAG, m.Tversion(MSIZE, b"9P2000.L")))
        assert [2, 3] == await w.tags(2)
        gate.set()
        assert (NOTAG, m.Rversion(MSIZE, b"9P2000.L")) == await w.receive()
        w.send((6, m.Tclunk(0)))
        assert (6, m.Rlerror(9)) == await w.receive()


async def test_a_duplicate_tag_closes_the_connection(gated: Server) -> None:
    """tag.in-flight (S-038)."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)), (4, m.Tgetattr(0, 1)))
        assert [2, 3] == await w.tags(2)
        assert await w.closed()


@pytest.mark.parametrize(("name", "errno"), [(b"bug", 5), (b"memory", 12)])
async def test_a_fault_costs_one_request(
    gated: Server, name: bytes, errno: int, caplog: pytest.LogCaptureFixture
) -> None:
    """error.internal-fault: EIO (or ENOMEM) and a log record; the rest goes on."""
    async with wire(gated) as w:
        w.send((2, m.Twalk(0, 1, (name,))), (3, m.Tgetattr(0, 1)))
        assert (2, m.Rlerror(errno)) == await w.receive()
        assert [3] == await w.tags(1)
    assert "Twalk" in caplog.text


async def test_a_cancelled_request_is_answered(gated: Server, gate: asyncio.Event) -> None:
    """If something else cancels it, the client is told EINTR."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tfsync(1, 0)))
        await w.tags(2)
        gate.set()
        assert (4, m.Rlerror(4)) == await w.receive()


@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\0", b"\6\0\0\0", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n", b"\1\0\1\0d\xff\xff"],
)
async def test_impossible_sizes_close_the_connection(gated: Server, data: bytes) -> None:
    """frame.size-minimum, frame.size-maximum; others are unaffected."""
    async with wire(gated) as other:
        async with wire(gated) as w:
            w.writer.write(data)
            assert await w.closed()
        other.send((2, m.Tgetattr(0, 1)))
        assert [2] == await other.tags(1)


async def test_nothing_but_tversion_comes_first(gated: Server) -> None:
    """version.comes-first: there is no dialect in which to word an error."""
    address = gated.addresses[0]
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(ATTACH)
    assert await Wire(reader, writer).closed()
    writer.close()


async def test_one_byte_at_a_time(gated: Server) -> None:
    """However the bytes are cut, the replies are the same."""
    async with wire(gated) as w:
        data = b"".join(CODEC.encode(tag, t) for tag, t in [*OPEN, (4, m.Tgetattr(1, 0x7FF))])
        for i in range(len(data)):
            w.writer.write(data[i : i + 1])
            await w.writer.drain()
            await settled(2)
        assert [2, 3, 4] == await w.tags(3)


async def test_a_half_closed_client_gets_its_replies(gated: Server, gate: asyncio.Event) -> None:
    """The server answers what was asked, then closes."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)))
        w.writer.write_eof()
        assert [2, 3] == await w.tags(2)
        gate.set()
        assert [4] == await w.tags(1)
        assert await w.closed()


async def test_a_slow_reader_is_not_read_from() -> None:
    """S-072: replies that nobody takes stay few, and all arrive when they are taken."""
    memory = MemoryBackend()
    root = await memory.attach()
    _, file = await root.create(b"file", 2, 0o644, NONUNAME, NONUNAME)
    await file.write(0, b"x" * MSIZE)
    async with Server(memory, "tcp://127.0.0.1:0") as running, wire(running) as w:
        w.send(*OPEN)
        await w.tags(2)
        w.send(*((tag, m.Tread(1, 0, MSIZE)) for tag in range(2000)))
        w.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await settled(200)
        (connection,) = running.connections
        queued = connection.transport.get_write_buffer_size() + connection.unsent
        assert queued < 3 * UNSENT
        assert connection.choked
        w.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert list(range(2000)) == await w.tags(2000)


async def test_waiting_requests_are_bounded(gated: Server, gate: asyncio.Event) -> None:
    """Requests that wait keep no more than a stated number of bytes; reading stops at it."""
    async with wire(gated) as w:
        w.send(*OPEN)
        await w.tags(2)
        count = 2 * WAITING // MSIZE
        data = b"x" * (MSIZE - 24)
        w.send(*((tag, m.Twrite(1, 0, data)) for tag in range(count)))
        (connection,) = gated.connections
        while connection.tags.held.bytes <= WAITING:
            await asyncio.sleep(0)
        await settled()
        assert connection.tags.held.bytes < WAITING + 2 * MSIZE
        gate.set()
        assert set(range(count)) == set(await w.tags(count))


LEFT_OPEN = (
    (4, m.Tlock(1, 1, 0, 0, 0, 7, b"host")),
    (5, m.Twalk(0, 2, ())),
    (6, m.Tlopen(2, 0)),
    (7, m.Treaddir(2, 0, 30)),
    (8, m.Txattrwalk(1, 3, b"")),
)
"""A lock, a listing that is not read to its end, the value of an extended attribute."""


@pytest.mark.usefixtures("no_collector")
async def test_everything_goes_with_the_connection(tmp_path: Path) -> None:
    """1,000 sessions that attach, open, lock, list and hang up leave nothing behind, at once."""
    (tmp_path / "file").write_bytes(b"x")
    async with Server(LocalBackend(tmp_path), "tcp://127.0.0.1:0") as running:
        await settled()
        before = (descriptors(), len(asyncio.all_tasks()))
        for _ in range(1000):
            async with wire(running) as w:
                w.send(*OPEN, *LEFT_OPEN)
                replies = [await w.receive() for _ in range(7)]
                assert not any(isinstance(r, m.Rlerror) for _, r in replies)
        while running.connections:
            await asyncio.sleep(0)
        await settled()
        assert before == (descriptors(), len(asyncio.all_tasks()))
        assert len(running.service.locks) == 0


async def test_closing_lets_requests_finish(gated: Server, gate: asyncio.Event) -> None:
    """What is in flight when the server closes is still answered."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)))
        await w.tags(2)
        closing = asyncio.ensure_future(gated.close())
        await settled()
        gate.set()
        assert [4] == await w.tags(1)
        await closing
        assert await w.closed()


async def test_closing_does_not_wait_for_ever(gated: Server) -> None:
    """A request that never ends is dropped after the drain time."""
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)))
        await w.tags(2)
        await gated.close(drain=0.01)
        assert await w.closed()
        assert not gated.connections


async def test_closing_does_not_wait_for_a_removal(
    gated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a file waited for that goes with its fid and cannot be removed, after that time."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "remove_all", never)
    for hurried in (False, True):
        gated.remove([Fid(None, None, 0, removes=True)])  # type: ignore[arg-type]
        closing = asyncio.ensure_future(gated.close(drain=1000 if hurried else 0.01))
        await settled()
        if hurried:
            gated.hurry()
        await asyncio.wait_for(closing, 20)


async def test_a_failure_leaves_no_cycle() -> None:
    """What a failed call held goes when the request ends, and not when the collector comes."""
    calls: list[asyncio.Future[bytes]] = [asyncio.get_running_loop().create_future()]

    async def request() -> bytes:
        with contextlib.suppress(OSError):
            await calls.pop()
        return b"reply"

    coroutine, call = request(), calls[0]
    gone = ref(call)
    task = asyncio.ensure_future(server.run(server.Resumed(coroutine, coroutine.send(None))))
    await asyncio.sleep(0)
    call.set_exception(OSError(errno.EIO, "failed"))
    del coroutine, call
    gc.disable()
    try:
        assert b"reply" == await task
        del task
        assert gone() is None
    finally:
        gc.enable()


async def test_a_second_signal_ends_at_once(gated: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-15: the first signal lets requests finish, the second does not wait for them."""
    await gated.close()
    monkeypatch.setattr(Server.close, "__defaults__", (1000.0,))
    serving = asyncio.ensure_future(cli.listen(gated, list))
    await settled()
    async with wire(gated) as w:
        w.send(*OPEN, (4, m.Tread(1, 0, 10)))
        await w.tags(2)
        os.kill(os.getpid(), signal.SIGTERM)
        await settled()
        assert not serving.done()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(serving, 10) == 0
        assert await w.closed()


async def test_waiting_for_the_end(gated: Server) -> None:
    """Who waits until all is closed goes on when it is, and need not wait after that."""
    async with wire(gated):
        waiting = asyncio.ensure_future(gated.wait_closed())
        await settled()
        await gated.close(drain=0.01)
        await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(gated.wait_closed(), 10)


async def test_waiting_for_the_end_of_listening(gated: Server) -> None:
    """That is the end where nobody is connected."""
    waiting = asyncio.ensure_future(gated.wait_closed())
    await settled()
    assert not waiting.done()
    await gated.close()
    await asyncio.wait_for(waiting, 10)


async def test_a_server_can_be_entered_again() -> None:
    """Its addresses are those that it listens on now."""
    running = Server(MemoryBackend(), "tcp://127.0.0.1:0")
    for _ in range(2):
        async with running:
            (address,) = running.addresses
            async with connect(address) as client:
                assert await client.ls("/") == []
        assert [] == running.addresses


@contextlib.asynccontextmanager
async def serving(tree: Backend, address: str) -> AsyncIterator[Client]:
    """Serve a tree and connect to it."""
    async with Server(tree, address) as running, connect(running.addresses[0]) as client:
        yield client


@contextlib.asynccontextmanager
async def serving_two(tree: Backend) -> AsyncIterator[tuple[Server, Client, Client]]:
    """Serve a tree and connect to it twice."""
    async with (
        Server(tree, "tcp://127.0.0.1:0") as running,
        connect(running.addresses[0]) as one,
        connect(running.addresses[0]) as two,
    ):
        yield running, one, two


VANISHED = """
import asyncio, subprocess
from ninep import connect, server
from ninep.backends.memory import MemoryBackend

async def main():
    server.PROBES.update(TCP_KEEPIDLE=1, TCP_KEEPINTVL=1, TCP_USER_TIMEOUT=2000)
    async with server.Server(MemoryBackend(), "tcp://127.0.0.9:0") as running:
        async with connect(running.addresses[0]) as client:
            await client.ls("/")
            assert len(running.connections) == 1
            await asyncio.sleep(0.5)  # until all is acknowledged
            subprocess.check_call("ip route add blackhole 127.0.0.9 table local".split())
            async with asyncio.timeout(30):
                while running.connections:
                    await asyncio.sleep(0.1)
            print("gone")
            subprocess.check_call("ip route del blackhole 127.0.0.9 table local".split())

asyncio.run(main())
"""
"""A client whose messages, acknowledgements too, do not get through any more."""


def test_a_peer_that_vanished_with_no_word() -> None:
    """Its connection ends, although nothing on the wire says so."""
    apart = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace of our own: needs root, unshare and iproute2")
    command = [*apart, sys.executable, "-c", VANISHED]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout == "gone\n", done.stderr


async def test_unix_socket(tmp_path: Path) -> None:
    """It is served, and its name is gone afterwards."""
    path = tmp_path / "s"
    async with serving(MemoryBackend(), f"unix://{path}") as client:
        assert await client.ls("/") == []
    assert not path.exists()


async def test_a_stale_unix_socket_is_replaced(tmp_path: Path) -> None:
    """One that nobody serves is taken over, one in use is not."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(MemoryBackend(), f"unix://{path}"):
        with pytest.raises(OSError, match="in use"):
            async with Server(MemoryBackend(), f"unix://{path}"):
                pass
    path.write_text("a file")
    with pytest.raises(OSError, match="in use"):
        async with Server(MemoryBackend(), f"unix://{path}"):
            pass
    assert path.read_text() == "a file"


async def test_inherited_stream() -> None:
    """fd://N with a connected stream serves that one peer and is done then."""
    ours, theirs = socket.socketpair()
    async with Server(MemoryBackend(), f"fd://{ours.detach()}") as running:
        async with connect(f"fd://{theirs.detach()}") as client:
            assert await client.ls("/") == []
        await asyncio.wait_for(running.wait_closed(), 10)


async def test_inherited_listener() -> None:
    """fd://N with a listening socket accepts on it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with (
        Server(MemoryBackend(), f"fd://{listener.detach()}"),
        connect(f"tcp://127.0.0.1:{port}") as client,
    ):
        assert await client.ls("/") == []


async def test_cannot_listen() -> None:
    """An address in use or without sense is an OSError that names it."""
    async with Server(MemoryBackend(), "127.0.0.1:0") as running:
        with pytest.raises(OSError, match=f"in use.*'{running.addresses[0]}'"):
            async with Server(MemoryBackend(), "127.0.0.1:0", running.addresses[0]):
                pass
    with pytest.raises(OSError, match="cannot listen"):
        async with Server(MemoryBackend(), Address("exec", path="true")):
            pass


async def test_an_error_without_a_number(tmp_path: Path) -> None:
    """It keeps its text, and names the address too."""
    path = f"unix://{tmp_path}/{'a' * 120}"
    with pytest.raises(OSError, match=f"AF_UNIX path too long: '{path}'"):
        async with Server(MemoryBackend(), path):
            pass


async def test_locks_between_connections() -> None:
    """A lock of one connection blocks another, and goes when the first is cut."""
    async with serving_two(MemoryBackend()) as (running, one, two):
        await one.write("f", [b"x"])
        async with one.open("f", 2) as mine, two.open("f", 2) as theirs:
            assert (await one.tlock(mine, 1, 0, 0, 0, 1, b"a")).status == 0
            assert (await two.tlock(theirs, 1, 0, 0, 0, 1, b"a")).status == 1
            held = await two.tgetlock(theirs, 2, 0, 0, 9, b"b")
            assert held == m.Rgetlock(1, 0, 0, 1, b"a")
            await one.close()
            while len(running.service.locks):
                await asyncio.sleep(0)
            assert (await two.tlock(theirs, 1, 0, 0, 0, 1, b"a")).status == 0


async def test_client_errors() -> None:
    """An error reply is a RemoteError with number and request; a lost server ConnectionLost."""
    async with serving_two(MemoryBackend()) as (running, client, _):
        with pytest.raises(RemoteError, match="Twalk: No such file") as caught:
            await client.stat("missing/really")
        assert caught.value.errno == 2
        await running.close(0)
        with pytest.raises(ConnectionLost):
            await client.stat("/")


async def old_connection(running: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection of 9P2000 whose fid 1 is a new file that goes with it."""
    old = codec("9P2000")
    reader, writer = await asyncio.open_connection("127.0.0.1", running.addresses[0].port)
    writer.write(old.encode(NOTAG, m.Tversion(MSIZE, b"9P2000")))
    for t in (m.Tattach(0, NOFID, b"", b""), m.Tcreate(0, b"file", 0o644, 0x40)):
        writer.write(old.encode(1, t))
    await reader.readexactly(19 + 20 + 24)
    return reader, writer


@pytest.mark.parametrize("how", ["client", "server"])
async def test_a_file_goes_with_its_connection(how: str, tmp_path: Path) -> None:
    """open.remove-on-close: whoever ends it."""
    async with Server(LocalBackend(tmp_path), "tcp://127.0.0.1:0") as running:
        _, writer = await old_connection(running)
        assert (tmp_path / "file").exists()
        if how == "client":
            writer.close()
            while running.connections:
                await asyncio.sleep(0)
            await settled()
            assert not (tmp_path / "file").exists()
    writer.close()
    assert not (tmp_path / "file").exists()


STAT = m.Tgetattr(0, 0x7FF)
MANY = [(tag, STAT) for tag in range(100, 1100)]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every connection have had its share after one request."""
    monkeypatch.setattr(server, "SHARE", 0.0)


@pytest.mark.usefixtures("hurried")
async def test_others_have_their_turn(gated: Server) -> None:
    """S-052: who asks for little is answered before who asks for much, and nobody is forgotten."""
    async with wire(gated) as greedy, wire(gated) as other, wire(gated) as modest:
        for much in (greedy, other):
            much.send(*MANY)
        modest.send((7, STAT))
        while not any(connection.late for connection in gated.connections):
            await asyncio.sleep(0)
        assert [7] == await modest.tags(1)
        assert any(connection.late for connection in gated.connections)
        for much in (greedy, other):
            assert [tag for tag, _ in MANY] == await much.tags(len(MANY))
        async with asyncio.timeout(20):
            while any(connection.late for connection in gated.connections):
                await asyncio.sleep(0)


@pytest.mark.usefixtures("hurried")
async def test_the_end_behind_much(gated: Server) -> None:
    """S-009: all that was asked for before the peer closed its side is answered."""
    async with wire(gated) as w, wire(gated):
        w.send(*MANY)
        w.writer.write_eof()
        assert [tag for tag, _ in MANY] == await w.tags(len(MANY))
        assert await w.closed()


@pytest.mark.usefixtures("hurried")
async def test_nonsense_behind_much(gated: Server) -> None:
    """frame.size-minimum: what was asked for before it is answered, then the connection ends."""
    async with wire(gated) as w, wire(gated) as other:
        w.send(*MANY)
        w.writer.write(bytes(7))
        assert [tag for tag, _ in MANY] == await w.tags(len(MANY))
        assert await w.closed()
        other.send((7, STAT))
        assert [7] == await other.tags(1)


@pytest.mark.usefixtures("hurried")
async def test_gone_before_its_turn(gated: Server) -> None:
    """S-010: who leaves with requests that wait for their turn leaves nothing."""
    async with wire(gated) as other:
        async with wire(gated) as w:
            w.send(*MANY, (5, m.Tread(1, 0, 1)))
            w.writer.transport.abort()
        await settled()
        other.send(*MANY)
        assert [tag for tag, _ in MANY] == await other.tags(len(MANY))
        assert len(gated.connections) == 1
        assert not any(connection.late for connection in gated.connections)


@pytest.mark.usefixtures("hurried")
async def test_alone_nobody_waits(gated: Server) -> None:
    """A connection that is alone has all the time there is."""
    async with wire(gated) as w:
        w.send(*MANY)
        assert [tag for tag, _ in MANY] == await w.tags(len(MANY))
        assert not any(connection.late for connection in gated.connections)


@pytest.mark.usefixtures("hurried")
async def test_data_of_a_request_that_waits_for_its_turn(
    gated: Server, gate: asyncio.Event
) -> None:
    """A Twrite keeps its data, whoever receives meanwhile."""
    gate.set()
    async with wire(gated) as w, wire(gated) as other:
        w.send(*OPEN)
        await w.tags(2)
        w.send(*MANY, *((tag, m.Twrite(1, tag, bytes([tag]) * 10)) for tag in range(20, 90, 10)))
        other.send(*((tag, m.Tgetattr(0, 0xFFFF)) for tag in range(100, 2000)))
        await w.tags(len(MANY) + 7)
        await other.tags(1900)
        w.send((9, m.Tread(1, 20, 70)))
        assert (9, m.Rread(b"".join(bytes([tag]) * 10 for tag in range(20, 90, 10)))) == (
            await w.receive()
        )
