"""Listing and removing a tree over the wire, in any dialect."""

from __future__ import annotations

from collections.abc import Iterator

from construct import ConstructError

from ninep import messages as m
from ninep.constants import IOHDRSZ

from .layout import dirents, stats
from .peer import DIR, SCRATCH, Peer
from .verdict import Unjudged

DOTS = (b".", b"..")
ENDLESS = 3_000
"""More than any listing here takes, and fewer than a server that never ends may send."""
DEEPEST = 100
"""Levels; more than any case makes."""
FIRST = 5_000
"""First of the fids that are used here, one for each level."""


def names(p: Peer, fid: int) -> list[bytes]:
    """Return the names in an open directory, `.` and `..` left out."""
    try:
        found = list(every_name(p, fid))
    except ConstructError as exc:
        raise Unjudged(f"a listing cannot be read: {exc}") from exc
    return [name for name in found if name not in DOTS]


def every_name(p: Peer, fid: int) -> Iterator[bytes]:
    """Yield the names in an open directory.  Errors: ConstructError"""
    offset, count = 0, p.msize - IOHDRSZ
    seen = set[int]()
    while len(seen) < ENDLESS and offset not in seen:
        seen.add(offset)
        if p.dialect == "9P2000.L":
            data = bytes(p.ok(m.Treaddir(fid, offset, count), m.Rreaddir).data)
            entries = dirents(p.dialect, data)
            yield from (entry.name for entry in entries)
            offset = entries[-1].offset if entries else offset
        else:
            data = p.read(fid, offset, count)
            yield from (stat.name for stat in stats(p.dialect, data))
            offset += len(data)
        if not data:
            return
    raise Unjudged(f"a listing goes on after {len(seen)} replies")


def listing(p: Peer, *below: bytes) -> list[bytes]:
    """Return the names in the case's directory, or in one `below` it, in order."""
    p.walk(DIR, SCRATCH, *below)
    p.open(SCRATCH)
    found = sorted(names(p, SCRATCH))
    p.clunk(SCRATCH)
    return found


def remove_all(p: Peer, name: bytes, level: int = 0, above: int = 0) -> None:
    """Remove a file, or a directory with all that is in it, from the directory `above`."""
    if level > DEEPEST:
        raise Unjudged(f"a tree goes on below {DEEPEST} levels")
    fid = FIRST + 2 * level
    p.walk(above, fid, name)
    if p.stat(fid).directory:
        p.walk(fid, fid + 1)
        p.open(fid + 1)
        inside = names(p, fid + 1)
        p.clunk(fid + 1)
        for entry in inside:
            remove_all(p, entry, level + 1, fid)
    p.rpc(m.Tremove(fid))
