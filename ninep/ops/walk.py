"""walk(5): descend a tree."""

from __future__ import annotations

from ninep import perm
from ninep.backend import Node
from ninep.constants import QidType
from ninep.errors import Violation
from ninep.fids import Fid
from ninep.messages import Rwalk, Twalk
from ninep.names import check
from ninep.session import Session

DIR = int(QidType.DIR)


async def twalk(session: Session, t: Twalk) -> Rwalk:
    """Descend `wname` from `fid`; bind the last node to `newfid`.

    Clauses: walk.newfid-unused, walk.first-name, walk.partial-result, walk.no-names-clones,
             walk.open-fid, walk.from-open-fid
    Errors:  ENOENT, ENOTDIR, EACCES, ENAMETOOLONG, EINVAL (of the first name only)
    Source:  walk(5)
    """
    start = session.fids.legal(t.fid, "walk")
    if t.newfid == t.fid and start.state.name != "BOUND":
        raise Violation("walk.open-fid")
    session.fids.require_free(t.newfid, unless=t.fid)
    path = await descend(start, t.wname)
    if len(path) == len(t.wname):
        session.fids.bind(t.newfid, start.clone(path[-1] if path else start.node))
    known = session.rules.perm
    return Rwalk(tuple([await perm.qid(n, known) if known else n.qid for n in path]))


async def descend(start: Fid, wname: tuple[bytes, ...]) -> list[Node]:
    """Return the nodes found on the way; raise only if there is not even a first one.

    Clauses: walk.first-name, walk.partial-result
    """
    path: list[Node] = []
    node = start.node
    for name in wname:
        try:
            node = await step(start, node, name)
        except OSError:
            if not path:
                raise
            break
        path.append(node)
    return path


async def step(start: Fid, node: Node, name: bytes) -> Node:
    """Return what `name` means in the directory `node`.

    Clauses: walk.directory-only, walk.single-dot, walk.dotdot-in-tree
    """
    if not node.qid.type & DIR:
        raise Violation("walk.directory-only")
    if check(name) == b".":
        raise Violation("walk.single-dot")
    return await node.walk(name) if name != b".." else parent(start, node)


def parent(fid: Fid, node: Node) -> Node:
    """Return the parent of `node` in the tree that `fid` is attached to, and never one outside.

    Clauses: walk.dotdot-in-tree, walk.dotdot-at-root, attach.moved-out
    """
    if not fid.holds(node):
        raise Violation("attach.moved-out")
    return node if node is fid.root else node.parent
