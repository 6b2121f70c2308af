"""What can fail of a machine: disks, memory, descriptors, network, clocks, its people.

`docs/faults.md` says of each fault where it is tested, or why it cannot be.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.backends.local import WORKERS
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG, SetattrValid
from ninep.messages import Message
from tests.machine import HASTY, Machine, Sleepy, machines, need
from tests.running import serve
from tests.test_hostile import LISTEN, ask, reply, send, serving
from tests.test_limits import (
    ATTACH,
    CODEC,
    GETATTR,
    VERSION,
    WAIT,
    dialled,
    dropped,
    receive,
    served,
    session,
)
from tests.test_transport import descriptors

PART = 60_000
MIB = 1 << 20
TRIES = 200


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One machine."""
    with machines(1) as (found,):
        yield found


@contextlib.contextmanager
def on(
    machine: Machine, root: Path, *program: str, options: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], socket.socket, str]]:
    """Serve a folder of a machine to a client there; in the end others are served, too."""
    command = machine.server(*program)
    with serve(str(root), "--rw", *LISTEN, *options, command=command) as (process, (address,)):
        with attached(machine.dialled(address)) as sock:
            yield process, sock, address
        if process.poll() is None:
            with attached(machine.dialled(address)):
                pass
            process.terminate()
            assert process.wait(WAIT) == 0
            assert process.stderr
            assert "Traceback" not in process.stderr.read()


@contextlib.contextmanager
def attached(sock: socket.socket) -> Iterator[socket.socket]:
    """Agree on a version and attach fid 0."""
    with sock:
        sock.sendall(VERSION + ATTACH)
        assert [receive(sock)[4], receive(sock)[4]] == [m.Rversion.code, m.Rattach.code]
        yield sock


def number(r: Message) -> int:
    """Return the error that a reply reports, 0 if it is none."""
    return r.ecode if isinstance(r, m.Rlerror) else 0


def created(sock: socket.socket, name: bytes, fid: int = 1) -> None:
    """Create a file; leave `fid` open on it."""
    came = ask(sock, m.Twalk(0, fid, ()), m.Tlcreate(fid, name, os.O_RDWR, 0o644, NONUNAME))
    assert isinstance(came[1], m.Rlcreate), came


def opened(sock: socket.socket, fid: int, *names: bytes, flags: int = os.O_RDWR) -> None:
    """Open a file."""
    came = ask(sock, m.Twalk(0, fid, names), m.Tlopen(fid, flags))
    assert isinstance(came[1], m.Rlopen), came


def filled(sock: socket.socket, fid: int, most: int) -> tuple[int, int]:
    """Write until that fails; return the bytes that were acknowledged, and the error."""
    done = 0
    while done < most:
        (r,) = ask(sock, m.Twrite(fid, done, bytes(PART)))
        if not isinstance(r, m.Rwrite):
            return done, number(r)
        done += r.count
    return done, 0


# Disks


def test_no_bytes_left(machine: Machine, tmp_path: Path) -> None:
    """F-01: what was acknowledged is there; after a file has gone there is room again."""
    root = machine.tmpfs(tmp_path / "small", "size=1m")
    with on(machine, root) as (_, sock, _):
        created(sock, b"first", 1)
        assert ask(sock, m.Twrite(1, 0, bytes(PART))) == [m.Rwrite(PART)]
        created(sock, b"second", 2)
        done, why = filled(sock, 2, 2 * MIB)
        assert why == errno.ENOSPC
        assert done == machine.seen(root / "second").stat().st_size
        assert ask(sock, m.Tunlinkat(0, b"first", 0), m.Tclunk(1))[0] == m.Runlinkat()
        assert ask(sock, m.Twrite(2, done, b"more")) == [m.Rwrite(4)]


def test_no_inodes_left(machine: Machine, tmp_path: Path) -> None:
    """F-02: nothing is half made, and the fid of the directory is one still."""
    root = machine.tmpfs(tmp_path / "few", "nr_inodes=20")
    makers = (
        lambda name: m.Tlcreate(9, name, os.O_RDWR, 0o644, NONUNAME),
        lambda name: m.Tmkdir(0, name, 0o755, NONUNAME),
        lambda name: m.Tsymlink(0, name, b"target", NONUNAME),
        lambda name: m.Tmknod(0, name, stat.S_IFIFO | 0o644, 0, 0, NONUNAME),
    )
    with on(machine, root) as (_, sock, _):
        made, why = 0, 0
        while not why:
            ask(sock, m.Twalk(0, 9, ()))
            why = number(ask(sock, makers[made % 4](b"%d" % made))[0])
            ask(sock, m.Tclunk(9))
            made += not why
        names = set(os.listdir(machine.seen(root)))
        assert why == errno.ENOSPC
        for make in makers:
            ask(sock, m.Twalk(0, 9, ()))
            assert ask(sock, make(b"new")) == [m.Rlerror(errno.ENOSPC)]
            up = ask(sock, m.Twalk(9, 10, (b"..",)), m.Tclunk(10), m.Tclunk(9))
            assert isinstance(up[0], m.Rwalk)
        assert names == set(os.listdir(machine.seen(root))) == {str(n) for n in range(made)}


def test_no_bytes_left_later(machine: Machine, tmp_path: Path) -> None:
    """F-03: every write succeeds and the disk fails later: all who wrote are told, each time."""
    small = machine.tmpfs(tmp_path / "small", "size=8m")
    command = ("mkfs.ext4", "-q", "-F", "-O", "^has_journal")
    root = machine.disk(small / "image", 64 * MIB, *command)
    with on(machine, root) as (_, sock, _):
        created(sock, b"file", 1)
        for fid in (2, 3):
            opened(sock, fid, b"file")
            assert ask(sock, m.Twrite(fid, 0, b"x")) == [m.Rwrite(1)]
        assert filled(sock, 1, 16 * MIB)[1] == 0
        opened(sock, 4, b"file")
        first = number(ask(sock, m.Tfsync(1, 0))[0])
        assert first in {errno.ENOSPC, errno.EIO}
        opened(sock, 5, b"file")
        for fid in (4, 5, 2, 2, 1, 1):
            assert ask(sock, m.Tfsync(fid, 0)) == [m.Rlerror(first)], fid
        assert ask(sock, m.Tclunk(3), m.Tclunk(2)) == [m.Rlerror(first), m.Rclunk()]


def test_a_bad_sector(machine: Machine, tmp_path: Path) -> None:
    """F-04: what cannot be read is EIO, and nothing else is; the fid is good for the rest."""
    images = tmp_path / "images"
    images.mkdir()
    image = images / "image"
    root = machine.disk(image, 64 * MIB, "mkfs.ext4", "-q", "-F")
    with open(machine.seen(root / "file"), "wb") as file:
        file.write(os.urandom(40 * MIB))
    machine.seen(root / "other").write_bytes(b"other")
    machine.run("umount", str(root))
    machine.run("mount", "-o", "loop", str(image), str(root))
    with on(machine, root) as (_, sock, _):
        opened(sock, 1, b"file", flags=os.O_RDONLY)
        opened(sock, 2, b"other", flags=os.O_RDONLY)
        begin = ask(sock, m.Tread(1, 0, 1000), m.Tread(2, 0, 10))
        assert begin[1] == m.Rread(b"other")
        os.truncate(image, 16 * MIB)
        came = [ask(sock, m.Tread(1, at, 1000))[0] for at in range(0, 40 * MIB, MIB)]
        assert m.Rlerror(errno.EIO) in came
        assert {type(r) for r in came} == {m.Rread, m.Rlerror}
        assert ask(sock, m.Tread(1, 0, 1000), m.Tread(2, 0, 10)) == begin


def test_quota(machine: Machine, tmp_path: Path) -> None:
    """F-05: who has used up his share is told so, also at the clunk of an attribute."""
    need("btrfs")
    images = tmp_path / "images"
    images.mkdir()
    top = machine.disk(images / "image", 256 * MIB, "mkfs.btrfs", "-q")
    root = top / "share"
    machine.run("btrfs", "quota", "enable", str(top))
    machine.run("btrfs", "subvolume", "create", str(root))
    machine.run("btrfs", "qgroup", "limit", "1M", str(root))
    with on(machine, root) as (_, sock, _):
        created(sock, b"file")
        done, why = filled(sock, 1, 2 * MIB)
        if not why:
            why = number(ask(sock, m.Tfsync(1, 0))[0])
        assert why == errno.EDQUOT
        assert done <= MIB
        assert done == machine.seen(root / "file").stat().st_size
        came = 0
        for one in range(400):
            ask(sock, m.Twalk(0, 2, (b"file",)))
            name = b"user.%d" % one
            (r,) = ask(sock, m.Txattrcreate(2, name, 3000, 0))
            assert r == m.Rxattrcreate()
            ask(sock, m.Twrite(2, 0, bytes(3000)))
            if came := number(ask(sock, m.Tclunk(2))[0]):
                break
        assert came in {errno.EDQUOT, errno.ENOSPC}


@pytest.mark.parametrize("how", ["ro", "abort"])
def test_readonly_in_the_middle(how: str, machine: Machine, tmp_path: Path) -> None:
    """F-07: changes are EROFS from then on, and what is open can be read."""
    images = tmp_path / "images"
    images.mkdir()
    root = machine.disk(images / "image", 16 * MIB, "mkfs.ext4", "-q", "-F")
    with on(machine, root) as (_, sock, _):
        created(sock, b"file")
        assert ask(sock, m.Twrite(1, 0, b"content"), m.Tfsync(1, 0))[1] == m.Rfsync()
        opened(sock, 2, b"file", flags=os.O_RDONLY)
        if how == "ro":
            ask(sock, m.Tclunk(1))
        remount = ("mount", "-o", f"remount,{how}", str(root))
        assert any(later(machine.can(*remount)) for _ in range(TRIES))  # it is closed in a moment
        readonly = m.Rlerror(errno.EROFS)
        if how == "abort":
            assert ask(sock, m.Twrite(1, 7, b"more")) == [readonly]
        assert ask(sock, m.Tmkdir(0, b"new", 0o755, NONUNAME)) == [readonly]
        assert ask(sock, m.Tunlinkat(0, b"file", 0)) == [readonly]
        assert ask(sock, m.Tread(2, 0, 100)) == [m.Rread(b"content")]


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """F-08: what fits is written, then it is EFBIG; no signal ends the server."""
    with serving(str(tmp_path), "--rw") as (process, address), session(address) as sock:
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
        created(sock, b"file")
        assert ask(sock, m.Twrite(1, 0, bytes(8192))) == [m.Rwrite(4096)]
        assert ask(sock, m.Twrite(1, 4096, b"x")) == [m.Rlerror(errno.EFBIG)]
        size = m.Tsetattr(1, int(SetattrValid.SIZE), 0, 0, 0, 8192, 0, 0, 0, 0)
        assert ask(sock, size) == [m.Rlerror(errno.EFBIG)]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


def test_what_a_file_system_has_not(machine: Machine, tmp_path: Path) -> None:
    """Attributes where there are none are EOPNOTSUPP."""
    root = tmp_path / "plain"
    root.mkdir()
    machine.run("mount", "-t", "ramfs", "none", str(root))
    with on(machine, root) as (_, sock, _):
        created(sock, b"file")
        assert ask(sock, m.Tfsync(1, 0)) == [m.Rfsync()]
        ask(sock, m.Twalk(0, 2, (b"file",)), m.Txattrcreate(2, b"user.a", 1, 0))
        assert ask(sock, m.Twrite(2, 0, b"x"), m.Tclunk(2))[1] == m.Rlerror(errno.EOPNOTSUPP)


def test_a_program_that_runs(tmp_path: Path) -> None:
    """It is ETXTBSY to who would write it; a name that is too long is ENAMETOOLONG."""
    program = tmp_path / "program"
    shutil.copy(sys.executable, program)
    with serving(str(tmp_path), "--rw") as (_, address), session(address) as sock:
        with subprocess.Popen([program, "-Sc", "input()"], stdin=subprocess.PIPE) as running:
            ask(sock, m.Twalk(0, 1, (b"program",)))
            assert ask(sock, m.Tlopen(1, os.O_RDWR)) == [m.Rlerror(errno.ETXTBSY)]
            running.communicate(b"\n")
        long = m.Tmkdir(0, b"x" * 256, 0o755, NONUNAME)
        assert ask(sock, long) == [m.Rlerror(errno.ENAMETOOLONG)]


def test_no_more_links(machine: Machine, tmp_path: Path) -> None:
    """A file that has as many names as it can is EMLINK to who gives it another."""
    images = tmp_path / "images"
    images.mkdir()
    root = machine.disk(images / "image", 64 * MIB, "mkfs.ext4", "-q", "-F", "-O", "^has_journal")
    first = machine.seen(root / "first")
    first.touch()
    for number in range(65000 - 1):
        os.link(first, machine.seen(root / f"{number}"))
    with on(machine, root) as (_, sock, _):
        ask(sock, m.Twalk(0, 1, (b"first",)))
        assert ask(sock, m.Tlink(0, 1, b"new")) == [m.Rlerror(errno.EMLINK)]


@pytest.fixture
def sleepy(machine: Machine, tmp_path: Path) -> Iterator[Sleepy]:
    """A file system in the folder `root` that may fall asleep."""
    (tmp_path / "root").mkdir()
    found = Sleepy(machine, tmp_path / "root/sleepy")
    yield found
    found.close()


@pytest.mark.parametrize("wakes", [True, False])
def test_a_stuck_disk(machine: Machine, sleepy: Sleepy, tmp_path: Path, *, wakes: bool) -> None:
    """F-23, F-24: what waits for it waits; all else is answered, and so is Tflush and SIGTERM."""
    (tmp_path / "root/other").write_bytes(b"other")
    with on(machine, tmp_path / "root") as (process, sock, address):
        opened(sock, 2, b"other")
        for _ in range(2):
            ask(sock, m.Tclunk(1))
            opened(sock, 1, b"sleepy", b"file")
        sleepy.sleep()
        send(sock, *[m.Tread(1, 0, 4)] * (2 * WORKERS), m.Twrite(1, 0, b"data"), first=100)
        answered = ask(sock, m.Tread(2, 0, 10), m.Tfsync(2, 0), m.Tgetattr(0, 0x7FF))
        assert answered[:2] == [m.Rread(b"other"), m.Rfsync()]
        with attached(machine.dialled(address)) as another:
            opened(another, 1, b"other")
            assert ask(another, m.Tfsync(1, 0)) == [m.Rfsync()]
        assert ask(sock, m.Tflush(100)) == [m.Rflush()]
        if wakes:
            sleepy.awake.set()
            came = dict(reply(sock) for _ in range(2 * WORKERS))
            assert came.pop(100 + 2 * WORKERS) == m.Rwrite(4)
            assert list(came.values()) == [m.Rread(b"late")] * (2 * WORKERS - 1)
        else:
            process.terminate()
            with contextlib.suppress(OSError):
                while True:  # until it has heard
                    machine.dialled(address).close()
            process.terminate()
            assert process.wait(WAIT) == 0


# Memory, descriptors, processes


def test_no_descriptor_for_a_connection() -> None:
    """F-10: it is closed at once, one line says so, and the others go on."""
    many = ("--limit-per-peer", "1000")
    with serve("memory:", *LISTEN, *many) as (process, (address,)), contextlib.ExitStack() as stack:
        first = stack.enter_context(session(address))
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (64, 64))
        socks = [stack.enter_context(dialled(address)) for _ in range(100)]
        assert all(dropped(sock) for sock in socks[80:])
        first.sendall(GETATTR)
        assert receive(first)[4] == m.Rgetattr.code
        for sock in socks:
            sock.close()
        assert any(served(address) for _ in range(TRIES))
        process.terminate()
        assert process.stderr
        said = process.stderr.read()
    assert said == "ninep: ERROR: new connections are refused: Too many open files\n"


def test_no_memory_for_a_request(tmp_path: Path) -> None:
    """F-11: it is ENOMEM, and smaller ones are served, of the same client and of others."""
    large = 16 * MIB
    (tmp_path / "file").write_bytes(bytes(large))
    with (
        serve(str(tmp_path), *LISTEN, "--msize", str(large)) as (process, (address,)),
        dialled(address) as sock,
    ):
        version = CODEC.encode(NOTAG, m.Tversion(large, b"9P2000.L"))
        sock.sendall(version + ATTACH)
        assert [receive(sock)[4], receive(sock)[4]] == [m.Rversion.code, m.Rattach.code]
        opened(sock, 1, b"file", flags=os.O_RDONLY)
        has = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[0])
        most = has * os.sysconf("SC_PAGE_SIZE") + 4 * MIB
        resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))
        assert ask(sock, m.Tread(1, 0, large)) == [m.Rlerror(errno.ENOMEM)]
        assert ask(sock, m.Tread(1, 0, 100)) == [m.Rread(bytes(100))]
        assert served(address)


# Stops, and the network


def test_stopped_for_a_while(tmp_path: Path) -> None:
    """F-16: a server that was stopped loses no reply, doubles none, and blames nobody."""
    soon = ("--limit-frame", "1", "--limit-stall", "1", "--limit-handshake", "1")
    with serving(str(tmp_path), *soon) as (process, address), session(address) as sock:
        process.send_signal(signal.SIGSTOP)
        send(sock, *[m.Tgetattr(0, 0x7FF)] * 200)
        sock.sendall(GETATTR[:-1])
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        sock.sendall(GETATTR[-1:])
        tags = [reply(sock)[0] for _ in range(201)]
        assert tags == [*range(1, 201), 2]


def test_a_connection_that_the_system_kills(tmp_path: Path) -> None:
    """F-17: it ends as one that was reset, and nothing of it is left."""
    need("ss")
    (tmp_path / "file").touch()
    with serving(str(tmp_path), "--rw") as (_, address), session(address) as sock:
        opened(sock, 1, b"file")
        where = ("src", "127.0.0.1", "sport", "=", f":{sock.getsockname()[1]}")
        done = subprocess.run(["ss", "-K", *where], capture_output=True, text=True, check=False)
        if done.returncode or len(done.stdout.splitlines()) < 2:
            pytest.skip(f"ss -K: {done.stderr.strip() or 'this kernel has no INET_DIAG_DESTROY'}")
        with pytest.raises(ConnectionError):
            sock.recv(1)


def test_a_wire_that_breaks(tmp_path: Path) -> None:
    """F-18, F-22: who has vanished keeps his lock until he is given up; then all of his is free."""
    (tmp_path / "file").touch()
    lock = m.Tlock(1, 1, 0, 0, 0, 1, b"one")
    listen = ("--listen", "tcp://0.0.0.0:0")
    with machines(2) as (here, there):
        here.wire(there)
        with serve(str(tmp_path), "--rw", *listen, command=here.server(HASTY)) as (process, where):
            port = where[0].rpartition(":")[2]
            with attached(here.dialled(f"127.0.0.1:{port}")) as near:
                opened(near, 1, b"file")
                before = descriptors(process)
                with attached(there.dialled(f"10.0.0.1:{port}")) as far:
                    opened(far, 1, b"file")
                    assert ask(far, lock) == [m.Rlock(0)]
                    here.run("ip", "link", "set", "wire", "down")
                    with contextlib.suppress(OSError):
                        far.settimeout(0)
                        send(far, *[m.Tread(1, 0, 100)] * 1000)
                    assert ask(near, lock) == [m.Rlock(1)]
                    assert any(later(descriptors(process) <= before) for _ in range(TRIES))
                    assert ask(near, lock) == [m.Rlock(0)]
                    here.run("ip", "link", "set", "wire", "up")
                    far.settimeout(WAIT)
                    assert dropped(far)
                with attached(there.dialled(f"10.0.0.1:{port}")) as again:
                    opened(again, 1, b"file")
                    assert ask(again, lock) == [m.Rlock(1)]


def later(found: object) -> bool:
    """Say whether something is so, after a moment if it is not."""
    if not found:
        time.sleep(0.05)
    return bool(found)


def test_a_slow_wire(tmp_path: Path) -> None:
    """F-19: who has little of it gets his replies slowly, and nobody waits for him."""
    need("tc")
    (tmp_path / "file").write_bytes(bytes(PART))
    listen = ("--listen", "tcp://0.0.0.0:0")
    with machines(2) as (here, there):
        here.wire(there)
        slowly = ("rate", "64kbit", "burst", "2k", "latency", "500ms")
        here.run("tc", "qdisc", "add", "dev", "wire", "root", "tbf", *slowly)
        with serve(str(tmp_path), *listen, command=here.server()) as (_, where):
            port = where[0].rpartition(":")[2]
            with (
                attached(there.dialled(f"10.0.0.1:{port}")) as far,
                attached(here.dialled(f"127.0.0.1:{port}")) as near,
            ):
                opened(far, 1, b"file", flags=os.O_RDONLY)
                send(far, *[m.Tread(1, 0, PART)] * 20)
                for _ in range(500):
                    assert isinstance(ask(near, m.Tgetattr(0, 0x7FF))[0], m.Rgetattr)
                far.settimeout(0)
                got = 0
                with contextlib.suppress(BlockingIOError):
                    while True:
                        got += len(far.recv(MIB))
                assert got < 20 * PART


# Others on the host


def test_a_directory_that_changes(tmp_path: Path) -> None:
    """F-25: who was there all the time is seen once, whatever comes and goes."""
    stay = {b"stay%04d" % number for number in range(500)}
    for name in stay:
        (tmp_path / name.decode()).touch()
    over = threading.Event()

    def change() -> None:
        turn = 0
        while not over.is_set():
            path = tmp_path / f"go{turn % 50}"
            turn += 1
            path.touch()
            path.unlink()

    changing = threading.Thread(target=change)
    changing.start()
    try:
        with serving(str(tmp_path)) as (_, address), session(address) as sock:
            opened(sock, 1, flags=os.O_RDONLY)
            names, offset = [], 0
            while entries := page(sock, offset):
                names += [entry.name for entry in entries]
                offset = entries[-1].offset
    finally:
        over.set()
        changing.join()
    assert sorted(name for name in names if name in stay) == sorted(stay)


def page(sock: socket.socket, offset: int) -> list[m.Dirent]:
    """Return what one small Treaddir gives."""
    (r,) = ask(sock, m.Treaddir(1, offset, 512))
    assert isinstance(r, m.Rreaddir)
    return CODEC.dirents(r.data)


def test_a_file_that_changes(tmp_path: Path) -> None:
    """F-26: one that is cut is read shorter; one that is replaced is read on as it was."""
    file = tmp_path / "file"
    file.write_bytes(b"old" * 1000)
    with serving(str(tmp_path)) as (_, address), session(address) as sock:
        opened(sock, 1, b"file", flags=os.O_RDONLY)
        os.truncate(file, 10)
        assert ask(sock, m.Tread(1, 0, 100)) == [m.Rread(b"oldoldoldo")]
        for turn in range(100):
            (tmp_path / "new").write_bytes(b"new%d" % turn)
            (tmp_path / "new").rename(file)
            assert ask(sock, m.Tread(1, 0, 3), m.Tread(1, 100, 3)) == [
                m.Rread(b"old"),
                m.Rread(b""),
            ]
        opened(sock, 2, b"file", flags=os.O_RDONLY)
        assert ask(sock, m.Tread(2, 0, 100)) == [m.Rread(b"new99")]


def test_what_somebody_puts_there(tmp_path: Path) -> None:
    """F-29: a device, a FIFO, a socket are never opened; a hard link is a file of the export."""
    need("mknod")
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_bytes(b"shared")
    os.link(tmp_path / "outside", root / "hard")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "sock"))
    with contextlib.suppress(OSError):
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with serving(str(root), "--rw") as (_, address), session(address) as sock:
        for fid, name in enumerate(sorted(os.listdir(root)), 1):
            ask(sock, m.Twalk(0, fid, (name.encode(),)))
            (r,) = ask(sock, m.Tlopen(fid, os.O_RDWR))
            assert number(r) == (0 if name == "hard" else errno.EOPNOTSUPP), name
            if name == "hard":
                assert ask(sock, m.Tread(fid, 0, 10)) == [m.Rread(b"shared")]


def test_a_mount_that_comes_and_goes(machine: Machine, tmp_path: Path) -> None:
    """F-30: what is mounted is seen, who has it open keeps it; nothing falls over."""
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "d").mkdir(parents=True)
    (root / "d/below").touch()
    other.mkdir()
    (other / "above").write_bytes(b"above")
    with on(machine, root) as (_, sock, _):
        for _ in range(5):
            machine.run("mount", "--bind", str(other), str(root / "d"))
            opened(sock, 1, b"d", b"above", flags=os.O_RDONLY)
            machine.run("umount", "-l", str(root / "d"))
            assert ask(sock, m.Tread(1, 0, 10)) == [m.Rread(b"above")]
            assert number(ask(sock, m.Twalk(0, 2, (b"d", b"below")))[0]) == 0
            ask(sock, m.Tclunk(1), m.Tclunk(2))


def test_a_root_that_is_replaced(tmp_path: Path) -> None:
    """F-31: the directory that was exported stays exported, wherever it is; no other is."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "old").touch()
    with serving(str(root), "--rw") as (_, address), session(address) as sock:
        root.rename(tmp_path / "moved")
        root.mkdir()
        (root / "new").touch()
        for client in (sock, dialled(address)):
            if client is not sock:
                client.sendall(VERSION + ATTACH)
                receive(client), receive(client)
            came = ask(client, m.Twalk(0, 1, (b"old",)), m.Twalk(0, 2, (b"new",)))
            assert [number(r) for r in came] == [0, errno.ENOENT]
        client.close()


def test_users_that_cannot_be_asked(machine: Machine, tmp_path: Path) -> None:
    """F-33: whom no service knows can attach by number, and is shown by it."""
    switch = tmp_path / "nsswitch.conf"
    switch.write_text("passwd: nobody_answers\ngroup: nobody_answers\n", encoding="ascii")
    root = tmp_path / "root"
    root.mkdir()
    os.chown(root, 4321, 4321)
    machine.run("mount", "--bind", str(switch), "/etc/nsswitch.conf")
    old = codec("9P2000.u")
    with on(machine, root) as (_, sock, address):
        assert isinstance(ask(sock, m.Tattach(5, NOFID, b"", b"", 1234))[0], m.Rattach)
        with machine.dialled(address) as other:
            other.sendall(old.encode(NOTAG, m.Tversion(8192, b"9P2000.u")))
            reply(other, old)
            other.sendall(old.encode(1, m.Tattach(0, NOFID, b"x", b"", 1234)))
            assert isinstance(reply(other, old)[1], m.Rattach)
            other.sendall(old.encode(1, m.Tstat(0)))
            (_, r) = reply(other, old)
            assert isinstance(r, m.Rstat)
            assert r.stat.uid == b"4321"


@pytest.mark.parametrize("mark", ["i", "a"])
def test_files_that_are_marked(mark: str, tmp_path: Path) -> None:
    """F-34: what may not be changed, or only grow, is EPERM as it is here."""
    need("chattr")
    file = tmp_path / "file"
    file.write_bytes(b"content")
    done = subprocess.run(["chattr", f"+{mark}", file], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    try:
        with serving(str(tmp_path), "--rw") as (_, address), session(address) as sock:
            ask(sock, m.Twalk(0, 1, (b"file",)))
            forbidden = m.Rlerror(errno.EPERM)
            size = m.Tsetattr(1, int(SetattrValid.SIZE), 0, 0, 0, 1, 0, 0, 0, 0)
            unlink, rename = m.Tunlinkat(0, b"file", 0), m.Trenameat(0, b"file", 0, b"new")
            assert ask(sock, m.Tlopen(1, os.O_RDWR), size, unlink, rename) == [forbidden] * 4
            appending = ask(sock, m.Tlopen(1, os.O_RDWR | os.O_APPEND))[0]
            assert number(appending) == (errno.EPERM if mark == "i" else 0)
    finally:
        subprocess.run(["chattr", f"-{mark}", file], check=True)


def test_a_log_that_nobody_reads() -> None:
    """F-35: a full pipe stops nobody."""
    with serve("memory:", *LISTEN) as (process, (address,)):
        pipe = os.open(f"/proc/{process.pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, bytes(4096))
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(pipe, b"x")
        os.close(pipe)
        for _ in range(5):
            with dialled(address) as sock:
                sock.sendall(bytes(7))
                assert dropped(sock)
        assert served(address)
        assert process.stderr
        threading.Thread(target=process.stderr.read, daemon=True).start()
