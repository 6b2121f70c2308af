"""readlink, in 9P2000.L: the text of a symbolic link."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NONUNAME

from ..check.case import case
from ..check.peer import DIR, Peer

A, B = 10, 11
"""Fids."""
TEXTS = (
    ("name", b"file"),
    ("one-byte", b"x"),
    ("absolute", b"/no/such/file"),
    ("root", b"/"),
    ("upwards", b"../../../../up"),
    ("needless-parts", b".//a/./b/../c/"),
    ("spaces", b" a  b "),
    ("not-UTF-8", b"\xff\xfe\x80/\xc3"),
    ("newline", b"a\nb\r\n"),
    ("percent-sign", b"%2e%2e%2f%s"),
    ("1000-bytes", b"0123456789" * 100),
)
HEADER = 9
"""Bytes of an Rreadlink beside the text."""


@case("readlink/not-a-symlink", "readlink.symlink-only", needs=["symlink"],
      each=(("file", b"f"), ("directory", b"d")))  # fmt: skip
def not_a_symlink(p: Peer, kind: tuple[str, bytes]) -> None:
    """What is no symbolic link has no text."""
    p.make(b"f", b"abc")
    p.mkdir(b"d")
    p.ok(m.Tsymlink(DIR, b"link", b"f", NONUNAME))
    p.walk(DIR, A, kind[1])
    p.walk(DIR, B, b"link")
    p.refuses("readlink.symlink-only", m.Treadlink(A), control=m.Treadlink(B))


@case("readlink/text", "readlink.exact-text", "link.symlink-text", needs=["symlink"], each=TEXTS)
def text(p: Peer, item: tuple[str, bytes]) -> None:
    """The text of a link is stored and comes back byte by byte, whatever it would lead to."""
    p.must("link.symlink-text", m.Tsymlink(DIR, b"link", item[1], NONUNAME), m.Rsymlink)
    p.walk(DIR, A, b"link")
    r = p.must("readlink.exact-text", m.Treadlink(A), m.Rreadlink)
    p.equal("readlink.exact-text", item[1], r.target, "the text")


@case("readlink/text-fills-msize", "readlink.exact-text", "frame.reply-fits",
      needs=["symlink-4095"])  # fmt: skip
def text_fills_msize(p: Peer) -> None:
    """A text that fills msize comes whole; one byte more is an error and not a shorter text."""
    q = p.another(msize=4096)
    for name, spare in ((b"fits", 0), (b"longer", 1)):
        target = b"t" * (q.msize - HEADER + spare)
        p.ok(m.Tsymlink(DIR, name, target, NONUNAME))
    q.walk(DIR, A, b"fits")
    q.walk(DIR, B, b"longer")
    r = q.must("readlink.exact-text", m.Treadlink(A), m.Rreadlink)
    p.equal("readlink.exact-text", q.msize - HEADER, len(r.target), "the length of the text")
    q.refuses("frame.reply-fits", m.Treadlink(B))
