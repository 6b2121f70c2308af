"""A second machine on the same server: a guest on a wire with this one, that runs what it is asked.

Functions run in processes of the other guest, by the name of their module; on the control these
are processes beside the check's own.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .children import outcome, unpacked
from .expect import Failed

HERE, THERE = "10.9.0.1", "10.9.0.2"
"""Addresses of the two ends of the wire."""
LOOK = 0.1
"""Seconds between two attempts to reach it."""
PROBES = {
    socket.TCP_KEEPIDLE: 1,
    socket.TCP_KEEPINTVL: 1,
    socket.TCP_KEEPCNT: 5,
    socket.TCP_USER_TIMEOUT: 6000,
}
"""So that a guest that has died is noticed; one that is off the network for a while is not lost."""
MASK = "255.255.255.0"
PORT = 5640
"""Where the other guest listens for requests."""
BOOT, UP = 60.0, 3.0
"""Seconds within which it answers: while it may still boot, and afterwards."""


class Process:
    """A process of the other machine, at the far end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connection that `answer` reads."""
        self.connection = connection
        self.lines = connection.makefile("rb")

    def begin(self, function: Callable[..., Any], *args: Any) -> None:
        """Have a function of a module run; arguments and what it returns must fit JSON."""
        request = [function.__module__, function.__qualname__, *args]
        self.connection.sendall(json.dumps(request).encode() + b"\n")

    def result(self) -> Any:
        """Wait for the function and return or raise what it does; an OSError keeps its errno."""
        return unpacked(self.lines.readline())

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function to its end."""
        self.begin(function, *args)
        return self.result()

    def ended(self, seconds: float) -> bool:
        """Tell whether the function that has begun ends within a time."""
        return bool(select.select([self.connection], [], [], seconds)[0])

    def close(self) -> None:
        """End the process, unless it waits for something."""
        self.lines.close()
        self.connection.close()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The other machine; on the control it is this one.

    `dir`      the check's directory, as that machine has it mounted
    `connect`  begin a process there
    """

    dir: Path
    connect: Callable[[], socket.socket]

    @contextmanager
    def process(self) -> Iterator[Process]:
        """Provide a process there; it is killed when the context ends."""
        there = Process(self.connect())
        pid = there.run(os.getpid)
        try:
            yield there
        finally:
            killer = Process(self.connect())
            with suppress(ProcessLookupError):
                killer.run(kill, pid)
            killer.close()
            there.close()


def kill(pid: int) -> None:
    """Kill a process as `kill -9` does, and wait until its files are closed."""
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([fd], [], [])


def answer(connection: socket.socket) -> None:
    """Be the process: run what is asked for and send what came of it, until there is no more."""
    with connection.makefile("rb") as requests:
        for request in requests:
            module, name, *args = json.loads(request)
            function = getattr(importlib.import_module(module), name)
            connection.sendall(json.dumps(outcome(partial(function, *args))).encode() + b"\n")


def in_child(connection: socket.socket, *others: socket.socket) -> None:
    """Answer a connection in a child process, without some other sockets."""
    if os.fork() == 0:
        try:
            for other in others:
                other.close()
            answer(connection)
        finally:
            os._exit(0)
    connection.close()


def beside() -> socket.socket:
    """Begin a process on this machine."""
    ours, theirs = socket.socketpair()
    in_child(theirs, ours)
    return ours


def over_wire(limit: float = UP) -> socket.socket:
    """Begin a process in the other guest.  Errors: Failed"""
    end = time.monotonic() + limit
    while True:
        try:
            connection = socket.create_connection((THERE, PORT), timeout=UP)
        except OSError as problem:
            if time.monotonic() > end:
                raise Failed(f"the other guest does not answer: {problem}") from None
            select.select([], [], [], LOOK)
        else:
            connection.settimeout(None)
            for name, value in PROBES.items():
                connection.setsockopt(socket.IPPROTO_TCP, name, value)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connection


def main(_: str) -> int:
    """Be the other guest: answer each connection until the machine is switched off."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.create_server((THERE, PORT)) as listener:
        while True:
            in_child(listener.accept()[0], listener)


Meeting = Callable[[], AbstractContextManager[Neighbour]]
