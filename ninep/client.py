"""asyncio: a 9P client, one coroutine for each T-message and paths above that.

`connect` gives a `Client`.  Its `t…` coroutines (see `ninep.calls`) send exactly one message each
and may run at the same time; the path-level ones below walk, open, transfer and clunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TypeVar

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
from ninep.errors import NUMBERS, CodecError, ConnectionLost, NinepError, RemoteError
from ninep.messages import (
    Buffer,
    Dirent,
    Message,
    Rgetattr,
    Rlerror,
    RMessage,
    TMessage,
    Tversion,
)

R = TypeVar("R", bound=RMessage)
ENOENT = NUMBERS["ENOENT"]
ROOT = 0
"""The fid that `connect` attaches."""


class VersionError(NinepError):
    """The server does not speak the dialect that was asked for."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Who attaches to what."""

    uname: bytes = b""
    aname: bytes = b""
    n_uname: int = NONUNAME


class Client(Calls):
    """A connection to a 9P server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk through an open stream; `connect` is the usual way to get one."""
        self.dialect = "9P2000.L"
        self.msize = MSIZE_MAX
        self._codec: Codec = codec(self.dialect)
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._tags = Numbers(NOTAG)
        self._fids = Numbers(NOFID, first=ROOT + 1)
        self._lost: Exception | None = None
        self._spoke = False
        self._receiver = asyncio.ensure_future(self._receive())

    # One message at a time

    async def rpc(self, t: TMessage, reply: type[R]) -> R:
        """Send a request and return its reply.

        Errors: RemoteError (the server's answer is an error), ConnectionLost
        """
        r = await self._exchange(t)
        if isinstance(r, Rlerror):
            raise RemoteError(r.ecode, type(t).__name__)
        if not isinstance(r, reply):
            raise ConnectionLost(f"{type(t).__name__} was answered by {type(r).__name__}")
        return r

    async def _exchange(self, t: TMessage) -> Message:
        """Send a request, wait for what comes back.  Its tag is in use until that has come, even
        if nobody waits for it any more.
        """
        if self._lost is not None:
            raise ConnectionLost(str(self._lost))
        tag = NOTAG if isinstance(t, Tversion) else self._tags.take()
        try:
            frame = self._codec.encode(tag, t)
        except CodecError:
            self._tags.give_back(tag)
            raise
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[tag] = future
        self._writer.write(frame)
        with contextlib.suppress(OSError):  # the receiver will see it, and say so
            await self._writer.drain()
        return await future

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
            self._fail(exc)
        except (asyncio.IncompleteReadError, ConnectionError):
            never = "" if self._spoke else " without speaking 9P"
            self._fail(ConnectionLost(f"the server has closed the connection{never}"))
        except OSError as exc:
            self._fail(ConnectionLost(os.strerror(exc.errno or 0)))

    def _settle(self, tag: int, r: Message) -> None:
        future = self._waiting.pop(tag, None)
        if future is None:
            raise ConnectionLost(f"a reply with tag {tag}, which is not in use")
        self._spoke = True
        self._tags.give_back(tag)
        if not future.done():
            future.set_result(r)

    def _fail(self, exc: Exception) -> None:
        self._lost = exc
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionLost(str(exc)))

    async def close(self) -> None:
        """Close the connection; the server drops what is left."""
        self._receiver.cancel()
        await asyncio.gather(self._receiver, return_exceptions=True)
        self._fail(ConnectionLost("closed"))
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    # A session

    async def begin(self, dialect: str, msize: int, attach: Attach) -> None:
        """Agree on dialect and msize, and attach the fid `ROOT`.

        Errors: VersionError, RemoteError, ConnectionLost
        """
        r = await self.tversion(msize, dialect.encode())
        if r.version != dialect.encode() or r.msize > msize:
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
        names = [name for name in os.fsencode(path).split(b"/") if name]
        fid = self._fids.take()
        try:
            await self._walk(fid, names)
        except RemoteError:
            self._fids.give_back(fid)
            raise
        try:
            yield fid
        finally:
            await self._clunk(fid)

    async def _walk(self, fid: int, names: list[bytes]) -> None:
        at = ROOT
        for i in range(0, len(names) or 1, MAXWELEM):
            part = tuple(names[i : i + MAXWELEM])
            r = await self.twalk(at, fid, part)
            if len(r.wqid) < len(part):
                if at == fid:
                    await self.tclunk(fid)
                raise RemoteError(ENOENT, "Twalk")
            at = fid

    async def _clunk(self, fid: int) -> None:
        try:
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
            offset = 0
            while data := (await self.treaddir(fid, offset, self.msize - IOHDRSZ)).data:
                entries += self._codec.dirents(data)
                offset = entries[-1].offset
        return [e for e in entries if e.name not in (b".", b"..")]

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


class Numbers:
    """Lowest free numbers below a limit, as the Linux client hands them out."""

    def __init__(self, limit: int, first: int = 0) -> None:
        """Start at `first`."""
        self._next = first
        self._limit = limit
        self._free: list[int] = []

    def take(self) -> int:
        """Return a number that is not in use."""
        if self._free:
            return self._free.pop()
        if self._next >= self._limit:
            raise ConnectionLost("no number is free")
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """Let a number be used again."""
        if number != self._limit:
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
