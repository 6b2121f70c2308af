"""What can happen to a connection beneath 9P: it is cut, or carries what is no 9P."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from ninep import messages as m
from tests.running import serve
from tests.test_limits import (
    ATTACH,
    CODEC,
    GETATTR,
    VERSION,
    WAIT,
    dropped,
    receive,
    served,
    session,
)

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: close(2) sends a RST."""
TRIES = 1000


def descriptors(process: subprocess.Popen[str]) -> int:
    """Count the open files of a process."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def back_to(count: int, process: subprocess.Popen[str], address: str) -> bool:
    """Say whether as few files are open as before, as soon as the server has seen all ends.

    Also that of the connection that asks: a busy machine is given more and more time for it.
    """
    for turn in range(TRIES):
        if served(address):
            time.sleep(turn / 100_000)
            if descriptors(process) <= count:
                return True
    return False


def test_half_closed() -> None:
    """S-009: who says that he will send no more still gets his replies, then the end."""
    with (
        serve("memory:", "--listen", "tcp://127.0.0.1:0") as (_, (address,)),
        session(address) as s,
    ):
        s.sendall(GETATTR)
        s.shutdown(socket.SHUT_WR)
        assert receive(s)[4] == m.Rgetattr.code
        assert s.recv(1) == b""


@pytest.mark.parametrize("cut", ["request", "reply"])
def test_reset(cut: str, tmp_path: Path) -> None:
    """S-010: a RST in the middle of a message releases everything and is no traceback."""
    (tmp_path / "file").write_bytes(bytes(200_000))
    with serve(str(tmp_path), "--listen", "tcp://127.0.0.1:0") as (process, (address,)):
        assert served(address)
        before = descriptors(process)
        for _ in range(20):
            with session(address) as sock:
                walk = CODEC.encode(2, m.Twalk(0, 1, (b"file",)))
                sock.sendall(walk + CODEC.encode(3, m.Tlopen(1, 0)))
                assert [receive(sock)[4], receive(sock)[4]] == [m.Rwalk.code, m.Rlopen.code]
                if cut == "request":
                    sock.sendall(GETATTR[:-3])
                else:
                    sock.sendall(CODEC.encode(4, m.Tread(1, 0, 60_000)))
                    sock.recv(100)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert back_to(before, process, address)
        process.terminate()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        assert process.wait(WAIT) == 0


def test_descriptors_in_the_post(tmp_path: Path) -> None:
    """S-016: descriptors that come with messages on a unix socket are not kept."""
    path = tmp_path / "sock"
    with (
        serve("memory:", "--listen", f"unix://{path}") as (process, _),
        socket.socket(socket.AF_UNIX) as sock,
        open(os.devnull, "rb") as null,
    ):
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(VERSION + ATTACH)
        assert [receive(sock)[4], receive(sock)[4]] == [m.Rversion.code, m.Rattach.code]
        before = descriptors(process)
        post = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null.fileno()] * 8))]
        for _ in range(50):
            sock.sendmsg([GETATTR], post)
            assert receive(sock)[4] == m.Rgetattr.code
        assert descriptors(process) == before


def test_nothing_of_half_a_write(tmp_path: Path) -> None:
    """S-099: of a Twrite that has not come whole nothing is written."""
    (tmp_path / "file").write_bytes(b"before")
    with serve(str(tmp_path), "--rw", "--listen", "tcp://127.0.0.1:0") as (process, (address,)):
        assert served(address)
        before = descriptors(process)
        with session(address) as sock:
            sock.sendall(CODEC.encode(2, m.Twalk(0, 1, (b"file",))))
            sock.sendall(CODEC.encode(3, m.Tlopen(1, os.O_RDWR)))
            assert [receive(sock)[4], receive(sock)[4]] == [m.Rwalk.code, m.Rlopen.code]
            sock.sendall(CODEC.encode(4, m.Twrite(1, 0, b"AFTER" * 1000))[:-1])
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                assert dropped(sock)
        assert back_to(before, process, address)
    assert (tmp_path / "file").read_bytes() == b"before"
