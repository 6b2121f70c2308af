"""The guest's part, as far as it needs no guest: isolation, readiness, the kernel's log."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ninep.conformance.kernel.expect import Failed, Skipped
from ninep.conformance.kernel.guest import isolate
from ninep.conformance.kernel.guest.bench import Bench
from ninep.conformance.kernel.guest.kernel_log import COMPLAINT
from ninep.conformance.kernel.guest.mounts import MountError, bind, connection, nine
from ninep.conformance.kernel.guest.servers import (
    Server,
    ServerError,
    Start,
    accepts_tcp,
    accepts_unix,
)
from ninep.conformance.kernel.guest.stand import Device
from ninep.conformance.kernel.model import Cell, Job, Result

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
DEADLINE = 0.5
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1608 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:1609 0100007F:1608 01 00000000:00000000 00:00000000 00000000     0        0 2
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 10 /run/a b.sock
0000000000000000: 00000003 00000000 00000000 0001 03 11 /run/c.sock
0000000000000000: 00000003 00000000 00000000 0001 03 12
"""


def passes() -> None:
    """Be a check that passes."""


def fails() -> None:
    """Be a check that fails."""
    raise Failed("size: expected 1, got 2")


def skips() -> None:
    """Be a check that skips itself."""
    raise Skipped("not here")


def breaks() -> None:
    """Be a check that meets an error nobody expected."""
    raise OSError(5, "Input/output error")


def mistakes() -> None:
    """Be a check with a mistake."""
    _ = object().server  # type: ignore[attr-defined]


def hangs() -> None:
    """Be a check that never comes back."""
    select.select([], [], [])


def dies() -> None:
    """Be a check whose process is killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def run(*calls: isolate.Call) -> list[Result]:
    """Run calls isolated and return their results in order."""
    results: dict[int, Result] = {}
    assert isolate.run_all(calls, DEADLINE, results.__setitem__)
    return [results[at] for at in range(len(calls))]


def test_results() -> None:
    """Each way to end has its verdict and its words; a mistake of ours is held against nobody."""
    results = run(passes, fails, skips, breaks, mistakes)
    assert [result.outcome for result in results] == ["pass", "fail", "skip", "fail", "error"]
    assert results[1].message.startswith("size: expected 1, got 2 (line ")
    assert results[2].message == "not here"
    assert results[3].message.startswith("OSError: [Errno 5] Input/output error")


def test_a_hang_fails_one_check() -> None:
    """A check that hangs fails, the next one runs."""
    results = run(hangs, passes)
    assert [result.outcome for result in results] == ["fail", "pass"]
    assert results[0].message == "no result within 0.5 s"


def test_a_death_fails_one_check() -> None:
    """A check whose process dies fails, the next one runs."""
    results = run(dies, passes)
    assert [result.outcome for result in results] == ["fail", "pass"]
    assert "SIGKILL" in results[0].message


def test_many_hangs_end_the_script() -> None:
    """After two hangs the rest is not tried."""
    results = run(hangs, passes, hangs, passes)
    assert [result.outcome for result in results] == ["fail", "pass", "fail", "fail"]
    assert results[3].message == "not tried: 2 checks before it hung"


def test_responds(tmp_path: Path) -> None:
    """A file system that answers is told from one that does not."""
    assert isolate.responds(str(tmp_path), DEADLINE)
    assert not isolate.responds(str(tmp_path / "missing"), DEADLINE)


def test_listening_tables() -> None:
    """Only listening sockets count, on the right port or path."""
    assert accepts_tcp(0x1608, TCP)
    assert not accepts_tcp(0x1609, TCP)
    assert accepts_unix("/run/a b.sock", UNIX)
    assert not accepts_unix("/run/c.sock", UNIX)


def test_server_that_dies(tmp_path: Path) -> None:
    """A server that ends instead of listening is reported with its last words."""
    command = [sys.executable, "-c", "import sys; sys.exit('no such root')"]
    server = Server(command, "tcp://127.0.0.1:1", tmp_path / "log", {}, Start())
    with pytest.raises(ServerError, match=r"died with status 1; it said: no such root"):
        server.wait_listening()
    server.stop()


def test_server_that_goes_to_the_background(tmp_path: Path) -> None:
    """A command that ends well without a listener is told to stay; it starts where it was asked."""
    command = [sys.executable, "-c", "import os; print(os.getcwd())"]
    begin = Start("the read-only server", str(tmp_path))
    server = Server(command, "tcp://127.0.0.1:1", tmp_path / "log", {}, begin)
    words = f"the read-only server died with status 0; it said: {tmp_path}; it has to stay in the"
    with pytest.raises(ServerError, match=words):
        server.wait_listening()
    server.stop()


def test_a_folder_that_the_guest_has_not(tmp_path: Path) -> None:
    """A server that ends where it was not meant to begin is said to have begun there."""
    begin = Start("the server", str(tmp_path / "no"))
    server = Server(["false"], "tcp://127.0.0.1:1", tmp_path / "log", {}, begin)
    said = f"the server \\(started in /, as the guest has no {tmp_path}/no\\) died with status 1"
    with pytest.raises(ServerError, match=said):
        server.wait_listening()


def test_server_that_does_not_exist(tmp_path: Path) -> None:
    """A command that cannot be run is reported."""
    with pytest.raises(ServerError, match="cannot start the server: /no/such/server: No such"):
        Server(["/no/such/server"], "tcp://127.0.0.1:1", tmp_path / "log", {}, Start())


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("WARNING: CPU: 0 PID: 1 at net/9p/client.c:1", True),
        ("BUG: KASAN: use-after-free", True),
        ("INFO: task python3:12 blocked for more than 20 seconds.", True),
        ("9pnet: Limiting 'msize' to 512000", False),
        ("EXT4-fs (ubda): mounted filesystem", False),
    ],
)
def test_kernel_complaints(line: str, bad: bool) -> None:
    """Warnings and bugs are complaints, chatter is not."""
    assert bool(COMPLAINT.search(line)) == bad


def test_each_script_is_claimed_once(tmp_path: Path) -> None:
    """Of guests that share a job one takes a script; a guest alone takes all of them."""
    alone = Job(cells=(), server=(), readonly=None, python="python3")
    one, two = (Bench(replace(alone, claims=str(tmp_path)), tmp_path) for _ in range(2))
    assert [one.claim(0, "01_s"), two.claim(0, "01_s"), two.claim(1, "01_s")] == [True, False, True]
    assert Bench(alone, tmp_path).claim(0, "01_s")


def test_mount_commands() -> None:
    """Options follow the cell; the source is what the transport wants."""
    tcp = nine(Path("/m"), Cell(), "tcp://127.0.0.1:564", "").steps[0]
    assert tcp[4] == ("trans=tcp,version=9p2000.L,cache=none,port=564,uname=root,locktimeout=1")
    assert tcp[5:] == ("127.0.0.1", "/m")
    unix = nine(Path("/m"), Cell("unix", "mmap", 8192), "unix:///run/s", "/x").steps[0]
    assert "msize=8192,aname=/x" in unix[4]
    assert unix[5] == "/run/s"
    fd = nine(Path("/m"), Cell("fd", access="any"), "tcp://127.0.0.1:564", "")
    assert "trans=fd" in fd.steps[0][4]
    assert "rfdno={fd},wfdno={fd},access=any" in fd.steps[0][4]
    assert fd.connect == "tcp://127.0.0.1:564"
    assert len(bind(Path("/m"), Path("/s"), read_only=True).steps) == len(("bind", "remount"))


def test_a_connection_for_the_kernel() -> None:
    """With trans=fd the connection is made here; one that cannot be made is a failed mount."""
    with connection("") as nothing:
        assert nothing is None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        addr = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with connection(addr) as fd:
            assert fd is not None
            assert os.fstat(fd)
    with pytest.raises(MountError, match=f"cannot connect to {addr}"), connection(addr):
        pass


def test_a_device_is_mounted_by_its_tag(tmp_path: Path) -> None:
    """QEMU's own server: no process, two tags, one for each mount."""
    stand = Device(
        cell=Cell("virtio"), backing=tmp_path, work=tmp_path, name="rw-0", command=list, aname="",
        env={}, begin=Start(),
    )  # fmt: skip
    stand.start()
    first, second = stand.mount("first"), stand.mount("second")
    assert first.steps[0][4].startswith("trans=virtio,version=9p2000.L,cache=none,uname=root")
    assert ("tested", "tested-again") == (first.steps[0][5], second.steps[0][5])
    assert (stand.alive, stand.trouble(), stand.words) == (True, "", "")
    stand.close()
