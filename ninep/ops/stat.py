"""stat(5): attributes of files and of file systems; `wstat.py` has Twstat."""

from __future__ import annotations

from ninep import perm, users
from ninep.backend import Node
from ninep.constants import (
    NONUNAME,
    NSEC_MAX,
    OFFSET_MAX,
    GetattrMask,
    QidType,
    SetattrValid,
    StMode,
)
from ninep.errors import Violation
from ninep.fids import RDWR, WRITE
from ninep.messages import (
    Qid,
    Rgetattr,
    Rsetattr,
    Rstat,
    Rstatfs,
    Stat,
    Tgetattr,
    Tsetattr,
    Tstat,
    Tstatfs,
)
from ninep.session import Session

SECONDS_MAX = 1 << 62
"""Times further from 1970 than this many seconds are nonsense."""
KNOWN = sum(SetattrValid)
SET_ID = int(StMode.ISUID | StMode.ISGID)
OWNERS = int(SetattrValid.UID | SetattrValid.GID)
SIZE, MODE = int(SetattrValid.SIZE), int(SetattrValid.MODE)
BEFORE_SIZE = int(SetattrValid.UID | SetattrValid.GID | SetattrValid.MODE)
BASIC = int(GetattrMask.BASIC)
DEVICES = {int(StMode.IFCHR): b"c", int(StMode.IFBLK): b"b"}
FORMAT = int(StMode.IFMT)
SECOND_MAX = 0xFFFFFFFE
"""The largest time that a stat record can have: all ones mean something else."""
NAMELESS = b"/"
ATIME_GIVEN = SetattrValid.ATIME | SetattrValid.ATIME_SET
MTIME_GIVEN = SetattrValid.MTIME | SetattrValid.MTIME_SET


async def tstat(session: Session, t: Tstat) -> Rstat:
    """Return the attributes of the file of `fid`, open or not, unlinked or not.

    Clauses: stat.any-fid
    Source:  stat(5)
    """
    fid = session.fids.legal(t.fid, "getattr")
    return Rstat(await record(session, fid.node, fid.root))


async def record(session: Session, node: Node, root: Node) -> Stat:
    """Return the stat record of a file in the tree below `root`.

    Clauses: stat.name-last, stat.qid-agrees, stat.length-directory, stat.kernel-fields-zero,
             stat.numeric-owners
    """
    st, known = await node.getattr(BASIC), session.rules.perm
    mode = perm.word(st.mode, await perm.marks(node), known)
    return Stat(
        0,
        0,
        Qid(mode >> perm.QID_SHIFT, st.qid.version, st.qid.path),
        mode,
        seconds(st.atime_sec),
        seconds(st.mtime_sec),
        0 if st.qid.type & QidType.DIR else st.size,
        NAMELESS if node is root else node.name,
        users.user_name(st.uid),
        users.group_name(st.gid),
        b"",
        await extension(node, st),
        st.uid,
        st.gid,
    )


async def extension(node: Node, st: Rgetattr) -> bytes:
    """Say what a symbolic link or device leads to, and how many names another file has.

    Clauses: stat.extension-text
    Source:  LNX fs/9p/vfs_inode.c
    """
    if st.qid.type & QidType.SYMLINK:
        return await node.readlink()
    if kind := DEVICES.get(st.mode & FORMAT):
        return b"%s %d %d" % (kind, *device(st.rdev))
    return b"HARDLINKCOUNT %d" % st.nlink


def device(rdev: int) -> tuple[int, int]:
    """Return major and minor number of a device."""
    return rdev >> 8 & 0xFFF, rdev & 0xFF | rdev >> 12 & 0xFFF00


def seconds(time: int) -> int:
    """Return a time as a stat record can have it; what lies before 1970 is 1970."""
    return 0 if time >> 63 else min(time, SECOND_MAX)


async def tgetattr(session: Session, t: Tgetattr) -> Rgetattr:
    """Return the attributes of the file of `fid`, open or not, unlinked or not.

    Clauses: getattr.any-fid, getattr.basic-complete, getattr.after-unlink
    Source:  Linux include/net/9p/9p.h
    """
    return await session.fids.legal(t.fid, "getattr").node.getattr(t.request_mask)


async def tsetattr(session: Session, t: Tsetattr) -> Rsetattr:
    """Change the attributes that `valid` names: owner, mode, size, times, in this order.

    Clauses: setattr.valid-only, setattr.fixed-order, setattr.size-open-fid,
             create.set-id-privilege, attach.moved-out
    Errors:  EPERM, EACCES, EROFS, EISDIR, EFBIG, EINVAL
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "getattr").held()
    check_values(t)
    if t.valid & MODE and t.mode & SET_ID:
        had = (await fid.node.getattr(BASIC)).mode
        session.service.policy.check_mode(t.mode, had & ~SET_ID if t.valid & OWNERS else had)
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
