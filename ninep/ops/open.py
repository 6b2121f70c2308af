"""open(5): prepare a fid for I/O; create a file and open it."""

from __future__ import annotations

import errno

from ninep.constants import ACCMODE, IOHDRSZ, PERM_MASK, LopenFlag, QidType
from ninep.errors import Violation
from ninep.fids import BY_ACCESS, DIRECTORY, Fid
from ninep.messages import Rlcreate, Rlopen, Tlcreate, Tlopen
from ninep.names import check_new
from ninep.session import Session

DIR = int(QidType.DIR)
ONLY_DIR = int(LopenFlag.DIRECTORY)
TRUNC = int(LopenFlag.TRUNC)
IGNORED = int(LopenFlag.CREATE | LopenFlag.EXCL)


def access(flags: int) -> int:
    """Return the access mode of an open: 0, 1, 2 for reading, writing, both.

    Clauses: open.access-mode
    """
    if flags & ACCMODE == ACCMODE:
        raise Violation("open.access-mode", f"flags {flags:#o}")
    return flags & ACCMODE


async def tlopen(session: Session, t: Tlopen) -> Rlopen:
    """Open the file of `fid`, which becomes an open fid.

    Clauses: open.fid-unopened, open.failure-leaves-fid, open.create-ignored, open.iounit-bound,
             attach.moved-out
    Errors:  EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EROFS, ETXTBSY
    Source:  open(5), Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "open")
    mode = access(t.flags)
    if mode or t.flags & TRUNC:
        fid.held()
    fid.file = await fid.node.open(t.flags & ~IGNORED)
    fid.state = DIRECTORY if fid.node.qid.type & DIR else BY_ACCESS[mode]
    return Rlopen(fid.node.qid, session.msize - IOHDRSZ)


async def tlcreate(session: Session, t: Tlcreate) -> Rlcreate:
    """Create `name` in the directory of `fid`; `fid` becomes the new file, open.

    Clauses: create.fid-unopened, create.fid-becomes-file, create.excl-exists, create.mode-masked,
             create.existing-opened, create.failure-leaves-fid, attach.moved-out
    Errors:  EEXIST, EISDIR, ENOTDIR, ENOENT, EACCES, ENAMETOOLONG, ENOSPC, EROFS
    Source:  open(5), Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "create").held()
    name = check_new(t.name, dots="create.dot-names")
    mode = access(t.flags)
    flags = t.flags & ~ONLY_DIR  # else the new file would be there when its open fails
    node, file = await fid.node.create(name, flags, t.mode & PERM_MASK, t.gid, fid.uid)
    if node.qid.type & DIR:
        raise IsADirectoryError(errno.EISDIR, "a directory has this name")
    session.fids.bind(t.fid, Fid(node, fid.root, fid.uid, BY_ACCESS[mode], file))
    return Rlcreate(node.qid, session.msize - IOHDRSZ)
