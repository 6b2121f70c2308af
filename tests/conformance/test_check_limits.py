"""What a server that lies, never ends or falls silent may cost the suite."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.address import parse
from ninep.backends._memory_inode import MemoryFile
from ninep.conformance.check.case import load_all
from ninep.conformance.check.link import Link
from ninep.conformance.check.model import DialectReport, Options
from ninep.conformance.check.probe import Finding
from ninep.conformance.check.runner import Runner
from ninep.conformance.check.target import target
from ninep.conformance.check.verdict import Gone
from ninep.conformance.mutants.reference import NAMED, Reference

from . import judged
from .judged import L

LONG = 600.0
"""Seconds that no test waits."""
OPTIONS = Options((L,), uname=b"root", uid=0, aname=NAMED)


def test_no_larger_msize_than_was_asked_for(tmp_path: Path) -> None:
    """A server that grants more is wrong, and is sent and believed no more than was asked for."""
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(address.removeprefix("unix://"))
        link = Link(sock, 1, LONG, [], time.monotonic())
        link.send(m.Tversion(8192, L.encode()))
        _, r = link.receive()
        assert (r, link.msize) == (m.Rversion(16384, L.encode()), 8192)
        link.close()


def test_a_file_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a failure, and not the end of the run."""

    async def read(_: MemoryFile, offset: int, count: int) -> bytes:
        return b"A" * min(offset + 4000, count)

    monkeypatch.setattr(MemoryFile, "read", read)
    report = Runner(Reference(), "a test", OPTIONS).run([load_all()["write/at-offset[0]"]])
    (result,) = report.results
    assert result.verdict == "fail"
    assert "the end of the file" in str(result.broken[0])


def test_whoever_waits_at_a_connection_is_told_that_it_ends() -> None:
    """An interrupted run does not wait for the deadlines of the cases that run."""
    ours, theirs = socket.socketpair()
    link = Link(ours, 1, LONG, [], time.monotonic())
    ended: list[Exception] = []

    def wait() -> None:
        try:
            link.receive()
        except Gone as exc:
            ended.append(exc)

    with theirs:
        link.send(m.Tversion(8192, L.encode()))
        thread = threading.Thread(target=wait)
        thread.start()
        link.cut()
        thread.join()
    link.close()
    assert len(ended) == 1


@pytest.mark.parametrize(
    ("lost", "declared", "verdict"),
    [(True, {}, "error"), (False, {}, "n-a"), (True, {"xattr": False}, "n-a"),
     (True, {"xattr": True}, "gap")],
)  # fmt: skip
def test_a_probe_without_an_answer(lost: bool, declared: dict[str, bool], verdict: str) -> None:
    """That something is missing has to be said: when the connection ended it is not known."""
    options = replace(OPTIONS, declared=declared)
    runner = Runner(target(parse("tcp://127.0.0.1:1")), "a test", options)
    has = {"write": Finding(has=True, evidence="")}
    missing = Finding(has=False, evidence="closed", asked=False, lost=lost)
    dialect = DialectReport(L, served=True, capabilities={**has, "xattr": missing})
    assert runner.judge(load_all()["xattr/long-value"], dialect).verdict == verdict
