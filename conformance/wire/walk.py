"""walk(5): descend a tree."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NOFID

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error, shown
from ..check.verdict import Broken

A, B, NEW = 10, 11, 12
"""Fids."""
BAD_NAMES = {"names.not-empty": b"", "names.no-slash": b"a/b", "names.no-nul": b"a\0b"}


def rwalk(p: Peer, clause: str, t: m.Twalk) -> tuple[m.Qid, ...]:
    """Walk, which must give at least one qid; return them."""
    r = p.rpc(t)
    if not isinstance(r, m.Rwalk):
        raise Broken(clause, "Rwalk", shown(r))
    p.true("walk.full-binds", len(r.wqid) <= len(t.wname), "no more qids than names", r)
    return r.wqid


@case("walk/clone", "walk.no-names-clones")
def clone(p: Peer) -> None:
    """A walk without names makes a second fid for the same file."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.equal("walk.no-names-clones", (), rwalk(p, "walk.no-names-clones", m.Twalk(A, B, ())), "the qids")
    p.equal("walk.no-names-clones", p.stat(A), p.stat(B), "attributes through the clone")
    p.clunk(A)
    p.must("walk.no-names-clones", p.speech.stat(B))


@case("walk/all-names", "walk.full-binds", "getattr.path-identity")
def all_names(p: Peer) -> None:
    """A walk of three names gives three qids, and newfid is the last of them."""
    p.mkdir(b"a")
    p.mkdir(b"b", b"a")
    p.make(b"c", b"abc", b"a", b"b")
    wqid = rwalk(p, "walk.full-binds", m.Twalk(DIR, A, (b"a", b"b", b"c")))
    p.equal("walk.full-binds", 3, len(wqid), "the number of qids")
    steps = [p.walk(DIR, 20 + n, *path)[-1] for n, path in enumerate([(b"a",), (b"a", b"b")])]
    p.equal("getattr.path-identity", [q.path for q in steps], [q.path for q in wqid[:2]], "paths")
    p.equal("walk.full-binds", 3, p.stat(A).size, "the size of the file that newfid stands for")
    p.equal("getattr.path-identity", wqid[-1].path, p.stat(A).qid.path, "its qid.path")


@case("walk/unopened-result", "walk.full-binds")
def unopened_result(p: Peer) -> None:
    """The fid that a walk makes is not open."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.refuses("read.fid-readable", m.Tread(A, 0, 3))
    p.must("walk.full-binds", p.speech.open(A, "r"))


@case("walk/same-fid-moves", "walk.full-binds")
def same_fid_moves(p: Peer) -> None:
    """With newfid equal to fid the fid itself moves."""
    p.make(b"file", b"abc")
    p.walk(DIR, A)
    p.walk(A, A, b"file")
    p.equal("walk.full-binds", 3, p.stat(A).size, "the size of the file that the fid stands for")


@case("walk/newfid-in-use", "walk.newfid-unused", "fid.in-use")
def newfid_in_use(p: Peer) -> None:
    """A newfid that another fid uses is refused, and both stay as they were."""
    p.make(b"a", b"a")
    p.make(b"b", b"bb")
    p.walk(DIR, A, b"a")
    p.walk(DIR, B, b"b")
    p.refuses("walk.newfid-unused", m.Twalk(DIR, B, (b"a",)), control=m.Twalk(DIR, NEW, (b"a",)))
    p.refuses("walk.newfid-unused", m.Twalk(A, B, ()))
    p.equal("fid.in-use", 2, p.stat(B).size, "the size of the file that newfid stands for")
    p.equal("fid.in-use", 1, p.stat(A).size, "the size of the file that fid stands for")


@case("walk/newfid-nofid", "fid.never-nofid")
def newfid_nofid(p: Peer) -> None:
    """NOFID is made by no walk."""
    p.refuses("fid.never-nofid", m.Twalk(DIR, NOFID, ()), control=m.Twalk(DIR, A, ()))


@case("walk/missing-first-name", "walk.missing-name", "walk.first-name")
def missing_first_name(p: Peer) -> None:
    """A first name that is missing is ENOENT, and newfid is not made."""
    p.make(b"there")
    p.refuses("walk.missing-name", m.Twalk(DIR, A, (b"missing",)), m.Twalk(DIR, B, (b"there",)))
    p.must("walk.first-name", m.Twalk(DIR, A, (b"there",)), m.Rwalk)


@case("walk/missing-first-name-same-fid", "walk.first-name")
def missing_first_name_same_fid(p: Peer) -> None:
    """After a failed walk with newfid equal to fid, the fid is where it was."""
    p.make(b"there")
    p.walk(DIR, A)
    p.refuses("walk.missing-name", m.Twalk(A, A, (b"missing",)))
    p.must("walk.first-name", m.Twalk(A, B, (b"there",)), m.Rwalk)


@case("walk/partial", "walk.partial-result", each=(1, 2, 15))
def partial(p: Peer, good: int) -> None:
    """A later name that is missing: a qid for each name before it, and no newfid."""
    path: list[bytes] = []
    for n in range(good):
        p.mkdir(b"d%d" % n, *path)
        path.append(b"d%d" % n)
    wqid = rwalk(p, "walk.partial-result", m.Twalk(DIR, A, (*path, b"missing")))
    p.equal("walk.partial-result", good, len(wqid), "the number of qids")
    p.refuses("walk.partial-result", p.speech.stat(A), control=p.speech.stat(DIR))
    p.must("walk.partial-result", m.Twalk(DIR, A, tuple(path)), m.Rwalk)
    p.equal("walk.partial-result", wqid[-1].path, p.stat(A).qid.path, "the last qid's path")


@case("walk/partial-same-fid", "walk.partial-result")
def partial_same_fid(p: Peer) -> None:
    """With newfid equal to fid a partial walk leaves the fid where it was."""
    p.mkdir(b"d")
    p.walk(DIR, A)
    before = p.stat(A).qid.path
    wqid = rwalk(p, "walk.partial-result", m.Twalk(A, A, (b"d", b"missing")))
    p.equal("walk.partial-result", 1, len(wqid), "the number of qids")
    p.equal("walk.partial-result", before, p.stat(A).qid.path, "qid.path of the fid")


@case("walk/through-a-file", "walk.directory-only")
def through_a_file(p: Peer) -> None:
    """A name is not looked up in a file: an error at first, the end of the walk later."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.refuses("walk.directory-only", m.Twalk(A, B, (b"x",)), control=m.Twalk(DIR, NEW, (b"file",)))
    wqid = rwalk(p, "walk.partial-result", m.Twalk(DIR, B, (b"file", b"x")))
    p.equal("walk.partial-result", 1, len(wqid), "the number of qids")


@case("walk/dotdot", "walk.dotdot-in-tree")
def dotdot(p: Peer) -> None:
    """The name .. leads to the parent directory."""
    p.mkdir(b"d")
    p.make(b"file")
    p.walk(DIR, A, b"d")
    wqid = rwalk(p, "walk.dotdot-in-tree", m.Twalk(A, B, (b"..", b"file")))
    p.equal("walk.dotdot-in-tree", 2, len(wqid), "the number of qids")
    p.equal("walk.dotdot-in-tree", p.stat(DIR).qid.path, wqid[0].path, "qid.path of ..")


@case("walk/dotdot-at-root", "walk.dotdot-at-root", start=Start.ATTACHED, each=(1, 16))
def dotdot_at_root(p: Peer, times: int) -> None:
    """At the root .. leads to the root itself, however often, and counts as found."""
    wqid = rwalk(p, "walk.dotdot-at-root", m.Twalk(ROOT, A, (b"..",) * times))
    p.equal("walk.dotdot-at-root", times, len(wqid), "the number of qids")
    paths = {q.path for q in wqid}
    p.equal("walk.dotdot-at-root", {p.stat(ROOT).qid.path}, paths, "qid.path of each ..")


@case("walk/dot", "walk.single-dot")
def dot(p: Peer) -> None:
    """The name . is not walked."""
    p.refuses("walk.single-dot", m.Twalk(DIR, A, (b".",)), control=m.Twalk(DIR, B, ()))


@case("walk/bad-name", "names.not-empty", "names.no-slash", "names.no-nul", each=BAD_NAMES.items())
def bad_name(p: Peer, item: tuple[str, bytes]) -> None:
    """A name that is none is refused, though what it seems to lead to is there."""
    clause, name = item
    p.mkdir(b"a")
    p.make(b"b", b"", b"a")
    p.refuses(clause, m.Twalk(DIR, A, (name,)), control=m.Twalk(DIR, B, (b"a", b"b")))


@case("walk/sixteen-names", "frame.count-limit", "walk.full-binds")
def sixteen_names(p: Peer) -> None:
    """A walk of 16 names works, one of 17 is refused."""
    path: list[bytes] = []
    for n in range(17):
        p.mkdir(b"d%d" % n, *path[:16])
        path.append(b"d%d" % n)
        if n == 15:
            break
    wqid = rwalk(p, "walk.full-binds", m.Twalk(DIR, A, tuple(path)))
    p.equal("walk.full-binds", 16, len(wqid), "the number of qids")
    names = b"".join(len(name).to_bytes(2, "little") + name for name in (*path, b"x"))
    body = b"\x11\0" + names
    p.refuses_bytes("frame.count-limit", p.raw(m.Twalk.code, 77, (DIR, B), body))


@case("walk/from-open-fid", "walk.from-open-fid")
def from_open_fid(p: Peer) -> None:
    """A walk may start from an open fid, and what it makes is not open."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.must("walk.from-open-fid", m.Twalk(A, B, ()), m.Rwalk)
    p.refuses("read.fid-readable", m.Tread(B, 0, 3), control=m.Tread(A, 0, 3))
    p.must("walk.from-open-fid", p.speech.open(B, "rw"))


@case("walk/open-fid-onto-itself", "walk.open-fid")
def open_fid_onto_itself(p: Peer) -> None:
    """An open fid is not moved by a walk onto itself, and stays open."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.refuses("walk.open-fid", m.Twalk(A, A, ()), control=m.Twalk(DIR, B, (b"file",)))
    p.equal("walk.open-fid", b"abc", p.read(A), "what the fid reads")


@case("walk/to-symlink", "walk.symlink-unfollowed", "walk.directory-only", needs=["symlink"])
def to_symlink(p: Peer) -> None:
    """A walk ends at a symbolic link, not behind it, and does not go through one."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.ok(m.Tsymlink(DIR, b"link", b"d", 0xFFFFFFFF))
    wqid = p.walk(DIR, A, b"link")
    p.equal("walk.symlink-unfollowed", 0x02, wqid[0].type, "qid.type of the link")
    r = p.rpc(m.Twalk(A, B, (b"file",)))
    p.true("walk.directory-only", is_error(r), "an error for a name below a link", r)
