"""A report as text for people, and as JUnit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from ..text import Paint, visible, xml_text
from .model import VIRTIO, CellReport, CheckReport, Outcome, Report, Result, ScriptReport

WIDTH = 22
SHOWN = 30
"""Messages of a trace."""


def header(report: Report) -> list[str]:
    """Render what the run is about, known when the guest is up."""
    return [f"kernel   {report.kernel} ({report.engine})", f"control  {report.control}"]


def cell_header(cell: CellReport) -> list[str]:
    """Render how a cell is mounted."""
    lines = ["", f"cell     {cell.cell.name}"]
    if cell.mount:
        lines += [f"server   {visible(cell.server)}", f"mount    {visible(cell.mount)}"]
    return lines


def script_lines(script: ScriptReport, paint: Paint, *, verbose: bool = False) -> list[str]:
    """Render a script: one line, and one more for whatever is not as it should be."""
    word = paint(f"{script.outcome.upper():6}", script.outcome)
    sides = f"mount {script.side('mount'):5} control {script.side('control'):5}"
    count = f"{len(script.checks):3} checks"
    lines = [f"  {word} {script.name:{WIDTH}} {count}  {sides} {script.seconds:6.1f} s"]
    shown = [c for c in script.checks if verbose or c.outcome in ("fail", "error", "waived")]
    for check in shown:
        lines.append(check_line(check, paint))
        lines += trace_lines(check, SHOWN) if verbose else []
    lines += [f"        trouble: {visible(line)}" for line in script.trouble.splitlines()]
    lines += [f"        kernel: {visible(line)}" for line in script.kernel_log]
    return lines


def check_line(check: CheckReport, paint: Paint) -> str:
    """Render a check with its reason."""
    clauses = f" [{', '.join(check.clauses)}]" if check.clauses else ""
    text = f"        {paint(check.outcome, check.outcome)} {check.name}: {check.title}{clauses}"
    return f"{text}\n             {visible(check.message)}" if check.message else text


def trace_lines(check: CheckReport, limit: int) -> list[str]:
    """Render the last messages of a check that was run once more."""
    if check.trace is None:
        return []
    steps = check.trace.steps[-limit:]
    left = check.trace.left + len(check.trace.steps) - len(steps)
    head = [f"once more: {check.trace.outcome} {check.trace.message}".rstrip()]
    head += [f"{left} messages before"] if left else []
    said = [f"{'→' if step.sent else '←'} {step.text}" for step in steps]
    return [f"             {visible(line)}" for line in [*head, *said]]


def totals(report: Report, paint: Paint) -> list[str]:
    """Render the end of the report: skips with reasons, what was not run, the sums."""
    lines = [""]
    for cell in report.cells:
        lines += skips(cell)
        lines += stale(cell)
        if cell.not_run:
            lines.append(f"not run  {cell.cell.name} {' '.join(cell.not_run)}")
        if cell.trouble:
            lines.append(paint(f"trouble  {cell.cell.name}: {visible(cell.trouble)}", "fail"))
    if report.trouble:
        lines.append(paint(f"trouble  {visible(report.trouble)}", "fail"))
    if report.fault:
        lines.append(paint(f"fault    {visible(report.fault)}", "error"))
    scripts = Counter(script.outcome for script in report.scripts)
    checks = Counter(check.outcome for script in report.scripts for check in script.checks)
    lines.append(f"scripts  {sums(scripts)}")
    lines.append(f"checks   {sums(checks)}  in {report.seconds:.0f} s")
    return lines


def skips(cell: CellReport) -> list[str]:
    """Render the skips of a cell, those of one script with one reason on one line."""
    lines = []
    for script in cell.scripts:
        reasons = Counter(check.message for check in script.checks if check.outcome == "skip")
        for reason, number in reasons.items():
            lines.append(f"skip     {cell.cell.name} {script.name} ({number}): {visible(reason)}")
    return lines


def stale(cell: CellReport) -> Iterator[str]:
    """Render the passes of a cell that were expected to be failures."""
    for script in cell.scripts:
        for check in script.checks:
            if check.waiver and check.outcome == "pass":
                name = f"{cell.cell.name} {script.name}/{check.name}"
                yield f"stale    {name} passes, and was to fail: {check.waiver}"


def sums(counts: Counter[Outcome]) -> str:
    """Render counts with the words in a fixed order."""
    words: dict[Outcome, str] = {
        "pass": "passed",
        "fail": "failed",
        "error": "errors",
        "skip": "skipped",
        "waived": "waived",
    }
    words = {word: text for word, text in words.items() if word != "waived" or counts[word]}
    return ", ".join(f"{counts[outcome]} {word}" for outcome, word in words.items())


def overview(reports: Sequence[Report]) -> list[str]:
    """Render several runs: a line for each kernel and server."""
    width = max([len("kernel"), *(len(one.kernel) for one in reports)])
    other = max([len("server"), *(len(one.server) for one in reports)])
    head = f"{'kernel':{width}} engine {'server':{other}}"
    lines = ["", f"{head}  passed  failed  errors  waived skipped  seconds"]
    for one in reports:
        counts = Counter(script.outcome for script in one.scripts)
        outcomes: tuple[Outcome, ...] = ("pass", "fail", "error", "waived", "skip")
        cells = "".join(f"{counts[outcome] or '·':>8}" for outcome in outcomes)
        cells = cells if counts else f"{'NOT RUN':>40}"
        why = f"  {visible(one.trouble or one.fault)}" if one.trouble or one.fault else ""
        about = f"{one.kernel:{width}} {one.engine:6} {one.server:{other}}"
        lines.append(f"{about}{cells}{one.seconds:9.0f}{why}")
    return lines


def differences(reports: Sequence[Report]) -> list[str]:
    """Render where servers differ on one kernel: the check, and what it came to on each."""
    lines = []
    for kernel, check, came in differing(reports):
        lines.append(f"differs  {kernel} {check}")
        lines += [f"  {name:10} {c.outcome} {visible(c.message)}" for name, c in came.items()]
    return ["", *lines] if lines else []


def differing(reports: Sequence[Report]) -> Iterator[tuple[str, str, dict[str, CheckReport]]]:
    """Yield the checks that came to something else with another server on the same kernel: the
    kernel, cell and check, and what it came to on each.

    A server that is a device has no transport to choose: it is held against the first of each
    other.
    """
    for kernel in dict.fromkeys((one.engine, one.kernel) for one in reports):
        same = [one for one in reports if (one.engine, one.kernel) == kernel]
        device = any(cell.cell.transport == VIRTIO for one in same for cell in one.cells)
        seen = {one.server: outcomes(one, transport=not device) for one in same}
        for check in dict.fromkeys(check for found in seen.values() for check in found):
            came = {server: found[check] for server, found in seen.items() if check in found}
            if len({check.outcome for check in came.values()} - {"skip"}) > 1:
                yield ":".join(kernel), " ".join(check), came


def outcomes(report: Report, *, transport: bool) -> dict[tuple[str, str], CheckReport]:
    """Return the checks of a run by cell, and by script and name; the first of those that only
    differ in what is left out.
    """
    found: dict[tuple[str, str], CheckReport] = {}
    for cell in report.cells:
        name = cell.cell.name if transport else cell.cell.name.partition(",")[2]
        for script in cell.scripts:
            for check in script.checks:
                found.setdefault((name, f"{script.name}/{check.name}"), check)
    return found


def to_junit(reports: Sequence[Report]) -> str:
    """Render the runs as JUnit XML: a suite for each script in each cell."""
    root = ET.Element("testsuites", name="ninep lab")
    for one in reports:
        kernel = f"{one.engine}:{one.kernel}/{one.server}/" if len(reports) > 1 else ""
        root.extend(suites(kernel, one))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def suites(kernel: str, report: Report) -> Iterator[ET.Element]:
    """Yield the suites of the run on one kernel, whose name stands before theirs."""
    for cell in report.cells:
        prefix = f"{kernel}{cell.cell.name}"
        yield from (suite(prefix, script) for script in cell.scripts)
        yield from (suite(prefix, not_run(cell, name)) for name in cell.not_run)
    if report.trouble or report.fault:
        guest = ScriptReport("guest", trouble=report.trouble or report.fault)
        yield suite(f"{kernel}{report.cells[0].cell.name}", guest)


def not_run(cell: CellReport, name: str) -> ScriptReport:
    """Stand in for a script that never began."""
    return ScriptReport(name, trouble=f"not run: {cell.trouble or 'the guest stopped before it'}")


def suite(prefix: str, script: ScriptReport) -> ET.Element:
    """Render one script in one cell; what is wrong beside its checks is a test case too."""
    name = f"{prefix}/{script.name}"
    cases = [case(name, check) for check in script.checks]
    beside = [*script.kernel_log, *([script.trouble] if script.trouble else [])]
    if beside:
        outcome: Outcome = "error" if script.cut and not script.kernel_log else "fail"
        broken = CheckReport("server-and-kernel", mount=Result(outcome, "\n".join(beside)))
        cases.append(case(name, broken))
    tags = Counter(child.tag for element in cases for child in element)
    element = ET.Element(
        "testsuite",
        name=xml_text(name),
        tests=str(len(cases)),
        failures=str(tags["failure"]),
        errors=str(tags["error"]),
        skipped=str(tags["skipped"]),
        time=f"{script.seconds:.3f}",
    )
    element.extend(cases)
    return element


def case(suite_name: str, check: CheckReport) -> ET.Element:
    """Render one check."""
    seconds = check.mount.seconds if check.mount else 0.0
    element = ET.Element(
        "testcase",
        classname=xml_text(suite_name),
        name=xml_text(check.name),
        time=f"{seconds:.3f}",
    )
    tags = {"fail": "failure", "error": "error", "skip": "skipped", "waived": "skipped"}
    if check.outcome in tags:
        message = xml_text(check.message)
        ET.SubElement(element, tags[check.outcome], message=message).text = message
    return element
