"""A guest is a process group whose stdout carries events and whose stderr is its console."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model import Job
from ..record import Event
from . import EngineError

LIMIT = 1800.0
"""Seconds after which a guest is ended whatever it does."""
SILENCE = 240.0
"""Seconds without an event after which a guest counts as hung."""
TAIL = 1500
BOOT = Path(__file__).parents[1] / "guest" / "boot.py"


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that guests can pass through, and remove it with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="ninep-lab-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


def write_job(job: Job, folder: Path) -> Path:
    """Write the job where the guest reads it."""
    path = folder / "job.json"
    path.write_text(json.dumps(job.to_data()), encoding="utf-8")
    return path


def boot_command(job: Job, path: Path) -> list[str]:
    """Return the command that starts the bench."""
    return [job.python, "-I", "-S", str(BOOT), str(path)]


def follow(
    command: Sequence[str],
    env: Mapping[str, str],
    console: Path,
    on_event: Callable[[Event], None],
) -> None:
    """Run a guest to its end and pass its events on; its group is gone when this returns."""
    with console.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            env=dict(env),
            start_new_session=True,
        )
    try:
        for event in events(process):
            on_event(event)
    finally:
        end(process)


def events(process: subprocess.Popen[bytes]) -> Iterator[Event]:
    """Yield the events until the stream ends; raise EngineError when it stalls."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    stop, buffer = time.monotonic() + LIMIT, b""
    while True:
        left = min(SILENCE, stop - time.monotonic())
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise EngineError("the guest hung and was ended")
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            if line.lstrip().startswith(b"{"):
                yield json.loads(line)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: a guest leaves helper processes behind when only its first is killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def last_words(console: Path) -> str:
    """Return the end of the console's text on one line."""
    text = console.read_bytes()[-TAIL:].decode(errors="backslashreplace")
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())
