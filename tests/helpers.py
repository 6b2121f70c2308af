"""A server session without sockets: messages in, messages out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from ninep import messages as m
from ninep.backend import Backend
from ninep.backends.memory import MemoryBackend
from ninep.codec import codec
from ninep.constants import MSIZE_MAX, NOFID, NONUNAME, NOTAG
from ninep.dispatch import answer
from ninep.errors import NUMBERS
from ninep.messages import Message, RMessage, TMessage
from ninep.policy import Policy
from ninep.session import Service, Session
from ninep.spec import spec

CODEC = codec("9P2000.L")
MSIZE = 8192
SHARED = 64 * 1024


class Peer:
    """A client of one session: what it sends is encoded, cut as it comes, decoded, answered."""

    def __init__(self, service: Service, dialect: str = "9P2000.L") -> None:
        """Start before Tversion."""
        self.session = Session(service)
        self.dialect = dialect
        self.codec = codec(dialect)
        self.shared = memoryview(bytearray(SHARED))

    async def send(self, data: bytes) -> list[bytes]:
        """Give the session some bytes; return the replies."""
        replies = []
        while data:
            room = self.session.buffer(self.shared)
            part, data = data[: len(room)], data[len(room) :]
            room[: len(part)] = part
            for tag, t in self.session.received(self.shared, len(part)):
                replies.append(await answer(self.session, tag, t))
        return replies

    async def rpc(self, t: TMessage, tag: int = 1) -> Message:
        """Send one request; return its reply."""
        (reply,) = await self.send(self.codec.encode(tag, t))
        seen, r = self.codec.decode(reply)
        assert seen == tag
        return r

    async def ok(self, t: TMessage) -> RMessage:
        """Send one request; return its reply, which must not be an error."""
        r = await self.rpc(t)
        assert not isinstance(r, m.Rlerror | m.Rerror), r
        assert isinstance(r, RMessage)
        return r

    async def errno(self, t: TMessage) -> int:
        """Send one request; return the number of the error that it must get."""
        r = await self.rpc(t)
        if isinstance(r, m.Rerror):
            return NUMBERS[spec().errstrs[r.ename.decode()]]
        assert isinstance(r, m.Rlerror), r
        return r.ecode

    async def begin(self, aname: bytes = b"", fid: int = 0, msize: int = MSIZE) -> None:
        """Agree on a dialect and attach."""
        name = self.dialect.encode()
        assert await self.rpc(m.Tversion(msize, name), NOTAG) == m.Rversion(msize, name)
        await self.attach(fid, aname)

    async def attach(self, fid: int, aname: bytes = b"", n_uname: int = NONUNAME) -> m.Qid:
        """Attach."""
        r = await self.ok(m.Tattach(fid, NOFID, b"", aname, n_uname))
        assert isinstance(r, m.Rattach)
        return r.qid

    async def walk(self, fid: int, newfid: int, *names: bytes) -> tuple[m.Qid, ...]:
        """Walk."""
        r = await self.ok(m.Twalk(fid, newfid, names))
        assert isinstance(r, m.Rwalk)
        return r.wqid

    async def create(self, fid: int, name: bytes, content: bytes = b"", directory: int = 0) -> None:
        """Make a file in `directory`; leave `fid` open on it."""
        await self.walk(directory, fid)
        await self.ok(m.Tlcreate(fid, name, 2, 0o644, NONUNAME))
        if content:
            assert await self.ok(m.Twrite(fid, 0, content)) == m.Rwrite(len(content))

    async def file(self, name: bytes, content: bytes = b"", directory: int = 0) -> None:
        """Make a file and leave no fid behind."""
        await self.create(99, name, content, directory)
        await self.ok(m.Tclunk(99))

    async def read(self, fid: int, offset: int = 0, count: int = MSIZE) -> bytes:
        """Read."""
        r = await self.ok(m.Tread(fid, offset, count))
        assert isinstance(r, m.Rread)
        return bytes(r.data)

    async def getattr(self, fid: int) -> m.Rgetattr:
        """Get all attributes."""
        r = await self.ok(m.Tgetattr(fid, 0x3FFF))
        assert isinstance(r, m.Rgetattr)
        return r


def service(
    exports: Backend | Mapping[bytes, Backend] | None = None, msize: int = MSIZE_MAX
) -> Service:
    """Return what sessions share, over a tree in memory unless another is given."""
    exports = MemoryBackend() if exports is None else exports
    table = exports if isinstance(exports, Mapping) else {b"": exports}
    return Service(table, msize, policy=Policy(devices=True, set_id=True))


async def peer(exports: Backend | Mapping[bytes, Backend] | None = None) -> Peer:
    """Return a client that has attached fid 0 to the root."""
    found = Peer(service(exports))
    await found.begin()
    return found


async def old_peer(dialect: str, exports: Backend | None = None) -> Peer:
    """Return a client that has attached fid 0 to the root, in 9P2000 or 9P2000.u."""
    found = Peer(service(exports), dialect)
    await found.begin()
    return found


def descriptors() -> int:
    """Count what this process has open, with what waits for the collector (`no_collector`)."""
    return len(os.listdir("/proc/self/fd"))


async def settled(turns: int = 5) -> None:
    """Let everything run that can run now."""
    for _ in range(turns):
        await asyncio.sleep(0)
