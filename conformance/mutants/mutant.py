"""What a mutant is, and all there are.

A row of `semantic/PAGE.toml` has

    id          its name; the file is the page of its clause
    clause      the clause that it breaks
    seam        `module:function` or `module:Class.method` of our own server, or a constant
    old, new    a piece of the source there, which occurs exactly once, and what stands in its
                place; a constant has only `new`, an expression
    dialect     in which it is to be seen; 9P2000.L unless said otherwise
    readonly    true: the server exports read-only
    waits       true: its files take their time, so that requests overlap
    equivalent  why nobody can see the difference; without it some case must
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..table import load
from .seam import replaced
from .unhurried import unhurried

Patch = AbstractContextManager[object]
"""A change to our own server, for as long as the context lasts."""
DIALECT = "9P2000.L"
TABLES = Path(__file__).with_name("semantic")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A way to be wrong."""

    id: str
    clause: str
    """The clause that it breaks."""
    family: str
    """semantic, mechanical or degenerate"""
    put: Callable[[], Patch]
    """Puts it into the server."""
    equivalent: str = ""
    """Why nobody can tell it from the original; empty: it must be killed."""
    readonly: bool = False
    """Whether it exports read-only."""
    on: str = ""
    """The R-message that it spoils, if it is one."""
    dialect: str = DIALECT
    """In which it is to be seen."""
    memory: bool = False
    """Whether it is wrong in the tree in memory alone."""


def semantic() -> list[Mutant]:
    """Return the mutants of `semantic/`, page by page."""
    tables = [load(path) for path in sorted(TABLES.glob("*.toml"))]
    return [from_row(row) for table in tables for row in table["mutant"]]


def from_row(row: dict[str, Any]) -> Mutant:
    """Return the mutant of one row."""
    put = partial(put_in, row)
    optional = {key: row[key] for key in ("equivalent", "readonly", "dialect") if key in row}
    memory = "memory" in row["seam"].partition(":")[0]
    return Mutant(row["id"], row["clause"], "semantic", put, memory=memory, **optional)


@contextmanager
def put_in(row: dict[str, Any]) -> Iterator[None]:
    """Put the mutant of one row into the server."""
    with ExitStack() as stack:
        stack.enter_context(replaced(row["seam"], row.get("old", ""), row["new"]))
        if row.get("waits"):
            stack.enter_context(unhurried())
        yield
