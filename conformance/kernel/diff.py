"""`ninep lab diff A B`: what came to something else between runs, kernels, servers or cells.

A and B are files that `ninep lab --json` wrote, each with a choice behind it if more than one fits:

    before.json after.json              two runs of one kernel and server
    all.json:6.1 all.json:7.2           two kernels of one run
    all.json:ninep all.json:diod        two servers
    all.json:cache=none all.json:cache=loose

A choice may have several words, `all.json:6.12:ninep:cache=none`; each is a part of the kernel's
release, the engine, the server or the cell.  Of cells that differ in the transport alone the first
one counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..text import visible
from . import saved
from .model import CellReport, CheckReport, Report, Result

Checks = dict[str, CheckReport]
"""Results by script and check."""
BESIDE = ", beside its checks"
"""Behind the name of a script, or the guest, for what went wrong or a kernel said there."""
SERVER = 2
"""Where the server stands in a cell's name: a word that is one means no engine."""


class DiffError(Exception):
    """One side is not one; the text says which and what there is."""


def side(text: str) -> tuple[str, Checks]:
    """Return what one side is called and what its checks came to.  Errors: DiffError, SavedError"""
    path, choice = file_of(text)
    cells = read(path)
    words = words_of(choice, {name[SERVER] for name, _ in cells})
    for word in words:
        called = [cell for cell in cells if cell[0][SERVER] == word]
        cells = called or [cell for cell in cells if any(word in part for part in cell[0])]
    if not cells:
        raise DiffError(f"{text}: nothing there is called so; there are: {there(read(path))}")
    kinds = {name[:3] for name, _ in cells}
    if len(kinds) > 1:
        raise DiffError(f"{text}: choose one of several: {there(cells)}")
    modes = {name[-1].partition(",")[2] for name, _ in cells}
    found: Checks = {}
    for name, checks in cells:
        mode = f"{name[-1].partition(',')[2]} " if len(modes) > 1 else ""
        for check, result in checks.items():
            found.setdefault(mode + check, result)
    return " ".join([path, *words]), found


def file_of(text: str) -> tuple[str, str]:
    """Return the file and the choice behind it; a file's name may have colons."""
    parts = text.split(":")
    names = [":".join(parts[:end]) for end in range(len(parts), 0, -1)]
    path = next((name for name in names if Path(name).is_file()), parts[0])
    return path, text[len(path) + 1 :]


def words_of(choice: str, servers: Iterable[str]) -> list[str]:
    """Return the words of a choice; a server's name may have colons."""
    rest, found = f":{choice}:", []
    for name in sorted(servers, key=len, reverse=True):
        if name and f":{name}:" in rest:
            rest = rest.replace(f":{name}:", ":", 1)
            found.append(name)
    return [*found, *filter(None, rest.split(":"))]


def there(cells: Iterable[tuple[tuple[str, ...], Checks]]) -> str:
    """Return what there is to choose from."""
    return ", ".join(dict.fromkeys(":".join(name) for name, _ in cells)) or "no run"


def read(path: str) -> list[tuple[tuple[str, ...], Checks]]:
    """Return each cell of a file, by engine, kernel, server and its own name.

    Errors: SavedError
    """
    return [
        ((run.engine, run.kernel, run.server, cell.cell.name), checks(run, cell))
        for run in saved.read(path)
        for cell in run.cells
    ]


def checks(run: Report, cell: CellReport) -> Checks:
    """Return the checks of a cell, and what went wrong or was said beside them."""
    found = {f"{s.name}/{check.name}": check for s in cell.scripts for check in s.checks}
    beside = {"the guest": run.fault or run.trouble or cell.trouble}
    for script in cell.scripts:
        beside[script.name] = "; ".join(filter(None, [script.trouble, *script.kernel_log]))
    return found | {
        f"{name}{BESIDE}": CheckReport("", mount=Result("fail", text))
        for name, text in beside.items()
        if text
    }


def said(found: Checks, name: str) -> tuple[str, str]:
    """Return what a check came to, and why; beside the checks nothing is said if all is well."""
    if (check := found.get(name)) is None:
        return "pass" if name.endswith(BESIDE) else "not run", ""
    return check.outcome, visible(check.message)


def compare(one: str, other: str) -> tuple[list[str], bool]:
    """Return the difference as lines, and whether there is one.

    Errors: DiffError, SavedError
    """
    (a, left), (b, right) = side(one), side(other)
    lines = [f"A  {a}", f"B  {b}", ""]
    differing = [
        name
        for name in dict.fromkeys([*left, *right])
        if said(left, name)[0] != said(right, name)[0]
    ]
    for name in differing:
        lines.append(name)
        for letter, found in (("A", left), ("B", right)):
            outcome, why = said(found, name)
            lines.append(f"  {letter}  {outcome:8} {why}".rstrip())
    same = len({*left, *right}) - len(differing)
    return [*lines, f"{len(differing)} checks differ, {same} came to the same"], bool(differing)
