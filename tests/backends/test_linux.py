"""What the local backend needs of Linux."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from ninep.backends import _linux
from ninep.backends._linux import HARMLESS, UTIME_OMIT, Fd, host_flags, set_times
from ninep.backends._shared import is_set_id
from ninep.constants import LopenFlag

from .helpers import refused


@pytest.mark.parametrize(
    ("flags", "host"),
    [
        (0, os.O_RDONLY),
        (LopenFlag.RDWR | LopenFlag.TRUNC, os.O_RDWR | os.O_TRUNC),
        (LopenFlag.WRONLY | LopenFlag.APPEND, os.O_WRONLY | os.O_APPEND),
        (LopenFlag.DSYNC, os.O_DSYNC),
        (LopenFlag.DSYNC | LopenFlag.SYNC, os.O_SYNC),
        (LopenFlag.CREATE | LopenFlag.EXCL | LopenFlag.DIRECT | LopenFlag.NOFOLLOW, 0),
        (0xFFFFFFFF & ~3, os.O_TRUNC | os.O_APPEND | os.O_SYNC),
    ],
)
def test_host_flags(flags: int, host: int) -> None:
    """Flags are translated one by one; those without a meaning here are dropped."""
    assert host | HARMLESS == host_flags(int(flags))


def test_no_access_mode() -> None:
    """Access mode 3 is none."""
    with refused(errno.EINVAL):
        host_flags(3)


def test_default_acl(tmp_path: Path) -> None:
    """A directory has none unless it was given one; where that cannot be asked is an error."""
    fd = Fd(os.open(tmp_path, os.O_PATH))
    assert not _linux.has_default_acl(fd.number)
    with refused(errno.ENOENT):
        _linux.has_default_acl(1 << 30)


def test_fd() -> None:
    """A descriptor is closed when it is let go."""
    fd = Fd(os.open("/", os.O_PATH))
    number = fd.number
    os.fstat(number)
    del fd
    with refused(errno.EBADF):
        os.fstat(number)


def test_set_times_refused(tmp_path: Path) -> None:
    """What the host refuses is an error."""
    fd = Fd(os.open(tmp_path, os.O_PATH))
    with refused(errno.EINVAL):
        set_times(fd.number, (0, 10**9), None)
    set_times(fd.number, (0, UTIME_OMIT), None)


@pytest.mark.parametrize(
    ("mode", "is_set"), [(0o755, False), (0o4644, True), (0o2755, True), (0o2745, False)]
)
def test_is_set_id(mode: int, is_set: bool) -> None:
    """Set-group-id without a right to run means mandatory locks, and harms nobody."""
    assert is_set == is_set_id(mode)


@pytest.mark.parametrize("number", sorted(_linux.NO_FLAGS))
def test_rename_without_flags(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where renameat2(2) knows no flags the name is looked up first."""

    class Libc:
        """A C library whose kernel or file system is old."""

        @staticmethod
        def renameat2(*_: object) -> int:
            """Fail."""
            ctypes.set_errno(number)
            return -1

    monkeypatch.setattr(_linux, "_libc", Libc)
    (tmp_path / "f").write_text("f")
    (tmp_path / "g").write_text("g")
    fd = Fd(os.open(tmp_path, os.O_PATH))
    with refused(errno.EEXIST):
        _linux.rename_if_free(fd.number, b"f", fd.number, b"g")
    _linux.rename_if_free(fd.number, b"f", fd.number, b"h")
    assert ["g", "h"] == sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("caps", "may"), [("000001ffffffffff", True), ("1", True), ("fffe", False)]
)
def test_giving_files_away(
    caps: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, may: bool
) -> None:
    """It is the capability that counts, whoever has it."""
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapPrm:\t0\nCapEff:\t{caps}\nCapBnd:\t1\n", encoding="ascii")
    monkeypatch.setattr(_linux, "STATUS", str(status))
    assert may == _linux.may_give_away()


def test_the_last_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no file's: what would take one is EMFILE, and closed again."""
    fd = Fd(os.open(tmp_path, os.O_PATH))
    limit = fd.number + 1 + _linux.RESERVE
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))
    taken = os.open(tmp_path, os.O_PATH)
    number = None
    try:
        Fd(taken)
    except OSError as exc:
        number = exc.errno
    assert number == errno.EMFILE
    with refused(errno.EBADF):
        os.fstat(taken)
