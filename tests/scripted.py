"""A server that answers Tversion and Tattach, and anything else as a test tells it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from ninep import connect
from ninep import messages as m
from ninep.client import Client
from ninep.codec import codec, read_size
from ninep.messages import Message, RMessage

CODEC = codec("9P2000.L")
QID = m.Qid(0x80, 1, 1)
Script = Callable[[int, Message], bytes]
Call = Callable[[Client], Coroutine[None, None, object]]


@contextlib.asynccontextmanager
async def scripted(script: Script, msize: int = 8192) -> AsyncIterator[Client]:
    """Connect to a server that answers Tversion and Tattach, and anything else by the script."""

    def reply(tag: int, t: Message) -> bytes:
        if isinstance(t, m.Tversion):
            return CODEC.encode(tag, m.Rversion(msize, b"9P2000.L"))
        begins = isinstance(t, m.Tattach) and t.fid == 0
        return CODEC.encode(tag, m.Rattach(QID)) if begins else script(tag, t)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readexactly(4):
                rest = await reader.readexactly(read_size(head)[0] - 4)
                writer.write(reply(*CODEC.decode(head + rest)))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with connect(f"tcp://127.0.0.1:{port}", msize=8192) as found:
            yield found


def answer(r: RMessage) -> Script:
    """Return a script that gives one reply to everything."""
    return lambda tag, _: CODEC.encode(tag, r)
