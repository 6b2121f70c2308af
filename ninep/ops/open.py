"""open(5): prepare a fid for I/O.  `create.py` has Tcreate."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from ninep import perm
from ninep.backend import File, Node
from ninep.constants import (
    ACCMODE,
    IOHDRSZ,
    PERM_MASK,
    GetattrMask,
    LopenFlag,
    OpenMode,
    Perm,
    QidType,
)
from ninep.dialects import ACCESS
from ninep.errors import Violation
from ninep.fids import BY_ACCESS, DIRECTORY, RECORDS, Fid
from ninep.listing import Records
from ninep.messages import Rlcreate, Rlopen, Ropen, Tlcreate, Tlopen, Topen
from ninep.names import check_new
from ninep.ops.stat import record
from ninep.session import Session

DIR = int(QidType.DIR)
ONLY_DIR = int(LopenFlag.DIRECTORY)
TRUNC = int(LopenFlag.TRUNC)
IGNORED = int(LopenFlag.CREATE | LopenFlag.EXCL)
APPEND = int(LopenFlag.APPEND)
EXEC, EXECUTABLE = int(OpenMode.EXEC), 0o111
CHANGES = int(OpenMode.TRUNC | OpenMode.RCLOSE)
FLAGS = {int(OpenMode.TRUNC): TRUNC, int(OpenMode.APPEND): APPEND}
"""Bits of the mode byte that say the same as a `LopenFlag`."""


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
             create.existing-opened, create.failure-leaves-fid, create.set-id-privilege,
             attach.moved-out
    Errors:  EEXIST, EISDIR, ENOTDIR, ENOENT, EACCES, ENAMETOOLONG, ENOSPC, EROFS
    Source:  open(5), Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "create").held()
    name = check_new(t.name, dots="create.dot-names")
    mode = access(t.flags)
    session.service.policy.check_mode(t.mode)
    flags = t.flags & ~ONLY_DIR  # else the new file would be there when its open fails
    node, file = await fid.node.create(name, flags, t.mode & PERM_MASK, t.gid, fid.uid)
    if node.qid.type & DIR:
        raise IsADirectoryError(errno.EISDIR, "a directory has this name")
    session.fids.bind(t.fid, Fid(node, fid.root, fid.uid, BY_ACCESS[mode], file))
    return Rlcreate(node.qid, session.msize - IOHDRSZ)


async def topen(session: Session, t: Topen) -> Ropen:
    """Open the file of `fid`, which becomes an open fid.

    Clauses: open.fid-unopened, open.failure-leaves-fid, open.iounit-bound, open.append-only,
             open.exclusive-use, open.remove-on-close, attach.moved-out
    Errors:  EACCES, EAGAIN, EISDIR, ELOOP, ENOENT, EOPNOTSUPP, EROFS, ETXTBSY
    Source:  open(5)
    """
    fid = session.fids.legal(t.fid, "open")
    node, flags = fid.node, open_flags(session, t.mode)
    if flags & (ACCMODE | TRUNC) or t.mode & OpenMode.RCLOSE:
        fid.held()
    check_directory(node, t.mode)
    check_removable(fid, t.mode)
    await check_executable(node, t.mode)
    marks = await perm.marks(node)
    with alone(session, fid) if marks & Perm.EXCL else nullcontext():
        file = await node.open(flags & ~TRUNC | APPEND if marks & Perm.APPEND else flags)
    opened(session, fid, file, t.mode)
    return Ropen(await perm.qid(node, session.rules.perm), session.msize - IOHDRSZ)


@contextmanager
def alone(session: Session, fid: Fid) -> Iterator[None]:
    """Let `fid` have its file for itself, from before it is opened; not if that fails.

    Clauses: open.exclusive-use
    """
    held, identity = session.service.exclusive, fid.node.identity
    if identity in held:
        raise Violation("open.exclusive-use")
    held[identity] = fid
    try:
        yield
    except BaseException:
        del held[identity]
        raise


def opened(session: Session, fid: Fid, file: File, mode: int) -> None:
    """Let `fid` be open."""
    fid.file = file
    fid.removes = bool(mode & OpenMode.RCLOSE)
    fid.state = BY_ACCESS[ACCESS[mode & ACCMODE]]
    if fid.node.qid.type & DIR:
        fid.state, fid.records = RECORDS, open_records(session, fid, file)


def open_records(session: Session, fid: Fid, file: File) -> Records:
    """Return the reading of an open directory; what cannot be looked at is left out."""
    node, root, pack_stat = fid.node, fid.root, session.codec.pack_stat

    async def pack(name: bytes) -> bytes | None:
        try:
            return pack_stat(await record(session, await node.walk(name), root))
        except OSError:
            return None

    return Records(file.readdir, pack)


def open_flags(session: Session, mode: int) -> int:
    """Return the `LopenFlag` word for a mode byte.

    Clauses: open.mode-byte
    """
    if mode & ~session.rules.mode:
        raise Violation("open.mode-byte", f"mode {mode:#x}")
    return ACCESS[mode & ACCMODE] | sum(flag for bit, flag in FLAGS.items() if mode & bit)


def check_directory(node: Node, mode: int) -> None:
    """Refuse what cannot be done with a directory.

    Clauses: open.write-directory
    """
    if node.qid.type & DIR and (ACCESS[mode & ACCMODE] or mode & CHANGES):
        raise Violation("open.write-directory", f"mode {mode:#x}")


def check_removable(fid: Fid, mode: int) -> None:
    """Refuse to promise a removal that cannot be.

    Clauses: session.readonly-open
    """
    if mode & OpenMode.RCLOSE and fid.node.readonly:
        raise Violation("session.readonly-open")


async def check_executable(node: Node, mode: int) -> None:
    """Refuse to open for execution what nobody may execute.

    Clauses: open.exec-reads
    """
    if mode & ACCMODE == EXEC:
        st = await node.getattr(GetattrMask.MODE)
        if not st.mode & EXECUTABLE:
            raise PermissionError(errno.EACCES, "not executable")
