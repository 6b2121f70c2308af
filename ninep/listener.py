"""Accepting connections: one at a time, each in its turn, and none that waits for a descriptor.

asyncio's own listener accepts all that wait in one round of its loop: many milliseconds if somebody
connects again and again, and whoever is being served would notice.  When there is no descriptor it
stops for a second, with a traceback, and those who connect wait.  Here they are told at once: one
is kept so that they can be accepted and closed.

Invariant: a listener is watched, or waits for its turn, or for the machine to have room again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable

from ninep.turns import Turns

log = logging.getLogger("ninep")

PAUSE = 1.0
"""Seconds until the next try when the system has nothing at all left."""
REMINDER = 60.0
"""Seconds between two complaints."""
GONE = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTDOWN})
"""What accept(2) says of a connection, and not of the socket."""
NONE_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


class Listener:
    """Accepts connections as long as it is open."""

    def __init__(
        self, sock: socket.socket, turns: Turns, protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Listen; each connection has a `protocol` of its own."""
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._protocol = protocol
        self._begun: set[asyncio.Task[object]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._reminded = 0.0
        self._spare: int | None = os.dup(sock.fileno())
        sock.settimeout(0)
        self._watch()

    def close(self) -> None:
        """Accept no more."""
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._give_up_spare()

    def _watch(self) -> None:
        self._later = None
        self._loop.add_reader(self._sock.fileno(), self._wait)

    def _wait(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._turns.wait(self._accept)

    def _accept(self) -> None:
        """Take one connection in, unless the listener was closed meanwhile or the peer has gone."""
        if self._sock.fileno() < 0:
            return
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as exc:
            if exc.errno not in GONE:
                self._remind(exc)
                if exc.errno not in NONE_LEFT or not self._refuse():
                    self._later = self._loop.call_later(PAUSE, self._watch)
                    return
        else:
            self._begin(sock)
        self._watch()

    def _begin(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        task = asyncio.ensure_future(self._loop.connect_accepted_socket(self._protocol, sock))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    def _refuse(self) -> bool:
        """Close the connection that there is no descriptor for; say whether that could be done."""
        self._give_up_spare()
        try:
            self._sock.accept()[0].close()
        except BlockingIOError:
            pass
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):  # the limit is lower than it was
                self._spare = os.dup(self._sock.fileno())
        return True

    def _give_up_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _remind(self, exc: OSError) -> None:
        if self._loop.time() >= self._reminded:
            self._reminded = self._loop.time() + REMINDER
            log.error("new connections are refused: %s", exc.strerror)
