"""Attributes: mode, owner, times to the nanosecond."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from ..expect import Skipped, equal, needs, raises, true
from ..files import AT_SYMLINK_NOFOLLOW, UTIME_NOW, UTIME_OMIT, opened, same_time, utimensat, write
from ..place import SECOND, Place

SHORT = True
PERMISSIONS = 0o7777
THEN = 1_234_567_890_123_456_789
"""A time in nanoseconds whose last digits are not 0."""
ROUND = 1_234_567_890_000_000_000
"""A time that no client rounds."""
SLACK = 5 * SECOND
"""The server's clock and ours are one machine's; still, allow some."""


def mode_of(path: Path) -> int:
    """Return permission bits, not following links."""
    return os.lstat(path).st_mode & PERMISSIONS


def check_chmod_every_bit(here: Place) -> None:
    """chmod sets each permission bit, setuid, setgid and sticky among them.

    Clauses: setattr.mode-bits
    """
    write(here / "file")
    (here / "dir").mkdir()
    for mode in (0, 0o7777, 0o4755, 0o2755, 0o1777, *(1 << bit for bit in range(12))):
        for name in ("file", "dir"):
            os.chmod(here / name, mode)
            equal(f"mode of the {name}", oct(mode), oct(mode_of(here / name)))


def check_fchmod(here: Place) -> None:
    """fchmod sets the mode through an open file, even one that is write-only.

    Clauses: getattr.any-fid
    """
    with opened(here / "file", os.O_WRONLY | os.O_CREAT) as fd:
        os.fchmod(fd, 0o640)
        equal("mode", 0o640, mode_of(here / "file"))


def check_chmod_keeps_content(here: Place) -> None:
    """chmod changes neither content time nor size, but the change time."""
    write(here / "file", b"content")
    os.utime(here / "file", ns=(THEN, THEN))
    before = os.stat(here / "file")
    os.chmod(here / "file", 0o600)
    after = os.stat(here / "file")
    equal("mtime and size", (before.st_mtime_ns, 7), (after.st_mtime_ns, after.st_size))
    true("the change time did not go back", after.st_ctime_ns >= before.st_ctime_ns)


def check_chmod_missing(here: Place) -> None:
    """chmod, chown and utime of what is not there are ENOENT."""
    raises(errno.ENOENT, "chmod", os.chmod, here / "missing", 0o600)
    raises(errno.ENOENT, "chown", os.chown, here / "missing", 0, 0)
    raises(errno.ENOENT, "utime", os.utime, here / "missing")


@needs("root")
def check_chown(here: Place) -> None:
    """chown sets owner and group, or only one of them.

    Clauses: setattr.owner-bits
    """
    write(here / "file")
    for uid, gid, wanted in (
        (1, 2, (1, 2)),
        (3, -1, (3, 2)),
        (-1, 4, (3, 4)),
        (70000, 80000, (70000, 80000)),
    ):
        os.chown(here / "file", uid, gid)
        info = os.stat(here / "file")
        equal(f"owner after chown {uid}:{gid}", wanted, (info.st_uid, info.st_gid))


@needs("root")
def check_fchown_and_lchown(here: Place) -> None:
    """fchown works on an open file, lchown on a symbolic link itself.

    Clauses: setattr.owner-bits, setattr.symlink-itself
    """
    write(here / "file")
    (here / "link").symlink_to("file")
    os.lchown(here / "link", 11, 12)
    with opened(here / "file", os.O_RDONLY) as fd:
        os.fchown(fd, 21, 22)
    equal("group of the link", 12, os.lstat(here / "link").st_gid)
    equal("group of the file", 22, os.stat(here / "file").st_gid)


@needs("root")
def check_chown_clears_suid(here: Place) -> None:
    """chown of a program takes its setuid and setgid bits away.

    Clauses: write.drops-privilege
    """
    write(here / "program")
    os.chmod(here / "program", 0o6755)
    os.chown(here / "program", 1, 1)
    equal("mode", oct(0o755), oct(mode_of(here / "program")))


def check_nanoseconds(here: Place) -> None:
    """Times that are set are kept, to the nanosecond as far as the client sends them.

    Clauses: setattr.time-given
    """
    write(here / "file")
    (here / "dir").mkdir()
    for name in ("file", "dir"):
        os.utime(here / name, ns=(THEN + 2 * SECOND, THEN))
        same_time(here, "atime", THEN + 2 * SECOND, os.stat(here / name).st_atime_ns)
        same_time(here, "mtime", THEN, os.stat(here / name).st_mtime_ns)


@needs("coherent")
def check_nanoseconds_of_the_server(here: Place) -> None:
    """Times set at the server are seen to the nanosecond.

    Clauses: getattr.basic-complete
    """
    write(here / "file")
    (here / "dir").mkdir()
    for name in ("file", "dir"):
        os.utime(here.backing / name, ns=(THEN + 3, THEN + 4))
        if os.stat(here.backing / name).st_mtime_ns != THEN + 4:
            raise Skipped("needs an export whose times can be set to the nanosecond from here")
        info = os.stat(here / name)
        equal("atime and mtime", (THEN + 3, THEN + 4), (info.st_atime_ns, info.st_mtime_ns))


def check_utime_omit(here: Place) -> None:
    """UTIME_OMIT leaves a time as it is.

    Clauses: setattr.valid-only
    """
    write(here / "file")
    os.utime(here / "file", ns=(ROUND, ROUND))
    utimensat(here / "file", (0, UTIME_OMIT), (5, 6))
    equal("atime after mtime alone", ROUND, os.stat(here / "file").st_atime_ns)
    same_time(here, "mtime", 5 * SECOND + 6, os.stat(here / "file").st_mtime_ns)
    os.utime(here / "file", ns=(ROUND, ROUND))
    utimensat(here / "file", (7, 8), (0, UTIME_OMIT))
    equal("mtime after atime alone", ROUND, os.stat(here / "file").st_mtime_ns)
    same_time(here, "atime", 7 * SECOND + 8, os.stat(here / "file").st_atime_ns)


def check_utime_now(here: Place) -> None:
    """UTIME_NOW sets the present time, for one of the two as well.

    Clauses: setattr.time-now
    """
    write(here / "file")
    os.utime(here / "file", ns=(ROUND, ROUND))
    utimensat(here / "file", (0, UTIME_OMIT), (0, UTIME_NOW))
    info = os.stat(here / "file")
    equal("atime", ROUND, info.st_atime_ns)
    distance = abs(info.st_mtime_ns - time.time_ns())
    true(f"mtime is the present, it is {distance} ns away", distance < SLACK)


def check_symlink_times(here: Place) -> None:
    """The times of a symbolic link itself can be set; its target's stay.

    Clauses: setattr.symlink-itself
    """
    write(here / "file")
    os.utime(here / "file", ns=(ROUND, ROUND))
    (here / "link").symlink_to("file")
    utimensat(here / "link", (3, 4), (5, 6), AT_SYMLINK_NOFOLLOW)
    same_time(here, "mtime of the link", 5 * SECOND + 6, os.lstat(here / "link").st_mtime_ns)
    equal("mtime of the file", ROUND, os.stat(here / "file").st_mtime_ns)


def check_far_times(here: Place) -> None:
    """Times behind 2038 are kept; the client takes 1970 for what lies before it.

    Clauses: setattr.time-given
    """
    write(here / "file")
    for seconds in (1 << 31, (1 << 32) + 1, -1, -86_400 * 365):
        utimensat(here / "file", (seconds, 0), (seconds, 999_999_999))
        same_time(here, "mtime", seconds * SECOND + 999_999_999, os.stat(here / "file").st_mtime_ns)


def check_futimens_read_only_descriptor(here: Place) -> None:
    """futimens works through a descriptor that is open for reading."""
    write(here / "file")
    with opened(here / "file", os.O_RDONLY) as fd:
        utimensat(fd, (1, 2), (3, 4))
    same_time(here, "mtime", 3 * SECOND + 4, os.stat(here / "file").st_mtime_ns)


def check_setgid_directory(here: Place) -> None:
    """A setgid directory gives new entries its group, and new directories its bit.

    Clauses: create.gid-applied
    """
    os.chown(here.dir, -1, os.getgid() if os.geteuid() else 4321)
    os.chmod(here.dir, 0o2755)
    group = os.stat(here.dir).st_gid
    write(here / "file")
    (here / "dir").mkdir()
    (here / "link").symlink_to("file")
    equal("groups", [group] * 3, [os.lstat(here / n).st_gid for n in ("file", "dir", "link")])
    equal("mode of the new directory", oct(0o2755), oct(mode_of(here / "dir")))


def check_reading_keeps_mtime(here: Place) -> None:
    """Reading a file changes neither its modification nor its change time."""
    write(here / "file", b"content")
    before = os.stat(here / "file")
    with opened(here / "file", os.O_RDONLY) as fd:
        os.read(fd, 10)
    after = os.stat(here / "file")
    equal(
        "mtime, ctime",
        (before.st_mtime_ns, before.st_ctime_ns),
        (after.st_mtime_ns, after.st_ctime_ns),
    )
