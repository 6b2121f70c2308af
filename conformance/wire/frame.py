"""intro(5), framing: size, type, tag and a body that fills the rest.

The families are made from the tables: a new message is in them by itself.  A server may hang up on
most of what is sent here; the next frame then goes over a new connection.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ninep import messages as m
from ninep.constants import FIRST_FRAME_MAX, HDRSZ, IOHDRSZ, MAXWELEM, NONUNAME
from ninep.spec import spec

from ..check import samples
from ..check.case import Start, case
from ..check.layout import build
from ..check.peer import DIR, ROOT, Peer, is_error, shown
from ..check.speech import wstat
from ..check.verdict import Broken, Unjudged

FID, NEW, FILE = 10, 11, 12
"""Fids: the case's directory once more, none yet, a file."""
TAG = 50
LINUX = ("9P2000.L",)
UNASSIGNED = tuple(
    (f"{r.first}-{r.last}", range(r.first, r.last + 1))
    for r in spec().registry
    if r.status in ("unassigned", "illegal")
)
"""Ranges of numbers that no dialect uses."""
MARK = b"\xfe\xfe-marked-\xfe\xfe"
"""A text by which a field is found again in a frame."""
SMALL = 4096
LINK_MAX = 4095
"""Bytes of a symbolic link at most."""
SERVED: dict[str, dict[str, int]] = {
    "Trename": {"fid": FILE},
    "Tlink": {"fid": FILE},
    "Treadlink": {"fid": NEW},
}
"""Fids with which a request, once it is read, gets another answer than one that cannot be read."""


def resized(data: bytes) -> bytes:
    """Set the size of a frame to what it is."""
    return len(data).to_bytes(4, "little") + data[4:]


def whole(p: Peer, name: str, /, **given: object) -> bytes:
    """Return a well-formed frame that works on `FID`."""
    t = samples.message(name, FID, NEW, **SERVED.get(name, {}) | given)
    return build(p.dialect, TAG, t)


def prepare(q: Peer) -> None:
    """Walk the fids that the frames name."""
    q.walk(DIR, FID)
    q.walk(DIR, FILE, b"file")


def all_refused(p: Peer, clause: str, frames: Iterable[bytes]) -> None:
    """Send frames that must be refused, over new connections where the server hangs up.

    In the end `FID` is what it was, and the fid that was to be made is free.
    """
    q = p
    q.make(b"file")
    prepare(q)
    for data in frames:
        if q.link.closed:
            q = p.another()
            prepare(q)
        q.refuses_bytes(clause, data)
    if not q.link.closed:
        q.must(clause, m.Twalk(FID, NEW, ()), m.Rwalk)
        q.equal(clause, q.stat(DIR).qid.path, q.stat(FID).qid.path, "qid.path of the fid")
        q.clunk(NEW)


def then_answered(p: Peer, data: bytes) -> None:
    """Send a well-formed frame, which gets a reply whatever it says: the control."""
    q, dialect = p, p.dialect
    if p.link.closed:
        q = p.another()
        prepare(q)
    q.reply(q.link.illegal(data))
    if not q.link.session:
        q.version(SMALL, dialect)


@case("frame/short-body", "frame.short-body", each=samples.REQUESTS, dialects=samples.dialects)
def short_body(p: Peer, name: str) -> None:
    """A request that ends before its last field does is refused, wherever it ends."""
    data = whole(p, name)
    lawful = samples.shortest(name, p.dialect, len(data))
    cut = [resized(data[:n]) for n in range(HDRSZ, len(data)) if n != lawful]
    all_refused(p, "frame.short-body", cut)
    then_answered(p, data)


@case("frame/trailing-bytes", "frame.trailing-bytes", each=samples.REQUESTS,
      dialects=samples.dialects)  # fmt: skip
def trailing_bytes(p: Peer, name: str) -> None:
    """A request with bytes behind its last field is refused."""
    data = whole(p, name)
    behind = (b"\0", b"\0\0\0", b"x" * 100)
    all_refused(p, "frame.trailing-bytes", [resized(data + more) for more in behind])
    then_answered(p, data)


@case("frame/length-too-large", "frame.short-body", each=samples.counted(),
      dialects=lambda label: samples.dialects(*label.split(".")))  # fmt: skip
def length_too_large(p: Peer, label: str) -> None:
    """A length in front of a field that leads out of the frame is refused."""
    name, _, field = label.partition(".")
    repeated = any(f.name == field and f.count for f in spec().messages[name].fields)
    data = whole(p, name, **{field: (MARK,) if repeated else MARK})
    at, width = data.index(MARK), 4 if name == "Twrite" else 2
    top = (1 << 8 * width) - 1
    rest = len(data) - at
    lies = {rest + 1, rest + 4, top // 2, top // 2 + 1, top}
    lied = [data[: at - width] + n.to_bytes(width, "little") + data[at:] for n in sorted(lies)]
    all_refused(p, "frame.short-body", lied)
    then_answered(p, data)


@case("frame/fewer-names", "frame.short-body", each=(1, 2, 16))
def fewer_names(p: Peer, count: int) -> None:
    """A walk of more names than follow is refused."""
    rest = count.to_bytes(2, "little") + b"\x04\0file" * (count - 1)
    all_refused(p, "frame.short-body", [p.raw(m.Twalk.code, TAG, (FID, NEW), rest)])
    p.another().must("frame.short-body", m.Twalk(DIR, NEW, (b"file",)), m.Rwalk)


@case("frame/too-many-names", "frame.count-limit", start=Start.ATTACHED, each=(17, 100, 0xFFFF))
def too_many_names(p: Peer, count: int) -> None:
    """A walk of more than 16 names is refused, though each of them exists."""
    p.ok(m.Twalk(ROOT, FID, (b"..",) * MAXWELEM))
    there = min(count, (p.msize - 17) // 4)
    rest = count.to_bytes(2, "little") + b"\2\0.." * there
    p.refuses_bytes("frame.count-limit", p.raw(m.Twalk.code, TAG, (ROOT, NEW), rest))
    if not p.link.closed:
        p.must("frame.count-limit", m.Twalk(ROOT, NEW, ()), m.Rwalk)


@case("frame/too-small", "frame.size-minimum", start=Start.ATTACHED, each=range(7))
def too_small(p: Peer, size: int) -> None:
    """A size that does not cover its own header ends the connection."""
    p.link.put(size.to_bytes(4, "little") + b"\x78\1\0")
    p.closes("frame.size-minimum")
    p.another().must("session.others-unharmed", p.speech.stat(ROOT))


@case("frame/largest", "frame.size-maximum")
def largest(p: Peer) -> None:
    """A message of just msize bytes is taken whole, also by a small msize."""
    q = p.another(msize=SMALL)
    room = q.msize - len(q.frame(m.Twalk(DIR, NEW, (b"",) * MAXWELEM), TAG))
    names = [bytes([ord("a") + n]) * (room // MAXWELEM) for n in range(MAXWELEM)]
    names[-1] += b"z" * (room % MAXWELEM)
    p.mkdir(names[0])
    r = q.answer("frame.size-maximum", m.Twalk(DIR, NEW, tuple(names)))
    if isinstance(r, m.Rwalk):
        p.equal("frame.size-maximum", 1, len(r.wqid), "the number of qids, of which one is there")


@case("frame/one-byte-too-large", "frame.size-maximum")
def one_byte_too_large(p: Peer) -> None:
    """A message of one byte more than msize is not served."""
    p.make(b"file")
    q = p.another(msize=SMALL)
    q.opened(FILE, b"file", access="rw")
    write = m.Twrite(FILE, 0, b"x" * (q.msize + 1 - 23))
    q.refuses_bytes("frame.size-maximum", q.frame(write, TAG))
    p.equal("frame.size-maximum", b"", p.content(b"file"), "what the file holds")


@case("frame/enormous", "frame.size-maximum", start=Start.ATTACHED,
      each=(0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))  # fmt: skip
def enormous(p: Peer, size: int) -> None:
    """A size far beyond msize ends the connection as soon as it is read."""
    p.link.put(size.to_bytes(4, "little") + b"\x78\1\0")
    p.closes("frame.size-maximum")
    p.another().must("session.others-unharmed", p.speech.stat(ROOT))


@case("frame/first-largest", "frame.first-cap", start=Start.BARE)
def first_largest(p: Peer) -> None:
    """As long as there is no msize a message may have 8192 bytes."""
    name = b"x" * (FIRST_FRAME_MAX - HDRSZ - 6)
    for _ in range(2):
        p.rpc(m.Tversion(8192, name))
    p.version(8192, p.wanted)


@case("frame/first-too-large", "frame.first-cap", start=Start.BARE, each=("first", "second"))
def first_too_large(p: Peer, which: str) -> None:
    """As long as there is no msize a message of more than 8192 bytes is not read."""
    name = b"x" * (FIRST_FRAME_MAX - HDRSZ - 6 + 1)
    if which == "second":
        p.rpc(m.Tversion(8192, b"unknown"))
    p.refuses_bytes("frame.first-cap", p.frame(m.Tversion(8192, name), 0xFFFF))
    p.another()


@case("frame/cut", "frame.any-cut", each=(1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 22))
def cut(p: Peer, at: int) -> None:
    """A message that comes in two pieces is one message."""
    p.make(b"file", b"abc")
    q = p.another()
    data = p.frame(m.Twalk(DIR, FILE, (b"file",)), TAG)
    p.link.put(data[:at])
    for _ in range(2):  # then the server has read what came before the second
        q.ok(q.speech.stat(DIR))
    p.link.waiting[TAG] = m.Twalk.code
    p.link.put(data[at:])
    r = p.reply(TAG)
    p.true("frame.any-cut", isinstance(r, m.Rwalk), "Rwalk", r)
    p.equal("frame.any-cut", 3, p.stat(FILE).size, "the size of the file walked to")


@case("frame/byte-by-byte", "frame.any-cut")
def byte_by_byte(p: Peer) -> None:
    """Messages that come byte by byte are served, data in them included."""
    p.make(b"file")
    p.opened(FILE, b"file", access="rw")
    q = p.another()
    for n, t in enumerate((m.Twrite(FILE, 0, b"a longer text"), m.Tread(FILE, 2, 6))):
        data = p.frame(t, n)
        p.link.waiting[n] = t.code
        for i in range(len(data)):
            p.link.put(data[i : i + 1])
            if i < HDRSZ:
                q.ok(q.speech.stat(DIR))  # then the server has read the byte
        r = p.reply(n)
        p.true("frame.any-cut", not is_error(r), "a reply", r)
    p.equal("frame.any-cut", b"a longer text", p.read(FILE), "what the file holds")


@case("frame/pieces-of-several", "frame.any-cut", each=(1, 3, 5, 11, 100, 333))
def pieces_of_several(p: Peer, size: int) -> None:
    """A stream of messages is served, whatever the pieces are that it comes in."""
    content = bytes(range(256))
    p.make(b"file", content)
    p.opened(FILE, b"file")
    frames = [p.link.framed(m.Tread(FILE, n, n + 1), n)[1] for n in range(60)]
    stream, q = b"".join(frames), p.another()
    for at in range(0, len(stream), size):
        p.link.put(stream[at : at + size])
        if size > 10:
            q.ok(q.speech.stat(DIR))  # then the server has read the piece
    replies = dict(p.replies())
    for n in range(60):
        r = replies[n]
        seen = bytes(r.data) if isinstance(r, m.Rread) else r
        p.equal("frame.any-cut", content[n : 2 * n + 1], seen, f"the reply to request {n}")


@case("frame/large-in-pieces", "frame.any-cut", each=(7, 4096, 16000))
def large_in_pieces(p: Peer, at: int) -> None:
    """A large message that comes in pieces arrives whole."""
    data = bytes(range(251)) * 100
    content = data[: min(p.msize, 20000) - IOHDRSZ]
    p.make(b"file")
    p.opened(FILE, b"file", access="rw")
    frame = p.frame(m.Twrite(FILE, 0, content), TAG)
    p.link.waiting[TAG] = m.Twrite.code
    p.link.put(frame[:at])
    p.another().ok(p.speech.stat(DIR))
    p.link.put(frame[at:])
    r = p.reply(TAG)
    count = r.count if isinstance(r, m.Rwrite) else 0
    p.true("frame.any-cut", count > 0, "bytes written", r)
    p.equal("frame.any-cut", content[:count], p.read(FILE, 0, count), "what the file holds")


@case("frame/never-finished", "frame.any-cut")
def never_finished(p: Peer) -> None:
    """A message whose end never comes has no effect."""
    p.make(b"file")
    q = p.another()
    q.walk(DIR, FILE, b"file")
    q.link.put(q.frame(m.Tremove(FILE), TAG)[:-1])
    q.link.sock.shutdown(socket.SHUT_WR)
    q.closes("frame.any-cut")
    p.true("frame.any-cut", p.exists(b"file"), "the file still there")


@case("frame/unknown-type", "frame.unknown-type", each=UNASSIGNED)
def unknown_type(p: Peer, item: tuple[str, range]) -> None:
    """A type that is no message is refused, whatever follows it."""
    _, codes = item
    bodies = [p.raw(code, TAG, (FID,), rest) for code in codes for rest in (b"", bytes(60))]
    all_refused(p, "frame.unknown-type", bodies)


@case("frame/other-dialect", "frame.other-dialect",
      each=filter(samples.elsewhere, samples.REQUESTS), dialects=samples.elsewhere)  # fmt: skip
def other_dialect(p: Peer, name: str) -> None:
    """A message that only another dialect has is not served."""
    data = build(samples.dialects(name)[0], TAG, samples.message(name, FID, NEW))
    all_refused(p, "frame.other-dialect", [data])


@case("frame/reply-as-request", "frame.request-only", each=samples.REPLIES,
      dialects=samples.dialects)  # fmt: skip
def reply_as_request(p: Peer, name: str) -> None:
    """An R-message that a client sends is refused."""
    all_refused(p, "frame.request-only", [whole(p, name)])


@case("frame/reply-too-large", "frame.reply-fits", needs=["symlink"], dialects=LINUX)
def reply_too_large(p: Peer) -> None:
    """A reply of msize bytes comes whole; one of more is an error and not cut."""
    q = p.another(msize=SMALL)
    fits, over = b"x" * (q.msize - 9), b"y" * (q.msize - 8)
    if len(over) > LINK_MAX:
        raise Unjudged(f"an msize of {q.msize}")
    for name, text in ((b"fits", fits), (b"over", over)):
        p.ok(m.Tsymlink(DIR, name, text, NONUNAME))
    q.walk(DIR, FID, b"fits")
    q.walk(DIR, NEW, b"over")
    r = q.must("frame.reply-fits", m.Treadlink(FID), m.Rreadlink)
    p.equal("frame.reply-fits", fits, bytes(r.target), "the text of the link that fits")
    q.refuses("frame.reply-fits", m.Treadlink(NEW))


@case("frame/reply-layout", "frame.reply-layout")
def reply_layout(p: Peer) -> None:
    """Replies of several kinds have exactly the fields of their type: none cut, nothing behind."""
    p.mkdir(b"d")
    p.make(b"file", b"abc")
    p.walk(DIR, FILE)
    seen = [p.rpc(m.Twalk(DIR, FID, (b"d",))), p.rpc(m.Twalk(DIR, NEW, (b"missing",)))]
    seen += [p.rpc(p.speech.stat(FILE)), p.rpc(p.speech.open(FILE, "r")), p.rpc(m.Tclunk(FILE))]
    p.opened(FILE, b"file")
    seen += [p.rpc(m.Tread(FILE, 0, 3)), p.rpc(m.Tclunk(FILE)), p.rpc(m.Tflush(TAG))]
    refused = [is_error(r) for r in seen]
    p.equal("frame.reply-layout", [False, True, *(False for _ in seen[2:])], refused, "errors")


@case("frame/replies-fit", "frame.reply-fits", each=("read", "list"))
def replies_fit(p: Peer, what: str) -> None:
    """A count beyond msize gives a reply within it, of data and of entries."""
    q = p.another(msize=SMALL)
    if what == "read":
        p.make(b"file", b"x" * 10000)
        q.opened(FILE, b"file")
    else:
        for n in range(80):
            p.make(b"%03d" % n + b"n" * 60)
        q.walk(DIR, FILE)
        q.open(FILE)
    linux = what == "list" and p.dialect == "9P2000.L"
    for count in (SMALL - IOHDRSZ, SMALL - 11, SMALL - 10, SMALL, 65536, 0xFFFFFFFF):
        t = m.Treaddir(FILE, 0, count) if linux else m.Tread(FILE, 0, count)
        r = q.rpc(t)
        data = r.data if isinstance(r, m.Rread | m.Rreaddir) else b""
        broken = Broken("frame.reply-fits", "some data, within msize", f"{shown(r)} to {t!r}")
        if not data and count == SMALL - IOHDRSZ:
            raise broken
        if not data and not p.tolerated:
            p.tolerated.append(broken)


@case("frame/length-lies", "frame.length-lies", each=(-2, -1, 1, 2, "zero"))
def length_lies(p: Peer, by: int | str) -> None:
    """A record whose two lengths disagree is refused, and nothing in it is done."""
    p.make(b"file", b"abc")
    p.walk(DIR, FILE, b"file")
    data = p.frame(wstat(FILE, length=1), TAG)
    at = HDRSZ + 4
    n = 0 if isinstance(by, str) else int.from_bytes(data[at : at + 2], "little") + by
    p.refuses_bytes("frame.length-lies", data[:at] + n.to_bytes(2, "little") + data[at + 2 :])
    q = p.another()
    q.equal("frame.length-lies", b"abc", q.content(b"file"), "the file")
    q.walk(DIR, FILE, b"file")
    q.must("frame.length-lies", wstat(FILE, length=1), m.Rwstat)
