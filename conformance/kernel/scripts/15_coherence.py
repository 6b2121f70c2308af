"""Two mounts of one server without a cache: what one does, the other sees at once."""

from __future__ import annotations

import errno
import os

from ..expect import equal, raises
from ..files import opened, read, same_time, write, write_all
from ..place import Place

SHORT = True
NEEDS = ("second-mount", "cache=none")


def check_content(here: Place) -> None:
    """Content written on one mount is read on the other, through a file that was open before."""
    write(here / "file", b"before")
    with opened(here.second / "file", os.O_RDONLY) as fd:
        equal("before", b"before", os.pread(fd, 100, 0))
        write(here / "file", b"after it")
        equal("size", 8, os.fstat(fd).st_size)
        equal("after", b"after it", os.pread(fd, 100, 0))


def check_names(here: Place) -> None:
    """Names come and go on both mounts at once."""
    raises(errno.ENOENT, "before", os.stat, here.second / "file")
    write(here / "file")
    equal("names", ["file"], os.listdir(here.second))
    os.rename(here.second / "file", here.second / "moved")
    raises(errno.ENOENT, "the old name", os.stat, here / "file")
    os.unlink(here / "moved")
    raises(errno.ENOENT, "the removed name", os.stat, here.second / "moved")


def check_attributes(here: Place) -> None:
    """Mode and times changed on one mount are seen on the other."""
    write(here / "file")
    os.chmod(here.second / "file", 0o600)
    os.utime(here.second / "file", ns=(1, 2))
    info = os.stat(here / "file")
    equal("mode", 0o600, info.st_mode & 0o7777)
    same_time(here, "mtime", 2, info.st_mtime_ns)


def check_append(here: Place) -> None:
    """Appends from two mounts never overwrite each other.

    Clauses: open.append-flag
    """
    write(here / "log")
    append = os.O_WRONLY | os.O_APPEND
    with opened(here / "log", append) as one, opened(here.second / "log", append) as two:
        for number in range(10):
            write_all(one, b"one%d " % number)
            write_all(two, b"two%d " % number)
    wanted = b"".join(b"one%d two%d " % (n, n) for n in range(10))
    equal("content", wanted, read(here / "log"))


def check_unlinked_elsewhere(here: Place) -> None:
    """A file unlinked on one mount stays readable where it is open on the other.

    Clauses: unlink.open-survives
    """
    write(here / "file", b"content")
    with opened(here.second / "file", os.O_RDWR) as fd:
        os.unlink(here / "file")
        equal("content", b"content", os.pread(fd, 100, 0))
        os.pwrite(fd, b"C", 0)
        equal("content after writing", b"Content", os.pread(fd, 100, 0))


def check_renamed_elsewhere(here: Place) -> None:
    """A file renamed on one mount stays the same file where it is open on the other.

    Clauses: rename.fids-follow
    """
    write(here / "a", b"content")
    with opened(here.second / "a", os.O_RDWR) as fd:
        os.rename(here / "a", here / "b")
        write(here / "a", b"another")
        os.pwrite(fd, b"C", 0)
        equal("content of the open file", b"Content", os.pread(fd, 100, 0))
    equal("content of the new file", b"another", read(here / "a"))


def check_inode_numbers(here: Place) -> None:
    """A file has the same inode number on both mounts.

    Clauses: getattr.path-identity
    """
    write(here / "file")
    equal("inode", os.stat(here / "file").st_ino, os.stat(here.second / "file").st_ino)
