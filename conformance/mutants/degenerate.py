"""Servers that do next to nothing, and must earn next to nothing.

Each behaviour is a function from one request's frame to the bytes that answer it; None hangs up.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable

from ninep import messages as m
from ninep.codec import codec
from ninep.constants import HDRSZ
from ninep.errors import EIO, NinepError
from ninep.messages import Message
from ninep.spec import spec

CODEC = codec("9P2000.L")
SPEC = spec()
END = 1.0
"""Seconds that a thread has to end in once its connection is closed."""
Behaviour = Callable[[bytes], bytes | None]


def slam(frame: bytes) -> bytes | None:  # noqa: ARG001  whatever it says
    """Hang up on every request."""
    return None


def silent(frame: bytes) -> bytes | None:  # noqa: ARG001  whatever it says
    """Take everything and say nothing."""
    return b""


def echo(frame: bytes) -> bytes | None:
    """Send back what came."""
    return frame


def always_eio(frame: bytes) -> bytes | None:
    """Agree on any version, and answer everything else with EIO."""
    tag, t = decoded(frame)
    if isinstance(t, m.Tversion):
        return CODEC.encode(tag, m.Rversion(t.msize, t.version))
    return CODEC.encode(tag, m.Rlerror(EIO))


def yes_man(frame: bytes) -> bytes | None:
    """Answer every request with success, and nothing true in it."""
    tag, t = decoded(frame)
    if isinstance(t, m.Tversion):
        return CODEC.encode(tag, m.Rversion(t.msize, t.version))
    return CODEC.encode(tag, success(t) if isinstance(t, m.TMessage) else m.Rlerror(EIO))


def version_then_slam(frame: bytes) -> bytes | None:
    """Agree on any version, and hang up on everything else."""
    return always_eio(frame) if frame[4] == m.Tversion.code else None


def drip(frame: bytes) -> bytes | None:
    """Begin each reply and never end it."""
    return (always_eio(frame) or b"")[:5]


def noise(frame: bytes) -> bytes | None:
    """Send bytes at random, the same for the same request."""
    return random.Random(frame).randbytes(24)  # noqa: S311  no secret


BEHAVIOURS: dict[str, Behaviour] = {
    "slam": slam,
    "silent": silent,
    "echo": echo,
    "always-eio": always_eio,
    "yes-man": yes_man,
    "version-then-slam": version_then_slam,
    "drip": drip,
    "noise": noise,
}


def decoded(frame: bytes) -> tuple[int, Message | None]:
    """Return tag and message of a frame; None if it is no message."""
    try:
        return CODEC.decode(frame)
    except NinepError:
        return frame[5] | frame[6] << 8, None


def success(t: Message) -> Message:
    """Return the emptiest reply of the right kind."""
    row = SPEC.by_code[t.code + 1]
    values: dict[str, object] = {}
    for f in row.fields_in("9P2000.L"):
        wire = SPEC.resolve(f.type)
        empty: object = 0 if wire.size else m.Qid(0, 0, 0) if wire.fields else b""
        values[f.name] = () if f.count else empty
    if isinstance(t, m.Twalk):
        values["wqid"] = (m.Qid(0, 0, 0),) * len(t.wname)
    if isinstance(t, m.Twrite):
        values["count"] = len(t.data)
    reply: Message = getattr(m, row.name)(**values)
    return reply


class Degenerate:
    """A target that behaves in one of these ways."""

    apart = False

    def __init__(self, behave: Behaviour) -> None:
        """Take the behaviour."""
        self.behave = behave
        self.threads: list[threading.Thread] = []

    def connect(self) -> socket.socket:
        """Return a new connection."""
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._serve, args=(theirs,), daemon=True)
        self.threads.append(thread)
        thread.start()
        return ours

    def close(self) -> None:
        """Wait for the threads; their connections are closed by now."""
        for thread in self.threads:
            thread.join(END)

    def _serve(self, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream, contextlib.suppress(OSError):
            while head := stream.read(HDRSZ):
                rest = max(int.from_bytes(head[:4], "little") - HDRSZ, 0)
                answer = self.behave(head + stream.read(rest)) if len(head) == HDRSZ else None
                if answer is None:
                    return
                sock.sendall(answer)
