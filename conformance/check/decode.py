"""The bytes of a case in words: a line for each frame that went over a connection.

    →  Twalk tag=1 fid=1 newfid=10 wname=['a', 'b']

Nothing that came over the wire can break it: what is no message is shown with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from construct import ConstructError, TerminatedError

from ninep.constants import HDRSZ, NOTAG
from ninep.messages import Message

from ..text import visible
from .layout import SPEC, parse
from .link import ERRORS, Event

NAMES = {c.value: c.name for c in SPEC.groups["Errno"].values}
ERRNO_FIELDS = {"ecode", "errno"}
OCTAL = {"mode", "perm"}
NONE = 0xFFFFFFFF
"""NOFID and NONUNAME."""
DATA = 24
"""Bytes of a value that are shown."""
WORDS = 300
"""Characters of a message that are shown."""


def decoded(event: Event) -> str:
    """Return what an event was; several frames stand behind each other."""
    if not event.data:
        return "the client closed" if event.sent else "the server closed the connection"
    return " | ".join(visible(frame_text(part, event.dialect)) for part in frames(event.data))


def frames(data: bytes) -> Iterator[bytes]:
    """Cut bytes into frames; what is no whole frame is the last of them."""
    while data:
        size = int.from_bytes(data[:4], "little")
        size = size if HDRSZ <= size <= len(data) else len(data)
        yield data[:size]
        data = data[size:]


def frame_text(data: bytes, dialect: str) -> str:
    """Return one frame as name, tag and fields, or why it is none."""
    size = int.from_bytes(data[:4], "little")
    if len(data) < HDRSZ or size != len(data):
        return f"{len(data)} bytes, no whole frame: {size_text(data, size)}"
    tag = int.from_bytes(data[5:7], "little")
    header = f"{name_of(data[4])} tag={'NOTAG' if tag == NOTAG else tag}"
    try:
        return f"{header}{fields(understood(data, dialect))}"
    except (KeyError, ConstructError) as exc:
        return f"{header}, not to be read: {why(exc, data[4], dialect)}"


def size_text(data: bytes, size: int) -> str:
    """Say what is wrong with the size of a frame."""
    return f"its size says {size}" if len(data) >= 4 else "its size is cut"  # noqa: PLR2004  size[4]


def understood(data: bytes, dialect: str) -> Message:
    """Parse a frame in the dialect of its session, or an error in the dialect that has it."""
    named = SPEC.by_code.get(data[4])
    if named and dialect not in named.dialects:
        dialect = ERRORS.get(data[4], dialect)
    return parse(dialect, data)


def why(exc: Exception, code: int, dialect: str) -> str:
    """Say why a frame was not understood."""
    if isinstance(exc, KeyError):
        return f"{dialect} has no type {code}"
    if isinstance(exc, TerminatedError):
        return "bytes behind its last field"
    return "a count or a length in it does not fit"


def name_of(code: int) -> str:
    """Name a message by its code."""
    return SPEC.by_code[code].name if code in SPEC.by_code else f"type {code}"


def fields(message: Message) -> str:
    """Return the fields of a message, each as name=value."""
    text = "".join(f" {name}={named(name, getattr(message, name))}" for name in message.__slots__)
    return text if len(text) <= WORDS else f"{text[:WORDS]}…"


def named(name: str, thing: object) -> str:
    """Show the value of a field: errors by name too, modes in octal, a number of ones as ~0."""
    if name in ERRNO_FIELDS and isinstance(thing, int) and thing in NAMES:
        return f"{thing} ({NAMES[thing]})"
    if name in OCTAL and isinstance(thing, int):
        return f"{thing:#o}"
    return "~0" if thing == NONE else value(thing)


def value(thing: object) -> str:
    """Show one value shortly: names as text, data as its first bytes and its length."""
    if isinstance(thing, bytes | bytearray | memoryview):
        return data_text(bytes(thing))
    if hasattr(thing, "_asdict"):
        return "(" + " ".join(f"{k}={value(v)}" for k, v in thing._asdict().items()) + ")"
    if isinstance(thing, tuple):
        return "[" + ", ".join(value(part) for part in thing) + "]"
    return str(thing) if isinstance(thing, int) else repr(thing)


def data_text(data: bytes) -> str:
    """Show bytes as the literal that they are, cut where they are long."""
    shown = repr(data[:DATA])[1:]
    return shown if len(data) <= DATA else f"{shown}… ({len(data)} bytes)"


def hexed(data: bytes, limit: int) -> str:
    """Return bytes as hex, the parts of the header apart, cut after `limit`."""
    head, rest = data[:HDRSZ], data[HDRSZ:limit]
    parts = [head[:4].hex(), head[4:5].hex(), head[5:7].hex(), rest.hex(" ", -4)]
    left = len(data) - limit
    return " ".join(p for p in parts if p) + (f" … ({left} more bytes)" if left > 0 else "")
