"""Names of files: which bytes are one, in every message that has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ninep import messages as m
from ninep.constants import NAME_MAX, NONUNAME, StMode
from ninep.messages import TMessage

from ..check.case import Declared, Run, case
from ..check.peer import DIR, Peer
from ..check.tree import listing

A, B = 10, 11
"""Fids."""
L = ("9P2000.L",)
GOOD = b"g" * NAME_MAX
"""A name that is as long as one may be."""
BAD = (
    ("empty", "names.not-empty", b"", b"", ()),
    ("slash", "names.no-slash", b"sub/new", b"new", (b"sub",)),
    ("nul", "names.no-nul", b"new\0x", b"new", ()),
    ("too-long", "names.too-long", b"n" * (NAME_MAX + 1), b"n" * NAME_MAX, ()),
)
"""A label, the clause, a name that is none, what a careless server takes it for, and where."""
Bad = tuple[str, str, bytes, bytes, tuple[bytes, ...]]
RAW = (
    ("not-utf-8", b"\xff\xfe\x80"),
    ("surrogate", b"\xed\xa0\x80"),
    ("newline", b"a\nb"),
    ("control", bytes(range(1, 32)) + b"\x7f"),
    ("all-bytes", bytes(set(range(1, 256)) - {ord("/")})),
)
TEXT = (
    ("utf-8", "Größe 日本語".encode()),
    ("three-dots", b"..."),
    ("leading-dot", b".hidden"),
    ("backslash", b"a\\b"),
    ("colon", b"c:"),
    ("space", b" "),
    ("longest", GOOD),
)
PAIRS = (
    ("case", b"name", b"NAME"),
    ("normal-form", "\u00e9".encode(), "e\u0301".encode()),
    ("trailing-dot", b"name", b"name."),
    ("trailing-space", b"name", b"name "),
    ("last-byte", b"n" * 254 + b"1", b"n" * 254 + b"2"),
)


def in_message(label: str, *needs: str, dialects: Sequence[str] = L) -> Callable[[Run], Declared]:
    """Declare a case for each bad name, on the clause that it breaks."""

    def declare(function: Run) -> Declared:
        made = [
            case(f"names/in-{label}", bad[1], needs=needs, dialects=dialects, each=[bad])(function)
            for bad in BAD
        ]
        return Declared(function, tuple(c for one in made for c in one.cases))

    return declare


def refused(p: Peer, bad: Bad, control: TMessage, request: Callable[[], TMessage]) -> None:
    """Send a good name, and then the bad one, which changes nothing."""
    p.ok(control)
    before = listing(p), listing(p, b"sub")
    p.refuses(bad[1], request())
    p.equal(bad[1], before, (listing(p), listing(p, b"sub")), "the names in both directories")


def made(p: Peer, bad: Bad, make: Callable[[bytes], TMessage]) -> None:
    """Make something under a good and under a bad name."""
    p.mkdir(b"sub")
    refused(p, bad, make(GOOD), lambda: make(bad[2]))


def there(p: Peer, bad: Bad) -> None:
    """Make what the bad name seems to mean, and one that has a good name."""
    p.mkdir(b"sub")
    p.make(GOOD)
    if bad[3]:
        p.make(bad[3], b"", *bad[4])


@in_message("create", dialects=())
def create(p: Peer, bad: Bad) -> None:
    """No file is created under a name that is none."""

    def make(name: bytes) -> TMessage:
        fid = A if name == GOOD else B
        p.walk(DIR, fid)
        return p.speech.create(fid, name, "rw", 0o644)

    made(p, bad, make)


@in_message("tmkdir")
def tmkdir(p: Peer, bad: Bad) -> None:
    """No directory is made under a name that is none."""
    made(p, bad, lambda name: m.Tmkdir(DIR, name, 0o755, NONUNAME))


@in_message("tsymlink", "symlink")
def tsymlink(p: Peer, bad: Bad) -> None:
    """No symbolic link is made under a name that is none."""
    made(p, bad, lambda name: m.Tsymlink(DIR, name, b"target", NONUNAME))


@in_message("tmknod", "mknod")
def tmknod(p: Peer, bad: Bad) -> None:
    """No FIFO is made under a name that is none."""
    made(p, bad, lambda name: m.Tmknod(DIR, name, StMode.IFIFO | 0o644, 0, 0, NONUNAME))


@in_message("tlink", "link")
def tlink(p: Peer, bad: Bad) -> None:
    """A file gets no further name that is none."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    made(p, bad, lambda name: m.Tlink(DIR, A, name))


@in_message("trename", "rename")
def trename(p: Peer, bad: Bad) -> None:
    """A file gets no other name that is none."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    made(p, bad, lambda name: m.Trename(A, DIR, name))


@in_message("trenameat-newname", "renameat")
def trenameat_newname(p: Peer, bad: Bad) -> None:
    """No name is replaced by one that is none."""
    p.mkdir(b"sub")
    p.make(b"file")
    control = m.Trenameat(DIR, b"file", DIR, GOOD)
    refused(p, bad, control, lambda: m.Trenameat(DIR, GOOD, DIR, bad[2]))


@in_message("trenameat-oldname", "renameat")
def trenameat_oldname(p: Peer, bad: Bad) -> None:
    """Nothing has a name that is none, to be moved away from it."""
    there(p, bad)
    control = m.Trenameat(DIR, GOOD, DIR, b"moved")
    refused(p, bad, control, lambda: m.Trenameat(DIR, bad[2], DIR, b"other"))


@in_message("tunlinkat", "unlinkat")
def tunlinkat(p: Peer, bad: Bad) -> None:
    """Nothing has a name that is none, to be removed."""
    there(p, bad)
    refused(p, bad, m.Tunlinkat(DIR, GOOD, 0), lambda: m.Tunlinkat(DIR, bad[2], 0))


@case("names/walk-too-long", "names.too-long")
def walk_too_long(p: Peer) -> None:
    """No name that is longer than names can be is found, though its beginning is."""
    p.make(GOOD)
    p.refuses("names.too-long", m.Twalk(DIR, A, (GOOD + b"g",)), control=m.Twalk(DIR, B, (GOOD,)))


def kept(p: Peer, name: bytes) -> None:
    """Make, list, find and remove a file."""
    p.walk(DIR, A)
    p.must("names.raw-bytes", p.speech.create(A, name, "w", 0o644))
    p.equal("names.raw-bytes", [name], listing(p), "the names in the directory")
    p.must("names.raw-bytes", m.Twalk(DIR, B, (name,)), m.Rwalk)
    p.equal("names.raw-bytes", p.stat(A).qid.path, p.stat(B).qid.path, "qid.path under the name")
    p.must("names.raw-bytes", m.Tremove(B))
    p.equal("names.raw-bytes", [], listing(p), "the names in the directory")


@case("names/any-text", "names.raw-bytes", each=TEXT)
def any_text(p: Peer, item: tuple[str, bytes]) -> None:
    """A name that looks odd is a name as any other, and is listed as it was given."""
    kept(p, item[1])


@case("names/any-bytes", "names.raw-bytes", dialects=L, each=RAW)
def any_bytes(p: Peer, item: tuple[str, bytes]) -> None:
    """Bytes that are no text are a name as any other, and are listed as they were given."""
    kept(p, item[1])


@case("names/two-names", "names.raw-bytes", each=PAIRS)
def two_names(p: Peer, item: tuple[str, bytes, bytes]) -> None:
    """Names that only look alike are those of two files."""
    _, one, other = item
    p.make(one, b"1")
    p.true("names.raw-bytes", not p.exists(other), "no such name", other)
    p.walk(DIR, A)
    p.must("names.raw-bytes", p.speech.create(A, other, "w", 0o644))
    p.equal("names.raw-bytes", sorted([one, other]), listing(p), "the names in the directory")
    p.equal("names.raw-bytes", b"1", p.content(one), "what the first file holds")
