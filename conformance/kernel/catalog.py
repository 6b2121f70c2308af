"""The numbered scripts: found by file name, read as modules, described without being run."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

from .needs import valid
from .place import Place

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Check:
    """One function `check_…` of a script; `clauses` are the rows of the spec it stands on."""

    name: str
    title: str
    needs: tuple[str, ...]
    clauses: tuple[str, ...]
    run: Callable[[Place], object]
    """May return what it has seen, to be kept with its result."""


@dataclass(frozen=True, slots=True)
class Script:
    """One numbered module: its checks, and what it declares as data.

    `short` scripts also run in the default plan's second transport, `long` ones when they are
    asked for.  One that `meets` needs another guest.  `prepare` fills the directory behind the
    server's back before the checks run.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    short: bool
    long: bool
    deadline: float
    meets: bool
    prepare: Callable[[Path], None] | None
    checks: tuple[Check, ...]


def script_names() -> list[str]:
    """Return the names of all scripts in their order."""
    return sorted(path.stem for path in SCRIPTS.glob("[0-9]*_*.py"))


def load(name: str) -> Script:
    """Import one script."""
    return describe(name, importlib.import_module(f"{__package__}.scripts.{name}"))


def load_all() -> list[Script]:
    """Import every script, in order."""
    return [load(name) for name in script_names()]


def describe(name: str, module: ModuleType) -> Script:
    """Read a module's declarations; a need that nobody knows is an error of the script."""
    needs = tuple(getattr(module, "NEEDS", ()))
    checks = tuple(
        describe_check(key.removeprefix("check_"), value)
        for key, value in vars(module).items()
        if key.startswith("check_") and inspect.isfunction(value)
    )
    for need in (*needs, *(need for check in checks for need in check.needs)):
        if not valid(need):
            raise ValueError(f"{name}: unknown need {need!r}")
    return Script(
        name=name,
        title=first_line(module),
        needs=needs,
        short=getattr(module, "SHORT", False),
        long=getattr(module, "LONG", False),
        deadline=getattr(module, "DEADLINE", 0.0),
        meets="neighbour" in needs,
        prepare=getattr(module, "prepare", None),
        checks=checks,
    )


def describe_check(name: str, function: Callable[[Place], None]) -> Check:
    """Read a check's declarations and its docstring."""
    needs = function.__dict__.get("needs", ())
    return Check(name, first_line(function), needs, clauses_of(function), function)


def clauses_of(documented: object) -> tuple[str, ...]:
    """Return the clause ids that a docstring names under "Clauses:"."""
    named = (inspect.getdoc(documented) or "").partition("Clauses:")[2]
    return tuple(named.replace(",", " ").split())


def first_line(documented: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def select(names: Iterable[str], globs: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the scripts that any glob names, and the globs that name none.

    A glob is held against the whole name and against the name without its number.
    """
    known, wanted = list(names), list(globs)
    hits = {glob: [name for name in known if matches(name, glob)] for glob in wanted}
    chosen = {name for found in hits.values() for name in found}
    return [name for name in known if name in chosen], [glob for glob in wanted if not hits[glob]]


def matches(name: str, glob: str) -> bool:
    """Tell whether `glob` means the script `name`."""
    return fnmatchcase(name, glob) or fnmatchcase(name.partition("_")[2], glob)
