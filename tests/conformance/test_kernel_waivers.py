"""Waivers of the lab: a kernel's own failure is told as such, and nothing else is."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from ninep.conformance.kernel.catalog import load
from ninep.conformance.kernel.expect import Failed
from ninep.conformance.kernel.files import pattern
from ninep.conformance.kernel.model import Cell, CheckReport, Job, Planned, Result, ScriptReport
from ninep.conformance.kernel.record import Event, Recorder
from ninep.conformance.kernel.report import totals
from ninep.conformance.kernel.waivers import waived, waivers
from ninep.conformance.text import plain

full = import_module("ninep.conformance.kernel.scripts.25_full")


def test_each_names_a_check() -> None:
    """A row that no check fits would waive nothing."""
    for one in waivers():
        assert one.check in [check.name for check in load(one.script).checks]
        assert one.reason
        assert one.observed
        assert all(one.observed)


@pytest.mark.parametrize(
    ("engine", "kernel", "mode", "expected"),
    [
        ("uml", "7.2.7", "mmap", True),
        ("uml", "7.2.7", "none", False),
        ("uml", "7.2.70", "mmap", False),
        ("qemu", "7.2.7", "mmap", False),
    ],
)
def test_where(engine: str, kernel: str, mode: str, *, expected: bool) -> None:
    """Engine, release and cache mode must all be as the row says."""
    said = "DatabaseError: file is not a database (line 130: …)"
    assert bool(waived("40_realwork", "sqlite", engine, kernel, mode, said)) is expected


def test_verdict() -> None:
    """Only a failure on the mount is waived; the script is then neither red nor green."""
    check = CheckReport("c", mount=Result("fail", "why"), control=Result("pass"), waiver="known")
    assert (check.outcome, check.message) == ("waived", "known (why)")
    assert (
        ScriptReport("s", checks=[check, CheckReport("d", mount=Result("pass"))]).outcome
        == "waived"
    )
    check.mount = Result("pass")
    assert check.outcome == "pass"
    both = CheckReport("c", mount=Result("fail"), control=Result("fail"), waiver="known")
    assert both.outcome == "error"


IN_ITS_PLACE = ("25_full", "in_its_place")
BEHIND = f"what is at 1441792 belongs at: expected 1441792, got {full.BEHIND!r}"


def test_several_kernels() -> None:
    """A row may name several series, whoever boots them."""
    for engine, kernel in (("uml", "6.12.113"), ("qemu", "6.12.117+deb13-amd64"), ("uml", "7.2.7")):
        assert waived(*IN_ITS_PLACE, engine, kernel, "mmap", BEHIND)
    assert not waived(*IN_ITS_PLACE, "uml", "6.1.176", "mmap", BEHIND)


def test_another_failure() -> None:
    """What fails otherwise than the row says is a failure of the server."""
    for said in ("what is at 0 belongs at: expected 0, got 1441792", "OSError: EIO", ""):
        assert not waived(*IN_ITS_PLACE, "uml", "6.12.113", "none", said)
    assert not waived("40_realwork", "sqlite", "uml", "7.2.7", "mmap", "rows: expected (1,)")


def events(outcome: str, message: str) -> Iterator[Event]:
    """Yield what a guest tells of a check that is waived there."""
    about = {"cell": 0, "script": IN_ITS_PLACE[0]}
    check = {**about, "check": IN_ITS_PLACE[1]}
    yield {"event": "begin", "kernel": "6.12.113", "control": "ext4"}
    yield {"event": "script", **about, "title": "S."}
    yield {"event": "check", **check, "title": "C.", "clauses": []}
    came = {"outcome": outcome, "message": message, "seconds": 0.1}
    yield {"event": "result", **check, "side": "mount", **came}
    yield {"event": "done", **about, "seconds": 0.2}


@pytest.mark.parametrize(
    ("outcome", "message", "verdict", "stale"),
    [
        ("fail", BEHIND, "waived", False),
        ("fail", "what is at 0 belongs at: expected 0, got 1441792", "fail", False),
        ("pass", "", "pass", True),
        ("skip", "needs a disk", "skip", False),
    ],
)
def test_in_a_run(outcome: str, message: str, verdict: str, *, stale: bool) -> None:
    """A run judges by what was said, and tells people of a pass that was to be a failure."""
    job = Job((Planned(Cell(), (IN_ITS_PLACE[0],)),), (), None, "python")
    recorder = Recorder(job)
    for event in events(outcome, message):
        recorder.feed(event)
    assert recorder.report.scripts[0].checks[0].outcome == verdict
    said = [line for line in totals(recorder.report, plain) if line.startswith("stale")]
    assert bool(said) is stale
    assert all("25_full/in_its_place passes, and was to fail: the client" in line for line in said)


@pytest.mark.parametrize(
    ("wrong", "source", "said"),
    [
        (full.ROOM - 4072, full.ROOM, full.BEHIND),
        (0, 1_441_792, "1441792"),
        (full.ROOM - 4072, 0, "0"),
        (full.ROOM - 4072, None, "-1"),
    ],
)
def test_what_stands_in_a_wrong_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: int, source: int | None, said: str
) -> None:
    """The check tells what a kernel does from what a server may do."""
    data = pattern(full.WRITTEN)
    there = bytearray(data[: full.ROOM])
    end = min(wrong + 4072, full.ROOM)
    there[wrong:end] = bytes(4072) if source is None else data[source : source + end - wrong]

    def leave(*_: object) -> None:
        (tmp_path / "large").write_bytes(there)
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(full, "full", lambda *_, **__: nullcontext())
    monkeypatch.setattr(full, "write_to_the_end", leave)
    here = SimpleNamespace(backing=tmp_path, is_control=False, msize=4096)
    with pytest.raises(Failed, match=f"what is at {wrong} belongs at: .* got '?{said}"):
        full.check_in_its_place(here)
