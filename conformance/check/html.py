"""results.json → one HTML page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ninep.spec import LEVELS

from ..page import NOT_JUDGED, bar, contents, document, esc, facts, messages, section, tag, tools
from .people import COLUMNS, MEANING, reason, step_hex
from .results import Breach, Capability, ClauseData, Result, Results, Step
from .verdict import ORDER

HEX = 192
"""Bytes of a message that are shown."""
HEX_OF_PASSES = 16


def render(data: Results) -> str:
    """Return the whole page."""
    parts = [
        hero(data), clauses_section(data), results_section(data), capabilities(data), footer(data),
    ]  # fmt: skip
    return document(f"9P conformance of {data['address']}", parts)


# Top


def hero(data: Results) -> str:
    """Return the head of the page: who was judged, what it came to."""
    kind = "pass" if data["exit_code"] == 0 else "fail"
    titles = ["Clauses", *["Results"] * bool(data["results"]), "Capabilities"]
    troubles = [data[key] for key in ("trouble", "left", "fault") if data[key]]
    return tag(
        "header",
        tag("p", "9P conformance", class_="eyebrow")
        + tag("h1", esc(data["address"]))
        + tag("p", esc(sentence(data)), class_=f"meaning {kind}")
        + "".join(tag("p", esc(text), class_="trouble") for text in troubles)
        + bar(ordered(data["counts"]))
        + facts(found(data))
        + contents(titles),
    )


def sentence(data: Results) -> str:
    """Say the verdict as a sentence."""
    text = MEANING[data["exit_code"]]
    return f"{text[0].upper()}{text[1:]}."


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts of verdicts in the order in which people read them."""
    return {v: counts[v] for v in (*COLUMNS, NOT_JUDGED) if counts.get(v)}


def found(data: Results) -> dict[str, str]:
    """Return what the run was."""
    spoken = [f"{d['name']} (msize {d['msize']})" for d in data["dialects"] if d["served"]]
    silent = [d["name"] for d in data["dialects"] if not d["served"]]
    seed = "" if data["seed"] is None else f", seed {data['seed']}"
    return {
        "spoken": ", ".join(spoken) or "none",
        "not spoken": ", ".join(silent),
        "timing": f"round trip {data['rtt'] * 1000:.2f} ms, a reply has {data['deadline']:.1f} s",
        "run": f"{data['started']}, {data['seconds']:.1f} s{seed}",
        "suite": f"ninep {data['suite']['version']}",
    }


# Clauses


def clauses_section(data: Results) -> str:
    """Return the table of clauses, those that are broken first."""
    rank = [*ORDER, NOT_JUDGED]
    rows = sorted(data["clauses"], key=lambda c: rank.index(c["verdict"] or NOT_JUDGED))
    heads = "".join(
        tag("th", title, scope="col", **({"data_key": key} if key else {}))
        for key, title in (("verdict", "verdict"), ("id", "clause"), ("level", "level"),
                           ("page", "page"))
    )  # fmt: skip
    ranks = json.dumps({"verdict": rank, "level": LEVELS})
    first = first_results(data["results"])
    table = tag(
        "table",
        tag("thead", tag("tr", heads))
        + tag("tbody", "\n".join(clause_row(c, first) for c in rows)),
        data_rank=ranks,
    )
    counts = Counter(c["verdict"] or NOT_JUDGED for c in rows)
    judged = counts.total() - counts[NOT_JUDGED]
    summary = tag("p", f"{judged} of {counts.total()} clauses were judged.", class_="soft")
    return section("Clauses", summary + tools(ordered(counts), "clause") + table)


def first_results(results: Iterable[Result]) -> dict[str, str]:
    """Return for each family of cases the anchor of its gravest result."""
    found: dict[str, Result] = {}
    for result in results:
        other = found.setdefault(family(result["case"]), result)
        if ORDER.index(result["verdict"]) < ORDER.index(other["verdict"]):
            found[family(result["case"])] = result
    return {name: anchor(result) for name, result in found.items()}


def family(case: str) -> str:
    """Return the id of a case without its parameter."""
    return case.partition("[")[0]


def judges(clause: ClauseData, first: Mapping[str, str]) -> str:
    """Return links to the cases that judge a clause, those of one family as one."""
    counts = Counter(map(family, clause["cases"]))
    links = [
        tag("a", esc(name), href=f"#{first[name]}") + (f" ×{number}" if number > 1 else "")
        for name, number in counts.items()
        if name in first
    ]
    return tag("small", "<br>judged by " + ", ".join(links)) if links else ""


def anchor(result: Result) -> str:
    """Return the id of a result on the page."""
    return f"{result['case']}@{result['dialect']}"


def clause_row(clause: ClauseData, first: Mapping[str, str]) -> str:
    """Return one clause."""
    verdict = clause["verdict"] or NOT_JUDGED
    said = clause["verdict"] or "not judged"
    about = f"{clause['basis']} · {clause['source']}" + (
        f" · {clause['errno']}" if clause["errno"] else ""
    )
    text = (
        tag("code", esc(clause["id"]))
        + tag("span", esc(clause["text"]), class_="text")
        + tag("small", esc(about) + (f"<br>{esc(clause['why'])}" if clause["why"] else ""))
        + judges(clause, first)
    )
    cells = (
        tag("td", tag("span", said, class_=f"badge {verdict}"), class_="narrow")
        + tag("td", text)
        + tag("td", clause["level"], class_="narrow")
        + tag("td", esc(clause["page"]), class_="narrow")
    )
    keys = {f"data_{key}": clause[key] for key in ("id", "level", "page")}
    return tag("tr", cells, data_verdict=verdict, **keys)


# Results


def results_section(data: Results) -> str:
    """Return all results, each to be folded out to its trace."""
    if not data["results"]:
        return ""
    clauses = {c["id"]: c for c in data["clauses"]}
    ranked = sorted(data["results"], key=lambda r: ORDER.index(r["verdict"]))
    items = "\n".join(result_item(r, clauses) for r in ranked)
    chosen = tools(ordered(data["counts"]), "case")
    return section("Results", chosen + tag("div", items, class_="list"))


def result_item(result: Result, clauses: Mapping[str, ClauseData]) -> str:
    """Return one result."""
    why = reason(result)
    summary = tag(
        "summary",
        tag("span", result["verdict"], class_="badge")
        + tag("span", esc(result["case"]), class_="id")
        + tag("small", esc(result["dialect"]))
        + tag("span", esc(why or result["title"]), class_="why"),
    )
    inside = [
        tag("p", esc(result["title"])) if why else "",
        *(breach(one, clauses[one["clause"]]) for one in result["broken"]),
        tag("pre", "\n".join(map(esc, result["message"].splitlines())))
        if result["message"]
        else "",
        waiver(result["waiver"]),
        summed(result["trace"]) if result["verdict"] == "pass" else trace(result["trace"]),
        tag("p", tag("small", "again") + tag("pre", esc(result["reproduce"]))),
    ]
    return tag(
        "details",
        summary + tag("div", "".join(inside), class_="inside"),
        class_=result["verdict"],
        id=anchor(result),
        data_verdict=result["verdict"],
    )


def breach(one: Breach, clause: ClauseData) -> str:
    """Return a broken clause: what it says, what was expected, what came."""
    rows = {"expected": one["expected"], "got": one["observed"]}
    if one["byte"] is not None:
        rows["differs"] = f"first at byte {one['byte']}"
    if one["tolerated"]:
        rows["so"] = "tolerated, and not the best answer"
    listed = "".join(tag("dt", k) + tag("dd", tag("code", esc(v))) for k, v in rows.items())
    about = f"{clause['level']}, {clause['basis']} · {clause['source']}"
    text = tag("code", esc(clause["id"])) + f" {tag('small', esc(about))}<br>{esc(clause['text'])}"
    return tag("div", text + tag("dl", listed), class_="breach")


def waiver(row: Mapping[str, str] | None) -> str:
    """Return why a failure is put up with."""
    if row is None:
        return ""
    until = f", until {row['expires']}" if row["expires"] else ""
    return tag("p", esc(f"waived: {row['reason']} ({row['kind']}{until}) {row['link']}"))


def summed(steps: Sequence[Step]) -> str:
    """Return what went over the wire in a case that passed, a line for each message."""
    arrows = {"sent": "→", "received": "←"}
    said = [
        f"{arrows[one['direction']]} {one['decoded']}   {step_hex(one, HEX_OF_PASSES)}".rstrip()
        for one in steps
    ]
    return tag("pre", "\n".join(map(esc, said)), class_="trace") if said else ""


def trace(steps: Sequence[Step]) -> str:
    """Return what went over the wire, with all that is known of it."""
    return messages(
        (
            s["direction"] == "sent",
            s["seconds"],
            s["decoded"],
            step_hex(s, HEX) if s["size"] else "",
        )
        for s in steps
    )


# Bottom


def capabilities(data: Results) -> str:
    """Return what the server was found to have, with the answer that says so."""
    rows = "".join(
        capability_row(one, dialect["name"])
        for dialect in data["dialects"]
        for one in dialect["capabilities"]
    )
    if not rows:
        return ""
    heads = "".join(tag("th", t, scope="col") for t in ("found", "capability", "dialect", "answer"))
    return tag("h2", "Capabilities", id="capabilities") + tag(
        "table", tag("thead", tag("tr", heads)) + tag("tbody", rows)
    )


def capability_row(one: Capability, dialect: str) -> str:
    """Return one capability."""
    said = {True: "yes", False: "no"}[one["has"]]
    kind = "pass" if one["has"] else "n-a"
    if one["declared"] not in (None, one["has"]):
        said, kind = f"{said}, and declared otherwise", "fail"
    return tag(
        "tr",
        tag("td", tag("span", said, class_=f"badge {kind}"), class_="narrow")
        + tag("td", tag("code", esc(one["name"])), class_="narrow")
        + tag("td", esc(dialect), class_="narrow")
        + tag("td", tag("small", esc(one["evidence"]))),
    )


def footer(data: Results) -> str:
    """Return the last line."""
    asked = ", ".join(f"{k} {v}" for k, v in data["options"].items() if v not in ("", {}, None))
    return tag("footer", esc(f"Asked for: {asked}."))
