"""Names of users and groups ↔ numbers, as this host knows them.

A number without a name is named by its digits, and such a name means that number.
"""

from __future__ import annotations

import grp
import pwd
from functools import lru_cache

KNOWN = 4096
"""Numbers whose names are remembered, so that not every entry of a listing asks the host."""
LONGEST = 256
"""Longer names are nobody's."""
LOST = (KeyError, OverflowError, ValueError)
"""How the host says that it knows nobody by a name or number."""
DIGITS, END = 10, 0xFFFFFFFF


@lru_cache(KNOWN)
def user_name(uid: int) -> bytes:
    """Return the name of a user."""
    try:
        return pwd.getpwuid(uid).pw_name.encode(errors="surrogateescape")
    except LOST:
        return b"%d" % uid


@lru_cache(KNOWN)
def group_name(gid: int) -> bytes:
    """Return the name of a group."""
    try:
        return grp.getgrgid(gid).gr_name.encode(errors="surrogateescape")
    except LOST:
        return b"%d" % gid


def user_number(name: bytes) -> int | None:
    """Return the number of a user; None if nobody has the name."""
    try:
        return pwd.getpwnam(text(name)).pw_uid
    except LOST:
        return digits(name)


def group_number(name: bytes) -> int | None:
    """Return the number of a group; None if no group has the name."""
    try:
        return grp.getgrnam(text(name)).gr_gid
    except LOST:
        return digits(name)


def text(name: bytes) -> str:
    """Return a name as the host's calls take it; an error if it can be nobody's."""
    if not 0 < len(name) <= LONGEST:
        raise KeyError(name[:LONGEST])
    return name.decode(errors="surrogateescape")


def digits(name: bytes) -> int | None:
    """Return the number that a name consists of."""
    number = int(name) if name.isdigit() and len(name) <= DIGITS else END
    return number if number < END else None
