"""`ninep serve` as root with `--as-client`, `--squash`, `--set-id`, `--trusted`: over a socket."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.constants import NOFID, NONUNAME, SetattrValid
from ninep.messages import Message
from ninep.users import NOBODY
from tests.running import FENCED, environment, ninep, serve
from tests.test_hostile import ask, serving
from tests.test_limits import CODEC, VERSION, dialled, receive, served
from tests.test_transport import back_to, descriptors

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts for others")
LISTEN = ("--listen", "tcp://127.0.0.1:0")
USERS = """root:x:0:0::/:/bin/sh
ann:x:4001:4001::/:/bin/sh
ben:x:4002:4002::/:/bin/sh
"""
GROUPS = """root:x:0:
ann:x:4001:
ben:x:4002:
both:x:4100:ann,ben
"""
ANN, BEN, BOTH, STRANGER = 4001, 4002, 4100, 4999
IN_ITS_OWN = (
    'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"'
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A directory where everybody may make files."""
    folder = tmp_path / "export"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@contextlib.contextmanager
def as_client(tmp_path: Path, *options: str, fenced: bool = False) -> Iterator[str]:
    """Run a server on a host with two users of a common group; give its address."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--mount", "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    (tmp_path / "passwd").write_text(USERS, encoding="ascii")
    (tmp_path / "group").write_text(GROUPS, encoding="ascii")
    command = FENCED if fenced else ninep()
    words = [*command, "serve", str(tmp_path / "export"), "--rw", "--as-client", *options, *LISTEN]
    with subprocess.Popen(
        [unshare, "--mount", "sh", "-c", IN_ITS_OWN, str(tmp_path), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(fenced=fenced),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()


@contextlib.contextmanager
def attached(address: str, *users: int) -> Iterator[socket.socket]:
    """Attach users over one connection, fid 0 for the first, 1 for the second."""
    with dialled(address) as sock:
        sock.sendall(VERSION)
        receive(sock)
        for fid, uid in enumerate(users):
            assert isinstance(ask(sock, m.Tattach(fid, NOFID, b"", b"", uid))[0], m.Rattach)
        yield sock


def failure(reply: Message) -> int:
    """Return the errno of a reply."""
    assert isinstance(reply, m.Rlerror), reply
    return reply.ecode


def make(sock: socket.socket, fid: int, name: bytes, mode: int, gid: int = NONUNAME) -> Message:
    """Create a file, and write to it; return the first answer that is an error, or the last."""
    replies = ask(
        sock,
        m.Twalk(fid, 100, ()),
        m.Tlcreate(100, name, os.O_RDWR, mode, gid),
        m.Twrite(100, 0, b"content"),
        m.Tclunk(100),
    )
    return next((r for r in replies if isinstance(r, m.Rlerror)), replies[-1])


def opened(sock: socket.socket, fid: int, name: bytes, flags: int = os.O_RDONLY) -> Message:
    """Open a file; return the answer."""
    walk, answer, _ = ask(sock, m.Twalk(fid, 101, (name,)), m.Tlopen(101, flags), m.Tclunk(101))
    return walk if isinstance(walk, m.Rlerror) else answer


@pytest.mark.parametrize("fenced", [True, False])
def test_each_has_their_own_rights(tmp_path: Path, export: Path, *, fenced: bool) -> None:
    """S-030: users of one connection own what they make, and are refused what is not theirs."""
    with (
        as_client(tmp_path, fenced=fenced) as address,
        attached(address, ANN, BEN, STRANGER, 0) as sock,
    ):
        make(sock, 0, b"own", 0o600)
        make(sock, 0, b"shared", 0o640, BOTH)
        make(sock, 2, b"strange", 0o600, BOTH)
        make(sock, 3, b"squashed", 0o600, 0)
        for name, uid, gid in (
            ("own", ANN, ANN),
            ("shared", ANN, BOTH),
            ("strange", STRANGER, NOBODY),
            ("squashed", NOBODY, NOBODY),
        ):
            found = (export / name).stat()
            assert (found.st_uid, found.st_gid, found.st_size) == (uid, gid, 7), name
        assert isinstance(opened(sock, 1, b"shared"), m.Rlopen)
        for fid, closed in ((1, b"own"), (2, b"shared"), (3, b"own"), (0, b"strange")):
            assert failure(opened(sock, fid, closed)) == errno.EACCES
        assert failure(opened(sock, 1, b"shared", os.O_RDWR)) == errno.EACCES
        assert failure(ask(sock, m.Tunlinkat(1, b"own", 0))[0]) == errno.EPERM
        ask(sock, m.Twalk(1, 5, (b"own",)))
        chown = m.Tsetattr(5, int(SetattrValid.UID), 0, BEN, 0, 0, 0, 0, 0, 0)
        assert failure(ask(sock, chown)[0]) == errno.EPERM


def test_no_squash(tmp_path: Path, export: Path) -> None:
    """With `--squash none` root is root, and others are still nobody else."""
    (export / "private").mkdir(mode=0o700)
    with as_client(tmp_path, "--squash", "none") as address, attached(address, 0, ANN) as sock:
        make(sock, 0, b"roots", 0o600, 0)
        assert (export / "roots").stat().st_uid == 0
        assert failure(opened(sock, 1, b"roots")) == errno.EACCES
        assert isinstance(ask(sock, m.Twalk(0, 5, (b"private",)))[0], m.Rwalk)
        assert failure(ask(sock, m.Tmkdir(5, b"d", 0o700, 0), m.Twalk(1, 7, (b"private",)),
                           m.Tmkdir(7, b"e", 0o700, 0))[2]) == errno.EACCES  # fmt: skip


def test_numbers_that_are_traps(tmp_path: Path, export: Path) -> None:
    """S-027: NONUNAME with no name or an unknown one is nobody, never the server."""
    with as_client(tmp_path, "--squash", "none") as address, dialled(address) as sock:
        sock.sendall(VERSION)
        receive(sock)
        for fid, uname in enumerate((b"", b"unknown", b"4294967295", b"-1")):
            ask(sock, m.Tattach(fid, NOFID, uname, b"", NONUNAME))
            make(sock, fid, b"f%d" % fid, 0o600)
            assert (export / f"f{fid}").stat().st_uid == NOBODY


def test_descriptors_and_listing(export: Path) -> None:
    """A directory that a user may not read is not listed; what is open is closed in the end."""
    (export / "closed").mkdir(mode=0o711)
    (export / "open").mkdir(mode=0o755)
    (export / "open" / "name").touch()
    with serve(str(export), "--as-client", *LISTEN) as (process, (address,)):
        assert served(address)
        before = descriptors(process)
        with attached(address, ANN) as sock:
            assert failure(opened(sock, 0, b"closed")) == errno.EACCES
            replies = ask(sock, m.Twalk(0, 1, (b"open",)), m.Tlopen(1, 0), m.Treaddir(1, 0, 60_000))
            assert isinstance(replies[2], m.Rreaddir)
            assert [e.name for e in CODEC.dirents(replies[2].data)] == [b".", b"..", b"name"]
            assert failure(make(sock, 0, b"new", 0o600)) == errno.EROFS
        assert back_to(before, process, address)


def test_what_cannot_be(tmp_path: Path) -> None:
    """A tree in memory is no user's; without root nobody can act for others."""
    memory = subprocess.run(
        [*ninep(), "serve", "memory:", "--as-client"], capture_output=True, text=True, check=False
    )
    assert (memory.returncode, "--as-client" in memory.stderr) == (2, True)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed")
    tmp_path.chmod(0o755)
    user = subprocess.run(
        [setpriv, "--bounding-set=-setuid", "--inh-caps=-all", *ninep(), "serve", str(tmp_path),
         "--as-client", *LISTEN],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (user.returncode, "--as-client needs root" in user.stderr) == (2, True), user.stderr


@pytest.mark.parametrize("allowed", [True, False])
def test_rights_by_policy(tmp_path: Path, *, allowed: bool) -> None:
    """Set-id bits and trusted attributes are refused unless the server was told; S-079."""
    file, options = tmp_path / "file", ("--set-id", "--trusted") if allowed else ()
    file.touch()
    mode = m.Tsetattr(1, int(SetattrValid.MODE), 0o4755, 0, 0, 0, 0, 0, 0, 0)
    with serving(str(tmp_path), "--rw", *options) as (_, address), attached(address, 0) as sock:
        changed = ask(sock, m.Twalk(0, 1, (b"file",)), mode)[1]
        made = make(sock, 0, b"new", 0o6755)
        named = ask(
            sock,
            m.Twalk(1, 2, ()),
            m.Txattrcreate(2, b"trusted.a", 1, 0),
            m.Twrite(2, 0, b"v"),
            m.Tclunk(2),
        )
    if allowed:
        assert not any(isinstance(r, m.Rlerror) for r in (changed, made, *named))
        assert stat.S_IMODE(file.stat().st_mode) == 0o4755
        assert os.getxattr(file, "trusted.a") == b"v"
    else:
        assert [failure(r) for r in (changed, made, named[1])] == [errno.EPERM] * 3
        assert stat.S_IMODE(file.stat().st_mode) & 0o7000 == 0
        assert not (tmp_path / "new").exists()
        assert os.listxattr(file) == []
