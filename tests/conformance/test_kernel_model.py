"""Verdicts and exit codes of the kernel lab."""

from __future__ import annotations

import json

import pytest

from ninep.conformance.kernel.model import (
    Cell,
    CellReport,
    CheckReport,
    Job,
    Outcome,
    Planned,
    Report,
    Result,
    ScriptReport,
    worst,
)

VERDICTS: list[tuple[Outcome, Outcome | None, Outcome]] = [
    ("pass", "pass", "pass"),
    ("pass", None, "pass"),
    ("pass", "skip", "pass"),
    ("fail", "pass", "fail"),
    ("fail", None, "fail"),
    ("fail", "fail", "error"),
    ("pass", "fail", "error"),
    ("skip", None, "skip"),
    ("skip", "fail", "skip"),
]


@pytest.mark.parametrize(("mount", "control", "expected"), VERDICTS)
def test_check_verdict(mount: Outcome, control: Outcome | None, expected: Outcome) -> None:
    """Only a check that is green on the control can blame the server."""
    check = CheckReport("c", mount=Result(mount), control=control and Result(control))
    assert check.outcome == expected


def test_check_without_result_is_error() -> None:
    """A check that never ran is no pass."""
    assert CheckReport("c", control=Result("pass")).outcome == "error"
    assert CheckReport("c").message == "it never ran"


def test_red_on_both_blames_the_environment() -> None:
    """The message of a check that fails on both sides is the control's."""
    check = CheckReport("c", mount=Result("fail", "mount"), control=Result("fail", "control"))
    assert check.message == "the control failed, so the environment is to blame: control"


def test_worst() -> None:
    """A skip counts only when there is nothing else; a failure beats an error."""
    assert worst([]) == "skip"
    assert worst(["skip"]) == "skip"
    assert worst(["skip", "pass"]) == "pass"
    assert worst(["pass", "error", "fail"]) == "fail"


def script(outcome: Outcome = "pass", **fields: object) -> ScriptReport:
    """Make a script's report with one check."""
    made = ScriptReport("01_s", checks=[CheckReport("c", mount=Result(outcome))])
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_kernel_complaint_fails_the_script() -> None:
    """A warning of the kernel fails a script whatever its checks say."""
    assert script(kernel_log=["WARNING: CPU"]).outcome == "fail"
    assert script(trouble="the mount no longer answers").outcome == "fail"


@pytest.mark.parametrize(
    ("scripts", "cell", "guest", "fault", "expected"),
    [
        ([script()], "", "", "", 0),
        ([script("skip")], "", "", "", 0),
        ([script(), script("fail")], "", "", "", 1),
        ([script(), script("error")], "", "", "", 4),
        ([script("fail")], "the server died", "", "", 3),
        ([script()], "", "the guest died", "", 3),
        ([script("fail")], "", "the guest died", "TypeError", 4),
    ],
)
def test_exit_codes(
    scripts: list[ScriptReport], cell: str, guest: str, fault: str, expected: int
) -> None:
    """0 good, 1 failed, 3 died, 4 our fault or the environment's."""
    cells = [CellReport(Cell(), scripts=scripts, trouble=cell)]
    assert Report(cells=cells, trouble=guest, fault=fault).exit_code == expected


def test_cut_off_is_not_the_servers_fault() -> None:
    """A script that an interrupt or a dead guest cut off is an error, unless a check had failed."""
    failed = [CheckReport("c", mount=Result("fail"))]
    cut = [ScriptReport("01_s", "S.", checks, trouble="died", cut=True) for checks in ([], failed)]
    assert [script.outcome for script in cut] == ["error", "fail"]
    assert [Report(cells=[CellReport(Cell(), ("01_s",), scripts=[s])]).exit_code for s in cut] == [
        3,
        3,
    ]


@pytest.mark.parametrize(
    ("cache", "mode"),
    [("none", "none"), ("0", "none"), ("5", "mmap"), ("fscache", "loose"), ("15", "loose")],
)
def test_modes(cache: str, mode: str) -> None:
    """Whatever a cache mode is called, a check asks what it promises; numbers are from 6.4."""
    assert Cell(cache=cache).mode == mode
    assert bool(Cell(cache=cache).needs) == cache.isdecimal()


def test_not_run_is_named() -> None:
    """Scripts that were planned and never began are named."""
    cell = CellReport(Cell(), planned=("01_s", "02_t"), scripts=[script()])
    assert cell.not_run == ["02_t"]


def test_job_survives_json() -> None:
    """A job is the same after its trip through a file."""
    job = Job(
        cells=(Planned(Cell("unix", "mmap", 8192), ("01_lookup",)), Planned(Cell(), ())),
        server=("serve", "{root}"),
        readonly=None,
        python="python3",
    )
    assert Job.from_data(json.loads(json.dumps(job.to_data()))) == job


def test_cell_name() -> None:
    """A cell is named by how it mounts."""
    assert Cell().name == "tcp,cache=none"
    assert Cell("unix", "loose", 4096).name == "unix,cache=loose,msize=4096"
