"""Renaming: what replaces what, and what stays open meanwhile."""

from __future__ import annotations

import errno
import os

from ..children import Holder
from ..expect import equal, raises, true
from ..files import opened, read, write, write_all
from ..place import Place

SHORT = True
READ_WRITE = os.O_RDWR | os.O_CREAT


def check_renames(here: Place) -> None:
    """The old name is gone, the new one has the file with its inode number.

    Clauses: getattr.path-identity
    """
    write(here / "old", b"content")
    inode = os.stat(here / "old").st_ino
    os.rename(here / "old", here / "new")
    equal("names", ["new"], os.listdir(here.dir))
    equal("content", b"content", read(here / "new"))
    equal("inode", inode, os.stat(here / "new").st_ino)


def check_across_directories(here: Place) -> None:
    """A file and a directory move from one directory to another."""
    for name in ("a", "a/sub", "b"):
        (here / name).mkdir()
    write(here / "a/sub/file", b"1")
    os.rename(here / "a/sub", here / "b/moved")
    os.rename(here / "b/moved/file", here / "file")
    equal("content", b"1", read(here / "file"))
    equal("names in a and b", ([], ["moved"]), (os.listdir(here / "a"), os.listdir(here / "b")))


def check_replaces_file(here: Place) -> None:
    """An existing file is replaced.

    Clauses: rename.replaces-target
    """
    write(here / "a", b"new")
    write(here / "b", b"old")
    os.rename(here / "a", here / "b")
    equal("names", ["b"], os.listdir(here.dir))
    equal("content", b"new", read(here / "b"))


def check_replaced_file_stays_usable(here: Place) -> None:
    """Who has the replaced file open goes on reading and writing it.

    Clauses: rename.victim-kept, getattr.after-unlink
    """
    write(here / "a", b"new")
    write(here / "b", b"old")
    with opened(here / "b", os.O_RDWR) as fd:
        os.rename(here / "a", here / "b")
        equal("content of the open file", b"old", os.pread(fd, 10, 0))
        os.pwrite(fd, b"OLD!", 0)
        equal("content after writing", b"OLD!", os.pread(fd, 10, 0))
        equal("size of the open file", 4, os.fstat(fd).st_size)
        equal("link count of the open file", 0, os.fstat(fd).st_nlink)
    equal("content of the name", b"new", read(here / "b"))


def check_renamed_file_stays_usable(here: Place) -> None:
    """Who has the renamed file open goes on using it.

    Clauses: rename.fids-follow
    """
    with opened(here / "a", READ_WRITE) as fd:
        write_all(fd, b"one")
        os.rename(here / "a", here / "b")
        write_all(fd, b" two")
        os.fchmod(fd, 0o600)
        equal("size", 7, os.fstat(fd).st_size)
    equal("content", b"one two", read(here / "b"))
    equal("mode", 0o600, os.stat(here / "b").st_mode & 0o7777)


def check_directory_with_open_files(here: Place) -> None:
    """Files open beneath a renamed directory go on working, and so does a working directory.

    Clauses: rename.fids-follow
    """
    (here / "a").mkdir()
    (here / "a/sub").mkdir()
    with opened(here / "a/sub/file", READ_WRITE) as fd:
        os.chdir(here / "a/sub")
        os.rename(here / "a", here / "b")
        write_all(fd, b"after")
        os.ftruncate(fd, 3)
        equal("size", 3, os.fstat(fd).st_size)
        write(b"other", b"made from inside")
        equal("names from inside", ["file", "other"], sorted(os.listdir(".")))
        os.chdir("/")
    equal("content", b"aft", read(here / "b/sub/file"))
    equal("content of the other", b"made from inside", read(here / "b/sub/other"))


def check_onto_itself(here: Place) -> None:
    """Renaming a name to itself changes nothing."""
    write(here / "a", b"content")
    os.rename(here / "a", here / "a")
    equal("content", b"content", read(here / "a"))


def check_onto_hard_link(here: Place) -> None:
    """Renaming one link of a file to another link of it leaves both.

    Clauses: rename.replaces-target
    """
    write(here / "a", b"content")
    os.link(here / "a", here / "b")
    os.rename(here / "a", here / "b")
    equal("names", ["a", "b"], sorted(os.listdir(here.dir)))


def check_into_own_subtree(here: Place) -> None:
    """A directory into its own subtree is EINVAL.

    Clauses: rename.into-itself
    """
    (here / "a").mkdir()
    (here / "a/b").mkdir()
    raises(errno.EINVAL, "rename", os.rename, here / "a", here / "a/b/c")
    equal("names", ["a"], os.listdir(here.dir))


def check_file_onto_directory(here: Place) -> None:
    """A file onto a directory is EISDIR, a directory onto a file ENOTDIR.

    Clauses: rename.kind-match
    """
    write(here / "file")
    (here / "dir").mkdir()
    raises(errno.EISDIR, "file to dir", os.rename, here / "file", here / "dir")
    raises(errno.ENOTDIR, "dir to file", os.rename, here / "dir", here / "file")


def check_onto_empty_directory(here: Place) -> None:
    """A directory replaces an empty directory.

    Clauses: rename.kind-match
    """
    (here / "a").mkdir()
    write(here / "a/file")
    (here / "b").mkdir()
    os.rename(here / "a", here / "b")
    equal("names in b", ["file"], os.listdir(here / "b"))


def check_onto_full_directory(here: Place) -> None:
    """A directory onto one with entries is ENOTEMPTY (or EEXIST, as POSIX allows).

    Clauses: rename.kind-match
    """
    (here / "a").mkdir()
    (here / "b").mkdir()
    write(here / "b/file")
    raises((errno.ENOTEMPTY, errno.EEXIST), "rename", os.rename, here / "a", here / "b")
    equal("names in b", ["file"], os.listdir(here / "b"))


def check_missing_source(here: Place) -> None:
    """A missing source, or a missing directory of the target, is ENOENT.

    Clauses: rename.old-missing
    """
    write(here / "a")
    raises(errno.ENOENT, "missing source", os.rename, here / "missing", here / "b")
    raises(errno.ENOENT, "missing directory", os.rename, here / "a", here / "missing/b")


def check_symlink_itself(here: Place) -> None:
    """Renaming a symbolic link moves the link, not its target."""
    write(here / "target", b"x")
    (here / "link").symlink_to("target")
    os.rename(here / "link", here / "moved")
    equal("target of the moved link", "target", os.readlink(here / "moved"))
    true("the target is still there", os.path.exists(here / "target"))


def check_many_in_a_row(here: Place) -> None:
    """A file renamed 50 times while another process has it open is always that file.

    Clauses: rename.fids-follow
    """
    write(here / "n0", b"x")
    inode = os.stat(here / "n0").st_ino
    with Holder(lambda: os.open(here / "n0", os.O_RDONLY)):
        for number in range(50):
            os.rename(here / f"n{number}", here / f"n{number + 1}")
    equal("names", ["n50"], os.listdir(here.dir))
    equal("inode", inode, os.stat(here / "n50").st_ino)


def check_replace_pattern(here: Place) -> None:
    """A reader always finds a whole file while a writer replaces it (write, rename).

    Clauses: rename.replaces-target, rename.victim-kept
    """
    size = 3000
    write(here / "config", b"0" * size)
    for number in range(20):
        write(here / "config.new", b"%d" % (number % 10) * size)
        with opened(here / "config", os.O_RDONLY) as fd:
            os.rename(here / "config.new", here / "config")
            equal("bytes of the old file", size, len(os.read(fd, 2 * size)))
        equal("content now", b"%d" % (number % 10) * size, read(here / "config"))
