"""A stand: one side ready to work on, its mounts and the directory behind them."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from ..apart import Apart
from ..expect import Failed
from ..model import DEVICES, VIRTIO, Cell, Side
from ..neighbour import Neighbour, Process, beside, over_wire
from ..place import Place
from ..tapped import Tapped
from .isolate import describe, responds
from .kernel_log import all_complaints
from .mounts import Mount, MountError, bind, mount_nine, nine, prepare_root
from .servers import LOOPBACK, Server, Start, free_address

TAP = Path(__file__).with_name("tap.py")
RESPONSE = 10.0
"""Seconds within which a mount that a check failed on must still answer."""


class Stand:
    """What both sides have in common; mounts are made when the first script needs them."""

    side: Side
    cache = "none"
    msize: int | None = None
    budgeted = False

    def __init__(self, backing: Path, work: Path, name: str) -> None:
        """Remember where things will be."""
        self.backing = backing
        self.inside = Path()
        """Where in it, and in every mount, the scripts work."""
        self.folder = work / name
        self.is_open = False
        self.suspect = False
        self.unkillable = False

    def mount(self, name: str) -> Mount:
        """Describe one of the stand's mounts."""
        raise NotImplementedError

    def open(self) -> bool:
        """Make the stand ready; True when that was needed."""
        if self.is_open:
            return False
        prepare_root(self.backing)
        self.start()
        self.first = self.mount("first")
        self.second = self.mount("second")
        self.first.mount()
        self.is_open = True
        return True

    def start(self) -> None:
        """Start what has to run before the mount."""

    def open_second(self) -> None:
        """Mount the server once more, the first time it is asked for."""
        if not self.second.line:
            self.second.mount()

    @contextmanager
    def tapped(self, inside: Path) -> Iterator[Tapped]:
        """Provide a place of its own; on the control nothing is noted."""
        yield Tapped(self.first.target / inside)

    @contextmanager
    def apart(self, inside: Path, host: str = "", more: Sequence[str] = ()) -> Iterator[Apart]:
        """Provide a place of its own; on the control there is no server to do anything to."""
        del host, more

        def nothing(*_: object) -> None:
            pass

        yield Apart(self.first.target / inside, nothing, nothing, nothing)

    @contextmanager
    def mounted(self, inside: Path, *options: str) -> Iterator[tuple[Path, str]]:
        """Provide a mount with more options; the control has what is asked for anyway."""
        yield self.first.target / inside, ",".join(options)

    @contextmanager
    def neighbour(self, inside: Path) -> Iterator[Neighbour]:
        """Provide another machine; on the control it is this one."""
        yield Neighbour(self.first.target / inside, beside)

    def close(self) -> None:
        """Unmount whatever is mounted."""
        if not self.is_open:
            return
        for mount in (self.second, self.first):
            if mount.line:
                unmount(mount)
        self.is_open = False

    @property
    def line(self) -> str:
        """Return the first mount's line in /proc/mounts."""
        return self.first.line

    def place(self, inside: Path, kernel: tuple[int, int], repository: Path | None) -> Place:
        """Return the place below all mounts where a check works."""
        inside = self.inside / inside
        return Place(
            dir=self.first.target / inside,
            second=self.second.target / inside,
            backing=self.backing / inside,
            side=self.side,
            cache=self.cache,
            kernel=kernel,
            remount=self.first.remount,
            tapped=partial(self.tapped, inside),
            apart=partial(self.apart, inside),
            mounted=partial(self.mounted, inside),
            neighbour=partial(self.neighbour, inside),
            repository=repository,
            msize=self.msize,
            budgeted=self.budgeted,
        )


def unmount(mount: Mount) -> None:
    """Unmount, by force when something still holds it."""
    try:
        mount.unmount()
    except MountError:
        mount.abandon()


class Control(Stand):
    """The control: a directory of the local file system, bound to a mount point."""

    side: Side = "control"

    def __init__(self, backing: Path, work: Path, name: str, read_only: bool) -> None:  # noqa: FBT001
        """Remember the directory and whether its mount is read-only."""
        super().__init__(backing, work, name)
        self.read_only = read_only

    def mount(self, name: str) -> Mount:
        """Bind the directory."""
        return bind(self.folder / name, self.backing, read_only=self.read_only)


class Tap:
    """A tap that runs; `trace` is the file that it writes."""

    def __init__(self, server: str, trace: Path, host: str = LOOPBACK) -> None:
        """Start it before the server at an address, on an address of this machine."""
        self.trace = trace
        trace.touch()
        command = [sys.executable, "-I", "-S", str(TAP), server, str(trace), host]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        self.output = self.process.stdout
        port = self.output.readline().strip()
        if not port:
            raise MountError(f"the tap ended with {describe(self.process.wait())}")
        self.addr = f"tcp://{host}:{port}"

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self.output.close()


def tcp(cell: Cell) -> Cell:
    """Return a cell as it is behind a tap."""
    return replace(cell, transport="tcp")


class Tested(Stand):
    """The server under test and its 9P mounts."""

    side: Side = "mount"
    server: Server

    def __init__(  # noqa: PLR0913 - all by keyword, each a part of the stand
        self,
        *,
        cell: Cell,
        backing: Path,
        work: Path,
        name: str,
        command: Callable[[str], list[str]],
        aname: str,
        env: Mapping[str, str],
        ours: bool = False,
        remote: str = "",
        wire: str = "",
        begin: Start,
    ) -> None:
        """Remember how to start and mount the server."""
        super().__init__(backing, work, name)
        self.cell = cell
        self.cache = cell.mode
        self.msize = cell.msize
        self.budgeted = ours and cell.msize is None
        self.command = command
        self.aname = aname
        self.env = env
        self.remote = remote
        self.begin = begin
        self.wire = wire
        """This machine's address on the wire to another guest."""
        self.deaths = 0

    def start(self) -> None:
        """Start the server and wait until it listens."""
        prepare_root(self.folder)
        addr = free_address(self.cell.transport, self.folder, f"s{self.deaths}")
        log = self.folder / "server.log"
        self.server = Server(self.command(addr), addr, log, self.env, self.begin)
        self.server.wait_listening()

    def mount(self, name: str) -> Mount:
        """Mount what the server exports."""
        target = self.folder / f"{name}-{self.deaths}"
        return nine(target, self.cell, self.addr, self.aname)

    @contextmanager
    def tapped(self, inside: Path) -> Iterator[Tapped]:
        """Mount the server through a tap."""
        tap = Tap(self.addr, self.trace)
        try:
            mount = nine(self.folder / "tapped", tcp(self.cell), tap.addr, self.aname)
            try:
                mount.mount()
                yield Tapped(mount.target / inside, tap.trace)
            finally:
                if mount.line:
                    unmount(mount)
        finally:
            tap.close()

    @contextmanager
    def mounted(self, inside: Path, *options: str) -> Iterator[tuple[Path, str]]:
        """Mount the server with more options."""
        mount = nine(self.folder / "mounted", self.cell, self.spare(), self.aname, options)
        mount.mount()
        try:
            yield mount.target / inside, mount.line.split()[3]
        finally:
            unmount(mount)

    @contextmanager
    def neighbour(self, inside: Path) -> Iterator[Neighbour]:
        """Have the other guest mount the server, through a tap that it can reach."""
        there = Process(over_wire())
        tap = Tap(self.addr, self.trace, self.wire)
        try:
            target = there.run(mount_nine, asdict(tcp(self.cell)), tap.addr, self.aname)
            try:
                yield Neighbour(Path(target, inside), over_wire)
            finally:
                there.run(subprocess.check_call, ["umount", target])
            if complaints := there.run(all_complaints):
                raise Failed(f"the other guest's kernel says: {' / '.join(complaints)}")
        finally:
            there.close()
            tap.close()

    def spare(self) -> str:
        """Return an address that one more mount may have."""
        return self.addr

    @property
    def trace(self) -> Path:
        """Return the file that taps write."""
        return self.folder / "trace"

    @contextmanager
    def apart(
        self, inside: Path, host: str = LOOPBACK, more: Sequence[str] = ()
    ) -> Iterator[Apart]:
        """Start one more server, with more words in its command, and mount it."""
        addr = free_address(self.cell.transport, self.folder, "apart", host)
        started: list[Server] = []

        def start() -> None:
            log = self.folder / "apart.log"
            started.append(Server([*self.command(addr), *more], addr, log, self.env, self.begin))
            started[-1].wait_listening()

        def send(number: int) -> None:
            started[-1].send(number)

        mount = nine(self.folder / "apart", self.cell, addr, self.aname)
        try:
            start()
            mount.mount()
            yield Apart(
                dir=mount.target / inside,
                send=send,
                restart=start,
                remount=mount.remount,
            )
        finally:
            for server in started:
                server.send(signal.SIGCONT)
            if mount.line:
                unmount(mount)
            for server in started:
                server.stop()

    def close(self) -> None:
        """Unmount and stop the server, a dead or hanging one too."""
        if self.unkillable:
            self.first.abandon()
            self.second.abandon()
        super().close()
        if hasattr(self, "server"):
            self.server.stop()
        self.suspect = self.unkillable = False

    @property
    def addr(self) -> str:
        """Return where the server listens."""
        return self.server.addr

    @property
    def alive(self) -> bool:
        """Tell whether the server still runs."""
        return self.server.alive

    @property
    def says(self) -> str:
        """Return what serves."""
        return " ".join(self.server.command)

    @property
    def words(self) -> str:
        """Return what the server said last."""
        return self.server.words()

    def trouble(self) -> str:
        """Return what is wrong with server or mount, empty when both still serve."""
        if not self.alive:
            return self.server.epitaph()
        if self.unkillable:
            return "a check's process could not be ended: a request is never answered"
        if self.suspect and not responds(str(self.first.target), RESPONSE):
            return f"the mount no longer answers{self.words}"
        self.suspect = False
        return ""


class Remote(Tested):
    """A server that runs elsewhere; what lies behind it is another mount of it, without a cache.

    The scripts work in a directory of their own, which is removed.
    """

    alive = True
    words = ""

    def start(self) -> None:
        """Mount what lies behind, and make the directory."""
        prepare_root(self.folder)
        self.behind = nine(self.backing, Cell(), self.addr, self.aname)
        self.behind.mount()
        self.inside = Path(f"ninep-lab-{secrets.token_hex(4)}")
        (self.backing / self.inside).mkdir()

    @property
    def addr(self) -> str:
        """Return where the server listens."""
        return self.remote

    @property
    def says(self) -> str:
        """Return what serves."""
        return "runs already"

    def close(self) -> None:
        """Remove the directory and unmount."""
        was_open = self.is_open
        super().close()
        if was_open and self.behind.line:
            shutil.rmtree(self.backing / self.inside, ignore_errors=True)
            unmount(self.behind)


class Traced(Tested):
    """A server of its own, behind a tap that notes what goes over its connections."""

    tap: Tap

    def start(self) -> None:
        """Start server and tap."""
        super().start()
        self.tap = Tap(self.addr, self.trace)

    def mount(self, name: str) -> Mount:
        """Mount what the server exports, through the tap."""
        target = self.folder / f"{name}-{self.deaths}"
        return nine(target, tcp(self.cell), self.tap.addr, self.aname)

    def close(self) -> None:
        """End server and tap."""
        super().close()
        if hasattr(self, "tap"):
            self.tap.close()


class TracedRemote(Traced, Remote):
    """The same of a server that runs elsewhere."""


class Device(Tested):
    """QEMU's own server: a device of the machine that this kernel runs on, and no process in it."""

    alive = True
    says = "QEMU's 9pfs, a device of this machine"
    words = ""

    def start(self) -> None:
        """Start nothing: it is there."""
        prepare_root(self.folder)

    def mount(self, name: str) -> Mount:
        """Mount the device of that name."""
        target = self.folder / f"{name}-{self.deaths}"
        return nine(target, self.cell, device(name), self.aname)

    def spare(self) -> str:
        """Return the second device, which is unmounted for it."""
        if self.second.line:
            unmount(self.second)
        return device("second")


def device(name: str) -> str:
    """Return the address of the device that a mount has."""
    return f"{VIRTIO}://{DEVICES[name]}"
