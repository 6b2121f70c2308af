"""A run of the lab as Markdown, for a pull request, a wiki or a mail to a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..markdown import escaped, fenced, folded
from ..text import plain
from .matrix import Column, columns, mark, rows, sentence
from .model import Report, ScriptReport
from .report import SHOWN, differing, script_lines, trace_lines

BAD = ("fail", "error", "waived")


def render(reports: Sequence[Report]) -> str:
    """Return the whole file."""
    found = columns(reports)
    lines = [
        "# What kernels did with 9P servers",
        "",
        f"**{sentence(reports)}**",
        "",
        *[f"- {escaped(text)}" for one in reports if (text := one.trouble or one.fault)],
        "",
        *matrix(found),
    ]
    for column in found:
        for script in column.cell.scripts:
            if script.outcome in BAD:
                lines += details(column, script)
    lines += differences(reports)
    return "\n".join(lines) + "\n"


def matrix(found: Sequence[Column]) -> list[str]:
    """Return scripts × kernels, servers and cells."""
    heads = ["script", *(escaped(" · ".join(column.names)) for column in found)]
    return [row(heads), row("---" for _ in heads)] + [
        row([name, *(mark(script) for script in cells)]) for name, cells in rows(found)
    ]


def row(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def details(column: Column, script: ScriptReport) -> list[str]:
    """Return a script that is red, to be folded out."""
    traces = [
        line
        for check in script.checks
        if check.trace
        for line in ["", f"        {check.name}", *trace_lines(check, SHOWN)]
    ]
    again = ["", f"again: {column.again(script.name)}"]
    text = "\n".join([*script_lines(script, plain), *traces, *again])
    title = f"{script.name}, {' · '.join(column.names)}"
    return folded(script.outcome, title, fenced(text))


def differences(reports: Sequence[Report]) -> list[str]:
    """Return where servers differ on one kernel."""
    names = list(dict.fromkeys(one.server for one in reports))
    lines = [
        row([escaped(kernel), f"`{check}`", *(came[n].outcome if n in came else "" for n in names)])
        for kernel, check, came in differing(reports)
    ]
    heads = ["kernel", "check", *map(escaped, names)]
    table = [row(heads), row("---" for _ in heads), *lines]
    return ["", f"## {len(lines)} checks differ", "", *table] if lines else []
