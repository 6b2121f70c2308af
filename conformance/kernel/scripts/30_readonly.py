"""A server that exports read-only: every change is EROFS, and nothing changes."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ..expect import equal, needs, raises, true
from ..files import manifest, opened, pattern, read, same_manifest, same_tree, write
from ..place import Place

SHORT = True
NEEDS = ("read-only",)
LARGE = 200_000


def prepare(backing: Path) -> None:
    """Fill the export; the mount cannot."""
    if (backing / "file").exists():
        return
    write(backing / "file", b"content")
    write(backing / "large", pattern(LARGE))
    (backing / "dir").mkdir()
    (backing / "empty").mkdir()
    write(backing / "dir/inner", b"inner")
    (backing / "link").symlink_to("file")
    os.link(backing / "file", backing / "hard")
    os.mkfifo(backing / "fifo")
    os.chmod(backing / "file", 0o6755)
    for name in ("file", "dir/inner", "dir"):
        os.utime(backing / name, ns=(1, 1_234_567_890_123_456_789))


def refused(here: Place, what: str, call: Callable[..., object], *args: object) -> None:
    """Expect EROFS, and the export as it was: names, content, modes, times, attributes."""
    before = manifest(here.backing)
    raises(errno.EROFS, what, call, *args)
    same_manifest(f"the export after {what}", before, manifest(here.backing))


def check_reading_works(here: Place) -> None:
    """Reading, listing, links and attributes of the tree are as on the server's side.

    Clauses: session.readonly-allows
    """
    same_tree("the mount", here.backing, here.dir)
    equal("content through the link", b"content", read(here / "link"))


def check_statfs_and_access(here: Place) -> None:
    """statfs works, and what does not exist is ENOENT, not EROFS."""
    true("blocks above 0", os.statvfs(here.dir).f_blocks > 0)
    raises(errno.ENOENT, "stat", os.stat, here / "missing")
    raises(errno.ENOENT, "open", os.open, here / "missing", os.O_RDONLY)


def check_fsync(here: Place) -> None:
    """fsync of what is open for reading succeeds.

    Clauses: session.readonly-allows
    """
    with opened(here / "file", os.O_RDONLY) as fd:
        os.fsync(fd)


def check_locks(here: Place) -> None:
    """Shared locks work.

    Clauses: session.readonly-allows
    """
    with opened(here / "file", os.O_RDONLY) as fd:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def check_open_for_writing(here: Place) -> None:
    """Opening for writing, for both, and for appending is refused.

    Clauses: session.readonly-open
    """
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND):
        refused(here, f"open {flags:#o}", os.open, here / "file", flags)


def check_truncating(here: Place) -> None:
    """O_TRUNC and truncate are refused, O_TRUNC even when opening for reading.

    Clauses: session.readonly-open, session.readonly-refuses
    """
    refused(here, "O_TRUNC", os.open, here / "file", os.O_WRONLY | os.O_TRUNC)
    refused(here, "O_RDONLY|O_TRUNC", os.open, here / "file", os.O_RDONLY | os.O_TRUNC)
    refused(here, "truncate", os.truncate, here / "file", 1)


def check_creating(here: Place) -> None:
    """Creating a file, a directory, a symbolic link, a hard link, a node is refused.

    Clauses: session.readonly-refuses
    """
    new = here / "new"
    refused(here, "O_CREAT", os.open, new, os.O_CREAT | os.O_WRONLY)
    refused(here, "O_CREAT|O_RDONLY", os.open, new, os.O_CREAT | os.O_RDONLY)
    refused(here, "mkdir", os.mkdir, new)
    refused(here, "symlink", os.symlink, "target", new)
    refused(here, "link", os.link, here / "file", new)
    refused(here, "mkfifo", os.mkfifo, new)
    refused(here, "mknod", os.mknod, new, stat.S_IFREG | 0o600)


def check_removing(here: Place) -> None:
    """unlink and rmdir are refused.

    Clauses: session.readonly-refuses
    """
    refused(here, "unlink", os.unlink, here / "file")
    refused(here, "unlink of a link", os.unlink, here / "link")
    refused(here, "rmdir", os.rmdir, here / "empty")


def check_renaming(here: Place) -> None:
    """rename is refused, within a directory, across directories, over a name.

    Clauses: session.readonly-refuses
    """
    refused(here, "rename", os.rename, here / "file", here / "new")
    refused(here, "across", os.rename, here / "dir/inner", here / "inner")
    refused(here, "over", os.rename, here / "large", here / "file")


def check_attributes(here: Place) -> None:
    """chmod and utime are refused, through an open file as well.

    Clauses: session.readonly-refuses
    """
    refused(here, "chmod", os.chmod, here / "file", 0o600)
    refused(here, "utime", os.utime, here / "file", (1, 1))
    refused(here, "utime of a directory", os.utime, here / "dir")
    with opened(here / "file", os.O_RDONLY) as fd:
        refused(here, "fchmod", os.fchmod, fd, 0o600)


@needs("root")
def check_owner(here: Place) -> None:
    """chown is refused.

    Clauses: session.readonly-refuses
    """
    refused(here, "chown", os.chown, here / "file", 1, 1)
    refused(here, "lchown", os.lchown, here / "link", 1, 1)


@needs("xattr")
def check_extended_attributes(here: Place) -> None:
    """setxattr and removexattr are refused; reading them is not.

    Clauses: session.readonly-refuses
    """
    os.setxattr(here.backing / "large", "user.a", b"value")
    refused(here, "setxattr", os.setxattr, here / "large", "user.b", b"1")
    refused(here, "setxattr again", os.setxattr, here / "large", "user.a", b"1")
    refused(here, "removexattr", os.removexattr, here / "large", "user.a")
    equal("value", b"value", os.getxattr(here / "large", "user.a"))
