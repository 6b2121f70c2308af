"""Servers that others wrote, as data: how to get one, how to start it, what to ask for.

title     what people call it
command   with {host}, {port}, {root}, {python} (of a venv with `pypi` in it), {self} (our own)
needs     programs that must be installed
pypi      packages for that venv
version   a command that says which version it is; for `pypi` the package does
aname     the tree to attach to
dialects  what to ask for
config    text of a file, with the same names in it, whose path is {config}
unread    true: nobody has read its failures yet, so that it is on no page of ours
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from ..table import load

HERE = Path(__file__).parent
HOST = "127.0.0.1"
START = 20.0
"""Seconds in which a server must accept a connection."""
END = 5.0


class Missing(Exception):  # noqa: N818  no error: it is not here
    """The server cannot be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One server."""

    name: str
    title: str
    command: tuple[str, ...]
    dialects: tuple[str, ...]
    needs: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    aname: str = ""
    config: str = ""
    unread: bool = False

    def says(self) -> str:
        """Return the version, in one line."""
        if self.pypi:
            return self.pypi[0].partition("==")[2]
        if not self.version:
            return ""
        done = subprocess.run(self.version, capture_output=True, text=True, check=False)
        words = (done.stdout or done.stderr).split()
        return next((w for w in words if w[:1].isdigit()), "")


def adapters() -> dict[str, Adapter]:
    """Return all adapters by name."""
    return {path.stem: read(path) for path in sorted(HERE.glob("*.toml"))}


def read(path: Path) -> Adapter:
    """Read one adapter."""
    return Adapter(path.stem, **load(path))


def provide(adapter: Adapter, venvs: Path) -> Path:
    """Return the Python of a venv that has the packages; make it if it is not there yet.

    Errors: Missing
    """
    for program in adapter.needs:
        if which(program) is None:
            raise Missing(f"{adapter.name}: the program {program} is not installed")
    if not adapter.pypi:
        return Path(sys.executable)
    python = venvs / adapter.name / "bin" / "python"
    try:
        if not python.exists():
            run([sys.executable, "-m", "venv", str(venvs / adapter.name)])
            run([str(python), "-m", "pip", "install", "--quiet", *adapter.pypi])
    except subprocess.CalledProcessError as exc:
        reason = (exc.stderr or "")[-300:].strip()
        raise Missing(f"{adapter.name}: {' '.join(adapter.pypi)}: {reason}") from None
    return python


def run(command: list[str]) -> None:
    """Run a command to its end."""
    subprocess.run(command, check=True, capture_output=True, text=True)


class Kept:
    """A target that is started when somebody connects, and again if it has ended since."""

    apart = False

    def __init__(self, adapter: Adapter, python: Path, root: Path) -> None:
        """Take what to run over `root`; nothing is started yet."""
        self.adapter = adapter
        self.port = free_port()
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        values = {"host": HOST, "port": str(self.port), "root": str(root)}
        values |= {"python": str(python), "self": sys.executable}
        self.scratch = tempfile.TemporaryDirectory(prefix="ninep-adapter-")
        values["config"] = f"{self.scratch.name}/config"
        Path(values["config"]).write_text(filled(adapter.config, values), encoding="utf-8")
        self.command = [filled(word, values) for word in adapter.command]
        self.aname = filled(adapter.aname, values)

    def connect(self) -> socket.socket:
        """Return a new connection.  Errors: Missing (it does not come up), OSError"""
        if self.process is None or self.process.poll() is not None:
            self._start()
        try:
            sock = socket.create_connection((HOST, self.port), timeout=END)
        except ConnectionRefusedError:  # it is about to end
            self._end()
            self._start()
            sock = socket.create_connection((HOST, self.port), timeout=END)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _start(self) -> None:
        self.starts += 1
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        wait_for(self.port, self.process, self.adapter.name)

    def close(self) -> None:
        """End it, and remove what it was given."""
        self._end()
        self.scratch.cleanup()

    def _end(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def filled(word: str, values: dict[str, str]) -> str:
    """Put values in the place of their names; other braces stay."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def free_port() -> int:
    """Return a port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    """Return when somebody accepts connections on a port.  Errors: Missing"""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Missing(f"{name}: ended with status {process.returncode} before it listened")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            process_lives(process)
        else:
            return
    raise Missing(f"{name}: does not listen after {START:.0f} s")


def process_lives(process: subprocess.Popen[bytes]) -> None:
    """Give a starting process a moment, and stop waiting as soon as it ends."""
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return
