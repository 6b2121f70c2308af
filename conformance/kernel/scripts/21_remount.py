"""Unmount and mount again: everything is still there, and the server serves on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from ..expect import equal, needs, raises
from ..files import manifest, opened, pattern, read, same_manifest, write, write_all
from ..place import Place

SHORT = True


@needs("coherent")
def check_everything_is_still_there(here: Place) -> None:
    """Content, modes, times, links and names survive.

    Clauses: session.end-releases
    """
    (here / "dir").mkdir(mode=0o750)
    write(here / "dir/file", pattern(100_000))
    os.link(here / "dir/file", here / "hard")
    (here / "soft").symlink_to("dir/file")
    write(here.raw(b"\xff\n"), b"odd name")
    os.utime(here / "dir/file", ns=(1, 1_234_567_890_123_456_789))
    before = manifest(here.dir)
    here.remount()
    same_manifest("after the remount", before, manifest(here.dir))


def check_written_just_before(here: Place) -> None:
    """What was written right before the unmount is there, synchronised or not."""
    write(here / "file", b"not synchronised")
    here.remount()
    with opened(here / "file", os.O_RDWR) as fd:
        equal("content", b"not synchronised", os.read(fd, 100))
        write_all(fd, b" and more")
    here.remount()
    equal("size", 25, os.stat(here / "file").st_size)


@needs("xattr")
def check_attributes_are_still_there(here: Place) -> None:
    """Extended attributes survive."""
    write(here / "file")
    os.setxattr(here / "file", "user.a", b"kept")
    here.remount()
    equal("value", b"kept", os.getxattr(here / "file", "user.a"))


def check_many_remounts(here: Place) -> None:
    """Ten mounts in a row work, each sees what the one before wrote.

    Clauses: session.end-releases
    """
    for number in range(10):
        write(here / f"file{number}")
        here.remount()
        equal("names", number + 1, len(os.listdir(here.dir)))


@needs("root")
def check_made_read_only(here: Place) -> None:
    """Remounted read-only the mount refuses every change and reads on; an open writer is EBUSY."""
    with here.mounted() as (at, _):
        write(at / "file", b"content")
        how = "remount,bind" if here.is_control else "remount"
        with opened(at / "file", os.O_RDWR):
            raises(errno.EBUSY, "with a file open for writing", again, at, f"{how},ro")
        again(at, f"{how},ro")
        try:
            for what, call in CHANGES.items():
                raises(errno.EROFS, what, call, at)
            equal("content", b"content", read(at / "file"))
        finally:
            again(at, f"{how},rw")
        write(at / "file", b"written again")
        equal("content", b"written again", read(at / "file"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "create": lambda at: os.open(at / "new", os.O_CREAT | os.O_WRONLY),
    "open to write": lambda at: os.open(at / "file", os.O_WRONLY),
    "mkdir": lambda at: os.mkdir(at / "dir"),
    "unlink": lambda at: os.unlink(at / "file"),
    "rename": lambda at: os.rename(at / "file", at / "moved"),
    "chmod": lambda at: os.chmod(at / "file", 0o600),
    "truncate": lambda at: os.truncate(at / "file", 0),
    "symlink": lambda at: os.symlink("file", at / "link"),
}


def again(at: Path, options: str) -> None:
    """Mount what a path is on with other options.  Errors: OSError"""
    target = next(path for path in (at, *at.parents) if os.path.ismount(path))
    command = ["mount", "-i", "-o", options, str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        busy = "busy" in done.stderr
        raise OSError(errno.EBUSY if busy else errno.EIO, done.stderr.strip())
