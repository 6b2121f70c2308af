"""Failures that are known: what may fail, how, why, and until when.

    [[waiver]]
    case     = "walk/partial*"            # an id or a glob
    clause   = "walk.partial-result"
    dialect  = "9P2000.L"                 # optional: only there
    observed = "got 3"                    # a piece of what comes; another failure is not waived
    reason   = "The partial walk binds newfid; fixed in 2.0."
    kind     = "bug"                      # bug, by-design, dispute, environment
    link     = "https://…"                # optional
    expires  = 2027-01-31                 # optional: fails from the day after

A waiver whose cases all pass is stale, and fails; one that names no case is a usage error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from .model import CaseResult, UsageError, Waiver
from .profile import PREFIX
from .selection import matches
from .verdict import CLAUSES, Broken, Verdict, weight, worst

KINDS = ("bug", "by-design", "dispute", "environment")
TEXTS = ("case", "observed", "reason", "kind")
WAIVABLE = frozenset({"fail", "warn", "error", "gap"})


def load(path: str, ids: Sequence[str], dialects: Sequence[str]) -> list[Waiver]:
    """Read waivers.  Errors: UsageError (one is incomplete, or names no case of `ids`)"""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}") from None
    except ValueError as exc:
        raise UsageError(f"{path}: {exc}") from None
    rows = table.pop("waiver", [])
    if table or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path}: expected nothing but [[waiver]] tables")
    found = []
    for number, row in enumerate(rows, 1):
        wrong = complaint(row, ids, dialects)
        if wrong:
            raise UsageError(f"{path}: waiver {number}: {wrong}")
        found.append(Waiver(**row))
    return found


def complaint(row: dict[str, Any], ids: Sequence[str], dialects: Sequence[str]) -> str:
    """Say what is wrong with a row; empty if nothing is."""
    known = {f.name for f in fields(Waiver)}
    texts = known - {"expires"}
    if unknown := sorted(set(row) - known):
        return f"no field {unknown[0]!r}; there are: {', '.join(sorted(known))}"
    for name in [*TEXTS, *(["clause"] if needs_clause(row) else [])]:
        if not str(row.get(name, "")).strip():
            return f"{name} is missing"
    if odd := [name for name in texts & set(row) if not isinstance(row[name], str)]:
        return f"{odd[0]}: expected a text"
    if "expires" in row and type(row["expires"]) is not date:
        return "expires: expected a date, such as 2027-01-31"
    return dangling(row, ids, dialects)


def needs_clause(row: dict[str, Any]) -> bool:
    """Say whether a clause must be named: where nothing but a clause can be broken."""
    about_capability = str(row.get("case", "")).startswith(PREFIX)
    return row.get("kind") != "environment" and not about_capability


def dangling(row: dict[str, Any], ids: Sequence[str], dialects: Sequence[str]) -> str:
    """Say what a row names that is not there."""
    if row["kind"] not in KINDS:
        return f"kind {row['kind']!r}: expected {', '.join(KINDS)}"
    if row.get("clause") and row["clause"] not in CLAUSES:
        return f"no clause {row['clause']!r}"
    if row.get("dialect") and row["dialect"] not in dialects:
        return f"dialect {row['dialect']!r}: expected {', '.join(dialects)}"
    named = any(matches(one, row["case"]) for one in ids)
    return "" if named else f"no case matches {row['case']!r}"


def apply(waivers: Sequence[Waiver], result: CaseResult, today: date) -> None:
    """Waive what of a result is to be waived."""
    for waiver in waivers:
        if result.verdict in WAIVABLE and names(waiver, result) and holds(waiver, result):
            result.waiver = waiver
            if waiver.expires and waiver.expires < today:
                result.verdict = "fail"
                result.message = f"the waiver expired on {waiver.expires}: {waiver}"
                return
            result.verdict = remaining(waiver, result)


def names(waiver: Waiver, result: CaseResult) -> bool:
    """Say whether a waiver is about a result's case and dialect."""
    return waiver.dialect in ("", result.dialect) and matches(result.case.id, waiver.case)


def holds(waiver: Waiver, result: CaseResult) -> bool:
    """Say whether a result fails as the waiver says."""
    if result.broken:
        return any(covers(waiver, one) for one in result.broken)
    return waiver.observed in result.message


def covers(waiver: Waiver, broken: Broken) -> bool:
    """Say whether a waiver is about this breach."""
    return waiver.clause in ("", broken.clause) and waiver.observed in str(broken)


def remaining(waiver: Waiver, result: CaseResult) -> Verdict:
    """Return the verdict on what a waiver leaves of a result."""
    left: list[Verdict] = ["waived"]
    for number, one in enumerate(result.broken):
        if not covers(waiver, one):
            grave = result.stopped and number == 0
            left.append(weight(CLAUSES[one.clause]) if grave else "warn")
    return worst(left)


def mark_stale(waivers: Sequence[Waiver], results: Iterable[CaseResult]) -> list[CaseResult]:
    """Mark and return the passes of which a waiver says that they fail, if none of its cases do."""
    found = []
    everything = list(results)
    for waiver in waivers:
        named = [r for r in everything if names(waiver, r)]
        if any(r.verdict in WAIVABLE or r.waiver == waiver for r in named):
            continue
        for result in named:
            if result.verdict == "pass" and waiver.clause in ("", *result.case.clauses):
                result.verdict, result.waiver = "stale", waiver
                result.message = f"it passes, so the waiver has to go: {waiver}"
                found.append(result)
    return found
