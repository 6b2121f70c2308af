"""attach(5): who the client is, and which tree it wants."""

from __future__ import annotations

from ninep.backend import Node
from ninep.constants import NOFID, NONUNAME, QidType
from ninep.errors import Violation
from ninep.fids import Fid
from ninep.messages import Rattach, Rauth, Tattach, Tauth
from ninep.names import DOTS
from ninep.session import Session
from ninep.users import user_number

DIR = int(QidType.DIR)


async def tauth(session: Session, t: Tauth) -> Rauth:
    """Refuse: this server asks for no authentication, which the error says.

    Clauses: attach.auth-refused
    Source:  attach(5)
    """
    raise Violation("attach.auth-refused")


async def tattach(session: Session, t: Tattach) -> Rattach:
    """Bind `fid` to the root of the tree that `aname` names.

    Clauses: attach.fid-free, attach.root-qid, attach.afid-none, attach.aname-known, attach.n-uname,
             attach.user-admitted
    Source:  attach(5)
    """
    session.fids.require_free(t.fid)
    if t.afid != NOFID:
        raise Violation("attach.afid-none", f"afid {t.afid}")
    uid = user(session, t)
    root = await find_root(session, t.aname, uid)
    session.fids.bind(t.fid, Fid(root, root, uid))
    return Rattach(root.qid)


def user(session: Session, t: Tattach) -> int:
    """Return the number of the user whom this client is taken for.

    Clauses: attach.n-uname
    """
    claimed = user_number(t.uname) if t.n_uname == NONUNAME else t.n_uname
    return session.service.policy.user(claimed, session.bound)


async def find_root(session: Session, aname: bytes, uid: int) -> Node:
    """Return the directory that `aname` names to a user: "", "/", EXPORT or EXPORT/sub/dir.

    Clauses: attach.aname-known
    """
    export, *below = [b""] if aname == b"/" else aname.split(b"/")
    backend = session.service.exports.get(export)
    if backend is None or (below and not export):
        raise Violation("attach.aname-known", repr(aname[:256]))
    node = await backend.attach(uid)
    for name in below:
        if not name or name in DOTS or b"\0" in name:
            raise Violation("attach.aname-known", repr(aname[:256]))
        node = await node.walk(name)
    if not node.qid.type & DIR:
        raise Violation("attach.aname-directory", repr(aname[:256]))
    return node
