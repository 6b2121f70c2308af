"""What a server is declared to have, held against what the probes found.

    [capabilities]
    xattr = true
    lock = false
    "9P2000.u" = false

Each line becomes a result of its own, `capability/xattr`: a server that lacks what was declared
fails, and so does one that has what was denied.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from ninep.spec import spec

from .case import Case, Start
from .model import CaseResult, DialectReport, Report, UsageError
from .peer import Peer
from .probe import PROBES, Finding
from .verdict import Verdict

PREFIX = "capability/"
NAMES = (*PROBES, "write", "readonly", "msize-64k", *spec().standard)
"""All that can be declared."""


def load(path: str) -> dict[str, bool]:
    """Read a profile.  Errors: UsageError"""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path}: {exc}") from None
    declared = table.pop("capabilities", None)
    if table or not isinstance(declared, dict):
        raise UsageError(f"{path}: expected one table, [capabilities]")
    for name, has in declared.items():
        if name not in NAMES:
            raise UsageError(f"{path}: no capability {name!r}; there are: {', '.join(NAMES)}")
        if not isinstance(has, bool):
            raise UsageError(f"{path}: {name}: expected true or false")
    return declared


def disagreements(report: Report, declared: dict[str, bool]) -> Iterator[CaseResult]:
    """Yield a result for each declared capability in each dialect that could have it."""
    for name, has in declared.items():
        for dialect in report.dialects:
            finding = found(dialect, name)
            if finding:
                yield result(name, dialect.name, finding, has=has)


def found(dialect: DialectReport, name: str) -> Finding | None:
    """Return what is known of a capability; None if the dialect cannot have it."""
    if name == dialect.name:
        return Finding(dialect.served, dialect.note or "spoken")
    return dialect.capabilities.get(name)


def result(name: str, dialect: str, finding: Finding, *, has: bool) -> CaseResult:
    """Return what a declaration came to."""
    one = capability_case(name)
    if finding.has == has:
        return CaseResult(one, dialect, "pass")
    words = {True: "there", False: "missing"}
    what = f"declared {words[has]}, found {words[finding.has]}: {finding.evidence}"
    verdict: Verdict = "gap" if has and not finding.asked else "fail"
    return CaseResult(one, dialect, verdict, message=what)


def capability_case(name: str) -> Case:
    """Return the case that stands for a declaration."""
    title = f"What the profile says of {name} is what the server shows."
    return Case(PREFIX + name, title, (), (), spec().standard, Start.BARE, nothing)


def nothing(peer: Peer) -> None:
    """Do nothing: the probes have asked already."""
