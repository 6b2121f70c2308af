"""The file system's own numbers."""

from __future__ import annotations

import os

from ..expect import equal, true
from ..files import opened, write
from ..place import Place

SHORT = True


def check_plausible(here: Place) -> None:
    """Block size, blocks and free blocks are plausible.

    Clauses: statfs.bsize-nonzero
    """
    info = os.statvfs(here.dir)
    true(f"a block size above 0, got {info.f_bsize}", info.f_bsize > 0)
    true(f"blocks above 0, got {info.f_blocks}", info.f_blocks > 0)
    true(f"free {info.f_bfree} at most all {info.f_blocks}", info.f_bfree <= info.f_blocks)
    true(f"available {info.f_bavail} at most free {info.f_bfree}", info.f_bavail <= info.f_bfree)


def check_name_max(here: Place) -> None:
    """Names may have 255 bytes."""
    equal("f_namemax", 255, os.statvfs(here.dir).f_namemax)


def check_same_as_server(here: Place) -> None:
    """Size and number of files are those of the file system behind the server.

    A server may count in blocks of another size, and round.
    """
    mine, theirs = os.statvfs(here.dir), os.statvfs(here.backing)
    sizes = [side.f_blocks * side.f_frsize for side in (theirs, mine)]
    block = max(theirs.f_frsize, mine.f_frsize)
    true(f"{sizes[1]} bytes are {sizes[0]}, to a block", abs(sizes[0] - sizes[1]) < block)
    equal("files", theirs.f_files, mine.f_files)


def check_of_file(here: Place) -> None:
    """statfs of a file and of an open file are those of its directory.

    Clauses: statfs.any-fid
    """
    write(here / "file")
    wanted = os.statvfs(here.dir).f_blocks
    equal("of the file", wanted, os.statvfs(here / "file").f_blocks)
    with opened(here / "file", os.O_RDONLY) as fd:
        equal("of the open file", wanted, os.fstatvfs(fd).f_blocks)
