"""A run of the lab as one HTML page: the matrix, and behind each of its cells what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from ninep.spec import spec

from ..page import (
    NOT_RUN,
    bar,
    contents,
    document,
    esc,
    facts,
    messages,
    section,
    tag,
    tools,
)
from .matrix import Column, columns, kernel, mark, rows, sentence
from .model import GOOD, CheckReport, Report, ScriptReport, Trace, exit_code
from .report import differing

ORDER = ("fail", "error", "waived", "skip", "pass", NOT_RUN)
HEX = 96
"""Bytes of a message that are shown."""
CLAUSES = spec().clauses
LOST = "server or guest was gone before the check could be run once more"


def render(reports: Sequence[Report]) -> str:
    """Return the whole page."""
    found = columns(reports)
    parts = [hero(reports, found), matrix(found), results(found), differences(reports)]
    return document("What kernels did with 9P servers", parts)


def hero(reports: Sequence[Report], found: Sequence[Column]) -> str:
    """Return the head of the page: what ran, what it came to."""
    kind = "pass" if exit_code(reports) == GOOD else "fail"
    troubles = [
        f"{kernel(one)}, {one.server}: {text}"
        for one in reports
        if (text := one.trouble or one.fault)
    ]
    about = {
        "kernels": ", ".join(dict.fromkeys(map(kernel, reports))),
        "servers": ", ".join(dict.fromkeys(one.server for one in reports)),
        "cells": str(len(found)),
        "run": f"{sum(one.seconds for one in reports):.0f} s",
    }
    titles = ["Matrix", "Scripts", *["Differences"] * any(differing(reports))]
    return tag(
        "header",
        tag("p", "9P, Linux's client", class_="eyebrow")
        + tag("h1", "What kernels did with 9P servers")
        + tag("p", sentence(reports), class_=f"meaning {kind}")
        + "".join(tag("p", esc(text), class_="trouble") for text in troubles)
        + bar(counts(found))
        + facts(about)
        + contents(titles),
    )


def counts(found: Iterable[Column]) -> dict[str, int]:
    """Return how many scripts came to what, the gravest first."""
    came: Counter[str] = Counter()
    for column in found:
        came.update(script.outcome for script in column.cell.scripts)
        came[NOT_RUN] += len(column.cell.not_run)
    return {outcome: came[outcome] for outcome in ORDER}


# Matrix


def matrix(found: Sequence[Column]) -> str:
    """Return scripts × kernels, servers and cells; each leads to what happened."""
    heads = [tag("th", "script", scope="col")]
    heads += [
        tag("th", "<br>".join(esc(name) for name in column.names), scope="col") for column in found
    ]
    body = "\n".join(
        tag(
            "tr",
            tag("th", esc(name), scope="row")
            + "".join(cell(c, name, script) for c, script in zip(found, cells, strict=True)),
        )
        for name, cells in rows(found)
    )
    table = tag("table", tag("thead", tag("tr", "".join(heads))) + tag("tbody", body))
    return tag("h2", "Matrix", id="matrix") + tag("div", table, class_="matrix", tabindex=0)


def cell(column: Column, name: str, script: ScriptReport | str) -> str:
    """Return one cell of the matrix."""
    if script == "":
        return "<td></td>"
    kind = NOT_RUN if isinstance(script, str) else script.outcome
    link = tag("a", mark(script), href=f"#{anchor(column, name)}", class_=f"badge {kind}")
    return tag("td", link)


def anchor(column: Column, name: str) -> str:
    """Return the id of a script on the page, of characters that a link may have."""
    about = (name, kernel(column.report), column.report.server, column.names[-1])
    return quote("@".join(about), safe="@:,=", errors="backslashreplace")


# Scripts


def results(found: Sequence[Column]) -> str:
    """Return all scripts in all cells, each to be folded out."""
    items = [
        (column, name, column.script(name)) for column in found for name in column.cell.planned
    ]
    items.sort(key=lambda item: ORDER.index(item[2].outcome if item[2] else NOT_RUN))
    listed = "\n".join(item(*one) for one in items)
    return section("Scripts", tools(counts(found), "script") + tag("div", listed, class_="list"))


def item(column: Column, name: str, script: ScriptReport | None) -> str:
    """Return one script in one cell."""
    kind = script.outcome if script else NOT_RUN
    summary = tag(
        "summary",
        tag("span", mark(script or "not run"), class_="badge")
        + tag("span", esc(name), class_="id")
        + tag("small", f"{script.seconds:.1f} s" if script else "")
        + tag("span", esc(" · ".join(column.names)), class_="why"),
    )
    inside = script_inside(script) if script else [tag("p", esc(why_not(column)))]
    inside.append(about(column))
    inside.append(tag("p", tag("small", "again") + tag("pre", esc(column.again(name)))))
    return tag(
        "details",
        summary + tag("div", "".join(inside), class_="inside"),
        class_=kind,
        id=anchor(column, name),
        data_verdict=kind,
    )


def why_not(column: Column) -> str:
    """Say why a script never began."""
    return column.cell.trouble or column.report.trouble or "the guest stopped before it"


def about(column: Column) -> str:
    """Return how the server was started and mounted."""
    return facts({"server": column.cell.server, "mount": column.cell.mount})


def script_inside(script: ScriptReport) -> list[str]:
    """Return what a script came to."""
    passed = [check.name for check in script.checks if check.outcome == "pass"]
    parts = [tag("p", esc(script.title))]
    if script.trouble:
        parts.append(tag("p", esc(script.trouble), class_="trouble"))
    if script.kernel_log:
        parts.append(titled("the kernel complained", script.kernel_log))
    parts += [check_item(check) for check in script.checks if check.outcome != "pass"]
    if passed:
        parts.append(tag("p", tag("small", "passed") + f" {esc(', '.join(passed))}"))
    if script.kernel_said:
        parts.append(titled("the kernel's log", script.kernel_said))
    elif script.outcome == "fail":
        parts.append(tag("p", "the kernel's log: nothing, or it could not be read"))
    return parts


def titled(title: str, lines: Iterable[str]) -> str:
    """Return lines of text with what they are."""
    return tag("p", tag("small", title)) + tag("pre", "\n".join(map(esc, lines)))


def check_item(check: CheckReport) -> str:
    """Return a check that is no pass, with its clauses and what went over the wire."""
    head = tag("span", check.outcome, class_="badge") + f" {tag('code', esc(check.name))} "
    said = [
        tag("dt", tag("code", esc(clause))) + tag("dd", esc(CLAUSES[clause].text))
        for clause in check.clauses
        if clause in CLAUSES
    ]
    text = head + esc(check.title)
    text += tag("pre", esc(check.message)) if check.message else ""
    text += tag("dl", "".join(said)) if said else ""
    if check.trace:
        text += trace(check.trace)
    elif check.mount and check.mount.outcome == "fail":
        text += tag("p", esc(f"no trace: {check.untraced or LOST}"))
    return tag("div", text, class_=f"breach {check.outcome}")


def trace(one: Trace) -> str:
    """Return what went over the wire when a check ran once more."""
    came = "passed" if one.outcome == "pass" else f"came to {one.outcome} again"
    left = f"; {one.left} messages before these are left out" if one.left else ""
    about = tag("p", tag("small", esc(f"run once more, alone on a new server, it {came}{left}")))
    return about + messages(
        (step.sent, step.seconds, step.text, shown(step.hex, step.size)) for step in one.steps
    )


def shown(text: str, size: int) -> str:
    """Return the beginning of a message in hex, with its size if there is more."""
    more = f" … ({size} bytes)" if size > HEX else ""
    return bytes.fromhex(text)[:HEX].hex(" ", -4) + more


# Differences


def differences(reports: Sequence[Report]) -> str:
    """Return where servers differ on one kernel."""
    body = "\n".join(
        tag(
            "tr",
            tag("td", f"{esc(which)}<br>{tag('code', esc(check))}")
            + tag("td", "".join(verdict(name, c) for name, c in came.items())),
        )
        for which, check, came in differing(reports)
    )
    if not body:
        return ""
    heads = "".join(tag("th", title, scope="col") for title in ("check", "servers"))
    table = tag("table", tag("thead", tag("tr", heads)) + tag("tbody", body))
    return tag("h2", "Differences", id="differences") + table


def verdict(server: str, check: CheckReport) -> str:
    """Return what a check came to on one server."""
    badge = tag("span", check.outcome, class_=f"badge {check.outcome}")
    return tag("div", f"{badge} {esc(server)} {tag('small', esc(check.message))}")
