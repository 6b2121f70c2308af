"""One input over one connection, and what came of it."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from random import Random

from ninep import messages as m
from ninep.codec import HEADER, codec
from ninep.constants import NOFID, NOTAG
from ninep.messages import TMessage

from .inputs import MSIZE, Input
from .judge import LARGEST, Ledger

DEADLINE = 10.0
"""Seconds in which a server must answer."""
CHUNK = 1 << 16
UNANSWERED = "a request was not answered"
ENDED = "hung up in the middle of a session in order"
RESET = struct.pack("ii", 1, 0)
"""Linger that makes a close a reset: half of the peers leave so, and no port is kept waiting."""
Connect = Callable[[], socket.socket]


def exchange(sock: socket.socket, data: bytes, ledger: Ledger) -> str:
    """Send while receiving, until all is answered; return what was wrong, or that it ended."""
    left = memoryview(data)
    end = time.monotonic() + DEADLINE
    ledger.sent(data)
    while left or not ledger.settled:
        wanted = [sock] if left else []
        readable, writable, _ = select.select([sock], wanted, [], end - time.monotonic())
        if not readable and not writable:
            return UNANSWERED
        try:
            if readable:
                came = sock.recv(CHUNK)
                ledger.received(came)
                if not came:
                    return ENDED
            if writable:
                left = left[sock.send(left) :]
        except OSError:
            return ENDED
        if ledger.odd:
            return ledger.odd
    return ""


def play(connect: Connect, one: Input, rng: Random) -> tuple[str, Ledger]:
    """Send an input; return what was wrong with the server, and the ledger.

    Errors: OSError (there is no connection)
    """
    ledger = Ledger()
    with connect() as sock:
        sock.settimeout(0)
        parts = one.frames if one.serial else (b"".join(one.frames),)
        wrong = next(filter(None, (exchange(sock, part, ledger) for part in parts)), "")
        if rng.random() < 1 / 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    return "" if wrong == ENDED and one.mutators else wrong, ledger


def serves(connect: Connect, dialect: str, aname: bytes) -> bool:
    """Tell whether a new session in order is served."""
    speak = codec(dialect)
    try:
        with connect() as sock:
            for tag, request, reply in greeting(dialect, aname):
                sock.sendall(speak.encode(tag, request))
                if speak.decode(receive(sock))[1].code != reply:
                    return False
    except (OSError, ValueError):
        return False
    return True


def greeting(dialect: str, aname: bytes) -> Iterator[tuple[int, TMessage, int]]:
    """Yield a session in order: tag, request, code of its reply."""
    look: TMessage = m.Tgetattr(0, 0x7FF) if dialect == "9P2000.L" else m.Tstat(0)
    yield NOTAG, m.Tversion(MSIZE, dialect.encode()), m.Rversion.code
    for request in (m.Tattach(0, NOFID, b"root", aname, 0), look, m.Tclunk(0)):
        yield 1, request, request.code + 1


def receive(sock: socket.socket) -> bytes:
    """Return the next frame.  Errors: OSError, ValueError (that is none)"""
    sock.settimeout(DEADLINE)
    data = b""
    while len(data) < HEADER or len(data) < int.from_bytes(data[:4], "little"):
        part = sock.recv(CHUNK)
        if not part or len(data) > LARGEST:
            raise ValueError("no frame")
        data += part
    return data
