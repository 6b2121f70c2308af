"""Finding names: what is there, what is not, and the way to it."""

from __future__ import annotations

import errno
import os
import stat

from ..expect import equal, needs, raises, true
from ..files import write
from ..place import Place

SHORT = True
DEEP = 40
"""Levels; more than the 16 names that one Twalk may carry."""


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
