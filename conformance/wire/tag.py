"""intro(5), tags: which reply belongs to which request."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NOTAG

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error

FILE = 10
CONTENT = bytes(range(256))


@case("tag/any-number", "tag.reply-same-tag", start=Start.ATTACHED,
      each=(0, 1, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE))  # fmt: skip
def any_number(p: Peer, tag: int) -> None:
    """Any number but NOTAG is a tag, and the reply carries it, also if it is an error."""
    r = p.rpc(p.speech.stat(ROOT), tag)
    p.true("tag.reply-same-tag", not is_error(r), "the attributes", r)
    r = p.rpc(p.speech.stat(4_000), tag)
    p.true("tag.reply-same-tag", is_error(r), "an error", r)


@case("tag/replies-belong", "tag.reply-same-tag")
def replies_belong(p: Peer) -> None:
    """Of many requests in flight each gets the reply to it under its tag."""
    p.make(b"file", CONTENT)
    p.opened(FILE, b"file")
    p.together(*((7 * n + 1, m.Tread(FILE, n, 1)) for n in range(256)))
    replies = dict(p.replies())
    for n in range(256):
        r = replies[7 * n + 1]
        data = bytes(r.data) if isinstance(r, m.Rread) else r
        p.equal("tag.reply-same-tag", CONTENT[n : n + 1], data, f"the byte at {n}")


@case("tag/errors-belong", "tag.reply-same-tag", "error.one-reply")
def errors_belong(p: Peer) -> None:
    """Among requests in flight the errors are of those that deserve them."""
    p.make(b"file")
    names = [b"file" if n % 3 else b"missing" for n in range(60)]
    p.together(*((n, m.Twalk(DIR, 100 + n, (name,))) for n, name in enumerate(names)))
    replies = dict(p.replies())
    seen = [b"missing" if is_error(replies[n]) else b"file" for n in range(60)]
    p.equal("tag.reply-same-tag", names, seen, "what each walk found")


def reads_one(p: Peer, at: int, tag: int) -> None:
    """Demand one byte of the file, asked for with a tag that was used before."""
    r = p.rpc(m.Tread(FILE, at, 1), tag)
    data = bytes(r.data) if isinstance(r, m.Rread) else r
    p.equal("tag.reuse-after-reply", CONTENT[at : at + 1], data, f"the byte at {at}")


@case("tag/reused-after-reply", "tag.reuse-after-reply")
def reused_after_reply(p: Peer) -> None:
    """One tag does for any number of requests, one after the other."""
    p.make(b"file", CONTENT)
    p.opened(FILE, b"file")
    for n in range(100):
        reads_one(p, n, 5)


@case("tag/reused-after-rflush", "tag.reuse-after-reply", "flush.after-reply")
def reused_after_rflush(p: Peer) -> None:
    """The tag of a flushed request can be used again behind its Rflush."""
    p.make(b"file", CONTENT)
    p.opened(FILE, b"file")
    for n in range(50):
        fillers = [(100 + k, m.Tread(FILE, 0, 9)) for k in range(5)]
        p.together(*fillers, (5, m.Tread(FILE, 255, 1)), (6, m.Tflush(5)))
        p.replies()
        reads_one(p, n, 5)


@case("tag/reused-after-tversion", "tag.reuse-after-reply", "version.aborts-requests")
def reused_after_tversion(p: Peer) -> None:
    """Tags that a Tversion has set free can be used again."""
    p.make(b"file", CONTENT)
    p.opened(FILE, b"file")
    version = m.Tversion(p.msize, p.dialect.encode())
    p.together(*((n, m.Tread(FILE, n, 1)) for n in range(50)), (NOTAG, version))
    p.replies()
    p.attach(ROOT)
    for n in range(50):
        r = p.rpc(p.speech.stat(ROOT), n)
        p.true("tag.reuse-after-reply", not is_error(r), "the attributes", r)


@case("tag/notag", "tag.notag-only-version", start=Start.ATTACHED,
      each=("stat", "walk", "flush", "clunk"))  # fmt: skip
def notag(p: Peer, name: str) -> None:
    """NOTAG is the tag of no other request than Tversion, and what has it is not done."""
    p.walk(ROOT, FILE)
    stat, flush = p.speech.stat(FILE), m.Tflush(1)
    t = {"stat": stat, "walk": m.Twalk(ROOT, 11, ()), "flush": flush, "clunk": m.Tclunk(FILE)}[name]
    p.refuses_bytes("tag.notag-only-version", p.frame(t, NOTAG))
    if not p.link.closed:
        p.must("tag.notag-only-version", p.speech.stat(FILE))
        p.must("tag.notag-only-version", m.Twalk(ROOT, 11, ()), m.Rwalk)
