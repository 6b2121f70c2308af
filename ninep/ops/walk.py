"""walk(5): descend a tree."""

from __future__ import annotations

import errno

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
    return Rwalk(tuple([node.qid for node in path]))


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
    return await node.walk(name) if name != b".." else parent(start.root, node)


def parent(root: Node, node: Node) -> Node:
    """Return the parent of `node` in our own tree, but never leave `root`.

    A directory may have been moved out from below `root` while a fid held it: it has no parent
    that this client may see.

    Clauses: walk.dotdot-in-tree, walk.dotdot-at-root
    """
    if node is root:
        return root
    above = node.parent
    while above is not root:
        if above is above.parent:
            raise FileNotFoundError(errno.ENOENT, "moved out of the attached tree")
        above = above.parent
    return node.parent
