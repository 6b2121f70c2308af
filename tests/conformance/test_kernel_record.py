"""Folding the guest's events into a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ninep.conformance.kernel.model import Cell, Job, Planned
from ninep.conformance.kernel.record import Event, Recorder

JOB = Job(
    cells=(Planned(Cell(), ("01_s",)), Planned(Cell("unix"), ("01_s",))),
    server=("serve",),
    readonly=None,
    python="python3",
)
ABOUT = {"script": "01_s", "check": "c"}


def result(cell: int, side: str, outcome: str) -> Event:
    """Make the event of one result."""
    fields = {"side": side, "outcome": outcome, "message": "m", "seconds": 1.0}
    return {"event": "result", "cell": cell, **ABOUT, **fields}


def run(*events: Event) -> Recorder:
    """Feed events to a new recorder."""
    recorder = Recorder(JOB)
    for event in events:
        recorder.feed(event)
    return recorder


def script_events(cell: int, *results: Event) -> list[Event]:
    """Make the events of a script with one check."""
    check = {"event": "check", "cell": cell, **ABOUT, "title": "C.", "clauses": ["a.b"]}
    return [
        {"event": "script", "cell": cell, "script": "01_s", "title": "S."},
        check,
        *results,
        {"event": "done", "cell": cell, "script": "01_s", "seconds": 2.0},
    ]


def test_a_run() -> None:
    """Kernel, mount, titles and results are where the report wants them."""
    begin = {"event": "begin", "kernel": "6.1", "control": "ext4"}
    mounted = {"event": "mounted", "cell": 0, "server": "serve", "line": "x /mnt 9p rw 0 0"}
    results = [result(0, "mount", "fail"), result(0, "control", "pass")]
    ours = run(begin, mounted, *script_events(0, *results), {"event": "end"}).report
    assert (ours.kernel, ours.cells[0].mount) == ("6.1", "x /mnt 9p rw 0 0")
    script = ours.cells[0].scripts[0]
    assert (script.title, script.seconds, script.outcome) == ("S.", 2.0, "fail")
    assert (script.checks[0].title, script.checks[0].clauses) == ("C.", ("a.b",))


def test_control_of_an_earlier_cell_counts() -> None:
    """The control runs once; its result stands for all cells."""
    first = script_events(0, result(0, "mount", "pass"), result(0, "control", "fail"))
    second = script_events(1, result(1, "mount", "fail"))
    ours = run(*first, *second).report
    assert [script.outcome for script in ours.scripts] == ["error", "error"]


def test_troubles() -> None:
    """Troubles of script, cell, guest and ours each reach the report."""
    script = {"cell": 0, "script": "01_s"}
    recorder = run(
        {"event": "script-trouble", **script, "text": "t1"},
        {"event": "kernel-log", **script, "lines": ["BUG: x"], "all": ["a", "BUG: x"]},
        {"event": "cell-trouble", "cell": 0, "text": "t2"},
        {"event": "trouble", "text": "t3"},
        {"event": "fault", "text": "t4"},
    )
    ours = recorder.report
    assert (ours.scripts[0].trouble, ours.scripts[0].kernel_log) == ("t1", ["BUG: x"])
    assert ours.scripts[0].kernel_said == ["a", "BUG: x"]
    assert (ours.cells[0].trouble, ours.trouble, ours.fault) == ("t2", "t3", "t4")


def test_listeners() -> None:
    """Whoever shows the run hears of scripts that begin and of scripts that are done."""
    heard: list[str] = []
    recorder = Recorder(JOB)
    recorder.on_begin = lambda script: heard.append(f"begin {script.name}")
    recorder.on_script = lambda cell, script: heard.append(f"{cell.cell.name} {script.name}")
    for event in script_events(0):
        recorder.feed(event)
    assert heard == ["begin 01_s", "tcp,cache=none 01_s"]


def named(script: str, *events: str) -> list[Event]:
    """Make events of a script without checks."""
    more = {"title": "S.", "seconds": 1.0}
    return [{"event": event, "cell": 0, "script": script, **more} for event in events]


def test_order_of_the_plan() -> None:
    """Whichever guest is done first: scripts are shown and reported in the order of the plan."""
    heard: list[str] = []
    recorder = Recorder(replace(JOB, cells=(Planned(Cell(), ("01_a", "02_b", "03_c", "04_d")),)))
    recorder.on_script = lambda _, script: heard.append(script.name)
    begun = [event for name in ("03_c", "02_b", "01_a") for event in named(name, "script")]
    for event in [*begun, *named("02_b", "done")]:
        recorder.feed(event)
    assert heard == []
    for event in named("01_a", "done"):
        recorder.feed(event)
    assert heard == ["01_a", "02_b"]
    recorder.rest()
    assert heard == ["01_a", "02_b", "03_c"]
    assert [script.name for script in recorder.report.scripts] == heard
    assert [script.outcome for script in recorder.report.scripts] == ["skip", "skip", "error"]
    assert recorder.report.scripts[2].cut


def test_unknown_event() -> None:
    """An event that nobody knows is our fault and not overlooked."""
    with pytest.raises(KeyError):
        run({"event": "nonsense"})
