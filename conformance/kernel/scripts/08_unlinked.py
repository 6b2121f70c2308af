"""Use after unlink: an open file lives on until it is closed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..expect import equal, needs, raises
from ..files import UTIME_OMIT, opened, read, same_time, utimensat, write, write_all
from ..place import Place

SHORT = True
OLD = "kernel>=5.11"
"""Before, the client asked through a fid that was not open, which the server may have lost."""


@contextmanager
def unlinked(here: Place, content: bytes = b"content") -> Iterator[int]:
    """Open a file for reading and writing, and unlink it."""
    write(here / "file", content)
    with opened(here / "file", os.O_RDWR) as fd:
        os.unlink(here / "file")
        yield fd


def check_name_is_gone(here: Place) -> None:
    """The name is gone at once and no other name appears in its place."""
    with unlinked(here):
        raises(errno.ENOENT, "stat", os.stat, here / "file")
        equal("names", [], os.listdir(here.dir))


def check_read(here: Place) -> None:
    """Reading goes on.

    Clauses: unlink.open-survives
    """
    with unlinked(here) as fd:
        equal("content", b"content", os.pread(fd, 100, 0))


def check_write(here: Place) -> None:
    """Writing goes on.

    Clauses: unlink.open-survives
    """
    with unlinked(here) as fd:
        os.pwrite(fd, b"CON", 0)
        os.lseek(fd, 0, os.SEEK_END)
        write_all(fd, b" and more")
        equal("content", b"CONtent and more", os.pread(fd, 100, 0))


@needs(OLD)
def check_fstat(here: Place) -> None:
    """fstat knows the size, and that no name is left.

    Clauses: getattr.after-unlink
    """
    with unlinked(here) as fd:
        equal("size", 7, os.fstat(fd).st_size)
        equal("link count", 0, os.fstat(fd).st_nlink)


@needs(OLD)
def check_fchmod(here: Place) -> None:
    """fchmod works.

    Clauses: unlink.open-survives, getattr.any-fid
    """
    with unlinked(here) as fd:
        os.fchmod(fd, 0o400)
        equal("mode", 0o400, os.fstat(fd).st_mode & 0o7777)


@needs(OLD)
def check_ftruncate(here: Place) -> None:
    """ftruncate works.

    Clauses: setattr.size-open-fid
    """
    with unlinked(here) as fd:
        os.ftruncate(fd, 3)
        equal("size", 3, os.fstat(fd).st_size)
        equal("content", b"con", os.pread(fd, 100, 0))


@needs(OLD)
def check_futimens(here: Place) -> None:
    """futimens works.

    Clauses: unlink.open-survives
    """
    with unlinked(here) as fd:
        utimensat(fd, (0, UTIME_OMIT), (1_000_000_000, 123_456_789))
        same_time(here, "mtime", 1_000_000_000_123_456_789, os.fstat(fd).st_mtime_ns)


@needs(OLD, "root")
def check_fchown(here: Place) -> None:
    """fchown works.

    Clauses: unlink.open-survives
    """
    with unlinked(here) as fd:
        os.fchown(fd, 1234, 5678)
        equal("owner", (1234, 5678), (os.fstat(fd).st_uid, os.fstat(fd).st_gid))


def check_fsync(here: Place) -> None:
    """fsync works.

    Clauses: unlink.open-survives
    """
    with unlinked(here) as fd:
        os.pwrite(fd, b"x", 0)
        os.fsync(fd)


def check_name_is_free(here: Place) -> None:
    """A new file under the old name has nothing to do with the open one.

    Clauses: unlink.open-survives
    """
    with unlinked(here, b"old") as fd:
        write(here / "file", b"brand new")
        equal("content of the open file", b"old", os.pread(fd, 100, 0))
        os.pwrite(fd, b"xyz", 0)
        equal("content of the new file", b"brand new", read(here / "file"))


@needs(OLD)
def check_name_is_free_fstat(here: Place) -> None:
    """fstat and fchmod mean the open file, not the new file under the old name.

    Clauses: getattr.after-unlink
    """
    with unlinked(here, b"old") as fd:
        write(here / "file", b"brand new")
        equal("size of the open file", 3, os.fstat(fd).st_size)
        os.fchmod(fd, 0o600)
        equal("mode of the new file", 0o644, os.stat(here / "file").st_mode & 0o7777)


def check_other_link_remains(here: Place) -> None:
    """With another name left, the file is still found there."""
    write(here / "file", b"content")
    os.link(here / "file", here / "other")
    with opened(here / "file", os.O_RDWR) as fd:
        os.unlink(here / "file")
        os.pwrite(fd, b"C", 0)
        equal("link count", 1, os.stat(here / "other").st_nlink)
    equal("content", b"Content", read(here / "other"))


def check_in_removed_directory(here: Place) -> None:
    """An open file survives the removal of the directory that it was in.

    Clauses: unlink.open-survives
    """
    (here / "dir").mkdir()
    write(here / "dir/file", b"content")
    with opened(here / "dir/file", os.O_RDWR) as fd:
        os.unlink(here / "dir/file")
        os.rmdir(here / "dir")
        equal("content", b"content", os.pread(fd, 100, 0))
        os.pwrite(fd, b"C", 0)
        equal("content after writing", b"Content", os.pread(fd, 100, 0))
