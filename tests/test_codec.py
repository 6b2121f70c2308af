"""The compiled codec and construct's own interpretation of the schemas are the same."""

from __future__ import annotations

from typing import Any

import pytest
from construct import ConstructError, Container, ListContainer
from hypothesis import given
from hypothesis import strategies as st

from ninep import messages as m
from ninep.codec import codec
from ninep.errors import CodecError, FrameError
from ninep.messages import Message
from ninep.schema import frame
from ninep.spec import spec
from tests.strategies import CASES, DIALECTS, any_message, message

SPEC = spec()
FRAMES = {case: frame(SPEC, SPEC.messages[case[0]], case[1]) for case in CASES}


def plain(value: object) -> Any:
    """Turn messages, records and construct's containers into comparable tuples."""
    if isinstance(value, Message):
        return tuple(plain(getattr(value, name)) for name in value.__slots__)
    if isinstance(value, Container):
        return tuple(plain(v) for k, v in value.items() if k != "_io")
    if isinstance(value, tuple | ListContainer):
        return tuple(plain(v) for v in value)
    return bytes(value) if isinstance(value, memoryview) else value


def judged(data: bytes, name: str, dialect: str) -> Any:
    """Return what construct makes of a frame of a known type; None if it refuses it."""
    try:
        parsed = FRAMES[name, dialect].parse(data)
    except ConstructError:
        return None
    return parsed.tag, plain(parsed.body)


def decoded(data: bytes, name: str, dialect: str) -> Any:
    """Return what the compiled decoder makes of a frame; None if it refuses it."""
    try:
        tag, found = codec(dialect).decode(data)
    except (CodecError, FrameError):
        return None
    fields = tuple(
        plain(in_dialect(getattr(found, f.name), dialect))
        for f in SPEC.messages[name].fields_in(dialect)
    )
    return tag, fields


def in_dialect(value: object, dialect: str) -> object:
    """Return a stat with only the fields that `dialect` has, anything else as it is."""
    if not isinstance(value, m.Stat):
        return value
    return tuple(getattr(value, f.name) for f in SPEC.types["stat"].fields if f.within(dialect))


@given(tag=st.integers(0, 0xFFFF), case=any_message)
def test_encoded_equals_constructs_build(tag: int, case: tuple[str, Message]) -> None:
    """The compiled encoder builds what construct builds."""
    dialect, message_ = case
    layout = FRAMES[type(message_).__name__, dialect]
    body = {name: as_container(getattr(message_, name)) for name in message_.__slots__}
    built = layout.build({"tag": tag, "body": body})
    assert built == codec(dialect).encode(tag, message_)


def as_container(value: object) -> object:
    """Turn records into what construct builds from."""
    if hasattr(value, "_asdict"):
        return {k: as_container(v) for k, v in value._asdict().items()}
    return [as_container(v) for v in value] if isinstance(value, tuple) else value


@given(tag=st.integers(0, 0xFFFF), case=any_message)
def test_round_trip(tag: int, case: tuple[str, Message]) -> None:
    """What was encoded is decoded again, equal in both readings."""
    dialect, message_ = case
    data = codec(dialect).encode(tag, message_)
    name = type(message_).__name__
    assert (tag, message_) == codec(dialect).decode(data)
    assert judged(data, name, dialect) == decoded(data, name, dialect)


@pytest.mark.parametrize(("name", "dialect"), CASES)
@given(data=st.data())
def test_damaged_frames_are_judged_alike(name: str, dialect: str, data: st.DataObject) -> None:
    """Cut, extended, or with lying lengths inside: both accept the same, and read the same."""
    whole = codec(dialect).encode(7, data.draw(message(name, dialect)))
    damaged = bytearray(whole[: data.draw(st.integers(7, len(whole)))])
    damaged += data.draw(st.binary(max_size=4))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(5, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    damaged[:5] = len(damaged).to_bytes(4, "little") + whole[4:5]
    assert judged(bytes(damaged), name, dialect) == decoded(bytes(damaged), name, dialect)


@pytest.mark.parametrize(("name", "dialect"), CASES)
@given(data=st.data())
def test_every_truncation_is_refused_or_reads_like_construct(
    name: str, dialect: str, data: st.DataObject
) -> None:
    """Each prefix of a frame, with its size set right, is judged as construct judges it."""
    whole = codec(dialect).encode(1, data.draw(message(name, dialect)))
    for end in range(7, len(whole)):
        cut = end.to_bytes(4, "little") + whole[4:end]
        assert judged(cut, name, dialect) == decoded(cut, name, dialect)


@given(data=st.binary(max_size=200), dialect=st.sampled_from(DIALECTS))
def test_only_named_errors_leave_the_decoder(data: bytes, dialect: str) -> None:
    """Whatever the bytes: a message, a FrameError or a CodecError."""
    for candidate in (data, (len(data) + 4).to_bytes(4, "little") + data):
        try:
            tag, found = codec(dialect).decode(candidate)
        except (FrameError, CodecError):
            continue
        assert codec(dialect).encode(tag, found)


@given(data=st.binary(max_size=200))
def test_only_named_errors_leave_the_listing_decoder(data: bytes) -> None:
    """Whatever the bytes of an Rreaddir: entries or a CodecError."""
    try:
        entries = codec("9P2000.L").dirents(data)
    except CodecError:
        return
    assert data == b"".join(map(codec("9P2000.L").pack_dirent, entries))


BAD = [
    m.Tclunk(-1),
    m.Tclunk(1 << 32),
    m.Tclunk("1"),  # type: ignore[arg-type]
    m.Tclunk(None),  # type: ignore[arg-type]
    m.Twalk(1, 2, (b"a",) * 17),
    m.Twalk(1, 2, ("a",)),  # type: ignore[arg-type]
    m.Twalk(1, 2, None),  # type: ignore[arg-type]
    m.Twalk(1, 2, (b"a" * 65536,)),
    m.Rwalk((1,)),  # type: ignore[arg-type]
    m.Twrite(1, 1 << 64, b""),
    m.Rversion(1, b"x" * 65536),
]


@pytest.mark.parametrize("message_", BAD, ids=repr)
def test_values_that_no_field_can_hold(message_: Message) -> None:
    """A value that does not fit is a CodecError, not a struct.error or TypeError."""
    with pytest.raises(CodecError):
        codec("9P2000.L").encode(1, message_)


@pytest.mark.parametrize("tag", [-1, 1 << 16])
def test_tags_that_do_not_fit(tag: int) -> None:
    """A tag has two bytes."""
    with pytest.raises(CodecError):
        codec("9P2000.L").encode(tag, m.Tclunk(1))


def test_no_such_message_in_this_dialect() -> None:
    """A message of another dialect cannot be sent."""
    with pytest.raises(CodecError, match="unknown-type"):
        codec("9P2000").encode(1, m.Tgetattr(1, 1))


def test_a_lying_outer_length_is_forgiven_where_the_table_says_so() -> None:
    """QEMU sends 0 in front of an Rstat; any other lie is refused."""
    stat = m.Stat(0, 0, m.Qid(0, 0, 9), 0o644, 1, 2, 3, b"f", b"u", b"g", b"m")
    data = bytearray(codec("9P2000").encode(1, m.Rstat(stat)))
    data[7:9] = b"\0\0"
    assert (1, m.Rstat(stat)) == codec("9P2000").decode(data)
    data[7:9] = b"\1\0"
    with pytest.raises(CodecError, match="length-lies"):
        codec("9P2000").decode(data)


def test_data_is_a_view_and_strings_are_copies() -> None:
    """Twrite's data refers to the buffer it came in; a name does not."""
    buffer = memoryview(codec("9P2000.L").encode(1, m.Twrite(1, 0, b"abc")))
    _, t = codec("9P2000.L").decode(buffer)
    assert isinstance(t, m.Twrite)
    assert isinstance(t.data, memoryview)
    assert t.data.obj is buffer.obj
