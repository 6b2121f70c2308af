"""Limits and deadlines: a client that takes too much, or too long, costs its connection alone."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG
from ninep.errors import NUMBERS
from ninep.limits import LOOK, Budget, Held, Limits, Patience, Peers
from tests.running import environment, serve

CODEC = codec("9P2000.L")
VERSION = CODEC.encode(NOTAG, m.Tversion(65536, b"9P2000.L"))
ATTACH = CODEC.encode(1, m.Tattach(0, NOFID, b"", b"", NONUNAME))
GETATTR = CODEC.encode(2, m.Tgetattr(0, 0x7FF))
WAIT = 20.0
"""Seconds in which a drop must have come that takes one."""
SHORT = ("--limit-handshake", "1", "--limit-frame", "1", "--limit-stall", "1")


def dialled(address: str) -> socket.socket:
    """Connect to a server's address."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=WAIT)


def receive(sock: socket.socket) -> bytes:
    """Return one whole reply; what there is of it when the server has hung up."""
    data = b""
    while len(data) < 4 or len(data) < int.from_bytes(data[:4], "little"):
        want = int.from_bytes(data[:4], "little") if len(data) >= 4 else 4
        more = sock.recv(want - len(data))
        if not more:
            break
        data += more
    return data


@contextlib.contextmanager
def session(address: str) -> Iterator[socket.socket]:
    """Connect, agree on a version and attach fid 0."""
    with dialled(address) as sock:
        sock.sendall(VERSION + ATTACH)
        assert [receive(sock)[4], receive(sock)[4]] == [m.Rversion.code, m.Rattach.code]
        yield sock


def served(address: str) -> bool:
    """Say whether a fresh connection is served."""
    try:
        with session(address) as sock:
            sock.sendall(GETATTR)
            return receive(sock)[4] == m.Rgetattr.code
    except (IndexError, OSError):
        return False


def dropped(sock: socket.socket) -> bool:
    """Say whether the server hangs up, whatever it still sends before."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(1 << 16):
            pass
    return True


def test_silence_before_a_version() -> None:
    """S-006's neighbour: who never agrees on a version is dropped; who has may be silent."""
    with serve("memory:", "--listen", "tcp://127.0.0.1:0", *SHORT) as (_, (address,)):
        with dialled(address) as silent, session(address) as idle:
            assert dropped(silent)
            idle.sendall(GETATTR)
            assert receive(idle)[4] == m.Rgetattr.code
        assert served(address)


@pytest.mark.parametrize("bit", [0, 1])
def test_half_a_message(bit: int) -> None:
    """S-007, S-008: the deadline is for the whole message, also when a byte comes now and then."""
    with serve("memory:", "--listen", "tcp://127.0.0.1:0", *SHORT) as (_, (address,)):
        with session(address) as slow:
            frame = CODEC.encode(3, m.Twalk(0, 1, (b"x" * 60,)))
            slow.sendall(frame[:9])
            slow.settimeout(0.2)
            at, gone = 9, False
            while not gone and at < len(frame):
                with contextlib.suppress(TimeoutError):
                    gone = slow.recv(1) == b""
                if bit and not gone:
                    with contextlib.suppress(ConnectionError):
                        slow.sendall(frame[at : at + 1])
                    at += 1
            assert gone
        assert served(address)


def test_replies_that_nobody_takes() -> None:
    """S-014, S-103: a client that asks and reads nothing is dropped at the write deadline."""
    with serve("memory:", "--rw", "--listen", "tcp://127.0.0.1:0", *SHORT) as (_, (address,)):
        with session(address) as greedy:
            create = CODEC.encode(2, m.Tlcreate(0, b"file", 2, 0o644, 0))
            write = CODEC.encode(3, m.Twrite(0, 0, bytes(60_000)))
            greedy.sendall(create + write)
            assert [receive(greedy)[4], receive(greedy)[4]] == [m.Rlcreate.code, m.Rwrite.code]
            read = CODEC.encode(4, m.Tread(0, 0, 60_000))
            with contextlib.suppress(ConnectionError, TimeoutError):
                while True:  # until the server has hung up
                    greedy.sendall(read * 100)
            assert dropped(greedy)
        assert served(address)


def test_too_many_of_one_peer() -> None:
    """S-015: what is one too many is closed at once, the others are served, one line says so."""
    options = ("--limit-per-peer", "5", "--listen", "tcp://127.0.0.1:0")
    with serve("memory:", *options) as (process, (address,)):
        with contextlib.ExitStack() as stack:
            some = [stack.enter_context(session(address)) for _ in range(5)]
            for _ in range(50):
                with dialled(address) as one_too_many:
                    assert dropped(one_too_many)
            for sock in some:
                sock.sendall(GETATTR)
                assert receive(sock)[4] == m.Rgetattr.code
        assert any(served(address) for _ in range(1000))  # as soon as it has seen one of them go
        process.terminate()
        assert process.stderr is not None
        assert process.stderr.read().count("127.0.0.1 has 5 already") == 1


def test_a_server_that_was_stopped_waits_on() -> None:
    """F-16: deadlines are counted while the server looks, and what it cannot see is nobody's."""
    patience = Patience(Limits(handshake=1.0))
    looks = int(1.0 / LOOK)
    missed = [patience.missed(agreed=False, part=None, written=0, unsent=0) for _ in range(looks)]
    assert missed == [""] * looks
    late = patience.missed(agreed=False, part=None, written=0, unsent=0)
    assert late == "no version was agreed on within 1 s"


def test_who_takes_replies_is_not_slow() -> None:
    """A buffer that is as full as before says nothing: what was taken out of it does."""
    patience = Patience(Limits(stall=1.0))
    for total in range(1000, 20_000, 1000):
        assert patience.missed(agreed=True, part=None, written=total, unsent=500) == ""
    looks = [patience.missed(agreed=True, part=None, written=19_000, unsent=500) for _ in range(9)]
    assert looks[-1] == "no reply was taken within 1 s"


def test_each_part_has_its_time() -> None:
    """Of messages that come one after the other each has the whole deadline."""
    patience = Patience(Limits(frame=1.0))
    for _ in range(20):
        assert patience.missed(agreed=True, part=object(), written=0, unsent=0) == ""
    part = object()
    looks = [patience.missed(agreed=True, part=part, written=0, unsent=0) for _ in range(9)]
    assert looks[-1] == "a message did not arrive whole within 1 s"


def test_peers() -> None:
    """Whoever leaves makes room; the number in all counts for everybody."""
    peers = Peers(Limits(connections=3, per_peer=2))
    assert [peers.admit("a"), peers.admit("a")] == ["", ""]
    assert peers.admit("a") == "a has 2 already"
    assert peers.admit("b") == ""
    assert peers.admit("c") == "there are 3 already"
    peers.leave("a")
    assert peers.admit("c") == ""


def test_limits_that_are_none() -> None:
    """A limit that nobody could keep to is a usage error."""
    for argument in ("--limit-frame=0", "--limit-per-peer=0", "--limit-connections=x"):
        with serve("memory:", argument) as (process, _):
            assert process.wait(WAIT) == 2
        assert isinstance(process, subprocess.Popen)


GATED = """
import asyncio, sys
from ninep.backends.memory import MemoryBackend
from ninep.constants import NONUNAME
from ninep.limits import Limits
from ninep.server import Server
from tests.test_server import Gated

async def main():
    gate, memory = asyncio.Event(), MemoryBackend()
    await (await memory.attach()).create(b"file", 2, 0o644, NONUNAME, NONUNAME)
    limits = Limits(**dict(zip(sys.argv[1::2], map(int, sys.argv[2::2]))))
    async with Server(Gated(memory, gate), "tcp://127.0.0.1:0", limits=limits) as server:
        print(server.addresses[0], flush=True)
        wait = asyncio.get_running_loop().run_in_executor
        await wait(None, sys.stdin.readline)
        gate.set()
        await wait(None, sys.stdin.readline)

asyncio.run(main())
"""
"""A server whose reads and writes wait until it is told a line."""


@contextlib.contextmanager
def gated(**limits: int) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """Run such a server, and open its file as fid 1."""
    words = [str(word) for item in limits.items() for word in item]
    with subprocess.Popen(
        [sys.executable, "-c", GATED, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        with process.stdin, session(process.stdout.readline().strip()) as sock:
            send(sock, (2, m.Twalk(0, 1, (b"file",))), (3, m.Tlopen(1, 2)))
            assert tags(sock, 2) == [2, 3]
            yield process, sock


def told(process: subprocess.Popen[str]) -> None:
    """Let what waits in a server go on."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def send(sock: socket.socket, *requests: tuple[int, m.TMessage]) -> None:
    """Send requests at once."""
    sock.sendall(b"".join(CODEC.encode(tag, t) for tag, t in requests))


def tags(sock: socket.socket, count: int) -> list[int]:
    """Return the tags of the next replies, in order."""
    return [int.from_bytes(receive(sock)[5:7], "little") for _ in range(count)]


STAT = m.Tgetattr(0, 0x7FF)


def test_a_flush_behind_a_full_window() -> None:
    """S-039, S-096: it is read and answered; what it flushes counts until it has ended."""
    with gated(running=3) as (process, sock):
        send(sock, *((tag, m.Twrite(1, 0, b"x")) for tag in (4, 5, 6)), (7, STAT), (8, STAT))
        send(sock, (9, m.Tflush(7)), (10, m.Tflush(777)), (11, m.Tflush(4)), (12, m.Tflush(777)))
        assert tags(sock, 3) == [9, 10, 12]
        told(process)
        came = tags(sock, 5)
        assert sorted(came) == [4, 5, 6, 8, 11]
        assert came.index(4) < came.index(11)
        assert came[0] != 8


@pytest.mark.parametrize("limits", [{"waiting": 50_000}, {"waiting_total": 50_000}])
def test_requests_in_flight_have_a_limit(limits: dict[str, int]) -> None:
    """Who has too much in flight is not read on; another one is, and all is answered later."""
    with gated(**limits) as (process, sock):
        host, port = sock.getpeername()
        waiting = [(tag, m.Twrite(1, 0, bytes(5000))) for tag in range(10, 90)]
        send(sock, *waiting, (4, STAT))
        with session(f"tcp://{host}:{port}") as other:
            send(other, (2, m.Twalk(0, 1, (b"file",))), (3, m.Tlopen(1, 2)))
            assert tags(other, 2) == [2, 3]
            send(other, (5, m.Tread(1, 0, 1)), (4, STAT))
            assert tags(other, 1) == [4]
            told(process)
            assert tags(other, 1) == [5]
        assert set(tags(sock, 81)) == {4, *range(10, 90)}


@pytest.mark.parametrize("option", ["--limit-unsent", "--limit-unsent-total"])
def test_unsent_replies_have_a_limit(option: str, tmp_path: Path) -> None:
    """S-072: who takes no replies is not read on, others are, and later all replies come."""
    (tmp_path / "file").write_bytes(bytes(60_000))
    with (
        serve(str(tmp_path), "--listen", "tcp://127.0.0.1:0", option, "1") as (_, (address,)),
        session(address) as deaf,
        session(address) as other,
    ):
        for sock in (deaf, other):
            send(sock, (2, m.Twalk(0, 1, (b"file",))), (3, m.Tlopen(1, 0)))
            assert tags(sock, 2) == [2, 3]
        send(deaf, *((tag, m.Tread(1, 0, 60_000)) for tag in range(1000)))
        for _ in range(20):
            send(other, *((tag, m.Tread(1, 0, 60_000)) for tag in range(10)))
            assert tags(other, 10) == list(range(10))
        assert tags(deaf, 1000) == list(range(1000))


def test_fids_have_a_limit() -> None:
    """fid.count-limit: EMFILE for what would be one more; what is clunked makes room."""
    options = ("--limit-fids", "3", "--listen", "tcp://127.0.0.1:0")
    with serve("memory:", *options) as (_, (address,)), session(address) as sock:
        clones = [m.Twalk(0, fid, ()) for fid in (1, 2, 3)]
        send(sock, *enumerate(clones))
        replies = [CODEC.decode(receive(sock))[1] for _ in clones]
        assert replies == [m.Rwalk(()), m.Rwalk(()), m.Rlerror(NUMBERS["EMFILE"])]
        again = (m.Twalk(1, 1, ()), m.Tattach(9, NOFID, b"", b"", NONUNAME), m.Tclunk(2))
        send(sock, *enumerate([*again, clones[2]]))
        kinds = [type(CODEC.decode(receive(sock))[1]) for _ in range(4)]
        assert kinds == [m.Rwalk, m.Rlerror, m.Rclunk, m.Rwalk]


def test_equal_shares() -> None:
    """Beyond the total each has an equal share, and who has less may go on."""
    budget = Budget(100, 250)
    much, some, little = Held(budget), Held(budget), Held(budget)
    much.set(100)
    some.set(100)
    assert not much.too_much
    much.set(101)
    assert much.too_much
    little.set(60)
    assert budget.most == 83
    assert [much.too_much, some.too_much, little.too_much] == [True, True, False]
    much.set(0)
    assert (budget.used, budget.holders, budget.most) == (160, 2, 100)
