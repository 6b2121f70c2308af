"""attach(5): who the client is, and which tree it wants."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import (
    NOFID,
    NONUNAME,
    LopenFlag,
    QidType,
    SetattrValid,
    StMode,
)

from ..check.case import Declared, Run, Start, case
from ..check.layout import dirents
from ..check.peer import DIR, ROOT, Peer, is_error
from ..check.tree import listing

NEW, OTHER, FILE = 10, 11, 12
"""Fids."""
OUT, OUT_FILE, KEPT = 13, 14, 15
"""A directory that was moved out of the tree of `NEW`, the file in it, and one that stayed."""
LINUX = ("9P2000.L",)
UNIX = ("9P2000.u", "9P2000.L")
UNAMES = (b"", b"root", b"nobody", b"no such user", b"\xff\x01", b"x" * 255)
MISSPELT = (b".", b"..", b"/..", b"/.", b"//", b"/../..", b"\0")

MODE, TRUNC = int(SetattrValid.MODE), int(LopenFlag.TRUNC)
MOVED_OUT: dict[str, tuple[list[str], m.TMessage]] = {
    "Twalk": ([], m.Twalk(OUT, 20, (b"..",))),
    "Tlopen to write": ([], m.Tlopen(OUT_FILE, 1)),
    "Tlopen with TRUNC": ([], m.Tlopen(OUT_FILE, TRUNC)),
    "Tlcreate": ([], m.Tlcreate(OUT, b"new", 2, 0o644, NONUNAME)),
    "Tsymlink": (["symlink"], m.Tsymlink(OUT, b"new", b"text", NONUNAME)),
    "Tmknod": (["mknod"], m.Tmknod(OUT, b"new", StMode.IFIFO | 0o644, 0, 0, NONUNAME)),
    "Tmkdir": ([], m.Tmkdir(OUT, b"new", 0o755, NONUNAME)),
    "Tlink": (["link"], m.Tlink(OUT, KEPT, b"new")),
    "Tlink of the file": (["link"], m.Tlink(NEW, OUT_FILE, b"new")),
    "Trename": (["rename"], m.Trename(OUT, NEW, b"back")),
    "Trename to there": (["rename"], m.Trename(KEPT, OUT, b"new")),
    "Trenameat": ([], m.Trenameat(OUT, b"file", NEW, b"new")),
    "Trenameat to there": ([], m.Trenameat(NEW, b"kept", OUT, b"new")),
    "Tunlinkat": (["unlinkat"], m.Tunlinkat(OUT, b"file", 0)),
    "Tremove": ([], m.Tremove(OUT_FILE)),
    "Tsetattr": ([], m.Tsetattr(OUT_FILE, MODE, 0o600, 0, 0, 0, 0, 0, 0, 0)),
    "Txattrcreate": (["xattr"], m.Txattrcreate(OUT_FILE, b"user.a", 1, 0)),
}
"""What the clause forbids, and the capabilities that a server must have to be asked."""


def attach(p: Peer, fid: int, **given: object) -> m.Tattach:
    """Return a request for the tree of the run as its user, but for what is given."""
    uname, uid = p.user
    fields = {"afid": NOFID, "uname": uname, "aname": p.aname, "n_uname": uid} | given
    return m.Tattach(fid, **fields)  # type: ignore[arg-type]  # the values are of their fields' types


def below(p: Peer, *names: bytes) -> bytes:
    """Return the aname of what the case has made below its directory."""
    return b"/".join((p.aname, *p.path, *names))


@case("attach/root", "attach.root-qid", start=Start.ATTACHED)
def root(p: Peer) -> None:
    """An attach gives the qid of the root, a directory, and a fid that stands for it."""
    qid = p.must("attach.root-qid", attach(p, NEW), m.Rattach).qid
    p.true("attach.root-qid", bool(qid.type & QidType.DIR), "qid.type of a directory", qid)
    p.equal("attach.root-qid", p.stat(NEW).qid.type, qid.type, "the qid.type")
    p.equal("attach.root-qid", p.stat(NEW).qid.path, qid.path, "the qid.path")
    p.equal("attach.root-qid", p.stat(ROOT).qid.path, qid.path, "qid.path of another attach")


@case("attach/fid-unopened", "attach.root-qid", start=Start.ATTACHED)
def fid_unopened(p: Peer) -> None:
    """The fid that an attach makes is not open."""
    p.must("attach.root-qid", attach(p, NEW), m.Rattach)
    p.refuses("read.fid-readable", m.Tread(NEW, 0, 1))
    p.must("attach.root-qid", p.speech.open(NEW, "r"))


@case("attach/fid-in-use", "attach.fid-free", "fid.in-use")
def fid_in_use(p: Peer) -> None:
    """A fid that is in use is not attached, and goes on standing for its file."""
    p.make(b"file", b"abc")
    p.walk(DIR, FILE, b"file")
    p.refuses("attach.fid-free", attach(p, FILE), control=attach(p, NEW))
    p.equal("fid.in-use", 3, p.stat(FILE).size, "the size of the file that the fid stands for")
    p.refuses("attach.fid-free", attach(p, ROOT))


@case("attach/open-fid-in-use", "attach.fid-free")
def open_fid_in_use(p: Peer) -> None:
    """An attach does not take a fid over that is open, which stays open."""
    p.make(b"file", b"abc")
    p.opened(FILE, b"file")
    p.refuses("attach.fid-free", attach(p, FILE))
    p.equal("attach.fid-free", b"abc", p.read(FILE), "what the fid reads")


@case("attach/failed-leaves-free", "attach.fid-free", "error.no-effect", start=Start.ATTACHED)
def failed_leaves_free(p: Peer) -> None:
    """The fid of an attach that failed is free."""
    p.refuses("attach.aname-known", attach(p, NEW, aname=b"no such tree"))
    p.refuses("fid.unknown-fid", p.speech.stat(NEW))
    p.must("attach.fid-free", attach(p, NEW), m.Rattach)


@case("attach/afid", "attach.afid-none", start=Start.ATTACHED, each=("unknown", "a file"))
def afid(p: Peer, kind: str) -> None:
    """A number that Tauth did not give is no afid, and the fid is not made."""
    number = ROOT if kind == "a file" else 4_000
    p.refuses("attach.afid-none", attach(p, NEW, afid=number), control=attach(p, OTHER))
    p.must("attach.fid-free", attach(p, NEW), m.Rattach)


@case("attach/no-auth", "attach.auth-refused", start=Start.ATTACHED)
def no_auth(p: Peer) -> None:
    """Where one may attach without proof a Tauth is refused, and its afid is free."""
    uname, uid = p.user
    p.refuses("attach.auth-refused", m.Tauth(NEW, uname, p.aname, uid), control=attach(p, OTHER))
    p.refuses("fid.unknown-fid", m.Tclunk(NEW))
    p.must("attach.auth-refused", attach(p, NEW), m.Rattach)


@case("attach/unknown-aname", "attach.aname-known", start=Start.ATTACHED,
      each=(b"no such tree", b"x" * 300, b"\xff"))  # fmt: skip
def unknown_aname(p: Peer, aname: bytes) -> None:
    """A name that no tree has is refused."""
    p.refuses("attach.aname-known", attach(p, NEW, aname=aname), control=attach(p, OTHER))


@case("attach/misspelt-aname", "attach.aname-known", "session.stay-inside", start=Start.ATTACHED,
      each=MISSPELT)  # fmt: skip
def misspelt_aname(p: Peer, rest: bytes) -> None:
    """A tree's name with something behind it that no directory has leads nowhere, least outside."""
    r = p.rpc(attach(p, NEW, aname=p.aname + rest))
    if isinstance(r, m.Rattach):
        p.equal("session.stay-inside", p.stat(ROOT).qid.path, r.qid.path, "qid.path of the root")
    p.true("attach.aname-known", is_error(r), "an error", r)


@case("attach/below", "attach.aname-known", needs=["subtree"])
def to_directory_below(p: Peer) -> None:
    """A directory below the tree is attached by the names that lead there."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    qid = p.must("attach.aname-known", attach(p, NEW, aname=below(p, b"d")), m.Rattach).qid
    p.walk(DIR, OTHER, b"d")
    p.equal("attach.aname-known", p.stat(OTHER).qid.path, qid.path, "qid.path of the directory")
    p.walk(NEW, FILE, b"file")
    p.equal("attach.aname-known", 3, p.stat(FILE).size, "the size of the file in it")


@case("attach/missing-below", "attach.aname-known", needs=["subtree"])
def missing_below(p: Peer) -> None:
    """A name below the tree that does not exist is refused, and the fid is free."""
    p.mkdir(b"d")
    good = attach(p, OTHER, aname=below(p, b"d"))
    p.refuses("attach.aname-known", attach(p, NEW, aname=below(p, b"missing")), control=good)
    p.must("attach.fid-free", attach(p, NEW), m.Rattach)


@case("attach/dots-below", "attach.aname-known", needs=["subtree"],
      each=(("up again", (b"d", b"..")), ("up", (b"..",)), ("dot", (b".", b"d")),
            ("two slashes", (b"", b"d")), ("slash at the end", (b"d", b""))))  # fmt: skip
def dots_below(p: Peer, item: tuple[str, tuple[bytes, ...]]) -> None:
    """Below a tree only plain names count: no dots and no empty ones."""
    _, names = item
    p.mkdir(b"d")
    good = attach(p, OTHER, aname=below(p, b"d"))
    p.refuses("attach.aname-known", attach(p, NEW, aname=below(p, *names)), control=good)


@case("attach/file-below", "attach.aname-directory", needs=["subtree"])
def file_below(p: Peer) -> None:
    """What is no directory is not attached."""
    p.mkdir(b"d")
    p.make(b"file")
    good = attach(p, OTHER, aname=below(p, b"d"))
    p.refuses("attach.aname-directory", attach(p, NEW, aname=below(p, b"file")), control=good)


@case("attach/dotdot-below", "walk.dotdot-at-root", needs=["subtree"])
def dotdot_below(p: Peer) -> None:
    """The root of an attach below a tree is its own parent."""
    p.mkdir(b"d")
    qid = p.ok(attach(p, NEW, aname=below(p, b"d")), m.Rattach).qid
    r = p.must("walk.dotdot-at-root", m.Twalk(NEW, OTHER, (b"..", b"..")), m.Rwalk)
    p.equal("walk.dotdot-at-root", [qid.path] * 2, [q.path for q in r.wqid], "qid.path of each ..")


def moved_out_cases(function: Run) -> Declared:
    """Declare a case for each of `MOVED_OUT`."""
    made = [
        case("attach/moved-out", "attach.moved-out", needs=["subtree", "renameat", *needs],
             dialects=LINUX, each=[what])(function)
        for what, (needs, _) in MOVED_OUT.items()
    ]  # fmt: skip
    return Declared(function, tuple(c for one in made for c in one.cases))


@moved_out_cases
def moved_out(p: Peer, what: str) -> None:
    """Through what was moved out of the attached tree nothing is followed, and nothing changed."""
    move_out(p)
    before = around(p)
    p.refuses("attach.moved-out", MOVED_OUT[what][1])
    p.equal("attach.moved-out", before, around(p), "names and files inside and outside")


def move_out(p: Peer, opened: str = "") -> None:
    """Attach a directory as `NEW`, and move what `OUT` and `OUT_FILE` stand for out of it.

    `opened` is how the file is open by then.
    """
    p.mkdir(b"jail")
    p.mkdir(b"d", b"jail")
    p.make(b"kept", b"", b"jail")
    p.make(b"file", b"abc", b"jail", b"d")
    p.ok(attach(p, NEW, aname=below(p, b"jail")))
    p.walk(NEW, OUT, b"d")
    p.walk(NEW, OUT_FILE, b"d", b"file")
    p.walk(NEW, KEPT, b"kept")
    if opened:
        p.open(OUT_FILE, opened)
    p.walk(DIR, OTHER, b"jail")
    p.ok(m.Trenameat(OTHER, b"d", DIR, b"out"))


def around(p: Peer) -> list[object]:
    """Return the names outside and inside the attached tree, and what the moved file is."""
    names = [listing(p), listing(p, b"jail"), listing(p, b"out")]
    p.walk(DIR, 30, b"out", b"file")
    st = p.stat(30)
    p.clunk(30)
    return [*names, st.mode, st.size]


@case("attach/moved-out-goes-on", "attach.moved-out", needs=["subtree", "renameat"],
      dialects=LINUX)  # fmt: skip
def moved_out_goes_on(p: Peer) -> None:
    """What was moved out is walked down from and read, and what was open before is written."""
    move_out(p, "w")
    p.must("attach.moved-out", m.Twrite(OUT_FILE, 0, b"A"), m.Rwrite)
    r = p.must("attach.moved-out", m.Twalk(OUT, FILE, (b"file",)), m.Rwalk)
    p.equal("attach.moved-out", 1, len(r.wqid), "the names found below")
    p.must("attach.moved-out", m.Tlopen(FILE, 0), m.Rlopen)
    p.equal("attach.moved-out", b"Abc", p.read(FILE), "what is read")


@case("attach/moved-out-listing", "attach.moved-out", needs=["subtree", "renameat"],
      dialects=LINUX)  # fmt: skip
def moved_out_listing(p: Peer) -> None:
    """In a directory that was moved out of the attached tree .. is the directory itself."""
    p.mkdir(b"jail")
    p.mkdir(b"d", b"jail")
    p.ok(attach(p, NEW, aname=below(p, b"jail")))
    p.walk(NEW, FILE, b"d")
    p.walk(DIR, OTHER, b"jail")
    p.ok(m.Trenameat(OTHER, b"d", DIR, b"out"))
    own = p.stat(FILE).qid.path
    p.open(FILE)
    data = p.ok(m.Treaddir(FILE, 0, 4000), m.Rreaddir).data
    above = [e.qid.path for e in dirents(p.dialect, bytes(data)) if e.name == b".."]
    p.true("attach.moved-out", above in ([], [own]), "no qid of a directory outside", above)


@case("attach/any-uname", "attach.several-users", start=Start.ATTACHED, each=UNAMES,
      dialects=UNIX)  # fmt: skip
def any_uname(p: Peer, uname: bytes) -> None:
    """With a number any uname is taken, known or not, also an empty one."""
    _, uid = p.user
    number = 0 if uid == NONUNAME else uid
    p.must("attach.several-users", attach(p, NEW, uname=uname, n_uname=number), m.Rattach)


@case("attach/many-times", "attach.several-users", start=Start.ATTACHED)
def many_times(p: Peer) -> None:
    """A connection may attach many times, and each fid is clunked by itself."""
    for fid in range(100, 164):
        p.must("attach.several-users", attach(p, fid), m.Rattach)
    p.clunk(*range(100, 164, 2))
    for fid in range(101, 164, 2):
        p.must("attach.several-users", p.speech.stat(fid))


@case("attach/n-uname", "attach.n-uname", needs=["users"])
def n_uname(p: Peer) -> None:
    """The user is the one whom n_uname gives, although uname gives another."""
    open_to_all(p)
    p.must("attach.n-uname", attach(p, NEW, uname=b"root", n_uname=1001), m.Rattach)
    p.equal("attach.n-uname", 1001, owner(p, NEW, b"made"), "the owner of what that user makes")


@case("attach/user-inherited", "fid.user-inherited", needs=["users"], dialects=UNIX)
def user_inherited(p: Peer) -> None:
    """A fid acts for the user of its own attach, whoever else has attached before or after."""
    open_to_all(p)
    for fid, uid in ((NEW, 1001), (OTHER, 1002)):
        p.ok(attach(p, fid, uname=b"", n_uname=uid))
    p.equal("fid.user-inherited", 1001, owner(p, NEW, b"first"), "the owner of the first file")
    p.equal("fid.user-inherited", 1002, owner(p, OTHER, b"second"), "the owner of the second file")
    p.equal("fid.user-inherited", 1001, owner(p, NEW, b"third"), "the owner of the third file")


def open_to_all(p: Peer) -> None:
    """Let everybody make files in the case's directory."""
    p.ok(p.speech.chmod(DIR, p.speech.directory | 0o777))


def owner(p: Peer, attached: int, name: bytes) -> int:
    """Return who owns a file that is made through a fid which was walked twice from an attach."""
    p.walk(attached, 20, *p.path[:1])
    p.walk(20, 21, *p.path[1:])
    p.ok(p.speech.create(21, name, "rw", 0o644))
    uid = p.stat(21).uid
    p.clunk(20, 21)
    return uid
