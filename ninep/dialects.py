"""What the server does in another way from dialect to dialect: data that ops look at.

The messages and their fields differ by the codec; here is what differs beside these.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from ninep.constants import ERRMAX, OpenMode, Perm
from ninep.errors import EIO, NUMBERS
from ninep.messages import Rerror, Rlerror, RMessage
from ninep.spec import spec

BYTE = 0xFF
"""What fits into the mode of Topen and Tcreate."""
ENAMES: dict[int, bytes] = {}
"""How an errno is worded, so that Linux knows it again.

Clauses: error.known-text
"""
for _text, _name in spec().errstrs.items():
    ENAMES.setdefault(NUMBERS[_name], _text.encode())


def rlerror(number: int) -> RMessage:
    """Report an errno by its number.

    Clauses: error.rlerror-in-L
    """
    return Rlerror(number)


def rerror(number: int) -> RMessage:
    """Report an errno by a text alone; one that has none is told as EIO.

    Clauses: error.rerror-text, error.known-text, error.short-text
    """
    return Rerror(ENAMES.get(number, ENAMES[EIO]))


def rerror_with_number(number: int) -> RMessage:
    """Report an errno by text and number.

    Clauses: error.rerror-text, error.short-text, error.number-agrees
    """
    text = ENAMES.get(number) or os.strerror(number).encode()[: ERRMAX - 2]
    return Rerror(text, number)


def bits(group: str, dialect: str) -> int:
    """Return all bits of a group of flags that a dialect knows."""
    known = (c for c in spec().groups[group].values if not c.dialects or dialect in c.dialects)
    return reduce(or_, (c.value for c in known))


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server does in one dialect."""

    error: Callable[[int], RMessage]
    """Makes the reply that reports an errno."""
    perm: int = 0
    """Bits of `Perm` that it has; 0: it has no such word, and no marks in a qid."""
    mode: int = 0
    """Bits of `OpenMode` that it has."""
    inherited: bool = False
    """Whether a new file has no permissions that its directory has not.

    Clauses: create.permission-inherited
    """
    replaces: bool = False
    """Whether a new name may be one that another file has, which is then replaced.

    Clauses: stat.wstat-name-taken, stat.wstat-name-replaces
    """
    fixed: frozenset[str] = frozenset()
    """Fields of a stat record that a client cannot change.

    Clauses: stat.wstat-fixed-fields
    """


NEVER = frozenset({"type", "dev", "qid"})
RULES = {
    "9P2000": Rules(
        error=rerror,
        perm=bits("Perm", "9P2000"),
        mode=bits("OpenMode", "9P2000") & BYTE,
        inherited=True,
        fixed=NEVER | {"uid", "atime", "muid"},
    ),
    "9P2000.u": Rules(
        error=rerror_with_number,
        perm=bits("Perm", "9P2000.u"),
        mode=bits("OpenMode", "9P2000.u") & BYTE,
        replaces=True,
        fixed=NEVER | {"extension"},
    ),
    "9P2000.L": Rules(error=rlerror),
}
"""Dialects whose every T-message has an op."""

ACCESS = {
    int(OpenMode.READ): 0, int(OpenMode.WRITE): 1, int(OpenMode.RDWR): 2, int(OpenMode.EXEC): 0,
}  # fmt: skip
SETTABLE = ~int(Perm.MOUNT | Perm.AUTH)
"""Bits of `Perm` that are not Plan 9's own business."""
