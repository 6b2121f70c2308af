"""Threads for calls that may take long: who waits for what."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from weakref import ref

import pytest

from ninep.backends._workers import Workers

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
        from ninep.backends._workers import Workers
        begun = threading.Event()
        workers = Workers(1)
        workers.submit(lambda: (begun.set(), threading.Event().wait()))
        begun.wait()
    """
    assert (
        subprocess.run([sys.executable, "-c", program], check=False, timeout=WAIT).returncode == 0
    )
