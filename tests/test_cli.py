"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ninep import cli
from ninep.backend import Backend
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.cli import FAILED, FAULT, GOOD, UNREACHABLE, USAGE, main
from ninep.server import Server
from tests.acl import set_default_acl
from tests.running import ninep, serve


class Prompt:
    """Runs commands against a server, and reads what they print."""

    def __init__(self, address: str, capfd: pytest.CaptureFixture[str]) -> None:
        """Talk to `address`."""
        self.address = address
        self.capfd = capfd

    async def __call__(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """Run one command; return exit code, stdout and stderr."""
        code = await asyncio.to_thread(main, [command, self.address, *arguments])
        return code, *self.capfd.readouterr()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a directory with a few files."""
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    (tree / "file").write_bytes(b"content\n")
    (tree / "odd\x1b[31m").write_bytes(b"")
    (tree / "link").symlink_to("file")
    os.utime(tree / "file", ns=(10**18, 10**18 + 1))
    return tree


@pytest.fixture
async def prompt(root: Path, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Prompt]:
    """Serve the directory read-write, and as export `ro` read-only."""
    exports: dict[bytes, Backend] = {
        b"": LocalBackend(root),
        b"ro": ReadonlyBackend(LocalBackend(root)),
    }
    async with Server(exports, "tcp://127.0.0.1:0") as running:
        yield Prompt(str(running.addresses[0]), capfd)


async def test_ls(prompt: Prompt) -> None:
    """Names in order, a slash behind directories, nothing a terminal would act upon."""
    assert await prompt("ls", "/") == (GOOD, "dir/\nfile\nlink\nodd\\x1b[31m\n", "")
    assert await prompt("ls", "file") == (GOOD, "file\n", "")


async def test_ls_long(prompt: Prompt) -> None:
    """Mode, links, owner, size, time, and where a link points."""
    code, out, _ = await prompt("ls", "-l", "/")
    lines = out.splitlines()
    assert code == GOOD
    assert lines[1].startswith("-rw")
    assert lines[1].endswith("8 2001-09-09 01:46:40Z file")
    assert lines[2].endswith("link -> file")
    assert (await prompt("ls", "-l", "file"))[1].endswith("file\n")


async def test_cat_and_get(prompt: Prompt, tmp_path: Path) -> None:
    """The content, on stdout or in a file that appears whole."""
    assert await prompt("cat", "file") == (GOOD, "content\n", "")
    assert await prompt("get", "file", "-") == (GOOD, "content\n", "")
    assert await prompt("get", "/file", str(tmp_path / "got")) == (GOOD, "", "")
    assert (tmp_path / "got").read_bytes() == b"content\n"


async def test_get_under_its_own_name(
    prompt: Prompt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a local name the last path element is taken; a failure leaves nothing behind."""
    monkeypatch.chdir(tmp_path)
    assert (await prompt("get", "dir/../file"))[0] == GOOD
    assert (await prompt("get", "missing"))[0] == FAILED
    assert (await prompt("get", "/"))[0] == USAGE
    assert sorted(os.listdir()) == ["file", "tree"]


async def test_put(prompt: Prompt, root: Path, tmp_path: Path) -> None:
    """A file is made or replaced, in as many parts as it takes."""
    data = os.urandom(3_000_000)
    (tmp_path / "local").write_bytes(data)
    assert await prompt("put", "/dir/new", str(tmp_path / "local")) == (GOOD, "", "")
    assert (root / "dir" / "new").read_bytes() == data
    (tmp_path / "local").write_bytes(b"short")
    assert await prompt("put", "/dir/new", str(tmp_path / "local")) == (GOOD, "", "")
    assert (root / "dir" / "new").read_bytes() == b"short"


async def test_stat(prompt: Prompt) -> None:
    """Everything Tgetattr tells."""
    code, out, _ = await prompt("stat", "/file")
    assert code == GOOD
    assert " mtime: 2001-09-09 01:46:40.000000001Z" in out
    assert "  size: 8 bytes" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["cat", "missing"], FAILED, "missing: Twalk: No such file or directory"),
        (["cat", "dir"], FAILED, "Is a directory"),
        (["ls", "file/below"], FAILED, "file/below"),
        (["stat", "file/below"], FAILED, "file/below: Twalk: Not a directory"),
        (["get", "missing", "x" * 300], FAILED, "missing: Twalk: No such file or directory"),
        (["put", "/new2/", "/etc/hostname"], FAILED, "/new2/: Twalk: No such file or directory"),
        (["cat", "file", "--aname", "nope"], FAILED, "aname 'nope'"),
        (["put", "new", "/etc/hostname", "--aname", "ro"], FAILED, "Read-only file system"),
    ],
)
async def test_what_the_server_refuses(
    prompt: Prompt, arguments: list[str], code: int, says: str
) -> None:
    """One line that says what was wrong and with what, exit 1."""
    command, *rest = arguments
    seen, out, err = await prompt(command, *rest)
    assert (code, "") == (seen, out)
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["put", "new", "/nonexistent/local"], "/nonexistent/local: No such file"),
        (["put", "new", "/"], "/: Is a directory"),
        (["put", "dir/"], "dir/: name the local file"),
        (["put", "dir/", "-"], "dir/: name the remote file"),
        (["get", "file", "/nonexistent/local"], "/nonexistent/local: No such file"),
        (["get", "/", "/etc"], "/: name the local file"),
        (["ls", "/".join(["x" * 9000] * 16), "--msize", "8192"], "this cannot be sent"),
    ],
)
async def test_what_cannot_be_done_here(prompt: Prompt, arguments: list[str], says: str) -> None:
    """One line that names the local file or the argument, exit 2."""
    command, *rest = arguments
    code, out, err = await prompt(command, *rest)
    assert (USAGE, "") == (code, out)
    assert says in err
    assert err.count("\n") == 1


async def test_get_touches_nothing_else(
    prompt: Prompt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the same folder stay, and so does the old one if there is no new one."""
    monkeypatch.chdir(tmp_path)
    for name in ("file.part", "missing.part", "missing"):
        Path(name).write_bytes(b"mine")
    assert (await prompt("get", "file"))[0] == GOOD
    assert (await prompt("get", "missing"))[0] == FAILED
    assert {b"mine"} == {Path(n).read_bytes() for n in ("file.part", "missing.part", "missing")}
    assert sorted(os.listdir()) == ["file", "file.part", "missing", "missing.part", "tree"]


async def test_directories_as_destinations(prompt: Prompt, root: Path, tmp_path: Path) -> None:
    """A local directory and a remote path with a slash behind get the file inside."""
    assert await prompt("get", "file", str(tmp_path)) == (GOOD, "", "")
    assert (tmp_path / "file").read_bytes() == b"content\n"
    assert await prompt("put", "/dir/", str(tmp_path / "file")) == (GOOD, "", "")
    assert (root / "dir" / "file").read_bytes() == b"content\n"


def test_no_room_for_the_output(root: Path) -> None:
    """What cannot be written on stdout is one line and exit 1."""
    with (
        serve(str(root), "--listen", "127.0.0.1:0") as (_, (address,)),
        Path("/dev/full").open("wb") as full,
    ):
        for command in ("ls", "cat"):
            done = subprocess.run(
                [sys.executable, "-m", "ninep", command, address, "file"],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            assert (FAILED, "ninep: stdout: No space left on device\n") == (
                done.returncode, done.stderr,
            )  # fmt: skip


def shell(command: str, **environment: str) -> tuple[int, str, str]:
    """Run `ninep` as a user would type it; return exit code, stdout and stderr."""
    done = subprocess.run(  # noqa: S602
        f"{shlex.join(ninep())} {command}", shell=True, capture_output=True, text=True,
        check=False, timeout=30, env={**os.environ, **environment},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("ls {} / >&-", "stdout"),
        ("cat {} file >&-", "stdout"),
        ("stat {} file >&-", "stdout"),
        ("put {} new - <&-", "stdin"),
        ("serve memory: --listen 127.0.0.1:0 >&-", "stdout"),
    ],
)
def test_closed_streams(root: Path, command: str, what: str) -> None:
    """One that is needed is an error like any other of the system."""
    with serve(str(root), "--rw", "--listen", "127.0.0.1:0") as (_, (address,)):
        said = shell(command.format(address))
    assert (FAILED, "", f"ninep: {what}: Bad file descriptor\n") == said


def test_closed_streams_that_nobody_needs(root: Path, tmp_path: Path) -> None:
    """They do not matter, and no message goes where only output should."""
    with serve(str(root), "--listen", "127.0.0.1:0") as (_, (address,)):
        assert shell(f"get {address} file {tmp_path}/got <&- >&- 2>&-") == (GOOD, "", "")
        assert shell(f"cat {address} missing 2>&-") == (FAILED, "", "")
    assert (tmp_path / "got").read_bytes() == b"content\n"


def test_names_that_stdout_cannot_encode(tmp_path: Path) -> None:
    """They are escaped."""
    (tmp_path / "\u00e9").write_bytes(b"")
    with serve(str(tmp_path), "--listen", "127.0.0.1:0") as (_, (address,)):
        said = shell(f"ls {address} /", PYTHONIOENCODING="ascii")
    assert (GOOD, "\\xe9\n", "") == said


@pytest.fixture
def huge(root: Path) -> Iterator[str]:
    """Serve a file that takes long; give the address."""
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with serve(str(root), "--listen", "127.0.0.1:0") as (_, (address,)):
        yield address


@contextlib.contextmanager
def got(address: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `ninep get` of the file that takes long."""
    command = [sys.executable, "-m", "ninep", "get", address, "huge", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Make a FIFO that has a reader; give the descriptor too."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    with contextlib.suppress(OSError):
        os.close(reader)


def fill(reader: int) -> None:
    """Wait until a FIFO takes no more, and its writer must wait."""
    room = fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)
    held = 0
    while held < room:
        answer = fcntl.ioctl(reader, termios.FIONREAD, bytes(4))
        held = int.from_bytes(answer, sys.byteorder)


def test_a_fifo_that_loses_its_reader(huge: str, fifo: tuple[Path, int]) -> None:
    """That is an error: the reader of stdout alone may leave."""
    path, reader = fifo
    with got(huge, path) as process:
        fill(reader)
        os.close(reader)
        assert process.communicate(timeout=30)[1] == f"ninep: {path}: Broken pipe\n"
        assert process.returncode == FAILED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_is_enough(huge: str, fifo: tuple[Path, int], number: int) -> None:
    """Also for a command that waits for a local file."""
    path, reader = fifo
    with got(huge, path) as process:
        fill(reader)
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        assert process.communicate()[1] == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(huge: str, tmp_path: Path, number: int) -> None:
    """The old file is as it was, and what was to replace it is gone."""
    (tmp_path / "old").write_bytes(b"old")
    before = sorted(os.listdir(tmp_path))
    with got(huge, tmp_path / "old") as process:
        while not list(tmp_path.glob(".ninep-*")):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        assert process.communicate()[1] == ""
    assert before == sorted(os.listdir(tmp_path))
    assert (tmp_path / "old").read_bytes() == b"old"


def test_one_signal_ends_waiting_for_stdin(root: Path) -> None:
    """What was typed before has been sent."""
    with (
        serve(str(root), "--rw", "--listen", "127.0.0.1:0") as (_, (address,)),
        subprocess.Popen(
            [sys.executable, "-m", "ninep", "put", address, "new", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"x" * cli.PART)
        process.stdin.flush()
        while not (root / "new").exists() or not (root / "new").stat().st_size:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT
        assert process.stderr.read() == b""


def test_signals_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that has ended has changed none, and one that is ignored stays so."""
    seen: list[object] = []

    def look(*_: object, **__: object) -> None:
        seen.append(signal.getsignal(signal.SIGHUP))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "connect", look)
    for handler in (signal.SIG_DFL, signal.SIG_IGN):
        before = signal.signal(signal.SIGHUP, handler)
        main(["ls", "127.0.0.1:1", "/"])
        assert signal.signal(signal.SIGHUP, before) is handler
    assert seen == [cli.leave, signal.SIG_IGN]


def test_nobody_listens(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 3 and one line with the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert main(["ls", f"127.0.0.1:{port}", "/"]) == UNREACHABLE
    assert (
        f"cannot connect to tcp://127.0.0.1:{port}: Connection refused\n" in capfd.readouterr().err
    )
    assert main(["ls", "unix:///nonexistent/s", "/"]) == UNREACHABLE
    assert main(["ls", "exec:/nonexistent/command", "/"]) == UNREACHABLE
    assert "cannot connect to exec:/nonexistent/command: No such" in capfd.readouterr().err


def test_a_silent_server(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 3 after --timeout seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert main(["ls", address, "/", "--timeout", "0.1"]) == UNREACHABLE
    assert f"tcp://{address}: no session has begun within 0.1 s\n" in capfd.readouterr().err


async def test_a_server_that_speaks_something_else(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit 3: not 9P, or not this dialect."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(main, ["ls", f"127.0.0.1:{port}", "/"]) == UNREACHABLE
    async with Server(MemoryBackend(), "tcp://127.0.0.1:0", dialects=()) as running:
        arguments = ["ls", str(running.addresses[0]), "/"]
        assert await asyncio.to_thread(main, arguments) == UNREACHABLE
    assert "asked for 9P2000.L" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["ls"],
        ["ls", "nowhere", "/"],
        ["serve"],
        ["serve", "/", "--listen", "nowhere"],
        ["serve", "/", "--msize", "12"],
        ["serve", "/", "--msize", "much"],
        ["serve", "/", "--dialect", "9P2001"],
        ["lab", "--transport", "pigeon"],
        ["lab", "--engine", "nope"],
        ["ls", "foo..bar:5640", "/"],
        ["ls", "exec:foo 'bar", "/"],
        ["ls", "127.0.0.1:1", "/", "--uid", "-1"],
        ["ls", "127.0.0.1:1", "/", "--uid", "4294967296"],
        ["ls", "127.0.0.1:1", "/", "--aname", "x" * 70_000],
        ["ls", "127.0.0.1:1", "x" * 70_000],
        ["serve", "/", "--listen", f"tcp://{'x' * 70}.com:0"],
        ["serve", "/", "--listen", "exec:true"],
        ["get", "127.0.0.1:1", "/f", ""],
    ],
)
def test_usage(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """argparse's exit 2, with the wrong argument named."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == USAGE
    assert "error:" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/nonexistent"], "cannot export /nonexistent"),
        (["/etc/hostname"], "cannot export /etc/hostname"),
        (["memory:", "--export", "x"], "expected NAME=PATH"),
        (["memory:", "--export", "a/b=/tmp"], "expected NAME=PATH"),
        (["memory:", "--export", "a=/nonexistent,rw"], "cannot export /nonexistent"),
        (["memory:", "--export", "a=/", "--export", "a=/"], "used twice"),
        (["memory:", "--listen", f"unix:///tmp/{'a' * 120}"], ": AF_UNIX path too long\n"),
        (["memory:", "--listen", "unix:///nonexistent/s"], "cannot listen on unix:///nonexistent"),
        (
            ["memory:", "--listen", "127.0.0.1:0", "--listen", "unix:///nonexistent/s"],
            "cannot listen on unix:///nonexistent/s: No such file or directory\n",
        ),
        (
            ["memory:", "--listen", "tcp://192.0.2.1:1"],
            "192.0.2.1:1: Cannot assign requested address\n",
        ),
    ],
)
def test_what_cannot_be_served(
    arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One clear line, exit 2."""
    assert main(["serve", *arguments]) == USAGE
    err = capfd.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_serve_until_sigterm(root: Path) -> None:
    """It says where it listens, serves, and exits 0 on SIGTERM."""
    with serve(str(root), "--listen", "127.0.0.1:0") as (process, (address,)):
        assert main(["cat", address, "file"]) == GOOD
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == GOOD
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_serve_is_read_only_unless_told(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--rw is needed to change ROOT; an export says ro or rw for itself."""
    options = ["--export", f"w={root},rw", "--export", f"r={root}"]
    with serve(str(root), "--listen", "127.0.0.1:0", *options) as (_, (address,)):
        for aname, code in (("", FAILED), ("r", FAILED), ("w", GOOD)):
            assert main(["put", address, "new", "/etc/hostname", "--aname", aname]) == code
    assert "Read-only" in capfd.readouterr().err


def test_serve_in_memory(capfd: pytest.CaptureFixture[str]) -> None:
    """memory: is an empty tree that can be written with --rw."""
    with serve("memory:", "--rw", "--listen", "127.0.0.1:0") as (_, (address,)):
        assert main(["put", address, "a", "/etc/hostname"]) == GOOD
        assert main(["ls", address, "/"]) == GOOD
    assert capfd.readouterr().out == "a\n"


def test_umask(root: Path) -> None:
    """A client's mode counts as it is, but for a default ACL; the user's umask is the socket's."""
    (root / "acl").mkdir()
    (root / "file").chmod(0o644)
    listen = ("--listen", f"unix://{root}/socket")
    with serve(str(root), "--rw", *listen, umask=0o077) as (_, (address,)):
        assert main(["put", address, "plain", str(root / "file")]) == GOOD
        set_default_acl(root / "acl", 7, 0, 0)
        assert main(["put", address, "acl/f", str(root / "file")]) == GOOD
        modes = [stat.S_IMODE((root / p).stat().st_mode) for p in ("socket", "plain", "acl/f")]
    assert [0o700, 0o644, 0o600] == modes


def test_several_listeners(tmp_path: Path) -> None:
    """Each gets its line."""
    unix = f"unix://{tmp_path}/s"
    with serve("memory:", "--listen", "127.0.0.1:0", "--listen", unix) as (_, addresses):
        assert addresses[1] == unix
        assert [main(["ls", a, "/"]) for a in addresses] == [GOOD, GOOD]


def test_exec_address(capfd: pytest.CaptureFixture[str]) -> None:
    """exec: runs a server that talks on its standard input and output."""
    command = f"exec:{sys.executable} -c '{STDIO_SERVER}'"
    assert main(["ls", command, "/"]) == GOOD
    assert capfd.readouterr().out == ""


STDIO_SERVER = 'import ninep.cli as c; c.main([*"serve memory: --listen fd://0".split()])'


def test_a_fault_of_our_own(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 4, a traceback, and the request to report it."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "connect", broken)
    assert main(["ls", "127.0.0.1:1", "/"]) == FAULT
    err = capfd.readouterr().err
    assert "ZeroDivisionError" in err
    assert "fault of ninep itself" in err


def test_interrupted_while_a_suite_is_loaded() -> None:
    """It ends by the signal, as programs do that have nothing to clean up."""
    program = (
        "import os, signal; from ninep import cli;"
        "cli.parser = lambda _: os.kill(os.getpid(), signal.SIGINT); cli.entry()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with the shell's code for it."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "connect", interrupt)
    assert main(["ls", "127.0.0.1:1", "/"]) == 128 + signal.SIGINT


def test_the_reader_has_gone(root: Path) -> None:
    """`ninep cat | head` is no error."""
    (root / "big").write_bytes(b"x" * 5_000_000)
    with serve(str(root), "--listen", "127.0.0.1:0") as (_, (address,)):
        command = f"{sys.executable} -m ninep cat {address} big | head -c 1 >/dev/null"
        done = subprocess.run(  # noqa: S602
            f"set -o pipefail; {command}", shell=True, executable="/bin/bash",
            capture_output=True, check=False,
        )  # fmt: skip
    assert (0, b"") == (done.returncode, done.stderr)


def test_nobody_reads_the_addresses(tmp_path: Path) -> None:
    """`ninep serve | true` ends like every command whose reader has gone."""
    command = ninep("serve", "memory:", "--listen", f"unix://{tmp_path}/s")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(writing)
    assert (0, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01 00:00:00"), ((1 << 64) - 1, "1969-12-31 23:59:59"), (1 << 62, f"{1 << 62} s")],
)
def test_when(seconds: int, text: str) -> None:
    """Times before 1970 and beyond any calendar can be written."""
    assert cli.when(seconds) == text


def test_serve_uses_the_descriptors_that_are_allowed(root: Path) -> None:
    """Files that clients know take one each."""
    with serve(str(root), "--listen", "127.0.0.1:0") as (process, _):
        limits = Path(f"/proc/{process.pid}/limits").read_text(encoding="ascii")
    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    assert soft == hard
