"""Accepting connections: one at a time, each in its turn.

asyncio's own listener accepts all that wait in one round of its loop.  That is many milliseconds if
somebody connects again and again, and whoever is being served would notice.

Invariant: a listener is watched, or waits for its turn, or for the machine to have room again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from asyncio import BaseProtocol
from collections.abc import Callable

from ninep.turns import Turns

log = logging.getLogger("ninep")

ROOM = 1.0
"""Seconds after which it is tried again where there was no descriptor or memory for one more."""


class Listener:
    """A socket that listens, while it is served."""

    def __init__(self, sock: socket.socket, turns: Turns, made: Callable[[], BaseProtocol]) -> None:
        """Serve each connection by what `made` returns, as soon as the loop runs."""
        self._sock = sock
        self._turns = turns
        self._made = made
        self._loop = asyncio.get_running_loop()
        self._begun: set[asyncio.Task[object]] = set()
        sock.settimeout(0)
        self._watch()

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _watch(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.add_reader(self._sock, self._wait)

    def _wait(self) -> None:
        self._loop.remove_reader(self._sock)
        self._turns.wait(self._accept)

    def _accept(self) -> None:
        """Take one connection, unless the listener was closed meanwhile or the peer has gone."""
        if self._sock.fileno() < 0:
            return
        try:
            sock = self._sock.accept()[0]
        except (BlockingIOError, InterruptedError, ConnectionError):
            self._watch()
        except OSError as exc:
            log.error("cannot accept a connection: %s", exc.strerror)  # noqa: TRY400  no story
            self._loop.call_later(ROOM, self._watch)
        else:
            self._watch()
            task = asyncio.ensure_future(self._loop.connect_accepted_socket(self._made, sock))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)
