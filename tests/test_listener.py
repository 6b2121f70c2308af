"""Accepting connections when there is nothing to accept them with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from ninep import listener
from ninep.listener import Listener
from ninep.turns import Turns

WAIT = 10


class Greeting(asyncio.Protocol):
    """Says a word to whoever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say it, and hang up."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")
        transport.close()


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """Where somebody listens."""
    sock = socket.create_server(("127.0.0.1", 0))
    address = sock.getsockname()
    listening = Listener(sock, Turns(asyncio.get_running_loop().call_soon), Greeting)
    yield address
    listening.close()


@pytest.fixture
def none_left() -> Iterator[list[int]]:
    """Have descriptors that leave none; they are closed in the end."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    held: list[int] = []
    yield held
    free(held)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def take_all(held: list[int]) -> None:
    """Open what can be opened."""
    with contextlib.suppress(OSError):
        while True:
            held.append(os.dup(0))


def free(held: list[int]) -> None:
    """Close it."""
    while held:
        os.close(held.pop())


async def heard(sock: socket.socket) -> bytes:
    """Return what comes until the end."""
    loop, data = asyncio.get_running_loop(), b""
    sock.setblocking(False)
    while part := await asyncio.wait_for(loop.sock_recv(sock, 100), WAIT):
        data += part
    return data


def dialling(address: tuple[str, int]) -> socket.socket:
    """Return a socket on its way."""
    sock = socket.socket()
    sock.connect(address)
    return sock


async def test_who_comes_is_heard(address: tuple[str, int]) -> None:
    """One after the other, and many at once."""
    for count in (1, 100):
        socks = [dialling(address) for _ in range(count)]
        assert [b"hello"] * count == [await heard(sock) for sock in socks]
        for sock in socks:
            sock.close()


async def test_no_descriptor_left(
    address: tuple[str, int], none_left: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    """F-10: who comes is turned away at once, and one line says so; later all is as before."""
    socks = [socket.socket() for _ in range(20)]
    last = dialling(address)
    assert await heard(last) == b"hello"
    take_all(none_left)
    for sock in socks:
        sock.connect(address)
        assert await heard(sock) == b""
    assert [record.getMessage() for record in caplog.records] == [
        "new connections are refused: Too many open files"
    ]
    free(none_left)
    with dialling(address) as again:
        assert await heard(again) == b"hello"
    for sock in (*socks, last):
        sock.close()


@pytest.mark.parametrize("number", [errno.ENFILE, errno.ENOMEM])
async def test_nothing_left(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where giving a descriptor up does not help, who comes waits, and nobody asks all the time."""
    monkeypatch.setattr(listener, "PAUSE", 0.01)
    failures = [OSError(number, "nothing left")] * 4

    class Poor(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if failures:
                raise failures.pop()
            return super().accept()

    with Poor() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        listening = Listener(sock, Turns(asyncio.get_running_loop().call_soon), Greeting)
        with dialling(sock.getsockname()) as waiting:
            assert await heard(waiting) == b"hello"
        listening.close()
    assert [record.getMessage() for record in caplog.records] == [
        "new connections are refused: nothing left"
    ]


async def test_closed_while_it_waits() -> None:
    """Nothing is asked of a socket that is closed."""

    class Poor(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            asked.set()
            raise OSError(errno.ENOMEM, "nothing left")

    asked = asyncio.Event()
    with Poor() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        listening = Listener(sock, Turns(asyncio.get_running_loop().call_soon), Greeting)
        with dialling(sock.getsockname()):
            await asyncio.wait_for(asked.wait(), WAIT)
            listening.close()


async def test_a_connection_that_is_gone() -> None:
    """One that ended before it was accepted is none; the next is taken."""
    failures = [ConnectionAbortedError(errno.ECONNABORTED, "gone"), InterruptedError()]

    class Busy(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if failures:
                raise failures.pop()
            return super().accept()

    with Busy() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        listening = Listener(sock, Turns(asyncio.get_running_loop().call_soon), Greeting)
        with dialling(sock.getsockname()) as one:
            assert await heard(one) == b"hello"
        listening.close()


async def test_one_in_each_turn() -> None:
    """However many come at once, each is taken in a round of its own; after the end nobody is."""
    made: list[asyncio.Protocol] = []

    def make() -> asyncio.Protocol:
        made.append(Greeting())
        return made[-1]

    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = sock.getsockname()
        listening = Listener(sock, Turns(asyncio.get_running_loop().call_soon), make)
        socks, seen = [dialling(address) for _ in range(20)], set()
        while len(made) < len(socks):
            await asyncio.sleep(0)
            seen.add(len(made))
        assert set(range(1, 21)) <= seen
        socks.append(dialling(address))
        await asyncio.sleep(0)
        listening.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(made) == 20
    for one in socks:
        one.close()
