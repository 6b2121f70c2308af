"""Threads for calls that may take long.

Unlike those of `concurrent.futures` they do not keep the process from ending: a call that the disk
never answers would keep it for ever.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from threading import enumerate as threads
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple

from ninep.backends._shared import error

R = TypeVar("R")
Args = TypeVarTuple("Args")
NAME = "ninep-local"
"""What the threads are called."""
END = 0.5
"""Seconds that threads have for their end; who is stuck then is left."""
Call = tuple["Future[Any]", Callable[[], Any]]


class Workers:
    """A few threads that run calls, in the order in which they come.

    One is started when a call comes and none is idle; they end when this is dropped.
    """

    def __init__(self, most: int) -> None:
        """Start no more than `most` threads, and none yet."""
        self._most = most
        self._free = most
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._threads: list[Thread] = []
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._idle = Semaphore(0)

    async def enter(self) -> None:
        """Wait until there is room for one call more: those that wait are not among the calls yet.

        Whoever has it gives it back (`leave`), also a coroutine that is dropped while it waits.
        """
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()
            self._waiting.pop(turn, None)
            raise

    def leave(self) -> None:
        """Let the next one have room that still waits."""
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def submit(self, call: Callable[[*Args], R], *args: *Args) -> Future[R]:
        """Have a call run; return what will come of it.

        Errors: RuntimeError (there is no thread, and none can be started)
        """
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
            self._start()
        future: Future[R] = Future()
        self._calls.put((future, partial(call, *args)))
        return future

    def _start(self) -> None:
        """Start one more thread; if that cannot be, those that there are have to do."""
        thread = Thread(target=work, args=(self._calls, self._idle), name=NAME, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def __del__(self) -> None:
        """Let the threads end.  Those that are idle do at once: Python's end must not meet them."""
        for _ in self._threads:
            self._calls.put(None)
        end = monotonic() + END
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(max(0.0, end - monotonic()))


def left() -> bool:
    """Say whether threads are left, because a call does not come back."""
    return any(thread.name == NAME for thread in threads())


async def in_thread(workers: Workers, call: Callable[[*Args], R], *args: *Args) -> R:
    """Run a call in a thread; one that is made in a thread already stays there.

    If its awaiter is cancelled, a call that has begun runs to its end; what it was given lives, and
    it takes up room, until then.

    Errors: ENOMEM (no thread can be started), and those of the call
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return call(*args)
    await workers.enter()
    try:
        future = workers.submit(call, *args)
    except RuntimeError as exc:
        workers.leave()
        raise error(errno.ENOMEM) from exc
    future.add_done_callback(partial(leave, loop, workers))
    try:
        return await asyncio.wrap_future(future)
    finally:
        del future  # it holds the error, whose traceback leads here


def leave(loop: asyncio.AbstractEventLoop, workers: Workers, _: object) -> None:
    """Let the next call have room."""
    with suppress(RuntimeError):  # the loop has ended, and nobody waits
        loop.call_soon_threadsafe(workers.leave)


def work(calls: SimpleQueue[Call | None], idle: Semaphore) -> None:
    """Run one call after the other.

    What a call was given lives no longer than it runs, and is gone before anybody is told.
    """
    while (one := calls.get()) is not None:
        future, call = one
        del one
        if not future.set_running_or_notify_cancel():
            del call
        else:
            try:
                result = call()
            except BaseException as exc:  # noqa: BLE001  it is raised where the call is waited for
                del call
                future.set_exception(exc)
            else:
                del call
                future.set_result(result)
                del result
        del future
        idle.release()
