"""Reports: text, JSON, and JUnit that stays well-formed whatever bytes it carries."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ninep.conformance.kernel import report, saved
from ninep.conformance.kernel.model import (
    Cell,
    CellReport,
    CheckReport,
    Report,
    Result,
    ScriptReport,
    Step,
    Trace,
)
from ninep.conformance.text import plain

HOSTILE = "\x00\x1b[31m<&>\"']]>\ud800\udcff\ufffe\U0001fffe\r\n\u2028"


def sample(message: str = "expected 1, got 2") -> Report:
    """Make a report with one of everything."""
    checks = [
        CheckReport("good", "Works.", mount=Result("pass", "", 0.5), control=Result("pass")),
        CheckReport("bad", "Fails.", ("walk.first-name",), Result("fail", message), Result("pass")),
        CheckReport("odd", "Skips.", mount=Result("skip", "needs root")),
        CheckReport("env", "Red.", mount=Result("fail", "x"), control=Result("fail", message)),
    ]
    steps = (
        Step(0.0, 1, True, 11, "0b00000078010007000000", "Tclunk tag=1 fid=7"),
        Step(0.1, 1, False, 11, "0b00000007010009000000", "Rlerror tag=1 ecode=9 (EBADF)"),
    )
    checks[1].trace = Trace("fail", message, 3, steps)
    script = ScriptReport("01_s", "Sample.", checks, seconds=1.25)
    script.kernel_said = ["9p: said by the kernel"]
    line = "127.0.0.1 /mnt 9p rw,trans=tcp,port=5640 0 0"
    cell = CellReport(Cell(), ("01_s", "02_t"), "serve /x", line, [script])
    again = "ninep lab --kernel uml:6.1.176"
    return Report("uml", "6.1.176", "ext4", [cell], seconds=9.0, again=again)


def parse(ours: Report) -> ET.Element:
    """Write a report as JUnit and parse the file again."""
    return ET.fromstring(report.to_junit([ours]).encode())  # noqa: S314 - our own output


def test_json() -> None:
    """JSON has what a program needs to judge the run again."""
    data = json.loads(saved.to_json([sample()]))
    (run,) = data["runs"]
    assert (data["schema"], run["kernel"], data["exit_code"]) == (3, "6.1.176", 3)
    cell = run["cells"][0]
    assert cell["options"] == ["rw", "trans=tcp", "port=5640"]
    assert cell["not_run"] == ["02_t"]
    script = cell["scripts"][0]
    assert [check["verdict"] for check in script["checks"]] == ["pass", "fail", "skip", "error"]
    assert script["checks"][1]["clauses"] == ["walk.first-name"]
    assert script["checks"][1]["control"]["verdict"] == "pass"


def test_junit_counts() -> None:
    """JUnit counts failures, errors and skips, and names what did not run."""
    suites = parse(sample()).findall("testsuite")
    counts = {key: suites[0].get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert [suite.get("name") for suite in suites] == ["tcp,cache=none/01_s", "tcp,cache=none/02_t"]
    assert suites[1].get("failures") == "1"


def test_junit_of_a_dead_guest() -> None:
    """A guest that died is a failure in the file even when nothing ran."""
    dead = Report("uml", cells=[CellReport(Cell(), ("01_s",))], trouble="the guest died\x00")
    suites = parse(dead).findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["1", "1"]


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_junit_is_well_formed(text: str) -> None:
    """Any characters in any place give a file that can be parsed."""
    hostile = sample(text)
    hostile.cells[0].scripts[0].trouble = text
    hostile.cells[0].scripts[0].kernel_log = [text]
    hostile.trouble = text
    parse(hostile)


def test_junit_shows_hostile_bytes() -> None:
    """What XML cannot carry is shown escaped, the rest as it is."""
    failure = parse(sample(HOSTILE)).find(".//failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("\\x00\\x1b[31m<&>\"']]>\\ud800\\udcff\\ufffe")


def test_text_escapes_control_characters() -> None:
    """Nothing that a server says reaches the terminal as a command."""
    lines = report.script_lines(sample(HOSTILE).cells[0].scripts[0], plain)
    assert all(line.isprintable() for text in lines for line in text.split("\n"))


def test_text() -> None:
    """A line for the script, two for each check that is not as it should be."""
    lines = report.script_lines(sample().cells[0].scripts[0], plain)
    blame = "the control failed, so the environment is to blame"
    assert lines == [
        "  FAIL   01_s                     4 checks  mount fail  control fail     1.2 s",
        "        fail bad: Fails. [walk.first-name]\n             expected 1, got 2",
        f"        error env: Red.\n             {blame}: expected 1, got 2",
    ]


def test_totals() -> None:
    """Skips come with their reasons, what did not run with its name, sums at the end."""
    assert report.totals(sample(), plain) == [
        "",
        "skip     tcp,cache=none 01_s (1): needs root",
        "not run  tcp,cache=none 02_t",
        "scripts  0 passed, 1 failed, 0 errors, 0 skipped",
        "checks   1 passed, 1 failed, 1 errors, 1 skipped  in 9 s",
    ]


def test_differences() -> None:
    """Two servers on one kernel: the checks that came to something else, with what each said."""
    ours, other = sample(), sample()
    ours.server, other.server = "ninep", "diod"
    assert report.differences([ours, other]) == []
    ours.cells[0].scripts[0].checks[1].mount = Result("pass")
    assert report.differences([ours, other]) == [
        "",
        "differs  uml:6.1.176 tcp,cache=none 01_s/bad",
        "  ninep      pass ",
        "  diod       fail expected 1, got 2",
    ]
    device = sample()
    device.server, device.cells[0].cell = "qemu", Cell("virtio")
    assert report.differences([ours, device]) == [
        "",
        "differs  uml:6.1.176 cache=none 01_s/bad",
        "  ninep      pass ",
        "  qemu       fail expected 1, got 2",
    ]
    never = Report("uml", "7.2.7", cells=[CellReport(Cell(), ("01_s",))], server="ninep")
    lines = report.overview([ours, other, never])
    assert lines[1].split()[:4] == ["kernel", "engine", "server", "passed"]
    assert [line.split()[2] for line in lines[2:5]] == ["ninep", "diod", "ninep"]
    assert "NOT RUN" in lines[4]
