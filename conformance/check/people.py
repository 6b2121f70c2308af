"""A run as text for people: lines while it runs, a page for each failure, sums at the end."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ninep.spec import LEVELS

from ..text import Paint, visible
from .decode import hexed
from .results import ClauseData, Result, Results, Step
from .verdict import BAD, ORDER

WIDTH = 96
NAME = 34
HEX = 64
"""Bytes of a message that are shown."""
PATIENCE, HURRY = 3, 90
"""Seconds of a run before it is said how many are left, and below which these are counted."""
STEPS = 12
"""Messages of a case that are shown, the last ones."""
IMPLIED = frozenset({"readonly"})
"""Capabilities that nobody misses."""
COLUMNS = ("pass", "warn", "fail", "error", "gap", "stale", "waived", "n-a")
MEANING = {
    0: "conforms: all that could be judged is as the clauses demand",
    1: "does not conform, or is not known to",
    2: "usage",
    3: "unreachable, or died on the way",
    4: "a fault of the suite itself",
}


def header(data: Results) -> list[str]:
    """Say what is judged, in which dialects, how fast it answers."""
    lines = [f"server   {visible(data['address'])}"]
    for dialect in data["dialects"]:
        what = f"msize {dialect['msize']}" if dialect["served"] else f"no: {dialect['note']}"
        lines.append(f"dialect  {dialect['name']:9} {what}")
    if data["rtt"]:
        seed = "" if data["seed"] is None else f", seed {data['seed']}"
        lines.append(
            f"timing   round trip {data['rtt'] * 1000:.2f} ms, a reply has"
            f" {data['deadline']:.1f} s{seed}"
        )
    if data["planned"]:
        lines.append(f"cases    {data['planned']}")
    return [*lines, ""]


def result_line(result: Result, paint: Paint) -> str:
    """Say in a line what a case came to, and why."""
    word = paint(f"{result['verdict'].upper():6}", result["verdict"])
    name = f"{word} {result['case']:{NAME}} {result['dialect']:9}"
    return f"{name} {paint(why, 'faint')}" if (why := reason(result)) else name.rstrip()


def reason(result: Result) -> str:
    """Say why a result is no pass; empty if it is one."""
    if result["waiver"] and result["verdict"] == "waived":
        return f"{result['waiver']['reason']} ({result['waiver']['kind']})"
    if result["message"]:
        return visible(result["message"].rstrip().rpartition("\n")[2].strip())
    for one in result["broken"]:
        return f"{one['clause']}: expected {one['expected']}; got {one['observed']}"
    return ""


def failure(
    alike: Sequence[Result], clauses: Mapping[str, ClauseData], paint: Paint, *, everything: bool
) -> list[str]:
    """Return the page of a result that is no pass; it names those that came to the same."""
    result, *others = alike
    word = paint(result["verdict"].upper(), result["verdict"])
    lines = [
        paint("─" * WIDTH, "faint"),
        f"{word}  {paint(result['case'], 'strong')}  in {result['dialect']}",
        *wrapped(result["title"], ""),
    ]
    for one in result["broken"]:
        lines += ["", *clause_lines(clauses[one["clause"]], paint)]
        lines += [f"    expected  {one['expected']}", f"    got       {one['observed']}"]
        lines += ["    tolerated, and not the best answer"] * one["tolerated"]
        if one["byte"] is not None:
            lines.append(f"    first difference at byte {one['byte']}")
    if result["message"]:
        lines += ["", *(f"    {visible(line)}" for line in result["message"].splitlines())]
    shown = [] if result["verdict"] == "stale" else result["trace"]
    lines += ["", *trace(shown, paint, everything=everything)]
    lines.append(f"  again: {paint(result['reproduce'], 'strong')}")
    names = ", ".join(f"{r['case']} in {r['dialect']}" for r in others)
    return [*lines, *wrapped(f"the same in: {names}", "  "), ""] if others else [*lines, ""]


def clause_lines(clause: ClauseData, paint: Paint) -> list[str]:
    """Return a clause: id, level, basis, text, source."""
    about = f"{clause['level']}, {clause['basis']}"
    title = f"  {paint(clause['id'], 'strong')}  {about}"
    source = paint(f"    {visible(clause['source'])}", "faint")
    return [title, *wrapped(clause["text"], "    "), source]


def wrapped(text: str, indent: str) -> list[str]:
    """Wrap a text."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def trace(steps: Sequence[Step], paint: Paint, *, everything: bool) -> list[str]:
    """Return what went over the wire, decoded and as hex."""
    shown = steps if everything else steps[-STEPS:]
    left = len(steps) - len(shown)
    lines = [f"  … {left} messages before these: -v shows them"] * (left > 0)
    several = len({step["connection"] for step in steps}) > 1
    for step in shown:
        lines += step_lines(step, paint, several=several)
    return [*lines, ""] if lines else []


def step_lines(step: Step, paint: Paint, *, several: bool) -> Iterator[str]:
    """Yield the lines of one message."""
    arrow = "→" if step["direction"] == "sent" else "←"
    connection = f"{step['connection']} " if several else ""
    yield f"  {step['seconds'] * 1000:8.1f} ms {connection}{arrow} {step['decoded']}"
    if step["size"]:
        yield paint(f"{'':15}{step_hex(step, HEX)}", "faint")


def step_hex(step: Step, limit: int) -> str:
    """Return the bytes of a message, as many as fit the limit, and how many are not shown."""
    kept = bytes.fromhex(step["hex"])[:limit]
    left = step["size"] - len(kept)
    return hexed(kept, limit) + (f" … ({left} more bytes)" if left > 0 else "")


def summary(data: Results, paint: Paint) -> list[str]:
    """Return the end of a report: what the server lacks, verdicts by page and by clause, sums."""
    table = pages(data, paint)
    lines = [*missing(data, paint), *table, *([""] if table else []), *clause_sums(data)]
    counts = [paint(f"{n} {verdict}", verdict) for verdict, n in data["counts"].items()]
    lines.append(f"results  {', '.join(counts) or 'none'}  in {data['seconds']:.1f} s")
    if data["trouble"]:
        lines.append(paint(f"trouble  {data['trouble']}", "fail"))
    if data["left"]:
        lines.append(paint(f"left     {data['left']}", "warn"))
    if data["fault"]:
        lines.append(paint(f"fault    {data['fault']}", "error"))
    kind = "pass" if data["exit_code"] == 0 else "fail"
    lines.append(paint(f"verdict  {MEANING[data['exit_code']]} (exit {data['exit_code']})", kind))
    return lines


def missing(data: Results, paint: Paint) -> list[str]:
    """Say which capabilities were not found, each with what the server answered."""
    lines = []
    for dialect in data["dialects"]:
        lacks = [c for c in dialect["capabilities"] if not c["has"] and c["name"] not in IMPLIED]
        if lacks:
            lines.append(f"not found in {dialect['name']}")
        lines += [f"  {c['name']:10} {paint(c['evidence'], 'faint')}" for c in lacks]
    return [*lines, ""] if lines else []


def pages(data: Results, paint: Paint) -> list[str]:
    """Return a table: a line for each page of the manual, a column for each verdict."""
    seen = [verdict for verdict in COLUMNS if verdict in data["counts"]]
    table: dict[str, Counter[str]] = {}
    for result in data["results"]:
        table.setdefault(result["page"], Counter())[result["verdict"]] += 1
    if not table:
        return []
    first = max(len(name) for name in [*table, "page"])
    lines = [f"{'page':{first}}" + "".join(f"{verdict:>8}" for verdict in seen)]
    for name, counts in sorted(table.items()):
        cells = [paint(f"{counts[v] or '·':>8}", v if counts[v] else "faint") for v in seen]
        lines.append(f"{name:{first}}{''.join(cells)}")
    return lines


def clause_sums(data: Results) -> list[str]:
    """Return a line for each level: how many clauses were judged, and how."""
    lines = []
    for level in LEVELS:
        of_level = [c for c in data["clauses"] if c["level"] == level]
        counts = Counter(c["verdict"] for c in of_level if c["verdict"])
        said = ", ".join(f"{counts[v]} {v}" for v in ORDER if counts[v])
        if said:
            judged = f"{counts.total()} of {len(of_level)} clauses judged"
            lines.append(f"{level:8} {judged}: {said}")
    return lines


def pages_worth(results: Iterable[Result], *, everything: bool) -> Iterable[Sequence[Result]]:
    """Return the results to be shown in full, those together that say the same of a server."""
    groups: dict[object, list[Result]] = {}
    for number, result in enumerate(results):
        if result["verdict"] in BAD or result["verdict"] == "warn":
            key = number if everything else said(result)
            groups.setdefault(key, []).append(result)
    return groups.values()


def said(result: Result) -> tuple[object, ...]:
    """Return what a result says of a server, whatever showed it."""
    broken = [(one["clause"], one["expected"], one["observed"]) for one in result["broken"]]
    return (result["verdict"], result["message"], *broken)


def time_left(seconds: float, done: int, planned: int) -> str:
    """Say how long a run will still take, once that can be said and is worth it."""
    left = seconds / done * (planned - done)
    if seconds < PATIENCE or left < PATIENCE:
        return ""
    return f"  {left / 60:.0f} min left" if left > HURRY else f"  {left:.0f} s left"
