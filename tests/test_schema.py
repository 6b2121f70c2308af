"""The construct structs: what they build, what they refuse, and which types they are made of."""

from __future__ import annotations

import pytest
from construct import ConstructError, Int8ul, Int16ul, Int32ul, Int64ul, Struct, ValidationError

from ninep.constants import MAXWELEM
from ninep.schema import Bounded, Outer, Record, class_name, frame, wire_type
from ninep.spec import spec

SPEC = spec()
QID = {"type": 0x80, "version": 1, "path": 2}


@pytest.mark.parametrize(
    ("name", "layout"),
    [("u8", Int8ul), ("u16", Int16ul), ("u32", Int32ul), ("u64", Int64ul), ("fid", Int32ul)],
)
def test_integers_are_little_endian(name: str, layout: object) -> None:
    """A named type has the layout of what it stands for."""
    assert layout is wire_type(SPEC, name, "9P2000.L")


def test_class_names() -> None:
    """A record's class is called as its type."""
    assert ("Qid", "Stat") == (class_name("qid"), class_name("stat"))


@pytest.mark.parametrize("dialect", SPEC.standard)
@pytest.mark.parametrize("name", ["Tversion", "Twalk", "Rwalk", "Tread", "Twrite", "Rread"])
def test_header(name: str, dialect: str) -> None:
    """size[4] type[1] tag[2]: the size counts itself, the type is the message's."""
    message = SPEC.messages[name]
    body = {
        "msize": 1, "version": b"v", "fid": 1, "newfid": 2, "wname": [], "wqid": [],
        "offset": 3, "count": 4, "data": b"d",
    }  # fmt: skip
    data = frame(SPEC, message, dialect).build({"tag": 0x0102, "body": body})
    assert (len(data), message.code) == (int.from_bytes(data[:4], "little"), data[4])
    assert b"\2\1" == data[5:7]


@pytest.mark.parametrize("count", [MAXWELEM + 1, 100])
def test_too_many_names(count: int) -> None:
    """frame.count-limit: neither built nor parsed."""
    layout = Bounded(Int8ul, MAXWELEM)
    with pytest.raises(ValidationError):
        layout.build([0] * count)
    with pytest.raises(ValidationError):
        layout.parse(count.to_bytes(2, "little") + bytes(count))
    assert [7] * MAXWELEM == list(layout.parse(layout.build([7] * MAXWELEM)))


@pytest.mark.parametrize(("length", "good"), [(2, True), (0, True), (1, False), (3, False)])
def test_a_length_that_is_there_twice(length: int, good: bool) -> None:
    """frame.length-lies: the outer one is that of the record, or one that is forgiven."""
    layout = Outer(Record("Pair", "a" / Int8ul, "b" / Int8ul), (0,))
    data = length.to_bytes(2, "little") + b"\1\2"
    if good:
        assert (1, 2) == (layout.parse(data).a, layout.parse(data).b)
    else:
        with pytest.raises(ValidationError):
            layout.parse(data)
    assert b"\2\0\1\2" == layout.build({"a": 1, "b": 2})


def test_a_record_knows_its_class() -> None:
    """Which is what the compiled codec makes of it."""
    record = Record("Qid", "type" / Int8ul)
    assert isinstance(record, Struct)
    assert "Qid" == record.title


def test_an_optional_last_field() -> None:
    """fsync.short-form: what an older sender leaves out is 0; it is always built."""
    layout = frame(SPEC, SPEC.messages["Tfsync"], "9P2000.L")
    short = b"\x0b\0\0\0\x32\1\0\5\0\0\0"
    assert (5, 0) == (layout.parse(short).body.fid, layout.parse(short).body.datasync)
    assert b"\x0f" == layout.build({"tag": 1, "body": {"fid": 5, "datasync": 0}})[:1]


@pytest.mark.parametrize("extra", [b"\0", b"xyz"])
def test_nothing_follows(extra: bytes) -> None:
    """frame.trailing-bytes: inside the size."""
    layout = frame(SPEC, SPEC.messages["Rattach"], "9P2000.L")
    data = bytearray(layout.build({"tag": 1, "body": {"qid": QID}}) + extra)
    data[0] = len(data)
    with pytest.raises(ConstructError):
        layout.parse(bytes(data))


@pytest.mark.parametrize(("name", "dialect", "has"), [
    ("Tattach", "9P2000", False), ("Tattach", "9P2000.u", True), ("Tattach", "9P2000.L", True),
])  # fmt: skip
def test_fields_of_some_dialects(name: str, dialect: str, has: bool) -> None:
    """attach.n-uname: a field that a dialect does not have takes no bytes."""
    body = {"fid": 1, "afid": 2, "uname": b"u", "aname": b"a", "n_uname": 3}
    data = frame(SPEC, SPEC.messages[name], dialect).build({"tag": 1, "body": body})
    assert has == data.endswith(b"\3\0\0\0")
