"""What the sandbox costs: at the start, and for each request; pairs of runs, one after the other.

    python bench/sandbox.py [ROUNDS]

Prints the seconds that entering takes, and the ratio of requests answered in the same time with and
without it: medians, with the extremes.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ninep import messages as m
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG

SECONDS = 1.0
BATCH, SIZE = 32, 4
WITH, WITHOUT = (), ("--no-sandbox",)
CODEC = codec("9P2000.L")
ENTER = """
import os, sys, time
from ninep import cli, sandbox, users
tree = sandbox.Tree(os.open(sys.argv[1], os.O_PATH), True)
start = time.perf_counter()
users.learn()
sandbox.enter([tree], [])
print(time.perf_counter() - start)
"""


def enter(root: Path) -> float:
    """Return the seconds that it takes to enter the sandbox."""
    command = [sys.executable, "-c", ENTER, str(root)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def frames(sock: socket.socket, count: int) -> None:
    """Receive so many frames."""
    data = b""
    while count:
        data += sock.recv(1 << 20)
        while len(data) >= SIZE and len(data) >= (size := int.from_bytes(data[:SIZE], "little")):
            data = data[size:]
            count -= 1


def rate(root: Path, *options: str) -> float:
    """Return how many requests a second a server answers: walk, open, read, stat, clunk."""
    command = [sys.executable, "-m", "ninep", "serve", str(root), *options]
    command += ["--listen", f"unix://{root}/socket"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        if server.stdout:
            server.stdout.readline()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(f"{root}/socket")
            sock.sendall(CODEC.encode(NOTAG, m.Tversion(1 << 17, b"9P2000.L")))
            frames(sock, 1)
            sock.sendall(CODEC.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME)))
            frames(sock, 1)
            requests = (
                m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDONLY), m.Tread(1, 0, 4096),
                m.Tgetattr(1, 0x7FF), m.Tclunk(1),
            )  # fmt: skip
            batch = BATCH * b"".join(CODEC.encode(tag, r) for tag, r in enumerate(requests))
            done, end = 0, time.perf_counter() + SECONDS
            while time.perf_counter() < end:
                sock.sendall(batch)
                frames(sock, BATCH * len(requests))
                done += BATCH * len(requests)
        server.terminate()
    return done / SECONDS


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "file").write_bytes(bytes(4096))
        starts, ratios = [], []
        for number in range(rounds):
            starts.append(1000 * enter(root))
            order = (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH)
            rates = {options: rate(root, *options) for options in order}
            ratios.append(rates[WITH] / rates[WITHOUT])
            print(f"{starts[-1]:6.2f} ms   {rates[WITH]:8.0f} / {rates[WITHOUT]:8.0f} a second")
    for name, found in (("milliseconds to enter", starts), ("requests with / without", ratios)):
        print(f"{name}: {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f})")


if __name__ == "__main__":
    main()
