"""Names of users and groups ↔ numbers, as this host knows them.

A number without a name is named by its digits, and such a name means that number.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from functools import lru_cache

KNOWN = 4096
"""Numbers whose names are remembered, so that not every entry of a listing asks the host."""
LONGEST = 256
"""Longer names are nobody's."""
LOST = (KeyError, OSError, OverflowError, ValueError)
"""How the host says that it knows nobody by a name or number, or cannot be asked."""
DIGITS, END = 10, 0xFFFFFFFF
NOBODY = 65534
"""Who acts for a client that no user of this host is."""
_users: dict[str, int] = {}
_groups: dict[str, int] = {}
_members: dict[int, Identity] = {}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the kernel of this host is to take a client for, when it comes to files."""

    uid: int
    gid: int = NOBODY
    groups: tuple[int, ...] = ()


def learn() -> None:
    """Remember who is listed, for the time when the lists can no longer be read (`sandbox`)."""
    users, groups = pwd.getpwall()[::-1], grp.getgrall()[::-1]
    _users.update((one.pw_name, one.pw_uid) for one in users)
    _groups.update((one.gr_name, one.gr_gid) for one in groups)
    belongs: dict[str, list[int]] = {}
    for group in groups:
        for name in group.gr_mem:
            belongs.setdefault(name, []).append(group.gr_gid)
    for one in users:
        also = tuple(belongs.get(one.pw_name, ()))
        _members[one.pw_uid] = Identity(one.pw_uid, one.pw_gid, also)


def identity(uid: int) -> Identity:
    """Return a user with the groups that this host knows of; a stranger is in none but nobody's.

    If one of the lists can no longer be read, they are those that were learned.
    """
    try:
        one = pwd.getpwuid(uid)
        groups = os.getgrouplist(one.pw_name, one.pw_gid)
        grp.getgrgid(one.pw_gid)
    except LOST:
        return _members.get(uid, Identity(uid, 0) if uid == 0 else Identity(uid))
    return Identity(uid, one.pw_gid, tuple(groups))


@lru_cache(KNOWN)
def user_name(uid: int) -> bytes:
    """Return the name of a user."""
    try:
        return pwd.getpwuid(uid).pw_name.encode(errors="surrogateescape")
    except LOST:
        return learned(_users, uid)


@lru_cache(KNOWN)
def group_name(gid: int) -> bytes:
    """Return the name of a group."""
    try:
        return grp.getgrgid(gid).gr_name.encode(errors="surrogateescape")
    except LOST:
        return learned(_groups, gid)


def learned(names: dict[str, int], number: int) -> bytes:
    """Return the name that was learned for a number, or its digits."""
    known = next((name for name, other in names.items() if other == number), str(number))
    return known.encode(errors="surrogateescape")


def user_number(name: bytes) -> int | None:
    """Return the number of a user; None if nobody has the name."""
    try:
        return pwd.getpwnam(text(name)).pw_uid
    except LOST:
        return _users.get(name.decode(errors="surrogateescape"), digits(name))


def group_number(name: bytes) -> int | None:
    """Return the number of a group; None if no group has the name."""
    try:
        return grp.getgrnam(text(name)).gr_gid
    except LOST:
        return _groups.get(name.decode(errors="surrogateescape"), digits(name))


def text(name: bytes) -> str:
    """Return a name as the host's calls take it; an error if it can be nobody's."""
    if not 0 < len(name) <= LONGEST:
        raise KeyError(name[:LONGEST])
    return name.decode(errors="surrogateescape")


def digits(name: bytes) -> int | None:
    """Return the number that a name consists of."""
    number = int(name) if name.isdigit() and len(name) <= DIGITS else END
    return number if number < END else None
