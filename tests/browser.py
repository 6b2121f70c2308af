"""A headless Chromium, driven by the DevTools protocol over a pair of pipes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip
SHELL = 'exec "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'
"""Chromium reads commands from descriptor 3 and writes answers to 4."""
PATIENCE = 60.0


def missing() -> str:
    """Say why there is no browser; empty if there is one."""
    found = shutil.which("chromium") and shutil.which("bash")
    return "" if found else "no chromium: apt-get install chromium"


class Browser:
    """One page of a running Chromium."""

    def __init__(self, commands: int, answers: int) -> None:
        """Open a page; the arguments are our ends of the pipes."""
        self.commands = commands
        self.answers = answers
        self.number = 0
        self.buffer = b""
        self.session: str | None = None
        page = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self.session = attached["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: object) -> Any:
        """Send a command and return its result."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file, and wait until it is there."""
        self.call("Page.navigate", url=path.as_uri() + fragment)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            data = os.read(self.answers, 1 << 20) if ready else b""
            assert data, "the browser says nothing"
            self.buffer += data
        first, _, self.buffer = self.buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run Chromium with a new profile."""
    theirs_in, commands = high_pipe()
    answers, theirs_out = high_pipe()
    with subprocess.Popen(
        [
            "bash",
            "-c",
            SHELL,
            "bash",
            "chromium",
            *FLAGS[:-1],
            f"--user-data-dir={profile}",
            FLAGS[-1],
        ],
        env={**os.environ, "COMMANDS": str(theirs_in), "ANSWERS": str(theirs_out)},
        pass_fds=(theirs_in, theirs_out),
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Browser(commands, answers)
        finally:
            os.close(commands)
            process.terminate()
            process.wait(10)
            os.close(answers)


def high_pipe() -> tuple[int, int]:
    """Return a pipe whose ends are clear of the descriptors that Chromium wants."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
