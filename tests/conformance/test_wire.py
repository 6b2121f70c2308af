"""The gates of the suite: every rule has a case, each case can fail, doing little earns nothing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from ninep.conformance.check.case import Case, load_all
from ninep.conformance.check.model import Options, Report
from ninep.conformance.check.runner import Runner
from ninep.conformance.check.target import Target
from ninep.conformance.mutants.degenerate import BEHAVIOURS, Degenerate
from ninep.conformance.mutants.reference import NAMED, Reference
from ninep.conformance.mutants.sweep import killers, mutants, recorded
from ninep.session import DIALECTS
from ninep.spec import spec

ROOT = Path(__file__).parents[2]
CASES = load_all()
SERVER = [
    c
    for c in spec().clauses.values()
    if c.role == "server" and set(DIALECTS).intersection(c.applies_in(spec()))
]
"""Clauses about a server in a dialect that ours serves."""
TESTABLE = [c for c in SERVER if c.observable == "wire"]
CITED = {clause for case in CASES.values() for clause in case.clauses}
KILLS = recorded()
TRIES = 3
LITTLE = 0.02
"""Share of the cases that a server which does next to nothing may pass."""


def run(target: Target, *, scale: float = 1.0) -> Report:
    """Run every case on a target."""
    options = Options(DIALECTS, uname=b"root", uid=0, aname=NAMED, scale=scale)
    return Runner(target, "a test", options).run(list(CASES.values()))


def test_every_must_has_a_case() -> None:
    """Each MUST of a server that can be seen on the wire is judged by a case."""
    assert [c.id for c in TESTABLE if c.level == "MUST" and c.id not in CITED] == []


def test_nearly_every_rule_has_a_case() -> None:
    """So are 98 of 100 of all rules that can be seen on the wire."""
    missing = [c.id for c in TESTABLE if c.id not in CITED]
    assert len(missing) <= 0.02 * len(TESTABLE), missing


def test_few_rules_cannot_be_seen() -> None:
    """No more than 8 of 100 rules are out of sight, each for a stated reason."""
    hidden = [c for c in SERVER if c.observable != "wire"]
    assert len(hidden) <= 0.08 * len(SERVER)
    assert all(c.why for c in hidden)


def test_our_server_passes() -> None:
    """Every case passes on our own server, writable or read-only: none warns, none is waived."""
    reports = [run(Reference()), run(Reference(readonly=True))]
    results = [result for report in reports for result in report.results]
    other = [(r.name, r.message, *r.broken) for r in results if r.verdict not in ("pass", "n-a")]
    assert other == []
    passed = {r.case.id for r in results if r.verdict == "pass"}
    assert {case.id for case in CASES.values() if set(DIALECTS) & set(case.dialects)} == passed


def test_every_mutant_has_its_killer() -> None:
    """Each broken server is caught by a case, or nobody can tell it from the sound one."""
    lived = [m.id for m in mutants().values() if not m.equivalent and m.id not in KILLS]
    assert lived == [], "python -m ninep.conformance.mutants.sweep --record"


def test_every_case_can_fail() -> None:
    """Each case catches a broken server."""
    killing = {case for cases in KILLS.values() for case in cases}
    assert [case for case in CASES if case not in killing] == []


def test_every_rule_has_a_mutant() -> None:
    """Each rule that has a case has a server that breaks it, caught by a case that cites it."""
    proven = {
        mutants()[name].clause
        for name, cases in KILLS.items()
        if name in mutants() and any(mutants()[name].clause in CASES[c].clauses for c in cases)
    }
    assert [c.id for c in TESTABLE if c.id in CITED and c.id not in proven] == []


def test_few_mutants_are_equivalent() -> None:
    """No more than 2 of 100 mutants are said to be no different."""
    equivalent = [m.id for m in mutants().values() if m.equivalent]
    assert len(equivalent) <= 0.02 * len(mutants()), equivalent


@pytest.mark.parametrize("page", sorted({case.area for case in CASES.values()}))
def test_what_is_recorded_still_kills(page: str) -> None:
    """Each case still fails on the broken server that it is recorded to catch.

    On a machine that stands still for a moment a case ends without a verdict: it may try again.
    """
    wanted: dict[str, list[Case]] = defaultdict(list)
    for name, cases in KILLS.items():
        wanted[name] += [CASES[c] for c in cases if c in CASES and CASES[c].area == page]
    lived = [
        (name, case.id)
        for name, cases in wanted.items()
        for case in cases
        if name not in mutants()
        or not any(list(killers(mutants()[name], [case])) for _ in range(TRIES))
    ]
    assert lived == []


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_nothing_is_earned_by_doing_little(name: str) -> None:
    """A server that hangs up, says yes or echoes passes next to no case; no rule is credited."""
    report = run(Degenerate(BEHAVIOURS[name]), scale=0.05)
    assert report.exit_code != 0
    assert report.counts["pass"] <= LITTLE * len(CASES)
    assert [clause for clause, verdict in report.clauses.items() if verdict == "pass"] == []


def test_nothing_sleeps() -> None:
    """The suite waits for replies and for nothing else."""
    sleepers = [
        path.name
        for folder in ("check", "wire")
        for path in (ROOT / "conformance" / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
        and getattr(node, "attr", getattr(node, "id", "")) == "sleep"
    ]
    assert sleepers == []
