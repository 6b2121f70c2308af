"""Trename and Trenameat: give a file another name, in the same directory or another."""

from __future__ import annotations

from collections.abc import Callable

from ninep import messages as m
from ninep.constants import NONUNAME
from ninep.messages import TMessage

from ..check.case import Declared, Run, case
from ..check.peer import DIR, ROOT, Peer, is_error
from ..check.tree import listing

A, B, C, FILE, OLD = 10, 11, 12, 13, 20
"""Fids; `OLD` and the one behind it are what `moving` takes."""
L = ("9P2000.L",)
WAYS = {"Trename": "rename", "Trenameat": "renameat"}
"""Both messages, and the capabilities that say whether a server has them."""
Path = tuple[bytes, ...]


def both(name: str, *clauses: str, needs: tuple[str, ...] = ()) -> Callable[[Run], Declared]:
    """Declare a case for each of the two messages."""

    def declare(function: Run) -> Declared:
        made = [
            case(f"rename/{name}", *clauses, needs=(need, *needs), dialects=L, each=[way])(function)
            for way, need in WAYS.items()
        ]
        return Declared(function, tuple(c for one in made for c in one.cases))

    return declare


def moving(p: Peer, way: str, old: Path, new: Path, fid: int = OLD) -> TMessage:
    """Return the request that moves `old` to `new`, both below the case's directory."""
    p.walk(DIR, fid + 1, *new[:-1])
    if way == "Trename":
        p.walk(DIR, fid, *old)
        return m.Trename(fid, fid + 1, new[-1])
    p.walk(DIR, fid, *old[:-1])
    return m.Trenameat(fid, old[-1], fid + 1, new[-1])


def links(p: Peer, *further: bytes) -> None:
    """Make a file named a, and give it further names."""
    p.make(b"a", b"abc")
    p.walk(DIR, FILE, b"a")
    for name in further:
        p.ok(m.Tlink(DIR, FILE, name))


# The name moves


@both("new-name", "rename.name-moves")
def new_name(p: Peer, way: str) -> None:
    """A file is found under its new name and not under its old one."""
    p.make(b"old", b"abc")
    p.must("rename.name-moves", moving(p, way, (b"old",), (b"new",)))
    p.equal("rename.name-moves", [b"new"], listing(p), "the names in the directory")
    p.equal("rename.name-moves", b"abc", p.content(b"new"), "what the file holds")


@both("to-another-directory", "rename.name-moves")
def to_another_directory(p: Peer, way: str) -> None:
    """A file moves from one directory to another."""
    p.mkdir(b"from")
    p.mkdir(b"to")
    p.make(b"old", b"abc", b"from")
    p.must("rename.name-moves", moving(p, way, (b"from", b"old"), (b"to", b"new")))
    p.equal("rename.name-moves", [], listing(p, b"from"), "the names in the old directory")
    p.equal("rename.name-moves", [b"new"], listing(p, b"to"), "the names in the new directory")
    p.equal("rename.name-moves", b"abc", p.content(b"to", b"new"), "what the file holds")


@both("directory", "rename.name-moves")
def directory(p: Peer, way: str) -> None:
    """A directory moves to another directory with all that is in it."""
    p.mkdir(b"d")
    p.mkdir(b"to")
    p.make(b"file", b"abc", b"d")
    p.must("rename.name-moves", moving(p, way, (b"d",), (b"to", b"e")))
    p.equal("rename.name-moves", [b"to"], listing(p), "the names in the directory")
    p.equal("rename.name-moves", [b"file"], listing(p, b"to", b"e"), "the names below")


@both("symlink-itself", "rename.name-moves", needs=("symlink",))
def symlink_itself(p: Peer, way: str) -> None:
    """A symbolic link moves, and not what it leads to."""
    p.make(b"target", b"abc")
    p.ok(m.Tsymlink(DIR, b"link", b"target", NONUNAME))
    p.must("rename.name-moves", moving(p, way, (b"link",), (b"new",)))
    p.equal("rename.name-moves", [b"new", b"target"], listing(p), "the names in the directory")
    p.walk(DIR, A, b"new")
    text = p.must("rename.name-moves", m.Treadlink(A), m.Rreadlink).target
    p.equal("rename.name-moves", b"target", text, "the text of the link")


@both("other-names-stay", "rename.name-moves", needs=("link",))
def other_names_stay(p: Peer, way: str) -> None:
    """Of a file with several names one is changed."""
    links(p, b"b")
    p.must("rename.name-moves", moving(p, way, (b"a",), (b"c",)))
    p.equal("rename.name-moves", [b"b", b"c"], listing(p), "the names in the directory")
    p.equal("rename.name-moves", b"abc", p.content(b"c"), "what the file holds")


# What is replaced


@both("replaces-file", "rename.replaces-target")
def replaces_file(p: Peer, way: str) -> None:
    """A file takes the place of another."""
    p.make(b"old", b"abc")
    p.make(b"new", b"victim")
    p.must("rename.replaces-target", moving(p, way, (b"old",), (b"new",)))
    p.equal("rename.replaces-target", [b"new"], listing(p), "the names in the directory")
    p.equal("rename.replaces-target", b"abc", p.content(b"new"), "what the file holds")


@both("replaces-symlink", "rename.replaces-target", needs=("symlink",))
def replaces_symlink(p: Peer, way: str) -> None:
    """A symbolic link is replaced itself, and not what it leads to."""
    p.make(b"old", b"abc")
    p.make(b"target", b"target")
    p.ok(m.Tsymlink(DIR, b"link", b"target", NONUNAME))
    p.must("rename.replaces-target", moving(p, way, (b"old",), (b"link",)))
    p.equal("rename.replaces-target", [b"link", b"target"], listing(p), "the names there are")
    p.equal("rename.replaces-target", b"target", p.content(b"target"), "what the target holds")
    p.equal("rename.replaces-target", b"abc", p.content(b"link"), "what the file holds")


@both("onto-itself", "rename.replaces-target")
def onto_itself(p: Peer, way: str) -> None:
    """A file that is given the name it has keeps it."""
    p.make(b"file", b"abc")
    p.must("rename.replaces-target", moving(p, way, (b"file",), (b"file",)))
    p.equal("rename.replaces-target", [b"file"], listing(p), "the names in the directory")
    p.equal("rename.replaces-target", b"abc", p.content(b"file"), "what the file holds")


@both("two-names-of-one-file", "rename.replaces-target", needs=("link",))
def two_names_of_one_file(p: Peer, way: str) -> None:
    """If both names are of one file already, both stay."""
    links(p, b"b")
    p.must("rename.replaces-target", moving(p, way, (b"a",), (b"b",)))
    p.equal("rename.replaces-target", [b"a", b"b"], listing(p), "the names in the directory")


@both("over-empty-directory", "rename.kind-match")
def over_empty_directory(p: Peer, way: str) -> None:
    """A directory takes the place of an empty one."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.mkdir(b"empty")
    p.must("rename.kind-match", moving(p, way, (b"d",), (b"empty",)))
    p.equal("rename.kind-match", [b"empty"], listing(p), "the names in the directory")
    p.equal(
        "rename.kind-match", [b"file"], listing(p, b"empty"), "the names in the directory below"
    )


def not_over(p: Peer, way: str, clause: str, old: bytes, new: bytes) -> None:
    """Demand that `old` does not take the place of `new`, though another file does."""
    p.make(b"control")
    p.make(b"victim")
    p.ok(moving(p, way, (b"control",), (b"victim",)))
    before = listing(p)
    p.refuses(clause, moving(p, way, (old,), (new,), fid=OLD + 2))
    p.equal(clause, before, listing(p), "the names in the directory")


@both("file-over-directory", "rename.over-directory")
def file_over_directory(p: Peer, way: str) -> None:
    """A file does not replace a directory, even an empty one."""
    p.make(b"file")
    p.mkdir(b"empty")
    not_over(p, way, "rename.over-directory", b"file", b"empty")


@both("directory-over-file", "rename.over-file")
def directory_over_file(p: Peer, way: str) -> None:
    """A directory does not replace a file, which keeps its content."""
    p.mkdir(b"d")
    p.make(b"file", b"abc")
    not_over(p, way, "rename.over-file", b"d", b"file")
    p.equal("rename.over-file", b"abc", p.content(b"file"), "what the file holds")


@both("over-full-directory", "rename.over-full-directory")
def over_full_directory(p: Peer, way: str) -> None:
    """A directory does not replace one that has something in it."""
    p.mkdir(b"d")
    p.mkdir(b"full")
    p.make(b"file", b"abc", b"full")
    not_over(p, way, "rename.over-full-directory", b"d", b"full")
    p.equal("rename.over-full-directory", b"abc", p.content(b"full", b"file"), "what is in it")


@both("into-itself", "rename.into-itself")
def into_itself(p: Peer, way: str) -> None:
    """A directory moves neither into itself nor to anywhere below."""
    p.mkdir(b"d")
    p.mkdir(b"sub", b"d")
    p.mkdir(b"to")
    p.ok(moving(p, way, (b"to",), (b"d", b"to")))
    p.refuses("rename.into-itself", moving(p, way, (b"d",), (b"d", b"x"), fid=30))
    p.refuses("rename.into-itself", moving(p, way, (b"d",), (b"d", b"sub", b"x"), fid=32))
    p.equal("rename.into-itself", [b"d"], listing(p), "the names in the directory")
    p.equal("rename.into-itself", [b"sub", b"to"], listing(p, b"d"), "the names below")


# What is not moved


@case("rename/root", "rename.not-root", needs=["rename"], dialects=L)
def root(p: Peer) -> None:
    """The root of the tree has no name to be changed."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.walk(ROOT, B)
    p.refuses("rename.not-root", m.Trename(B, DIR, b"x"), control=m.Trename(A, DIR, b"moved"))
    p.equal("rename.not-root", [b"moved"], listing(p), "the names in the directory")


@both("to-dot", "rename.dot-names")
def to_dot(p: Peer, way: str) -> None:
    """Nothing gets the name . or .. ."""
    p.make(b"file")
    p.ok(moving(p, way, (b"file",), (b"moved",)))
    for n, dots in enumerate((b".", b"..")):
        t = moving(p, way, (b"moved",), (dots,), fid=30 + 2 * n)
        p.refuses("rename.dot-names", t)
    p.equal("rename.dot-names", [b"moved"], listing(p), "the names in the directory")


@case("rename/dot-itself", "rename.dot-names", needs=["renameat"], dialects=L, each=(b".", b".."))
def dot_itself(p: Peer, dots: bytes) -> None:
    """The names . and .. are not moved away."""
    p.mkdir(b"d")
    p.mkdir(b"e")
    p.walk(DIR, A, b"d")
    control = m.Trenameat(DIR, b"e", DIR, b"moved")
    p.refuses("rename.dot-names", m.Trenameat(A, dots, DIR, b"x"), control)
    p.equal("rename.dot-names", [b"d", b"moved"], listing(p), "the names in the directory")


@both("into-a-file", "rename.directory-only")
def into_a_file(p: Peer, way: str) -> None:
    """A file is no directory to move anything to."""
    p.make(b"file")
    p.make(b"other")
    p.ok(moving(p, way, (b"file",), (b"moved",)))
    p.refuses("rename.directory-only", moving(p, way, (b"moved",), (b"other", b"new"), fid=30))
    p.equal("rename.directory-only", [b"moved", b"other"], listing(p), "the names there are")


@case("rename/out-of-a-file", "rename.directory-only", needs=["renameat"], dialects=L)
def out_of_a_file(p: Peer) -> None:
    """A file is no directory to move anything from, not even what is beside it."""
    p.make(b"file")
    p.make(b"other")
    p.walk(DIR, A, b"other")
    control = m.Trenameat(DIR, b"file", DIR, b"moved")
    p.refuses("rename.directory-only", m.Trenameat(A, b"moved", DIR, b"new"), control)
    p.equal("rename.directory-only", [b"moved", b"other"], listing(p), "the names there are")


@case("rename/missing-name", "rename.old-missing", needs=["renameat"], dialects=L)
def missing_name(p: Peer) -> None:
    """A name that does not exist is not moved, and what has the new name stays."""
    p.make(b"file", b"abc")
    p.make(b"victim", b"victim")
    control = m.Trenameat(DIR, b"file", DIR, b"moved")
    p.refuses("rename.old-missing", m.Trenameat(DIR, b"file", DIR, b"victim"), control)
    p.equal("rename.old-missing", [b"moved", b"victim"], listing(p), "the names there are")


@case("rename/removed-file", "rename.old-missing", needs=["rename"], dialects=L)
def removed_file(p: Peer) -> None:
    """A file that was removed gets no name any more."""
    p.make(b"file")
    p.make(b"other")
    for fid, name in ((A, b"file"), (B, b"file"), (C, b"other")):
        p.walk(DIR, fid, name)
    p.ok(m.Tremove(B))
    p.refuses("rename.old-missing", m.Trename(A, DIR, b"new"), control=m.Trename(C, DIR, b"moved"))
    p.equal("rename.old-missing", [b"moved"], listing(p), "the names in the directory")


@case("rename/name-taken-since", "rename.same-file", needs=["rename"], dialects=L)
def name_taken_since(p: Peer) -> None:
    """What has taken the name of a removed file is not moved by that file's fid."""
    p.make(b"file", b"old")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"file")
    p.ok(m.Tremove(B))
    p.make(b"file", b"newer")
    p.make(b"other")
    p.walk(DIR, B, b"other")
    p.refuses("rename.same-file", m.Trename(A, DIR, b"moved"), control=m.Trename(B, DIR, b"else"))
    p.equal("rename.same-file", [b"else", b"file"], listing(p), "the names in the directory")


@both("into-removed-directory", "rename.removed-directory")
def into_removed_directory(p: Peer, way: str) -> None:
    """Nothing is moved into a directory that was removed."""
    p.make(b"file")
    p.mkdir(b"d")
    t = moving(p, way, (b"file",), (b"d", b"file"))
    p.walk(DIR, A, b"d")
    p.ok(m.Tremove(A))
    p.refuses("rename.removed-directory", t, control=p.speech.stat(DIR))
    p.equal("rename.removed-directory", [b"file"], listing(p), "the names in the directory")


# Fids


@both("unopened-fid-follows", "rename.fids-follow")
def unopened_fid_follows(p: Peer, way: str) -> None:
    """A fid that is not open can be opened after its file was moved."""
    p.make(b"old", b"abc")
    p.mkdir(b"to")
    p.walk(DIR, A, b"old")
    p.ok(moving(p, way, (b"old",), (b"to", b"new")))
    p.must("rename.fids-follow", p.speech.open(A, "r"))
    data = p.must("rename.fids-follow", m.Tread(A, 0, 10), m.Rread).data
    p.equal("rename.fids-follow", b"abc", bytes(data), "what the fid reads")


@both("open-fid-follows", "rename.fids-follow")
def open_fid_follows(p: Peer, way: str) -> None:
    """What is written through an open fid goes to the file where it is now."""
    p.make(b"old", b"abc")
    p.opened(A, b"old", access="rw")
    p.ok(moving(p, way, (b"old",), (b"new",)))
    p.must("rename.fids-follow", m.Twrite(A, 3, b"def"), m.Rwrite)
    p.must("rename.fids-follow", p.speech.stat(A))
    p.equal("rename.fids-follow", b"abcdef", p.content(b"new"), "what the file holds")


@both("fid-below-follows", "rename.fids-follow")
def fid_below_follows(p: Peer, way: str) -> None:
    """A fid of a file deep below a moved directory goes on standing for it."""
    p.mkdir(b"d")
    p.mkdir(b"sub", b"d")
    p.make(b"file", b"abc", b"d", b"sub")
    p.walk(DIR, A, b"d", b"sub", b"file")
    p.ok(moving(p, way, (b"d",), (b"e",)))
    r: m.RMessage = p.must("rename.fids-follow", p.speech.stat(A))
    p.equal("rename.fids-follow", 3, p.speech.attributes(r).size, "the size of the file")
    p.must("rename.fids-follow", p.speech.open(A, "r"))


@both("directory-fid-follows", "rename.fids-follow")
def directory_fid_follows(p: Peer, way: str) -> None:
    """What is made through the fid of a moved directory is in that directory."""
    p.mkdir(b"d")
    p.walk(DIR, A, b"d")
    p.ok(moving(p, way, (b"d",), (b"e",)))
    p.must("rename.fids-follow", p.speech.create(A, b"file", "w", 0o644))
    p.equal("rename.fids-follow", [b"file"], listing(p, b"e"), "the names in the directory")


@both("fid-of-another-follows", "rename.fids-follow")
def fid_of_another_follows(p: Peer, way: str) -> None:
    """A fid of another connection follows too."""
    p.make(b"old", b"abc")
    q = p.another()
    q.walk(DIR, A, b"old")
    p.ok(moving(p, way, (b"old",), (b"new",)))
    r: m.RMessage = q.must("rename.fids-follow", p.speech.stat(A))
    p.equal("rename.fids-follow", 3, p.speech.attributes(r).size, "the size of the file")


@case("rename/moved-twice", "rename.fids-follow", needs=["rename"], dialects=L)
def moved_twice(p: Peer) -> None:
    """The fid that moved a file can move it again."""
    p.make(b"first", b"abc")
    p.mkdir(b"to")
    p.walk(DIR, A, b"first")
    p.walk(DIR, B, b"to")
    p.ok(m.Trename(A, B, b"second"))
    p.must("rename.fids-follow", m.Trename(A, DIR, b"third"), m.Rrename)
    p.equal("rename.fids-follow", [b"third", b"to"], listing(p), "the names in the directory")


@both("victim-is-not-the-new-file", "rename.victim-kept")
def victim_is_not_the_new_file(p: Peer, way: str) -> None:
    """A fid of the file that was replaced never stands for the one that replaced it."""
    p.make(b"old", b"abc")
    p.make(b"new", b"victim")
    p.walk(DIR, A, b"new")
    p.ok(moving(p, way, (b"old",), (b"new",)))
    (now,) = p.walk(DIR, B, b"new")
    r = p.rpc(p.speech.stat(A))
    seen = None if is_error(r) else p.speech.attributes(r).qid.path
    p.true("rename.victim-kept", seen != now.path, "not the qid.path of the new file", r)


@both("open-victim-lives-on", "rename.victim-kept")
def open_victim_lives_on(p: Peer, way: str) -> None:
    """An open fid of the file that was replaced reads what that file held."""
    p.make(b"old", b"abc")
    p.make(b"new", b"victim")
    p.opened(A, b"new")
    p.ok(moving(p, way, (b"old",), (b"new",)))
    data = p.must("rename.victim-kept", m.Tread(A, 0, 10), m.Rread).data
    p.equal("rename.victim-kept", b"victim", bytes(data), "what the fid reads")
