"""clunk(5): give a fid up."""

from __future__ import annotations

from ninep import messages as m

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer
from .open import reads

A, B, NEW = 10, 11, 12


@case("clunk/frees", "clunk.always-frees", "fid.unknown-fid",
      each=("unopened", "file", "directory", "created"))  # fmt: skip
def frees(p: Peer, what: str) -> None:
    """After a clunk the fid stands for nothing, and a second clunk is refused."""
    if what == "unopened":
        p.walk(DIR, A)
    elif what == "directory":
        p.opened(A)
    elif what == "file":
        p.create(B, b"file")
        p.opened(A, b"file")
    else:
        p.create(A, b"created")
    p.must("clunk.always-frees", m.Tclunk(A), m.Rclunk)
    p.refuses("clunk.always-frees", p.speech.stat(A), control=p.speech.stat(DIR))
    p.refuses("fid.unknown-fid", m.Tclunk(A))
    p.must("clunk.always-frees", m.Twalk(DIR, A, ()), m.Rwalk)


@case("clunk/number-begins-anew", "clunk.always-frees")
def number_begins_anew(p: Peer) -> None:
    """A number that was open comes back unopened, and stands for the new file alone."""
    p.create(B, b"old")
    p.create(NEW, b"new")
    p.write(NEW, 0, b"new")
    p.opened(A, b"old", access="rw")
    p.must("clunk.always-frees", m.Tclunk(A), m.Rclunk)
    p.must("clunk.always-frees", m.Twalk(DIR, A, (b"new",)), m.Rwalk)
    p.refuses("read.fid-readable", m.Tread(A, 0, 3))
    p.must("clunk.always-frees", p.speech.open(A, "r"))
    reads(p, "clunk.always-frees", A, b"new")


@case("clunk/error-frees", "clunk.always-frees", needs=["xattr"], dialects=["9P2000.L"])
def error_frees(p: Peer) -> None:
    """A clunk that is answered with an error frees the fid all the same."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, b"user.check", 5, 0), m.Rxattrcreate)
    p.ok(m.Twrite(A, 0, b"ab"), m.Rwrite)
    p.rpc(m.Tclunk(A))
    p.refuses("clunk.always-frees", p.speech.stat(A), control=p.speech.stat(DIR))
    p.must("clunk.always-frees", m.Twalk(DIR, A, ()), m.Rwalk)


@case("clunk/number-at-once", "clunk.freed-before-reply", each=("Tclunk", "Tremove"))
def number_at_once(p: Peer, how: str) -> None:
    """When the reply is seen the number is free, time after time."""
    names = [b"file%d" % turn for turn in range(10)]
    for fid, name in enumerate(names, start=NEW):
        p.create(fid, name)
    for name in names:
        p.must("clunk.freed-before-reply", m.Twalk(DIR, A, (name,)), m.Rwalk)
        p.ok(m.Tclunk(A) if how == "Tclunk" else m.Tremove(A))


@case("clunk/others-stay", "clunk.others-unharmed")
def others_stay(p: Peer) -> None:
    """A clunk leaves a clone, an open fid of the same file, and what is written through it."""
    p.make(b"file", b"abc")
    p.opened(A, b"file", access="rw")
    p.walk(A, B)
    p.opened(NEW, b"file", access="rw")
    p.write(A, 0, b"x")
    p.ok(m.Tclunk(A), m.Rclunk)
    p.must("clunk.others-unharmed", p.speech.open(B, "r"))
    reads(p, "clunk.others-unharmed", B, b"xbc")
    p.must("clunk.others-unharmed", m.Twrite(NEW, 1, b"y"), m.Rwrite)
    p.equal("clunk.others-unharmed", b"xyc", p.content(b"file"), "the content of the file")


@case("clunk/below-stay", "clunk.others-unharmed")
def below_stay(p: Peer) -> None:
    """A clunk of a directory's fid leaves the fids that were walked from it, and its files."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.walk(DIR, A, b"d")
    p.walk(A, B, b"file")
    p.ok(m.Tclunk(A), m.Rclunk)
    p.must("clunk.others-unharmed", m.Twalk(B, NEW, ()), m.Rwalk)
    p.must("clunk.others-unharmed", p.speech.open(B, "r"))
    reads(p, "clunk.others-unharmed", B, b"abc")


@case("clunk/root", "clunk.others-unharmed", start=Start.ATTACHED)
def root(p: Peer) -> None:
    """The clunk of an attached fid leaves those walked from it, which walk on."""
    p.walk(ROOT, A)
    p.must("clunk.always-frees", m.Tclunk(ROOT), m.Rclunk)
    p.must("clunk.others-unharmed", m.Twalk(A, B, ()), m.Rwalk)
    p.must("clunk.others-unharmed", p.speech.stat(B))


@case("clunk/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """The clunk of a fid that never was is refused, and harms no other."""
    p.walk(DIR, A)
    p.refuses("fid.unknown-fid", m.Tclunk(B))
    p.must("clunk.others-unharmed", m.Tclunk(A), m.Rclunk)
