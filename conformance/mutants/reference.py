"""Our own server in a thread of this process, as a target: what mutants are made of."""

from __future__ import annotations

import asyncio
import socket
import threading

from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import LopenFlag
from ninep.policy import Policy
from ninep.server import Connection, Server

NAMED = b"data"
"""The tree by another name than the empty one: below it there are further anames."""


class Reference:
    """A server over a tree in memory, empty at first if it can be written to.

    Each connection is one end of a socket pair.
    """

    apart = False

    def __init__(self, *, readonly: bool = False) -> None:
        """Start the thread."""
        self.loop = asyncio.new_event_loop()
        tree = MemoryBackend()
        export = ReadonlyBackend(tree) if readonly else tree
        policy = Policy(devices=True, set_id=True, trusted=True)
        self.server = Server({b"": export, NAMED: export}, policy=policy)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        if readonly:  # there must be something that cannot be changed
            asyncio.run_coroutine_threadsafe(furnish(tree), self.loop).result()

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


async def furnish(tree: MemoryBackend) -> None:
    """Put a file into a tree."""
    root = await tree.attach()
    _, file = await root.create(b"file", LopenFlag.WRONLY, 0o644, 0, 0)
    await file.write(0, b"content")
