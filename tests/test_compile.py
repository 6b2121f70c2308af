"""Compiling schemas: what is refused, and the shapes that no message of today has."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from construct import (
    Byte,
    Computed,
    Construct,
    GreedyBytes,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64ul,
    Prefixed,
    Select,
)  # fmt: skip

from ninep.compile import decoder, encoder, packer, unpacker
from ninep.errors import CodecError
from ninep.schema import Bounded, Outer, Record

STRING = Prefixed(Int16ul, GreedyBytes)
DATA = Prefixed(Int32ul, GreedyBytes)


class Pair(NamedTuple):
    """A record whose fields come in the order of its class."""

    a: int
    b: int


class Turned:
    """A message whose class has its fields in another order than the wire."""

    __slots__ = ("b", "a")  # noqa: RUF023  the order is what this is about

    def __init__(self, *, a: Any, b: Any) -> None:
        """Take values by name."""
        self.a, self.b = a, b


class Plain:
    """A message with the fields that a test gives it."""

    __slots__ = ("a", "b")

    def __init__(self, a: Any = None, b: Any = None) -> None:
        """Take values in order."""
        self.a, self.b = a, b


PAIR = Record("Pair", "a" / Int8ul, "b" / Int32ul)
CLASSES = {"Pair": Pair, "Turned": Turned, "Plain": Plain}


def both(body: Record, data: bytes) -> Any:
    """Decode a body; encode the result again; return the result."""
    message = decoder(body, CLASSES)(data, 0, len(data))
    assert (7 + len(data)).to_bytes(4, "little") + b"\x09\5\0" + data == encoder(9, body)(
        5, message
    )
    return message


UNKNOWN = [
    GreedyBytes,
    Computed(1),
    Byte.compile(),
    Bounded(GreedyBytes, 9),
    Outer(GreedyBytes, ()),
]


@pytest.mark.parametrize("layout", UNKNOWN, ids=lambda x: type(x).__name__)
def test_what_cannot_be_compiled(layout: Construct) -> None:
    """A combinator that is not among the few is refused when the codec is made, in both ways."""
    body = Record("Plain", "a" / layout)
    for compiled in (lambda: decoder(body, CLASSES), lambda: encoder(9, body)):
        with pytest.raises(TypeError, match="no way to compile"):
            compiled()


def test_an_unknown_class() -> None:
    """A record needs its class."""
    with pytest.raises(KeyError, match="Nobody"):
        decoder(Record("Nobody", "a" / Int8ul), CLASSES)


def test_fields_in_another_order() -> None:
    """Then values are given by name."""
    message = both(Record("Turned", "a" / Int8ul, "b" / Int16ul), b"\1\2\0")
    assert (1, 2) == (message.a, message.b)


SHAPES = [
    (Record("Plain"), b"", (None, None)),
    (Record("Plain", "a" / Int64ul), b"\1" + bytes(7), (1, None)),
    (Record("Plain", "a" / PAIR, "b" / PAIR), b"\1\2\0\0\0\3\4\0\0\0", (Pair(1, 2), Pair(3, 4))),
    (Record("Plain", "a" / STRING, "b" / Int8ul), b"\2\0xy\7", (b"xy", 7)),
    (Record("Plain", "a" / DATA, "b" / STRING), b"\1\0\0\0x\0\0", (b"x", b"")),
    (Record("Plain", "a" / Bounded(STRING, 2), "b" / Int8ul), b"\1\0\1\0x\5", ((b"x",), 5)),
    (Record("Plain", "a" / Bounded(PAIR, 9)), b"\1\0\1\2\0\0\0", ((Pair(1, 2),), None)),
    (Record("Plain", "a" / Bounded(Bounded(Int8ul, 9), 9)), b"\1\0\2\0\7\x08", (((7, 8),), None)),
    (Record("Plain", "a" / Outer(PAIR, ()), "b" / Int8ul), b"\5\0\1\2\0\0\0\6", (Pair(1, 2), 6)),
    (Record("Plain", "a" / Prefixed(Int16ul, PAIR)), b"\5\0\1\2\0\0\0", (Pair(1, 2), None)),
    (Record("Plain", "a" / Int8ul, "b" / Select(Int32ul, Computed(4))), b"\1\2\0\0\0", (1, 2)),
]


@pytest.mark.parametrize(("body", "data", "values"), SHAPES)
def test_shapes(body: Record, data: bytes, values: tuple[object, object]) -> None:
    """Each combinator in every place decodes to its value and is encoded as it was."""
    message = both(body, data)
    assert values == (message.a, message.b)


@pytest.mark.parametrize(("body", "data", "_"), [s for s in SHAPES if s[1]])
def test_shapes_cut_and_extended(body: Record, data: bytes, _: object) -> None:
    """frame.short-body, frame.trailing-bytes: every prefix and every suffix is a CodecError."""
    decode = decoder(body, CLASSES)
    ends = [n for n in range(len(data)) if (n, data[0]) != (1, 1) or b"\1\2\0\0\0" != data]
    for end in ends:
        with pytest.raises(CodecError):
            decode(data[:end], 0, end)
        with pytest.raises(CodecError):
            decode(data, 0, end)
    with pytest.raises(CodecError, match="trailing"):
        decode(data + b"\0", 0, len(data) + 1)


def test_a_last_field_that_may_be_absent() -> None:
    """fsync.short-form: nothing of it, or all of it."""
    decode = decoder(Record("Plain", "a" / Int8ul, "b" / Select(Int16ul, Computed(4))), CLASSES)
    assert (1, 4) == ((short := decode(b"\1", 0, 1)).a, short.b)
    with pytest.raises(CodecError, match="short"):
        decode(b"\1\2", 0, 2)


def test_strings_are_kept_and_data_are_not() -> None:
    """A string is a copy, data are a view into what was received."""
    buffer = memoryview(b"\1\0x\1\0\0\0y")
    message = decoder(Record("Plain", "a" / STRING, "b" / DATA), CLASSES)(buffer, 0, len(buffer))
    assert (bytes, memoryview) == (type(message.a), type(message.b))


def test_a_record_among_others() -> None:
    """An unpacker says where the next begins, and never reads behind the end."""
    unpack, pack = unpacker(PAIR, CLASSES), packer(PAIR)
    data = pack(Pair(1, 2)) + pack(Pair(3, 4))
    assert (Pair(1, 2), 5) == unpack(data, 0, 10)
    assert (Pair(3, 4), 10) == unpack(data, 5, 10)
    with pytest.raises(CodecError, match="short"):
        unpack(data, 5, 9)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_limits(limit: int) -> None:
    """frame.count-limit: checked before an item is read, and before one is written."""
    body = Record("Plain", "a" / Bounded(Int8ul, limit))
    data = (limit + 1).to_bytes(2, "little")
    with pytest.raises(CodecError, match="count-limit"):
        decoder(body, CLASSES)(data, 0, 2)
    with pytest.raises(CodecError, match="count-limit"):
        encoder(9, body)(1, Plain((0,) * (limit + 1)))


BAD = [None, "x", -1, 256, 1.5, b"x", (1,)]


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_values_that_do_not_fit(value: object) -> None:
    """frame.value-range: a CodecError and nothing else, for an integer and for a list of them."""
    for layout, given in ((Int8ul, value), (Bounded(Int8ul, 9), [value]), (PAIR, Pair(1, 1 << 32))):
        with pytest.raises(CodecError, match="value-range"):
            encoder(9, Record("Plain", "a" / layout))(1, Plain(given))
