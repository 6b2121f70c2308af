"""remove(5): remove a file and give its fid up."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NONUNAME

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error

A, B, NEW = 10, 11, 12


@case("remove/name-gone", "remove.name-gone", each=("file", "directory", "open", "created"))
def name_gone(p: Peer, what: str) -> None:
    """A file or an empty directory is removed under its name, also through an open fid."""
    p.make(b"other")
    if what == "created":
        p.create(A, b"victim")
    else:
        if what == "directory":
            p.mkdir(b"victim")
        else:
            p.make(b"victim", b"abc")
        p.walk(DIR, A, b"victim")
    if what == "open":
        p.open(A, "rw")
    p.must("remove.name-gone", m.Tremove(A), m.Rremove)
    p.true("remove.name-gone", not p.exists(b"victim"), "no file of that name")
    p.true("remove.name-gone", p.exists(b"other"), "the file beside it")


@case("remove/frees-fid", "remove.always-frees")
def frees_fid(p: Peer) -> None:
    """After a remove the fid stands for nothing."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.ok(m.Tremove(A), m.Rremove)
    p.refuses("remove.always-frees", p.speech.stat(A), control=p.speech.stat(DIR))
    p.must("remove.always-frees", m.Twalk(DIR, A, ()), m.Rwalk)


@case("remove/not-empty", "remove.not-empty", "remove.always-frees")
def not_empty(p: Peer) -> None:
    """A directory with something in it is not removed, and the fid is free all the same."""
    p.mkdir(b"full")
    p.make(b"file", b"abc", b"full")
    p.mkdir(b"empty")
    p.walk(DIR, A, b"full")
    p.walk(DIR, B, b"empty")
    p.refuses("remove.not-empty", m.Tremove(A), control=m.Tremove(B))
    p.equal("remove.not-empty", b"abc", p.content(b"full", b"file"), "the file in it")
    p.refuses("remove.always-frees", p.speech.stat(A))
    p.must("remove.always-frees", m.Twalk(DIR, A, ()), m.Rwalk)


@case("remove/root", "remove.not-root", "remove.always-frees", start=Start.ATTACHED)
def root(p: Peer) -> None:
    """The root of the tree is not removed, and the fid is free all the same."""
    p.walk(ROOT, A)
    p.refuses("remove.not-root", m.Tremove(A))
    p.must("remove.always-frees", m.Twalk(ROOT, A, ()), m.Rwalk)


@case("remove/gone-already", "remove.same-file", "remove.always-frees")
def gone_already(p: Peer) -> None:
    """A file that another has removed cannot be removed again; the fid is free all the same."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"file")
    p.refuses("remove.same-file", m.Tremove(A), control=m.Tremove(B))
    p.must("remove.always-frees", m.Twalk(DIR, A, ()), m.Rwalk)


@case("remove/replaced", "remove.same-file")
def replaced(p: Peer) -> None:
    """A file that has taken the name of a removed one is not removed in its stead."""
    p.make(b"file", b"old")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"file")
    p.ok(m.Tremove(B), m.Rremove)
    p.make(b"file", b"new")
    p.refuses("remove.same-file", m.Tremove(A))
    p.true("remove.same-file", p.exists(b"file"), "the new file")
    p.equal("remove.same-file", b"new", p.content(b"file"), "the new file's content")


@case("remove/renamed", "remove.same-file", "rename.fids-follow", needs=["rename"])
def renamed(p: Peer) -> None:
    """A file that was renamed is removed under its new name, and not what has the old one."""
    p.make(b"file", b"old")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"file")
    p.ok(m.Trename(B, DIR, b"moved"), m.Rrename)
    p.make(b"file", b"new")
    r = p.rpc(m.Tremove(A))
    p.true("remove.same-file", p.exists(b"file"), "the file that has the old name now")
    p.true("rename.fids-follow", not is_error(r), "Rremove", r)
    p.true("remove.name-gone", not p.exists(b"moved"), "the moved file gone")


@case("remove/one-of-two-names", "remove.name-gone", needs=["link"], dialects=["9P2000.L"])
def one_of_two_names(p: Peer) -> None:
    """Of two names of a file that goes which the fid was walked to, and the other stays."""
    p.make(b"first", b"abc")
    p.walk(DIR, A, b"first")
    p.ok(m.Tlink(DIR, A, b"second"), m.Rlink)
    p.walk(DIR, B, b"second")
    p.must("remove.name-gone", m.Tremove(B), m.Rremove)
    p.true("remove.name-gone", not p.exists(b"second"), "the second name gone")
    p.true("remove.name-gone", p.exists(b"first"), "the first name still there")
    p.equal("remove.name-gone", b"abc", p.content(b"first"), "the content under the first name")


@case("remove/symlink", "remove.name-gone", needs=["symlink"], dialects=["9P2000.L"],
      each=("file", "directory"))  # fmt: skip
def symlink(p: Peer, what: str) -> None:
    """A symbolic link goes itself, and what it leads to stays."""
    if what == "file":
        p.make(b"target", b"abc")
    else:
        p.mkdir(b"target")
    p.ok(m.Tsymlink(DIR, b"link", b"target", NONUNAME), m.Rsymlink)
    p.walk(DIR, A, b"link")
    p.must("remove.name-gone", m.Tremove(A), m.Rremove)
    p.true("remove.name-gone", not p.exists(b"link"), "the link gone")
    p.true("remove.name-gone", p.exists(b"target"), "what it leads to still there")


@case("remove/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """The remove of a fid that is not in use removes nothing."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.refuses("fid.unknown-fid", m.Tremove(B), control=m.Tremove(A))


@case("remove/others-stay", "remove.always-frees")
def others_stay(p: Peer) -> None:
    """A remove takes its own fid alone: another of the same file is clunked as ever."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.opened(B, b"file")
    p.ok(m.Tremove(A), m.Rremove)
    p.must("remove.always-frees", m.Tclunk(B), m.Rclunk)
