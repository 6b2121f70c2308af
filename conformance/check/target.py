"""The server under test: how to reach it, once for each connection."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import time
from typing import Protocol

from ninep.address import Address

CONNECT = 5.0
"""Seconds to connect in."""
END = 2.0
"""Seconds that a command has to end in after its connection was closed."""


class Target(Protocol):
    """Something that one can connect to."""

    apart: bool
    """Whether each connection may have files of its own."""

    def connect(self) -> socket.socket:
        """Return a new connection.  Errors: OSError"""
        ...

    def close(self) -> None:
        """End what connecting has started."""
        ...


class Reached:
    """A server that listens: `tcp://` or `unix://`."""

    apart = False

    def __init__(self, address: Address) -> None:
        """Take the address; nothing is opened yet."""
        self.address = address

    def connect(self) -> socket.socket:
        """Connect."""
        if self.address.kind == "tcp":
            where = (self.address.host, self.address.port)
            sock = socket.create_connection(where, timeout=CONNECT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(CONNECT)
            sock.connect(self.address.path)
        except OSError:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """Do nothing: the server is not ours."""


class Started:
    """A command that talks 9P on standard input and output, one for each connection: `exec:`."""

    apart = True

    def __init__(self, address: Address) -> None:
        """Take the address.  Errors: ValueError (a quotation is not closed)"""
        self.command = shlex.split(address.path)
        self.processes: list[subprocess.Popen[bytes]] = []

    def connect(self) -> socket.socket:
        """Start the command on one end of a socket pair."""
        self.processes = [p for p in self.processes if p.poll() is None]
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.processes.append(started(self.command, theirs))
            except OSError:
                ours.close()
                raise
        return ours

    def close(self) -> None:
        """End the commands that their closed connection has not ended."""
        end = time.monotonic() + END
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0))
            if process.poll() is None:
                process.kill()
                process.wait()


def started(command: list[str], sock: socket.socket) -> subprocess.Popen[bytes]:
    """Start a command whose standard input and output is a socket.  Errors: OSError"""
    return subprocess.Popen(command, stdin=sock.fileno(), stdout=sock.fileno())


def target(address: Address) -> Target:
    """Return what an address leads to.  Errors: ValueError"""
    return Started(address) if address.kind == "exec" else Reached(address)
