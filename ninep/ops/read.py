"""read(5): transfer data from and to an open fid."""

from __future__ import annotations

from ninep.constants import IOHDRSZ, OFFSET_MAX, DirentType
from ninep.errors import Violation
from ninep.fids import Fid, Xattr
from ninep.listing import Listing
from ninep.messages import (
    Buffer,
    Rfsync,
    Rread,
    Rreaddir,
    Rwrite,
    Tfsync,
    Tread,
    Treaddir,
    Twrite,
)
from ninep.session import Session

DIR = int(DirentType.DIR)


async def tread(session: Session, t: Tread) -> Rread:
    """Read up to `count` bytes at `offset`; of an open directory, whole stat records.

    Clauses: read.fid-readable, read.offset-range, read.count-clamped, read.past-end
    Errors:  EBADF, EISDIR, EINVAL, EIO
    Source:  read(5)
    """
    fid = session.fids.legal(t.fid, "read")
    if t.offset > OFFSET_MAX:
        raise Violation("read.offset-range", f"offset {t.offset}")
    count = min(t.count, session.msize - IOHDRSZ)
    if fid.xattr:
        return Rread(fid.xattr.value[t.offset : t.offset + count])
    if fid.records:
        return Rread(await fid.records.read(t.offset, count))
    assert fid.file
    return Rread(await fid.file.read(t.offset, count))


async def twrite(session: Session, t: Twrite) -> Rwrite:
    """Write `data` at `offset`.

    Clauses: write.fid-writable, write.offset-range, write.end-range, write.zero-bytes
    Errors:  EBADF, EISDIR, EINVAL, EFBIG, ENOSPC, EDQUOT, EIO
    Source:  read(5)
    """
    fid = session.fids.legal(t.fid, "write")
    if t.offset > OFFSET_MAX:
        raise Violation("write.offset-range", f"offset {t.offset}")
    if t.offset + len(t.data) > OFFSET_MAX:
        raise Violation("write.end-range", f"offset {t.offset}, {len(t.data)} bytes")
    if fid.xattr:
        return Rwrite(append(fid.xattr, t.offset, t.data))
    assert fid.file
    return Rwrite(await fid.file.write(t.offset, t.data) if t.data else 0)


def append(xattr: Xattr, offset: int, data: Buffer) -> int:
    """Take the next part of the value of an extended attribute.

    Clauses: xattr.write-sequential
    """
    if offset != len(xattr.value) or offset + len(data) > xattr.size:
        detail = f"{len(data)} bytes at {offset}: has {len(xattr.value)} of {xattr.size}"
        raise Violation("xattr.write-sequential", detail)
    xattr.value = bytes(xattr.value) + bytes(data)
    return len(data)


async def treaddir(session: Session, t: Treaddir) -> Rreaddir:
    """Return whole entries after the cookie `offset`.

    Clauses: readdir.fid-open, readdir.not-directory, readdir.whole-entries,
             readdir.count-too-small, readdir.listings-limit
    Source:  Linux include/net/9p/9p.h; chaos/diod: protocol.md
    """
    fid = session.fids.legal(t.fid, "readdir")
    listing = fid.listing = fid.listing or open_listing(session, fid)
    data = listing.read(t.offset, min(t.count, session.msize - IOHDRSZ))
    session.service.listings.was_read(listing)
    if data is None:
        raise Violation("readdir.count-too-small", f"count {t.count}")
    return Rreaddir(data)


def open_listing(session: Session, fid: Fid) -> Listing:
    """Return the listing of an open directory, with `.` and `..` in front.

    Clauses: readdir.dot-entries, attach.moved-out
    """
    assert fid.file
    below = fid.node is not fid.root and fid.holds(fid.node)
    above = fid.node.parent if below else fid.node
    dots = [(fid.node.qid, DIR, b"."), (above.qid, DIR, b"..")]
    return Listing(fid.file.readdir, dots, session.codec.pack_dirent)


async def tfsync(session: Session, t: Tfsync) -> Rfsync:
    """Answer when what was written is on stable storage.

    Clauses: fsync.fid-open, fsync.short-form
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "fsync")
    assert fid.file
    await fid.file.fsync(bool(t.datasync))
    return Rfsync()
