"""flush(5): the client no longer wants an answer.

No request is slow on every server, so many go out in one piece with the Tflush that is meant for
one of them.  What is asked for then holds whether it was still in flight or not.
"""

from __future__ import annotations

from collections.abc import Callable

from ninep import messages as m
from ninep.constants import NOFID, NONUNAME, NOTAG, SetattrValid
from ninep.messages import TMessage

from ..check.case import Start, case
from ..check.peer import DIR, Peer, is_error

FILE, OPENED, PLACE, NEW = 10, 11, 12, 13
"""Fids: a file, the same open, the case's directory, none yet."""
OLD = 50
"""Tag of the request that is flushed."""
AROUND = 12
"""Requests that are in flight beside it."""
LINUX = ("9P2000.L",)
CONTENT = b"content"

REQUESTS: dict[str, Callable[[Peer], TMessage]] = {
    "stat": lambda p: p.speech.stat(FILE),
    "walk": lambda _: m.Twalk(DIR, NEW, (b"file",)),
    "open": lambda p: p.speech.open(FILE, "r"),
    "create": lambda p: p.speech.create(PLACE, b"made", "rw", 0o644),
    "mkdir": lambda p: p.speech.mkdir(PLACE, b"made", 0o755),
    "read": lambda _: m.Tread(OPENED, 0, 7),
    "write": lambda _: m.Twrite(OPENED, 0, b"CONTENT"),
    "attach": lambda p: m.Tattach(NEW, NOFID, p.user[0], p.aname, p.user[1]),
    "clunk": lambda _: m.Tclunk(FILE),
    "remove": lambda _: m.Tremove(FILE),
    "refused": lambda _: m.Twalk(DIR, NEW, (b"missing",)),
    "rename": lambda _: m.Trenameat(DIR, b"file", DIR, b"other"),
    "truncate": lambda _: m.Tsetattr(FILE, SetattrValid.SIZE, 0, 0, 0, 0, 0, 0, 0, 0),
    "unlink": lambda _: m.Tunlinkat(DIR, b"file", 0),
    "symlink": lambda _: m.Tsymlink(DIR, b"made", b"file", NONUNAME),
}

EFFECTS: dict[str, Callable[[Peer], bool]] = {
    "open": lambda p: is_error(p.rpc(p.speech.open(FILE, "r"))),
    "create": lambda p: p.exists(b"made"),
    "mkdir": lambda p: p.exists(b"made"),
    "write": lambda p: p.content(b"file") == b"CONTENT",
    "clunk": lambda p: is_error(p.rpc(p.speech.stat(FILE))),
    "remove": lambda p: is_error(p.rpc(p.speech.stat(FILE))) and not p.exists(b"file"),
    "rename": lambda p: p.exists(b"other") and not p.exists(b"file"),
    "truncate": lambda p: p.content(b"file") == b"",
    "unlink": lambda p: not p.exists(b"file"),
    "symlink": lambda p: p.exists(b"made"),
}
"""Whether a request has done what it was to do."""


def spoken(name: str) -> tuple[str, ...]:
    """Return the dialects that a request can be made in; all of them if that is empty."""
    return LINUX if name in ("rename", "truncate", "unlink", "symlink") else ()


def prepare(p: Peer) -> None:
    """Make what the requests are about."""
    p.make(b"file", CONTENT)
    p.walk(DIR, FILE, b"file")
    p.opened(OPENED, b"file", access="rw")
    p.walk(DIR, PLACE)


def beside(p: Peer, *requests: tuple[int, TMessage]) -> list[tuple[int, m.Message]]:
    """Send requests in one piece with others before and behind; return all replies."""
    before = [(100 + n, m.Tread(OPENED, n % 7, 3)) for n in range(AROUND)]
    behind = [(200 + n, p.speech.stat(DIR)) for n in range(AROUND)]
    p.together(*before, (99, p.speech.stat(FILE)), *requests, *behind)
    return p.replies()


@case("flush/idle-tag", "flush.unknown-oldtag", "flush.always-rflush", start=Start.VERSION,
      each=(0, 1, 0x7FFF, 0x8000, 0xFFFE, NOTAG))  # fmt: skip
def idle_tag(p: Peer, oldtag: int) -> None:
    """A Tflush for a tag that was never used is answered with Rflush, before any attach too."""
    p.must("flush.unknown-oldtag", m.Tflush(oldtag), m.Rflush)


@case("flush/answered-tag", "flush.unknown-oldtag", each=("stat", "refused"))
def answered_tag(p: Peer, name: str) -> None:
    """A Tflush for a request that was answered, well or with an error, is answered with Rflush."""
    prepare(p)
    p.rpc(REQUESTS[name](p), OLD)
    p.must("flush.unknown-oldtag", m.Tflush(OLD), m.Rflush)
    p.must("flush.unknown-oldtag", m.Tflush(OLD), m.Rflush)


@case("flush/own-tag", "flush.own-tag", start=Start.VERSION)
def own_tag(p: Peer) -> None:
    """A Tflush of its own tag is answered."""
    r = p.rpc(m.Tflush(OLD), OLD)
    p.true("flush.own-tag", isinstance(r, m.Rflush), "Rflush", r)


@case("flush/own-tag-among-others", "flush.own-tag", "flush.gets-through")
def own_tag_among_others(p: Peer) -> None:
    """A Tflush of its own tag is answered while other requests are in flight."""
    prepare(p)
    replies = dict(beside(p, (OLD, m.Tflush(OLD))))
    p.true("flush.own-tag", isinstance(replies[OLD], m.Rflush), "Rflush", replies[OLD])


@case("flush/reply-before-or-never", "flush.after-reply", "flush.always-rflush",
      each=REQUESTS, dialects=spoken)  # fmt: skip
def reply_before_or_never(p: Peer, name: str) -> None:
    """A request in flight is answered before its Rflush or not at all; the Tflush is answered."""
    prepare(p)
    replies = beside(p, (OLD, REQUESTS[name](p)), (51, m.Tflush(OLD)))
    last = dict(replies)[51]
    p.true("flush.always-rflush", isinstance(last, m.Rflush), "Rflush", last)
    p.make(b"later")  # takes longer than what was flushed, whose reply would come meanwhile
    p.silent("flush.after-reply", [OLD])


@case("flush/others-answered", "error.one-reply", "tag.reply-same-tag", each=("walk", "write"))
def others_answered(p: Peer, name: str) -> None:
    """A Tflush takes no reply from the requests beside the one that it names."""
    prepare(p)
    replies = dict(beside(p, (OLD, REQUESTS[name](p)), (51, m.Tflush(OLD))))
    for tag in range(100, 100 + AROUND):
        p.true("error.one-reply", isinstance(replies[tag], m.Rread), "an Rread", replies[tag])
    for tag in range(200, 200 + AROUND):
        p.true("error.one-reply", not is_error(replies[tag]), "the attributes", replies[tag])


@case("flush/every-one-answered", "flush.every-flush-answered", each=("walk", "read", "write"))
def every_one_answered(p: Peer, name: str) -> None:
    """Of several Tflush for one request each is answered, in the order in which they came."""
    prepare(p)
    flushes = [(51 + n, m.Tflush(OLD)) for n in range(4)]
    tags = [tag for tag, _ in beside(p, (OLD, REQUESTS[name](p)), *flushes)]
    order = [tag for tag in tags if 51 <= tag < 55]
    p.equal("flush.every-flush-answered", [51, 52, 53, 54], order, "the tags of the Rflush")


@case("flush/chain", "flush.flush-chain", "flush.always-rflush", each=(2, 40))
def chain(p: Peer, length: int) -> None:
    """A chain of Tflush, each for the one before, is answered to its end."""
    prepare(p)
    flushes = [(51 + n, m.Tflush(OLD + n)) for n in range(length)]
    replies = dict(beside(p, (OLD, REQUESTS["write"](p)), *flushes))
    for tag, _ in flushes:
        p.true("flush.flush-chain", isinstance(replies.get(tag), m.Rflush), f"Rflush, tag {tag}")


@case("flush/each-other", "flush.flush-chain", "flush.unknown-oldtag", start=Start.VERSION)
def each_other(p: Peer) -> None:
    """Two Tflush that name each other are both answered."""
    p.together((51, m.Tflush(52)), (52, m.Tflush(51)))
    p.equal("flush.flush-chain", [51, 52], sorted(tag for tag, _ in p.replies()), "the tags")


@case("flush/no-fid-left", "flush.no-trace", each=("walk", "attach", "xattrwalk"),
      dialects=lambda name: LINUX if name == "xattrwalk" else ())  # fmt: skip
def no_fid_left(p: Peer, name: str) -> None:
    """A request for a new fid that is flushed without a reply has made none, else it has."""
    prepare(p)
    t = m.Txattrwalk(FILE, NEW, b"") if name == "xattrwalk" else REQUESTS[name](p)
    replies = dict(beside(p, (OLD, t), (51, m.Tflush(OLD))))
    made = OLD in replies and not is_error(replies[OLD])
    there = not is_error(p.rpc(m.Tclunk(NEW)))
    p.equal("flush.no-trace", made, there, "whether the fid is there, as the replies say")
    p.must("flush.no-trace", m.Twalk(DIR, NEW, (b"file",)), m.Rwalk)


@case("flush/fid-unmoved", "flush.no-trace")
def fid_unmoved(p: Peer) -> None:
    """A walk of a fid onto itself that is flushed without a reply has not moved it."""
    prepare(p)
    replies = dict(beside(p, (OLD, m.Twalk(PLACE, PLACE, (b"file",))), (51, m.Tflush(OLD))))
    moved = OLD in replies and not is_error(replies[OLD])
    p.equal("flush.no-trace", not moved, p.stat(PLACE).directory, "whether it is where it was")


@case("flush/all-or-nothing", "flush.effect-whole", each=EFFECTS, dialects=spoken)
def all_or_nothing(p: Peer, name: str) -> None:
    """A change that is flushed is carried out and answered, or not begun."""
    prepare(p)
    replies = dict(beside(p, (OLD, REQUESTS[name](p)), (51, m.Tflush(OLD))))
    answered = OLD in replies and not is_error(replies[OLD])
    p.equal("flush.effect-whole", answered, EFFECTS[name](p), "whether it happened, as answered")


@case("flush/many-in-flight", "flush.gets-through", each=(70, 300))
def many_in_flight(p: Peer, count: int) -> None:
    """However many requests are in flight, a Tflush for each of them is answered."""
    prepare(p)
    reads = [(1000 + n, m.Tread(OPENED, n % 7, 1)) for n in range(count)]
    flushes = [(3000 + n, m.Tflush(1000 + n)) for n in range(count)]
    p.together(*reads, *flushes)
    replies = dict(p.replies())
    for tag, _ in flushes:
        seen = replies.get(tag)
        p.true("flush.gets-through", isinstance(seen, m.Rflush), f"Rflush with tag {tag}", seen)
