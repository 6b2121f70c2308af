"""What a case holds in its hand: one connection, words for its steps, words for its verdict.

Steps     `ok` `walk` `open` `make` …   must work, or nothing can be said (the case's controls)
Verdicts  `must` `refuses` `equal` …    name the clause that is broken if it is not so

A case begins inside a directory of its own: fid `ROOT` is what was attached, fid `DIR` that
directory, every other number is free.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from ninep import messages as m
from ninep.constants import HDRSZ, IOHDRSZ, NOFID, NONUNAME
from ninep.errors import NUMBERS
from ninep.messages import Message, Qid, RMessage, TMessage
from ninep.spec import spec

from .layout import build
from .link import Link
from .speech import SPEECH, Attributes, Speech
from .verdict import CLAUSES, Broken, Gone, Silent, Unjudged

R = TypeVar("R", bound=RMessage)
ROOT, DIR = 0, 1
"""Fids that a case begins with."""
LONGEST = 1 << 20
"""Bytes: more than any file or listing here has, and fewer than one that never ends."""
SCRATCH = 99
"""The fid that steps use for themselves; a server may know no large ones."""
NAMES = {c.value: c.name for c in spec().groups["Errno"].values}
UNUSED_TAG = 0xFFFE
NEVER_MADE = 0x7FFF_FFFE
NO_DIALECT = b"9P2000.zz"


class Peer:
    """One client of the server under test."""

    def __init__(self, link: Link, another: Callable[[int | None], Peer]) -> None:
        """Talk over `link`; `another` connects once more, attached and inside like this one."""
        self.link = link
        self._another = another
        self.user = (b"", NONUNAME)
        """uname and n_uname to attach with."""
        self.aname = b""
        self.path: tuple[bytes, ...] = ()
        """Names that lead from `ROOT` to `DIR`."""
        self.wanted = ""
        """The dialect that a case which begins before Tversion is to ask for."""

    @property
    def tolerated(self) -> list[Broken]:
        """What came and will do, though it is not the best answer."""
        return self.link.tolerated

    # What is agreed on

    @property
    def dialect(self) -> str:
        """The dialect of the session."""
        return self.link.dialect

    @property
    def msize(self) -> int:
        """The msize of the session, in bytes."""
        return self.link.msize

    @property
    def speech(self) -> Speech:
        """How the dialect says what all dialects can."""
        return SPEECH[self.dialect]

    def another(self, msize: int | None = None) -> Peer:
        """Return a further connection, as far as this one was when the case began."""
        return self._another(msize)

    # Messages

    def send(self, t: TMessage, tag: int | None = None) -> int:
        """Send a request and do not wait; return its tag."""
        return self.link.send(t, tag)

    def receive(self) -> tuple[int, Message]:
        """Return tag and message of the next reply, whichever that is."""
        return self.link.receive()

    def rpc(self, t: TMessage, tag: int | None = None) -> Message:
        """Send a request and return its reply, an error too."""
        return self.reply(self.send(t, tag))

    def reply(self, tag: int) -> Message:
        """Return the reply to a request in flight; nothing else may come first."""
        seen, r = self.receive()
        if seen != tag:
            raise Broken("tag.reply-same-tag", f"a reply with tag {tag}", f"{r!r:.200}, tag {seen}")
        return r

    def together(self, *requests: tuple[int, TMessage]) -> None:
        """Send requests, each with its tag, in one piece, so that they are in flight together."""
        self.link.put(b"".join([self.link.framed(t, tag)[1] for tag, t in requests]))

    def replies(self) -> list[tuple[int, Message]]:
        """Return tag and message of each reply, as they come, until nothing is in flight."""
        found = []
        while self.link.waiting:
            found.append(self.receive())
        return found

    def frame(self, t: TMessage, tag: int) -> bytes:
        """Return the frame of a request, to be changed or sent in an unusual way."""
        return build(self.dialect, tag, t)

    def raw(self, code: int, tag: int, words: Sequence[int], rest: bytes = b"") -> bytes:
        """Return a frame of any type: u32 words and then other bytes behind the header."""
        body = b"".join(word.to_bytes(4, "little") for word in words) + rest
        size = HDRSZ + len(body)
        return size.to_bytes(4, "little") + bytes([code]) + tag.to_bytes(2, "little") + body

    # Steps: they must work, or the case cannot be judged

    def ok(self, t: TMessage, kind: type[R] | None = None) -> R:
        """Send a request that is not the subject; return its reply, which must not be an error."""
        try:
            r = self.rpc(t)
        except (Gone, Silent) as exc:
            raise Unjudged(f"{t!r:.300} was not answered: {exc}") from exc
        if is_error(r) or (kind is not None and not isinstance(r, kind)):
            raise Unjudged(f"{t!r:.300} was answered by {shown(r)}")
        return r  # type: ignore[return-value]  # kind says so

    def version(self, msize: int, dialect: str) -> m.Rversion:
        """Begin a session."""
        r = self.ok(m.Tversion(msize, dialect.encode()), m.Rversion)
        if r.version != dialect.encode():
            raise Unjudged(f"{dialect}, {msize} bytes was answered by {shown(r)}")
        return r

    def attach(self, fid: int = ROOT) -> Qid:
        """Attach `fid` as the user that the run is told to be."""
        uname, uid = self.user
        return self.ok(m.Tattach(fid, NOFID, uname, self.aname, uid), m.Rattach).qid

    def walk(self, fid: int, newfid: int, *names: bytes) -> tuple[Qid, ...]:
        """Walk all of `names`."""
        r = self.ok(m.Twalk(fid, newfid, names), m.Rwalk)
        if len(r.wqid) != len(names):
            raise Unjudged(f"a walk to {names} ended after {len(r.wqid)} names")
        return r.wqid

    def clunk(self, *fids: int) -> None:
        """Clunk."""
        for fid in fids:
            self.ok(m.Tclunk(fid))

    def open(self, fid: int, access: str = "r") -> None:
        """Open for "r", "w" or "rw"."""
        self.ok(self.speech.open(fid, access))

    def opened(self, newfid: int, *names: bytes, access: str = "r") -> None:
        """Walk from the case's directory to a file and open it."""
        self.walk(DIR, newfid, *names)
        self.open(newfid, access)

    def create(self, newfid: int, name: bytes, access: str = "rw", perm: int = 0o644) -> None:
        """Create a file in the case's directory; `newfid` is the file, open."""
        self.walk(DIR, newfid)
        self.ok(self.speech.create(newfid, name, access, perm))

    def make(self, name: bytes, content: bytes = b"", *below: bytes) -> None:
        """Make a file, in the case's directory or `below` it, and leave no fid behind."""
        self.walk(DIR, SCRATCH, *below)
        self.ok(self.speech.create(SCRATCH, name, "w", 0o644))
        self.write(SCRATCH, 0, content)
        self.clunk(SCRATCH)

    def mkdir(self, name: bytes, *below: bytes, perm: int = 0o755) -> None:
        """Make a directory, in the case's directory or `below` it."""
        self.walk(DIR, SCRATCH, *below)
        self.ok(self.speech.mkdir(SCRATCH, name, perm))
        self.clunk(SCRATCH)

    def symlink(self, name: bytes, target: bytes) -> None:
        """Make a symbolic link in the case's directory; it takes the capability `symlink`."""
        self.walk(DIR, SCRATCH)
        self.ok(self.speech.symlink(SCRATCH, name, target))
        self.clunk(SCRATCH)

    def mknod(self, name: bytes, kind: int, numbers: tuple[int, int] = (0, 0)) -> None:
        """Make a special file in the case's directory; it takes the capability `mknod`."""
        self.walk(DIR, SCRATCH)
        self.ok(self.speech.mknod(SCRATCH, name, kind, numbers))
        self.clunk(SCRATCH)

    def write(self, fid: int, offset: int, data: bytes) -> None:
        """Write all of `data`."""
        while data:
            part = data[: self.msize - IOHDRSZ]
            count = self.ok(m.Twrite(fid, offset, part), m.Rwrite).count
            if not 0 < count <= len(part):
                raise Unjudged(f"{len(part)} bytes written were answered by a count of {count}")
            offset, data = offset + count, data[count:]

    def read(self, fid: int, offset: int = 0, count: int | None = None) -> bytes:
        """Read once."""
        count = self.msize - IOHDRSZ if count is None else count
        return bytes(self.ok(m.Tread(fid, offset, count), m.Rread).data)

    def stat(self, fid: int) -> Attributes:
        """Return the attributes."""
        return self.speech.attributes(self.ok(self.speech.stat(fid)))

    def content(self, *names: bytes) -> bytes:
        """Return what a file below the case's directory holds."""
        self.opened(SCRATCH, *names)
        data = bytearray()
        while part := self.read(SCRATCH, len(data)):
            data += part
            if len(data) > LONGEST:
                raise Broken("read.past-end", "the end of the file", f"{len(data)} bytes, and more")
        self.clunk(SCRATCH)
        return bytes(data)

    def exists(self, *names: bytes) -> bool:
        """Say whether a name below the case's directory can be walked to."""
        r = self.rpc(m.Twalk(DIR, SCRATCH, names))
        if not isinstance(r, m.Rwalk) or len(r.wqid) < len(names):
            return False
        self.clunk(SCRATCH)
        return True

    def remove(self, *names: bytes) -> None:
        """Remove a file or an empty directory below the case's directory."""
        self.walk(DIR, SCRATCH, *names)
        self.ok(m.Tremove(SCRATCH))

    def hang_up(self) -> None:
        """End the connection from this side; return when the server has ended its own."""
        self.link.hang_up()
        try:
            self._drain()
        except Silent:
            raise Unjudged("the server keeps a connection that its client has ended") from None

    def _drain(self) -> None:
        """Receive until the connection ends.  Errors: Silent"""
        with contextlib.suppress(Gone):
            while True:
                self.receive()
        self.link.waiting.clear()

    # Verdicts

    def answer(self, clause: str, t: TMessage) -> Message:
        """Send a request that is the subject; return its reply, which must come."""
        try:
            return self.rpc(t)
        except (Gone, Silent) as exc:
            raise Broken(clause, "a reply", str(exc)) from exc

    def must(self, clause: str, t: TMessage, kind: type[R] | None = None) -> R:
        """Send a request that the clause says succeeds; return its reply."""
        r = self.answer(clause, t)
        if is_error(r) or (kind is not None and not isinstance(r, kind)):
            raise Broken(clause, reply_name(t), shown(r))
        return r  # type: ignore[return-value]  # kind says so

    def refuses(self, clause: str, bad: TMessage, control: TMessage | None = None) -> None:
        """Send a request that the clause forbids: an error must come, best the clause's errno.

        `control` is its nearest legal relative.  It is sent first and must work, so that nobody
        passes by refusing everything.
        """
        if control is not None:
            self.ok(control)
        self.is_refusal(clause, repr(bad), self.answer(clause, bad))

    def is_refusal(self, clause: str, sent: str, r: Message) -> None:
        """Judge the reply to a request that must be refused."""
        row = CLAUSES[clause]
        if not is_error(r):
            raise Broken(clause, f"an error{wanted(row.errno)}", shown(r))
        number = errno(r)
        if row.errno is None or number is None or number == NUMBERS[row.errno]:
            return
        broken = Broken(clause, f"an error{wanted(row.errno)}", f"{shown(r)} to {sent:.200}")
        if row.exact and NAMES.get(number) not in row.tolerates:
            raise broken
        known = any(one.clause == clause for one in self.tolerated)
        if NAMES.get(number) not in row.tolerates and not known:
            self.tolerated.append(broken)

    def equal(self, clause: str, expected: object, actual: object, what: str) -> None:
        """Demand one value."""
        if expected != actual:
            where = differs(expected, actual)
            raise Broken(clause, f"{what}: {short(expected)}", short(actual), where)

    def true(self, clause: str, condition: bool, what: str, seen: object = "") -> None:  # noqa: FBT001  the condition is the subject
        """Demand a condition; `what` says it in words."""
        if not condition:
            raise Broken(clause, what, short(seen) if seen != "" else "not so")

    def closes(self, clause: str) -> None:
        """Demand that the server closes this connection, whatever it still sends before."""
        try:
            self._drain()
        except Silent:
            raise Broken(clause, "the connection closed", "it stays open") from None

    def refuses_bytes(self, clause: str, data: bytes) -> None:
        """Send a frame that is no legal request: an error must come, or, if the clause lets the
        server hang up, the end of the connection.
        """
        try:
            r = self.reply(self.link.illegal(data))
        except Gone:
            if not CLAUSES[clause].drop:
                raise Broken(clause, "an error reply", "the connection closed") from None
            self.link.waiting.clear()
            return
        except Silent as exc:
            raise Broken(clause, "an error reply", str(exc)) from exc
        except Broken as exc:
            if self.link.session:
                raise
            raise Broken(clause, "an error reply", exc.observed) from None
        self.is_refusal(clause, data.hex(), r)

    def fence(self, tag: int | None = None) -> list[tuple[int, Message]]:
        """Flush request `tag` (or none); return what came before the Rflush.

        Nothing of that request may come after it.
        """
        before, r = self._until(self.send(m.Tflush(UNUSED_TAG if tag is None else tag)))
        if not isinstance(r, m.Rflush):
            raise Broken("flush.always-rflush", "Rflush", shown(r))
        if tag is not None and self.link.waiting.pop(tag, None) is not None:
            self.link.flushed.add(tag)
        return before

    def _until(self, tag: int) -> tuple[list[tuple[int, Message]], Message]:
        """Return what comes before the reply with a tag, and that reply."""
        before: list[tuple[int, Message]] = []
        while True:
            seen, r = self.receive()
            if seen == tag:
                return before, r
            before.append((seen, r))

    def alive(self, clause: str = "error.one-reply") -> None:
        """Demand that the server still answers on this connection, and does not say yes to all.

        It gets a walk from a fid that was never made.
        """
        if not self.link.session:
            return
        try:
            _, r = self._until(self.send(m.Twalk(NEVER_MADE, NEVER_MADE, ())))
        except Gone as exc:
            raise Broken(clause, "a connection that goes on", str(exc)) from exc
        if not is_error(r):
            raise Unjudged(f"a walk from a fid that was never made was answered by {shown(r)}")

    def well_named(self) -> None:
        """Demand that each error came as an Rlerror, and not as what can only be read as one."""
        for one in self.tolerated:
            if one.clause == "error.rlerror-in-L":
                self.tolerated.remove(one)
                raise one

    def honest(self) -> None:
        """Ask for a dialect that does not exist; a server that grants it passes no case."""
        r = self.rpc(m.Tversion(self.msize, NO_DIALECT))
        if isinstance(r, m.Rversion) and r.version == NO_DIALECT:
            raise Unjudged(f"a dialect that does not exist was granted: {shown(r)}")

    def silent(self, clause: str, tags: Sequence[int]) -> None:
        """Demand that no reply with one of these tags comes any more."""
        late = [seen for seen, _ in self.fence() if seen in tags]
        if late:
            raise Broken(clause, f"no reply with tag {late[0]}", "one")


def is_error(r: Message) -> bool:
    """Say whether a reply reports an error."""
    return isinstance(r, m.Rlerror | m.Rerror)


def errno(r: Message) -> int | None:
    """Return the Linux number of an error reply; None if 9P2000's text has none that is known."""
    if isinstance(r, m.Rlerror):
        return r.ecode
    assert isinstance(r, m.Rerror)
    if r.errno:
        return r.errno
    name = spec().errstrs.get(r.ename.decode("utf-8", "replace"))
    return NUMBERS[name] if name else None


def wanted(name: str | None) -> str:
    """Name the errno that is expected, if there is one."""
    return f" {name}" if name else ""


def shown(r: Message) -> str:
    """Show a reply in a line, errors by name."""
    if isinstance(r, m.Rlerror):
        return f"Rlerror {NAMES.get(r.ecode, r.ecode)}"
    if isinstance(r, m.Rerror):
        number = errno(r)
        return f"Rerror {NAMES.get(number or 0, number)}, {short(r.ename)}"
    return short(r)


def short(value: object) -> str:
    """Show a value in at most 300 characters."""
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"  # noqa: PLR2004  as the docstring says


def differs(expected: object, actual: object) -> int | None:
    """Say where two runs of bytes first differ."""
    if not isinstance(expected, bytes) or not isinstance(actual, bytes):
        return None
    pairs = zip(expected, actual, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(actual)))


def reply_name(t: TMessage) -> str:
    """Return the name of the R-message that answers a request."""
    return spec().by_code[t.code + 1].name
