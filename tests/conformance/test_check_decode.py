"""Bytes in words: messages of every dialect, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep import messages as m
from ninep.conformance.check.decode import decoded, hexed
from ninep.conformance.check.layout import build
from ninep.conformance.check.link import Event

L = "9P2000.L"


def shown(data: bytes, dialect: str = L, *, sent: bool = True) -> str:
    """Decode bytes of a dialect."""
    return decoded(Event(1, sent, 0.0, data, dialect))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (m.Twalk(1, 10, (b"a", b"b\n")), r"Twalk tag=5 fid=1 newfid=10 wname=['a', 'b\n']"),
        (m.Rwalk((m.Qid(128, 0, 7),)), "Rwalk tag=5 wqid=[(type=128 version=0 path=7)]"),
        (m.Rlerror(2), "Rlerror tag=5 ecode=2 (ENOENT)"),
        (m.Tmkdir(1, b"d", 0o755, 0), "Tmkdir tag=5 dfid=1 name='d' mode=0o755 gid=0"),
        (m.Tclunk(0xFFFFFFFF), "Tclunk tag=5 fid=~0"),
        (m.Rread(b"x" * 30), f"Rread tag=5 data='{'x' * 24}'… (30 bytes)"),
    ],
)
def test_messages(message: m.Message, expected: str) -> None:
    """A message is its name, its tag and its fields."""
    assert shown(build(L, 5, message)) == expected


def test_notag() -> None:
    """The tag of a Tversion has a name."""
    assert shown(build(L, 0xFFFF, m.Tversion(8192, b"9P2000.L"))).startswith("Tversion tag=NOTAG ")


def test_an_error_of_another_dialect() -> None:
    """An Rerror is read as such, whatever dialect the session is in."""
    assert shown(build("9P2000", 1, m.Rerror(b"no", 0))).startswith("Rerror tag=1 ename='no'")


def test_several_frames() -> None:
    """Frames that left in one write stand behind each other."""
    two = build(L, 1, m.Tclunk(1)) + build(L, 2, m.Tclunk(2))
    assert shown(two) == "Tclunk tag=1 fid=1 | Tclunk tag=2 fid=2"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("0b00", "2 bytes, no whole frame: its size is cut"),
        ("03000000", "4 bytes, no whole frame: its size says 3"),
        ("ff000000780100", "7 bytes, no whole frame: its size says 255"),
        ("07000000fa0100", "type 250 tag=1, not to be read: 9P2000.L has no type 250"),
        ("07000000780100", "Tclunk tag=1, not to be read: a count or a length in it does not fit"),
        ("0c00000078010001000000ff", "Tclunk tag=1, not to be read: bytes behind its last field"),
    ],
)
def test_what_is_no_message(data: str, expected: str) -> None:
    """What cannot be read is shown with the reason."""
    assert shown(bytes.fromhex(data)) == expected


def test_the_end() -> None:
    """No bytes are the end of the connection."""
    assert shown(b"", sent=False) == "the server closed the connection"


@given(st.binary(max_size=80), st.sampled_from(["9P2000", "9P2000.u", L]))
def test_any_bytes_give_a_line(data: bytes, dialect: str) -> None:
    """Whatever came is one printable line."""
    line = shown(data, dialect)
    assert line
    assert line.isprintable()


def test_hex() -> None:
    """The header stands apart, the rest in words, and what is cut is counted."""
    data = build(L, 1, m.Tread(1, 0, 10))
    assert hexed(data, 64) == "17000000 74 0100 01000000 00000000 00000000 0a000000"
    assert hexed(data, 11) == "17000000 74 0100 01000000 … (12 more bytes)"
