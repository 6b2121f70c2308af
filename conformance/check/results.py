"""results.json: one run as plain data, from which every other report is rendered.

`SCHEMA` grows by one when a field goes or changes its meaning; new fields may come at any time.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict, cast

from ninep import __version__
from ninep.spec import Clause

from ..shape import misfit
from ..text import visible
from .case import Case
from .decode import decoded
from .link import Event
from .model import CaseResult, DialectReport, Options, Report, UsageError, Waiver
from .profile import NAMES
from .verdict import CLAUSES, ORDER, Broken, Verdict

SCHEMA = 1
SUITE = "ninep check"
KEPT, KEPT_OF_PASSES = 16384, 256
"""Bytes of one event that are kept, and of one in a case that passed."""


class Breach(TypedDict):
    """A clause that a case found broken."""

    clause: str
    expected: str
    observed: str
    byte: int | None
    """Offset of the first difference where two runs of bytes were compared."""
    tolerated: bool
    """The case went on: another answer than the best came."""


class Step(TypedDict):
    """Bytes that went over a connection, or (size 0) its end."""

    connection: int
    direction: str
    """sent or received"""
    seconds: float
    """Since the case began."""
    size: int
    hex: str
    """The bytes, or the first of them."""
    decoded: str


class Result(TypedDict):
    """One case in one dialect."""

    case: str
    title: str
    page: str
    dialect: str
    verdict: Verdict
    clauses: list[str]
    judged: dict[str, str]
    """Verdict by clause."""
    broken: list[Breach]
    message: str
    waiver: dict[str, str] | None
    seconds: float
    reproduce: str
    """The command that runs this case again."""
    trace: list[Step]


class Capability(TypedDict):
    """What was found out about a capability, and how."""

    name: str
    has: bool
    declared: bool | None
    evidence: str


class DialectData(TypedDict):
    """One dialect that was asked for."""

    name: str
    served: bool
    msize: int
    note: str
    capabilities: list[Capability]


class ClauseData(TypedDict):
    """One clause that a server is to keep, and what this run says of it."""

    id: str
    page: str
    level: str
    basis: str
    text: str
    source: str
    errno: str | None
    verdict: str | None
    """None: this run says nothing."""
    why: str
    """Why it says nothing."""
    cases: list[str]


class Results(TypedDict):
    """One run."""

    schema: int
    suite: dict[str, str]
    address: str
    options: dict[str, Any]
    started: str
    seconds: float
    rtt: float
    deadline: float
    seed: int | None
    planned: int
    exit_code: int
    trouble: str
    left: str
    fault: str
    counts: dict[str, int]
    dialects: list[DialectData]
    clauses: list[ClauseData]
    results: list[Result]


def as_data(
    report: Report,
    options: Options,
    cases: Mapping[str, Case],
    again: Sequence[str],
    *,
    traces: bool = True,
) -> Results:
    """Return a run as plain data; `again` is the command that judges the same server.

    Without `traces` those of passes are left out: to decode them takes time.
    """
    counts = Counter(result.verdict for result in report.results)
    return {
        "schema": SCHEMA,
        "suite": {"name": SUITE, "version": __version__},
        "address": report.address,
        "options": options_data(options),
        "started": datetime.fromtimestamp(report.started, UTC).isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "rtt": round(report.rtt, 6),
        "deadline": round(report.deadline, 3),
        "seed": report.seed,
        "planned": report.planned,
        "exit_code": report.exit_code,
        "trouble": visible(report.trouble),
        "left": visible(report.left),
        "fault": report.fault,
        "counts": {verdict: counts[verdict] for verdict in ORDER if counts[verdict]},
        "dialects": [dialect_data(d, options.declared) for d in report.dialects],
        "clauses": clauses_data(report, cases),
        "results": [result_data(r, again, traces=traces) for r in report.results],
    }


def options_data(options: Options) -> dict[str, Any]:
    """Return what a run was asked for."""
    return {
        "dialects": list(options.dialects),
        "msize": options.msize,
        "uname": text(options.uname),
        "uid": options.uid,
        "aname": text(options.aname),
        "jobs": options.jobs,
        "timeout_scale": options.scale,
        "declared": options.declared,
    }


def dialect_data(dialect: DialectReport, declared: dict[str, bool]) -> DialectData:
    """Return what was found out about a dialect."""
    return {
        "name": dialect.name,
        "served": dialect.served,
        "msize": dialect.msize,
        "note": visible(dialect.note),
        "capabilities": [
            {
                "name": name,
                "has": finding.has,
                "declared": declared.get(name),
                "evidence": visible(finding.evidence),
            }
            for name, finding in sorted(dialect.capabilities.items(), key=by_name)
        ],
    }


def by_name(item: tuple[str, object]) -> int:
    """Order capabilities as they are listed elsewhere."""
    return NAMES.index(item[0]) if item[0] in NAMES else len(NAMES)


def clauses_data(report: Report, cases: Mapping[str, Case]) -> list[ClauseData]:
    """Return every clause of a server with its verdict, in order of the table."""
    judges: dict[str, list[str]] = {}
    for one in cases.values():
        for clause in one.clauses:
            judges.setdefault(clause, []).append(one.id)
    verdicts = report.clauses
    ran = {clause for result in report.results for clause in result.case.clauses}
    return [
        {
            "id": c.id,
            "page": c.page,
            "level": c.level,
            "basis": c.basis,
            "text": c.text,
            "source": c.source,
            "errno": c.errno,
            "verdict": verdicts.get(c.id),
            "why": "" if c.id in verdicts else unjudged(c, judges.get(c.id, []), ran=c.id in ran),
            "cases": judges.get(c.id, []),
        }
        for c in CLAUSES.values()
        if c.role == "server"
    ]


def unjudged(clause: Clause, judges: list[str], *, ran: bool) -> str:
    """Say why a run says nothing of a clause."""
    if clause.why:
        return clause.why
    if not judges:
        return "no case judges it"
    return "none of its cases could be judged here" if ran else "its cases were not run"


def result_data(result: CaseResult, again: Sequence[str], *, traces: bool = True) -> Result:
    """Return one case's result."""
    events = result.events if traces or result.verdict != "pass" else []
    kept = KEPT_OF_PASSES if result.verdict == "pass" else KEPT
    return {
        "case": result.case.id,
        "title": result.case.title,
        "page": result.case.area,
        "dialect": result.dialect,
        "verdict": result.verdict,
        "clauses": list(result.case.clauses),
        "judged": dict(result.judged()),
        "broken": [
            breach(one, tolerated=number > 0 or not result.stopped)
            for number, one in enumerate(result.broken)
        ],
        "message": result.message,
        "waiver": waiver_data(result.waiver) if result.waiver else None,
        "seconds": round(result.seconds, 4),
        "reproduce": shlex.join([*again, "--only", result.case.id, "--dialect", result.dialect]),
        "trace": [step(event, kept) for event in events],
    }


def breach(broken: Broken, *, tolerated: bool) -> Breach:
    """Return one breach."""
    return {
        "clause": broken.clause,
        "expected": visible(broken.expected),
        "observed": visible(broken.observed),
        "byte": broken.byte,
        "tolerated": tolerated,
    }


def waiver_data(waiver: Waiver) -> dict[str, str]:
    """Return what of a waiver people want to read."""
    found = {"reason": waiver.reason, "kind": waiver.kind, "link": waiver.link}
    return found | {"expires": str(waiver.expires or "")}


def step(event: Event, kept: int) -> Step:
    """Return one event."""
    return {
        "connection": event.link,
        "direction": "sent" if event.sent else "received",
        "seconds": round(event.seconds, 6),
        "size": len(event.data),
        "hex": event.data[:kept].hex(),
        "decoded": decoded(event),
    }


def text(name: bytes) -> str:
    """Return a name as text that can be typed."""
    return visible(name.decode("utf-8", "backslashreplace"))


def to_json(data: Results) -> str:
    """Render as JSON, each result and each clause on a line of its own."""
    fields = [f"{json.dumps(name)}: {lines(value)}" for name, value in data.items()]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def lines(value: object) -> str:
    """Render a value, the items of a list each on a line."""
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n " + ",\n ".join(map(json.dumps, value)) + "\n]"


def read(source: str) -> Results:
    """Read a results.json.  Errors: UsageError"""
    try:
        data = json.loads(source)
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"no JSON: {exc}") from None
    if not isinstance(data, dict) or misfit(data.get("suite"), dict[str, str]):
        raise UsageError("these are no results of ninep check")
    if data["suite"].get("name") != SUITE:
        raise UsageError("these are no results of ninep check")
    if data.get("schema") != SCHEMA:
        raise UsageError(f"schema {data.get('schema')}; this version of ninep reads {SCHEMA}")
    if where := misfit(data, Results):
        raise UsageError(f"damaged, or of another version of ninep check: {where}")
    return cast("Results", data)
