"""results.json: what is written can be read back, and made into every report again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ninep.conformance.kernel import saved
from ninep.conformance.kernel.saved import SavedError

from .test_kernel_report import HOSTILE, sample


def test_there_and_back(tmp_path: Path) -> None:
    """Nothing is lost on the way."""
    path = tmp_path / "results.json"
    text = saved.to_json([sample(HOSTILE)])
    path.write_text(text, encoding="utf-8")
    assert saved.to_json(saved.read(str(path))) == text


def written(path: Path, text: str) -> str:
    """Write a file and return its path."""
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"runs": [1]}', "[" * 100_000, '{"suite": "ninep check", "runs": []}']
)
def test_what_is_no_result(text: str, tmp_path: Path) -> None:
    """Another file is named with what was expected."""
    with pytest.raises(SavedError, match="is no result of: ninep lab --json"):
        saved.read(written(tmp_path / "other.json", text))


@pytest.mark.parametrize("schema", [99, 3.0, True, "3", None])
def test_results_of_another_version(schema: object, tmp_path: Path) -> None:
    """Its schema is named, and the one that is read."""
    data = json.loads(saved.to_json([sample()])) | {"schema": schema}
    with pytest.raises(SavedError, match=f"schema {schema}; this ninep reads 3"):
        saved.read(written(tmp_path / "results.json", json.dumps(data)))


def twice(where: str) -> Callable[[Any], None]:
    """Return a function that repeats the first of some things in results."""

    def change(data: Any) -> None:
        run = data["runs"][0]
        cell = run["cells"][0]
        script = cell["scripts"][0]
        found = {"runs": data["runs"], "cells": run["cells"], "scripts": cell["scripts"],
                 "checks": script["checks"]}[where]  # fmt: skip
        found.append(found[0])

    return change


def set_script(**fields: object) -> Callable[[Any], None]:
    """Return a function that changes fields of the first script in results."""

    def change(data: Any) -> None:
        data["runs"][0]["cells"][0]["scripts"][0].update(fields)

    return change


def set_cell(**fields: object) -> Callable[[Any], None]:
    """Return a function that changes fields of the first cell in results."""
    return lambda data: data["runs"][0]["cells"][0].update(fields)


def set_trace(**fields: object) -> Callable[[Any], None]:
    """Return a function that changes fields of a message in results."""

    def change(data: Any) -> None:
        checks = data["runs"][0]["cells"][0]["scripts"][0]["checks"]
        next(check for check in checks if check["trace"])["trace"]["steps"][0].update(fields)

    return change


def set_seen(data: Any) -> None:
    """Put something very deep into results."""
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    data["runs"][0]["cells"][0]["scripts"][0]["checks"][0]["mount"]["seen"] = deep


def many_seconds(data: Any) -> None:
    """Have two runs take more time than a number can say."""
    data["runs"].append({**data["runs"][0], "server": "other"})
    for run in data["runs"]:
        run["seconds"] = 1e308


def set_check(**fields: object) -> Callable[[Any], None]:
    """Return a function that changes fields of the first check in results."""
    return lambda data: data["runs"][0]["cells"][0]["scripts"][0]["checks"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (twice("runs"), "two runs of .*6.1.176"),
        (twice("cells"), "two cells tcp,cache=none"),
        (twice("scripts"), "01_s is twice in tcp,cache=none"),
        (twice("checks"), "two checks 01_s/good"),
        (set_script(checks=[]), "01_s has no checks"),
        (set_script(seconds=float("nan")), "seconds is nan"),
        (set_script(seconds="x"), "seconds is 'x'"),
        (set_script(seconds=True), "seconds is True"),
        (set_script(seconds=10**400), "seconds is 1000"),
        (lambda data: data.update(runs={}), "runs is {}"),
        (set_cell(msize=-5), "msize is -5"),
        (set_cell(msize=10**30), "msize is 1000"),
        (set_cell(transport="pigeon"), "transport is 'pigeon'"),
        (set_cell(cache=""), "cache is ''"),
        (set_cell(access="all"), "access is 'all'"),
        (set_cell(scripts={}), "scripts is {}"),
        (set_cell(not_run={"02_t": 1}), "not_run is {"),
        (set_cell(not_run="02_t"), "not_run is '02_t'"),
        (set_cell(not_run=[""]), "a script in tcp,cache=none has no name"),
        (set_check(clauses="abc"), r"checks\[0\].clauses is 'abc'"),
        (set_check(clauses={}), r"checks\[0\].clauses is {}"),
        (set_check(verdict="fail"), "verdict is 'fail'"),
        (set_trace(hex="zz"), "non-hexadecimal"),
        (set_seen, "RecursionError"),
        (set_script(seconds=-1.0), "seconds are less than none"),
        (lambda data: data["runs"][0].update(cells={}, exit_code=0), "cells is {}"),
        (many_seconds, "seconds are too many"),
        (lambda data: data["runs"][0].pop("again"), "KeyError 'again'"),
    ],
)
def test_damaged_results(change: Callable[[Any], None], said: str, tmp_path: Path) -> None:
    """What cannot have been written so is refused by name."""
    data = json.loads(saved.to_json([sample()]))
    change(data)
    with pytest.raises(SavedError, match=f"damaged results of ninep lab: .*{said}"):
        saved.read(written(tmp_path / "results.json", json.dumps(data)))
