"""A full disk: errors say so, nothing that was there is lost, and room that is made can be used."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..expect import equal, needs, raises, true
from ..files import opened, pattern, read, write, write_all, write_through
from ..place import Place
from ..tapped import Written

SHORT = True
NEEDS = ("root", "disk")
KIB = 1024
MIB = 1024 * KIB
BLOCK = 4 * KIB
WRITTEN = 4 * MIB
MSIZE = 128 * KIB
"""Bytes: the most that is written at once where no msize is asked for."""
SLACK = 4 * BLOCK
"""Bytes that the file system may need for itself."""
ROOM = 378 * BLOCK
"""Bytes: the last write that has room has much of it, whatever the msize.  Where a kernel goes on
from a wrong place it takes as many turns as what had room goes into the rest.
"""

PROBE = 64
"""Bytes that tell where in the file they belong."""


@contextmanager
def full(here: Place, room: int = 0) -> Iterator[None]:
    """Fill the disk behind the server but for so many bytes."""
    path = here.backing / "filler"
    with opened(path, os.O_WRONLY | os.O_CREAT) as fd:
        try:
            at, size = 0, 1 << 34
            while size >= BLOCK:
                try:
                    os.posix_fallocate(fd, at, size)
                except OSError as failure:
                    equal("how the disk gets full", errno.ENOSPC, failure.errno)
                    size //= 2
                else:
                    at += size
            os.ftruncate(fd, max(at - room, 0))
            yield
        finally:
            os.ftruncate(fd, 0)
            os.unlink(path)


def write_to_the_end(file: Path, data: bytes) -> None:
    """Write a file, and have it on the disk."""
    with opened(file, os.O_WRONLY | os.O_CREAT) as fd:
        write_all(fd, data)
        os.fsync(fd)


def too_much(file: Path, data: bytes) -> None:
    """Write a file that has no room, and expect to be told."""
    raises(errno.ENOSPC, "4 MiB where 1.5 MiB have room", write_to_the_end, file, data)


def as_much_as_had_room(here: Place, size: int) -> None:
    """Expect what had room to be there, but for one message: a server may refuse that whole.

    ext4 refuses all 4 MiB at once, from Linux 6.18 on.
    """
    least = 0 if here.is_control else ROOM - (here.msize or MSIZE) - SLACK
    true(f"{size} bytes are {least} to {ROOM + SLACK}", least <= size <= ROOM + SLACK)


def check_write(here: Place) -> None:
    """Writing more than there is room for is ENOSPC, at the latest at the fsync.

    Clauses: write.count-true
    """
    write(here / "before", pattern(10_000))
    data = pattern(WRITTEN)
    with full(here, room=ROOM):
        too_much(here / "large", data)
        true("what was there before is whole", read(here / "before") == pattern(10_000))
    as_much_as_had_room(here, os.stat(here.backing / "large").st_size)
    os.unlink(here / "large")
    write_to_the_end(here / "large", data)
    true("with room the whole file is written", read(here.backing / "large") == data)


@needs("socket")
def check_in_its_place(here: Place) -> None:
    """What is written before the disk is full is the beginning of it, and nothing else.

    A write that was made in part goes on where that ended.

    Clauses: write.count-true
    """
    data = pattern(WRITTEN)
    with full(here, room=ROOM), here.tapped() as tapped:
        answers = tapped.written(partial(too_much, tapped.dir / "large", data))
        there = read(here.backing / "large")
    as_much_as_had_room(here, len(there))
    if not here.is_control:
        true("the file is what the server says it wrote", there == made_of(data, answers))
    wrong = next((at for at, (a, b) in enumerate(zip(data, there, strict=False)) if a != b), None)
    if wrong is not None:
        found = data.find(there[wrong : wrong + PROBE])
        equal(f"what the client wrote to {wrong} belongs at", wrong, found)


def made_of(data: bytes, answers: Iterable[Written]) -> bytes:
    """Return the file that a server makes of data which a client sends it in parts."""
    file = bytearray()
    for answer in answers:
        start, end = data.find(answer.head), answer.offset + answer.count
        true(f"the Twrite at {answer.offset} has a part of the file", start >= 0)
        file += bytes(max(answer.offset - len(file), 0))
        file[answer.offset : end] = data[start : start + answer.count]
    return bytes(file)


def check_names(here: Place) -> None:
    """A directory that has no room is ENOSPC and is not there; renaming goes on."""
    write_through(here / "a", b"content")
    with full(here):
        raises(errno.ENOSPC, "mkdir", os.mkdir, here / "dir")
        equal("names", ["a", "filler"], sorted(os.listdir(here.dir)))
        os.rename(here / "a", here / "b")
        equal("content of the renamed file", b"content", read(here / "b"))
    os.mkdir(here / "dir")
    equal("names", ["b", "dir"], sorted(os.listdir(here.dir)))


@needs("coherent")
def check_room_is_made(here: Place) -> None:
    """The room of a file that is removed can be used at once; with cache=loose it may be kept open.

    Clauses: unlink.name-gone
    """
    write_through(here / "file", bytes(BLOCK))
    with full(here):
        os.unlink(here / "file")
        os.mkdir(here / "dir")


def check_statfs(here: Place) -> None:
    """The full disk is seen as full.

    Clauses: statfs.figures-agree
    """
    before = os.statvfs(here.dir).f_bfree
    with full(here):
        equal("free blocks", os.statvfs(here.backing).f_bfree, os.statvfs(here.dir).f_bfree)
        true("fewer than before", os.statvfs(here.dir).f_bfree < before)
