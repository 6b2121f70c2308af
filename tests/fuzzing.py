"""Have a coverage-guided fuzzer look for bytes that the codec or a session does not get right.

    python -m tests.fuzzing [--runs N] [--seconds S] [--seed S] [--corpus FOLDER]
    python -m tests.fuzzing --again FILE

`judge` says what must hold of any bytes, in every dialect.  The fuzzer is atheris, which not every
Python has: `pip install --group fuzz`.  Exit code 0: nothing was found; 3: atheris is not here.
What is found ends the run with another code, a traceback and the input in a file, which `--again`
judges once more, with or without atheris.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

from ninep.arguments import count
from ninep.codec import HEADER, Codec, codec
from ninep.conformance.check.samples import REPLIES, REQUESTS, dialects, message
from ninep.conformance.fuzz.inputs import corpus, draw
from ninep.constants import NOTAG
from ninep.errors import CodecError, FrameError
from ninep.messages import Message
from ninep.session import Service, Session
from ninep.spec import spec

DIALECTS = spec().standard
LARGEST = 2048
"""Bytes of an input."""
MSIZE = 4096
SHARED = 512
"""Bytes that a session receives at once at most: less than some inputs have."""
DRAWN = 20
"""Sessions of each dialect whose frames are in the corpus."""
FORGIVEN = frozenset(
    name
    for name, one in spec().messages.items()
    if any(f.absent is not None or f.lenient for f in one.fields)
)
"""Messages that may come in another form than they are sent in."""
NOT_HERE = 3


def judge(data: bytes) -> None:
    """Judge an input: a byte for the dialect, one for how the stream is cut, the rest of a frame.

    Errors: AssertionError, or whatever else leaves the codec or the session
    """
    if len(data) < 2 + HEADER - 4:
        return
    dialect, step, rest = DIALECTS[data[0] % len(DIALECTS)], data[1] + 1, data[2:]
    judge_frame(codec(dialect), (len(rest) + 4).to_bytes(4, "little") + rest)
    judge_stream(dialect, (len(rest) + 4).to_bytes(4, "little") + rest + rest, step)


def judge_frame(speak: Codec, frame: bytes) -> None:
    """A frame is a CodecError, or a message that gives the same bytes when it is encoded again."""
    try:
        tag, found = speak.decode(frame)
    except CodecError:
        return
    again = speak.encode(tag, found)
    if type(found).__name__ in FORGIVEN:
        assert speak.decode(again) == (tag, found)
    else:
        assert again == frame


def judge_stream(dialect: str, data: bytes, step: int) -> None:
    """What a session makes of bytes does not depend on where they are cut."""
    assert received(dialect, data, len(data)) == received(dialect, data, step)


def received(dialect: str, data: bytes, step: int) -> list[tuple[int, object]]:
    """Return what comes out of a session that is given so many bytes at a time."""
    session = Session(Service({}))
    session.begin(dialect, MSIZE)
    shared, found = memoryview(bytearray(SHARED)), []
    while data:
        room = session.buffer(shared)
        part, data = data[: min(step, len(room))], data[min(step, len(room)) :]
        room[: len(part)] = part
        try:
            for tag, one in session.received(shared, len(part)):
                found.append((tag, kept(one)))
        except FrameError as exc:
            return [*found, (NOTAG, str(exc))]
    return found


def kept(one: Message | CodecError) -> object:
    """Return what a request or its error is, for longer than the buffer lasts."""
    if isinstance(one, CodecError):
        return str(one)
    values = (getattr(one, name) for name in one.__slots__)
    return type(one), [bytes(v) if isinstance(v, memoryview) else v for v in values]


def seeds() -> Iterator[bytes]:
    """Yield inputs to begin with: each message of the tables, sessions that are drawn or kept."""
    for number, dialect in enumerate(DIALECTS):
        for name in (*REQUESTS, *REPLIES):
            if dialect in dialects(name):
                yield bytes([number, 6]) + codec(dialect).encode(1, message(name, 1, 2))[4:]
        drawn = [one for one in corpus() if one.dialect == dialect]
        drawn += [draw(str(n), dialect) for n in range(DRAWN)]
        for one in drawn:
            for frame in one.frames:
                yield bytes([number, 30]) + frame[4 : LARGEST - 2]


def instrument(atheris: Any) -> None:
    """Have the fuzzer see which way the bytes go through what it looks at."""
    for dialect in DIALECTS:
        speak = codec(dialect)
        speak.decoders = [d and atheris.instrument_func(d) for d in speak.decoders]
    for owner, names in {
        Session: ("buffer", "received", "_frames", "_checked", "_decode", "_keep"),
        Codec: ("decode_body", "decode"),
    }.items():
        for name in names:
            function: FunctionType = vars(owner)[name]
            setattr(owner, name, atheris.instrument_func(function))


def fuzz(judge: Callable[[bytes], None], options: argparse.Namespace) -> int:
    """Run the fuzzer until it has found something, or had its time."""
    try:
        import atheris  # noqa: PLC0415  an extra that few have
    except ImportError as exc:
        print(f"atheris is not here ({exc}): pip install --group fuzz", file=sys.stderr)
        return NOT_HERE
    instrument(atheris)
    with tempfile.TemporaryDirectory(prefix="ninep-seeds-") as folder:
        for number, seed in enumerate(seeds()):
            Path(folder, str(number)).write_bytes(seed)
        words = [f"-max_len={LARGEST}", f"-seed={options.seed}", f"-atheris_runs={options.runs}"]
        if options.seconds:
            words.append(f"-max_total_time={options.seconds}")
        atheris.Setup([sys.argv[0], *words, *options.corpus, folder], judge)
        atheris.Fuzz()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing")
    parser.add_argument("--runs", type=count, default=1_000_000)
    parser.add_argument("--seconds", type=count, help="end sooner, after so long")
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--corpus", action="append", default=[], metavar="FOLDER",
                        help="keep what leads new ways, and begin with it")  # fmt: skip
    parser.add_argument("--again", type=Path, metavar="FILE", help="judge this input alone")
    args = parser.parse_args(argv)
    if args.again:
        judge(args.again.read_bytes())
        print("good")
        return 0
    return fuzz(judge, args)


if __name__ == "__main__":
    sys.exit(main())
