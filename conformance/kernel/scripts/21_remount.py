"""Unmount and mount again: everything is still there, and the server serves on."""

from __future__ import annotations

import os

from ..expect import equal, needs
from ..files import manifest, opened, pattern, same_manifest, write, write_all
from ..place import Place


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
