"""Our own server in a thread of this process, as a target: what mutants are made of."""

from __future__ import annotations

import asyncio
import socket
import threading

from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.server import Connection, Server


class Reference:
    """A server over an empty tree in memory; each connection is one end of a socket pair."""

    def __init__(self, *, readonly: bool = False) -> None:
        """Start the thread."""
        self.loop = asyncio.new_event_loop()
        tree = MemoryBackend()
        self.server = Server(ReadonlyBackend(tree) if readonly else tree, devices=True)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def connect(self) -> socket.socket:
        """Return a new connection."""
        ours, theirs = socket.socketpair()
        made = self.loop.connect_accepted_socket(lambda: Connection(self.server), theirs)
        asyncio.run_coroutine_threadsafe(made, self.loop).result()
        return ours

    def close(self) -> None:
        """End all connections, and the thread."""
        asyncio.run_coroutine_threadsafe(self.server.close(0), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
