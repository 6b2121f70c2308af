"""walk(5): descend a tree."""

from __future__ import annotations

from collections.abc import Callable

from ninep import messages as m
from ninep.constants import MAXWELEM, NOFID, NONUNAME, StMode
from ninep.messages import TMessage

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error, shown
from ..check.verdict import Broken

A, B, NEW, XATTR = 10, 11, 12, 13
"""Fids."""
L = ("9P2000.L",)
MAKES: tuple[tuple[str, Callable[[int], TMessage]], ...] = (
    ("Twalk", lambda fid: m.Twalk(fid, B, ())),
    ("Tmkdir", lambda fid: m.Tmkdir(fid, b"new", 0o755, NONUNAME)),
)
"""Requests on a fid that no server lacks."""
ON_FILES: tuple[tuple[str, Callable[[int], TMessage]], ...] = (
    ("Tsymlink", lambda fid: m.Tsymlink(fid, b"new", b"target", NONUNAME)),
    ("Tmknod", lambda fid: m.Tmknod(fid, b"new", StMode.IFIFO | 0o644, 0, 0, NONUNAME)),
    ("Tlink-dfid", lambda fid: m.Tlink(fid, A, b"new")),
    ("Tlink-fid", lambda fid: m.Tlink(DIR, fid, b"new")),
    ("Trename-fid", lambda fid: m.Trename(fid, DIR, b"new")),
    ("Trename-dfid", lambda fid: m.Trename(A, fid, b"new")),
    ("Trenameat-olddirfid", lambda fid: m.Trenameat(fid, b"file", DIR, b"new")),
    ("Trenameat-newdirfid", lambda fid: m.Trenameat(DIR, b"file", fid, b"new")),
    ("Tunlinkat", lambda fid: m.Tunlinkat(fid, b"file", 0)),
)
"""Requests on a fid that some servers lack."""
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
    wqid = p.must("walk.no-names-clones", m.Twalk(A, B, ()), m.Rwalk).wqid
    p.equal("walk.no-names-clones", (), wqid, "the qids")
    r: m.RMessage = p.must("walk.no-names-clones", p.speech.stat(B))
    p.equal("walk.no-names-clones", p.stat(A), p.speech.attributes(r), "what the clone is of")
    p.clunk(A)
    p.must("walk.no-names-clones", p.speech.stat(B))


@case("walk/clone-of-directory", "walk.no-names-clones")
def clone_of_directory(p: Peer) -> None:
    """The clone of a directory's fid can be walked from, also when the first is clunked."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.walk(DIR, A, b"d")
    p.must("walk.no-names-clones", m.Twalk(A, B, ()), m.Rwalk)
    p.clunk(A)
    p.must("walk.no-names-clones", m.Twalk(B, B, (b"file",)), m.Rwalk)
    p.equal("walk.no-names-clones", 3, p.stat(B).size, "the size of the file below the clone")


@case("walk/clone-of-symlink", "walk.no-names-clones", needs=["symlink"], dialects=L)
def clone_of_symlink(p: Peer) -> None:
    """The clone of a symbolic link's fid is the link, though it leads nowhere."""
    p.ok(m.Tsymlink(DIR, b"link", b"nowhere", NONUNAME))
    p.walk(DIR, A, b"link")
    p.must("walk.no-names-clones", m.Twalk(A, B, ()), m.Rwalk)
    p.equal("walk.no-names-clones", p.stat(A).qid, p.stat(B).qid, "the qid through the clone")


@case("walk/clone-of-fifo", "walk.no-names-clones", needs=["mknod"], dialects=L)
def clone_of_fifo(p: Peer) -> None:
    """The fid of a FIFO is walked to and cloned at once: nobody waits for the other side."""
    p.ok(m.Tmknod(DIR, b"fifo", StMode.IFIFO | 0o644, 0, 0, NONUNAME))
    p.must("walk.no-names-clones", m.Twalk(DIR, A, (b"fifo",)), m.Rwalk)
    p.must("walk.no-names-clones", m.Twalk(A, B, ()), m.Rwalk)
    p.equal("walk.no-names-clones", p.stat(A).qid, p.stat(B).qid, "the qid through the clone")


@case("walk/onto-itself", "walk.no-names-clones", "walk.newfid-unused")
def onto_itself(p: Peer) -> None:
    """A walk without names of a fid onto itself succeeds, and the fid stays what it was."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.must("walk.newfid-unused", m.Twalk(A, A, ()), m.Rwalk)
    p.equal("walk.no-names-clones", 3, p.stat(A).size, "the size of the file that the fid is of")
    p.must("walk.no-names-clones", p.speech.open(A, "r"))


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
    p.must("walk.full-binds", m.Twalk(A, A, (b"file",)), m.Rwalk)
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


@case("walk/newfid-nofid", "walk.newfid-unused", "fid.never-nofid")
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


@case("walk/removed-directory", "walk.removed-directory")
def removed_directory(p: Peer) -> None:
    """In a directory that was removed nothing is found."""
    p.mkdir(b"d")
    p.make(b"file")
    p.walk(DIR, A, b"d")
    p.walk(DIR, B, b"d")
    p.ok(m.Tremove(B))
    p.refuses("walk.removed-directory", m.Twalk(A, NEW, (b"file",)), m.Twalk(DIR, B, (b"file",)))


@case("walk/name-replaced", "walk.names-as-now")
def name_replaced(p: Peer) -> None:
    """After a file was removed and another made under its name, a walk leads to the new one."""
    p.make(b"file", b"old")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"file")
    p.ok(m.Tremove(B))
    p.make(b"file", b"newer")
    p.must("walk.names-as-now", m.Twalk(DIR, B, (b"file",)), m.Rwalk)
    p.equal("walk.names-as-now", 5, p.stat(B).size, "the size of the file under the name")


@case("walk/name-removed-elsewhere", "walk.names-as-now")
def name_removed_elsewhere(p: Peer) -> None:
    """What another connection has removed is not found, though it was found before."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    q = p.another()
    q.walk(DIR, A, b"file")
    q.ok(m.Tremove(A))
    r = p.rpc(m.Twalk(DIR, B, (b"file",)))
    p.true("walk.names-as-now", is_error(r), "an error for a name that is gone", r)


@case("walk/name-made-elsewhere", "walk.names-as-now")
def name_made_elsewhere(p: Peer) -> None:
    """What another connection has made is found, though it was missing before."""
    r = p.rpc(m.Twalk(DIR, A, (b"file",)))
    p.true("walk.missing-name", is_error(r), "an error for a missing name", r)
    p.another().make(b"file")
    p.must("walk.names-as-now", m.Twalk(DIR, A, (b"file",)), m.Rwalk)


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


@case("walk/dotdot-after-move", "walk.dotdot-in-tree", needs=["rename"], dialects=L)
def dotdot_after_move(p: Peer) -> None:
    """After a directory was moved .. leads from it to the directory it is in now."""
    for name in (b"from", b"to"):
        p.mkdir(name)
    p.mkdir(b"d", b"from")
    p.walk(DIR, A, b"from", b"d")
    (source, _), (target,) = p.walk(DIR, B, b"from", b"d"), p.walk(DIR, NEW, b"to")
    p.ok(m.Trename(B, NEW, b"d"))
    (above,) = rwalk(p, "walk.dotdot-in-tree", m.Twalk(A, A, (b"..",)))
    p.true("walk.dotdot-in-tree", above.path != source.path, "a .. that is not the old parent")
    p.equal("walk.dotdot-in-tree", target.path, above.path, "qid.path of ..")


@case("walk/dotdot-of-a-file", "walk.directory-only")
def dotdot_of_a_file(p: Peer) -> None:
    """A file has no .. in it."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.refuses("walk.directory-only", m.Twalk(A, B, (b"..",)), control=m.Twalk(DIR, NEW, (b"..",)))
    wqid = rwalk(p, "walk.partial-result", m.Twalk(DIR, B, (b"file", b"..", b"file")))
    p.equal("walk.partial-result", 1, len(wqid), "the number of qids")


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
    for n in range(MAXWELEM):
        p.mkdir(b"d%d" % n, *path)
        path.append(b"d%d" % n)
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


@case("walk/from-open-directory", "walk.from-open-fid")
def from_open_directory(p: Peer) -> None:
    """A name is found from an open directory's fid, which stays open."""
    p.make(b"file", b"abc")
    p.walk(DIR, A)
    p.open(A)
    p.must("walk.from-open-fid", m.Twalk(A, B, (b"file",)), m.Rwalk)
    p.equal("walk.from-open-fid", 3, p.stat(B).size, "the size of the file that newfid is of")
    p.must("walk.from-open-fid", m.Treaddir(A, 0, 4096), m.Rreaddir)


@case("walk/open-fid-onto-itself", "walk.open-fid")
def open_fid_onto_itself(p: Peer) -> None:
    """An open fid is not moved by a walk onto itself, and stays open."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.refuses("walk.open-fid", m.Twalk(A, A, ()), control=m.Twalk(DIR, B, (b"file",)))
    p.equal("walk.open-fid", b"abc", p.read(A), "what the fid reads")


@case("walk/open-directory-onto-itself", "walk.open-fid")
def open_directory_onto_itself(p: Peer) -> None:
    """An open directory's fid is not moved to a file in it."""
    p.make(b"file", b"abc")
    p.walk(DIR, A)
    p.open(A)
    p.refuses("walk.open-fid", m.Twalk(A, A, (b"file",)), control=m.Twalk(DIR, B, (b"file",)))
    p.true("walk.open-fid", p.stat(A).directory, "a fid that is still the directory's")


@case("walk/to-symlink", "walk.symlink-unfollowed", "walk.directory-only", needs=["symlink"])
def to_symlink(p: Peer) -> None:
    """A walk ends at a symbolic link, not behind it, and does not go through one."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.symlink(b"link", b"d")
    wqid = p.walk(DIR, A, b"link")
    p.equal("walk.symlink-unfollowed", 0x02, wqid[0].type, "qid.type of the link")
    r = p.rpc(m.Twalk(A, B, (b"file",)))
    p.true("walk.directory-only", is_error(r), "an error for a name below a link", r)


def xattr_fid(p: Peer) -> None:
    """Let `XATTR` be the list of a directory's extended attributes, and `A` a file."""
    p.mkdir(b"d")
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrwalk(DIR, XATTR, b""))


@case("walk/of-an-xattr-fid", "walk.fid-is-file", needs=["xattr"], dialects=L, each=MAKES)
def of_an_xattr_fid(p: Peer, item: tuple[str, Callable[[int], TMessage]]) -> None:
    """The fid of an extended attribute's value is no file that could be walked from."""
    xattr_fid(p)
    p.walk(DIR, NEW, b"d")
    p.ok(item[1](NEW))
    p.rpc(m.Tclunk(B))
    p.refuses("walk.fid-is-file", item[1](XATTR))
    p.true("walk.fid-is-file", not p.exists(b"new"), "nothing made")


@case("walk/names-by-an-xattr-fid", "walk.fid-is-file", dialects=L, each=ON_FILES,
      needs=["xattr", "symlink", "mknod", "link", "rename", "renameat", "unlinkat"])  # fmt: skip
def names_by_an_xattr_fid(p: Peer, item: tuple[str, Callable[[int], TMessage]]) -> None:
    """The fid of an extended attribute's value is no directory, and no file that has a name."""
    xattr_fid(p)
    p.refuses("walk.fid-is-file", item[1](XATTR))
    p.true("walk.fid-is-file", p.exists(b"file"), "the file still there")
    p.true("walk.fid-is-file", not p.exists(b"new"), "nothing made")
