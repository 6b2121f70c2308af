"""What the lab and the suite over the wire do alike: safe text, colours, a terminal, files."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from ninep.destination import written

COLOURS = {
    "pass": "32", "warn": "33", "fail": "31", "stale": "31", "error": "35", "gap": "35",
    "waived": "36", "skip": "33", "n-a": "2", "strong": "1", "faint": "2",
}  # fmt: skip
ILLEGAL = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0001fffd]"
)
"""What XML 1.0 forbids or discourages in text."""

Paint = Callable[[str, str], str]
"""Text and what it stands for → text in a colour, or not."""


def plain(text: str, kind: str) -> str:  # noqa: ARG001 - the shape of a Paint
    """Paint nothing."""
    return text


def coloured(text: str, kind: str) -> str:
    """Paint for a terminal."""
    return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m"


def visible(text: str) -> str:
    """Escape what a terminal would act on."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def xml_text(text: str) -> str:
    """Escape what XML cannot carry, so that any bytes give a well-formed file."""
    return ILLEGAL.sub(lambda found: ascii(found[0])[1:-1], text)


class OutputLost(Exception):  # noqa: N818 - an end of the work, like Unreachable
    """What people are told cannot be written; the text says where and why."""


class Terminal:
    """A stream for people: colour and a line that is overwritten where it is a terminal."""

    def __init__(self, out: TextIO) -> None:
        """Look at the stream once."""
        self.out = out
        self.live = out.isatty()
        colour = self.live and "NO_COLOR" not in os.environ
        self.paint: Paint = coloured if colour else plain

    def progress(self, text: str) -> None:
        """Show on a terminal what goes on; the next line overwrites it."""
        if self.live:
            self._write(f"\r\x1b[K{text}")

    def lines(self, lines: Sequence[str]) -> None:
        """Print lines at once, whatever characters they have."""
        text = "".join(f"{line}\n" for line in lines)
        self._write(f"\r\x1b[K{text}" if self.live else text)

    def _write(self, text: str) -> None:
        """Write; when the reader has gone, as in `| head`, the work goes on unseen."""
        encoding = self.out.encoding or "utf-8"
        try:
            self.out.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self.out.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())
        except OSError as exc:
            name = "stderr" if self.out is sys.stderr else "stdout"
            raise OutputLost(f"cannot write to {name}: {exc.strerror}") from None


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make SIGTERM, and SIGHUP of a terminal that is gone, end the work as Ctrl-C does.

    So a report is still written, and nothing is left running; what nohup(1) ignores stays ignored.
    After the first signal others change nothing, to the end of the process: what is cleaned up
    then is cleaned up whole, and the exit code is the one that was meant.
    """
    after = {}

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        after.update(dict.fromkeys(heeded, signal.SIG_IGN))
        for other in heeded:
            signal.signal(other, enough)
        raise KeyboardInterrupt

    def enough(number: int, frame: FrameType | None) -> None:
        """Do nothing, and unlike SIG_IGN be inherited by no program."""

    previous = {number: signal.getsignal(number) for number in ENDING}
    heeded = [number for number, handler in previous.items() if handler != signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, after.get(number, previous[number]))


@contextmanager
def unbroken() -> Iterator[None]:
    """Let signals that end the work wait until what is cleaned up here is clean."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unwritable(paths: Iterable[str | None]) -> str:
    """Say why one of some files cannot be written, before the work is done; empty if all can."""
    named = [path for path in paths if path]
    try:
        places = [path if path == "-" else os.path.realpath(path) for path in named]
    except OSError:
        return f"cannot write {named[0]}: the current folder is gone"
    for path, place in zip(named, places, strict=True):
        if places.count(place) > 1:
            return f"two reports cannot go to one place, {path}"
    for path in named:
        if path != "-" and (problem := hindrance(Path(path))):
            return f"cannot write {path}: {problem}"
    return ""


def hindrance(file: Path) -> str:
    """Say why a file cannot be written, empty if it can; nothing is left behind."""
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}"
    if file.is_dir():
        return "it is a folder"
    if file.exists():
        return "" if os.access(file, os.W_OK) else "no permission"
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            return ""
    except OSError as problem:
        return str(problem.strerror)


def write_file(path: str, text: str) -> None:
    """Write a file, a regular one whole or not at all.  Errors: OSError"""
    with written(Path(path)) as file:
        file.write(text.encode(errors="backslashreplace"))


def write_files(prog: str, files: Iterable[tuple[str | None, Callable[[], str]]]) -> bool:
    """Write what was asked for, `-` to stdout; complain and say False when one could not be.

    A signal that ends the work (`ended_by_signals`) does not end this.
    """
    complete = True
    for path, render in files:
        try:
            if path:
                write_whole(path, render)
        except OSError as problem:
            print(f"{prog}: cannot write {path}: {problem.strerror}", file=sys.stderr)
            complete = False
    return complete


def write_whole(path: str, render: Callable[[], str]) -> None:
    """Write one file, or stdout; begin anew after a signal, but where it may never be taken.

    Errors: OSError
    """
    try:
        write_one(path, render)
    except KeyboardInterrupt:
        if path == "-" or (Path(path).exists() and not Path(path).is_file()):
            raise InterruptedError(errno.EINTR, "interrupted") from None
        write_one(path, render)


def write_one(path: str, render: Callable[[], str]) -> None:
    """Write one file, or stdout.  Errors: OSError"""
    if path == "-":
        sys.stdout.buffer.write(render().encode(errors="backslashreplace"))
        sys.stdout.flush()
    else:
        write_file(path, render())
