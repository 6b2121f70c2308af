"""Finding names: what is there, what is not, and the way to it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..children import run_as
from ..expect import equal, needs, raises, true
from ..files import write
from ..place import Place

SHORT = True
DEEP = 40
"""Levels; more than the 16 names that one Twalk may carry."""
NAME_MAX = 255
FAR = 20
"""Levels of the longest names, which no path can have."""
NOBODY = 65534


def check_missing_name(here: Place) -> None:
    """A name that is not there is ENOENT.

    Clauses: walk.missing-name
    """
    raises(errno.ENOENT, "stat", os.stat, here / "missing")
    raises(errno.ENOENT, "open", os.open, here / "missing", os.O_RDONLY)


def check_missing_middle(here: Place) -> None:
    """A missing directory on the way is ENOENT.

    Clauses: walk.missing-name
    """
    raises(errno.ENOENT, "stat", os.stat, here / "missing/name")


def check_through_file(here: Place) -> None:
    """A path that goes on behind a file is ENOTDIR.

    Clauses: walk.directory-only
    """
    write(here / "file")
    raises(errno.ENOTDIR, "stat file/name", os.stat, here / "file/name")
    raises(errno.ENOTDIR, "stat file/", os.stat, f"{here / 'file'}/")


def check_types(here: Place) -> None:
    """Lookup tells files, directories and symbolic links apart.

    Clauses: getattr.mode-type, walk.symlink-unfollowed
    """
    write(here / "file")
    (here / "dir").mkdir()
    (here / "link").symlink_to("file")
    true("a regular file", stat.S_ISREG(os.lstat(here / "file").st_mode))
    true("a directory", stat.S_ISDIR(os.lstat(here / "dir").st_mode))
    true("a symbolic link", stat.S_ISLNK(os.lstat(here / "link").st_mode))


def check_dots(here: Place) -> None:
    """Find the right directories through "." and "..".

    Clauses: walk.full-binds
    """
    (here / "dir").mkdir()
    inode = os.stat(here.dir).st_ino
    equal("inode of dir/..", inode, os.stat(f"{here.dir}/dir/..").st_ino)
    equal(
        "inode of dir/.././dir",
        os.stat(here / "dir").st_ino,
        os.stat(f"{here.dir}/dir/.././dir").st_ino,
    )


def check_deep_path(here: Place) -> None:
    """A path of more levels than one Twalk carries is found.

    Clauses: walk.full-binds
    """
    path = here.dir
    for level in range(DEEP):
        path /= f"level{level}"
        path.mkdir()
    write(path / "file", b"deep")
    equal("size of the file below", 4, os.stat(path / "file").st_size)


@needs("root", "users")
def check_deep_for_another_user(here: Place) -> None:
    """A user who comes to a deep place by a descriptor of another one is walked there from the top.

    Clauses: walk.full-binds, walk.partial-result
    """
    with descended(here.dir, [f"level{level}" for level in range(DEEP)]) as fd:
        write_at(fd, b"deep")
        equal("size", 4, run_as(NOBODY, lambda: os.stat("file", dir_fd=fd).st_size))
        missing = (NOBODY, lambda: os.stat("missing", dir_fd=fd))
        raises(errno.ENOENT, "a missing name", run_as, *missing)


@needs("root", "users")
def check_longer_than_a_path(here: Place) -> None:
    """Below more than 4,096 bytes of names files are made, read, renamed and removed.

    Clauses: walk.full-binds
    """
    names = [f"{level:02}".ljust(NAME_MAX, "x") for level in range(FAR)]
    with descended(here.dir, names) as fd:
        write_at(fd, b"far away")
        equal("size", 8, run_as(NOBODY, lambda: os.stat("file", dir_fd=fd).st_size))
        os.rename("file", "moved", src_dir_fd=fd, dst_dir_fd=fd)
        equal("names", ["moved"], os.listdir(fd))
        os.unlink("moved", dir_fd=fd)
    shutil.rmtree(here / names[0])
    equal("names when the tree is removed", [], os.listdir(here.dir))


@contextmanager
def descended(path: Path, names: Iterable[str]) -> Iterator[int]:
    """Make a directory in each other; provide a descriptor of the last."""
    fd = os.open(path, os.O_RDONLY)
    try:
        for name in names:
            os.mkdir(name, dir_fd=fd)
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def write_at(fd: int, data: bytes) -> None:
    """Make a file in an open directory."""
    file = os.open("file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
    os.write(file, data)
    os.close(file)


def check_inode_is_stable(here: Place) -> None:
    """The inode number is the same at each lookup and different for another file.

    Clauses: getattr.path-identity
    """
    write(here / "a")
    write(here / "b")
    equal("inode at the second lookup", os.stat(here / "a").st_ino, os.stat(here / "a").st_ino)
    true(
        "two files have two inode numbers", os.stat(here / "a").st_ino != os.stat(here / "b").st_ino
    )


@needs("coherent")
def check_negative_is_not_kept(here: Place) -> None:
    """A name that was missing is found once it exists; with cache=loose Linux 7.2 keeps it missing.

    Clauses: walk.full-binds
    """
    raises(errno.ENOENT, "stat before", os.stat, here / "late")
    write(here.backing / "late", b"now")
    equal("size after it was made behind the mount", 3, os.stat(here / "late").st_size)


def check_mount_point_is_directory(here: Place) -> None:
    """The directory itself has sane attributes.

    Clauses: getattr.basic-complete, getattr.blksize-nonzero
    """
    info = os.stat(here.dir)
    true("a directory", stat.S_ISDIR(info.st_mode))
    true(f"a link count of 1 or at least 2, got {info.st_nlink}", info.st_nlink >= 1)
    true(f"a block size above 0, got {info.st_blksize}", info.st_blksize > 0)
