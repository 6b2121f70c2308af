"""System call → 9P: the tap, the budget, the page."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.conformance.kernel import calls, tapped
from ninep.conformance.kernel.catalog import load as script
from ninep.conformance.kernel.expect import Failed
from ninep.conformance.kernel.guest import tap
from ninep.conformance.kernel.record import named
from ninep.conformance.kernel.tapped import Tapped

TABLE = {
    "5.10.1": {"none": {"look_up": {"stat": "Twalk Tgetattr Tclunk", "read": "Tread " * 33}}},
    "6.12.1": {
        "none": {"look_up": {"stat": "Twalk Tgetattr Tclunk", "read": "Tread Tread"}},
        "loose": {"look_up": {"stat": "", "read": "Tread"}},
    },
}
STAT, READ = [110, 24, 120], [116, 116]


def frame(code: int, body: bytes = b"") -> bytes:
    """Return a message."""
    return (7 + len(body)).to_bytes(4, "little") + bytes([code]) + b"\1\0" + body


@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=2 * tap.KEPT))), st.integers(1, 700)
)
def test_messages_wherever_they_are_cut(messages: list[tuple[int, bytes]], size: int) -> None:
    """The beginning of each message is noted once, whatever the pieces are that it comes in."""
    data = b"".join(frame(code, body) for code, body in messages)
    frames = tap.Frames()
    seen = [m for at in range(0, len(data), size) for m in frames.cut(data[at : at + size])]
    whole = [frame(code, body) for code, body in messages]
    assert [(len(one), one[: tap.KEPT]) for one in whole] == seen


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_tap_passes_everything_on(kind: str, tmp_path: Path) -> None:
    """Both directions arrive, and what the client sends is noted before it arrives."""
    path, trace = str(tmp_path / "s"), tmp_path / "trace"
    family = socket.AF_INET if kind == "tcp" else socket.AF_UNIX
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if kind == "tcp" else path)
        listener.listen()
        addr = f"unix://{path}" if kind == "unix" else f"tcp://127.0.0.1:{port(listener)}"
        command = [sys.executable, "-I", "-S", tap.__file__, addr, str(trace)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            where = ("127.0.0.1", int(process.stdout.readline()))
            with socket.create_connection(where) as client, listener.accept()[0] as server:
                for message in (frame(110, b"x" * 100), frame(24)):
                    client.sendall(message)
                    assert message == server.recv(len(message), socket.MSG_WAITALL)
                seen = list(tap.notes(trace.read_bytes()))
                server.sendall(b"reply")
                assert b"reply" == client.recv(100)
                client.shutdown(socket.SHUT_WR)
                assert b"" == server.recv(1)
                with socket.create_connection(where), listener.accept()[0]:
                    assert process.poll() is None
            process.kill()
        assert [(1, True, 110), (1, True, 24)] == [(n.connection, n.sent, n.code) for n in seen]
        assert [107, 7] == [note.size for note in seen]


def port(listener: socket.socket) -> int:
    """Return the port of a listening socket."""
    number: int = listener.getsockname()[1]
    return number


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Have a table of the test's own, and a page."""
    path = tmp_path / "calls.json"
    path.write_text(json.dumps(TABLE), encoding="utf-8")
    monkeypatch.setattr(tapped, "CALLS", path)
    monkeypatch.setattr(calls, "CALLS", path)
    monkeypatch.setattr(calls, "PAGE", tmp_path / "page.md")
    tapped.recorded.cache_clear()
    yield path
    tapped.recorded.cache_clear()


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("kernel", "mode", "seen", "over"),
    [
        ((6, 12), "none", {"stat": STAT, "read": READ}, ""),
        ((6, 12), "none", {"stat": [*STAT, 24], "read": READ}, "6 messages, 5 so far; stat: 4"),
        ((6, 12), "none", {"stat": STAT[:2], "read": [120, *READ]}, ""),
        (
            (6, 12),
            "loose",
            {"stat": [], "read": [116, 116]},
            "read: 2 instead of 1 (types 116 116)",
        ),
        ((5, 10), "none", {"stat": STAT, "read": [116] * 33}, ""),
        ((9, 9), "none", {"stat": STAT, "read": [116] * 33}, ""),
        ((9, 9), "none", {"stat": STAT, "read": [116] * 34}, "37 messages, 36 so far"),
        ((6, 12), "mmap", {"stat": STAT * 9, "read": READ}, ""),
        ((6, 12), "none", {"stat": STAT * 9}, ""),
    ],
)
def test_budgets(kernel: tuple[int, int], mode: str, seen: dict[str, list[int]], over: str) -> None:
    """More than its series, or for an unknown one than any, has needed fails and says where."""
    if over:
        with pytest.raises(Failed) as caught:
            tapped.within_budget(kernel, mode, "look_up", seen)
        assert over in str(caught.value)
    else:
        tapped.within_budget(kernel, mode, "look_up", seen)


def note(code: int, *, sent: bool = True) -> bytes:
    """Return what a tap writes of a message."""
    data = frame(code)
    return tap.HEADER.pack(0.5, 1, sent, len(data), len(data)) + data


def test_what_a_call_sends(tmp_path: Path) -> None:
    """What is noted while a call runs counts for it; on the control nothing is."""
    trace = tmp_path / "trace"
    trace.write_bytes(note(1))

    def call() -> None:
        with trace.open("ab") as noted:
            noted.write(note(110) + note(111, sent=False) + note(24) + note(25, sent=False))

    here = Tapped(tmp_path, trace)
    assert {"one": [110, 24], "two": [110, 24]} == here.all({"one": call, "two": call})
    assert [] == Tapped(tmp_path).sent(call)
    assert {"one": ["Twalk", "Tgetattr", "255"]} == named({"one": [110, 24, 255]})


def results(kernel: str, seen: object) -> str:
    """Return what a lab writes."""
    check = {"name": "look_up", "mount": {"seen": seen} if seen else None}
    cell = {"cache": "none", "scripts": [{"name": calls.SCRIPT, "checks": [check]}]}
    return json.dumps({"runs": [{"kernel": kernel, "cells": [cell]}]})


def test_taking_results_in(table: Path, tmp_path: Path) -> None:
    """A new kernel comes in its place, a check that did not run changes nothing."""
    (tmp_path / "new").write_text(results("6.1.9-um", {"stat": ["Twalk"]}), encoding="utf-8")
    (tmp_path / "none").write_text(results("4.1", None), encoding="utf-8")
    assert 0 == calls.main([str(tmp_path / "new"), str(tmp_path / "none")])
    found = json.loads(table.read_text(encoding="utf-8"))
    assert ["5.10.1", "6.1.9", "6.12.1"] == list(found)
    assert {"none": {"look_up": {"stat": "Twalk"}}} == found["6.1.9"]
    lines = calls.PAGE.read_text(encoding="utf-8").splitlines()
    assert "| **stat** | none | 5.10, 6.12 | Twalk Tgetattr Tclunk |" in lines
    assert "| **read** | none | 5.10 | Tread ×33 |" in lines
    assert "| stat | loose | all | nothing |" in lines


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("", "nothing"),
        ("a", "a"),
        ("a a b", "a ×2 b"),
        ("a b " * 10, "(a b) ×10"),
        ("x " + "a b b c " * 100 + "y y", "x (a b ×2 c) ×100 y ×2"),
        ("a b a b", "a b a b"),
    ],
)
def test_messages_in_a_line(sent: str, text: str) -> None:
    """What is repeated stands once."""
    assert text == calls.text(sent.split())


def test_the_page_is_that_of_the_data() -> None:
    """`python -m ninep.conformance.kernel.calls` was run after the last change."""
    assert calls.page(tapped.recorded()) == calls.PAGE.read_text(encoding="utf-8")


def test_every_check_is_recorded() -> None:
    """Each check of the script has a budget in every mode that a kernel was seen in."""
    checks = {check.name for check in script(calls.SCRIPT).checks}
    for kernel, modes in tapped.recorded().items():
        assert dict.fromkeys(modes, checks) == {m: set(c) for m, c in modes.items()}, kernel
