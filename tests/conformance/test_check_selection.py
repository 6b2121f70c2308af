"""Which cases a pattern means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ninep.conformance.check.case import load_all
from ninep.conformance.check.model import UsageError
from ninep.conformance.check.selection import chosen, did_you_mean, matches
from ninep.conformance.check.verdict import CLAUSES

from .judged import cases

SHOULD = next(clause.id for clause in CLAUSES.values() if clause.level == "SHOULD")
LESSER = replace(load_all()["walk/dot"], clauses=(SHOULD,))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("walk/partial[2]", True),
        ("walk/partial", True),
        ("walk/*", True),
        ("walk", True),
        ("walk/partial[15]", False),
        ("walk/partial?", False),
        ("version/*", False),
    ],
)
def test_matches(pattern: str, expected: bool) -> None:
    """An id in brackets means itself; without them, all of its kind."""
    assert matches("walk/partial[2]", pattern) is expected


def test_a_clause_chooses_the_cases_that_judge_it() -> None:
    """A clause's id means every case that cites it."""
    found = chosen(load_all().values(), ["walk.partial-result"], "MAY")
    assert found
    assert all("walk.partial-result" in one.clauses for one in found)


def test_level() -> None:
    """A level leaves out cases that judge only lesser clauses."""
    assert chosen([LESSER, *cases("walk/clone")], [], "MAY")[0] == LESSER
    assert chosen([LESSER, *cases("walk/clone")], [], "MUST") == cases("walk/clone")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("walk/partail", "did you mean walk/partial"),
        ("walk.partal-result", "did you mean walk.partial-result"),
        ("nothing/like/it/*", "no case and no clause is named so"),
    ],
)
def test_what_means_nothing(pattern: str, said: str) -> None:
    """A pattern that means nothing is an error that names what may have been meant."""
    with pytest.raises(UsageError, match=said):
        chosen(load_all().values(), ["walk/*", pattern], "MAY")


def test_a_clause_without_cases() -> None:
    """A clause that exists and that no case judges is said to be so."""
    with pytest.raises(UsageError, match="no case over the wire judges this clause"):
        chosen([], ["walk.partial-result"], "MAY")


def test_nothing_of_a_level() -> None:
    """A selection that a level leaves empty is an error, too."""
    with pytest.raises(UsageError, match="level MUST"):
        chosen([LESSER], [], "MUST")


def test_did_you_mean_is_silent_on_what_is_far_off() -> None:
    """A guess is made only where it is near."""
    assert did_you_mean("zzzzzzzz", ["walk/clone"]) == ""
