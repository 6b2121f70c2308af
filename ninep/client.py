"""asyncio: a 9P client, one coroutine for each T-message and paths above that.

`connect` gives a `Client`.  Its `t…` coroutines (see `ninep.calls`) send exactly one message each
and may run at the same time; the path-level ones below walk, open, transfer and clunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ninep.address import CONNECT, Address, parse
from ninep.calls import Calls
from ninep.codec import Codec, codec, read_size
from ninep.constants import (
    HDRSZ,
    IOHDRSZ,
    MAXWELEM,
    MSIZE_MAX,
    NOFID,
    NONUNAME,
    NOTAG,
    GetattrMask,
    LopenFlag,
)
from ninep.dial import dial
from ninep.errors import NUMBERS, CodecError, ConnectionLost, NinepError, RemoteError, Violation
from ninep.messages import (
    Buffer,
    Dirent,
    Message,
    Rgetattr,
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
from ninep.names import DOTS, check
from ninep.spec import spec

R = TypeVar("R", bound=RMessage)
ENOENT = NUMBERS["ENOENT"]
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


class VersionError(NinepError):
    """The server does not speak the dialect that was asked for."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Who attaches to what."""

    uname: bytes = b""
    aname: bytes = b""
    n_uname: int = NONUNAME


@dataclass(slots=True, eq=False)
class Sent:
    """A request in flight."""

    t: TMessage
    settled: asyncio.Future[None]
    """Done when the reply is here, or none will come any more."""
    r: Message | None = None


class Client(Calls):
    """A connection to a 9P server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk through an open stream; `connect` is the usual way to get one."""
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
        self._receiver = asyncio.ensure_future(self._receive())
        self._background: set[asyncio.Future[None]] = set()
        """What goes on for callers that have been cancelled."""

    # One message at a time

    async def rpc(self, t: TMessage, reply: type[R]) -> R:
        """Send a request and return its reply.

        A call that is cancelled flushes its request, and no fid that it names anew stays bound.

        Errors: RemoteError (the server's answer is an error), ConnectionLost
        """
        r = await self._exchange(t)
        if isinstance(r, Rlerror):
            raise RemoteError(r.ecode, type(t).__name__)
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

    async def _receive(self) -> None:
        """Hand each reply to the request it answers."""
        try:
            while True:
                head = await self._reader.readexactly(HDRSZ)
                size = read_size(head)[0]
                if not HDRSZ <= size <= self.msize:
                    raise ConnectionLost(f"a reply of {size} bytes, msize {self.msize}")
                frame = head + await self._reader.readexactly(size - HDRSZ)
                self._settle(*self._codec.decode(frame))
        except NinepError as exc:
            self._fail(str(exc))
        except (asyncio.IncompleteReadError, ConnectionError):
            never = "" if self._spoke else " without speaking 9P"
            self._fail(f"the server has closed the connection{never}")
        except OSError as exc:
            self._fail(os.strerror(exc.errno or 0))

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

    # A session

    async def begin(self, dialect: str, msize: int, attach: Attach) -> None:
        """Agree on dialect and msize, and attach the fid `ROOT`.

        Clauses: version.msize-not-larger, version.msize-minimum
        Errors:  VersionError, RemoteError, ConnectionLost
        """
        r = await self.tversion(msize, dialect.encode())
        least = spec().dialects[dialect].msize_min
        if r.version != dialect.encode() or not least <= r.msize <= msize:
            said = r.version[:64].decode("ascii", "backslashreplace")
            raise VersionError(f"asked for {dialect}, {msize} bytes; got {said}, {r.msize} bytes")
        self.dialect, self.msize, self._codec = dialect, r.msize, codec(dialect)
        await self.tattach(ROOT, NOFID, attach.uname, attach.aname, attach.n_uname)

    # Paths

    @contextlib.asynccontextmanager
    async def walk(self, path: str | bytes) -> AsyncIterator[int]:
        """Walk from the root to `path`; the fid is clunked at the end.

        Errors: RemoteError: ENOENT if an element is missing
        """
        fid = self._fids.take()
        await self._walk(fid, [name for name in os.fsencode(path).split(b"/") if name])
        try:
            yield fid
        finally:
            await self._clunk(fid)

    async def _walk(self, fid: int, names: list[bytes]) -> None:
        """Bind `fid` to what `names` lead to, or leave nothing behind."""
        at = ROOT
        try:
            for i in range(0, len(names) or 1, MAXWELEM):
                await self._step(at, fid, tuple(names[i : i + MAXWELEM]))
                at = fid
        except BaseException as exc:
            if at == fid:
                await self._clunk(fid)
            elif not isinstance(exc, asyncio.CancelledError):  # its number waits for the Rflush
                self._fids.give_back(fid)
            raise

    async def _step(self, at: int, fid: int, part: tuple[bytes, ...]) -> None:
        if len((await self.twalk(at, fid, part)).wqid) < len(part):
            raise RemoteError(ENOENT, "Twalk")

    async def _clunk(self, fid: int) -> None:
        """Clunk a fid.  Who has been cancelled does not wait for that, but the Tclunk waits for
        the Rflush of what it was cancelled in.
        """
        task = asyncio.current_task()
        if task and task.cancelling():
            self._spawn(self._forget(fid, after=tuple(self._background)))
        else:
            await asyncio.shield(self._spawn(self._forget(fid)))

    async def _forget(
        self, fid: int, *, bound: bool = True, after: Iterable[asyncio.Future[None]] = ()
    ) -> None:
        """Clunk a fid if it is bound, and give its number back."""
        await asyncio.gather(*after, return_exceptions=True)
        try:
            if bound:
                with contextlib.suppress(ConnectionLost):  # then the server has dropped it already
                    await self.tclunk(fid)
        finally:
            self._fids.give_back(fid)

    @contextlib.asynccontextmanager
    async def open(self, path: str | bytes, flags: int = LopenFlag.RDONLY) -> AsyncIterator[int]:
        """Walk to `path` and open it."""
        async with self.walk(path) as fid:
            await self.tlopen(fid, flags)
            yield fid

    async def stat(self, path: str | bytes) -> Rgetattr:
        """Return the attributes of a file; a symbolic link's are its own."""
        async with self.walk(path) as fid:
            return await self.tgetattr(fid, GetattrMask.BASIC)

    async def ls(self, path: str | bytes) -> list[Dirent]:
        """Return the entries of a directory, `.` and `..` left out, in the server's order."""
        async with self.open(path, LopenFlag.RDONLY) as fid:
            entries: list[Dirent] = []
            offset, before = 0, {0}
            while data := (await self.treaddir(fid, offset, self.msize - IOHDRSZ)).data:
                entries += self._entries(data)
                offset = entries[-1].offset
                if offset in before:
                    raise self._left(f"Treaddir led back to the offset {offset}")
                before.add(offset)
        return [e for e in entries if e.name not in DOTS]

    def _entries(self, data: Buffer) -> list[Dirent]:
        """Return the entries of an Rreaddir, all of which have a name that a file can have."""
        try:
            entries = self._codec.dirents(data)
            for entry in entries:
                check(entry.name)
        except Violation as exc:
            raise self._left(f"Treaddir was answered by what is no listing: {exc}") from None
        return entries

    async def read(self, path: str | bytes) -> AsyncIterator[Buffer]:
        """Yield the content of a file in parts."""
        async with self.open(path, LopenFlag.RDONLY) as fid:
            offset = 0
            while data := (await self.tread(fid, offset, self.msize - IOHDRSZ)).data:
                offset += len(data)
                yield data

    async def write(self, path: str | bytes, parts: Iterable[Buffer], mode: int = 0o644) -> int:
        """Write a file, which is created or cut first; return its length in bytes.

        `mode` is that of a new file.
        """
        async with self._created(path, mode) as fid:
            offset = 0
            for part in parts:
                view = memoryview(part)
                while view:
                    count = (await self.twrite(fid, offset, view[: self.msize - IOHDRSZ])).count
                    if not count:  # write.never-stuck
                        raise self._left("Twrite was answered by a count of 0")
                    offset += count
                    view = view[count:]
            return offset

    @contextlib.asynccontextmanager
    async def _created(self, path: str | bytes, mode: int) -> AsyncIterator[int]:
        directory, _, name = os.fsencode(path).rstrip(b"/").rpartition(b"/")
        try:
            async with self.open(path, LopenFlag.WRONLY | LopenFlag.TRUNC) as fid:
                yield fid
                return
        except RemoteError as exc:
            if exc.errno != ENOENT or exc.request != "Twalk":
                raise
        async with self.walk(directory) as fid:
            await self.tlcreate(fid, name, LopenFlag.WRONLY, mode, NONUNAME)
            yield fid

    async def readlink(self, path: str | bytes) -> bytes:
        """Return the text of a symbolic link."""
        async with self.walk(path) as fid:
            return (await self.treadlink(fid)).target


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
    return sent.r is not None and not isinstance(sent.r, Rlerror)


class Numbers:
    """Lowest free numbers below a limit, as the Linux client hands them out."""

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


@contextlib.asynccontextmanager
async def connect(
    address: str | Address,
    *,
    dialect: str = "9P2000.L",
    msize: int = MSIZE_MAX,
    uname: str | bytes = "",
    aname: str | bytes = "",
    n_uname: int = NONUNAME,
) -> AsyncIterator[Client]:
    """Connect to a server, agree on a dialect and attach to `aname`.

    Errors: OSError (nobody listens), VersionError, RemoteError (attach refused)
    """
    where = address if isinstance(address, Address) else parse(address, CONNECT)
    async with dial(where) as (reader, writer):
        client = Client(reader, writer)
        try:
            attach = Attach(os.fsencode(uname), os.fsencode(aname), n_uname)
            await client.begin(dialect, msize, attach)
            yield client
        finally:
            await client.close()


def is_directory(attributes: Rgetattr) -> bool:
    """Say whether attributes are those of a directory."""
    return stat.S_ISDIR(attributes.mode)
