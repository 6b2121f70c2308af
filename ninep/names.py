"""Which bytes may be a name: the one gate between the wire and a file tree.

Clauses: names.not-empty, names.no-slash, names.no-nul, names.too-long
"""

from __future__ import annotations

from ninep.constants import NAME_MAX
from ninep.errors import Violation

DOTS = (b".", b"..")


def check(name: bytes) -> bytes:
    """Return `name` if it can be a path element, `.` and `..` included."""
    if not name:
        raise Violation("names.not-empty")
    if b"/" in name:
        raise Violation("names.no-slash", repr(name[:NAME_MAX]))
    if b"\0" in name:
        raise Violation("names.no-nul", repr(name[:NAME_MAX]))
    if len(name) > NAME_MAX:
        raise Violation("names.too-long", f"{len(name)} bytes")
    return name


def check_new(name: bytes, dots: str) -> bytes:
    """Return `name` if an entry may be made or removed under it; `dots` is the clause that
    `.` and `..` break.
    """
    if check(name) in DOTS:
        raise Violation(dots)
    return name
