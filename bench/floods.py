"""What floods cost others: a valid client's latency and the server's memory, quiet and during each.

    python bench/floods.py [--rounds N] [--slices N] [KIND ...]

Server and flooders each have a core of their own; the valid client shares the flooders', who only
get what it leaves, so that what is measured is the server.  Run it as root: server and client then
go before whatever else the machine does.  Each round has a fresh server for each kind,
a quiet time and then a flooded one, in slices; what counts is the lower quartile of the slices,
because the rest of the machine can only add.  The table has medians over the rounds, ratios with
their extremes.  Ends with 1, and words, if a bound is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ninep import messages as m
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG

SLOWER, GROWTH, IDLE = 3.0, 256 << 20, 8 << 10
"""Bounds: p99 during a flood over that before it; bytes more in a flood; bytes of a connection."""
FLOODERS, CONNECTIONS = 2, 50
ENTRIES, DEPTH, SILENT = 20_000, 16, 1000
SLICE = 0.25
"""Seconds, in which the server has looked at all its connections once."""
MSIZE, BULK, BATCH = 1 << 20, 1 << 16, 64
CODEC = codec("9P2000.L")
SPAWN = multiprocessing.get_context("spawn")
VERSION = CODEC.encode(NOTAG, m.Tversion(MSIZE, b"9P2000.L"))
ATTACH = CODEC.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME))


def encoded(*requests: m.TMessage) -> bytes:
    """Return requests by tags of their own."""
    return b"".join(CODEC.encode(tag, t) for tag, t in enumerate(requests, 1))


def opened(name: bytes, flags: int = os.O_RDONLY) -> bytes:
    """Return what begins a session in which fid 1 is open."""
    return VERSION + ATTACH + encoded(m.Twalk(0, 1, (name,))) + encoded(m.Tlopen(1, flags))


def flushes() -> bytes:
    """Return Tflush of reads, of unknown tags, of itself."""
    pairs = [(tag, t) for tag in range(1, BATCH, 2)
             for t in (m.Tread(1, 0, 4096), m.Tflush(tag), m.Tflush(tag + 999))]  # fmt: skip
    return b"".join(CODEC.encode(tag + n % 3 * BATCH, t) for n, (tag, t) in enumerate(pairs))


def locks() -> bytes:
    """Return Tlock of single bytes far from each other: as many locks as are allowed."""
    places = range(0, 2 * 8192, 2)
    return b"".join(CODEC.encode(1, m.Tlock(1, 1, 0, at, 1, os.getpid(), b"x")) for at in places)


def listings() -> bytes:
    """Return a rewind of a large directory and a few pages of it."""
    return encoded(m.Treaddir(1, 0, BULK), *(m.Treaddir(1, 500 * n, BULK) for n in range(1, 9)))


POURED: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "readers": lambda: (opened(b"file"), BATCH * encoded(m.Tread(1, 0, MSIZE))),
    "small readers": lambda: (opened(b"file"), BATCH * encoded(m.Tread(1, 0, BULK))),
    "flush": lambda: (opened(b"file"), flushes()),
    "flush of nothing": lambda: (opened(b"file"), encoded(*[m.Tflush(7)] * BATCH)),
    "version": lambda: (VERSION, BATCH * VERSION),
    "walk": lambda: (
        VERSION + ATTACH, BATCH * encoded(m.Twalk(0, 1, (b"d",) * DEPTH), m.Tclunk(1)),
    ),
    "lock": lambda: (opened(b"file", os.O_RDWR), locks()),
    "readdir": lambda: (opened(b"many"), listings()),
    "getattr": lambda: (VERSION + ATTACH, encoded(*[m.Tgetattr(0, 0x7FF)] * BATCH)),
}  # fmt: skip
"""By kind: what a connection sends first, and then again and again."""
DEAF = {"readers", "small readers"}
"""Kinds whose flooders take no reply."""


def pour(path: str, kind: str) -> None:
    """Send as much as the server takes, on many connections."""
    first, again = POURED[kind]()
    found = selectors.DefaultSelector()
    waits = selectors.EVENT_WRITE if kind in DEAF else selectors.EVENT_WRITE | selectors.EVENT_READ
    left: dict[socket.socket, memoryview] = {}
    for _ in range(CONNECTIONS):
        sock = connected(path)
        sock.settimeout(0)
        found.register(sock, waits, sock)
        left[sock] = memoryview(first)
    scratch = bytearray(MSIZE)
    while left:
        for key, events in found.select():
            sock: socket.socket = key.data
            try:
                if events & selectors.EVENT_READ and not sock.recv_into(scratch):
                    raise ConnectionResetError
                if events & selectors.EVENT_WRITE:
                    left[sock] = left[sock][sock.send(left[sock]) :] or memoryview(again)
            except BlockingIOError:
                pass
            except OSError:
                found.unregister(sock)
                del left[sock]


def storm(path: str, kind: str) -> None:
    """Connect again and again; send what is no 9P, or nothing."""
    data = os.urandom(4096) if kind == "garbage" else b""
    while True:
        with contextlib.suppress(OSError), connected(path) as sock:
            sock.send(data)


def connected(path: str) -> socket.socket:
    """Connect, as soon as there is room."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return sock


def flood(path: str, kind: str) -> None:
    """Be a flooder: on the second core, with what the valid client leaves of it."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if os.geteuid():
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    (pour if kind in POURED else storm)(path, kind)


def ask(sock: socket.socket, request: bytes) -> float:
    """Send a request, take its reply; return the seconds."""
    start = time.perf_counter()
    sock.sendall(request)
    data = sock.recv(MSIZE)
    while len(data) < int.from_bytes(data[:4], "little"):
        data += sock.recv(MSIZE)
    return time.perf_counter() - start


def valid(path: str, orders: multiprocessing.connection.Connection) -> None:
    """Be the valid client: for each number of slices ordered, say how long each request took."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with connected(path) as sock:
        for request in (VERSION, ATTACH, *map(encoded, (m.Twalk(0, 1, (b"file",)),
                                                        m.Tlopen(1, os.O_RDONLY)))):  # fmt: skip
            ask(sock, request)
        pair = encoded(m.Tgetattr(1, 0x7FF)), encoded(m.Tread(1, 0, 4096))
        while slices := orders.recv():
            orders.send([measured(sock, pair) for _ in range(slices)])


def measured(sock: socket.socket, pair: tuple[bytes, bytes]) -> list[float]:
    """Return the seconds of each request in one slice of time."""
    took, end = [], time.perf_counter() + SLICE
    while time.perf_counter() < end:
        took += [ask(sock, request) for request in pair]
    return took


def memory(pid: int) -> int:
    """Return the bytes of a process that are in memory."""
    text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def served(root: Path) -> Iterator[tuple[str, int]]:
    """Serve a tree on the first core; give the socket and the process."""
    path = f"{root}.socket"
    command = [
        sys.executable,
        "-m",
        "ninep",
        "serve",
        str(root),
        "--rw",
        "--limit-per-peer",
        "2000",
    ]
    command += ["--limit-connections", "2000", "--listen", f"unix://{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        os.sched_setaffinity(server.pid, {min(os.sched_getaffinity(0))})
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, server.pid, -20)
        if server.stdout:
            server.stdout.readline()
        try:
            yield path, server.pid
        finally:
            server.kill()


@contextlib.contextmanager
def running(role: Callable[..., None], *args: object) -> Iterator[None]:
    """Run a role as a process."""
    process = SPAWN.Process(target=role, args=args, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


@contextlib.contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Note the memory of a process all the while."""
    seen, ended = [memory(pid)], threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            seen.append(memory(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def percentile(slices: list[list[float]], share: float) -> float:
    """Return what so large a share of the requests did not take longer than, in microseconds."""
    found = sorted(sorted(took)[int(share * (len(took) - 1))] for took in slices)
    return 1e6 * found[len(found) // 4]


def flooded(root: Path, kind: str, slices: int) -> dict[str, float]:
    """Measure one kind once."""
    ours, theirs = SPAWN.Pipe()
    with served(root) as (path, pid), running(valid, path, theirs):
        ours.send(slices)
        quiet = ours.recv()
        with watched(pid) as seen, contextlib.ExitStack() as stack:
            for _ in range(FLOODERS):
                stack.enter_context(running(flood, path, kind))
            time.sleep(1)
            ours.send(slices)
            during = ours.recv()
    found = {f"{name}{share:.0%}": percentile(took, share)
             for name, took in (("q", quiet), ("f", during)) for share in (0.5, 0.99)}  # fmt: skip
    return {**found, "ratio": found["f99%"] / found["q99%"], "grown": max(seen) - seen[0],
            "max": 1e6 * max(map(max, during))}  # fmt: skip


def silent(root: Path, begun: bytes) -> float:
    """Return the server's bytes for each of many connections that say no more than `begun`."""
    with served(root) as (path, pid), contextlib.ExitStack() as stack:
        time.sleep(0.5)
        before = memory(pid)
        for _ in range(SILENT):
            stack.enter_context(connected(path)).sendall(begun)
        time.sleep(1)
        return (memory(pid) - before) / SILENT


def tree(root: Path) -> None:
    """Make what is served."""
    root.mkdir()
    (root / "file").write_bytes(bytes(MSIZE))
    root.joinpath(*["d"] * DEPTH).mkdir(parents=True)
    (root / "many").mkdir()
    for number in range(ENTRIES):
        (root / "many" / f"{number:032}").touch()


def report(kind: str, rounds: list[dict[str, float]]) -> list[str]:
    """Print a row; return the bounds that are broken."""
    middle = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    ratios = [r["ratio"] for r in rounds]
    print(f"{kind:17}{middle['q50%']:7.0f} {middle['q99%']:7.0f}  {middle['f50%']:7.0f} "
          f"{middle['f99%']:7.0f}  {middle['max']:8.0f}  {middle['ratio']:6.1f} "
          f"({min(ratios):.1f} to {max(ratios):.1f})  {middle['grown'] / 2**20:6.1f}",
          flush=True)  # fmt: skip
    broken = []
    if middle["ratio"] > SLOWER:
        broken.append(f"{kind}: p99 is {middle['ratio']:.1f} times that of a quiet server")
    if middle["grown"] > GROWTH:
        broken.append(f"{kind}: the server grows by {middle['grown'] / 2**20:.0f} MiB")
    return broken


def main() -> int:
    """Measure and print."""
    kinds = [*POURED, "garbage", "storm"]
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=", ".join(kinds))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slices", type=int, default=8)
    args = parser.parse_args()
    broken = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "tree")
        tree(root)
        for name, begun in (("silent", b""), ("half a frame", VERSION[:9])):
            each = statistics.median(silent(root, begun) for _ in range(3))
            print(f"{name}: {each / 1024:.1f} KiB of memory for each of {SILENT} connections")
            if each > IDLE:
                broken.append(f"{name}: {each:.0f} bytes a connection")
        print(f"server on one core; {FLOODERS} flooders of {CONNECTIONS} connections on another, "
              "with what a valid client leaves of it\n"
              f"{'microseconds':17}{'quiet':>7} {'p99':>7}  {'during':>7} {'p99':>7}  {'max':>8}  "
              f"{'p99 / p99':23}MiB more")  # fmt: skip
        for kind in args.kinds or kinds:
            rounds = [flooded(root, kind, args.slices) for _ in range(args.rounds)]
            broken += report(kind, rounds)
    print("\n".join(broken))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
