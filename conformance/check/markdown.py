"""results.json → Markdown, for a pull request, a wiki or a release page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..markdown import escaped, fenced, folded
from ..text import plain
from .people import MEANING, failure, pages, pages_worth, reason
from .results import ClauseData, Result, Results


def render(data: Results) -> str:
    """Return the whole file."""
    clauses = {c["id"]: c for c in data["clauses"]}
    lines = [
        f"# 9P conformance of {escaped(data['address'])}",
        "",
        f"**{MEANING[data['exit_code']]}** (exit {data['exit_code']})",
        "",
        *[f"{escaped(data[key])}\n" for key in ("trouble", "left", "fault") if data[key]],
        *facts(data),
        *(["", *fenced("\n".join(pages(data, plain)))] if data["results"] else []),
    ]
    for alike in pages_worth(data["results"], everything=False):
        lines += details(alike, clauses)
    lines += ["", *clause_table(data), ""]
    return "\n".join(lines)


def facts(data: Results) -> list[str]:
    """Return what was judged, as a list."""
    served = [f"{d['name']} (msize {d['msize']})" for d in data["dialects"] if d["served"]]
    counts = [f"{n} {verdict}" for verdict, n in data["counts"].items()]
    return [
        f"- dialects: {', '.join(served) or 'none'}",
        f"- results: {', '.join(counts) or 'none'}, in {data['seconds']:.1f} s",
        f"- suite: ninep {data['suite']['version']}, {data['started']}",
    ]


def details(alike: Sequence[Result], clauses: Mapping[str, ClauseData]) -> list[str]:
    """Return a result that is no pass, and those like it, to be folded out."""
    result, *others = alike
    name = f"{result['case']} ({result['dialect']})" + (
        f" and {len(others)} more" if others else ""
    )
    text = "\n".join(failure(alike, clauses, plain, everything=False)[1:])
    return folded(result["verdict"], f"{name}: {reason(result)}", fenced(text))


def clause_table(data: Results) -> list[str]:
    """Return the clauses that were judged."""
    judged = [c for c in data["clauses"] if c["verdict"]]
    rows = [
        f"| {c['verdict']} | `{c['id']}` | {c['level']} | {c['basis']} | {escaped(c['text'])} |"
        for c in judged
    ]
    head = ["| verdict | clause | level | basis | text |", "| --- | --- | --- | --- | --- |"]
    return [f"## {len(judged)} clauses judged", "", *head, *rows]
