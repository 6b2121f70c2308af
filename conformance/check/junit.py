"""results.json → JUnit XML: a suite for each page and dialect, well-formed in any case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from ..text import plain, xml_text
from .people import failure, reason
from .results import SUITE, ClauseData, Result, Results

TAGS = {
    "fail": "failure", "stale": "failure", "gap": "failure", "error": "error",
    "n-a": "skipped", "waived": "skipped",
}  # fmt: skip


def render(data: Results) -> str:
    """Return the whole file."""
    clauses = {c["id"]: c for c in data["clauses"]}
    suites: dict[str, list[ET.Element]] = {}
    for result in data["results"]:
        suites.setdefault(f"{result['dialect']}/{result['page']}", []).append(case(result, clauses))
    for kind, what in (("trouble", data["trouble"]), ("fault", data["fault"])):
        if what:
            suites.setdefault("server", []).append(trouble(kind, what))
    root = element("testsuites", name=SUITE, time=f"{data['seconds']:.3f}")
    tags = Counter(child.tag for cases in suites.values() for one in cases for child in one)
    count(root, tags, sum(map(len, suites.values())), skipped=False)
    root.extend(suite(name, cases, data) for name, cases in suites.items())
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def element(tag: str, **attributes: str) -> ET.Element:
    """Make an element whose attributes XML can carry."""
    return ET.Element(tag, {name: xml_text(value) for name, value in attributes.items()})


def count(of: ET.Element, tags: Mapping[str, int], tests: int, *, skipped: bool = True) -> None:
    """Write sums into a suite."""
    of.set("tests", str(tests))
    of.set("failures", str(tags["failure"]))
    of.set("errors", str(tags["error"]))
    if skipped:
        of.set("skipped", str(tags["skipped"]))


def suite(name: str, cases: list[ET.Element], data: Results) -> ET.Element:
    """Return one suite."""
    made = element("testsuite", name=name, timestamp=data["started"][:19], hostname="localhost")
    count(made, Counter(child.tag for one in cases for child in one), len(cases))
    made.set("time", f"{sum(float(one.get('time', 0)) for one in cases):.3f}")
    properties = ET.SubElement(made, "properties")
    seed = "" if data["seed"] is None else str(data["seed"])
    for key, value in (("address", data["address"]), ("seed", seed)):
        properties.append(element("property", name=key, value=value))
    made.extend(cases)
    return made


def case(result: Result, clauses: Mapping[str, ClauseData]) -> ET.Element:
    """Return one result."""
    made = element(
        "testcase",
        classname=f"{result['dialect']}.{result['page']}",
        name=result["case"],
        time=f"{result['seconds']:.3f}",
    )
    tag = TAGS.get(result["verdict"])
    if tag == "skipped":
        made.append(element(tag, message=f"{result['verdict']}: {reason(result)}"))
    elif tag:
        made.append(element(tag, message=reason(result), type=result["verdict"]))
        made[-1].text = story(result, clauses)
    elif result["verdict"] != "pass":
        ET.SubElement(made, "system-out").text = story(result, clauses)
    return made


def story(result: Result, clauses: Mapping[str, ClauseData]) -> str:
    """Return the page of a result that is no pass."""
    return xml_text("\n".join(failure([result], clauses, plain, everything=False)))


def trouble(kind: str, what: str) -> ET.Element:
    """Return what ended the run, as a case that could not be judged."""
    made = element("testcase", classname="server", name=kind, time="0")
    made.append(element("error", message=what, type=kind))
    return made
