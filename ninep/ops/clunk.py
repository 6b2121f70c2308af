"""clunk(5), remove(5): give a fid up."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ninep.constants import QidType, XattrFlag
from ninep.errors import Violation
from ninep.fids import XATTR_WRITE, Fid
from ninep.messages import Rclunk, Rremove, Tclunk, Tremove
from ninep.session import Session

DIR = int(QidType.DIR)
REPLACE = int(XattrFlag.REPLACE)


def free(session: Session, number: int) -> Fid:
    """Take a fid out of use, and release the locks that were set through it.

    Clauses: lock.released-on-clunk
    """
    fid = session.fids.free(number)
    session.service.locks.release_fid(fid.node.identity, fid)
    return fid


async def tclunk(session: Session, t: Tclunk) -> Rclunk:
    """Free `fid`; if it carries an extended attribute, set that now; if its file was opened with
    ORCLOSE, remove it.  What was lost of its data and nobody has told it, it is told.

    Clauses: clunk.always-frees, xattr.commit-at-clunk, open.remove-on-close
    Errors:  EBADF; of a setxattr: EEXIST, ENODATA, EINVAL (incomplete), ENOSPC, EOPNOTSUPP, …;
             of data that were lost: EIO, ENOSPC, EDQUOT
    Source:  clunk(5)
    """
    fid = free(session, t.fid)
    if fid.state is XATTR_WRITE:
        await commit(fid)
    if fid.removes:
        await remove_all([fid])
    if fid.file:
        await fid.file.clunk()
    return Rclunk()


async def remove_all(fids: Iterable[Fid]) -> None:
    """Remove the files that go with their fids; that one is gone or must stay is nobody's error.

    Clauses: open.remove-on-close
    Source:  clunk(5)
    """
    for fid in fids:
        with suppress(OSError):
            await remove(fid)


async def remove(fid: Fid) -> None:
    """Remove the file of a fid.

    Clauses: remove.not-root, remove.same-file, attach.moved-out
    """
    node = fid.node
    if node is fid.root:
        raise Violation("remove.not-root")
    await fid.held().node.parent.unlink(node.name, bool(node.qid.type & DIR), only=node)


async def commit(fid: Fid) -> None:
    """Set or remove the extended attribute that was sent through `fid`.

    Clauses: xattr.commit-at-clunk, xattr.commit-complete, xattr.empty-replace-removes
    """
    xattr = fid.xattr
    assert xattr
    if len(xattr.value) != xattr.size:
        raise Violation("xattr.commit-complete", f"{len(xattr.value)} of {xattr.size} bytes")
    if xattr.size == 0 and xattr.flags == REPLACE:
        await fid.node.removexattr(xattr.name)
    else:
        await fid.node.setxattr(xattr.name, bytes(xattr.value), xattr.flags)


async def tremove(session: Session, t: Tremove) -> Rremove:
    """Remove the file of `fid` and free `fid`, whether that works or not.

    Clauses: remove.always-frees, remove.not-root, remove.same-file, fid.is-file, attach.moved-out
    Errors:  EACCES, ENOTEMPTY, EBUSY, ENOENT, EROFS
    Source:  remove(5)
    """
    fid = free(session, t.fid)
    if fid.xattr:
        raise Violation("fid.is-file")
    await remove(fid)
    return Rremove()
