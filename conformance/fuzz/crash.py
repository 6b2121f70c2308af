"""A server that is killed, a machine that loses its power: is there what was acknowledged?

    python -m ninep.conformance.fuzz.crash [--rounds N] [--seed N] [--power]

Clients create, write, rename, unlink files and ask for their fsync through our server, which gets
a SIGKILL after 1 to 500 ms.  Then each name must be as after the last change that was acknowledged,
or after the one that was on its way: whole, under one name, with all that was written, and nothing
else may lie there.  The server is started again on the same socket and must show the same.

With `--power` (as root) the export is an ext4 image on XFS, and just before the kill the image is
cloned: as the disk would be without power.  What was acknowledged by Tfsync must be in the clone,
names in one of the states since; what was written later may be there, not, or as zeros.
Exit code 0: all was there; 1: something was not; 3: interrupted, or this machine cannot do it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from ninep import messages as m
from ninep.arguments import count
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG
from ninep.messages import TMessage

from ..text import ended_by_signals
from .talk import receive

CODEC = codec("9P2000.L")
MSIZE = 65536
CLIENTS = 2
LONGEST = 0.5
"""Seconds for which a server may live."""
NAMES = tuple(b"f%d" % number for number in range(8))
PART, FULL = 20_000, 1 << 18
"""Bytes that one Twrite has at most, and that a file has when nothing is added any more."""
ROOT, DIR, OPEN_DIR, FIRST = range(4)
KINDS = ("create", "write", "write", "write", "sync", "sync_names", "rename", "unlink")
CLONE_NEWNS, PRIVATE = 0x20000, 1 << 18 | 1 << 14
INNER, OUTER = 64 << 20, 512 << 20
"""Bytes of the disk, and of what it lies on."""


class Refused(Exception):  # noqa: N818  what the server said, not what went wrong here
    """The server answered with an error."""


@dataclass(eq=False)
class File:
    """What was written to one file: it only grows."""

    fid: int
    content: bytes = b""
    """All that was sent,"""
    sure: int = 0
    """bytes of it that were acknowledged,"""
    stable: int = 0
    """and those that were when a Tfsync was sent that was acknowledged."""


@dataclass(frozen=True)
class Promise:
    """What must be found: one of the states from `first` on, of each file at least so much."""

    first: int
    sizes: dict[File, int]
    exact: bool
    """Whether nothing else may follow in a file but what was sent, too."""


@dataclass
class Ledger:
    """What was asked of one directory, and what was acknowledged."""

    states: list[dict[bytes, File]] = field(default_factory=lambda: [{}])
    """Its names after each change that was sent."""
    files: list[File] = field(default_factory=list)
    sure: int = 0
    """The state that was acknowledged,"""
    stable: int = 0
    """and the one that was when a Tfsync of the directory was sent that was acknowledged."""

    @property
    def names(self) -> dict[bytes, File]:
        """The names as they are to be."""
        return self.states[-1]

    def killed(self) -> Promise:
        """Say what a process cannot lose."""
        return Promise(self.sure, {file: file.sure for file in self.files}, exact=True)

    def cut(self) -> Promise:
        """Say what a disk may not lose."""
        return Promise(self.stable, {file: file.stable for file in list(self.files)}, exact=False)

    def wrong(self, found: dict[bytes, bytes], promise: Promise) -> str:
        """Say what is wrong with what was found; nothing if it is a state that may be."""
        last = ""
        for state in reversed(self.states[promise.first :]):
            if not (why := differs(state, found, promise)):
                return ""
            last = last or why
        return last


def differs(state: dict[bytes, File], found: dict[bytes, bytes], promise: Promise) -> str:
    """Say how what was found differs from a state, names first."""
    if state.keys() != found.keys():
        return f"names are {sorted(found)}, were to be {sorted(state)}"
    for name, file in state.items():
        content, size = found[name], promise.sizes.get(file, 0)
        if not file.content.startswith(content if promise.exact else content[:size]):
            return f"{name!r} has {len(content)} bytes, not those that were sent"
        if len(content) < size:
            return f"{name!r} has {len(content)} bytes, was to have {size} of {len(file.content)}"
    return ""


class Client(Thread):
    """Changes one directory until the server is gone, and keeps the ledger."""

    def __init__(self, address: Path, name: bytes, seed: str) -> None:
        """Connect and attach; `name` is the directory."""
        super().__init__(daemon=True)
        self.ledger = Ledger()
        self.rng = Random(seed)  # noqa: S311  no secret: the same again by its number
        self.fids = numbers(FIRST)
        self.done = self.syncs = 0
        self.trouble = ""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(address))
        self.ask(m.Tversion(MSIZE, b"9P2000.L"), NOTAG)
        self.ask(m.Tattach(ROOT, NOFID, b"root", b"", 0))
        self.ask(m.Twalk(ROOT, DIR, (name,)))
        self.ask(m.Twalk(DIR, OPEN_DIR, ()))
        self.ask(m.Tlopen(OPEN_DIR, os.O_RDONLY))

    def ask(self, request: TMessage, tag: int = 1) -> Any:
        """Send a request; return its reply.  Errors: OSError, ValueError (it hung up), Refused"""
        self.sock.sendall(CODEC.encode(tag, request))
        reply = CODEC.decode(receive(self.sock))[1]
        if isinstance(reply, m.Rlerror):
            raise Refused(f"{request!r:.200}: {os.strerror(reply.ecode)}")
        return reply

    def run(self) -> None:
        """Work until the server has gone."""
        try:
            while True:
                getattr(self, self.rng.choice(KINDS))()
                self.done += 1
        except Refused as exc:
            self.trouble = str(exc)
        except (OSError, ValueError):
            pass
        self.sock.close()

    def read(self, name: bytes) -> bytes:
        """Return what a file holds."""
        fid, data = next(self.fids), b""
        self.ask(m.Twalk(DIR, fid, (name,)))
        self.ask(m.Tlopen(fid, os.O_RDONLY))
        while part := bytes(self.ask(m.Tread(fid, len(data), MSIZE)).data):
            data += part
        return data

    def any(self) -> tuple[bytes, File] | None:
        """Choose a file that there is."""
        names = self.ledger.names
        return self.rng.choice(list(names.items())) if names else None

    def change(self, state: dict[bytes, File], request: TMessage) -> None:
        """Ask for a change of names; it may be made from now on, and is when that is answered."""
        self.ledger.states.append(state)
        self.ask(request)
        self.ledger.sure = len(self.ledger.states) - 1

    def create(self) -> None:
        """Create a file under a name that is free."""
        name = self.rng.choice(NAMES)
        if name not in self.ledger.names:
            file = File(next(self.fids))
            self.ask(m.Twalk(DIR, file.fid, ()))
            self.ledger.files.append(file)
            request = m.Tlcreate(file.fid, name, os.O_RDWR | os.O_EXCL, 0o644, NONUNAME)
            self.change({**self.ledger.names, name: file}, request)

    def write(self) -> None:
        """Write at the end of a file."""
        found = self.any()
        if found and len(found[1].content) < FULL:
            file = found[1]
            data = self.rng.randbytes(self.rng.randint(1, PART))
            file.content += data
            reply = self.ask(m.Twrite(file.fid, file.sure, data))
            if reply != m.Rwrite(len(data)):
                raise Refused(f"{reply} of {len(data)} bytes")
            file.sure += len(data)

    def sync(self) -> None:
        """Ask for the fsync of a file."""
        if found := self.any():
            file = found[1]
            self.ask(m.Tfsync(file.fid, self.rng.randint(0, 1)))
            file.stable = file.sure
            self.syncs += 1

    def sync_names(self) -> None:
        """Ask for the fsync of the directory."""
        self.ask(m.Tfsync(OPEN_DIR, 0))
        self.ledger.stable = self.ledger.sure
        self.syncs += 1

    def rename(self) -> None:
        """Give a file another name, which may be another one's."""
        found, newname = self.any(), self.rng.choice(NAMES)
        if found and found[0] != newname:
            state = {**self.ledger.names, newname: found[1]}
            del state[found[0]]
            replaced = self.ledger.names.get(newname)
            self.change(state, m.Trenameat(DIR, found[0], DIR, newname))
            if replaced:
                self.ask(m.Tclunk(replaced.fid))

    def unlink(self) -> None:
        """Remove a file."""
        if found := self.any():
            state = {name: file for name, file in self.ledger.names.items() if name != found[0]}
            self.change(state, m.Tunlinkat(DIR, found[0], 0))
            self.ask(m.Tclunk(found[1].fid))


def content(folder: Path) -> dict[bytes, bytes]:
    """Return what lies in a directory of the host."""
    return {os.fsencode(path.name): path.read_bytes() for path in folder.iterdir()}


class Server:
    """Our server on a unix socket, which is never cleaned up by hand."""

    def __init__(self, root: Path, address: Path) -> None:
        """Export `root`; nothing is started yet."""
        self.address = address
        self.command = [
            *(sys.executable, "-m", "ninep", "serve", str(root), "--rw"),
            *("--listen", f"unix://{address}"),
        ]
        self.slowest = 0.0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and return when it listens.  Errors: Refused"""
        begun = time.monotonic()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, cwd="/")
        self.process = process
        if not (process.stdout and process.stdout.readline()):
            raise Refused("the server does not start again")
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def kill(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def shows(self, name: bytes) -> dict[bytes, bytes]:
        """Return what lies in a directory, as it shows it."""
        client, found = Client(self.address, name, ""), {}
        page: m.Rreaddir = client.ask(m.Treaddir(OPEN_DIR, 0, MSIZE))
        for entry in CODEC.dirents(page.data):
            if entry.name not in {b".", b".."}:
                found[entry.name] = client.read(entry.name)
        client.sock.close()
        return found


class Disk:
    """A folder whose power can fail: an ext4 image, on a file system that can clone it."""

    def __init__(self, folder: Path) -> None:
        """Make it, in a mount namespace of this process, which cleans up whatever happens."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, PRIVATE, None):
            raise OSError(ctypes.get_errno(), "no mount namespace of our own")
        self.folder = folder
        for name in ("outer", "live", "copy"):
            (folder / name).mkdir()
        outer, self.inner = folder / "outer.img", folder / "outer/inner.img"
        image(outer, OUTER, "mkfs.xfs", "-q", "-m", "reflink=1")
        run("mount", "-o", "loop", str(outer), str(folder / "outer"))
        image(self.inner, INNER, "mkfs.ext4", "-q", "-F")
        run("mount", "-o", "loop", str(self.inner), str(folder / "live"))
        self.root = folder / "live/export"
        self.root.mkdir()
        os.sync()

    def clone(self) -> None:
        """Keep the disk as it is at this instant."""
        run("cp", "--reflink=always", str(self.inner), str(self.inner.with_name("copy.img")))

    @contextmanager
    def cloned(self) -> Iterator[Path]:
        """Have the export of what was kept."""
        copy = self.inner.with_name("copy.img")
        run("mount", "-o", "loop", str(copy), str(self.folder / "copy"))
        try:
            yield self.folder / "copy/export"
        finally:
            run("umount", str(self.folder / "copy"))
            copy.unlink()

    def close(self) -> None:
        """Unmount all."""
        for name in ("live", "outer"):
            run("umount", str(self.folder / name))


def image(path: Path, size: int, *command: str) -> None:
    """Make a file with a file system in it."""
    path.touch()
    os.truncate(path, size)
    run(*command, str(path))


def run(*command: str) -> None:
    """Run a command of the host to its end.  Errors: OSError"""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise OSError(f"{command[0]} is not installed") from None
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@dataclass
class Tally:
    """What came of the rounds."""

    requests: int = 0
    syncs: int = 0
    wrong: list[str] = field(default_factory=list)


class Rounds:
    """The same tree and socket, round by round."""

    def __init__(self, seed: int, root: Path, address: Path, disk: Disk | None) -> None:
        """Take where to work."""
        self.seed = seed
        self.root = root
        self.disk = disk
        self.server = Server(root, address)
        self.tally = Tally()

    def run(self, number: int) -> None:
        """Work, kill, look, start again, and look through the server."""
        rng = Random(f"{self.seed}.{number}")  # noqa: S311
        folders = [self.root / f"r{number}c{client}" for client in range(CLIENTS)]
        for folder in folders:
            folder.mkdir()
        os.sync()
        clients = [
            Client(self.server.address, os.fsencode(folder.name), f"{self.seed}.{folder.name}")
            for folder in folders
        ]
        for client in clients:
            client.start()
        time.sleep(rng.uniform(0.001, LONGEST))
        cuts = [client.ledger.cut() for client in clients]
        if self.disk:
            self.disk.clone()
        self.server.kill()
        for client in clients:
            client.join()
        self.judge(number, folders, clients, cuts)
        for folder in folders:
            shutil.rmtree(folder)

    def judge(
        self, number: int, folders: list[Path], clients: list[Client], cuts: list[Promise]
    ) -> None:
        """Compare what is there with the ledgers."""
        for folder, client in zip(folders, clients, strict=True):
            self.tally.requests += client.done
            self.tally.syncs += client.syncs
            self.note(number, client.trouble)
            self.note(number, client.ledger.wrong(content(folder), client.ledger.killed()))
        others = {path.name for path in self.root.iterdir()} - {path.name for path in folders}
        self.note(number, f"somebody left {sorted(others)}" if others else "")
        if self.disk:
            with self.disk.cloned() as root:
                for folder, client, cut in zip(folders, clients, cuts, strict=True):
                    wrong = client.ledger.wrong(content(root / folder.name), cut)
                    self.note(number, wrong and f"without power: {wrong}")
        self.server.start()
        for folder in folders:
            if self.server.shows(os.fsencode(folder.name)) != content(folder):
                self.note(number, f"the server shows {folder.name} otherwise than it is")

    def note(self, number: int, wrong: str) -> None:
        """Keep what was wrong."""
        if wrong:
            self.tally.wrong.append(f"round {self.seed}.{number}: {wrong}")


def crash(rounds: int, seed: int, *, power: bool) -> int:
    """Run the rounds; print what came of them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ninep-crash-")))
        disk = None
        root = folder / "root"
        if power:
            disk = Disk(folder)
            stack.callback(disk.close)
            root = disk.root
        else:
            root.mkdir()
        all_of_them = Rounds(seed, root, folder / "socket", disk)
        stack.callback(all_of_them.server.kill)
        all_of_them.server.start()
        for number in range(rounds):
            all_of_them.run(number)
        tally = all_of_them.tally
    print(f"{rounds} rounds, {tally.requests} requests acknowledged, {tally.syncs} of them Tfsync")
    print(f"the server started in {all_of_them.server.slowest:.2f} s at most")
    print("\n".join(f"LOST {text}" for text in tally.wrong) or "all was there")
    return 1 if tally.wrong else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.fuzz.crash")
    parser.add_argument("--rounds", type=count, default=20)
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--power", action="store_true", help="the machine loses its power, too")
    args = parser.parse_args(argv)
    try:
        with ended_by_signals():
            return crash(args.rounds, args.seed, power=args.power)
    except OSError as exc:
        print(f"cannot be tried here: {exc}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
