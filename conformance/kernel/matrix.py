"""A run as a matrix: scripts down, and across the kernels, servers and cells they ran on."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .model import DIED, FAILED, FAULT, GOOD, CellReport, Report, ScriptReport, exit_code

MEANING = {
    GOOD: "All that ran is as it should be.",
    FAILED: "Scripts failed.",
    DIED: "A kernel or a server did not come up, died, or was stopped.",
    FAULT: "The environment or the lab itself is at fault.",
}
NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True)
class Column:
    """One cell of one run, and what tells it from the others."""

    report: Report
    cell: CellReport
    names: tuple[str, ...]

    def again(self, script: str) -> str:
        """Return the command that runs a script of it once more."""
        words = [*self.cell.cell.arguments, "--script", script]
        return f"{self.report.again} {shlex.join(words)}"

    def script(self, name: str) -> ScriptReport | None:
        """Return what a script came to, None if it never began."""
        return next((script for script in self.cell.scripts if script.name == name), None)


def sentence(reports: Sequence[Report]) -> str:
    """Say the verdict as a sentence."""
    return MEANING[exit_code(reports)]


def columns(reports: Sequence[Report]) -> list[Column]:
    """Return all cells of all runs; servers are named where there are several."""
    several = len({one.server for one in reports}) > 1
    return [
        Column(one, cell, (kernel(one), *([one.server] if several else []), cell.cell.name))
        for one in reports
        for cell in one.cells
    ]


def kernel(one: Report) -> str:
    """Name the kernel of a run."""
    return f"{one.engine}:{one.kernel}" if one.kernel else one.engine


def rows(found: Sequence[Column]) -> Iterator[tuple[str, list[ScriptReport | str]]]:
    """Yield each script with what it came to in each column: nothing where it was not planned."""
    for name in sorted({name for column in found for name in column.cell.planned}):
        yield (
            name,
            [
                (column.script(name) or NOT_RUN) if name in column.cell.planned else ""
                for column in found
            ],
        )


def mark(script: ScriptReport | str) -> str:
    """Say in a word what a script came to, with how many checks if that is not all of them."""
    if isinstance(script, str):
        return script
    count = Counter(check.outcome for check in script.checks)[script.outcome]
    part = f" {count} of {len(script.checks)}" if 0 < count < len(script.checks) else ""
    return f"{script.outcome}{'' if script.outcome == 'pass' else part}"
