"""asyncio: requests and replies of one connection, the client's side.

Invariants: a tag is in use from request to reply, or to the Rflush if nobody waits for it any more;
the number of a fid is in use until the server cannot hold it; a server that breaks the protocol is
left, and then every call ends with a ConnectionLost that says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ninep.calls import Calls
from ninep.codec import Codec, codec, read_size
from ninep.constants import HDRSZ, MSIZE_MAX, NOFID, NOTAG
from ninep.errors import CodecError, ConnectionLost, NinepError, RemoteError, reported
from ninep.messages import (
    Message,
    Rerror,
    Rlerror,
    RMessage,
    Rwalk,
    Tattach,
    Tauth,
    TMessage,
    Tread,
    Treaddir,
    Tversion,
    Twalk,
    Twrite,
    Txattrwalk,
)

R = TypeVar("R", bound=RMessage)
ROOT = 0
"""The fid that `connect` attaches."""
EXCESS: dict[type, Callable[[Any, Any], bool]] = {
    Twalk: lambda t, r: len(r.wqid) > len(t.wname),
    Tread: lambda t, r: len(r.data) > t.count,
    Treaddir: lambda t, r: len(r.data) > t.count,
    Twrite: lambda t, r: r.count > len(t.data),
}
"""When a reply has more than its request asked for.

Clauses: walk.full-binds, read.count-kept, readdir.whole-entries, write.count-true
"""


@dataclass(slots=True, eq=False)
class Sent:
    """A request in flight."""

    t: TMessage
    settled: asyncio.Future[None]
    """Done when the reply is here, or none will come any more."""
    r: Message | None = None


class Channel(Calls):
    """One connection: what each T-message needs to be answered."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        timeout: float | None = None,
    ) -> None:
        """Talk through an open stream; `connect` is the usual way to get one.

        A server that sends nothing for `timeout` seconds, though it owes a reply, is left.
        """
        self.timeout = timeout
        self.dialect = "9P2000.L"
        self.msize = MSIZE_MAX
        self._codec: Codec = codec(self.dialect)
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, Sent] = {}
        self._tags = Numbers(NOTAG)
        self._fids = Numbers(NOFID, first=ROOT + 1)
        self._lost: str | None = None
        self._spoke = False
        self._heard = 0.0
        """When the last bytes came, or when the server began to owe a reply."""
        self._alarm: asyncio.TimerHandle | None = None
        self._receiver = asyncio.ensure_future(self._receive())
        self._background: set[asyncio.Future[None]] = set()
        """What goes on for callers that have been cancelled."""

    async def rpc(self, t: TMessage, reply: type[R]) -> R:
        """Send a request and return its reply.

        A call that is cancelled flushes its request, and no fid that it names anew stays bound.

        Errors: RemoteError (the server's answer is an error), ConnectionLost
        """
        r = await self._exchange(t)
        if error := reported(r, type(t).__name__):
            raise error
        if not isinstance(r, reply):
            raise self._left(f"{type(t).__name__} was answered by {type(r).__name__}")
        excess = EXCESS.get(type(t))
        if excess and excess(t, r):
            raise self._left(f"{type(t).__name__} was answered by more than it asked for")
        return r

    async def _exchange(self, t: TMessage) -> Message:
        """Send a request, wait for what comes back.

        A tag is in use until that has come, or the Rflush if nobody waits for it any more.
        """
        if self._lost is not None:
            raise ConnectionLost(self._lost)
        tag = NOTAG if isinstance(t, Tversion) else self._tags.take()
        try:
            frame = self._codec.encode(tag, t)
        except CodecError:
            self._tags.give_back(tag)
            raise
        if len(frame) > self.msize:
            self._tags.give_back(tag)
            raise CodecError("frame.size-maximum", f"{len(frame)} bytes, msize {self.msize}")
        self._watch()
        sent = Sent(t, asyncio.get_running_loop().create_future())
        self._waiting[tag] = sent
        self._writer.write(frame)
        try:
            with contextlib.suppress(OSError):  # the receiver will see it, and say so
                await self._writer.drain()
            await sent.settled
        except asyncio.CancelledError:
            if tag != NOTAG:
                self._spawn(self._flush(tag, sent))
            raise
        if sent.r is None:
            raise ConnectionLost(self._lost)
        self._tags.give_back(tag)
        return sent.r

    def _watch(self) -> None:
        """Have the server left if it stays silent from now on."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._heard = loop.time()
        if self.timeout is not None and self._alarm is None:
            self._alarm = loop.call_at(self._heard + self.timeout, self._ring, self.timeout)

    def _ring(self, timeout: float) -> None:
        """Leave a server that owes a reply and was silent; look again later at one that was not."""
        self._alarm = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._heard + timeout:
            self._alarm = loop.call_at(self._heard + timeout, self._ring, timeout)
        else:
            first = type(next(iter(self._waiting.values())).t).__name__
            self._fail(f"no reply to {first} within {timeout:g} s")

    async def _flush(self, tag: int, sent: Sent) -> None:
        """Flush a request that nobody waits for; clunk the fid that it has bound all the same.

        Clauses: flush.after-reply
        """
        if sent.r is None:
            with contextlib.suppress(RemoteError):
                await self.tflush(tag)
            self._waiting.pop(tag, None)
        self._tags.give_back(tag)
        fid = named_anew(sent.t)
        if fid is not None:
            await self._forget(fid, bound=binds(sent))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Future[None]:
        """Let something go on whoever is cancelled; it ends with the connection."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Future[None]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it

    async def _clunk(self, fid: int) -> None:
        """Clunk a fid.  Who is cancelled does not wait for that, but the Tclunk waits for the
        Rflush of what it was cancelled in, also if that was a Tclunk: it may not have been carried
        out.
        """
        task = asyncio.current_task()
        if task and task.cancelling():
            self._spawn(self._forget_after(tuple(self._background), fid))
            return
        try:
            await self._forget(fid)
        except asyncio.CancelledError:
            self._spawn(self._forget_after(tuple(self._background), fid))
            raise

    async def _forget_after(self, others: Iterable[asyncio.Future[None]], fid: int) -> None:
        await asyncio.gather(*others, return_exceptions=True)
        await self._forget(fid)

    async def _forget(self, fid: int, *, bound: bool = True) -> None:
        """Clunk a fid if it is bound, and give its number back once the server has answered."""
        try:
            if bound:
                await self.tclunk(fid)
        except ConnectionLost:
            pass  # then the server has dropped it already
        except RemoteError:
            self._fids.give_back(fid)
            raise
        self._fids.give_back(fid)

    async def _receive(self) -> None:
        """Hand each reply to the request it answers."""
        try:
            while True:
                head = await self._bytes(HDRSZ)
                size = read_size(head)[0]
                if not HDRSZ <= size <= self.msize:
                    raise ConnectionLost(f"a reply of {size} bytes, msize {self.msize}")
                frame = head + await self._bytes(size - HDRSZ)
                self._settle(*self._codec.decode(frame))
        except NinepError as exc:
            self._fail(str(exc))
        except (asyncio.IncompleteReadError, ConnectionError):
            never = "" if self._spoke else " without speaking 9P"
            self._fail(f"the server has closed the connection{never}")
        except OSError as exc:
            self._fail(os.strerror(exc.errno or 0))

    async def _bytes(self, count: int) -> bytes:
        """Receive so many bytes; every part of them shows that the server is not silent."""
        parts: list[bytes] = []
        while count:
            parts.append(await self._reader.read(count))
            if not parts[-1]:
                raise asyncio.IncompleteReadError(b"", count)
            self._heard = asyncio.get_running_loop().time()
            count -= len(parts[-1])
        return b"".join(parts)

    def _settle(self, tag: int, r: Message) -> None:
        sent = self._waiting.pop(tag, None)
        if sent is None:
            raise ConnectionLost(f"a reply with tag {tag}, which is not in use")
        self._spoke = True
        sent.r = r
        if not sent.settled.done():
            sent.settled.set_result(None)

    def _fail(self, why: str) -> None:
        """Leave the server, for the first reason there is; every request ends without a reply."""
        self._lost = self._lost or why
        if self._alarm:
            self._alarm.cancel()
        self._writer.transport.abort()
        for sent in self._waiting.values():
            if not sent.settled.done():
                sent.settled.set_result(None)

    def _left(self, why: str) -> ConnectionLost:
        """Leave a server that has broken the protocol; return what to raise."""
        self._fail(why)
        return ConnectionLost(why)

    async def close(self) -> None:
        """Close the connection; the server drops what is left."""
        self._receiver.cancel()
        self._fail("closed")
        await asyncio.gather(self._receiver, *self._background, return_exceptions=True)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def named_anew(t: TMessage) -> int | None:
    """Return the fid that a request is to bind and that was free before."""
    match t:
        case Tattach():
            return t.fid
        case Tauth():
            return t.afid
        case Twalk() | Txattrwalk() if t.newfid != t.fid:
            return t.newfid
    return None


def binds(sent: Sent) -> bool:
    """Say whether the reply has bound the fid that the request named anew.

    Clauses: walk.partial-result
    """
    if isinstance(sent.t, Twalk) and isinstance(sent.r, Rwalk):
        return len(sent.r.wqid) == len(sent.t.wname)
    return sent.r is not None and not isinstance(sent.r, Rlerror | Rerror)


class Numbers:
    """Numbers below a limit: the one given back last, else the lowest that was never used."""

    def __init__(self, limit: int, first: int = 0) -> None:
        """Start at `first`."""
        self._next = first
        self._limit = limit
        self._free: list[int] = []
        self.taken: set[int] = set()

    def take(self) -> int:
        """Return a number that is not in use."""
        if not self._free:
            if self._next >= self._limit:
                raise ConnectionLost("no number is free")
            self._free.append(self._next)
            self._next += 1
        number = self._free.pop()
        self.taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        """Let a number be used again, if it came from here."""
        if number in self.taken:
            self.taken.remove(number)
            self._free.append(number)
