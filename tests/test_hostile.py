"""What one client may try: floods, and names and numbers that lead elsewhere.

Each over a socket, against `ninep serve` as a process; afterwards no descriptor is left and a fresh
session is served.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.codec import Codec, codec
from ninep.constants import NOFID, NONUNAME, NOTAG, SetattrValid
from ninep.errors import NUMBERS
from ninep.messages import Message, TMessage
from ninep.users import NOBODY
from tests.running import environment, serve
from tests.test_limits import CODEC, VERSION, dialled, receive, served, session
from tests.test_transport import back_to, descriptors

LISTEN = ("--listen", "tcp://127.0.0.1:0")
MIB = 1024 * 1024
CAPABILITY = bytes.fromhex("0000000201000000000000000000000000000000")
"""An attribute security.capability, of version 2, with one permitted."""


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server; in the end it has lost nothing, serves others, and ends well."""
    with serve(*arguments, *LISTEN) as (process, (address,)):
        assert served(address)
        before = descriptors(process)
        yield process, address
        assert back_to(before, process, address)
        process.terminate()
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def ask(sock: socket.socket, *requests: TMessage, first: int = 1) -> list[Message]:
    """Send requests at once, by tags of their own; return their replies in the same order."""
    send(sock, *requests, first=first)
    replies = dict(reply(sock) for _ in requests)
    return [replies[first + number] for number in range(len(requests))]


def send(sock: socket.socket, *requests: TMessage, first: int = 1) -> None:
    """Send requests at once, by tags of their own."""
    sock.sendall(b"".join(CODEC.encode(first + n, t) for n, t in enumerate(requests)))


def reply(sock: socket.socket, speak: Codec = CODEC) -> tuple[int, Message]:
    """Return the next reply with its tag."""
    return speak.decode(receive(sock))


def memory(process: subprocess.Popen[str]) -> int:
    """Return the bytes of a process that are in memory."""
    text = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_version_in_the_middle(tmp_path: Path) -> None:
    """S-021: requests end, open files are closed, locks are free; no old reply comes late."""
    (tmp_path / "file").write_bytes(bytes(60_000))
    with serving(str(tmp_path), "--rw") as (process, address), session(address) as sock:
        quiet = descriptors(process)
        walks = [m.Twalk(0, fid, (b"file",)) for fid in range(1, 51)]
        assert all(isinstance(r, m.Rwalk) for r in ask(sock, *walks))
        opens = [m.Tlopen(fid, os.O_RDWR) for fid in range(1, 51)]
        assert all(isinstance(r, m.Rlopen) for r in ask(sock, *opens))
        lock = m.Tlock(1, 1, 0, 0, 0, 1, b"one")
        assert ask(sock, lock) == [m.Rlock(0)]
        reads = [m.Tread(fid, 0, 10_000) for fid in range(1, 51) for _ in range(2)]
        send(sock, *reads)
        sock.sendall(VERSION)
        came = [reply(sock) for _ in range(len(reads) + 1)]
        assert came[-1][0] == NOTAG
        assert isinstance(came[-1][1], m.Rversion)
        assert sorted(tag for tag, _ in came[:-1]) == list(range(1, 101))
        assert descriptors(process) < quiet + 50
        (late,) = ask(sock, m.Tread(1, 0, 1))
        assert isinstance(late, m.Rlerror)
        with session(address) as other:
            again = ask(other, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDWR), lock)
            assert again[-1] == m.Rlock(0)


def test_more_files_than_descriptors(tmp_path: Path) -> None:
    """S-037: at the machine's limit opening is EMFILE; others come in, and what is closed helps."""
    (tmp_path / "file").touch()
    with serving(str(tmp_path), "--rw") as (process, address):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (200, 200))
        with session(address) as sock:
            fids = range(1, 401)
            for fid in fids:
                ask(sock, m.Twalk(0, fid, (b"file",)))
            came = [ask(sock, m.Tlopen(fid, os.O_RDONLY))[0] for fid in fids]
            assert {r.ecode for r in came if isinstance(r, m.Rlerror)} == {NUMBERS["EMFILE"]}
            assert isinstance(came[0], m.Rlopen)
            assert all(served(address) for _ in range(20))
            made = ask(sock, m.Twalk(0, 500, ()), m.Tlcreate(500, b"new", 2, 0o644, NONUNAME))
            assert made[1] == m.Rlerror(NUMBERS["EMFILE"])
            assert not (tmp_path / "new").exists()
            clunks = ask(sock, *(m.Tclunk(fid) for fid in fids))
            assert all(isinstance(r, m.Rclunk) for r in clunks)
            (r, _) = ask(sock, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDONLY))
            assert isinstance(r, m.Rwalk)


def test_more_fids_than_descriptors(tmp_path: Path) -> None:
    """65,536 fids, each of another file, have room in 1,024 descriptors, and all can be used."""
    names = [(b"%03d" % n, b"%03d" % m) for n in range(256) for m in range(256)]
    for folder in {one for one, _ in names}:
        (tmp_path / os.fsdecode(folder)).mkdir()
    for folder, name in names:
        (tmp_path / os.fsdecode(folder) / os.fsdecode(name)).touch()
    with serving(str(tmp_path)) as (process, address):
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        with session(address) as sock:
            for part in range(0, len(names), 1024):
                walks = [m.Twalk(0, 1 + part + n, pair) for n, pair in
                         enumerate(names[part : part + 1024])]  # fmt: skip
                assert {len(r.wqid) for r in ask(sock, *walks) if isinstance(r, m.Rwalk)} == {2}
            assert descriptors(process) < 1024
            for fid in range(1, 65_537, 997):
                (stat_, opened) = ask(sock, m.Tgetattr(fid, 0x7FF), m.Tlopen(fid, 0))
                assert isinstance(stat_, m.Rgetattr)
                assert isinstance(opened, m.Rlopen)
                found = tmp_path / "/".join(os.fsdecode(part) for part in names[fid - 1])
                assert found.stat().st_ino == stat_.qid.path
            assert served(address)


def test_a_thousand_requests_on_one_fid(tmp_path: Path) -> None:
    """S-041: all are answered, and reads see what was written before them."""
    with serving(str(tmp_path), "--rw") as (_, address), session(address) as sock:
        ask(sock, m.Twalk(0, 1, ()), m.Tlcreate(1, b"file", os.O_RDWR, 0o644, NONUNAME))
        requests: list[TMessage] = []
        for number in range(250):
            byte = bytes([number])
            requests += [m.Twrite(1, number, byte), m.Tread(1, number, 1)]
            requests += [m.Tgetattr(1, 0x7FF), m.Twalk(1, 1000 + number, ())]
        replies = ask(sock, *requests)
        assert [r.data[0] for r in replies if isinstance(r, m.Rread)] == list(range(250))
        kinds = Counter(type(r) for r in replies)
        assert kinds == {m.Rwrite: 250, m.Rread: 250, m.Rgetattr: 250, m.Rwalk: 250}


def test_a_flood_of_walks(tmp_path: Path) -> None:
    """S-052: 2,000 walks of sixteen names are answered, and another client between them."""
    deep = tmp_path.joinpath(*["d"] * 16)
    deep.mkdir(parents=True)
    with serving(str(tmp_path)) as (_, address), session(address) as sock:
        walk = m.Twalk(0, 1, (b"d",) * 16)
        flood = b"".join(
            CODEC.encode(tag, t) for _ in range(2_000) for tag, t in ((1, walk), (2, m.Tclunk(1)))
        )
        sender = threading.Thread(target=sock.sendall, args=(flood,))
        sender.start()
        answered = Counter(type(reply(sock)[1]) for _ in range(2_000))
        assert served(address)
        answered += Counter(type(reply(sock)[1]) for _ in range(2_000))
        sender.join()
        assert answered == {m.Rwalk: 2_000, m.Rclunk: 2_000}


def test_rapid_reset(tmp_path: Path) -> None:
    """S-096: reads that are flushed at once are answered or not, their flushes always."""
    (tmp_path / "file").write_bytes(bytes(MIB))
    with serving(str(tmp_path)) as (process, address), session(address) as sock:
        ask(sock, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDONLY))
        pairs = b"".join(
            CODEC.encode(tag, t)
            for tag in range(1, 2001, 2)
            for tag, t in ((tag, m.Tread(1, 0, 60_000)), (tag + 1, m.Tflush(tag)))
        )
        sizes = []
        for _ in range(10):
            sender = threading.Thread(target=sock.sendall, args=(pairs,))
            sender.start()
            flushed = 0
            while flushed < 1000:
                _, r = reply(sock)
                flushed += isinstance(r, m.Rflush)
            sender.join()
            sizes.append(memory(process))
            assert served(address)
        assert sizes[-1] - sizes[1] < 16 * MIB


def test_flushes_of_one_request(tmp_path: Path) -> None:
    """S-097: each is answered, in order, and behind the reply of what it was to flush."""
    (tmp_path / "file").write_bytes(bytes(100_000))
    with serving(str(tmp_path)) as (_, address), session(address) as sock:
        ask(sock, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDONLY))
        send(sock, m.Tread(1, 0, 60_000), *[m.Tflush(1)] * 5)
        tags = [reply(sock)[0] for _ in range(6)]
        assert tags == [1, 2, 3, 4, 5, 6]


def test_attributes_that_are_never_finished(tmp_path: Path) -> None:
    """S-083: values that are announced or read count until their fid is free; ENOSPC beyond it."""
    (tmp_path / "file").touch()
    size = 60_000
    os.setxattr(tmp_path / "file", "user.a", bytes(1000))
    few = ("--limit-xattrs", str(2 * size))
    with serving(str(tmp_path), "--rw", *few) as (_, address), session(address) as sock:
        full = m.Rlerror(NUMBERS["ENOSPC"])
        walks = [m.Twalk(0, fid, (b"file",)) for fid in (1, 2, 3)]
        announced = [m.Txattrcreate(fid, b"user.b", size, 0) for fid in (1, 2, 3)]
        came = ask(sock, *walks, *announced)
        assert came[3:] == [m.Rxattrcreate(), m.Rxattrcreate(), full]
        read = m.Txattrwalk(3, 4, b"user.a")
        assert ask(sock, read) == [full]
        (r,) = ask(sock, m.Tclunk(1))
        assert isinstance(r, m.Rlerror)
        assert ask(sock, read, m.Tread(4, 0, 2000)) == [m.Rxattrwalk(1000), m.Rread(bytes(1000))]
        assert ask(sock, announced[2]) == [full]
        assert ask(sock, m.Tclunk(4), announced[2]) == [m.Rclunk(), m.Rxattrcreate()]
        sock.sendall(VERSION)
        assert reply(sock)[0] == NOTAG
        again = ask(sock, m.Tattach(0, NOFID, b"", b"", NONUNAME), walks[0], announced[0])
        assert again[2] == m.Rxattrcreate()


def test_magic_links(tmp_path: Path) -> None:
    """S-053: a link of /proc leads nowhere, also when /proc itself is exported."""
    (tmp_path / "root").symlink_to("/proc/self/root")
    with serving(str(tmp_path)) as (_, address), session(address) as sock:
        (r,) = ask(sock, m.Twalk(0, 1, (b"root", b"etc")))
        assert isinstance(r, m.Rlerror) or len(r.wqid) == 1  # type: ignore[attr-defined]
        ask(sock, m.Twalk(0, 2, (b"root",)))
        assert ask(sock, m.Tlopen(2, os.O_RDONLY)) == [m.Rlerror(NUMBERS["ELOOP"])]
    with serving("/proc") as (process, address), session(address) as sock:
        pid = str(process.pid).encode()
        for names in ((pid, b"root", b"etc"), (pid, b"cwd", b"tests"), (b"self", b"root")):
            (r,) = ask(sock, m.Twalk(0, 1, names))
            assert isinstance(r, m.Rlerror) or len(r.wqid) < len(names)  # type: ignore[attr-defined]
        ask(sock, m.Twalk(0, 3, (pid, b"root")))
        assert ask(sock, m.Tlopen(3, os.O_RDONLY)) == [m.Rlerror(NUMBERS["ELOOP"])]


def test_renames_against_each_other(tmp_path: Path) -> None:
    """S-090: two clients swap directories while a third walks: all are answered, none gets out."""
    for name in ("a/b", "b/a"):
        (tmp_path / name).mkdir(parents=True)
    root = os.stat(tmp_path).st_ino
    with serving(str(tmp_path), "--rw") as (_, address), contextlib.ExitStack() as stack:
        one, two, three = (stack.enter_context(session(address)) for _ in range(3))
        ask(three, m.Twalk(0, 1, (b"a",)))
        for number in range(300):
            send(one, m.Trenameat(0, b"a", 0, b"x"), m.Trenameat(0, b"x", 0, b"a"))
            send(two, m.Trenameat(0, b"b", 0, b"x"), m.Trenameat(0, b"x", 0, b"b"))
            up = ask(three, m.Twalk(1, 100 + number, (b"..", b"..", b"..")), m.Tgetattr(1, 0x7FF))
            assert isinstance(up[0], m.Rwalk)
            assert up[0].wqid[-1].path == up[0].wqid[0].path
            assert isinstance(up[1], m.Rgetattr)
            for sock in (one, two):
                for _ in range(2):
                    assert isinstance(reply(sock)[1], m.Rrenameat | m.Rlerror)
    assert os.stat(tmp_path).st_ino == root


@pytest.mark.parametrize(
    ("bits", "extension"),
    [
        (0x00800000, b"b 8 0"),
        (0x00800000, b"c -1 99999999999"),
        (0x00800000, b"c 1"),
        (0x02000000, b"l" + b"x" * 5000),
        (0x00200000, b"p"),
        (0xFFFFFFFF, b""),
    ],
)
def test_extensions(bits: int, extension: bytes, tmp_path: Path) -> None:
    """S-093: what 9P2000.u makes by an extension is made as it says, or refused; never a device."""
    old = codec("9P2000.u")
    with serving(str(tmp_path), "--rw") as (_, address), dialled(address) as sock:
        sock.sendall(old.encode(NOTAG, m.Tversion(65536, b"9P2000.u")))
        assert isinstance(reply(sock, old)[1], m.Rversion)
        sock.sendall(old.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME)))
        assert isinstance(reply(sock, old)[1], m.Rattach)
        sock.sendall(old.encode(1, m.Tcreate(0, b"new", bits | 0o644, 0, extension)))
        assert isinstance(reply(sock, old)[1], m.Rcreate | m.Rerror)
    for entry in os.scandir(tmp_path):
        mode = entry.stat(follow_symlinks=False).st_mode
        assert not stat.S_ISBLK(mode)
        assert not stat.S_ISCHR(mode)


def test_gone_with_a_thousand_requests(tmp_path: Path) -> None:
    """S-100: who leaves in the middle of them leaves nothing; no descriptor is closed too soon."""
    (tmp_path / "file").write_bytes(bytes(MIB))
    with serving(str(tmp_path)) as (process, address):
        before = descriptors(process)
        for _ in range(5):
            with session(address) as sock:
                ask(sock, m.Twalk(0, 1, (b"file",)), m.Tlopen(1, os.O_RDONLY))
                send(sock, *[m.Tread(1, 0, 60_000)] * 1000)
        assert back_to(before, process, address)


CLAIM = """
import os, socket, sys
from ninep import messages as m
from ninep.codec import codec
from ninep.constants import NOFID, NOTAG, NONUNAME
os.setgid(1234)
os.setuid(1234)
speak = codec("9P2000.L")
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect(sys.argv[1])
    sock.sendall(speak.encode(NOTAG, m.Tversion(8192, b"9P2000.L")))
    sock.recv(100)
    for uid in (0, 1235, 1234, NONUNAME):
        sock.sendall(speak.encode(1, m.Tattach(uid & 7, NOFID, b"", b"", uid)))
        print(type(speak.decode(sock.recv(100))[1]).__name__)
    sock.sendall(speak.encode(1, m.Tlcreate(NONUNAME & 7, b"new", 2, 0o644, NONUNAME)))
    print(type(speak.decode(sock.recv(100))[1]).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_somebody_else_over_a_unix_socket() -> None:
    """S-027: another user of this machine is himself to the server, whatever number he gives."""
    with tempfile.TemporaryDirectory() as folder:
        tree, where = Path(folder, "tree"), Path(folder, "s")
        Path(folder).chmod(0o755)
        tree.mkdir()
        with serve(str(tree), "--rw", "--listen", f"unix://{where}"):
            where.chmod(0o777)
            done = subprocess.run(
                [sys.executable, "-c", CLAIM, str(where)],
                capture_output=True, text=True, check=False, env=environment(),
            )  # fmt: skip
        refused, let_in = ["Rlerror"] * 2, ["Rattach"] * 2
        assert done.stdout.split() == [*refused, *let_in, "Rlcreate"], done.stderr
        assert (tree / "new").stat().st_uid == 1234


def test_who_is_let_in(tmp_path: Path) -> None:
    """`--allow-uid` lets those users in and nobody else; who is unknown is the user nobody."""
    some = ("--allow-uid", str(NOBODY), "--allow-uid", "7")
    with serving(str(tmp_path), *some) as (_, address), session(address) as sock:
        came = ask(sock, *(m.Tattach(9, NOFID, b"", b"", uid) for uid in (0, 1, 7)))
        assert came[:2] == [m.Rlerror(NUMBERS["EPERM"])] * 2
        assert isinstance(came[2], m.Rattach)


def test_many_listings_of_a_large_directory(tmp_path: Path) -> None:
    """S-075: what is remembered has a limit; others are served meanwhile, and one is read whole."""
    for number in range(20_000):
        (tmp_path / f"{number:0100}").touch()
    with (
        serving(str(tmp_path), "--limit-listings", "30000") as (process, address),
        session(address) as sock,
    ):
        fids = range(1, 51)
        for fid in fids:
            ask(sock, m.Twalk(0, fid, ()), m.Tlopen(fid, os.O_RDONLY))
        sizes, offsets, begun_anew = [], dict.fromkeys(fids, 0), 0
        for turn in range(60):
            sizes.append(memory(process))
            pages = ask(sock, *(m.Treaddir(fid, offsets[fid], 60_000) for fid in fids))
            for fid, page in zip(fids, pages, strict=True):
                if isinstance(page, m.Rlerror):
                    assert page.ecode == NUMBERS["EINVAL"]
                    offsets[fid], begun_anew = 0, begun_anew + 1
                    continue
                assert isinstance(page, m.Rreaddir)
                entries = CODEC.dirents(page.data)
                offsets[fid] = entries[-1].offset if entries else 0
            assert served(address), turn
        assert begun_anew
        assert sizes[-1] - sizes[10] < 16 * MIB
        names, offset = set(), 0
        while entries := CODEC.dirents(ask(sock, m.Treaddir(1, offset, 60_000))[0].data):  # type: ignore[attr-defined]
            names |= {entry.name for entry in entries}
            offset = entries[-1].offset
        assert len(names) == 20_002


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, that gives rights to files")
@pytest.mark.parametrize("change", ["write", "cut", "chown"])
def test_rights_of_a_file_that_is_changed(change: str, tmp_path: Path) -> None:
    """S-071: set-id bits and capabilities go as they do for a user, though the server is root."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    file.chmod(0o6755)
    os.setxattr(file, "security.capability", CAPABILITY)
    with serving(str(tmp_path), "--rw") as (_, address), session(address) as sock:
        ask(sock, m.Twalk(0, 1, (b"file",)))
        if change == "write":
            ask(sock, m.Tlopen(1, os.O_RDWR))
            assert ask(sock, m.Twrite(1, 0, b"x")) == [m.Rwrite(1)]
        else:
            valid = int(SetattrValid.UID if change == "chown" else SetattrValid.SIZE)
            changed = m.Tsetattr(1, valid, 0, 1000, 0, 3, 0, 0, 0, 0)
            assert ask(sock, changed) == [m.Rsetattr()]
    assert not file.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    assert os.listxattr(file) == []
