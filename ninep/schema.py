"""Tables → construct structs: the only declaration of layout that code works from.

`frame(message, dialect)` is the whole message with size, type and tag.  The combinators used are
few on purpose, because `ninep.compile` must know each of them:

    Int8ul … Int64ul                    integers
    Prefixed(IntNul, GreedyBytes)       string, data
    Record                              qid, dirent, the body of a message
    Prefixed(Int16ul, Record)           stat, whose own size comes first
    Bounded                             wname, wqid
    Outer                               the second length in front of a stat
    Select(IntNul, Computed)            a last field that older senders leave out
"""

from __future__ import annotations

from typing import Any

from construct import (
    Computed,
    Const,
    Construct,
    GreedyBytes,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64ul,
    Prefixed,
    PrefixedArray,
    Select,
    Struct,
    Subconstruct,
    Terminated,
    ValidationError,
)

from ninep.spec import Field, Message, Spec

INTEGERS: dict[int, Construct] = {1: Int8ul, 2: Int16ul, 4: Int32ul, 8: Int64ul}


class Record(Struct):  # type: ignore[misc]  # construct has no types
    """A struct that knows the class of what it holds: a message, or a record of `types.toml`."""

    def __init__(self, title: str, *subcons: Construct) -> None:
        """Name the class and give the fields."""
        super().__init__(*subcons)
        self.title = title


class Bounded(Subconstruct):  # type: ignore[misc]  # construct has no types
    """A counted array of at most `limit` items."""

    def __init__(self, item: Construct, limit: int) -> None:
        """Repeat `item`, with a u16 in front that says how often."""
        super().__init__(PrefixedArray(Int16ul, item))
        self.item = item
        self.limit = limit

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        items = self.subcon._parsereport(stream, context, path)
        if len(items) > self.limit:
            raise ValidationError(f"{len(items)} items, at most {self.limit}", path=path)
        return items

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if len(obj) > self.limit:
            raise ValidationError(f"{len(obj)} items, at most {self.limit}", path=path)
        return self.subcon._build(obj, stream, context, path)


class Outer(Subconstruct):  # type: ignore[misc]  # construct has no types
    """A u16 with the length of the record behind it, which counts itself once more."""

    def __init__(self, subcon: Construct, lenient: tuple[int, ...]) -> None:
        """Wrap the record `subcon`; a reader forgives the lengths in `lenient`."""
        super().__init__(subcon)
        self.lenient = lenient

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        length = Int16ul._parsereport(stream, context, path)
        start = stream.tell()
        record = self.subcon._parsereport(stream, context, path)
        seen = stream.tell() - start
        if length != seen and length not in self.lenient:
            raise ValidationError(f"length {length} in front of a record of {seen}", path=path)
        return record

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        record = self.subcon.build(obj)
        Int16ul._build(len(record), stream, context, path)
        stream.write(record)
        return obj


def class_name(record: str) -> str:
    """Return the name of the class that holds a record type."""
    return record.capitalize()


def wire_type(spec: Spec, name: str, dialect: str) -> Construct:
    """Return the layout of a type of `types.toml`."""
    wire = spec.resolve(name)
    if wire.size is not None:
        return INTEGERS[wire.size]
    fields = (f.name / field(spec, f, dialect) for f in wire.fields if f.within(dialect))
    title = class_name(wire.name)
    if wire.prefix is None:
        return Record(title, *fields)
    prefix = wire_type(spec, wire.prefix, dialect)
    return Prefixed(prefix, Record(title, *fields, Terminated) if wire.fields else GreedyBytes)


def field(spec: Spec, f: Field, dialect: str) -> Construct:
    """Return the layout of one field."""
    layout = wire_type(spec, f.type, dialect)
    if f.count is not None:
        return Bounded(layout, spec.scalars[f.max].value if f.max else 0xFFFF)
    if f.length is not None:
        return Outer(layout, f.lenient)
    if f.absent is not None:
        return Select(layout, Computed(f.absent))
    return layout


def frame(spec: Spec, message: Message, dialect: str) -> Construct:
    """Return the whole message: `size[4] type[1] tag[2]` and the fields, and nothing behind."""
    fields = (f.name / field(spec, f, dialect) for f in message.fields_in(dialect))
    return Prefixed(
        Int32ul,
        Struct(
            "code" / Const(message.code, Int8ul),
            "tag" / Int16ul,
            "body" / Record(message.name, *fields),
            Terminated,
        ),
        includelength=True,
    )
