"""One connection to the server under test: frames out, frames in, and all of it kept.

Whatever comes in is held against the rules of every reply (size, type, tag, body, error number);
what goes out, against the rules of every request, unless a case says that it is illegal on purpose.

Invariant: a tag is in `waiting` from the request to its reply.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from dataclasses import dataclass

from construct import ConstructError

from ninep.constants import ECODE_MAX, ERRMAX, FIRST_FRAME_MAX, HDRSZ, NOTAG
from ninep.errors import ERRNO_MAX
from ninep.messages import Message, Rerror, Rflush, Rlerror, Rversion, Tflush, TMessage, Tversion

from .layout import SPEC, build, parse, problem
from .verdict import Broken, Gone, Inapplicable, Silent, SuiteError

FIRST_DIALECT = "9P2000.L"
"""Lays out the messages before there is a dialect: Tversion and Rversion are the same in all."""
ERRORS = {Rlerror.code: "9P2000.L", Rerror.code: "9P2000"}
"""Codes of error replies, and the dialect to read them in when there is none yet."""
CHUNK = 1 << 16
LINUX = "9P2000.L"
RLERROR_SIZE = HDRSZ + 4
ENAME_MAX = ERRMAX - 2
"""Bytes of a text that leave an Rerror of 9P2000.u small enough for Linux."""


def error_code(dialect: str) -> int:
    """Return the number of the R-message that reports errors."""
    return SPEC.messages[SPEC.dialects[dialect].error or ""].code


@dataclass(frozen=True, slots=True)
class Event:
    """Bytes that went over a connection, or (data empty) its end as we saw it."""

    link: int
    sent: bool
    seconds: float
    data: bytes
    dialect: str


class Link:
    """Sends and receives whole messages; knows no file."""

    def __init__(
        self, sock: socket.socket, number: int, deadline: float, log: list[Event], began: float
    ) -> None:
        """Talk over `sock`; a reply must come within `deadline` seconds.

        `log` is shared by all connections of a case; times in it count from `began`.
        """
        self.sock = sock
        self.number = number
        self.deadline = deadline
        self.log = log
        self.began = began
        self.dialect = FIRST_DIALECT
        self.msize = FIRST_FRAME_MAX
        self.asked = FIRST_FRAME_MAX
        """The msize of the last Tversion: a server may grant less, and never more."""
        self.waiting: dict[int, int] = {}
        """Code of the request by tag."""
        self.flushed: set[int] = set()
        self.aborted: set[int] = set()
        """Tags whose requests a Tversion has ended."""
        self._oldtags: dict[int, int] = {}
        """What each Tflush in flight names, by its own tag."""
        self.session = False
        """Whether an Rversion has begun one."""
        self.grace = 0.0
        """Seconds more for the first bytes: the server may be started for this connection."""
        self.heard = False
        """Whether the server has sent anything."""
        self.closed = False
        """Whether the server has ended the connection."""
        self.tolerated: list[Broken] = []
        """What came and will do, though it is not the best answer."""
        self._tags = itertools.cycle(range(1, NOTAG))
        self._buffer = bytearray()

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self.sock.close()

    def cut(self) -> None:
        """End the connection under whoever waits at it, in another thread."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    # Out

    def send(self, t: TMessage, tag: int | None = None) -> int:
        """Send a legal request; return its tag.

        Errors: SuiteError (it is not legal), Gone
        """
        tag, data = self.framed(t, tag)
        self.put(data)
        return tag

    def framed(self, t: TMessage, tag: int | None = None) -> tuple[int, bytes]:
        """Return tag and frame of a legal request, whose reply is awaited from now on.

        Errors: SuiteError (it is not legal)
        """
        if tag is None:
            tag = NOTAG if isinstance(t, Tversion) else next(self._tags)
        data = build(self.dialect, tag, t)
        if tag in self.waiting or (tag == NOTAG) != isinstance(t, Tversion):
            raise SuiteError(f"tag {tag} for {t!r:.200}")
        if len(data) > self.msize:
            raise Inapplicable(f"{len(data)} bytes do not fit into an msize of {self.msize}")
        if isinstance(t, Tflush) and t.oldtag in self.waiting:
            self._oldtags[tag] = t.oldtag
        self._await(tag, data)
        return tag, data

    def illegal(self, data: bytes) -> int:
        """Send a frame that may break any rule on purpose, and await a reply; return its tag."""
        tag = data[5] | data[6] << 8
        self._await(tag, data)
        self.put(data)
        return tag

    def _await(self, tag: int, data: bytes) -> None:
        self.waiting[tag] = data[4]
        if data[4] == Tversion.code:
            self.asked = int.from_bytes(data[HDRSZ : HDRSZ + 4], "little")
        self.flushed.discard(tag)
        self.aborted.discard(tag)

    def put(self, data: bytes) -> None:
        """Send any bytes, as declared by the case that calls this.  Errors: Gone"""
        self._note(data, sent=True)
        self.sock.settimeout(self.deadline)
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise Silent("the server does not read") from None
        except OSError as exc:
            self._end()
            raise Gone(str(exc)) from exc

    def hang_up(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    # In

    def receive(self) -> tuple[int, Message]:
        """Return tag and message of the next reply.

        Errors: Broken (it breaks a rule of all replies), Gone, Silent
        """
        data = self._meant(self._frame())
        tag = data[5] | data[6] << 8
        request = self.waiting.pop(tag, None)
        if request is None:
            seen = f"a reply with tag {tag}"
            raise Broken(self._ended_by(tag), "no reply but to a request in flight", seen)
        dialect = self._dialect_of(data[4], request)
        self._check_type(data[4], request, dialect)
        try:
            r = parse(dialect, data)
        except (KeyError, ConstructError) as exc:
            raise Broken(problem(exc), f"an R-message of {self.dialect}", data[:64].hex()) from None
        self._check_error(r)
        if isinstance(r, Rversion):
            self._began(r)
        if isinstance(r, Rflush):
            self._settled(self._oldtags.pop(tag, NOTAG))
        return tag, r

    def _meant(self, data: bytes) -> bytes:
        """Return a frame; an Rlerror that has the number of Rerror as what it is, as Linux does.

        That is noted once: whoever judges `error.rlerror-in-L` asks for it.
        """
        if self.dialect != LINUX or data[4] != Rerror.code or len(data) != RLERROR_SIZE:
            return data
        note = Broken("error.rlerror-in-L", "Rlerror", f"its layout under {Rerror.code}, Rerror")
        if note not in self.tolerated:
            self.tolerated.append(note)
        return data[:4] + bytes([Rlerror.code]) + data[5:]

    def _dialect_of(self, code: int, request: int) -> str:
        """Return the dialect of a reply: a Tversion may be refused in that of the session or, as
        there may be none any more, in another.
        """
        if request != Tversion.code or (self.session and code == error_code(self.dialect)):
            return self.dialect
        return ERRORS.get(code, self.dialect)

    def _ended_by(self, tag: int) -> str:
        """Return the clause that a reply breaks which nothing in flight has asked for."""
        if tag in self.flushed:
            return "flush.after-reply"
        return "version.aborts-requests" if tag in self.aborted else "tag.reply-same-tag"

    def _settled(self, oldtag: int) -> None:
        """Await nothing more with the tag that an answered Tflush names."""
        if self.waiting.pop(oldtag, None) is not None:
            self.flushed.add(oldtag)

    def _check_type(self, code: int, request: int, dialect: str) -> None:
        error = error_code(dialect)
        if code == error or (code == request + 1 and request in SPEC.by_code):
            return
        clause = "error.rlerror-in-L" if code in ERRORS else "error.one-reply"
        raise Broken(clause, f"{name_of(request + 1)} or {name_of(error)}", name_of(code))

    def _check_error(self, r: Message) -> None:
        if isinstance(r, Rerror):
            if not r.ename:
                raise Broken("error.rerror-text", "a text", "an empty one")
            if len(r.ename) > ENAME_MAX:
                what = f"a text of {ENAME_MAX} bytes or less"
                raise Broken("error.short-text", what, f"{len(r.ename)} bytes")
        if not isinstance(r, Rlerror):
            return
        if not 0 < r.ecode <= ECODE_MAX:
            raise Broken("error.never-zero", f"an ecode from 1 to {ECODE_MAX}", str(r.ecode))
        if r.ecode > ERRNO_MAX:
            raise Broken("error.no-kernel-internal", "a number of Linux's users", str(r.ecode))

    def _began(self, r: Rversion) -> None:
        """Take over what an Rversion has settled."""
        name = r.version.decode("ascii", "replace")
        self.aborted.update(self.waiting)
        self.waiting.clear()
        self.flushed.clear()
        self._oldtags.clear()
        self.session = name in SPEC.standard
        if self.session:
            self.dialect, self.msize = name, min(r.msize, self.asked)
        else:
            self.dialect, self.msize = FIRST_DIALECT, FIRST_FRAME_MAX

    def _frame(self) -> bytes:
        try:
            size = self._size()
            self._fill(size)
        except (Broken, Silent, Gone):
            self._remainder()
            raise
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._note(data, sent=False)
        return data

    def _size(self) -> int:
        """Receive the size of the next frame."""
        self._fill(4)
        size = int.from_bytes(self._buffer[:4], "little")
        if size < HDRSZ:
            raise Broken("frame.size-minimum", "a size of 7 or more", str(size))
        if size > self.msize:
            raise Broken("frame.reply-fits", f"a size of {self.msize} or less", str(size))
        return size

    def _remainder(self) -> None:
        """Write down what came and is no frame."""
        if self._buffer:
            self._note(bytes(self._buffer), sent=False)
            self._buffer.clear()

    def _fill(self, size: int) -> None:
        """Receive until the buffer has `size` bytes."""
        patience = self.deadline if self.heard else self.deadline + self.grace
        end = time.monotonic() + patience
        while len(self._buffer) < size:
            self.sock.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self.sock.recv(CHUNK)
            except TimeoutError:
                raise Silent(f"no reply within {patience:.1f} s") from None
            except OSError as exc:
                self._end()
                raise Gone(str(exc)) from exc
            if not data:
                self._end()
                raise Gone("the server has closed the connection")
            self.heard = True
            self._buffer += data

    def _end(self) -> None:
        self._remainder()
        self.closed = True
        self._note(b"", sent=False)

    def _note(self, data: bytes, *, sent: bool) -> None:
        seconds = time.monotonic() - self.began
        self.log.append(Event(self.number, sent, seconds, data, self.dialect))


def name_of(code: int) -> str:
    """Name a message by its code."""
    return SPEC.by_code[code].name if code in SPEC.by_code else f"type {code}"
