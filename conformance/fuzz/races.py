"""Names that change while a client uses them: does it ever get out of the export?

    python -m ninep.conformance.fuzz.races [--operations N] [--clients N]

A process on the host exchanges a directory of the export with a symbolic link that leads outside,
and moves another directory out and back, as fast as it can.  Meanwhile clients walk, open, read,
write, create, make directories, link, rename, unlink, set attributes and extended attributes by
those names.  What is outside must neither be seen nor changed.  The server runs without its
sandbox, which would keep them in as well.  Exit code 0: nobody got out; 1: somebody did.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from ninep import messages as m
from ninep.arguments import count
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG, SetattrValid
from ninep.messages import Message, Rread, TMessage

from ..adapters import Kept, adapters
from ..text import ended_by_signals, unbroken
from .judge import LARGEST, Frames
from .talk import CHUNK

CODEC = codec("9P2000.L")
AT_FDCWD, EXCHANGE = -100, 2
SECRET = b"outside"
BATCH = 50
"""Rounds that are sent at once."""
MODE = int(SetattrValid.MODE)
FILE, DIR, MOVED, ABOVE, VALUE, NEW, PAST = range(1, 8)
ROUND: tuple[TMessage, ...] = (
    m.Twalk(0, FILE, (b"a", b"s", b"f")),
    m.Tlopen(FILE, os.O_RDWR),
    m.Tread(FILE, 0, 100),
    m.Twrite(FILE, 0, b"inside"),
    m.Tsetattr(FILE, MODE, 0o600, 0, 0, 0, 0, 0, 0, 0),
    m.Twalk(0, VALUE, (b"a", b"s", b"f")),
    m.Txattrcreate(VALUE, b"user.x", 1, 0),
    m.Twrite(VALUE, 0, b"x"),
    m.Tclunk(VALUE),
    m.Twalk(0, DIR, (b"a", b"s")),
    m.Twalk(0, NEW, (b"a", b"s")),
    m.Tlcreate(NEW, b"new", os.O_RDWR, 0o600, NONUNAME),
    m.Tmkdir(DIR, b"newdir", 0o700, NONUNAME),
    m.Tlink(DIR, FILE, b"hard"),
    m.Tsymlink(DIR, b"soft", b"x", NONUNAME),
    m.Trenameat(DIR, b"new", DIR, b"newer"),
    m.Trenameat(DIR, b"only-outside", DIR, b"taken"),
    m.Tunlinkat(DIR, b"only-outside", 0),
    m.Twalk(DIR, PAST, (b"only-outside",)),
    m.Tclunk(PAST),
    m.Tunlinkat(DIR, b"newer", 0),
    m.Tunlinkat(DIR, b"hard", 0),
    m.Tunlinkat(DIR, b"soft", 0),
    m.Tunlinkat(DIR, b"newdir", 0x200),
    m.Twalk(0, MOVED, (b"m",)),
    m.Twalk(MOVED, ABOVE, (b"..",)),
    m.Tgetattr(ABOVE, 0x7FF),
    m.Twalk(MOVED, PAST, (b"..", b"only-outside")),
    *(m.Tclunk(fid) for fid in (FILE, DIR, MOVED, ABOVE, NEW, PAST)),
)  # fmt: skip
"""What a client does by the names that change."""


def attack(folder: str) -> None:
    """Exchange and move names until somebody ends the process."""
    libc = ctypes.CDLL(None)
    os.chdir(folder)
    while True:
        libc.renameat2(AT_FDCWD, b"root/a/s", AT_FDCWD, b"root/a/t", EXCHANGE)
        libc.rename(b"root/m", b"outside/m")
        libc.renameat2(AT_FDCWD, b"root/a/s", AT_FDCWD, b"root/a/t", EXCHANGE)
        libc.rename(b"outside/m", b"root/m")


def plant(folder: Path) -> None:
    """Make the export, and beside it what is to stay as it is."""
    for name in ("root/a/s", "root/m", "outside"):
        (folder / name).mkdir(parents=True)
    (folder / "root/a/s/f").write_bytes(b"inside")
    (folder / "root/a/t").symlink_to(folder / "outside")
    for name in ("f", "only-outside"):
        (folder / "outside" / name).write_bytes(SECRET)


def outside(folder: Path) -> dict[str, object]:
    """Describe what is outside, but for the directory that is moved."""
    found: dict[str, object] = {}
    for entry in os.scandir(folder / "outside"):
        if entry.name != "m":
            st = entry.stat(follow_symlinks=False)
            content = Path(entry.path).read_bytes() if entry.is_file() else b""
            found[entry.name] = (
                st.st_ino,
                st.st_mode,
                st.st_nlink,
                content,
                os.listxattr(entry.path),
            )
    return found


class Client:
    """One connection, what it was answered, and what of that it should never have seen."""

    def __init__(self, target: Kept, secret: frozenset[int]) -> None:
        """Connect and attach; `secret` are the qid paths of what is outside."""
        self.sock = target.connect()
        self.secret = secret
        self.frames = Frames(LARGEST)
        self.seen: Counter[str] = Counter()
        """Escapes, by message."""
        self.done: Counter[str] = Counter()
        """Requests that succeeded, by message."""
        self.answered = 0
        self.exchange([(NOTAG, m.Tversion(65536, b"9P2000.L"))])
        self.exchange([(1, m.Tattach(0, NOFID, b"root", b"", 0))])

    def exchange(self, requests: Sequence[tuple[int, TMessage]]) -> None:
        """Send requests and look at every reply."""
        self.sock.sendall(b"".join(CODEC.encode(tag, request) for tag, request in requests))
        left = len(requests)
        while left:
            if not (data := self.sock.recv(CHUNK)):
                raise OSError("the server hung up")
            for frame in self.frames.cut(data):
                self.look(CODEC.decode(frame)[1])
                left -= 1

    def look(self, reply: Message) -> None:
        """Note an escape."""
        self.answered += 1
        name = type(reply).__name__
        self.done[name] += 1
        if self.secret & set(paths(reply)) or (
            type(reply) is Rread and SECRET in bytes(reply.data)
        ):
            self.seen[name] += 1

    def run(self, operations: int) -> None:
        """Make so many requests."""
        batch = [(tag, request) for tag, request in enumerate(ROUND * BATCH)]
        while self.answered < operations:
            self.exchange(batch)
        self.sock.close()


def paths(reply: Message) -> Iterator[int]:
    """Yield the paths of the qids in a reply."""
    for qid in (*getattr(reply, "wqid", ()), *([reply.qid] if hasattr(reply, "qid") else [])):
        yield qid.path


@contextmanager
def attacked() -> Iterator[tuple[Kept, Path]]:
    """Have a server, and a process that changes names in what it exports."""
    ours = adapters()["ninep"]
    bare = replace(ours, command=(*ours.command, "--no-sandbox"))
    with ExitStack() as stack:
        with unbroken():
            prefix = "ninep-races-"
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
            plant(folder)
            target = Kept(bare, Path(sys.executable), folder / "root")
            stack.callback(target.close)
            attacker = get_context("fork").Process(target=attack, args=(str(folder),), daemon=True)
            attacker.start()
            stack.callback(attacker.join)
            stack.callback(attacker.kill)
        yield target, folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.fuzz.races")
    parser.add_argument("--operations", type=count, default=100_000)
    parser.add_argument("--clients", type=count, default=2)
    args = parser.parse_args(argv)
    try:
        with ended_by_signals():
            return race(args.operations, args.clients)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 3


def race(operations: int, clients: int) -> int:
    """Have clients make requests while names change; print what came of it."""
    start = time.monotonic()
    with attacked() as (target, folder):
        before = outside(folder)
        inodes = [os.stat(folder / "outside" / name).st_ino for name in (".", *before)]
        made = [Client(target, frozenset(inodes)) for _ in range(clients)]
        with ThreadPoolExecutor(clients) as pool:
            for _ in pool.map(lambda one: one.run(operations // clients), made):
                pass
        after = outside(folder)
    done, seen = sum((c.done for c in made), Counter()), sum((c.seen for c in made), Counter())
    print(f"{done.total()} answers in {time.monotonic() - start:.0f} s, {done['Rlerror']} errors")
    print(" ".join(f"{name} {times}" for name, times in sorted(done.items()) if name != "Rlerror"))
    for name, times in seen.items():
        print(f"ESCAPE {name} showed what is outside, {times} times")
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            print(f"ESCAPE outside/{name} was {before.get(name)} and is {after.get(name)}")
    print("nobody got out" if not seen and before == after else "somebody got out")
    return 0 if not seen and before == after else 1


if __name__ == "__main__":
    sys.exit(main())
