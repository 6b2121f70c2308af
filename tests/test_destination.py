"""Where a file goes that has been got."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from ninep.destination import destination, written
from tests.acl import set_acl


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


def refused(*_: object) -> None:
    """Stand for a system call that this user may not make."""
    raise PermissionError


def test_an_owner_that_cannot_be_given(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays and is written in place, with nobody's rights changed."""
    (here / "old").chmod(0o660)
    if os.geteuid() == 0:
        os.chown(here / "old", 1234, 1235)
    else:
        monkeypatch.setattr("ninep.destination.rights", id)
    before = (here / "old").stat()
    monkeypatch.setattr(os, "fchown", refused)
    with written(here / "old") as out:
        out.write(b"n")
        assert sorted(os.listdir()) == ["dir", "old"]
    after = (here / "old").stat()
    assert (here / "old").read_bytes() == b"n"
    assert [getattr(before, f) for f in KEPT] == [getattr(after, f) for f in KEPT]


KEPT = ("st_ino", "st_uid", "st_gid", "st_mode")


def test_an_acl(here: Path) -> None:
    """It stays: its mask is no permission of the group."""
    set_acl(here / "old", user=6, group=0, other=0, named=4)
    before = os.getxattr(here / "old", "system.posix_acl_access")
    with written(here / "old") as out:
        out.write(b"new")
    assert (here / "old").read_bytes() == b"new"
    assert before == os.getxattr(here / "old", "system.posix_acl_access")


def test_an_attribute_that_cannot_be_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be one that counts, so the file stays."""
    set_acl(here / "old", user=6, group=0, other=0, named=4)
    before = (here / "old").stat()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getxattr", refused)
        with written(here / "old"):
            pass
    assert (before.st_ino, before.st_mode) == (
        (here / "old").stat().st_ino,
        (here / "old").stat().st_mode,
    )


@pytest.mark.parametrize(("number", "replaced"), [(errno.ENOTSUP, True), (errno.EIO, False)])
def test_no_attributes_at_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, number: int, replaced: bool
) -> None:
    """A file system that has none is no reason to write in place; one that fails is."""
    before = (here / "old").stat()
    monkeypatch.setattr(os, "listxattr", Mock(side_effect=OSError(number, "listxattr")))
    with written(here / "old") as out:
        assert os.path.samestat(before, os.fstat(out.fileno())) != replaced


def test_an_acl_that_new_files_get(here: Path) -> None:
    """A file that has none gets none."""
    set_acl(here, user=7, group=7, other=7, named=7, kind="default")
    (here / "old").chmod(0o640)
    with written(here / "old") as out:
        out.write(b"new")
    assert (here / "old").read_bytes() == b"new"
    assert "system.posix_acl_access" not in os.listxattr(here / "old")


def test_a_program_that_runs(here: Path) -> None:
    """It is replaced, though it could not be written."""
    shutil.copy("/bin/cat", here / "cat")
    with subprocess.Popen([here / "cat"], stdin=subprocess.PIPE), written(here / "cat") as out:
        out.write(b"new")
    assert (here / "cat").read_bytes() == b"new"


def test_what_may_not_be_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not replaced either, though its directory would allow that."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(PermissionError, match="denied"), written(here / "old"):
        pass
    assert (here / "old").read_bytes() == b"old"


def test_a_link_that_leads_nowhere(here: Path) -> None:
    """Its target is made."""
    (here / "link").symlink_to("new")
    with written(here / "link") as out:
        out.write(b"new")
    assert (here / "new").read_bytes() == b"new"


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
