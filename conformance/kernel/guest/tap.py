"""A tap between a kernel and its server: passes all on, and notes the beginning of each message.

    python tap.py ADDRESS FILE [HOST]

It says on which port of this machine, or of one of its addresses, it listens.  A message is noted
before the last of it is passed on, so when a system call returns everything that it has sent is in
the file.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

CHUNK = 1 << 20
KEPT = 512
"""Bytes of a message that are noted."""
HDRSZ = 7
"""Bytes of size, type and tag."""
CODE = 4
HEADER = struct.Struct("<dHBIH")
"""Before the bytes: what else a `Note` has, and how many bytes there are."""


class Note(NamedTuple):
    """A message that went by: when (in seconds of one clock), on which connection, to the server
    or from it, its whole size and its first bytes.
    """

    seconds: float
    connection: int
    sent: bool
    size: int
    data: bytes

    @property
    def code(self) -> int:
        """Return the code of the message."""
        return self.data[CODE]


def notes(data: bytes) -> Iterator[Note]:
    """Yield what a tap has written."""
    at = 0
    while at < len(data):
        seconds, connection, sent, size, length = HEADER.unpack_from(data, at)
        at += HEADER.size + length
        yield Note(seconds, connection, bool(sent), size, data[at - length : at])


class Frames:
    """Cuts a stream into its messages."""

    def __init__(self) -> None:
        """Start at the beginning of a message."""
        self.head = b""
        self.left = 0
        """Bytes of the message that are still to come and are not kept."""

    def cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield size and beginning of each message whose beginning is there, however it was cut."""
        at = 0
        while at < len(data):
            skipped = min(self.left, len(data) - at)
            self.left -= skipped
            at += skipped
            part = data[at : at + self.wanted() - len(self.head)]
            self.head += part
            at += len(part)
            if len(self.head) >= HDRSZ and len(self.head) == self.wanted():
                yield self.size(), self.head
                self.left = self.size() - len(self.head)
                self.head = b""

    def size(self) -> int:
        """Return the size of the message that has begun; one that is nonsense has a header only."""
        return max(int.from_bytes(self.head[:4], "little"), HDRSZ)

    def wanted(self) -> int:
        """Return how many bytes are to be kept of the message that has begun."""
        return HDRSZ if len(self.head) < HDRSZ else min(self.size(), KEPT)


def connect(addr: str) -> socket.socket:
    """Connect to a tcp or unix address."""
    scheme, _, endpoint = addr.partition("://")
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(endpoint)
        return sock
    host, _, port = endpoint.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)))


def pump(
    source: socket.socket, target: socket.socket, file: BinaryIO, number: int, *, sent: bool
) -> None:
    """Pass on what comes, until it ends; note the messages, each in one write: two may append."""
    frames = Frames()

    def note(size: int, head: bytes) -> None:
        file.write(HEADER.pack(time.monotonic(), number, sent, size, len(head)) + head)

    try:
        while data := source.recv(CHUNK):
            for size, head in frames.cut(data):
                note(size, head)
            target.sendall(data)
        if frames.head:
            note(frames.size(), frames.head)  # it ended in the middle of it
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one side is gone: so is the connection
        for sock in (source, target):
            sock.close()


def serve(client: socket.socket, addr: str, file: BinaryIO, number: int) -> None:
    """Serve one connection."""
    with client, connect(addr) as server:
        for sock in (client, server):
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(
            target=pump, args=(server, client, file, number), kwargs={"sent": False}, daemon=True
        )
        back.start()
        pump(client, server, file, number, sent=True)
        back.join()


def main(addr: str, path: str, host: str = "127.0.0.1") -> None:
    """Serve connections until somebody ends the process."""
    with (
        socket.create_server((host, 0)) as listener,
        Path(path).open("ab", buffering=0) as file,
    ):
        print(listener.getsockname()[1], flush=True)
        for number in count(1):
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, addr, file, number), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
