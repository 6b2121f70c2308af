"""open(5), Tcreate: make a file of any kind and open it, if it is of a kind that is opened."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from ninep import perm
from ninep.backend import File, Node
from ninep.constants import ACCMODE, IOHDRSZ, GetattrMask, LopenFlag, Perm, QidType, StMode
from ninep.dialects import ACCESS, SETTABLE
from ninep.errors import Violation
from ninep.fids import Fid
from ninep.messages import Rcreate, Tcreate
from ninep.names import check_new
from ninep.ops.names import same_tree
from ninep.ops.open import APPEND, CHANGES, check_removable, open_flags, opened
from ninep.session import Session

R = TypeVar("R")
DIR, IFDIR = int(QidType.DIR), int(StMode.IFDIR)
EXCL = int(LopenFlag.CREATE | LopenFlag.EXCL)
OWN = int(GetattrMask.GID | GetattrMask.MODE)
INHERITED = {int(Perm.DIR): 0o777, 0: 0o666}
"""Permissions that a new directory, or file, does not have unless its directory has them."""
FID = re.compile(rb"(\d{1,10})\n?")
"""Linux ends the number with a newline."""
DEVICE = re.compile(rb"([bc]) (\d{1,9}) (\d{1,9})")
DEVICES = {b"b": int(StMode.IFBLK), b"c": int(StMode.IFCHR)}


@dataclass(frozen=True, slots=True)
class New:
    """What a Tcreate asks for."""

    session: Session
    fid: Fid
    """That of the directory, still."""
    name: bytes
    flags: int
    """`LopenFlag` word to open it with."""
    mode: int
    """Low bits of its st_mode."""
    gid: int
    extension: bytes

    @property
    def where(self) -> Node:
        """The directory."""
        return self.fid.node


Made = tuple[Node, File | None]


async def tcreate(session: Session, t: Tcreate) -> Rcreate:
    """Create `name` in the directory of `fid`; `fid` becomes the new file, open.

    A symbolic link, device, FIFO, socket or further name is made and not opened.

    Clauses: create.fid-unopened, create.fid-becomes-file, create.name-new, create.directory-bit,
             create.failure-leaves-fid, create.set-id-privilege, open.append-only,
             open.iounit-bound, attach.moved-out
    Errors:  EEXIST, ENOTDIR, ENOENT, EACCES, EISDIR, ENAMETOOLONG, ENOSPC, EOPNOTSUPP, EROFS
    Source:  open(5), RFC 9p2000.u.xml
    """
    fid = session.fids.legal(t.fid, "create").held()
    name = check_new(t.name, dots="create.dot-names")
    flags, kind = open_flags(session, t.mode), check_perm(session, t)
    if t.perm & Perm.APPEND:
        flags |= APPEND
    check_removable(fid, t.mode)
    st = await fid.node.getattr(OWN)
    mode = permissions(session, t.perm, st.mode)
    session.service.policy.check_mode(mode, IFDIR if kind == Perm.DIR else 0)
    new = New(session, fid, name, flags, mode, st.gid, t.extension)
    node, file = await MAKERS[kind](new)
    became = Fid(node, fid.root, fid.uid)
    if file is not None:
        await mark(new, became, t.perm & perm.MARKS)
        opened(session, became, file, t.mode)
    session.fids.bind(t.fid, became)
    iounit = session.msize - IOHDRSZ if file else 0
    return Rcreate(await perm.qid(node, session.rules.perm), iounit)


def check_perm(session: Session, t: Tcreate) -> int:
    """Return the kind of file that `perm` asks for; refuse what cannot be made.

    Clauses: create.perm-bits, open.write-directory
    """
    kind = t.perm & perm.KIND_BITS
    strange = t.perm & ~(session.rules.perm & SETTABLE)
    if strange or kind not in MAKERS or (kind and t.perm & perm.MARKS):
        raise Violation("create.perm-bits", f"perm {t.perm:#x}")
    if kind == Perm.DIR and (ACCESS[t.mode & ACCMODE] or t.mode & CHANGES):
        raise Violation("open.write-directory", f"mode {t.mode:#x}")
    return kind


def permissions(session: Session, wanted: int, above: int) -> int:
    """Return the low bits of st_mode of a new file in a directory of mode `above`.

    Clauses: create.permission-inherited
    """
    asked = perm.permissions(wanted)
    bits = INHERITED.get(wanted & perm.KIND_BITS, 0) if session.rules.inherited else 0
    return asked & (~bits | above)


async def mark(new: New, fid: Fid, marks: int) -> None:
    """Give a new file its marks, or do not leave it behind.

    Clauses: open.append-only, open.exclusive-use
    """
    if marks:
        await or_remove(new, fid.node, perm.set_marks(fid.node, marks))
    if marks & Perm.EXCL:
        new.session.service.exclusive[fid.node.identity] = fid


async def or_remove(new: New, node: Node, step: Awaitable[R]) -> R:
    """Finish a new file, or remove it, also if nobody waits for it any more.

    Clauses: create.failure-leaves-fid
    """
    try:
        return await step
    except BaseException:
        with suppress(OSError):
            await new.where.unlink(new.name, bool(node.qid.type & DIR), only=node)
        raise


async def make_file(new: New) -> Made:
    """Make a regular file, and open it whatever its permissions."""
    return await new.where.create(new.name, new.flags | EXCL, new.mode, new.gid, new.fid.uid)


async def make_directory(new: New) -> Made:
    """Make a directory and open it for reading."""
    node = await new.where.mkdir(new.name, new.mode, new.gid, new.fid.uid)
    return node, await or_remove(new, node, node.open(0))


async def make_symlink(new: New) -> Made:
    """Make a symbolic link to what the extension says."""
    if not new.extension or b"\0" in new.extension:
        raise Violation("create.special-extension", repr(new.extension[:256]))
    return await new.where.symlink(new.name, new.extension, new.gid, new.fid.uid), None


async def make_link(new: New) -> Made:
    """Give the file of the fid in the extension a further name.

    Clauses: create.special-extension, link.same-tree, attach.moved-out
    """
    (number,) = read(FID, new.extension)
    target = new.session.fids.legal(int(number), "walk").held().node
    same_tree(new.where, target)
    await new.where.link(new.name, target)
    return await new.where.walk(new.name), None


async def make_device(new: New) -> Made:
    """Make the device that the extension describes.

    Clauses: create.special-extension, create.device-privilege
    """
    letter, major, minor = read(DEVICE, new.extension)
    kind = DEVICES[letter]
    new.session.service.policy.check_kind(kind)
    return await make_node(new, kind, int(major), int(minor))


async def make_fifo(new: New) -> Made:
    """Make a FIFO."""
    return await make_node(new, int(StMode.IFIFO))


async def make_socket(new: New) -> Made:
    """Make a socket."""
    return await make_node(new, int(StMode.IFSOCK))


async def make_node(new: New, kind: int, major: int = 0, minor: int = 0) -> Made:
    """Make a special file."""
    mode = kind | new.mode
    return await new.where.mknod(new.name, mode, major, minor, new.gid, new.fid.uid), None


def read(form: re.Pattern[bytes], extension: bytes) -> tuple[bytes, ...]:
    """Take an extension apart.

    Clauses: create.special-extension
    """
    found = form.fullmatch(extension)
    if found is None:
        raise Violation("create.special-extension", repr(extension[:256]))
    return found.groups()


MAKERS: dict[int, Callable[[New], Awaitable[Made]]] = {
    0: make_file,
    int(Perm.DIR): make_directory,
    int(Perm.SYMLINK): make_symlink,
    int(Perm.LINK): make_link,
    int(Perm.DEVICE): make_device,
    int(Perm.NAMEDPIPE): make_fifo,
    int(Perm.SOCKET): make_socket,
}
"""How to make a file of a kind, by the bit of `Perm` that stands for it."""
