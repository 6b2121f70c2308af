"""Threads for calls that may take long: who waits for what."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from weakref import ref

import pytest

from ninep.backends._workers import Workers, in_thread

WAIT = 10.0


class Held:
    """What a call is given."""

    def __call__(self, text: str) -> str:
        """Return it, or fail."""
        if not text:
            raise ValueError("nothing")
        return text


def test_what_comes_of_a_call() -> None:
    """Its result, or what it raised."""
    workers = Workers(2)
    assert "text" == workers.submit(Held(), "text").result(WAIT)
    assert isinstance(workers.submit(Held(), "").exception(WAIT), ValueError)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("text", ["text", ""])
def test_nothing_is_kept(text: str) -> None:
    """What a call was given is dropped with it, also when it failed."""
    workers, held = Workers(1), Held()
    watched = ref(held)
    future = workers.submit(held, text)
    future.exception(WAIT)
    del held, future
    workers.submit(Held(), "another: the thread has gone on").result(WAIT)
    workers.submit(Held(), "another, so that the thread has gone on").result(WAIT)
    assert watched() is None


def test_one_that_is_given_up() -> None:
    """A call that has not begun is never run."""
    workers, gate, ran = Workers(1), threading.Event(), threading.Event()
    first = workers.submit(gate.wait, WAIT)
    second = workers.submit(ran.set)
    assert second.cancel()
    gate.set()
    assert first.result(WAIT)
    workers.submit(Held(), "text").result(WAIT)
    assert not ran.is_set()


def test_threads_end_with_their_pool() -> None:
    """As many as were needed, and no longer than the pool lives."""
    workers = Workers(4)
    found = [workers.submit(threading.current_thread).result(WAIT) for _ in range(20)]
    assert len(set(found)) <= 4
    del workers
    gc.collect()
    for thread in set(found):
        thread.join(WAIT)
        assert not thread.is_alive()


def test_the_process_does_not_wait() -> None:
    """F-24: a call that never ends does not keep the process."""
    program = """if True:
        import threading
        from ninep.backends._workers import Workers, in_thread
        begun = threading.Event()
        workers = Workers(1)
        workers.submit(lambda: (begun.set(), threading.Event().wait()))
        begun.wait()
    """
    assert (
        subprocess.run([sys.executable, "-c", program], check=False, timeout=WAIT).returncode == 0
    )


@pytest.mark.parametrize(
    "end", ["closed", "cancelled", "handed and closed", "handed and cancelled"]
)
async def test_room_is_given_back(end: str) -> None:
    """S-096: by who was dropped while waiting for it, too, also if it was given at that moment."""
    workers = Workers(1)
    await workers.enter()
    waiting = in_thread(workers, Held(), "text")
    turn = waiting.send(None)
    behind = asyncio.ensure_future(in_thread(workers, Held(), "behind"))
    await asyncio.sleep(0)
    if end.startswith("handed"):
        workers.leave()
    if end.endswith("closed"):
        waiting.close()
    else:
        turn.cancel()
        with pytest.raises(asyncio.CancelledError):
            waiting.throw(asyncio.CancelledError)
    if not end.startswith("handed"):
        workers.leave()
    assert "behind" == await asyncio.wait_for(behind, WAIT)
    assert "text" == await asyncio.wait_for(in_thread(workers, Held(), "text"), WAIT)


async def test_no_more_than_there_is_room_for() -> None:
    """S-096: a call whose awaiter has gone takes up room until it has ended."""
    workers, begun, go = Workers(2), threading.Semaphore(0), threading.Event()

    def call() -> None:
        begun.release()
        go.wait(WAIT)

    tasks = [asyncio.ensure_future(in_thread(workers, call)) for _ in range(5)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=WAIT)
    for task in tasks[:2]:
        task.cancel()
    await asyncio.wait(tasks[:2])
    assert not begun.acquire(timeout=0.05)
    go.set()
    await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [True, True, False, False, False]
