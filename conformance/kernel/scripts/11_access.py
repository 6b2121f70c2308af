"""Other users: what the kernel's permission checks and the server's make of them."""

from __future__ import annotations

import errno
import os

from ..children import run_as
from ..expect import equal, raises
from ..files import read, same_time, write
from ..place import Place

SHORT = True
NEEDS = ("root", "users")
USER = 12345
OTHER = 12346


def check_denied(here: Place) -> None:
    """Another user may not open what the mode forbids: EACCES.

    Clauses: open.permission-denied
    """
    write(here / "file", b"secret")
    os.chmod(here / "file", 0o600)
    raises(errno.EACCES, "read", run_as, USER, lambda: read(here / "file"))
    raises(errno.EACCES, "write", run_as, USER, lambda: write(here / "file"))


def check_allowed(here: Place) -> None:
    """Another user may read what the mode allows, and find names in a listing."""
    write(here / "file", b"public")
    os.chmod(here / "file", 0o644)
    equal("content", "public", run_as(USER, lambda: read(here / "file").decode()))
    equal("names", ["file"], run_as(USER, lambda: os.listdir(here.dir)))


def check_creates_as_itself(here: Place) -> None:
    """What another user makes belongs to it, on the server's side too.

    Clauses: attach.n-uname, attach.several-users
    """
    os.chmod(here.dir, 0o777)

    def make() -> None:
        write(here / "file", b"mine")
        os.mkdir(here / "dir")
        os.symlink("target", here / "link")
        os.mkfifo(here / "fifo")

    run_as(USER, make)
    for name in ("file", "dir", "link", "fifo"):
        for base in (here.dir, here.backing):
            info = os.lstat(base / name)
            equal(f"owner of {name}", (USER, USER), (info.st_uid, info.st_gid))


def check_cannot_create(here: Place) -> None:
    """Another user may not make, rename or remove names in a directory it may not write.

    Clauses: fid.user-inherited
    """
    write(here / "file")

    def make() -> None:
        write(here / "new")

    raises(errno.EACCES, "create", run_as, USER, make)
    raises(errno.EACCES, "mkdir", run_as, USER, lambda: os.mkdir(here / "new"))
    raises(errno.EACCES, "unlink", run_as, USER, lambda: os.unlink(here / "file"))
    raises(errno.EACCES, "rename", run_as, USER, lambda: os.rename(here / "file", here / "b"))


def check_cannot_pass(here: Place) -> None:
    """A directory without x lets nobody else through.

    Clauses: walk.search-permission
    """
    (here / "dir").mkdir()
    write(here / "dir/file")
    os.chmod(here / "dir", 0o744)
    raises(errno.EACCES, "stat", run_as, USER, lambda: os.stat(here / "dir/file").st_size)
    equal("names", ["file"], run_as(USER, lambda: os.listdir(here / "dir")))


def check_sticky_directory(here: Place) -> None:
    """In a sticky directory only the owner of an entry removes it."""
    os.chmod(here.dir, 0o1777)
    run_as(USER, lambda: write(here / "file"))
    raises(errno.EPERM, "unlink", run_as, OTHER, lambda: os.unlink(here / "file"))
    run_as(USER, lambda: os.unlink(here / "file"))


def check_owner_only(here: Place) -> None:
    """Only the owner changes mode and times, and nobody but root the owner."""
    write(here / "file")
    os.chmod(here / "file", 0o666)
    raises(errno.EPERM, "chmod", run_as, USER, lambda: os.chmod(here / "file", 0o777))
    raises(errno.EPERM, "utime", run_as, USER, lambda: os.utime(here / "file", (1, 1)))
    raises(errno.EPERM, "chown", run_as, USER, lambda: os.chown(here / "file", USER, -1))
    run_as(USER, lambda: os.utime(here / "file"))


def check_owner_changes_mode(here: Place) -> None:
    """The owner changes mode and times of its file."""
    os.chmod(here.dir, 0o777)

    def change() -> list[int]:
        write(here / "file")
        os.chmod(here / "file", 0o600)
        os.utime(here / "file", ns=(1, 2))
        info = os.stat(here / "file")
        return [info.st_mode & 0o7777, info.st_mtime_ns]

    mode, mtime = run_as(USER, change)
    equal("mode", 0o600, mode)
    same_time(here, "mtime", 2, mtime)


def check_write_clears_suid(here: Place) -> None:
    """A write by somebody without privilege takes the setuid bit away.

    Clauses: write.drops-privilege
    """
    write(here / "program", b"original")
    os.chmod(here / "program", 0o4777)
    run_as(USER, lambda: os.write(os.open(here / "program", os.O_WRONLY), b"x"))
    equal("mode", oct(0o777), oct(os.stat(here / "program").st_mode & 0o7777))


def check_group(here: Place) -> None:
    """Group permissions hold for members of the group."""
    write(here / "file", b"group")
    os.chown(here / "file", 0, 777)
    os.chmod(here / "file", 0o640)
    equal("content", "group", run_as(USER, lambda: read(here / "file").decode(), gid=777))
    raises(errno.EACCES, "read by others", run_as, OTHER, lambda: read(here / "file"))


def check_open_then_chmod(here: Place) -> None:
    """A file that is open stays readable when its mode is taken away.

    Clauses: open.checked-once
    """
    write(here / "file", b"open")
    os.chmod(here / "file", 0o644)
    fd = os.open(here / "file", os.O_RDONLY)
    os.chmod(here / "file", 0)
    equal("content", "open", run_as(USER, lambda: os.pread(fd, 10, 0).decode()))
    os.close(fd)
