"""The fuzzer: inputs can be drawn again, what is owed is known, and what a server does is told."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ninep import messages as m
from ninep.codec import codec
from ninep.conformance.adapters import adapters
from ninep.conformance.fuzz import __main__ as fuzz
from ninep.conformance.fuzz import races
from ninep.conformance.fuzz.inputs import MUTATORS, Input, corpus, draw
from ninep.conformance.fuzz.judge import Ledger
from ninep.constants import NOTAG
from ninep.spec import spec
from tests.running import environment

DIALECTS = spec().standard
SPEAK = codec("9P2000.L")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_inputs(dialect: str) -> None:
    """A name stands for one input; those in order can be read, and every mutator has its turn."""
    drawn = [draw(str(number), dialect) for number in range(300)]
    assert drawn == [draw(str(number), dialect) for number in range(300)]
    intact = [one for one in drawn if not one.mutators]
    assert len(intact) > 20
    for one in intact:
        asked = [codec(dialect).decode(frame) for frame in one.frames]
        assert isinstance(asked[0][1], m.Tversion)
        assert len({tag for tag, _ in asked}) == len(asked)
    assert {name for one in drawn for name in one.mutators} == set(MUTATORS)
    assert {one.serial for one in drawn} == {True, False}


@pytest.mark.parametrize("name", MUTATORS)
def test_mutators(name: str) -> None:
    """Each changes a session."""
    rng = Random(name)  # noqa: S311
    before = [SPEAK.encode(tag, m.Tclunk(tag)) for tag in range(20)]
    after = list(before)
    for _ in range(20):
        MUTATORS[name](rng, after)
    assert after != before


def test_kept_inputs() -> None:
    """They are in three dialects and none is there twice."""
    kept = corpus()
    assert {one.dialect for one in kept} == set(DIALECTS)
    assert len({one.frames for one in kept}) == len(kept)


def frame(tag: int, message: m.Message) -> bytes:
    """Return a message."""
    return SPEAK.encode(tag, message)


VERSION = frame(NOTAG, m.Tversion(8192, b"9P2000.L"))


@pytest.mark.parametrize(
    ("sent", "came", "settled", "odd"),
    [
        (frame(1, m.Tclunk(1)), b"", False, ""),
        (frame(1, m.Tclunk(1)), frame(1, m.Rclunk()), True, ""),
        (frame(1, m.Tclunk(1)), frame(1, m.Rclunk())[:-1], False, ""),
        (frame(1, m.Tclunk(1)), frame(2, m.Rclunk()), False, "nobody asked for"),
        (frame(1, m.Tclunk(1)), frame(1, m.Rclunk()) * 2, True, "nobody asked for"),
        (frame(1, m.Tclunk(1)), frame(1, m.Tclunk(1)), True, "a message of type 120 came"),
        (frame(1, m.Tclunk(1)), bytes(7), False, "no reply: 00000000000000"),
        (frame(1, m.Tclunk(1))[:-1], b"", True, ""),
        (frame(1, m.Tclunk(1)) * 2, frame(1, m.Rclunk()), False, ""),
        (bytes(7) + frame(1, m.Tclunk(1)), b"", True, ""),
        (frame(1, m.Tclunk(1)) + frame(2, m.Tflush(1)), frame(2, m.Rflush()), True, ""),
        (frame(1, m.Tclunk(1)) + frame(2, m.Tflush(1)), frame(1, m.Rclunk()), False, ""),
        (frame(1, m.Tclunk(1)) + VERSION, frame(NOTAG, m.Rversion(8192, b"9P2000.L")), True, ""),
    ],
)
def test_what_is_owed(sent: bytes, came: bytes, odd: str, *, settled: bool) -> None:
    """A reply for each whole frame, but for what is flushed or begun anew; and no other."""
    for step in (1, 5, len(sent) + len(came)):
        ledger = Ledger()
        for at in range(0, len(sent), step):
            ledger.sent(sent[at : at + step])
        for at in range(0, len(came), step):
            ledger.received(came[at : at + step])
        assert ledger.settled is settled
        assert odd in ledger.odd
        assert bool(odd) is bool(ledger.odd)


SERVER = """\
import os, socket, sys, threading
from ninep import messages as m
from ninep.codec import codec
from ninep.conformance.check.speech import UNTOUCHED
how, port = sys.argv[1], int(sys.argv[2])
if how == "does not start":
    sys.exit(1)
qid = m.Qid(0x80, 0, 0)
replies = {100: m.Rversion(8192, b"9P2000"), 104: m.Rattach(qid), 120: m.Rclunk()}
replies[124] = m.Rstat(UNTOUCHED._replace(qid=qid))
kept = []
with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        sock, _ = listener.accept()
        kept += [os.dup(0)] if how == "keeps" else []
        data = b""
        try:
            while part := sock.recv(65536):
                data += part
                while len(data) >= 7 and len(data) >= (size := int.from_bytes(data[:4], "little")):
                    kind, tag, data = data[4], int.from_bytes(data[5:7], "little"), data[size:]
                    if size < 7 or (kind == 110 and how == "hangs up"):
                        raise OSError
                    if kind == 108 and how == "dies":
                        sys.exit(1)
                    if kind == 108 and how == "dies later":
                        threading.Timer(0.05, os._exit, (1,)).start()
                    if kind != 110 or how != "silent":
                        reply = codec("9P2000").encode(tag, replies.get(kind, m.Rerror(b"no")))
                        sock.sendall(reply * (2 if kind == 110 and how == "twice" else 1))
        except OSError:
            pass
        sock.close()
"""
"""A server that answers everything with nothing, but for one fault."""


def take(how: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have that server judged, with a fault."""
    path = folder / "server.py"
    path.write_text(SERVER, encoding="ascii")
    command = (sys.executable, str(path), how, "{port}")
    fake = replace(adapters()["ninep"], command=command, dialects=("9P2000",))
    monkeypatch.setattr(fuzz, "adapters", lambda: {"ninep": fake})


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("dies", "died       "),
        ("silent", "times: a request was not answered"),
        ("hangs up", "times: hung up in the middle of a session in order"),
        ("twice", "times: a reply came that nobody asked for"),
        ("keeps", "kept       "),
        ("", "unserved   0"),
    ],
)
def test_what_a_server_does(
    how: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each fault is told, with the input; a server without one is not blamed."""
    take(how, tmp_path, monkeypatch)
    monkeypatch.setattr("ninep.conformance.fuzz.talk.DEADLINE", 0.1)
    monkeypatch.setattr(fuzz, "SETTLED", 0.1)
    assert fuzz.main(["--inputs", "60", "--jobs", "1"]) == bool(how)
    said = capsys.readouterr().out
    assert told in said
    assert ("died       0" in said) is (how != "dies")
    assert ("kept" in said) is (how != "dies")
    if told.startswith("times"):
        assert "9P2000:1." in said


@pytest.mark.parametrize(
    ("how", "code"), [("dies", 1), ("dies later", 1), ("does not start", 3), ("", 0)]
)
def test_a_server_that_dies(
    how: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is told of one input alone, and if it takes a moment to die."""
    take(how, tmp_path, monkeypatch)
    monkeypatch.setattr("ninep.conformance.fuzz.talk.DEADLINE", 0.5)
    flushes = (n for n in range(100) if m.Tflush.code in kinds(draw(f"1.{n}", "9P2000")))
    assert fuzz.main(["--again", f"9P2000:1.{next(flushes)}"]) == code
    said = capsys.readouterr()
    assert "died with status 1" in said.out or code != 1
    assert "ended with status" in said.err or code != 3
    if how == "dies later":
        assert fuzz.main(["--inputs", "60", "--jobs", "1"]) == 1
        assert "died       0" not in capsys.readouterr().out


def kinds(one: Input) -> set[int]:
    """Return the types of messages in an input in order, none of another."""
    return set() if one.mutators else {frame[4] for frame in one.frames}


@pytest.mark.parametrize(
    "words",
    [
        ["--jobs", "0"],
        ["--jobs", "-1"],
        ["--inputs", "0"],
        ["--inputs", "many"],
        ["--again", "foo"],
        ["--again", "9P2000.L"],
        ["--again", ":::"],
        ["--again", "9P2000.X:1.2"],
        ["no-such-server"],
    ],
)
def test_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is a usage error."""
    with pytest.raises(SystemExit) as ended:
        fuzz.main(words)
    assert ended.value.code == 2
    assert "expected" in (said := capsys.readouterr().err) or "invalid choice" in said


def test_few(capsys: pytest.CaptureFixture[str]) -> None:
    """A handful is judged like many."""
    assert fuzz.main(["--inputs", "2", "--jobs", "1"]) == 0
    assert "kept       0" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal(number: int, tmp_path: Path) -> None:
    """It ends all that was started, and leaves nothing."""
    command = [sys.executable, "-m", "ninep.conformance.fuzz", "--inputs", "100000", "--jobs", "2"]
    env = {**environment(), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, start_new_session=True, stderr=subprocess.PIPE) as ours:
        while len(list(tmp_path.glob("ninep-fuzz-*"))) < 2:
            assert ours.poll() is None
        ours.send_signal(number)
        assert ours.wait(30) == 3
        assert ours.stderr is not None
        assert ours.stderr.read() == b"interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == []


def test_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """Two jobs, few inputs: nothing is wrong.  The many are sent by `make fuzz` and by CI."""
    assert fuzz.main(["--inputs", "300", "--jobs", "2", "--seed", "2"]) == 0
    assert "inputs     322" in capsys.readouterr().out


def test_one_input(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be shown and sent alone."""
    assert fuzz.main(["--again", "9P2000.L:1.3"]) == 0
    said = capsys.readouterr().out
    assert VERSION.hex()[:14] in said
    assert said.endswith("good\n")


LEAKY = """
import os
from ninep.backends import _local_node
_local_node.NODE = os.O_PATH | os.O_CLOEXEC
from ninep.cli import entry
entry()
"""
"""Our server, but following symbolic links."""


@pytest.mark.parametrize("leaky", [False, True])
def test_races(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, leaky: bool
) -> None:
    """F-27, F-28: while names change nobody gets out, and a server that lets somebody is told."""
    ours = adapters()["ninep"]
    if leaky:
        command = (sys.executable, "-c", LEAKY, *ours.command[3:])
        monkeypatch.setattr(races, "adapters", lambda: {"ninep": replace(ours, command=command)})
    assert races.main(["--operations", "20000"]) == leaky
    said = capsys.readouterr().out
    assert ("ESCAPE Rwalk showed what is outside" in said) is leaky
    assert ("ESCAPE outside/f was " in said) is leaky
    assert "Rlcreate" in said
    assert "Rxattrcreate" in said
