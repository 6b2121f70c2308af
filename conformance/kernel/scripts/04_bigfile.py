"""Sparse files with offsets that do not fit 32 bits."""

from __future__ import annotations

import errno
import os

from ..expect import equal, needs, raises, true
from ..files import opened
from ..place import Place

SHORT = True
READ_WRITE = os.O_RDWR | os.O_CREAT
FOUR = 1 << 32
TERA = 1 << 40
BLOCK = 512
"""Bytes in one unit of st_blocks."""


def check_around_2_gib(here: Place) -> None:
    """Data across the border at 2 GiB is read back."""
    with opened(here / "file", READ_WRITE) as fd:
        os.pwrite(fd, b"0123456789", (1 << 31) - 5)
        equal("across the border", b"3456", os.pread(fd, 4, (1 << 31) - 2))


def check_around_4_gib(here: Place) -> None:
    """Data across the border at 4 GiB is read back, and offset 0 is not touched.

    Clauses: write.past-end, read.offset-range
    """
    with opened(here / "file", READ_WRITE) as fd:
        os.pwrite(fd, b"0123456789", FOUR - 5)
        equal("size", FOUR + 5, os.fstat(fd).st_size)
        equal("across the border", b"3456", os.pread(fd, 4, FOUR - 2))
        equal("offset 0", bytes(5), os.pread(fd, 5, 0))


def check_one_tebibyte(here: Place) -> None:
    """A write at 1 TiB is read back and gives that size.

    Clauses: write.past-end
    """
    with opened(here / "file", READ_WRITE) as fd:
        os.pwrite(fd, b"far", TERA)
        equal("size", TERA + 3, os.fstat(fd).st_size)
        equal("data", b"far", os.pread(fd, 10, TERA))


@needs("coherent")
def check_holes_use_no_blocks(here: Place) -> None:
    """A file that is nearly all hole uses few blocks."""
    with opened(here / "file", READ_WRITE) as fd:
        os.pwrite(fd, b"far", TERA)
    used = os.stat(here / "file").st_blocks * BLOCK
    true(f"less than 1 MiB in use, got {used}", used < 1 << 20)


def check_truncate_beyond_4_gib(here: Place) -> None:
    """truncate takes a size above 4 GiB, and cuts it again.

    Clauses: setattr.size-bit
    """
    with opened(here / "file", READ_WRITE) as fd:
        os.ftruncate(fd, 6 * (1 << 30) + 1)
        equal("size", 6 * (1 << 30) + 1, os.fstat(fd).st_size)
        equal("the last byte", b"\0", os.pread(fd, 9, 6 * (1 << 30)))
        os.ftruncate(fd, 5)
        equal("size after cutting", 5, os.fstat(fd).st_size)


def check_append_beyond_4_gib(here: Place) -> None:
    """O_APPEND appends behind 4 GiB.

    Clauses: open.append-flag
    """
    with opened(here / "file", READ_WRITE) as fd:
        os.ftruncate(fd, FOUR + 10)
    with opened(here / "file", os.O_RDWR | os.O_APPEND) as fd:
        os.write(fd, b"tail")
        equal("the tail", b"tail", os.pread(fd, 10, FOUR + 10))


def check_negative_offset(here: Place) -> None:
    """A negative offset or size is EINVAL."""
    with opened(here / "file", READ_WRITE) as fd:
        raises(errno.EINVAL, "lseek", os.lseek, fd, -1, os.SEEK_SET)
        raises(errno.EINVAL, "ftruncate", os.ftruncate, fd, -1)
