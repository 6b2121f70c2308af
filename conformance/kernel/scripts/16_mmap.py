"""Mapping files to read them; without a cache the client refuses shared writing."""

from __future__ import annotations

import errno
import mmap
import os

from ..expect import equal, raises, true
from ..files import opened, pattern, write
from ..place import Place

SHORT = True
SIZE = 300_000
UNCACHED = ("none", "readahead")
REFUSAL = (errno.EINVAL, errno.ENODEV)
"""Linux up to 6.2 and from 6.6 answers EINVAL, in between ENODEV."""
NO_SHARED = ((6, 3), (6, 6))
"""Releases (from, to) that refuse shared mappings for reading as well."""


def check_private_mapping(here: Place) -> None:
    """A private mapping shows the file's content."""
    data = pattern(SIZE)
    write(here / "file", data)
    with (
        opened(here / "file", os.O_RDONLY) as fd,
        mmap.mmap(fd, SIZE, mmap.MAP_PRIVATE, mmap.PROT_READ) as view,
    ):
        true("the content is equal", view[:] == data)


def check_private_writing(here: Place) -> None:
    """Writing into a private mapping does not reach the file."""
    write(here / "file", b"content")
    with opened(here / "file", os.O_RDONLY) as fd:
        with mmap.mmap(fd, 7, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as view:
            view[:3] = b"XXX"
        equal("content", b"content", os.pread(fd, 10, 0))


def check_part_of_a_file(here: Place) -> None:
    """A mapping may begin on any page of the file."""
    data = pattern(SIZE)
    write(here / "file", data)
    start, size = 3 * mmap.PAGESIZE, 1000
    with (
        opened(here / "file", os.O_RDONLY) as fd,
        mmap.mmap(fd, size, mmap.MAP_PRIVATE, mmap.PROT_READ, offset=start) as view,
    ):
        equal("content", data[start : start + size], view[:])


def check_shared_reading(here: Place) -> None:
    """A shared mapping for reading shows the content, or is refused where Linux does that."""
    data = pattern(SIZE)
    write(here / "file", data)
    with opened(here / "file", os.O_RDONLY) as fd:
        first, last = NO_SHARED
        if not here.is_control and here.cache in UNCACHED and first < here.kernel < last:
            raises(REFUSAL, "mmap", mmap.mmap, fd, SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
            return
        with mmap.mmap(fd, SIZE, mmap.MAP_SHARED, mmap.PROT_READ) as view:
            true("the content is equal", view[:] == data)


def check_shared_writing(here: Place) -> None:
    """A shared mapping for writing is refused by a mount without a cache: EINVAL or ENODEV."""
    write(here / "file", b"content")
    with opened(here / "file", os.O_RDWR) as fd:
        if not here.is_control and here.cache in UNCACHED:
            raises(REFUSAL, "mmap", mmap.mmap, fd, 7)
            return
        with mmap.mmap(fd, 7) as view:
            view[:3] = b"XXX"
            view.flush()
        equal("content", b"XXXtent", os.pread(fd, 10, 0))
