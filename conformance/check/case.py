"""What a case is, and how the modules of `conformance/wire/` declare theirs.

    @case("walk/partial-moves-nothing", "walk.partial-result")
    def partial(p: Peer) -> None:
        \"\"\"A walk whose second name is missing makes no newfid.\"\"\"

The id is public: it is never renamed and never given to another case.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any

from ninep.spec import spec

from .peer import Peer
from .verdict import CLAUSES

WIRE = Path(__file__).parents[1] / "wire"
Run = Callable[..., None]
LABEL = 32
"""Characters of a parameter that stand in an id."""


class Start(Enum):
    """How far a connection has got when a case begins."""

    BARE = auto()
    """connected, nothing sent"""
    VERSION = auto()
    """a dialect is agreed on"""
    ATTACHED = auto()
    """`ROOT` is attached"""
    INSIDE = auto()
    """`DIR` is an empty directory of the case's own; needs a server that can be written to"""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a function that gets a `Peer` and complains, or does not."""

    id: str
    """area/slug, with [parameter] behind it where one function stands for several cases."""
    title: str
    clauses: tuple[str, ...]
    needs: tuple[str, ...]
    """Capabilities that the server must have, by the names of `probe`."""
    dialects: tuple[str, ...]
    start: Start
    run: Callable[[Peer], None]
    where: str = ""
    """File and line of the function."""

    @property
    def area(self) -> str:
        """The page of the manual that it is filed under."""
        return self.id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Declared:
    """A function with its declaration; `cases` are what it stands for."""

    function: Run
    cases: tuple[Case, ...]


def case(
    name: str,
    *clauses: str,
    needs: Sequence[str] = (),
    start: Start = Start.INSIDE,
    dialects: Sequence[str] | Callable[[Any], Sequence[str]] = (),
    each: Iterable[Any] = (),
) -> Callable[[Run], Declared]:
    """Declare a function as the case `name` on `clauses`, or as one case for each of `each`.

    `dialects` narrows those in which all the clauses apply.  With `each` the function gets the
    value after the `Peer`, and the value's text stands in brackets behind the id; `dialects` may
    then be a function of the value.
    """

    def narrowed(value: Any) -> tuple[str, ...]:
        return dialects_of(clauses, dialects(value) if callable(dialects) else dialects)

    def declare(function: Run) -> Declared:
        title = (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
        where = f"{inspect.getsourcefile(function)}:{function.__code__.co_firstlineno}"
        made = [
            Case(full, title, clauses, tuple(needs), narrowed(value), start, run, where)
            for full, value, run in variants(name, function, tuple(each))
        ]
        return Declared(function, tuple(made))

    return declare


def variants(name: str, function: Run, each: tuple[Any, ...]) -> Iterable[tuple[str, Any, Run]]:
    """Yield id, value and function of each case that a function stands for."""
    if not each:
        yield name, None, function
    for value in each:
        yield f"{name}[{label(value)}]", value, bound(function, value)


def bound(function: Run, value: Any) -> Run:
    """Return the function for one value."""
    return lambda peer: function(peer, value)


def label(value: Any) -> str:
    """Return the stable text of a parameter: its own, or of a sequence its first item."""
    if isinstance(value, tuple):
        return label(value[0])
    text = value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value)
    return ascii(text[:LABEL])[1:-1] or "empty"


def dialects_of(clauses: Sequence[str], narrowed: Sequence[str]) -> tuple[str, ...]:
    """Return the dialects in which every one of some clauses applies."""
    found = set(spec().standard).intersection(*(CLAUSES[c].applies_in(spec()) for c in clauses))
    return tuple(d for d in spec().standard if d in found and (not narrowed or d in narrowed))


@cache
def load_all() -> dict[str, Case]:
    """Return every case by its id, in order of page and declaration.

    Errors: ValueError (two cases have one id)
    """
    found: dict[str, Case] = {}
    for path in sorted(WIRE.glob("[a-z]*.py")):
        module = importlib.import_module(f"{__package__.rpartition('.')[0]}.wire.{path.stem}")
        for declared in vars(module).values():
            for one in declared.cases if isinstance(declared, Declared) else ():
                if one.id in found or not one.title or one.area != path.stem:
                    raise ValueError(f"{path.name}: {one.id} is there twice, or misfiled")
                found[one.id] = one
    return found
