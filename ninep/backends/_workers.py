"""Threads for calls that may take long.

Unlike those of `concurrent.futures` they do not keep the process from ending: a call that the disk
never answers would keep it for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Semaphore, Thread, current_thread
from threading import enumerate as threads
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple

R = TypeVar("R")
Args = TypeVarTuple("Args")
NAME = "ninep-local"
"""What the threads are called."""
END = 0.5
"""Seconds that threads have for their end; who is stuck then is left."""
Call = list[Any]
"""A future, and the call that it is of; nothing once that has begun."""


class Workers:
    """A few threads that run calls, in the order in which they come.

    One is started when a call comes and none is idle; they end when this is dropped.
    """

    def __init__(self, most: int) -> None:
        """Start no more than `most` threads, and none yet."""
        self._most = most
        self._threads: list[Thread] = []
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._idle = Semaphore(0)

    def submit(self, call: Callable[[*Args], R], *args: *Args) -> Future[R]:
        """Have a call run; return what will come of it.

        Errors: RuntimeError (there is no thread, and none can be started)
        """
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
            self._start()
        future: Future[R] = Future()
        self._calls.put([future, partial(call, *args)])
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


def work(calls: SimpleQueue[Call | None], idle: Semaphore) -> None:
    """Run one call after the other."""
    while (call := calls.get()) is not None:
        run(call)
        idle.release()


def run(taken: Call) -> None:
    """Run a call unless it was given up; what it was given is let go before it is answered."""
    future, call = taken
    taken.clear()
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as exc:  # noqa: BLE001  it is raised where the call is waited for
        del call
        future.set_exception(exc)
        del future  # the traceback leads here
    else:
        del call
        future.set_result(result)
