"""Declared capabilities against probed ones: each disagreement is a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from ninep.conformance.check.model import DialectReport, Report, UsageError
from ninep.conformance.check.probe import Finding
from ninep.conformance.check.profile import disagreements, load

L = "9P2000.L"


def verdicts(finding: Finding, declared: dict[str, bool]) -> dict[str, str]:
    """Judge declarations against one finding on xattr."""
    dialect = DialectReport(L, served=True, capabilities={"xattr": finding})
    report = Report("x", dialects=[dialect])
    return {r.case.id: r.verdict for r in disagreements(report, declared)}


@pytest.mark.parametrize(
    ("declared", "finding", "expected"),
    [
        (True, Finding(has=True, evidence="Rclunk"), "pass"),
        (False, Finding(has=False, evidence="EOPNOTSUPP"), "pass"),
        (True, Finding(has=False, evidence="EOPNOTSUPP"), "fail"),
        (False, Finding(has=True, evidence="Rclunk"), "fail"),
        (True, Finding(has=False, evidence="no file can be made", asked=False), "gap"),
    ],
)
def test_verdicts(declared: bool, finding: Finding, expected: str) -> None:
    """Disagreement fails in both directions; what could not be asked is a gap."""
    assert verdicts(finding, {"xattr": declared}) == {"capability/xattr": expected}


def test_dialects_can_be_declared() -> None:
    """A dialect is a capability like others."""
    found = verdicts(Finding(has=True, evidence=""), {L: False, "9P2000.u": True})
    assert found == {"capability/9P2000.L": "fail"}


def test_the_message_has_the_evidence() -> None:
    """A disagreement shows the answer that it rests on."""
    dialect = DialectReport(L, served=True, capabilities={"lock": Finding(True, "Rlock(status=1)")})
    (result,) = disagreements(Report("x", dialects=[dialect]), {"lock": False})
    assert result.message == "declared missing, found there: Rlock(status=1)"


def profile(tmp_path: Path, text: str) -> dict[str, bool]:
    """Load a profile with this text."""
    path = tmp_path / "profile.toml"
    path.write_text(text, encoding="utf-8")
    return load(str(path))


def test_load(tmp_path: Path) -> None:
    """A profile is a table of names and booleans."""
    assert profile(tmp_path, "[capabilities]\nxattr = true\n") == {"xattr": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[capabilities]\nxatr = true", "no capability 'xatr'; there are: auth, statfs"),
        ("[capabilities]\nxattr = 'yes'", "xattr: expected true or false"),
        ("[capability]\nxattr = true", r"expected one table, \[capabilities\]"),
        ("capabilities = 1", r"expected one table, \[capabilities\]"),
        ("[capabilities", "Expected"),
    ],
)
def test_what_is_no_profile(tmp_path: Path, text: str, said: str) -> None:
    """What makes no sense is an error that says what would."""
    with pytest.raises(UsageError, match=said):
        profile(tmp_path, text)
