"""What holds of any bytes: on thousands of damaged frames, and by atheris if it is here."""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from ninep import messages as m
from ninep.codec import Codec, codec
from ninep.constants import NOFID
from ninep.errors import CodecError, FrameError
from ninep.session import Session
from ninep.spec import spec
from tests import fuzzing
from tests.fuzzing import LARGEST, judge, seeds
from tests.running import environment

DAMAGED = 10_000
RUNS = 20_000
ROOT = Path(__file__).parents[1]
EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def damaged(rng: Random, seed: bytes) -> bytes:
    """Change a few bytes, or how many there are."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.choice(EDGES)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at:] = data[at : at + rng.randint(0, 3)]
            case _:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
        data += bytes(not data)
    return bytes(data[:LARGEST])


def inputs() -> Iterator[bytes]:
    """Yield the seeds, and what becomes of them."""
    kept, rng = list(seeds()), Random(1)  # noqa: S311  the same each time
    yield from kept
    for _ in range(DAMAGED):
        yield damaged(rng, rng.choice(kept))


def search() -> None:
    """Judge them all."""
    for data in inputs():
        judge(data)


def test_damaged_frames() -> None:
    """frame.any-cut, frame.short-body: a message that says the same again, or a CodecError."""
    search()


def test_seeds() -> None:
    """Every message of every dialect is among them, and can be read."""
    found = {
        (dialect, type(codec(dialect).decode_body(framed(data), 0, len(data) + 2)))
        for data in seeds()
        for dialect in [fuzzing.DIALECTS[data[0]]]
        if readable(dialect, data)
    }
    assert {(d, c) for d in fuzzing.DIALECTS for c in codec(d).encoders} == found


def framed(data: bytes) -> bytes:
    """Return the frame that an input has."""
    return (len(data) + 2).to_bytes(4, "little") + data[2:]


def readable(dialect: str, data: bytes) -> bool:
    """Tell whether there is a message in an input."""
    try:
        codec(dialect).decode(framed(data))
    except (CodecError, FrameError):
        return False
    return True


def stray(speak: Codec) -> None:
    """Let an exception out that is none of ours, if the body is too short."""
    read = struct.Struct("<I").unpack_from
    speak.decoders[m.Tclunk.code] = lambda b, o, _: m.Tclunk(read(b, o)[0])


def trailing(speak: Codec) -> None:
    """Read on when there is more behind the last field."""
    speak.decoders[m.Tclunk.code] = lambda b, o, end: m.Tclunk(
        int.from_bytes(b[o : min(o + 4, end)], "little")
    )


def forgetful(speak: Codec) -> None:
    """Write another number than was read."""
    encode = speak.encoders[m.Tclunk]
    speak.encoders[m.Tclunk] = lambda tag, t: encode(tag, m.Tclunk(t.fid & ~1))


@pytest.mark.parametrize("spoil", [stray, trailing, forgetful])
def test_a_wrong_codec(spoil: Callable[[Codec], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault is found."""
    speak = Codec(spec(), "9P2000.L", vars(m))
    spoil(speak)
    monkeypatch.setattr(
        fuzzing, "codec", lambda dialect: speak if "L" in dialect else codec(dialect)
    )
    with pytest.raises((AssertionError, struct.error)):
        search()


def test_a_session_that_loses_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found: where the bytes are cut makes a difference."""
    keep = Session._keep  # noqa: SLF001
    monkeypatch.setattr(Session, "_keep", lambda self, part: len(part) == 5 or keep(self, part))
    with pytest.raises(AssertionError):
        search()


def test_one_input_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the fuzzer has left can be judged alone."""
    path = tmp_path / "crash"
    path.write_bytes(bytes([2, 0]) + codec("9P2000.L").encode(1, m.Tclunk(NOFID))[4:])
    assert fuzzing.main(["--again", str(path)]) == 0
    assert capsys.readouterr().out == "good\n"


def test_without_atheris(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what is missing, and how to get it; nothing else has been done."""
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert fuzzing.main(["--runs", "1"]) == fuzzing.NOT_HERE
    assert "pip install --group fuzz" in capsys.readouterr().err


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: pip install --group fuzz (it has wheels for few Pythons)",
)
def test_guided() -> None:
    """A fuzzer that watches which way the bytes go finds nothing in twenty thousand runs."""
    command = [sys.executable, "-m", "tests.fuzzing", "--runs", str(RUNS)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Done {RUNS} in" in done.stderr
