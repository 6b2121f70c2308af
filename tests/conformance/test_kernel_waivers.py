"""Waivers of the lab: a kernel's own failure is told as such, and nothing else is."""

from __future__ import annotations

import errno
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from ninep.conformance.kernel.catalog import load
from ninep.conformance.kernel.expect import Failed, equal
from ninep.conformance.kernel.files import is_database, or_cached, pattern
from ninep.conformance.kernel.guest.tap import HEADER, KEPT
from ninep.conformance.kernel.model import Cell, CheckReport, Job, Planned, Result, ScriptReport
from ninep.conformance.kernel.record import Event, Recorder
from ninep.conformance.kernel.report import totals
from ninep.conformance.kernel.tapped import Tapped
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


DATABASE = "without a cache it is right, and here file is not a database (line 125: …)"


@pytest.mark.parametrize(
    ("kernel", "mode", "expected"),
    [
        ("7.2.7", "mmap", True),
        ("7.2.7+", "mmap", True),
        ("7.2.7-rc1", "mmap", True),
        ("7.2.7", "none", False),
        ("7.2.70", "mmap", False),
        ("17.2.7", "mmap", False),
    ],
)
def test_where(kernel: str, mode: str, *, expected: bool) -> None:
    """Release and cache mode must both be as the row says."""
    assert bool(waived("40_realwork", "sqlite", kernel, mode, DATABASE)) is expected


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
BEHIND = "what the client wrote to 1441792 belongs at: expected 1441792, got 1548288"
LOST = "expected: the file is what the server says it wrote (line 109: true(…))"


def test_several_kernels() -> None:
    """A row may name several series."""
    for kernel in ("6.12.113", "6.12.117+deb13-amd64", "7.2.7"):
        assert waived(*IN_ITS_PLACE, kernel, "mmap", BEHIND)
    assert not waived(*IN_ITS_PLACE, "6.1.176", "mmap", BEHIND)


def test_another_failure() -> None:
    """What fails otherwise than the row says is a failure of the server."""
    for said in (LOST, "OSError: EIO", ""):
        assert not waived(*IN_ITS_PLACE, "6.12.113", "none", said)
    for said in ("rows: expected (1,)", DATABASE.removeprefix("without a cache it is right")):
        assert not waived("40_realwork", "sqlite", "7.2.7", "mmap", said)


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
        ("fail", LOST, "fail", False),
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


ROOM = bytes(pattern(full.WRITTEN)[: full.ROOM])
SENT = full.MSIZE
SHORT = full.ROOM % SENT
"""Bytes that the last write has room for."""
LAST = full.ROOM - SHORT
"""Where it is made."""


def frame(code: int, tag: int, body: bytes) -> bytes:
    """Return a message as a tap notes it."""
    message = struct.pack("<IBH", 7 + len(body), code, tag) + body
    return HEADER.pack(0.0, 1, code % 2 == 0, len(message), len(message[:KEPT])) + message[:KEPT]


def twrite(at: int, data: bytes, count: int) -> bytes:
    """Return the notes of a Twrite and of its Rwrite, or Rlerror if nothing was written."""
    asked = frame(118, 1, struct.pack("<IQI", 1, at, len(data)) + data)
    rlerror = frame(7, 1, struct.pack("<I", errno.ENOSPC))
    return asked + (frame(119, 1, struct.pack("<I", count)) if count else rlerror)


def as_asked() -> bytes:
    """Return the notes of a client that writes until there is no room."""
    data = pattern(full.WRITTEN)
    noted = [twrite(at, data[at : at + SENT], SENT) for at in range(0, LAST, SENT)]
    noted.append(twrite(LAST, data[LAST : LAST + SENT], SHORT))
    noted.append(twrite(full.ROOM, data[full.ROOM : LAST + SENT], 0))
    return b"".join(noted)


def rest_at_the_beginning() -> bytes:
    """Return the notes of a client that then writes the rest to where that write began."""
    rest = pattern(full.WRITTEN)[full.ROOM : LAST + SENT]
    return as_asked() + twrite(LAST, rest, len(rest))


def zeros_of_its_own() -> bytes:
    """Return the notes of a client that sends what nobody wrote."""
    return as_asked() + twrite(0, bytes(4096), 4096)


def over(there: bytes, at: int, data: bytes) -> bytes:
    """Return a file with something else at a place."""
    return there[:at] + data + there[at + len(data) :]


WRONG = over(ROOM, LAST, pattern(full.WRITTEN)[full.ROOM : LAST + SENT])


@pytest.mark.parametrize(
    ("noted", "there", "said"),
    [
        (as_asked, ROOM, ""),
        (as_asked, WRONG, "the file is what the server says it wrote"),
        (as_asked, ROOM[:-4096], "the file is what the server says it wrote"),
        (as_asked, over(ROOM, 0, bytes(64)), "the file is what the server says it wrote"),
        (rest_at_the_beginning, WRONG, f"what the client wrote to {LAST} belongs at: expected"),
        (rest_at_the_beginning, ROOM, "the file is what the server says it wrote"),
        (zeros_of_its_own, over(ROOM, 0, bytes(4096)), "the Twrite at 0 has a part of the file"),
    ],
)
def test_whose_fault_it_is(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    noted: Callable[[], bytes],
    there: bytes,
    said: str,
) -> None:
    """The check tells a client that writes to a wrong place from a server that does."""

    def leave(*_: object) -> None:
        (tmp_path / "large").write_bytes(there)
        (tmp_path / "trace").write_bytes(noted())
        raise OSError(errno.ENOSPC, "no room")

    (tmp_path / "trace").touch()
    monkeypatch.setattr(full, "full", lambda *_, **__: nullcontext())
    monkeypatch.setattr(full, "write_to_the_end", leave)
    tapped = Tapped(tmp_path, tmp_path / "trace")
    here = SimpleNamespace(
        backing=tmp_path, is_control=False, msize=SENT, tapped=lambda: nullcontext(tapped)
    )
    with pytest.raises(Failed, match=said) if said else nullcontext():
        full.check_in_its_place(here)


@pytest.mark.parametrize("served", [b"right", b"wrong"])
def test_a_cache_or_the_server(tmp_path: Path, served: bytes) -> None:
    """What fails is looked at without a cache, and is the cache's only if it is right there."""

    @contextmanager
    def mounted(*options: str) -> Iterator[tuple[Path, str]]:
        assert options == ("cache=none",)
        (tmp_path / "file").write_bytes(served)
        yield tmp_path, ""

    def look(at: Path) -> None:
        equal("content", b"right", (at / "file").read_bytes())

    (tmp_path / "file").write_bytes(b"zeros")
    told = "without a cache it is right, and here .*zeros" if served == b"right" else "got b'wrong"
    with pytest.raises(Failed, match=told), or_cached(SimpleNamespace(mounted=mounted), look):  # type: ignore[arg-type]
        look(tmp_path)


def test_what_is_a_database(tmp_path: Path) -> None:
    """The beginning of the file tells, whatever its name."""
    folder = tmp_path / "a?b#c %41"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "base.db")) as base:
        base.execute("create table t (n integer)")
    is_database(folder)
    (folder / "base.db").write_bytes(bytes(8192))
    with pytest.raises(sqlite3.DatabaseError, match="file is not a database"):
        is_database(folder)
