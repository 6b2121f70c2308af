"""Directory entries in 9P2000.L: make, remove, rename, link.

All of them leave the fids they name as they are; a fid follows its file to a new name.
"""

from __future__ import annotations

import errno
import os

from ninep.backend import Node
from ninep.constants import PERM_MASK, StMode, UnlinkFlag
from ninep.errors import Violation
from ninep.messages import (
    Rlink,
    Rmkdir,
    Rmknod,
    Rreadlink,
    Rrename,
    Rrenameat,
    Rsymlink,
    Runlinkat,
    Tlink,
    Tmkdir,
    Tmknod,
    Treadlink,
    Trename,
    Trenameat,
    Tsymlink,
    Tunlinkat,
)
from ninep.names import check_new
from ninep.session import Session

REMOVEDIR = int(UnlinkFlag.REMOVEDIR)
PATH_MAX = 4095
"""Longest text of a symbolic link in bytes."""
TYPE = 0o170000
DEVICES = frozenset({int(StMode.IFCHR), int(StMode.IFBLK)})


async def treadlink(session: Session, t: Treadlink) -> Rreadlink:
    """Return the text of a symbolic link.

    Clauses: readlink.symlink-only
    """
    return Rreadlink(await session.fids.legal(t.fid, "getattr").node.readlink())


async def tsymlink(session: Session, t: Tsymlink) -> Rsymlink:
    """Make a symbolic link; its text is stored as given and never resolved here.

    Clauses: create.dot-names, link.symlink-text, attach.moved-out
    """
    fid = session.fids.legal(t.dfid, "walk").held()
    name = check_new(t.name, dots="create.dot-names")
    if b"\0" in t.symtgt:
        raise Violation("link.symlink-nul")
    if not t.symtgt:
        raise Violation("link.symlink-empty")
    if len(t.symtgt) > PATH_MAX:
        raise Violation("link.symlink-too-long", f"{len(t.symtgt)} bytes")
    return Rsymlink((await fid.node.symlink(name, t.symtgt, t.gid, fid.uid)).qid)


async def tmknod(session: Session, t: Tmknod) -> Rmknod:
    """Make a FIFO, socket, device or regular file.

    Clauses: create.dot-names, create.mknod-type, create.device-privilege,
             create.set-id-privilege, session.readonly-refuses, attach.moved-out
    """
    fid = session.fids.legal(t.dfid, "walk").held()
    name = check_new(t.name, dots="create.dot-names")
    if fid.node.readonly:
        raise Violation("session.readonly-refuses")
    mode = t.mode & (TYPE | PERM_MASK)
    session.service.policy.check_kind(mode)
    session.service.policy.check_mode(mode)
    node = await fid.node.mknod(name, mode, t.major, t.minor, t.gid, fid.uid)
    return Rmknod(node.qid)


async def tmkdir(session: Session, t: Tmkdir) -> Rmkdir:
    """Make a directory.

    Clauses: create.dot-names, create.mode-masked, attach.moved-out
    """
    fid = session.fids.legal(t.dfid, "walk").held()
    name = check_new(t.name, dots="create.dot-names")
    return Rmkdir((await fid.node.mkdir(name, t.mode & PERM_MASK, t.gid, fid.uid)).qid)


async def tlink(session: Session, t: Tlink) -> Rlink:
    """Give the file of `fid` a further name.

    Clauses: create.dot-names, link.same-tree, link.no-directory, link.named-target,
             attach.moved-out
    """
    directory = session.fids.legal(t.dfid, "walk").held().node
    target = session.fids.legal(t.fid, "walk").held().node
    name = check_new(t.name, dots="create.dot-names")
    same_tree(directory, target)
    await directory.link(name, target)
    return Rlink()


async def trename(session: Session, t: Trename) -> Rrename:
    """Rename the file of `fid` into the directory `dfid`.

    Clauses: rename.dot-names, rename.not-root, rename.same-file, rename.fids-follow,
             attach.moved-out
    """
    fid = session.fids.legal(t.fid, "walk").held()
    newdir = session.fids.legal(t.dfid, "walk").held().node
    name = check_new(t.name, dots="rename.dot-names")
    if fid.node is fid.root:
        raise Violation("rename.not-root")
    same_tree(fid.node, newdir)
    await fid.node.parent.rename(fid.node.name, newdir, name, only=fid.node)
    return Rrename()


async def trenameat(session: Session, t: Trenameat) -> Rrenameat:
    """Rename `oldname` in one directory to `newname` in another.

    Clauses: rename.dot-names, rename.fids-follow, attach.moved-out
    """
    olddir = session.fids.legal(t.olddirfid, "walk").held().node
    newdir = session.fids.legal(t.newdirfid, "walk").held().node
    oldname = check_new(t.oldname, dots="rename.dot-names")
    newname = check_new(t.newname, dots="rename.dot-names")
    same_tree(olddir, newdir)
    await olddir.rename(oldname, newdir, newname)
    return Rrenameat()


async def tunlinkat(session: Session, t: Tunlinkat) -> Runlinkat:
    """Remove a name from a directory; with REMOVEDIR, an empty directory.

    Clauses: unlink.known-flags, unlink.dot-names, unlink.directory-flag, attach.moved-out
    """
    directory = session.fids.legal(t.dirfid, "walk").held().node
    name = check_new(t.name, dots="unlink.dot-names")
    if t.flags & ~REMOVEDIR:
        raise Violation("unlink.known-flags", f"flags {t.flags:#x}")
    await directory.unlink(name, bool(t.flags & REMOVEDIR))
    return Runlinkat()


def same_tree(one: Node, other: Node) -> None:
    """Refuse what would lead from one export into another.

    Clauses: link.same-tree
    """
    if one.tree is not other.tree:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
