"""One connection's rules without any I/O: bytes in → requests; reply in → bytes.

The owner of the socket receives into `buffer()`, calls `received`, runs each request it gets and
frames each reply with `reply`.  The size of a frame is checked before anything is kept for it; only
a frame that arrives in pieces is copied, into a buffer of its own size.

Invariant: `dialect` is None until a Tversion has succeeded, and then nothing but Tversion passes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from ninep.backend import Backend
from ninep.codec import HEADER, Codec, codec, read_size
from ninep.constants import FIRST_FRAME_MAX, MSIZE_MAX, NOTAG
from ninep.dialects import RULES, Rules
from ninep.errors import CodecError, FrameError, Violation, linux_errno
from ninep.fids import Fid, FidTable
from ninep.limits import Budget, Limits
from ninep.listing import Listings
from ninep.locks import LockTable
from ninep.messages import RMessage, TMessage, Tversion
from ninep.policy import Policy

TVERSION = Tversion.code
SIZE = 4
"""Bytes of `size[4]`."""
Received = tuple[int, TMessage | CodecError]
"""A tag and the request that came with it, or what is wrong with that request."""
DIALECTS = tuple(RULES)
"""Dialects whose every T-message has an op."""
BASE = "9P2000.L"
"""The dialect in which a Tversion is read before there is one: it is the same in all."""


@dataclass(slots=True)
class Service:
    """What all connections of a server share."""

    exports: Mapping[bytes, Backend]
    """File trees by name; b"" is what an empty aname means."""
    msize: int = MSIZE_MAX
    """Largest message in bytes that the server agrees to."""
    dialects: tuple[str, ...] = DIALECTS
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    locks: LockTable = field(init=False)
    listings: Listings = field(init=False)
    waiting: Budget = field(init=False)
    """Bytes of the requests in flight."""
    unsent: Budget = field(init=False)
    """Bytes of replies that were not taken yet."""
    exclusive: WeakValueDictionary[Hashable, Fid] = field(default_factory=WeakValueDictionary)
    """The fid that has a file with the mark EXCL open, by the file's identity.

    Clauses: open.exclusive-use
    """

    def __post_init__(self) -> None:
        """Make the tables that have a limit."""
        self.locks = LockTable(self.limits.locks)
        self.listings = Listings(self.limits.listings)
        self.waiting = Budget(self.limits.waiting, self.limits.waiting_total)
        self.unsent = Budget(self.limits.unsent, self.limits.unsent_total)


class Session:
    """The state of one connection."""

    def __init__(self, service: Service) -> None:
        """Begin before the first Tversion."""
        self.service = service
        self.bound: int | None = None
        """The user that every attach is held to; None: it is as the client says."""
        self.fids = FidTable(service.limits.fids)
        self.dialect: str | None = None
        self.msize = FIRST_FRAME_MAX
        self.codec: Codec = codec(BASE)
        self.rules: Rules = RULES[BASE]
        self._piece: bytearray | None = None
        self._filled = 0

    def begin(self, dialect: str | None, msize: int) -> list[Fid]:
        """Start a session anew; return what `close` does of the one before.

        Clauses: version.resets-session, version.msize-renewed, version.failed-leaves-none
        """
        left = self.close()
        self.dialect = dialect
        self.msize = msize if dialect else FIRST_FRAME_MAX
        self.codec = codec(dialect or BASE)
        self.rules = RULES[dialect or BASE]
        return left

    def close(self) -> list[Fid]:
        """Drop every fid and lock; return the fids whose files are still to be removed."""
        left = self.fids.clear()
        self.service.locks.release(self)
        return left

    def buffer(self, shared: memoryview) -> memoryview:
        """Return where to receive into: the rest of an unfinished frame, else `shared`."""
        return shared if self._piece is None else memoryview(self._piece)[self._filled :]

    def received(self, shared: memoryview, count: int) -> Iterator[Received]:
        """Yield (tag, request) of each frame that `count` more bytes in `buffer()` completed.

        A body that cannot be read comes as the error to reply with.  Frames are read as the caller
        goes on, so that each is judged by what the request before it has changed.  Data in a
        request are a view into what was received.

        Errors: FrameError; nothing more can be read from this connection then
        Clauses: frame.size-minimum, frame.size-maximum, frame.request-only
        """
        if self._piece is None:
            yield from self._frames(shared, count)
            return
        self._filled += count
        if self._filled == len(self._piece):
            piece, self._piece = memoryview(self._piece), None
            if len(piece) == SIZE:
                self._checked(read_size(piece)[0])
                self._keep(piece)
            else:
                yield from self._frames(piece, len(piece))

    @property
    def part(self) -> object:
        """Return what stands for the message of which a part is here, None if there is none."""
        return self._piece

    def reply(self, tag: int, r: RMessage) -> bytes:
        """Frame a reply.

        Clauses: frame.reply-fits
        Errors:  Violation (it is larger than msize)
        """
        data = self.codec.encode(tag, r)
        if len(data) > self.msize:
            raise Violation("frame.reply-fits", f"{len(data)} bytes, msize {self.msize}")
        return data

    def error(self, tag: int, exc: OSError) -> bytes:
        """Frame the reply to a request that failed, in the words of the dialect.

        Clauses: error.rlerror-in-L, error.rerror-text
        """
        return self.reply(tag, self.rules.error(linux_errno(exc)))

    def _frames(self, buffer: memoryview, end: int) -> Iterator[Received]:
        at = 0
        while end - at >= SIZE:
            size = self._checked(read_size(buffer, at)[0])
            if at + size > end:
                break
            yield self._decode(buffer, at, at + size)
            at += size
        if at < end:
            self._keep(buffer[at:end])

    def _checked(self, size: int) -> int:
        if size < HEADER:
            raise FrameError("frame.size-minimum", f"size {size}")
        if size > self.msize:
            raise FrameError("frame.size-maximum", f"size {size}, limit {self.msize}")
        return int(size)

    def _decode(self, buffer: memoryview, at: int, end: int) -> Received:
        tag = buffer[at + 5] | buffer[at + 6] << 8
        if self.dialect is None and buffer[at + 4] != TVERSION:
            raise FrameError("version.comes-first", f"message {buffer[at + 4]}")
        try:
            t = self.codec.decode_body(buffer, at, end)
        except CodecError as error:
            return tag, error
        if not isinstance(t, TMessage):
            return tag, CodecError("frame.request-only", type(t).__name__)
        if tag == NOTAG and type(t) is not Tversion:
            return tag, CodecError("tag.notag-only-version", type(t).__name__)
        return tag, t

    def _keep(self, part: memoryview) -> None:
        """Keep the beginning of a frame, in a buffer as large as the frame if that is known yet."""
        self._piece = bytearray(SIZE if len(part) < SIZE else read_size(part)[0])
        self._piece[: len(part)] = part
        self._filled = len(part)
