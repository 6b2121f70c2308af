"""Waivers of the lab: a kernel's own failure is told as such, and nothing else is."""

from __future__ import annotations

import pytest

from ninep.conformance.kernel.catalog import load
from ninep.conformance.kernel.model import CheckReport, Result, ScriptReport
from ninep.conformance.kernel.waivers import waived, waivers


def test_each_names_a_check() -> None:
    """A row that no check fits would waive nothing."""
    for one in waivers():
        assert one.check in [check.name for check in load(one.script).checks]
        assert one.reason


@pytest.mark.parametrize(
    ("engine", "kernel", "mode", "expected"),
    [
        ("uml", "7.2.7", "mmap", True),
        ("uml", "7.2.7", "none", False),
        ("uml", "7.2.70", "mmap", False),
        ("qemu", "7.2.7", "mmap", False),
    ],
)
def test_where(engine: str, kernel: str, mode: str, *, expected: bool) -> None:
    """Engine, release and cache mode must all be as the row says."""
    assert bool(waived("40_realwork", "sqlite", engine, kernel, mode)) is expected


def test_verdict() -> None:
    """Only a failure on the mount is waived; the script is then neither red nor green."""
    check = CheckReport("c", mount=Result("fail", "why"), control=Result("pass"), waiver="known")
    assert (check.outcome, check.message) == ("waived", "known (why)")
    assert (
        ScriptReport("s", checks=[check, CheckReport("d", mount=Result("pass"))]).outcome
        == "waived"
    )
    check.mount = Result("pass")
    assert check.outcome == "pass"
    both = CheckReport("c", mount=Result("fail"), control=Result("fail"), waiver="known")
    assert both.outcome == "error"


def test_several_kernels() -> None:
    """A row may name several series, whoever boots them."""
    for engine, kernel in (("uml", "6.12.113"), ("qemu", "6.12.117+deb13-amd64"), ("uml", "7.2.7")):
        assert waived("25_full", "in_its_place", engine, kernel, "mmap")
    assert not waived("25_full", "in_its_place", "uml", "6.1.176", "mmap")
