"""`ninep serve` as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

MEASURED = {"COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"}
UNFENCED = """
from ninep import cli, sandbox
sandbox.enter = lambda *_, **__: []
cli.entry()
"""


FENCED = [sys.executable, "-m", "ninep"]


def ninep(*words: str) -> list[str]:
    """Return a command of ninep.

    Where coverage is measured it is without the sandbox, in which that could not be written;
    `test_sandbox.py` has one all the same.
    """
    program = ["-c", UNFENCED] if MEASURED & {*os.environ} else ["-m", "ninep"]
    return [sys.executable, *program, *words]


def environment(*, fenced: bool = False) -> dict[str, str]:
    """Return ours, made so that a child's coverage is not lost, or not measured in the sandbox."""
    left_out = MEASURED if fenced else set()
    return {k: v for k, v in os.environ.items() if k not in left_out} | {"PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def serve(
    *arguments: str, umask: int = -1, fenced: bool = False, command: Sequence[str] = ()
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `ninep serve`; give the process and the addresses it says it listens on.

    `command` is another way to run ninep, if there is one.
    """
    listeners = max(1, arguments.count("--listen"))
    front = command or (FENCED if fenced else ninep())
    with subprocess.Popen(
        [*front, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(fenced=fenced),
        umask=umask,
    ) as process:
        assert process.stdout
        try:
            lines = [process.stdout.readline().split() for _ in range(listeners)]
            yield process, [line[-1] for line in lines if line]
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
