"""Directories: listing, removing, many entries, deep trees."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter

from ..expect import equal, raises, true
from ..files import getdents, opened, read, write
from ..place import Place

DEADLINE = 120.0
MANY = 10_000
BATCH = 20
"""Of so many listed names one is deleted through the mount, the others behind it."""
SMALL = 100
ADDED = 50
LEVELS = 40


def fill(here: Place, count: int) -> list[str]:
    """Make files behind the mount, where it costs little."""
    names = [f"entry-{number:05}" for number in range(count)]
    for name in names:
        os.mknod(here.backing / name)
    return names


def check_dots_are_listed(here: Place) -> None:
    """getdents lists "." and "..", once each, beside the names.

    Clauses: readdir.dot-entries
    """
    write(here / "file")
    equal("names", [b".", b"..", b"file"], sorted(getdents(here.dir)))


def check_empty_directory(here: Place) -> None:
    """An empty directory lists nothing else, and can be removed.

    Clauses: readdir.end-empty
    """
    (here / "dir").mkdir()
    equal("names", [], os.listdir(here / "dir"))
    os.rmdir(here / "dir")
    raises(errno.ENOENT, "stat afterwards", os.stat, here / "dir")


def check_types_in_listing(here: Place) -> None:
    """A listing tells the type of each entry.

    Clauses: readdir.whole-entries
    """
    write(here / "file")
    (here / "dir").mkdir()
    (here / "link").symlink_to("file")
    os.mkfifo(here / "fifo")
    with os.scandir(here.dir) as entries:
        found = {
            e.name: (e.is_file(follow_symlinks=False), e.is_dir(), e.is_symlink()) for e in entries
        }
    wanted = {
        "file": (True, False, False),
        "dir": (False, True, False),
        "link": (False, False, True),
        "fifo": (False, False, False),
    }
    equal("(file, directory, link)", wanted, found)


def check_listed_inode(here: Place) -> None:
    """The inode number in a listing is the one that stat gives.

    Clauses: readdir.qid-path
    """
    write(here / "file")
    with os.scandir(here.dir) as entries:
        equal("inode", os.stat(here / "file").st_ino, next(entries).inode())


def check_not_empty(here: Place) -> None:
    """Removing a directory with something in it is ENOTEMPTY.

    Clauses: remove.not-empty
    """
    (here / "dir").mkdir()
    write(here / "dir/file")
    raises(errno.ENOTEMPTY, "rmdir", os.rmdir, here / "dir")
    equal("names left", ["file"], os.listdir(here / "dir"))


def check_wrong_kind(here: Place) -> None:
    """rmdir of a file is ENOTDIR, unlink of a directory EISDIR.

    Clauses: unlink.directory-flag, unlink.flag-on-file
    """
    write(here / "file")
    (here / "dir").mkdir()
    raises(errno.ENOTDIR, "rmdir", os.rmdir, here / "file")
    raises(errno.EISDIR, "unlink", os.unlink, here / "dir")


def check_remove_missing(here: Place) -> None:
    """Removing what is not there is ENOENT.

    Clauses: unlink.missing-name
    """
    raises(errno.ENOENT, "unlink", os.unlink, here / "missing")
    raises(errno.ENOENT, "rmdir", os.rmdir, here / "missing")


def check_remove_dot(here: Place) -> None:
    """rmdir of "." is EINVAL, of ".." ENOTEMPTY."""
    (here / "dir").mkdir()
    raises(errno.EINVAL, "rmdir dir/.", os.rmdir, f"{here / 'dir'}/.")
    raises(errno.ENOTEMPTY, "rmdir dir/..", os.rmdir, f"{here / 'dir'}/..")


def check_ten_thousand_entries(here: Place) -> None:
    """10,000 entries are each listed once, also while they are deleted as `rm -r` does.

    Clauses: readdir.resume-exact, readdir.stable-entries
    """
    names = fill(here, MANY)
    counts = Counter(os.listdir(here.dir))
    equal("names listed more than once", [], [n for n, times in counts.items() if times > 1])
    equal("names missing or added", set(), set(names) ^ set(counts))
    delete_while_listing(here, names)


def delete_while_listing(here: Place, names: list[str]) -> None:
    """Delete each entry as it is listed, and expect each to be listed once."""
    seen: list[str] = []
    with os.scandir(here.dir) as entries:
        for entry in entries:
            base = here.dir if len(seen) % BATCH == 0 else here.backing
            os.unlink(base / entry.name)
            seen.append(entry.name)
    equal("number of names", len(names), len(seen))
    equal("names not listed", set(), set(names) - set(seen))
    equal("names left", [], os.listdir(here.dir))


def check_create_while_listing(here: Place) -> None:
    """Names that were there throughout are listed once though others come.

    Clauses: readdir.stable-entries
    """
    names = fill(here, 500)
    seen: list[str] = []
    with os.scandir(here.dir) as entries:
        for number, entry in enumerate(entries):
            if number < ADDED:
                write(here.backing / f"added-{number}")
            seen.append(entry.name)
    equal("names listed once", set(names), {n for n in names if seen.count(n) == 1})


def check_rewind(here: Place) -> None:
    """A second listing through another descriptor is the same as the first.

    Clauses: readdir.rewind-at-zero
    """
    fill(here, 200)
    equal("names", sorted(os.listdir(here.dir)), sorted(os.listdir(here.dir)))


def check_many_small_files(here: Place) -> None:
    """100 small files keep their contents, and a whole tree can be removed."""
    (here / "tree").mkdir()
    for number in range(SMALL):
        write(here / f"tree/{number}", b"file %d" % number)
    wrong = [n for n in range(SMALL) if read(here / f"tree/{n}") != b"file %d" % n]
    equal("files with another content", [], wrong)
    shutil.rmtree(here / "tree")
    equal("names left", [], os.listdir(here.dir))


def check_deep_nesting(here: Place) -> None:
    """A tree of 40 levels can be made, entered, listed and removed from below."""
    path = here.dir
    for level in range(LEVELS):
        path = path / f"d{level}"
        path.mkdir()
    write(path / "leaf", b"x")
    os.chdir(path)
    equal("names at the bottom, seen from there", ["leaf"], os.listdir("."))
    os.chdir("/")
    shutil.rmtree(here / "d0")
    equal("names left", [], os.listdir(here.dir))


def check_directory_times(here: Place) -> None:
    """Creating and removing an entry advances the directory's modification time."""
    os.utime(here.dir, ns=(0, 0))
    write(here / "file")
    true("mtime is no longer 0 after creating", os.stat(here.dir).st_mtime_ns > 0)
    os.utime(here.dir, ns=(0, 0))
    os.unlink(here / "file")
    true("mtime is no longer 0 after removing", os.stat(here.dir).st_mtime_ns > 0)


def check_removed_directory_in_use(here: Place) -> None:
    """A directory that was removed while open takes no entries.

    Clauses: create.removed-directory
    """
    (here / "dir").mkdir()
    with opened(here / "dir", os.O_RDONLY | os.O_DIRECTORY) as fd:
        os.rmdir(here / "dir")
        raises(errno.ENOENT, "create in it", create_at, fd)


def create_at(directory: int) -> None:
    """Make a file in an open directory."""
    os.close(os.open("new", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=directory))
