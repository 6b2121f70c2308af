"""Waivers: the same failure is waived, nothing else is, and none outlives its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ninep.conformance.check import waivers
from ninep.conformance.check.case import load_all
from ninep.conformance.check.model import CaseResult, UsageError, Waiver
from ninep.conformance.check.verdict import Broken

from .judged import result

TODAY = date(2026, 6, 1)
ROW = {
    "case": '"walk/partial*"',
    "clause": '"walk.partial-result"',
    "observed": '"got 3"',
    "reason": '"It binds newfid."',
    "kind": '"bug"',
}
WAIVER = Waiver("walk/partial*", "got 3", "It binds newfid.", "bug", "walk.partial-result")


def failed(observed: str = "3", clause: str = "walk.partial-result") -> CaseResult:
    """Make a failure."""
    return result("walk/partial[2]", "fail", "", Broken(clause, "2 qids", observed))


def applied(waiver: Waiver, one: CaseResult) -> CaseResult:
    """Apply a waiver to a result."""
    waivers.apply([waiver], one, TODAY)
    return one


def test_the_same_failure_is_waived() -> None:
    """Case, clause and what came are as the waiver says."""
    assert applied(WAIVER, failed()).verdict == "waived"


@pytest.mark.parametrize(
    "other",
    [
        failed("4"),
        failed(clause="walk.full-binds"),
        result("walk/partial[2]", "error", "before the case: no reply"),
    ],
)
def test_another_failure_is_not(other: CaseResult) -> None:
    """Another clause, another answer, or no verdict at all stays as it was."""
    before = other.verdict
    assert applied(WAIVER, other).verdict == before


def test_another_dialect_is_not() -> None:
    """A waiver for one dialect says nothing of the others."""
    assert applied(replace(WAIVER, dialect="9P2000.u"), failed()).verdict == "fail"


def test_what_is_left_still_counts() -> None:
    """Only what the waiver is about is waived."""
    one = failed()
    one.broken.append(Broken("walk.first-name", "ENOENT", "EIO"))
    assert applied(WAIVER, one).verdict == "warn"


def test_errors_of_the_environment() -> None:
    """A case that could not be judged is waived by what was said of it."""
    waiver = Waiver("walk/dot", "no space", "The disk is small.", "environment")
    assert applied(waiver, result("walk/dot", "error", "no space left")).verdict == "waived"


def test_an_expired_waiver_fails_and_says_so() -> None:
    """From the day after its date a waiver waives nothing."""
    late = replace(WAIVER, expires=date(2026, 5, 31))
    one = applied(late, failed())
    assert (one.verdict, one.message) == (
        "fail",
        "the waiver expired on 2026-05-31: It binds newfid. (bug)",
    )


def test_it_holds_on_its_last_day() -> None:
    """The date itself is still covered."""
    assert applied(replace(WAIVER, expires=TODAY), failed()).verdict == "waived"


def test_stale() -> None:
    """A case that passes although a waiver says it fails is marked, and fails."""
    one = result("walk/partial[2]")
    assert waivers.mark_stale([WAIVER], [one]) == [one]
    assert one.verdict == "stale"
    assert one.message.startswith("it passes, so the waiver has to go")


def test_a_glob_is_stale_only_when_all_pass() -> None:
    """As long as one of its cases fails, a waiver is needed."""
    one, other = applied(WAIVER, failed()), result("walk/partial[1]")
    assert waivers.mark_stale([WAIVER], [one, other]) == []
    assert other.verdict == "pass"


def test_what_was_not_judged_is_not_stale() -> None:
    """A case that does not apply says nothing of its waiver."""
    assert waivers.mark_stale([WAIVER], [result("walk/partial[1]", "n-a", "no write")]) == []


def load(tmp_path: Path, changes: dict[str, str | None]) -> list[Waiver]:
    """Load a file with one waiver, changed."""
    rows = {name: value for name, value in (ROW | changes).items() if value is not None}
    path = tmp_path / "waivers.toml"
    text = "[[waiver]]\n" + "".join(f"{name} = {value}\n" for name, value in rows.items())
    path.write_text(text, encoding="utf-8")
    return waivers.load(str(path), list(load_all()), ("9P2000.L",))


def test_load(tmp_path: Path) -> None:
    """A row becomes a waiver."""
    assert load(tmp_path, {}) == [WAIVER]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": None}, "waiver 1: reason is missing"),
        ({"reason": '"  "'}, "reason is missing"),
        ({"observed": '""'}, "observed is missing"),
        ({"clause": None}, "clause is missing"),
        ({"clause": '"walk.no-such-clause"'}, "no clause 'walk.no-such-clause'"),
        ({"case": '"walk/no-such-case"'}, "no case matches 'walk/no-such-case'"),
        ({"kind": '"whim"'}, "kind 'whim': expected bug, by-design, dispute, environment"),
        ({"dialect": '"9P3000"'}, "dialect '9P3000'"),
        ({"expires": '"soon"'}, "expires: expected a date"),
        ({"case": "1"}, "case: expected a text"),
        ({"excuse": '"x"'}, "no field 'excuse'"),
    ],
)
def test_what_is_no_waiver(tmp_path: Path, changes: dict[str, str | None], said: str) -> None:
    """What is incomplete or names nothing is an error in a line."""
    with pytest.raises(UsageError, match=said):
        load(tmp_path, changes)


@pytest.mark.parametrize("text", ["waiver = 1", "[other]", "[[waiver]", "waiver = [1]"])
def test_what_is_no_file_of_waivers(tmp_path: Path, text: str) -> None:
    """Anything but [[waiver]] tables is refused."""
    path = tmp_path / "waivers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        waivers.load(str(path), [], ())
