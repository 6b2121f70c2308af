"""The mode word of 9P2000 and 9P2000.u, and what it has that a file of Unix lacks.

APPEND, EXCL and TMP (the marks of a file) are kept in an extended attribute, so that they last and
follow the file; in a tree that keeps no such attributes a file cannot be given one.
"""

from __future__ import annotations

import errno

from ninep.backend import Node
from ninep.constants import Perm, QidType, StMode
from ninep.messages import Qid

MARKS = int(Perm.APPEND | Perm.EXCL | Perm.TMP)
XATTR = b"user.ninep.perm"
"""Has the marks of a file as hexadecimal digits."""
LENGTH = 8
NONE = frozenset({errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES})
"""Errors that mean that no marks can be seen: the file has none, or its kind can have none, or the
server may not read it.
"""

FORMAT = int(StMode.IFMT)
NOT_REGULAR = int(QidType.DIR | QidType.SYMLINK)
RWX = int(Perm.RWXRWXRWX)
KINDS = {
    int(StMode.IFDIR): int(Perm.DIR),
    int(StMode.IFLNK): int(Perm.SYMLINK),
    int(StMode.IFCHR): int(Perm.DEVICE),
    int(StMode.IFBLK): int(Perm.DEVICE),
    int(StMode.IFIFO): int(Perm.NAMEDPIPE),
    int(StMode.IFSOCK): int(Perm.SOCKET),
}
"""S_IFMT of a file → its bit of `Perm`; a regular file has none."""
SPECIAL = {
    int(Perm.SETUID): int(StMode.ISUID),
    int(Perm.SETGID): int(StMode.ISGID),
    int(Perm.SETVTX): int(StMode.ISVTX),
}
ISUID, ISGID, GROUP_RUNS = int(StMode.ISUID), int(StMode.ISGID), 0o010
SPECIAL_MODE = sum(SPECIAL.values())
KIND_BITS = sum(set(KINDS.values()) | {int(Perm.LINK)})
QID_SHIFT = 24
"""The type of a qid is the top byte of the mode word."""


def word(mode: int, marks: int, known: int) -> int:
    """Return the mode word of a file with this st_mode, as far as a dialect knows its bits.

    Clauses: stat.qid-agrees
    """
    bits = mode & RWX | marks | KINDS.get(mode & FORMAT, 0)
    bits |= sum(bit for bit, st_bit in SPECIAL.items() if mode & st_bit)
    return bits & known


def permissions(perm: int) -> int:
    """Return the low bits of st_mode that a mode word asks for."""
    return perm & RWX | sum(st_bit for bit, st_bit in SPECIAL.items() if perm & bit)


def set_ids(mode: int) -> int:
    """Return the bits of an st_mode by which a file runs as its owner or its group."""
    return mode & ISUID | (mode & ISGID if mode & GROUP_RUNS else 0)


async def marks(node: Node) -> int:
    """Return the marks of a file; only a regular one has any."""
    if node.qid.type & NOT_REGULAR:
        return 0
    try:
        value = await node.getxattr(XATTR)
    except OSError as exc:
        if exc.errno in NONE:
            return 0
        raise
    return parsed(value) & MARKS


def parsed(value: bytes) -> int:
    """Return the number in an attribute; what is none means nothing."""
    try:
        return int(value[:LENGTH], 16)
    except ValueError:
        return 0


async def set_marks(node: Node, wanted: int) -> None:
    """Give a file these marks and no others.

    Errors: EOPNOTSUPP, EPERM, EROFS
    """
    if wanted == await marks(node):
        return
    if wanted:
        await node.setxattr(XATTR, b"%x" % wanted, 0)
    else:
        await node.removexattr(XATTR)


async def qid(node: Node, known: int) -> Qid:
    """Return the qid of a file with its marks, as far as a dialect knows them."""
    kind, version, path = node.qid
    return Qid((kind << QID_SHIFT | await marks(node)) >> QID_SHIFT & known >> QID_SHIFT,
               version, path)  # fmt: skip
