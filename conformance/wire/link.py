"""link, in 9P2000.L: further names for a file, and symbolic links."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NONUNAME, GetattrMask, QidType

from ..check.case import case
from ..check.peer import DIR, Peer

A, B, C = 10, 11, 12
"""Fids."""
LONGEST = 4095
"""Bytes of the longest text of a symbolic link."""


def nlink(p: Peer, fid: int) -> int:
    """Return how many names a file has."""
    return p.ok(m.Tgetattr(fid, GetattrMask.BASIC), m.Rgetattr).nlink


def symlink(p: Peer, name: bytes, target: bytes) -> m.Rsymlink:
    """Make a symbolic link that is not the subject."""
    return p.ok(m.Tsymlink(DIR, name, target, NONUNAME), m.Rsymlink)


@case("link/second-name", "link.same-file", needs=["link"])
def second_name(p: Peer) -> None:
    """A second name is one of the same file: one qid.path, one content, one name more."""
    p.make(b"one", b"abc")
    path = p.walk(DIR, A, b"one")[-1].path
    p.must("link.same-file", m.Tlink(DIR, A, b"two"), m.Rlink)
    p.equal("link.same-file", path, p.walk(DIR, B, b"two")[-1].path, "qid.path of the second name")
    p.equal("link.same-file", [2, 2], [nlink(p, A), nlink(p, B)], "nlink by either name")
    p.opened(C, b"two", access="rw")
    p.write(C, 3, b"def")
    p.equal("link.same-file", b"abcdef", p.content(b"one"), "what the first name holds")


@case("link/third-name", "link.same-file", needs=["link"])
def third_name(p: Peer) -> None:
    """Each further name counts, and each that goes does not count any more."""
    p.make(b"one", b"abc")
    p.walk(DIR, A, b"one")
    for number, name in enumerate((b"two", b"three", b"four"), 2):
        p.must("link.same-file", m.Tlink(DIR, A, name), m.Rlink)
        p.equal("link.same-file", number, nlink(p, A), "nlink")
    p.walk(DIR, B, b"three")
    p.must("link.same-file", m.Tremove(B), m.Rremove)
    p.equal("link.same-file", 3, nlink(p, A), "nlink when a name is gone")


@case("link/into-directory", "link.same-file", needs=["link"])
def into_directory(p: Peer) -> None:
    """The name is made in the directory dfid, wherever the file is."""
    p.mkdir(b"d")
    p.make(b"one", b"abc")
    p.walk(DIR, A, b"one")
    p.walk(DIR, B, b"d")
    p.must("link.same-file", m.Tlink(B, A, b"two"), m.Rlink)
    p.true("link.same-file", not p.exists(b"two"), "no such name beside the first")
    p.true("link.same-file", p.exists(b"d", b"two"), "the name in the directory")
    p.equal("link.same-file", b"abc", p.content(b"d", b"two"), "what the second name holds")


@case("link/first-name-goes", "link.same-file", needs=["link"])
def first_name_goes(p: Peer) -> None:
    """The second name goes on when the first is removed."""
    p.make(b"one", b"abc")
    p.walk(DIR, A, b"one")
    p.ok(m.Tlink(DIR, A, b"two"))
    p.clunk(A)
    p.remove(b"one")
    p.true("link.same-file", p.exists(b"two"), "the second name")
    p.walk(DIR, A, b"two")
    p.equal("link.same-file", 1, nlink(p, A), "nlink")
    p.equal("link.same-file", b"abc", p.content(b"two"), "what the second name holds")


@case("link/directory", "link.no-directory", needs=["link"])
def directory(p: Peer) -> None:
    """A directory is not linked, and no name is made."""
    p.mkdir(b"d")
    p.make(b"f")
    p.walk(DIR, A, b"d")
    p.walk(DIR, B, b"f")
    p.refuses("link.no-directory", m.Tlink(DIR, A, b"new"), control=m.Tlink(DIR, B, b"good"))
    p.true("link.no-directory", not p.exists(b"new"), "no new name")


@case("link/removed-file", "link.named-target", needs=["link"])
def removed_file(p: Peer) -> None:
    """A file that is open and has no name any more gets no new one."""
    p.make(b"f")
    p.make(b"g")
    p.opened(A, b"f")
    p.walk(DIR, B, b"g")
    p.remove(b"f")
    p.refuses("link.named-target", m.Tlink(DIR, A, b"new"), control=m.Tlink(DIR, B, b"good"))
    p.true("link.named-target", not p.exists(b"new"), "no new name")


@case("link/symlink-linked", "link.symlink-itself", needs=["link", "symlink"],
      each=(("to-a-file", b"f"), ("to-nothing", b"missing")))  # fmt: skip
def symlink_linked(p: Peer, to: tuple[str, bytes]) -> None:
    """A further name for a symbolic link is one of the link, wherever that leads."""
    p.make(b"f", b"abc")
    path = symlink(p, b"sym", to[1]).qid.path
    p.walk(DIR, A, b"sym")
    p.must("link.symlink-itself", m.Tlink(DIR, A, b"two"), m.Rlink)
    p.equal("link.symlink-itself", path, p.walk(DIR, B, b"two")[-1].path, "qid.path")
    r = p.must("link.symlink-itself", m.Treadlink(B), m.Rreadlink)
    p.equal("link.symlink-itself", to[1], r.target, "its text")


@case("link/symlink-qid", "link.symlink-qid", needs=["symlink"])
def symlink_qid(p: Peer) -> None:
    """The reply has the qid of the new link, and not of the directory or of what it leads to."""
    p.mkdir(b"d")
    r = p.must("link.symlink-qid", m.Tsymlink(DIR, b"sym", b"d", NONUNAME), m.Rsymlink)
    walked = p.walk(DIR, A, b"sym")[-1]
    p.equal("link.symlink-qid", int(QidType.SYMLINK), r.qid.type, "qid.type")
    p.equal("link.symlink-qid", walked.path, r.qid.path, "qid.path as a walk gives it")


@case("link/symlink-empty", "link.symlink-empty", needs=["symlink"])
def symlink_empty(p: Peer) -> None:
    """A symbolic link without a text is not made."""
    bad, good = (m.Tsymlink(DIR, n, t, NONUNAME) for n, t in ((b"new", b""), (b"good", b"x")))
    p.refuses("link.symlink-empty", bad, control=good)
    p.true("link.symlink-empty", not p.exists(b"new"), "no new name")


@case("link/symlink-nul", "link.symlink-nul", needs=["symlink"])
def symlink_nul(p: Peer) -> None:
    """A text with a NUL byte is not made into a link, and not cut there."""
    bad, good = (m.Tsymlink(DIR, n, t, NONUNAME) for n, t in ((b"new", b"a\0b"), (b"good", b"ab")))
    p.refuses("link.symlink-nul", bad, control=good)
    p.true("link.symlink-nul", not p.exists(b"new"), "no new name")


@case("link/symlink-longest", "link.symlink-too-long", needs=["symlink-4095"])
def symlink_longest(p: Peer) -> None:
    """A text of 4095 bytes makes a link and comes back whole."""
    target = b"t" * LONGEST
    t = m.Tsymlink(DIR, b"sym", target, NONUNAME)
    p.must("link.symlink-too-long", t, m.Rsymlink)
    p.walk(DIR, A, b"sym")
    p.equal("link.symlink-too-long", target, p.ok(m.Treadlink(A), m.Rreadlink).target, "the text")


@case("link/symlink-too-long", "link.symlink-too-long", needs=["symlink"],
      each=(LONGEST + 1, 60_000))  # fmt: skip
def symlink_too_long(p: Peer, size: int) -> None:
    """A longer text is refused, and no link with a shorter one is made."""
    bad = m.Tsymlink(DIR, b"new", b"t" * size, NONUNAME)
    good = m.Tsymlink(DIR, b"good", b"t", NONUNAME)
    p.refuses("link.symlink-too-long", bad, control=good)
    p.true("link.symlink-too-long", not p.exists(b"new"), "no new name")
