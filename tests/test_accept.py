"""The listener: one connection in each turn, and what stands in the way of that."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from ninep import accept
from ninep.accept import Listener
from ninep.turns import Turns


class Peer(asyncio.Protocol):
    """The server's end of a connection."""


class Heard:
    """A listener, and what it has made."""

    def __init__(self) -> None:
        """Listen."""
        self.made: list[Peer] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.where = self.socket.getsockname()
        turns = Turns(asyncio.get_running_loop().call_soon)
        self.listener = Listener(self.socket, turns, self.make)

    def make(self) -> Peer:
        """Note a connection."""
        self.made.append(Peer())
        return self.made[-1]

    async def becomes(self, true: Callable[[], bool]) -> None:
        """Let the loop go on until something is true."""
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0)


async def test_all_are_accepted() -> None:
    """However many come at once, each in a round of its own."""
    heard = Heard()
    clients = [socket.create_connection(heard.where) for _ in range(20)]
    seen = []
    while len(heard.made) < len(clients):
        await asyncio.sleep(0)
        seen.append(len(heard.made))
    assert set(range(1, 21)) <= set(seen)
    heard.listener.close()
    for client in clients:
        client.close()


async def test_closed_before_its_turn() -> None:
    """Nobody is accepted any more."""
    heard = Heard()
    with socket.create_connection(heard.where):
        await asyncio.sleep(0)
        heard.listener.close()
        for _ in range(5):
            await asyncio.sleep(0)
        assert [] == heard.made


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EAGAIN, errno.EMFILE])
async def test_it_goes_on(
    number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """S-015: who has gone is none, and where there was no room is some later; one line says so."""
    monkeypatch.setattr(accept, "ROOM", 0.0)
    heard = Heard()
    failures = [number]

    class Failing:
        """A socket that fails once."""

        def __getattr__(self, name: str) -> Any:
            return getattr(heard.socket, name)

        def accept(self) -> Any:
            """Fail, then do as asked."""
            if failures:
                code = failures.pop()
                raise OSError(code, os.strerror(code))
            return heard.socket.accept()

    monkeypatch.setattr(heard.listener, "_sock", Failing())
    with socket.create_connection(heard.where):
        await heard.becomes(lambda: len(heard.made) == 1)
    heard.listener.close()
    assert len(caplog.records) == (number == errno.EMFILE)
