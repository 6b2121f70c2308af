"""What the kernel sends for each system call, and that it is no more than it used to be."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..expect import needs
from ..files import write
from ..place import Place
from ..tapped import Seen, within_budget

NEEDS = ("root", "socket")
KIB = 1024
LARGE = 256 * KIB
MANY = 100
Calls = dict[str, Callable[[], object]]


def measured(here: Place, check: str, calls: Callable[[Path], Calls]) -> Seen:
    """Make calls in the check's directory through a mount of their own; return what was sent."""
    with here.tapped() as tapped:  # its files are made behind the kernel's back
        seen = tapped.all(calls(tapped.dir))
    if here.budgeted:
        within_budget(here.kernel, here.cache, check, seen)
    return seen


class Open:
    """A descriptor that one call opens and later ones use."""

    fd = -1

    def open(self, path: Path, flags: int) -> Callable[[], object]:
        """Return the call that opens it."""

        def call() -> None:
            self.fd = os.open(path, flags, 0o644)

        return call

    def close(self) -> None:
        """Close it."""
        os.close(self.fd)


def check_look_up(here: Place) -> Seen:
    """Names are looked up."""
    (here.backing / "d").mkdir()
    write(here.backing / "f", b"content")
    write(here.backing / "d/g")

    def calls(at: Path) -> Calls:
        return {
            "stat of a file": lambda: os.stat(at / "f"),
            "stat of it again": lambda: os.stat(at / "f"),
            "stat of a missing name": lambda: missing(at / "none"),
            "stat below a directory": lambda: os.stat(at / "d/g"),
            "access": lambda: os.access(at / "f", os.R_OK),
        }

    return measured(here, "look_up", calls)


def missing(path: Path) -> None:
    """Look up what is not there."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return


def check_read_a_file(here: Place) -> Seen:
    """A file is opened, read to its end and closed."""
    write(here.backing / "f", b"content")
    write(here.backing / "large", bytes(LARGE))

    def calls(at: Path) -> Calls:
        small, large = Open(), Open()
        return {
            "open to read": small.open(at / "f", os.O_RDONLY),
            "fstat": lambda: os.fstat(small.fd),
            "read": lambda: os.read(small.fd, 100),
            "read at the end": lambda: os.read(small.fd, 100),
            "close": small.close,
            "open of 256 KiB": large.open(at / "large", os.O_RDONLY),
            "read of 256 KiB": lambda: os.pread(large.fd, LARGE, 0),
            "read of it again": lambda: os.pread(large.fd, LARGE, 0),
            "close of 256 KiB": large.close,
        }

    return measured(here, "read_a_file", calls)


def check_write_a_file(here: Place) -> Seen:
    """A file is made, written, synchronised, cut, opened again to append, and removed."""

    def calls(at: Path) -> Calls:
        one = Open()
        return {
            "open with O_CREAT": one.open(at / "f", os.O_RDWR | os.O_CREAT | os.O_EXCL),
            "write": lambda: os.write(one.fd, b"content"),
            "read of what was written": lambda: os.pread(one.fd, 100, 0),
            "fsync": lambda: os.fsync(one.fd),
            "write of 256 KiB": lambda: os.pwrite(one.fd, bytes(LARGE), 0),
            "ftruncate": lambda: os.ftruncate(one.fd, 3),
            "close": one.close,
            "truncate": lambda: os.truncate(at / "f", 1),
            "open with O_TRUNC": one.open(at / "f", os.O_WRONLY | os.O_TRUNC),
            "close after O_TRUNC": one.close,
            "open with O_APPEND": one.open(at / "f", os.O_WRONLY | os.O_APPEND),
            "write with O_APPEND": lambda: os.write(one.fd, b"more"),
            "close after O_APPEND": one.close,
            "unlink": lambda: os.unlink(at / "f"),
        }

    return measured(here, "write_a_file", calls)


def check_directories(here: Place) -> Seen:
    """Directories are made, listed and removed."""
    (here.backing / "full").mkdir()
    for number in range(MANY):
        write(here.backing / f"full/{number:03}")

    def calls(at: Path) -> Calls:
        return {
            "mkdir": lambda: os.mkdir(at / "d"),
            "listdir, nothing in it": lambda: os.listdir(at / "d"),
            "listdir, 100 entries": lambda: os.listdir(at / "full"),
            "listdir again": lambda: os.listdir(at / "full"),
            "stat of each of 100 entries": lambda: [e.stat() for e in os.scandir(at / "full")],
            "rmdir": lambda: os.rmdir(at / "d"),
        }

    return measured(here, "directories", calls)


def check_names(here: Place) -> Seen:
    """Files are renamed, linked, and unlinked while open."""
    (here.backing / "d").mkdir()
    for name in ("f", "g", "h"):
        write(here.backing / name, b"content")

    def calls(at: Path) -> Calls:
        one = Open()
        return {
            "rename": lambda: os.rename(at / "f", at / "new"),
            "rename over a file": lambda: os.rename(at / "new", at / "g"),
            "rename into another directory": lambda: os.rename(at / "g", at / "d/g"),
            "link": lambda: os.link(at / "h", at / "hard"),
            "symlink": lambda: os.symlink("h", at / "soft"),
            "readlink": lambda: os.readlink(at / "soft"),
            "stat through a link": lambda: os.stat(at / "soft"),
            "mkfifo": lambda: os.mkfifo(at / "fifo"),
            "mknod of a regular file": lambda: os.mknod(at / "node", stat.S_IFREG | 0o644),
            "unlink of a link": lambda: os.unlink(at / "hard"),
            "open before unlink": one.open(at / "h", os.O_RDWR),
            "unlink of an open file": lambda: os.unlink(at / "h"),
            "fstat after unlink": lambda: os.fstat(one.fd),
            "write after unlink": lambda: os.write(one.fd, b"x"),
            "close after unlink": one.close,
        }

    return measured(here, "names", calls)


def check_attributes(here: Place) -> Seen:
    """Mode, owner, times and figures of the file system."""
    write(here.backing / "f", b"content")

    def calls(at: Path) -> Calls:
        return {
            "chmod": lambda: os.chmod(at / "f", 0o600),
            "chown": lambda: os.chown(at / "f", 0, 0),
            "utime": lambda: os.utime(at / "f", (1, 2)),
            "utime, now": lambda: os.utime(at / "f"),
            "statvfs": lambda: os.statvfs(at),
        }

    return measured(here, "attributes", calls)


@needs("xattr")
def check_extended_attributes(here: Place) -> Seen:
    """Extended attributes are set, read, listed and removed."""
    write(here.backing / "f", b"content")

    def calls(at: Path) -> Calls:
        name = "user.a"
        return {
            "setxattr": lambda: os.setxattr(at / "f", name, b"value"),
            "getxattr": lambda: os.getxattr(at / "f", name),
            "listxattr": lambda: os.listxattr(at / "f"),
            "removexattr": lambda: os.removexattr(at / "f", name),
        }

    return measured(here, "extended_attributes", calls)


def check_locks(here: Place) -> Seen:
    """Record locks and those of whole files."""
    write(here.backing / "f", b"content")

    def calls(at: Path) -> Calls:
        one = Open()
        return {
            "open to lock": one.open(at / "f", os.O_RDWR),
            "fcntl lock": lambda: fcntl.lockf(one.fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
            "fcntl unlock": lambda: fcntl.lockf(one.fd, fcntl.LOCK_UN),
            "flock": lambda: fcntl.flock(one.fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
            "close of a locked file": one.close,
        }

    return measured(here, "locks", calls)
