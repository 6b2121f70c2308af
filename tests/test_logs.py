"""What a client can make a server write to its log."""

from __future__ import annotations

import contextlib
import io
import logging
import os

import pytest

from ninep.logs import BURST, PIECE, SPAN, Sparing, Unwaiting
from tests.running import serve
from tests.test_limits import WAIT, dialled, served


def record(text: str, at: float, *args: object) -> logging.LogRecord:
    """Make a record of a moment."""
    made = logging.LogRecord("ninep", logging.WARNING, "", 0, text, args, None)
    made.created = at
    return made


def test_what_comes_too_often() -> None:
    """The first of a kind are written, then one after a while that says how many were not."""
    sparing = Sparing()
    written = [sparing.filter(record("closing: %s", 0.0, number)) for number in range(100)]
    assert written.count(True) == written[:BURST].count(True) == BURST
    assert sparing.filter(record("another kind", 0.0))
    later = record("closing: %s", SPAN, "x")
    assert sparing.filter(later)
    assert later.getMessage() == f"closing: x ({100 - BURST} more of these were left out)"
    again = record("closing: %s", SPAN, "y")
    assert sparing.filter(again)
    assert again.getMessage() == "closing: y"


def test_a_log_that_nobody_reads() -> None:
    """F-35: what a full pipe does not take is counted; when somebody reads again, he is told."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "w", encoding="ascii") as stream:
        handler = Unwaiting(stream)
        for number in range(100):
            handler.emit(record(f"{number} {'x' * 5000}", 0.0))
        lost = handler.lost
        assert 0 < lost < 100
        os.set_blocking(reading, False)
        while reader.read(PIECE):
            pass
        handler.emit(record("again", 0.0))
        assert (
            reader.read() == f"ninep: {lost} records were lost: nobody took them\nagain\n".encode()
        )


def test_a_log_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream that is no file takes all; a record that cannot be written is said as ever."""
    handler = Unwaiting(io.StringIO())
    handler.emit(record("text", 0.0))
    handler.emit(record("%d", 0.0, "no number"))
    assert isinstance(handler.stream, io.StringIO)
    assert handler.stream.getvalue() == "text\n"
    assert "no number" in capsys.readouterr().err


def test_a_flood_of_garbage() -> None:
    """S-013, S-102: what is no 9P costs its connection, a few lines, and no other client."""
    garbage = (bytes(7), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\xff" * 4096)
    with serve("memory:", "--listen", "tcp://127.0.0.1:0") as (process, (address,)):
        for number in range(400):
            with dialled(address) as sock:
                sock.sendall(garbage[number % len(garbage)])
                with contextlib.suppress(ConnectionError):
                    assert sock.recv(100) == b""
        assert served(address)
        process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(WAIT) == 0
    assert said.count("closing a connection: frame.size-") == BURST
    assert len(said.splitlines()) == BURST
