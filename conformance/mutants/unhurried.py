"""Our own server with files that take their time.

The tree in memory answers at once, so no request ever waits for another there.  Here each call of
it takes a few turns of the event loop, before it does anything and after: never the same number, so
that what came later is often done sooner.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import cycle
from typing import Any

from ninep.backends._memory_inode import MemoryFile
from ninep.backends.memory import MemoryBackend, MemoryNode

PATIENT = (MemoryBackend, MemoryNode, MemoryFile)
TURNS = cycle((4, 2, 3, 1))
Call = Callable[..., Awaitable[Any]]


class Turn:
    """Let everything else go first, once."""

    def __await__(self) -> Generator[None, None, None]:
        """Go to the end of the queue."""
        yield


@contextmanager
def unhurried() -> Iterator[None]:
    """Have every call of a tree in memory wait."""
    calls = [
        (cls, name, call)
        for cls in PATIENT
        for name, call in vars(cls).items()
        if inspect.iscoroutinefunction(call)
    ]
    for cls, name, call in calls:
        setattr(cls, name, late(call))
    try:
        yield
    finally:
        for cls, name, call in calls:
            setattr(cls, name, call)


def late(call: Call) -> Call:
    """Return a call that waits before it is made and after."""

    @wraps(call)
    async def waiting(*args: Any, **only: Any) -> Any:
        await turns(next(TURNS))
        result = await call(*args, **only)
        await turns(next(TURNS))
        return result

    return waiting


async def turns(count: int) -> None:
    """Wait for some turns of the loop."""
    for _ in range(count):
        await Turn()
