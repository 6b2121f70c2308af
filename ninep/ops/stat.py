"""stat(5) in 9P2000.L: attributes of files and of file systems."""

from __future__ import annotations

from ninep.constants import NONUNAME, NSEC_MAX, OFFSET_MAX, SetattrValid
from ninep.errors import Violation
from ninep.fids import RDWR, WRITE
from ninep.messages import Rgetattr, Rsetattr, Rstatfs, Tgetattr, Tsetattr, Tstatfs
from ninep.session import Session

SECONDS_MAX = 1 << 62
"""Times further from 1970 than this many seconds are nonsense."""
KNOWN = sum(SetattrValid)
SIZE = int(SetattrValid.SIZE)
BEFORE_SIZE = int(SetattrValid.UID | SetattrValid.GID | SetattrValid.MODE)
ATIME_GIVEN = SetattrValid.ATIME | SetattrValid.ATIME_SET
MTIME_GIVEN = SetattrValid.MTIME | SetattrValid.MTIME_SET


async def tgetattr(session: Session, t: Tgetattr) -> Rgetattr:
    """Return the attributes of the file of `fid`, open or not, unlinked or not.

    Clauses: getattr.any-fid, getattr.basic-complete, getattr.after-unlink
    Source:  Linux include/net/9p/9p.h
    """
    return await session.fids.legal(t.fid, "getattr").node.getattr(t.request_mask)


async def tsetattr(session: Session, t: Tsetattr) -> Rsetattr:
    """Change the attributes that `valid` names: owner, mode, size, times, in this order.

    Clauses: setattr.valid-only, setattr.fixed-order, setattr.size-open-fid, attach.moved-out
    Errors:  EPERM, EACCES, EROFS, EISDIR, EFBIG, EINVAL
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "getattr").held()
    check_values(t)
    if t.valid & SIZE and fid.file and fid.state in {WRITE, RDWR}:
        later, t.valid = t.valid & ~(BEFORE_SIZE | SIZE), t.valid & BEFORE_SIZE
        await fid.node.setattr(t)
        await fid.file.truncate(t.size)
        t.valid = later
    await fid.node.setattr(t)
    return Rsetattr()


def check_values(t: Tsetattr) -> None:
    """Refuse what no file can have.

    Clauses: setattr.known-bits, setattr.owner-range, setattr.size-range, setattr.time-range,
             setattr.set-alone
    """
    if t.valid & ~KNOWN:
        raise Violation("setattr.known-bits", f"valid {t.valid:#x}")
    for bit, owner in ((SetattrValid.UID, t.uid), (SetattrValid.GID, t.gid)):
        if t.valid & bit.value and owner == NONUNAME:
            raise Violation("setattr.owner-range", f"{bit.name} {owner:#x}")
    if t.valid & SIZE and t.size > OFFSET_MAX:
        raise Violation("setattr.size-range", f"size {t.size}")
    times = (
        (ATIME_GIVEN, t.atime_sec, t.atime_nsec),
        (MTIME_GIVEN, t.mtime_sec, t.mtime_nsec),
    )
    for bits, sec, nsec in times:
        far = min(sec, (1 << 64) - sec) >= SECONDS_MAX
        if t.valid & bits == bits and (far or nsec > NSEC_MAX):
            raise Violation("setattr.time-range", f"{bits.name} {sec} s {nsec} ns")


async def tstatfs(session: Session, t: Tstatfs) -> Rstatfs:
    """Return the figures of the file system that holds the file of `fid`.

    Clauses: statfs.any-fid
    Source:  Linux include/net/9p/9p.h
    """
    return await session.fids.legal(t.fid, "getattr").node.statfs()
