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

from ...text import unbroken
from ..model import Job
from ..record import Event
from . import EngineError

LIMIT = 1800.0
"""Seconds for each cell after which a guest is ended whatever it does."""
SILENCE = 240.0
"""Seconds without an event after which a guest counts as hung."""
TAIL = 1500
BENCH = "guest.bench"
"""The module that a guest runs."""
BOOT = Path(__file__).parents[1] / "guest" / "boot.py"


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that guests can pass through, and remove it with all that is in it."""
    folder = tempfile.TemporaryDirectory(prefix="ninep-lab-", ignore_cleanup_errors=True)
    try:
        os.chmod(folder.name, 0o755)
        yield Path(folder.name)
    finally:
        with unbroken():
            folder.cleanup()


def write_job(job: Job, folder: Path) -> Path:
    """Write the job where the guest reads it."""
    path = folder / "job.json"
    path.write_text(json.dumps(job.to_data()), encoding="utf-8")
    return path


def boot_command(job: Job, path: Path, main: str = BENCH) -> list[str]:
    """Return the command that starts the bench, or another module."""
    return [job.python, "-I", "-S", str(BOOT), str(path), main]


class Guest:
    """One guest: how it is started, what it says, whether it came to its end.

    User Mode Linux changes between processes at each of the guest's system calls and page faults:
    on one `core` that costs a quarter of what it does between two.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        console: Path,
        fds: Sequence[int] = (),
    ) -> None:
        """Remember how to start it, and which descriptors of ours it gets."""
        self.command = command
        self.env = env
        self.console = console
        self.core: int | None = None
        self.fds = fds
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = b""
        self.heard = 0.0
        self.began = self.ended = self.retired = self.hung = False

    def start(self) -> None:
        """Start the command in a process group of its own."""
        with self.console.open("wb") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                env=dict(self.env),
                start_new_session=True,
                pass_fds=self.fds,
            )
        self.heard = time.monotonic()
        if self.core is not None:
            with suppress(OSError):  # where a sandbox forbids it the guest is only slower
                os.sched_setaffinity(self.process.pid, {self.core})

    def fileno(self) -> int:
        """Return the descriptor that the events come from."""
        assert self.process is not None  # noqa: S101 - who listens has started it
        assert self.process.stdout is not None  # noqa: S101 - it was asked for
        return self.process.stdout.fileno()

    def events(self) -> list[Event] | None:
        """Return the events that have come, None when there will be no more."""
        data = os.read(self.fileno(), 1 << 16)
        if not data:
            return None
        self.heard = time.monotonic()
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        found = [json.loads(line) for line in lines if line.lstrip().startswith(b"{")]
        names = {event["event"] for event in found}
        self.began |= "begin" in names
        self.ended |= "end" in names
        self.retired |= "retire" in names
        return found

    def end(self) -> None:
        """End the whole group: it leaves helpers behind when only its first process is killed."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def trouble(self) -> str:
        """Say what went wrong, nothing when the guest came to its end."""
        if self.hung:
            return "the guest hung and was ended"
        return "" if self.ended else f"the guest died; its console ends: {last_words(self.console)}"

    @property
    def lost(self) -> bool:
        """Tell whether it left work undone that another one could do: not if it never got to it."""
        return self.began and (self.retired or not self.ended)


def nobody(_: Guest) -> None:
    """Replace no guest."""


def follow(
    first: Sequence[Guest],
    on_event: Callable[[Event], None],
    patience: float = 1.0,
    cells: int = 1,
    successor: Callable[[Guest], Guest | None] = nobody,
) -> None:
    """Run guests and pass on what they say; their groups are gone when this returns.

    One that dies or hangs does not stop the others; in the end it is an EngineError.  `successor`
    may make a guest to go on with its work.  `patience` is a factor on how long they may take.
    """
    guests, running = list(first), list(first)
    stop = time.monotonic() + LIMIT * cells * patience
    try:
        for guest in first:
            guest.start()
        while running:
            for guest in ready(running, stop, SILENCE * patience):
                events = None if guest.hung else guest.events()
                if events is None:
                    guest.end()
                    running.remove(guest)
                    late = time.monotonic() >= stop
                    if guest.lost and not late and (new := successor(guest)):
                        new.start()
                        guests.append(new)
                        running.append(new)
                for event in events or ():
                    on_event(event)
    finally:
        with unbroken():
            for guest in running:
                guest.end()
    troubles = [guest.trouble for guest in guests if guest.trouble]
    if troubles:
        raise EngineError("; ".join(troubles))


def ready(guests: Sequence[Guest], stop: float, silence: float) -> list[Guest]:
    """Wait for guests that have something to say; if none has, return those that count as hung."""
    first = min(guest.heard for guest in guests) + silence
    left = max(0.0, min(stop, first) - time.monotonic())
    found: list[Guest] = select.select(guests, [], [], left)[0]
    now = time.monotonic()
    if found and now < stop:
        return found
    late = [guest for guest in guests if now >= min(stop, guest.heard + silence)]
    for guest in late:
        guest.hung = True
    return late


def last_words(console: Path) -> str:
    """Return the end of the console's text on one line."""
    text = console.read_bytes()[-TAIL:].decode(errors="backslashreplace")
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())
