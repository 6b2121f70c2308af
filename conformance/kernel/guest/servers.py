"""The server under test: started, awaited without touching it, watched, stopped.

Readiness is read from the kernel's tables of listening sockets: a probing connection would be a
client that hangs up.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .isolate import describe

START = 60.0
"""Seconds that a server may take to listen; interpreters start slowly in User Mode Linux."""
LOOK = 0.05
"""Seconds between two looks at the tables; a death of the server ends the wait at once."""
STOP = 5.0
TAIL = 2000
LOOPBACK = "127.0.0.1"
LISTEN = "0A"
ACCEPTING = 0x10000


class ServerError(Exception):
    """The server did not come up; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Start:
    """What people call a server, and the folder where it is started, or / if that is not there."""

    called: str = "the server"
    cwd: str = "/"

    @property
    def folder(self) -> str:
        """Return where it is started."""
        return self.cwd if os.path.isdir(self.cwd) else "/"

    @property
    def elsewhere(self) -> str:
        """Say as a clause of a sentence that this is not the folder that was meant."""
        if self.folder == self.cwd:
            return ""
        return f" (started in /, as the guest has no {self.cwd})"


class Server:
    """One running server, its output in a file."""

    def __init__(
        self, command: Sequence[str], addr: str, log: Path, env: Mapping[str, str], start: Start
    ) -> None:
        """Start the command in a process group of its own."""
        self.command = list(command)
        self.called = start.called + start.elsewhere
        self.addr = addr
        self.log = log
        with log.open("wb") as output:
            try:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(env),
                    cwd=start.folder,
                    start_new_session=True,
                )
            except OSError as failure:
                raise ServerError(
                    f"cannot start {self.called}: {self.command[0]}: {failure.strerror}"
                ) from None

    def wait_listening(self) -> None:
        """Return when the server accepts connections; raise ServerError when it never will."""
        end = time.monotonic() + START
        while not listening(self.addr):
            if time.monotonic() > end:
                raise ServerError(
                    f"{self.called} does not listen on {self.addr} after {START:g} s{self.words()}"
                )
            try:
                status = self.process.wait(LOOK)
            except subprocess.TimeoutExpired:
                continue
            stay = "" if status else "; it has to stay in the foreground"
            raise ServerError(f"{self.epitaph()}{stay}")

    @property
    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process.poll() is None

    def epitaph(self) -> str:
        """Say how the server ended and what it said last."""
        return f"{self.called} died with {describe(self.process.wait())}{self.words()}"

    def words(self) -> str:
        """Return the end of the server's output as a clause of a sentence."""
        text = self.log.read_bytes()[-TAIL:].decode(errors="backslashreplace").strip()
        return f"; it said: {text}" if text else "; it said nothing"

    def send(self, number: int) -> None:
        """Send the server a signal; one that it does not survive is waited for."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
            if number == signal.SIGKILL:
                self.process.wait(STOP)

    def stop(self) -> None:
        """Ask the server to end, then make it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(STOP)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def free_address(transport: str, folder: Path, name: str, host: str = LOOPBACK) -> str:
    """Return an address of this transport that nobody listens on."""
    if transport == "unix":
        return f"unix://{folder / name}.sock"
    with socket.socket() as probe:
        probe.bind((host, 0))
        return f"tcp://{host}:{probe.getsockname()[1]}"


def listening(addr: str) -> bool:
    """Look the address up in the kernel's tables."""
    scheme, _, endpoint = addr.partition("://")
    if scheme == "unix":
        return accepts_unix(endpoint, Path("/proc/net/unix").read_text(encoding="utf-8"))
    port = int(endpoint.rpartition(":")[2])
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    return any(accepts_tcp(port, t.read_text(encoding="ascii")) for t in tables if t.exists())


def accepts_tcp(port: int, table: str) -> bool:
    """Tell whether a row of /proc/net/tcp listens on the port."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(int(row[1].rpartition(":")[2], 16) == port and row[3] == LISTEN for row in rows)


def accepts_unix(path: str, table: str) -> bool:
    """Tell whether a row of /proc/net/unix listens on the path."""
    rows = [line.split(maxsplit=7) for line in table.splitlines()[1:]]
    return any(row[7:] == [path] and int(row[3], 16) & ACCEPTING for row in rows)
