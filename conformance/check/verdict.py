"""What cases say when something is not as a clause demands, and what becomes of it.

A case that ends without a word has passed.  `Broken` names the clause, what was expected and what
came; whether that is a `fail` or a `warn` is decided by the clause's row, not by the case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ninep.spec import Clause, spec

Verdict = Literal["pass", "warn", "fail", "error", "n-a", "gap", "waived", "stale"]
"""pass     all as the clauses demand
warn     a SHOULD or a ruling of ours is broken, or a tolerated answer came
fail     a MUST is broken
error    the case could not be judged: a step that is not its subject failed
n-a      the server does not have what the case needs; the probe's answer is the evidence
gap      declared in the profile, but not to be exercised here
waived   fails as a waiver says it does
stale    a waiver says it fails, and it does not
"""
ORDER: tuple[Verdict, ...] = ("fail", "stale", "error", "gap", "warn", "waived", "pass", "n-a")
"""Gravest first."""
BAD: frozenset[Verdict] = frozenset({"fail", "stale", "error", "gap"})
"""Verdicts with which a server does not conform, or is not known to."""

CLAUSES = spec().clauses


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the gravest of several verdicts; n-a if there is none."""
    return min(verdicts, key=ORDER.index, default="n-a")


def weight(clause: Clause) -> Verdict:
    """Return what breaking a clause comes to: only a MUST that is not our own ruling fails."""
    return "fail" if clause.level == "MUST" and clause.basis != "our-choice" else "warn"


@dataclass(slots=True)
class Broken(Exception):  # noqa: N818  a verdict
    """A clause is broken."""

    clause: str
    expected: str
    observed: str
    byte: int | None = None
    """Offset of the first difference, where two runs of bytes were compared."""

    def __str__(self) -> str:
        """Say it in one line."""
        where = "" if self.byte is None else f", first difference at byte {self.byte}"
        return f"{self.clause}: expected {self.expected}; got {self.observed}{where}"


class Unjudged(Exception):  # noqa: N818  a verdict
    """A step before or beside the subject failed, so nothing can be said about the subject."""


class Inapplicable(Unjudged):
    """What the case is about cannot be had here: a small msize, a tree for each connection."""


class SuiteError(Exception):
    """A case did what no case may do: the fault is ours."""


class Gone(Exception):  # noqa: N818  a verdict
    """The server has closed the connection."""


class Silent(Exception):  # noqa: N818  a verdict
    """No reply came before the deadline."""
