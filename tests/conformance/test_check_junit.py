"""JUnit: counts that a CI server understands, well-formed whatever the server under test sends."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.conformance.check import junit
from ninep.conformance.check.results import Results

from . import judged
from .judged import HOSTILE, data

SEEDS = 200
FEW = ("--only", "walk/clone", "--only", "version/other-tag", "--only", "walk/partial[1]")


def parsed(results: Results) -> ET.Element:
    """Render and parse again."""
    return ET.fromstring(junit.render(results).encode())  # noqa: S314 - our own output


def test_counts() -> None:
    """Failures, errors and skips are counted for each page."""
    root = parsed(data())
    suites = {suite.get("name"): suite.attrib for suite in root}
    walk = {k: suites["9P2000.L/walk"][k] for k in ("tests", "failures", "errors", "skipped")}
    assert walk == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert suites["9P2000.L/version"]["tests"] == "1"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "1", "1")


def test_a_failure() -> None:
    """A failure has its reason as message and its page as text."""
    failure = parsed(data()).find(".//failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("walk.partial-result: expected")
    assert "again: ninep check" in str(failure.text)


def test_a_warning_is_no_failure() -> None:
    """What only warns passes, with its story beside it."""
    case = parsed(data()).find(".//testcase[@name='version/other-tag']")
    assert case is not None
    assert [child.tag for child in case] == ["system-out"]


def test_trouble() -> None:
    """A server that cannot be reached is an error in the file, though no case ran."""
    results = data()
    results["results"], results["trouble"] = [], "no reply within 3.5 s"
    assert [suite.get("errors") for suite in parsed(results)] == ["1"]


def test_hostile_text() -> None:
    """What XML cannot carry is shown escaped."""
    message = str(parsed(data(HOSTILE)).find(".//failure").get("message"))  # type: ignore[union-attr]
    assert r"\x00\x1b[31m<&>" in message


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_well_formed(text: str) -> None:
    """Any characters in any place give a file that can be parsed."""
    results = data(text)
    results["trouble"] = results["address"] = results["results"][0]["message"] = text
    results["results"][2]["message"] = text
    parsed(results)


@pytest.mark.parametrize("block", range(4))
def test_random_servers(tmp_path: Path, block: int) -> None:
    """A server that answers random bytes gets a report that a strict parser takes, each time."""
    ran = 0
    for seed in range(block, SEEDS, 4):
        path = tmp_path / f"{seed}.xml"
        with judged.listening(tmp_path / f"{seed}.sock", judged.rambling(seed)) as address:
            code = judged.check(address, *FEW, "--timeout-scale", "0.02", "--junit", str(path))
        root = ET.fromstring(path.read_bytes())  # noqa: S314 - our own output
        ran += len(root.findall(".//testcase"))
        assert code in (1, 3), seed
    assert ran >= SEEDS / 4
