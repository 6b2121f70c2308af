"""Messages ↔ bytes by construct's own reading of the schemas, for the suite.

The server's codec is compiled from the same schemas.  Here construct interprets them: slower, and
another piece of code, which is the point.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from construct import (
    Construct,
    ConstructError,
    FocusedSeq,
    GreedyRange,
    ListContainer,
    Terminated,
)

from ninep import messages
from ninep.messages import Message
from ninep.schema import class_name, frame, wire_type
from ninep.spec import Field, spec

from .verdict import SuiteError

SPEC = spec()


@cache
def layouts(dialect: str) -> dict[int, Construct]:
    """Return the layout of each message of a dialect by its code."""
    return {m.code: frame(SPEC, m, dialect) for m in SPEC.messages_of(dialect)}


def build(dialect: str, tag: int, message: Message) -> bytes:
    """Return the whole frame of a message.

    Errors: SuiteError (no such message in this dialect, or a value that does not fit)
    """
    layout = layouts(dialect).get(message.code)
    if layout is None:
        raise SuiteError(f"{message!r:.200} is no message of {dialect}")
    body = {name: plain(getattr(message, name)) for name in message.__slots__}
    try:
        data: bytes = layout.build({"tag": tag, "body": body})
    except (ConstructError, TypeError) as exc:
        raise SuiteError(f"{message!r:.200}: {exc}") from exc
    return data


def plain(value: object) -> object:
    """Turn records into what construct builds from."""
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def parse(dialect: str, data: bytes) -> Message:
    """Return the message of a whole frame.

    Errors: KeyError (no such type in this dialect), TerminatedError (bytes behind the last field),
            ConstructError (the body is too short, or a length in it lies)
    """
    body = layouts(dialect)[data[4]].parse(data).body
    declared = SPEC.by_code[data[4]]
    values = {f.name: value(f, body[f.name], dialect) for f in declared.fields_in(dialect)}
    message: Message = getattr(messages, declared.name)(**values)
    return message


def value(f: Field, parsed: Any, dialect: str) -> Any:
    """Turn what construct parsed for a field into what the message classes hold."""
    if isinstance(parsed, ListContainer):
        return tuple(one(f.type, item, dialect) for item in parsed)
    return one(f.type, parsed, dialect)


def one(type_name: str, parsed: Any, dialect: str) -> Any:
    """Turn one parsed value of a type into what the message classes hold."""
    wire = SPEC.resolve(type_name)
    if not wire.fields:
        return parsed
    fields = [f for f in wire.fields if f.within(dialect)]
    cls = getattr(messages, class_name(wire.name))
    return cls(**{f.name: value(f, parsed[f.name], dialect) for f in fields})


def dirents(dialect: str, data: bytes) -> list[messages.Dirent]:
    """Return the entries of an Rreaddir.  Errors: ConstructError (one is cut, or a length lies)"""
    return [one("dirent", parsed, dialect) for parsed in records("dirent", dialect).parse(data)]


def stats(dialect: str, data: bytes) -> list[messages.Stat]:
    """Return the records of a directory read with Tread.  Errors: ConstructError"""
    return [one("stat", parsed, dialect) for parsed in records("stat", dialect).parse(data)]


@cache
def records(name: str, dialect: str) -> Construct:
    """Return the layout of whole records of a type, one behind the other."""
    return FocusedSeq("all", "all" / GreedyRange(wire_type(SPEC, name, dialect)), Terminated)


def problem(exc: Exception) -> str:
    """Return the clause that a frame breaks which `parse` refused."""
    return "error.one-reply" if isinstance(exc, KeyError) else "frame.reply-layout"
