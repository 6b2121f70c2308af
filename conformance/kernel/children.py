"""Other processes for checks: one with another uid, one that holds something until told to go."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from .expect import Failed


def run(function: Callable[[], Any]) -> Any:
    """Run a function in a forked child and return or raise what it does.

    An OSError keeps its errno; what is returned must fit JSON.
    """
    return finish(start(function))


def run_as(
    uid: int, function: Callable[[], Any], gid: int | None = None, groups: Sequence[int] = ()
) -> Any:
    """Run a function as another user, with no groups but `gid` and `groups`."""

    def changed() -> Any:
        os.setgroups(groups)
        os.setgid(uid if gid is None else gid)
        os.setuid(uid)
        return function()

    return run(changed)


def run_many(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run functions in children at the same time and return what they return, in order."""
    return [finish(child) for child in [start(function) for function in functions]]


def start(function: Callable[[], Any]) -> tuple[int, int]:
    """Fork; the child runs the function and writes what came of it into a pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        os.close(reader)
        os.write(writer, json.dumps(outcome(function)).encode())
    finally:
        os._exit(0)


def outcome(function: Callable[[], Any]) -> dict[str, Any]:
    """Run a function and describe how it ended."""
    try:
        return {"value": function()}
    except OSError as failure:
        return {"errno": failure.errno, "text": str(failure.strerror)}
    except Exception as failure:  # noqa: BLE001 - raised again in the parent
        return {"text": f"{type(failure).__name__}: {failure}"}


def finish(child: tuple[int, int]) -> Any:
    """Wait for a child of `start`."""
    pid, reader = child
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return unpacked(text)


def unpacked(text: bytes) -> Any:
    """Return or raise what the text of an outcome says."""
    told = json.loads(text or b'{"text": "a child process died"}')
    if "errno" in told:
        raise OSError(told["errno"], told["text"])
    if "text" in told:
        raise Failed(told["text"])
    return told["value"]


class Holder:
    """A child that has run a function (took a lock, opened a file) and stays until let go.

    Leaving the `with` block ends the child, which closes all its files.  It is told to go by a byte
    and not by the pipe's end, which other children keep open.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        """Start the child and wait until the function has returned in it."""
        ready, told = os.pipe()
        waiting, self.leash = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(ready)
                os.close(self.leash)
                os.write(told, json.dumps(outcome(function)).encode())
                os.close(told)
                os.read(waiting, 1)
            finally:
                os._exit(0)
        os.close(told)
        os.close(waiting)
        with os.fdopen(ready, "rb") as pipe:
            answer = json.loads(pipe.read() or b'{"text": "the holder died"}')
        if "value" not in answer:
            self.let_go()
            raise Failed(f"in the other process: {answer['text']}")

    def __enter__(self) -> Self:
        """Return the holder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the child."""
        self.let_go()

    def let_go(self) -> None:
        """Let the child end by itself and wait for it."""
        if self.leash >= 0:
            with suppress(BrokenPipeError):
                os.write(self.leash, b"go")
            os.close(self.leash)
            self.leash = -1
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        """Kill the child as `kill -9` does and wait for it."""
        os.kill(self.pid, signal.SIGKILL)
        self.let_go()
