"""A machine of a test's own: mounts and a network that nobody else sees, and that leave nothing.

They are namespaces, held by a process that ends with its input; with it mounts and loop devices go.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.running import MEASURED, UNFENCED, ninep

TURN = 0.02
"""Seconds between two looks."""
CLONE_NEWNET = 0x40000000
HOLD = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", "echo; exec cat"]
HASTY = """
from ninep import cli, server
server.PROBES.update(TCP_KEEPIDLE=1, TCP_KEEPINTVL=1, TCP_KEEPCNT=2, TCP_USER_TIMEOUT=2000)
""" + (UNFENCED if MEASURED & {*os.environ} else "cli.entry()")
"""A server that gives up soon on who has vanished."""


def need(*programs: str) -> None:
    """Skip the test, and say why, where this machine lacks something."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


class Machine:
    """Mounts and a network."""

    def __init__(self) -> None:
        """Have them, or skip the test."""
        need("unshare", "nsenter", "mount", "ip")
        self.holder = subprocess.Popen(HOLD, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout
        if not self.holder.stdout.read(1):
            self.close()
            pytest.skip("no namespaces of our own")
        self.pid = self.holder.pid
        self.enter = [
            "nsenter",
            f"--mount=/proc/{self.pid}/ns/mnt",
            f"--net=/proc/{self.pid}/ns/net",
        ]
        self.run("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        """Let it go."""
        self.holder.communicate()

    def run(self, *command: str, **more: object) -> subprocess.CompletedProcess[str]:
        """Run a command in it, which must work; skip the test if that cannot be here."""
        done = subprocess.run(
            [*self.enter, *command], capture_output=True, text=True, check=False, **more
        )  # type: ignore[call-overload]
        if done.returncode:
            pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")
        return done  # type: ignore[no-any-return]

    def can(self, *command: str) -> bool:
        """Run a command in it; say whether that worked."""
        done = subprocess.run([*self.enter, *command], capture_output=True, check=False)
        return not done.returncode

    def seen(self, path: Path) -> Path:
        """Return the way from outside to a path as it is in here."""
        return Path(f"/proc/{self.pid}/root{path}")

    def tmpfs(self, path: Path, *options: str) -> Path:
        """Mount memory at a new folder, and return that."""
        path.mkdir()
        self.run("mount", "-t", "tmpfs", "-o", ",".join(("rw", *options)), "none", str(path))
        return path

    def disk(self, image: Path, size: int, *mkfs: str) -> Path:
        """Make a file system in an image, mount it at a new folder, and return that."""
        need(mkfs[0])
        self.run("truncate", "-s", str(size), str(image))
        self.run(*mkfs, str(image))
        path = image.parent.parent / f"on-{image.name}"
        path.mkdir()
        self.run("mount", "-o", "loop", str(image), str(path))
        return path

    def server(self, *program: str) -> list[str]:
        """Return the command that runs ninep in it; `program` is another one than ours."""
        return [*self.enter, *([sys.executable, "-c", *program] if program else ninep())]

    def dialled(self, address: str, to: str = "") -> socket.socket:
        """Connect from in here to a server's address, or to another host's."""
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        with ThreadPoolExecutor(1) as thread:  # which alone goes there
            return thread.submit(self._dial, to or host, int(port)).result()

    def _dial(self, host: str, port: int) -> socket.socket:
        with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0
        return socket.create_connection((host, port), timeout=20)

    def wire(self, other: Machine) -> None:
        """Lay a wire to another machine; this end is 10.0.0.1, that one 10.0.0.2."""
        self.run(
            "ip", "link", "add", "wire", "type", "veth", "peer", "wire", "netns", str(other.pid)
        )
        for number, machine in enumerate((self, other), 1):
            machine.run("ip", "address", "add", f"10.0.0.{number}/24", "dev", "wire")
            machine.run("ip", "link", "set", "wire", "up")


@contextlib.contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """Have some machines."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(Machine())
            stack.callback(found[-1].close)
        yield found


LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, RELEASE, INIT = 1, 2, 3, 14, 15, 16, 18, 26
BATCH_FORGET = 42
HEAD, REPLY = struct.Struct("<IIQQIIII"), struct.Struct("<IiQ")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
LONG = 1 << 30
"""Seconds for which the kernel need not ask again."""
FOLDER = ATTR.pack(1, 4, 1, 0, 0, 0, 0, 0, 0, 0o40755, 1, 0, 0, 0, 4096, 0)
FILE = ATTR.pack(2, 4, 1, 0, 0, 0, 0, 0, 0, 0o100666, 1, 0, 0, 0, 4096, 0)
ANSWERS = {
    INIT: struct.pack("<IIIIHHIIHHII24x", 7, 31, 1 << 16, 0, 64, 48, 1 << 16, 1, 0, 0, 0, 0),
    LOOKUP: struct.pack("<QQQQII", 2, 0, LONG, LONG, 0, 0) + FILE,
    GETATTR: struct.pack("<QII", LONG, 0, 0) + FOLDER,
    OPEN: struct.pack("<QII", 0, 1, 0),
    READ: b"late",
    WRITE: struct.pack("<II", 4, 0),
    RELEASE: b"",
}
"""Whatever is looked up is the file, what is read is a word, and all of a word is written; what is
not here the file system has not.
"""
NOT_HERE = -38


class Sleepy:
    """A FUSE file system that does not answer while it is not `awake`.

    Source: torvalds/linux: include/uapi/linux/fuse.h
    """

    def __init__(self, machine: Machine, path: Path) -> None:
        """Mount it at a new folder."""
        if not os.path.exists("/dev/fuse"):
            pytest.skip("no /dev/fuse")
        path.mkdir()
        self.awake = threading.Event()
        self.awake.set()
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        command = ("mount", "-i", "-t", "fuse", "-o", options, "sleepy", str(path))
        machine.run(*command, pass_fds=(self.fd,))
        threading.Thread(target=self._serve, daemon=True).start()

    def sleep(self) -> None:
        """Look at no further request."""
        self.awake.clear()
        time.sleep(4 * TURN)

    def close(self) -> None:
        """Let go of everybody who waits."""
        self.awake.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it is unmounted
            while True:
                self.awake.wait()
                if select.select([self.fd], [], [], TURN)[0]:
                    self._answer(os.read(self.fd, 1 << 18))
        os.close(self.fd)

    def _answer(self, data: bytes) -> None:
        _, opcode, unique, *_ = HEAD.unpack_from(data)
        if opcode not in {FORGET, BATCH_FORGET}:
            body = ANSWERS.get(opcode, b"")
            error = 0 if opcode in ANSWERS else NOT_HERE
            os.write(self.fd, REPLY.pack(REPLY.size + len(body), error, unique) + body)
