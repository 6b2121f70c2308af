"""What lab and suite show alike: escapes, colour, a terminal, files."""

from __future__ import annotations

import errno
import io
import os
import signal
from contextlib import chdir
from pathlib import Path

import pytest

from ninep.conformance import text


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


class Full(io.StringIO):
    """A stream on a device without room."""

    def flush(self) -> None:
        """Have none."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_colour() -> None:
    """Colour is only paint: without it the text is the same."""
    assert text.coloured("PASS", "pass") == "\x1b[32mPASS\x1b[0m"
    assert text.plain("PASS", "pass") == "PASS"


def test_a_terminal_has_colour_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the progress line is overwritten by the next."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Tty()
    screen = text.Terminal(out)
    screen.progress("1/2")
    screen.lines([screen.paint("done", "pass")])
    assert out.getvalue() == "\r\x1b[K1/2\r\x1b[K\x1b[32mdone\x1b[0m\n"


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the paint away, whatever its value."""
    monkeypatch.setenv("NO_COLOR", "")
    assert text.Terminal(Tty()).paint is text.plain


def test_a_pipe_is_plain() -> None:
    """Elsewhere there are lines and nothing else."""
    out = io.StringIO()
    screen = text.Terminal(out)
    screen.progress("1/2")
    screen.lines([screen.paint("done", "pass")])
    assert out.getvalue() == "done\n"


def test_any_character_can_be_printed() -> None:
    """A stream that cannot encode a character shows its escape."""
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    text.Terminal(out).lines(["→ \udcff"])
    assert out.buffer.getvalue() == b"\\u2192 \\udcff\n"


def test_a_reader_that_has_gone() -> None:
    """As in `| head`: what is written then is lost, and the work goes on."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as out:
        screen = text.Terminal(out)
        screen.lines(["1"])
        screen.lines(["2"])


def test_no_room() -> None:
    """What cannot be written for another reason ends the work, with that reason."""
    with pytest.raises(text.OutputLost, match="cannot write to stdout: No space left"):
        text.Terminal(Full()).lines(["1"])


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files are written, - is stdout, and what cannot be written is named."""
    path = tmp_path / "a"
    assert text.write_files("p", [(str(path), lambda: "1→"), ("-", lambda: "2→"), (None, str)])
    assert (path.read_text(encoding="utf-8"), capsys.readouterr().out) == ("1→", "2→")
    last = tmp_path / "last"
    assert not text.write_files("p", [(str(tmp_path), str), (str(last), lambda: "3")])
    assert last.read_text(encoding="utf-8") == "3"
    assert capsys.readouterr().err.startswith(f"p: cannot write {tmp_path}: ")


def test_a_file_has_any_text(tmp_path: Path) -> None:
    """What is no character of UTF-8 is escaped."""
    text.write_file(str(tmp_path / "a"), "\udcff→")
    assert (tmp_path / "a").read_bytes() == "\\udcff→".encode()


def test_a_signal_while_files_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are written all the same, but for what may wait for its reader without end."""
    path, fifo = tmp_path / "a", tmp_path / "fifo"
    os.mkfifo(fifo)
    begun = []

    def render() -> str:
        begun.append("")
        if len(begun) == 1:
            raise KeyboardInterrupt
        return str(len(begun))

    assert text.write_files("p", [(str(path), render)])
    assert path.read_text(encoding="utf-8") == "2"
    for special in ("-", str(fifo)):
        begun.clear()
        assert not text.write_files("p", [(special, render), (str(path), lambda: "3")])
        assert path.read_text(encoding="utf-8") == "3"
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", f"p: cannot write {special}: interrupted\n")


def test_what_cannot_be_written_is_seen_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a file has no folder, is one or is not ours is known before the work begins."""
    assert text.unwritable([None, "-", str(tmp_path / "a")]) == ""
    assert "there is no folder" in text.unwritable([str(tmp_path / "no" / "a")])
    assert "it is a folder" in text.unwritable([str(tmp_path)])
    assert "two reports" in text.unwritable([str(tmp_path / "a"), None, str(tmp_path / "a")])
    (tmp_path / "gone").mkdir()
    with chdir(tmp_path / "gone"):
        (tmp_path / "gone").rmdir()
        assert "the current folder is gone" in text.unwritable(["a"])
    (tmp_path / "link").symlink_to("a")
    assert "two reports" in text.unwritable([str(tmp_path / "a"), str(tmp_path / "link")])
    assert "cannot write /proc/a: " in text.unwritable(["/proc/a"])
    (tmp_path / "a").touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "no permission" in text.unwritable([str(tmp_path / "a")])
    assert {path.name for path in tmp_path.iterdir()} == {"link", "a"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_that_end_the_work(number: signal.Signals) -> None:
    """They are like Ctrl-C, unless they were ignored before; no other changes the end of it."""
    before = {other: signal.getsignal(other) for other in text.ENDING}
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted(number)
        for again in text.ENDING:
            signal.raise_signal(again)
        with text.ended_by_signals():
            signal.raise_signal(number)
    finally:
        for other, handler in before.items():
            signal.signal(other, handler)
    with text.ended_by_signals():
        pass
    assert {other: signal.getsignal(other) for other in text.ENDING} == before


def interrupted(number: signal.Signals) -> None:
    """Work until a signal ends it, and clean up while others come."""
    with text.ended_by_signals():
        try:
            signal.raise_signal(number)
        finally:
            for again in text.ENDING:
                signal.raise_signal(again)


def test_what_is_cleaned_up_whole() -> None:
    """A signal waits until it is done, and is not lost."""
    done = []

    def clean() -> None:
        with text.ended_by_signals(), text.unbroken():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("all of it")

    before = {other: signal.getsignal(other) for other in text.ENDING}
    try:
        with pytest.raises(KeyboardInterrupt):
            clean()
    finally:
        for other, handler in before.items():
            signal.signal(other, handler)
    assert done
