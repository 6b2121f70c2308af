"""Names: every byte that Linux allows, in every length that it allows."""

from __future__ import annotations

import errno
import os

from ..expect import equal, raises
from ..files import read, write
from ..place import Place

SHORT = True
LONGEST = 255
LONG_PATH = 3500
"""Bytes of a path below the mount point, short of PATH_MAX."""


def round_trip(here: Place, *names: bytes) -> None:
    """Make files with these names; find them in the listing and read them."""
    for name in names:
        write(here.raw(name), name)
    equal("names listed", sorted(names), sorted(os.listdir(os.fsencode(here.dir))))
    for name in names:
        equal("content", name, read(here.raw(name)))
        os.unlink(here.raw(name))
    equal("names left", [], os.listdir(here.dir))


def check_longest_name(here: Place) -> None:
    """A name of 255 bytes is possible.

    Clauses: names.raw-bytes
    """
    round_trip(here, b"x" * LONGEST, ("é" * 127).encode() + b"y")


def check_too_long_name(here: Place) -> None:
    """A name of 256 bytes is ENAMETOOLONG.

    Clauses: names.too-long
    """
    name = "x" * (LONGEST + 1)
    raises(errno.ENAMETOOLONG, "create", os.open, here / name, os.O_CREAT | os.O_WRONLY)
    raises(errno.ENAMETOOLONG, "mkdir", os.mkdir, here / name)
    raises(errno.ENAMETOOLONG, "stat", os.stat, here / name)


def check_utf8(here: Place) -> None:
    """UTF-8 names come back as they were; composed and decomposed letters differ.

    Clauses: names.raw-bytes
    """
    round_trip(here, *(name.encode() for name in ("é", "e\u0301", "日本語", "🗂", "\u200b")))


def check_not_utf8(here: Place) -> None:
    """Bytes that are no UTF-8 come back as they were.

    Clauses: names.raw-bytes
    """
    round_trip(here, b"\xff", b"\xfe\xff", b"\xc3", b"caf\xe9", b"\xed\xa0\x80", b"a\x80b")


def check_every_byte(here: Place) -> None:
    """Every byte but NUL and the slash may be in a name.

    Clauses: names.raw-bytes
    """
    letters = [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    round_trip(here, *(b"n" + b"".join(letters[at : at + 32]) for at in range(0, len(letters), 32)))


def check_blanks_and_newlines(here: Place) -> None:
    """Blanks, tabs and newlines, leading and trailing ones too.

    Clauses: names.raw-bytes
    """
    round_trip(here, b" ", b" lead", b"trail ", b"two  blanks", b"tab\t", b"line\nbreak", b"\r\n")


def check_leading_dash_and_dots(here: Place) -> None:
    """Names that look like options or like "." and "..".

    Clauses: names.raw-bytes
    """
    round_trip(here, b"-rf", b"--help", b"...", b"..a", b".hidden", b"a.", b"~", b"*")


def check_case(here: Place) -> None:
    """Names that differ in case are different.

    Clauses: names.raw-bytes
    """
    round_trip(here, b"name", b"Name", b"NAME")


def check_long_path(here: Place) -> None:
    """A path near PATH_MAX can be made and found."""
    path = here.dir
    while len(str(path)) < LONG_PATH:
        path = path / ("p" * 200)
        path.mkdir()
    write(path / "file", b"end of the way")
    equal("content", b"end of the way", read(path / "file"))


def check_other_kinds_of_names(here: Place) -> None:
    """Directories and symbolic links carry any bytes as well, targets included.

    Clauses: names.raw-bytes, link.symlink-text
    """
    os.mkdir(here.raw(b"d\xff\n"))
    os.symlink(b"d\xff\n", here.raw(b"l\xfe"))
    write(here.raw(b"l\xfe/f\x01"), b"through")
    equal("content", b"through", read(here.raw(b"d\xff\n/f\x01")))
    equal("target", b"d\xff\n", os.readlink(here.raw(b"l\xfe")))
