"""A tap between a kernel and its server: passes all on, and notes the code of each T-message.

    python tap.py ADDRESS FILE

It says on which port of this machine it listens.  A message is noted before it is passed on, so
when a system call returns everything that it has sent is in the file, one byte for each.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
HDRSZ = 7
"""Bytes of size, type and tag."""


class Frames:
    """Cuts a stream into the codes of its messages."""

    def __init__(self) -> None:
        """Start at the beginning of a message."""
        self.head = b""
        self.left = 0
        """Bytes of the message that are still to come."""

    def codes(self, data: bytes) -> Iterator[int]:
        """Yield the code of each message that begins in a piece, wherever it was cut."""
        at = 0
        while at < len(data):
            skipped = min(self.left, len(data) - at)
            self.left -= skipped
            at += skipped
            part = data[at : at + HDRSZ - len(self.head)]
            self.head += part
            at += len(part)
            if len(self.head) == HDRSZ:
                self.left = max(int.from_bytes(self.head[:4], "little") - HDRSZ, 0)
                yield self.head[4]
                self.head = b""


def connect(addr: str) -> socket.socket:
    """Connect to a tcp or unix address."""
    scheme, _, endpoint = addr.partition("://")
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(endpoint)
        return sock
    host, _, port = endpoint.rpartition(":")
    return socket.create_connection((host, int(port)))


def pump(source: socket.socket, target: socket.socket, note: BinaryIO | None = None) -> None:
    """Pass on what comes, until it ends; note the codes of the messages."""
    frames = Frames()
    while data := source.recv(CHUNK):
        if note is not None:
            note.write(bytes(frames.codes(data)))
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def main(addr: str, path: str) -> int:
    """Serve one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        client, _ = listener.accept()
    with client, connect(addr) as server, Path(path).open("ab", buffering=0) as note:
        for sock in (client, server):
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server, note)
        back.join()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
