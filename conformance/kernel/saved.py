"""results.json, both ways: it is the source of truth, and what a run can go on from.

`SCHEMA` grows by one when a field changes its meaning.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..shape import misfit
from .model import (
    Cell,
    CellReport,
    CheckReport,
    Report,
    Result,
    ScriptReport,
    Step,
    Trace,
    exit_code,
)
from .plan import impossible

SCHEMA = 3
SUITE = "ninep lab"


class SavedError(Exception):
    """A file holds no results that can be read; the text says which and why."""


def to_json(reports: Sequence[Report]) -> str:
    """Render the runs as JSON."""
    data = {
        "schema": SCHEMA,
        "suite": SUITE,
        "exit_code": exit_code(reports),
        "seconds": round(sum(one.seconds for one in reports), 3),
        "runs": [as_data(one) for one in reports],
    }
    return json.dumps(data, indent=2) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """Return the run on one kernel as plain data."""
    return {
        "engine": report.engine,
        "server": report.server,
        "kernel": report.kernel,
        "build": report.build,
        "control": report.control,
        "again": report.again,
        "exit_code": report.exit_code,
        "seconds": round(report.seconds, 3),
        "trouble": report.trouble,
        "fault": report.fault,
        "cells": [cell_data(cell) for cell in report.cells],
    }


def cell_data(cell: CellReport) -> dict[str, Any]:
    """Return a cell as plain data."""
    options = cell.mount.split()[3:4]
    return {
        "name": cell.cell.name,
        **asdict(cell.cell),
        "server": cell.server,
        "mount": cell.mount,
        "options": options[0].split(",") if options else [],
        "trouble": cell.trouble,
        "not_run": cell.not_run,
        "scripts": [script_data(script) for script in cell.scripts],
    }


def script_data(script: ScriptReport) -> dict[str, Any]:
    """Return a script as plain data."""
    return {
        "name": script.name,
        "title": script.title,
        "verdict": script.outcome,
        "mount": script.side("mount"),
        "control": script.side("control"),
        "seconds": round(script.seconds, 3),
        "trouble": script.trouble,
        "cut": script.cut,
        "kernel_log": script.kernel_log,
        "kernel_said": script.kernel_said,
        "checks": [check_data(check) for check in script.checks],
    }


def check_data(check: CheckReport) -> dict[str, Any]:
    """Return a check as plain data."""
    return {
        "name": check.name,
        "title": check.title,
        "clauses": check.clauses,
        "verdict": check.outcome,
        "message": check.message,
        "waiver": check.waiver,
        "mount": result_data(check.mount),
        "control": result_data(check.control),
        "trace": check.trace and asdict(check.trace),
        "untraced": check.untraced,
    }


def result_data(result: Result | None) -> dict[str, Any] | None:
    """Return one side's result as plain data; None when it did not run."""
    if result is None:
        return None
    data = {"verdict": result.outcome, "message": result.message, "seconds": result.seconds}
    return data if result.seen is None else {**data, "seen": result.seen}


# And back


def read(path: str) -> list[Report]:
    """Return the runs in a file.  Errors: SavedError"""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as problem:
        raise SavedError(f"{path}: {problem.strerror}") from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("suite") != SUITE:
        raise SavedError(f"{path} is no result of: ninep lab --json {path}")
    schema = data.get("schema")
    if misfit(schema, int) or schema != SCHEMA:
        raise SavedError(f"{path}: schema {schema}; this ninep reads {SCHEMA}")
    found: list[Report] = []
    try:
        where = misfit(data["runs"], list[dict[str, Any]], "runs")
        found += [] if where else [report_of(run) for run in data["runs"]]
        where = where or misfit(found, list[Report], "runs") or next(oddities(found), "")
        where = where or other(data["runs"], json.loads(to_json(found))["runs"], "runs")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        where = f"{type(problem).__name__} {problem}"
    if where:
        raise SavedError(f"{path}: damaged results of ninep lab: {where}")
    return found


def other(here: Any, written: Any, at: str) -> str:
    """Say where results are other than this ninep would write them; nothing if they are not."""
    if type(here) is not type(written):
        return f"{at} is {here!r}"
    if isinstance(here, dict):
        parts = [(f".{key}", key in here and here[key], written[key]) for key in written]
    elif isinstance(here, list) and len(here) == len(written):
        parts = [(f"[{n}]", *pair) for n, pair in enumerate(zip(here, written, strict=True))]
    else:
        return "" if here == written else f"{at} is {here!r}"
    return next(filter(None, (other(a, b, at + name) for name, a, b in parts)), "")


def oddities(reports: Sequence[Report]) -> Iterator[str]:
    """Yield what is there twice, or can be no result."""
    if twice := repeated((one.engine, one.kernel, one.server) for one in reports):
        yield f"two runs of {twice}"
    if misfit(sum(one.seconds for one in reports), float):
        yield "seconds are too many"
    for report in reports:
        if min([report.seconds, *(script.seconds for script in report.scripts)]) < 0:
            yield "seconds are less than none"
        if twice := repeated(cell.cell for cell in report.cells):
            yield f"two cells {twice.name}"
        for cell in report.cells:
            yield from odd_scripts(cell)


def odd_scripts(cell: CellReport) -> Iterator[str]:
    """Yield what is twice in a cell, or never ended and has no word why."""
    if twice := repeated(cell.planned):
        yield f"{twice} is twice in {cell.cell.name}"
    if "" in cell.planned:
        yield f"a script in {cell.cell.name} has no name"
    for script in cell.scripts:
        if twice := repeated(check.name for check in script.checks):
            yield f"two checks {script.name}/{twice}"
        if not script.checks and not script.trouble:
            yield f"{script.name} has no checks"


def repeated(names: Iterable[Any]) -> Any:
    """Return the first that is there more than once, None if none is."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def report_of(data: dict[str, Any]) -> Report:
    """Return one run."""
    names = (
        *("engine", "kernel", "build", "control", "trouble", "fault", "seconds", "server"),
        "again",
    )
    return Report(
        **{name: data[name] for name in names}, cells=[cell_of(cell) for cell in data["cells"]]
    )


def cell_of(data: dict[str, Any]) -> CellReport:
    """Return one cell.  Errors: ValueError (among others)"""
    cell = Cell(data["transport"], data["cache"], data["msize"], data["access"])
    if where := misfit(cell, Cell) or impossible(cell):
        raise ValueError(where)
    scripts = [script_of(script) for script in data["scripts"]]
    planned = sorted([*(script.name for script in scripts), *data["not_run"]])
    return CellReport(
        cell,
        tuple(planned),
        data["server"],
        data["mount"],
        scripts,
        data["trouble"],
    )


def script_of(data: dict[str, Any]) -> ScriptReport:
    """Return one script."""
    return ScriptReport(
        data["name"],
        data["title"],
        [check_of(check) for check in data["checks"]],
        data["kernel_log"],
        data["trouble"],
        data["seconds"],
        data["kernel_said"],
        data["cut"],
    )


def check_of(data: dict[str, Any]) -> CheckReport:
    """Return one check."""
    trace = data["trace"]
    return CheckReport(
        data["name"],
        data["title"],
        tuple(data["clauses"]),
        result_of(data["mount"]),
        result_of(data["control"]),
        data["waiver"],
        trace and Trace(**{**trace, "steps": steps_of(trace["steps"])}),
        data["untraced"],
    )


def steps_of(rows: Iterable[dict[str, Any]]) -> tuple[Step, ...]:
    """Return the messages of a trace.  Errors: ValueError (among others)"""
    found = tuple(Step(**row) for row in rows)
    for one in found:
        bytes.fromhex(one.hex)
    return found


def result_of(data: dict[str, Any] | None) -> Result | None:
    """Return what one side came to."""
    if data is None:
        return None
    return Result(data["verdict"], data["message"], data["seconds"], data.get("seen"))
