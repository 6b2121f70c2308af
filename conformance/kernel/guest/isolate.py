"""Run calls in forked children with a deadline for each: a hang fails one check, not the run.

One child runs all calls of a script as long as they return; after a hang or a death another child
goes on with the next call.  A child leads a process group, so its own children end with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from ..expect import Failed, Skipped, shorten
from ..model import Outcome, Result

HANGS = 2
"""After so many hangs in one script its other checks are not tried."""
WORDS = 500
"""Characters of an exception's text that a message shows."""
OURS = (AttributeError, ImportError, IndexError, KeyError, NameError, TypeError)
"""What is raised by a mistake in the lab and not by anything that a server does."""
GRACE = 5.0
"""Seconds that a killed child may take to go away."""

Call = Callable[[], object]


@dataclass(slots=True)
class Child:
    """A forked child and the pipe it tells its results through."""

    pid: int
    pipe: int

    def results(self, deadline: float) -> Iterator[Result]:
        """Yield results until the child ends or one of them takes longer than `deadline`."""
        buffer = b""
        while select.select([self.pipe], [], [], deadline)[0]:
            data = os.read(self.pipe, 1 << 16)
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                yield Result(**json.loads(line))

    def end(self, seconds: float) -> tuple[bool, int | None]:
        """Wait, then kill; return whether it ended by itself, and its wait status if it is gone."""
        os.close(self.pipe)
        by_itself = self.gone_within(seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if by_itself or self.gone_within(GRACE):
            return by_itself, os.waitpid(self.pid, 0)[1]
        return False, None

    def gone_within(self, seconds: float) -> bool:
        """Wait until the child has ended, at most so long."""
        pidfd = os.pidfd_open(self.pid)
        try:
            return bool(select.select([pidfd], [], [], seconds)[0])
        finally:
            os.close(pidfd)


def fork(calls: Sequence[Call]) -> Child:
    """Start a child that runs the calls one after the other."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Child(pid, reader)
    try:
        os.close(reader)
        in_child(calls, writer)
    finally:
        os._exit(0)


def in_child(calls: Sequence[Call], writer: int) -> None:
    """Be the child: an own group, no way to the event stream, one line a result."""
    os.setsid()
    os.dup2(2, 1)
    os.umask(0o022)
    for call in calls:
        line = json.dumps(asdict(attempt(call))) + "\n"
        os.write(writer, line.encode())


def attempt(call: Call) -> Result:
    """Run one call and judge how it ends."""
    start = time.monotonic()
    try:
        seen = call()
    except Skipped as reason:
        return Result("skip", str(reason), time.monotonic() - start)
    except Failed as failure:
        return Result("fail", f"{failure} ({where(failure)})", time.monotonic() - start)
    except Exception as failure:  # noqa: BLE001 - whatever a check raises is its verdict
        text = f"{type(failure).__name__}: {shorten(str(failure), WORDS)} ({where(failure)})"
        outcome: Outcome = "error" if isinstance(failure, OURS) else "fail"
        return Result(outcome, text, time.monotonic() - start)
    return Result("pass", "", time.monotonic() - start, seen)


def where(failure: BaseException) -> str:
    """Name the last line of a script that led to the failure."""
    frames = traceback.extract_tb(failure.__traceback__)
    script = next((f for f in reversed(frames) if "/scripts/" in f.filename), frames[-1])
    return f"line {script.lineno}: {script.line}"


def run_all(calls: Sequence[Call], deadline: float, report: Callable[[int, Result], None]) -> bool:
    """Run every call and report each; False when a child could not be ended."""
    at = hangs = 0
    while at < len(calls) and hangs < HANGS:
        child = fork(calls[at:])
        for result in child.results(deadline):
            report(at, result)
            at += 1
        complete = at == len(calls)
        by_itself, status = child.end(GRACE if complete else 0.1)
        if complete:
            return True
        report(at, Result("fail", ending(by_itself=by_itself, status=status, deadline=deadline)))
        at += 1
        hangs += not by_itself
        if status is None:
            return False
    for rest in range(at, len(calls)):
        report(rest, Result("fail", f"not tried: {HANGS} checks before it hung"))
    return True


def ending(*, by_itself: bool, status: int | None, deadline: float) -> str:
    """Say how a check came to no result."""
    if status is None:
        return f"no result within {deadline:g} s, and SIGKILL did not end the process"
    if not by_itself:
        return f"no result within {deadline:g} s"
    code = os.waitstatus_to_exitcode(status)
    return f"the process ended without a result: {describe(code)}"


def describe(code: int) -> str:
    """Render an exit code as Python's subprocess counts it."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def responds(path: str, deadline: float) -> bool:
    """Tell whether a file system still answers."""
    outcomes: list[Result] = []

    def look() -> None:
        os.statvfs(path)
        os.listdir(path)

    def note(_: int, result: Result) -> None:
        outcomes.append(result)

    sys.stdout.flush()
    run_all([look], deadline, note)
    return outcomes[0].outcome == "pass"
