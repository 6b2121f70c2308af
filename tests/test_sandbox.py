"""What a server gives up: each fence alone, all of them around a server that works."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep import sandbox, users
from ninep.constants import NONUNAME
from tests.running import environment, serve
from tests.test_hostile import ask
from tests.test_limits import session

PARTS = ("Landlock", "seccomp")
LISTEN = ("--listen", "tcp://127.0.0.1:0")
ALLOW = sandbox.ALLOWED
EPERM = sandbox.REFUSED | errno.EPERM
ENOSYS = sandbox.REFUSED | errno.ENOSYS
THREAD, PROCESS = 0x3D0F00, 0x1200011
"""Flags of clone(2)."""


@pytest.fixture(scope="module")
def lacking() -> list[str]:
    """Return what this kernel has not got."""
    done = run("import os; from ninep import sandbox; print(sandbox.enter([], []))")
    return [part for part in PARTS if part in done.stdout]


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


def test_what_holds(tmp_path: Path, lacking: list[str]) -> None:
    """`--check-sandbox` tries all that is forbidden and says what came of it."""
    command = [sys.executable, "-m", "ninep", "serve", str(tmp_path), "--check-sandbox"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line.startswith(("held ", "OPEN "))]) == len(
        {**sandbox.TRIES, **sandbox.FILES}
    )
    if lacking:
        assert all(any(part in line for line in lines) for part in lacking)
        pytest.skip(f"this kernel has no {' and no '.join(lacking)}")
    assert all(re.match(r"held    .*: (EPERM|EACCES|ENOSYS)$", line) for line in lines)
    assert done.returncode == 0


def test_what_would_not_hold(tmp_path: Path) -> None:
    """What is done where nothing forbids it is told."""
    program = """
import os, sys
from ninep import cli, sandbox
cli.check_sandbox(lambda: ["Landlock"], [sandbox.Tree(os.open(sys.argv[1], os.O_PATH), False)])
"""
    said = run(program, str(tmp_path)).stdout
    assert "lacks   Landlock\n" in said
    assert "OPEN    start a process\n" in said
    assert "OPEN    open a connection\n" in said
    assert "OPEN    read a directory elsewhere\n" in said


@pytest.mark.parametrize("devices", [True, False])
def test_a_server(tmp_path: Path, *, devices: bool) -> None:
    """All its threads are fenced in, and a client notices nothing."""
    (tmp_path / "file").write_bytes(b"content")
    options = ("--devices",) if devices else ()
    with serve(str(tmp_path), "--rw", *options, *LISTEN, fenced=True) as (process, (address,)):
        with session(address) as sock:
            ask(sock, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDWR), m.Tfsync(1, 0))
            assert ask(sock, m.Tread(1, 0, 100)) == [m.Rread(b"content")]
        tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
        assert len(tasks) > 1
        kept = sandbox.KEPT | sandbox.POWERS[sandbox.DEVICES] if devices else sandbox.KEPT
        for task in tasks:
            lines = (task / "status").read_text(encoding="ascii").splitlines()
            status = dict(line.split(":", 1) for line in lines)
            assert status["NoNewPrivs"].strip() == "1"
            assert status["Seccomp"].strip() == "2"
            for kind in ("CapEff", "CapPrm", "CapBnd"):
                has = int(status[kind], 16)
                assert {number for number in range(64) if has & 1 << number} <= kept


def test_without(tmp_path: Path) -> None:
    """Who serves without a sandbox is told so."""
    with serve(str(tmp_path), "--no-sandbox", *LISTEN) as (process, _):
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        assert "NoNewPrivs:\t0" in status
        process.terminate()
        assert process.stderr is not None
        assert "serving without a sandbox" in process.stderr.read()


FILES = """
import errno, os, sys
from ninep import sandbox
os.chdir(sys.argv[1])
trees = [sandbox.Tree(os.open(name, os.O_PATH), name == "rw") for name in ("ro", "rw")]
sandbox.enter(trees, ["sockets/s"])
def attempt(call, *args):
    try:
        call(*args)
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "done"
print(attempt(open, "ro/file"), attempt(os.listdir, "ro"), attempt(open, "ro/file", "w"),
      attempt(os.unlink, "ro/file"), attempt(os.mkdir, "ro/new"))
print(attempt(open, "rw/file", "w"), attempt(os.mkdir, "rw/new"),
      attempt(os.rename, "rw/file", "rw/new/file"), attempt(os.truncate, "rw/new/file", 0),
      attempt(os.symlink, "x", "rw/link"), attempt(os.mkfifo, "rw/fifo"),
      attempt(os.link, "rw/new/file", "rw/hard"))
print(attempt(open, "outside"), attempt(os.rename, "rw/hard", "hard"),
      attempt(os.link, "rw/hard", "ro/hard"))
print(attempt(os.unlink, "sockets/s"), attempt(open, "sockets/new", "w"))
"""


def test_files(tmp_path: Path, lacking: list[str]) -> None:
    """Files of exports alone can be reached, and of read-only ones none changed."""
    if "Landlock" in lacking:
        pytest.skip("this kernel has no Landlock")
    for name in ("ro/file", "rw/file", "outside", "sockets/s"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    done = run(FILES, str(tmp_path))
    assert done.stdout.splitlines() == [
        "done done EACCES EACCES EACCES",
        "done done done done done done done",
        "EACCES EACCES EACCES" if "EXDEV" not in done.stdout else "EACCES EXDEV EXDEV",
        "done EACCES",
    ]


def test_a_thread_would_stay_outside() -> None:
    """It comes before the first thread, or not at all."""
    program = """
import threading
from ninep import sandbox
threading.Thread(target=threading.Event().wait, daemon=True).start()
sandbox.enter([], [])
"""
    assert "there are threads already, which would stay outside" in run(program).stderr


# System calls


def answer(program: sandbox.Program, architecture: int, number: int, argument: int = 0) -> int:
    """Run a filter as the kernel does, on a call whose arguments are all the same."""
    offsets = {sandbox.NUMBER: number, sandbox.ARCHITECTURE: architecture}
    loaded, at = 0, 0
    while True:
        code, yes, no, k = program[at]
        if code == sandbox.RETURN:
            return k
        if code == sandbox.LOAD:
            loaded = offsets.get(k, argument)
            at += 1
            continue
        holds = {
            sandbox.EQUAL: loaded == k,
            sandbox.AT_LEAST: loaded >= k,
            sandbox.ANY_BIT: bool(loaded & k),
        }
        at += 1 + (yes if holds[code] else no)


@pytest.mark.parametrize("powers", [(), (sandbox.AS_CLIENT,)])
@pytest.mark.parametrize("machine", sandbox.MACHINES)
def test_filter(machine: str, powers: tuple[str, ...]) -> None:
    """The table is allowed, what is limited depends on the argument, and nothing else passes."""
    column, architecture = sandbox.MACHINES[machine]
    program = sandbox.program(column, architecture, powers)
    table = tomllib.loads(sandbox.TABLE.read_text(encoding="utf-8"))
    groups = [*table["allowed"].values(), *(table["granted"][power] for power in powers)]
    allowed = {one[column] for group in groups for one in group.values()} - {-1}
    limited = {one["name"]: one["number"][column] for one in table["limited"]}
    absent = {one["number"][column] for one in table["absent"]}
    assert not allowed & (set(limited.values()) | absent)
    for number in range(table["known"] + 1):
        if number not in limited.values():
            expected = ALLOW if number in allowed else ENOSYS if number in absent else EPERM
            assert answer(program, architecture, number) == expected
    assert answer(program, architecture, table["known"] + 1) == ENOSYS
    assert answer(program, architecture, 0x40000000) == ENOSYS
    assert answer(program, 0x40000003, next(iter(allowed))) == EPERM
    assert answer(program, architecture, limited["clone"], THREAD) == ALLOW
    assert answer(program, architecture, limited["clone"], PROCESS) == EPERM
    assert answer(program, architecture, limited["ioctl"], 0x5421) == ALLOW
    assert answer(program, architecture, limited["ioctl"], 0x5412) == EPERM
    assert answer(program, architecture, limited["prlimit64"], 1) == EPERM


def known() -> Iterator[str]:
    """Yield the names of the calls in the table."""
    table = tomllib.loads(sandbox.TABLE.read_text(encoding="utf-8"))
    for group in table["allowed"].values():
        yield from group
    yield from (one["name"] for one in (*table["limited"], *table["absent"]))


def test_a_traced_server(tmp_path: Path) -> None:
    """What a server calls while it is judged is in the table, but for what it does without."""
    strace = shutil.which("strace")
    if (
        strace is None
        or subprocess.run([strace, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not installed, or may not trace here")
    (tmp_path / "tree").mkdir()
    log = tmp_path / "log"
    command = [strace, "-f", "-qq", "-s", "64", "-o", str(log), sys.executable, "-m", "ninep"]
    serving = [*command, "serve", str(tmp_path / "tree"), "--rw", "--no-sandbox", *LISTEN]
    with subprocess.Popen(
        serving, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        only = [
            word
            for glob in ("read/*", "xattr/*", "stat/*", "unlink/*")
            for word in ("--only", glob)
        ]
        check = [sys.executable, "-m", "ninep", "check", address, *only, "--timeout-scale", "10"]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        os.kill(int(child.split()[0]), 15)
        process.wait(30)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next(n for n, line in enumerate(lines) if "listening on" in line)
    found = {call[1] for line in lines[start:] if (call := re.match(r"\d+ +([a-z_0-9]+)\(", line))}
    assert "pwrite64" in found
    assert found - set(known()) <= {"socket", "connect"}  # a daemon that is asked for users


# Users


def test_users_are_known_when_the_lists_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that were learned go on being names; who came later is a number."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    users.learn()
    for module, name in (
        (pwd, "getpwuid"),
        (pwd, "getpwnam"),
        (grp, "getgrgid"),
        (grp, "getgrnam"),
    ):
        monkeypatch.setattr(module, name, refused)
    users.user_name.cache_clear()
    users.group_name.cache_clear()
    try:
        assert (users.user_name(0), users.group_name(0)) == (b"root", b"root")
        assert (users.user_number(b"root"), users.group_number(b"root")) == (0, 0)
        assert users.user_name(NONUNAME - 1) == b"%d" % (NONUNAME - 1)
        assert users.user_number(b"nobody of this name") is None
        assert users.user_number(b"1234") == 1234
    finally:
        users.user_name.cache_clear()
        users.group_name.cache_clear()
