"""The scripts as data: found, described, and kept to the rules of the lab."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import ninep.conformance.kernel as package
from ninep.conformance.kernel.catalog import Script, describe, load_all, script_names, select

ROOT = Path(str(package.__file__)).parent
SPEC = ROOT.resolve().parents[1] / "spec/clauses.toml"
SCRIPTS = load_all()
FEWEST_CHECKS = 90


def test_enough_checks() -> None:
    """There are as many checks as were asked for."""
    assert sum(len(script.checks) for script in SCRIPTS) >= FEWEST_CHECKS


def test_numbers_are_unique() -> None:
    """No two scripts have one number."""
    numbers = Counter(name.partition("_")[0] for name in script_names())
    assert set(numbers.values()) == {1}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_everything_is_described(script: Script) -> None:
    """Every script and check says in a line what it is about."""
    assert script.title
    assert script.checks
    assert [check.name for check in script.checks if not check.title.endswith((".", ":"))] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_clauses_exist(script: Script) -> None:
    """Every clause that a check names is in the table."""
    table = tomllib.loads(SPEC.read_text(encoding="utf-8"))
    known = {f"{page}.{name}" for page, rows in table.items() for name in rows}
    cited = {clause for check in script.checks for clause in check.clauses}
    assert cited - known == set()


def test_unknown_need_is_refused() -> None:
    """A misspelled need is found when the script is read, not when it runs."""
    module = ModuleType("script")
    module.__dict__["NEEDS"] = ("rooot",)
    with pytest.raises(ValueError, match="rooot"):
        describe("99_script", module)


def test_select() -> None:
    """Globs mean whole names or names without number; the order stays; misses are named."""
    names = ["01_lookup", "02_create", "10_attributes"]
    assert select(names, ["create", "01*"]) == (["01_lookup", "02_create"], [])
    assert select(names, ["*"]) == (names, [])
    assert select(names, ["lookup", "nothing"]) == (["01_lookup"], ["nothing"])


HOST = {
    "docker.py": {"docker"},
    **{f"{name}.py": {"ninep"} for name in ("html", "record", "serving")},
}
"""What modules import that no guest runs."""


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.name)
def test_only_the_standard_library(path: Path) -> None:
    """Nothing but the standard library and the package itself is imported, and nobody sleeps.

    A guest's interpreter has nothing else.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [str(node.module) for node in froms if node.level == 0]
    extra = HOST.get(path.name, set())
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | extra
    attributes = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert "sleep" not in attributes
