"""asyncio: reach a server: one stream of bytes, whatever kind of address it has.

Invariant: what `exec:` has started has ended when its stream is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import AsyncIterator

from ninep.address import Address
from ninep.errors import ConnectionLost

PATIENCE = 5.0
"""Seconds that a server started by `exec:` has to end after its client has left."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def dial(address: Address) -> AsyncIterator[Stream]:
    """Connect to an address.

    Errors: OSError
    """
    if address.kind == "tcp":
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield reader, writer
    elif address.kind == "unix":
        yield await asyncio.open_unix_connection(address.path)
    elif address.kind == "fd":
        yield await asyncio.open_connection(sock=socket.socket(fileno=address.fd))
    else:
        async with running(shlex.split(address.path)) as stream:
            yield stream


@contextlib.asynccontextmanager
async def running(command: list[str]) -> AsyncIterator[Stream]:
    """Run a server that talks on its standard input and output.

    Errors: OSError (no such command); a ConnectionLost that passes by learns how it ended
    """
    ours, theirs = socket.socketpair()
    with theirs:
        stream = await asyncio.open_connection(sock=ours)
        with contextlib.closing(stream[1]):
            end = theirs.fileno()
            process = await asyncio.create_subprocess_exec(*command, stdin=end, stdout=end)
            theirs.close()
            try:
                yield stream
            except ConnectionLost as exc:
                raise ConnectionLost(f"{exc}; {await ended(process)}") from None
            finally:
                await ended(process)


async def ended(process: asyncio.subprocess.Process) -> str:
    """Wait for a server that has lost its only client to end, end it if it does not; say how."""
    try:
        status = await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        return "the command had to be killed"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    how = f"exit status {status}" if status >= 0 else f"signal {-status}"
    return f"the command has ended with {how}"
