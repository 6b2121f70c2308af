"""Servers to judge, and runs of `ninep check` on them, for the tests of the suite itself."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ninep import messages as m
from ninep.conformance.check import cli
from ninep.conformance.check.case import Case, load_all
from ninep.conformance.check.layout import build, parse
from ninep.conformance.check.link import Event
from ninep.conformance.check.model import CaseResult, DialectReport, Options, Report
from ninep.conformance.check.probe import Finding
from ninep.conformance.check.results import Results, as_data
from ninep.conformance.check.verdict import Broken, Verdict

HOSTILE = "\x00\x1b[31m<&>\"']]>`|\ud800\udcff\ufffe\U0001fffe\r\n\u2028</script>"
L = "9P2000.L"
Serve = Callable[[socket.socket], None]
"""What a server does with one connection."""


def check(*argv: str) -> int:
    """Run `ninep check` in this process."""
    return cli.main(argv)


def judge(tmp_path: Path, *argv: str) -> tuple[int, Results]:
    """Run `ninep check` and read what it wrote."""
    path = tmp_path / "results.json"
    code = check(*argv, "--json", str(path))
    data: Results = json.loads(path.read_text(encoding="utf-8"))
    return code, data


@contextlib.contextmanager
def listening(path: Path, serve: Serve) -> Iterator[str]:
    """Run a server on a socket in threads of this process; give its address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        opened: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    opened.append(sock)
                    threading.Thread(target=quietly, args=(serve, sock), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for sock in opened:
                sock.close()


def quietly(serve: Serve, sock: socket.socket) -> None:
    """Serve a connection until it ends in whatever way."""
    with contextlib.suppress(OSError, EOFError), sock:
        serve(sock)


def frame(sock: socket.socket) -> bytes:
    """Receive one frame.  Errors: EOFError"""
    head = exactly(sock, 4)
    return head + exactly(sock, int.from_bytes(head, "little") - 4)


def exactly(sock: socket.socket, size: int) -> bytes:
    """Receive so many bytes.  Errors: EOFError"""
    data = sock.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise EOFError
    return data


def silent(sock: socket.socket) -> None:
    """Take everything and say nothing."""
    while sock.recv(65536):
        pass


def hang_up(sock: socket.socket) -> None:
    """Close the connection on the first message."""
    frame(sock)


def polite(sock: socket.socket) -> None:
    """Agree on a version and then say nothing."""
    while data := frame(sock):
        if data[4] == m.Tversion.code:
            sock.sendall(rversion(data))


def boastful(sock: socket.socket) -> None:
    """Agree to twice the msize that was asked for, and answer all else with EIO."""
    while data := frame(sock):
        is_version = data[4] == m.Tversion.code
        sock.sendall(rversion(data, 2) if is_version else build(L, tag(data), m.Rlerror(5)))


def rversion(data: bytes, factor: int = 1) -> bytes:
    """Answer a Tversion as it wishes, if it wishes for 9P2000.L."""
    t = parse(L, data)
    assert isinstance(t, m.Tversion)
    name = t.version if t.version == L.encode() else b"unknown"
    return build(L, tag(data), m.Rversion(min(t.msize * factor, 0xFFFFFFFF), name))


def tag(data: bytes) -> int:
    """Return the tag of a frame."""
    return int.from_bytes(data[5:7], "little")


def rambling(seed: int) -> Serve:
    """Return a server that agrees on a version and answers all else with random bytes."""
    chance = random.Random(seed)  # noqa: S311  bytes to repeat

    def serve(sock: socket.socket) -> None:
        while data := frame(sock):
            if data[4] == m.Tversion.code and chance.random() < 0.9:
                sock.sendall(rversion(data))
                continue
            body = chance.randbytes(chance.randrange(40))
            code = bytes([chance.choice([data[4] + 1, 7, 107, chance.randrange(256)])])
            reply = code + data[5:7] + body
            whole = (len(reply) + 4).to_bytes(4, "little") + reply
            sock.sendall(whole if chance.random() < 0.8 else chance.randbytes(60))
            if chance.random() < 0.5:
                return

    return serve


def result(
    case: str = "walk/clone", verdict: Verdict = "pass", message: str = "", *broken: Broken
) -> CaseResult:
    """Make the result of a case in 9P2000.L."""
    found = CaseResult(load_all()[case], L, verdict, list(broken), message=message)
    found.stopped = bool(broken)
    found.events = [
        Event(1, True, 0.0011, build(L, 1, m.Tclunk(7)), L),
        Event(1, False, 0.0022, build(L, 1, m.Rlerror(9)), L),
        Event(1, False, 0.0033, b"", L),
    ]
    return found


def report(text: str = "Rlerror ENOENT") -> Report:
    """Make a report with one of everything; `text` is what the server says."""
    broken = Broken("walk.partial-result", "the number of qids: 2", text, 3)
    made = Report("tcp://[::1]:5640", 1_800_000_000.0, 1.5, 0.0002, 2.0, seed=7, planned=6)
    made.dialects = [
        DialectReport("9P2000", served=False, note=text),
        DialectReport(L, served=True, msize=65536, capabilities={
            "write": Finding(has=True, evidence="Rmkdir"),
            "xattr": Finding(has=False, evidence=text),
        }),
    ]  # fmt: skip
    made.results = [
        result(),
        result("walk/partial[2]", "fail", "", broken),
        result("walk/dot", "error", text),
        result("walk/to-symlink", "n-a", f"no symlink: {text}"),
        result("version/other-tag", "warn", "", Broken("version.tag-echoed", "5", text)),
    ]
    return made


def data(text: str = "Rlerror ENOENT") -> Results:
    """Make results with one of everything."""
    options = Options((L,), declared={"xattr": True})
    return as_data(report(text), options, load_all(), ["ninep", "check", "tcp://[::1]:5640"])


def cases(*ids: str) -> list[Case]:
    """Return cases by id."""
    return [load_all()[one] for one in ids]
