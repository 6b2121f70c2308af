"""Extended attributes in 9P2000.L: a fid for a value, in two steps."""

from __future__ import annotations

from ninep.constants import NAME_MAX, XATTR_SIZE_MAX, XattrFlag
from ninep.errors import Violation
from ninep.fids import XATTR_READ, XATTR_WRITE, Fid, Xattr
from ninep.messages import Rxattrcreate, Rxattrwalk, Txattrcreate, Txattrwalk
from ninep.session import Session

REPLACE = int(XattrFlag.REPLACE)
FLAGS = (0, int(XattrFlag.CREATE), int(XattrFlag.REPLACE))


def check_name(name: bytes) -> bytes:
    """Return `name` if it can be that of an extended attribute.

    Clauses: xattr.name-range, xattr.name-no-nul
    """
    if b"\0" in name:
        raise Violation("xattr.name-no-nul", repr(name[:NAME_MAX]))
    if len(name) > NAME_MAX:
        raise Violation("xattr.name-range", repr(name[:NAME_MAX]))
    return name


async def txattrwalk(session: Session, t: Txattrwalk) -> Rxattrwalk:
    """Let `newfid` read the value of attribute `name`, or the list of names if that is empty.

    Clauses: xattr.walk-newfid-unused, xattr.list-with-empty-name, xattr.pending-limit
    Errors:  ENODATA, EOPNOTSUPP
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "getattr")
    session.fids.require_free(t.newfid)
    if check_name(t.name):
        value = await fid.node.getxattr(t.name)
    else:
        value = await fid.node.listxattr()
    attribute = session.fids.take(Xattr(t.name, value, len(value)), session.service.limits.xattrs)
    session.fids.bind(
        t.newfid, Fid(fid.node, fid.root, fid.uid, XATTR_READ, xattr=attribute)
    )  # fmt: skip
    return Rxattrwalk(len(value))


async def txattrcreate(session: Session, t: Txattrcreate) -> Rxattrcreate:
    """Let `fid` itself take a value of `attr_size` bytes, to be set when it is clunked.

    Clauses: xattr.create-fid-unopened, xattr.size-maximum, xattr.known-flags,
             xattr.pending-limit, xattr.privileged-name, session.readonly-refuses,
             attach.moved-out
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "xattrcreate").held()
    if not check_name(t.name):
        raise Violation("xattr.name-range", "an empty name")
    if t.attr_size > XATTR_SIZE_MAX:
        raise Violation("xattr.size-maximum", f"{t.attr_size} bytes")
    if t.flags not in FLAGS:
        raise Violation("xattr.known-flags", f"flags {t.flags:#x}")
    if fid.node.readonly:
        raise Violation("session.readonly-refuses")
    if t.attr_size or t.flags != REPLACE:  # which removes it
        session.service.policy.check_attribute(t.name)
    announced = Xattr(t.name, b"", t.attr_size, t.flags)
    fid.xattr = session.fids.take(announced, session.service.limits.xattrs)
    fid.state = XATTR_WRITE
    return Rxattrcreate()
