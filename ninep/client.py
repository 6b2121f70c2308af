"""asyncio: a 9P client, one coroutine for each T-message and paths above that.

`connect` gives a `Client`.  Its `t…` coroutines (see `ninep.calls`) send exactly one message each
and may run at the same time; the path-level ones below walk, open, transfer and clunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass

from ninep.address import CONNECT, Address, parse
from ninep.channel import ROOT, Channel
from ninep.codec import codec
from ninep.constants import (
    IOHDRSZ,
    MAXWELEM,
    MSIZE_MAX,
    NOFID,
    NONUNAME,
    GetattrMask,
    LopenFlag,
)
from ninep.dial import dial
from ninep.errors import NUMBERS, ConnectionLost, NinepError, RemoteError, Violation
from ninep.messages import Buffer, Dirent, Rgetattr
from ninep.names import DOTS, check
from ninep.spec import spec

ENOENT = NUMBERS["ENOENT"]


class VersionError(NinepError):
    """The server does not speak the dialect that was asked for."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Who attaches to what."""

    uname: bytes = b""
    aname: bytes = b""
    n_uname: int = NONUNAME


class Client(Channel):
    """A connection to a 9P server."""

    # A session

    async def begin(self, dialect: str, msize: int, attach: Attach) -> None:
        """Agree on dialect and msize, and attach the fid `ROOT`.

        Clauses: version.msize-not-larger, version.msize-minimum
        Errors:  VersionError, RemoteError, ConnectionLost
        """
        try:
            r = await self.tversion(msize, dialect.encode())
        except RemoteError as exc:
            raise VersionError(f"asked for {dialect}; got {exc}") from None
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

        Errors: RemoteError: ENOENT, ENOTDIR or EACCES of the first element that cannot be walked to
        """
        fid = self._fids.take()
        await self._walk(fid, tuple(name for name in os.fsencode(path).split(b"/") if name))
        try:
            yield fid
        finally:
            await self._clunk(fid)

    async def _walk(self, fid: int, names: tuple[bytes, ...]) -> None:
        """Bind `fid` to what `names` lead to, or leave nothing behind."""
        try:
            left = await self._advance(ROOT, fid, names)
        except NinepError:  # a number that was cancelled waits for the Rflush
            self._fids.give_back(fid)
            raise
        try:
            while left:
                left = await self._advance(fid, fid, left)
        except BaseException:
            await self._clunk(fid)
            raise

    async def _advance(self, start: int, fid: int, names: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Bind `fid` to as much of `names` as there is, one at least; return those that are left.

        Clauses: walk.first-name, walk.partial-result: why a name is not found is said of the first
                 alone.  So what was found is walked to, and the next walk begins with that name.
        """
        part = names[:MAXWELEM]
        while (found := len((await self.twalk(start, fid, part)).wqid)) < len(part):
            if not found:
                raise RemoteError(ENOENT, "Twalk")
            part = part[:found]
        return names[len(part) :]

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

    async def read(self, path: str | bytes) -> AsyncGenerator[Buffer, None]:
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
        directory, _, name = os.fsencode(path).rpartition(b"/")
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


@contextlib.asynccontextmanager
async def connect(  # noqa: PLR0913  keywords: what a session is made of
    address: str | Address,
    *,
    dialect: str = "9P2000.L",
    msize: int = MSIZE_MAX,
    uname: str | bytes = "",
    aname: str | bytes = "",
    n_uname: int = NONUNAME,
    timeout: float | None = None,  # noqa: ASYNC109  of each silence, too
) -> AsyncIterator[Client]:
    """Connect to a server, agree on a dialect and attach to `aname`.

    Paths (`ls`, `get`, …) take 9P2000.L; in the other dialects there are the T-messages alone.

    A server is left if that takes longer than `timeout` seconds, or if it is silent for so long
    while it owes a reply.

    Errors: ValueError (no such dialect, no address), OSError (nobody listens), VersionError,
            RemoteError (attach refused), ConnectionLost
    """
    if dialect not in spec().dialects:
        raise ValueError(f"{dialect!r} is no dialect: expected {' or '.join(spec().dialects)}")
    where = address if isinstance(address, Address) else parse(address, CONNECT)
    attach = Attach(os.fsencode(uname), os.fsencode(aname), n_uname)
    limit = asyncio.timeout(timeout)
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with limit:
                client = Client(*await stack.enter_async_context(dial(where)), timeout)
                stack.push_async_callback(client.close)
                await client.begin(dialect, msize, attach)
        except TimeoutError:
            if not limit.expired():  # the system's own
                raise
            raise ConnectionLost(f"no session has begun within {timeout:g} s") from None
        yield client


def is_directory(attributes: Rgetattr) -> bool:
    """Say whether attributes are those of a directory."""
    return stat.S_ISDIR(attributes.mode)
