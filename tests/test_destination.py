"""Where a file goes that has been got."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep.destination import destination, written


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a file and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()
    (tmp_path / "old").write_bytes(b"old")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name", "path"),
    [
        (None, "a", "a"),
        ("b", "a", "b"),
        ("b", "", "b"),
        ("dir", "a", "dir/a"),
        ("dir/", "a", "dir/a"),
        ("missing/", "a", "missing/a"),
        (None, "", None),
        ("dir", "", None),
        (None, "..", None),
    ],
)
def test_destination(file: str | None, name: str, path: str | None) -> None:
    """A directory gets the file inside, under its own name."""
    assert (Path(path) if path else None) == destination(file, name)


def failing() -> Iterator[bytes]:
    """Yield half of what was promised."""
    yield b"n"
    raise ValueError("half")


def test_all_or_nothing(here: Path) -> None:
    """The old content stays until all of the new is there, and if it never is."""
    with pytest.raises(ValueError, match="half"), written(here / "old") as out:
        out.writelines(failing())
    with written(here / "old") as out:
        out.write(b"new")
        out.flush()
        assert (here / "old").read_bytes() == b"old"
    assert (here / "old").read_bytes() == b"new"
    assert sorted(os.listdir()) == ["dir", "old"]


def test_the_mode(here: Path) -> None:
    """That of the file that was there, else what the umask leaves."""
    (here / "old").chmod(0o640)
    before = os.umask(0o027)
    for name in ("old", "new"):
        with written(here / name):
            pass
    os.umask(before)
    assert [0o640, 0o640] == [stat.S_IMODE((here / n).stat().st_mode) for n in ("old", "new")]


def test_a_link_is_written_through(here: Path) -> None:
    """It stays a link."""
    (here / "link").symlink_to("old")
    with written(here / "link") as out:
        out.write(b"new")
    assert (here / "link").is_symlink()
    assert (here / "old").read_bytes() == b"new"


def test_a_fifo_is_written_through(here: Path) -> None:
    """It stays one, and its reader gets the content."""
    os.mkfifo(here / "fifo")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((here / "fifo").read_bytes()))
    reader.start()
    with written(here / "fifo") as out:
        out.write(b"new")
    reader.join(10)
    assert got == [b"new"]
    assert (here / "fifo").is_fifo()


@pytest.mark.parametrize("path", ["dir", "missing/new"])
def test_what_cannot_be_written(path: str) -> None:
    """It is an error of the system, and nothing is left."""
    with pytest.raises(OSError, match="directory"), written(Path(path)):
        pass
    assert sorted(os.listdir()) == ["dir", "old"]
