"""stat(5), Twstat: change the attributes of a file, all that are asked for or none.

Everything is checked before anything is changed.  What then fails all the same, because the file
system has the last word, is undone.  Two things cannot be undone: a file that has been replaced by
another name's is gone, and a file that has been cut short; that comes last.
"""

from __future__ import annotations

import errno
from contextlib import AsyncExitStack, suppress

from ninep import perm
from ninep.constants import NONUNAME, GetattrMask, Perm, QidType, SetattrValid
from ninep.dialects import SETTABLE
from ninep.errors import Violation
from ninep.fids import RDWR, WRITE, Fid
from ninep.messages import Qid, Rgetattr, Rwstat, Stat, Tsetattr, Twstat
from ninep.names import check_new
from ninep.ops.stat import record
from ninep.session import Session
from ninep.users import group_number, user_number

ONES16, ONES32, ONES64 = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
UNTOUCHED = Stat(
    ONES16, ONES32, Qid(0xFF, ONES32, ONES64), ONES32, ONES32, ONES32, ONES64, b"", b"", b"", b""
)
"""A record that leaves everything as it is.

Clauses: stat.wstat-dont-touch
"""
DIR = int(QidType.DIR)
BASIC = int(GetattrMask.BASIC)
V = SetattrValid
OWNER, SIZE = int(V.UID | V.GID), int(V.SIZE)
ATIME, MTIME = int(V.ATIME | V.ATIME_SET), int(V.MTIME | V.MTIME_SET)
TIMES = ATIME | MTIME
NOT_SYNCED = frozenset({errno.ELOOP, errno.EOPNOTSUPP, errno.ENOENT})
"""What an open says of a file that has nothing of its own to be put on stable storage."""


async def twstat(session: Session, t: Twstat) -> Rwstat:
    """Change what the record touches; one that touches nothing asks for stable storage.

    Clauses: stat.wstat-atomic, stat.wstat-all-syncs, stat.wstat-open-fid,
             session.readonly-refuses, attach.moved-out
    Errors:  EPERM, EACCES, EEXIST, EINVAL, EISDIR, EROFS, ENOSPC, EIO
    Source:  stat(5), RFC 9p2000.u.xml
    """
    fid = session.fids.legal(t.fid, "getattr")
    touched = set(differing(t.stat, UNTOUCHED))
    if not touched:
        await sync(fid)
        return Rwstat()
    if fid.held().node.readonly:
        raise Violation("session.readonly-refuses")
    now = await record(session, fid.node, fid.root)
    check_fixed(session, touched.intersection(differing(t.stat, now)))
    await change(session, fid, touched, t.stat, now)
    return Rwstat()


def differing(one: Stat, other: Stat) -> list[str]:
    """Return the names of the fields in which two records differ."""
    return [name for name, a, b in zip(Stat._fields, one, other, strict=True) if a != b]


async def sync(fid: Fid) -> None:
    """Return when the file is on stable storage.

    Clauses: stat.wstat-all-syncs
    """
    file = fid.file
    if file is None:
        try:
            file = await fid.node.open(0)
        except OSError as exc:
            if exc.errno in NOT_SYNCED:
                return
            raise
    await file.fsync(False)  # noqa: FBT003  the Protocol's signature


def check_fixed(session: Session, changed: set[str]) -> None:
    """Refuse to change what a client cannot.

    Clauses: stat.wstat-fixed-fields
    """
    if changed & session.rules.fixed:
        names = ", ".join(sorted(changed & session.rules.fixed))
        raise Violation("stat.wstat-fixed-fields", names)


async def change(session: Session, fid: Fid, touched: set[str], wanted: Stat, now: Stat) -> None:
    """Check all, then make all changes; undo them if one fails.

    Clauses: stat.wstat-atomic, stat.wstat-name, stat.wstat-name-taken, stat.wstat-name-replaces,
             create.set-id-privilege
    """
    node, old = fid.node, await fid.node.getattr(BASIC)
    t = attributes(session, touched, wanted, old)
    marks = check_mode(session, node.qid, wanted, now) if "mode" in touched else None
    if t.valid & V.MODE:
        had = old.mode & ~perm.SPECIAL_MODE if t.valid & OWNER else old.mode
        session.service.policy.check_mode(t.mode, had)
    name = check_name(fid, wanted.name) if "name" in touched else node.name
    size = check_length(node.qid, wanted.length) if "length" in touched else None
    async with AsyncExitStack() as undo:
        undo.push_async_callback(restore, fid, t.valid, old)
        await node.setattr(t)
        if marks is not None:
            undo.push_async_callback(remark, fid, now.mode & perm.MARKS)
            await perm.set_marks(node, marks)
        if name != node.name:
            undo.push_async_callback(rename_back, fid, node.name)
            replace = session.rules.replaces
            await node.parent.rename(node.name, node.parent, name, only=node, replace=replace)
        if size is not None:
            await truncate(fid, size)
        undo.pop_all()
    if size is not None and t.valid & TIMES:
        t.valid &= TIMES
        await node.setattr(t)


def attributes(session: Session, touched: set[str], wanted: Stat, old: Rgetattr) -> Tsetattr:
    """Return the Tsetattr that says the same of owner, mode and times.

    Clauses: stat.wstat-mode, stat.wstat-times
    """
    uid = owner(wanted.n_uid, wanted.uid, user_number(wanted.uid))
    gid = owner(wanted.n_gid, wanted.gid, group_number(wanted.gid))
    kept = old.mode & ~perm.permissions(session.rules.perm) & perm.SPECIAL_MODE
    valid = sum(
        bits
        for bits, given in (
            (int(V.UID), uid != NONUNAME),
            (int(V.GID), gid != NONUNAME),
            (int(V.MODE), "mode" in touched),
            (ATIME, "atime" in touched),
            (MTIME, "mtime" in touched),
        )
        if given
    )
    mode = perm.permissions(wanted.mode) | kept
    return Tsetattr(0, valid, mode, uid, gid, 0, wanted.atime, 0, wanted.mtime, 0)


def owner(number: int, name: bytes, known: int | None) -> int:
    """Return the number of a new owner or group, given by number or name; NONUNAME if neither is.

    Clauses: stat.wstat-group
    """
    if number != NONUNAME or not name:
        return number
    if known is None:
        raise Violation("stat.wstat-group", repr(name[:256]))
    return known


def check_mode(session: Session, qid: Qid, wanted: Stat, now: Stat) -> int:
    """Return the marks that a new mode asks for; refuse one that the file cannot have.

    Clauses: stat.wstat-directory-bit, create.perm-bits
    """
    if (wanted.mode ^ now.mode) & Perm.DIR:
        raise Violation("stat.wstat-directory-bit", f"mode {wanted.mode:#x}")
    marks = wanted.mode & perm.MARKS
    if wanted.mode & ~(session.rules.perm & SETTABLE) or (marks and qid.type & perm.NOT_REGULAR):
        raise Violation("create.perm-bits", f"mode {wanted.mode:#x}")
    return marks


def check_name(fid: Fid, name: bytes) -> bytes:
    """Return a new name, if the file can have it.

    Clauses: stat.wstat-root-name, stat.wstat-name-plain
    """
    if fid.node is fid.root:
        raise Violation("stat.wstat-root-name")
    if b"/" in name:
        raise Violation("stat.wstat-name-plain", repr(name[:256]))
    return check_new(name, dots="stat.wstat-name-plain")


def check_length(qid: Qid, length: int) -> int | None:
    """Return a new length; None if there is nothing to be done for it.

    Clauses: stat.wstat-length
    """
    if not qid.type & DIR:
        return length
    if length:
        raise Violation("stat.wstat-length", f"length {length} of a directory")
    return None


async def truncate(fid: Fid, size: int) -> None:
    """Cut or extend the file, by the right it was opened with if it is open for writing.

    Clauses: stat.wstat-length, stat.wstat-open-fid
    """
    if fid.file and fid.state in {WRITE, RDWR}:
        await fid.file.truncate(size)
    else:
        await fid.node.setattr(Tsetattr(0, SIZE, 0, 0, 0, size, 0, 0, 0, 0))


# What undoes a step


async def restore(fid: Fid, valid: int, old: Rgetattr) -> None:
    """Give a file its attributes back; owner and the rest apart, as each may be refused."""
    times = old.atime_sec, old.atime_nsec, old.mtime_sec, old.mtime_nsec
    for part in (valid & OWNER, valid & ~OWNER):
        with suppress(OSError):
            await fid.node.setattr(Tsetattr(0, part, old.mode, old.uid, old.gid, 0, *times))


async def remark(fid: Fid, marks: int) -> None:
    """Give a file its marks back."""
    with suppress(OSError):
        await perm.set_marks(fid.node, marks)


async def rename_back(fid: Fid, name: bytes) -> None:
    """Give a file its name back, if it has lost it."""
    node = fid.node
    if node.name != name:
        with suppress(OSError):
            await node.parent.rename(node.name, node.parent, name, only=node, replace=False)
