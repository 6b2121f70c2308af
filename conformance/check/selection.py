"""Which cases are meant: by id, by glob, by clause, by level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ninep.spec import LEVELS

from .case import Case
from .model import UsageError
from .verdict import CLAUSES


def matches(case_id: str, pattern: str) -> bool:
    """Say whether a pattern means a case: its id, that without the parameter, a glob, its page."""
    family, area = case_id.partition("[")[0], case_id.partition("/")[0]
    return pattern in (case_id, family, area) or fnmatchcase(case_id, pattern)


def means(case: Case, pattern: str) -> bool:
    """Say whether a pattern means a case, or a clause that it judges."""
    if "." in pattern and "/" not in pattern:
        return any(fnmatchcase(clause, pattern) for clause in case.clauses)
    return matches(case.id, pattern)


def chosen(cases: Iterable[Case], only: Sequence[str], level: str) -> list[Case]:
    """Return the cases that some pattern means and that judge a clause of the level or a graver.

    Errors: UsageError
    """
    everything = list(cases)
    for pattern in only:
        if not any(means(one, pattern) for one in everything):
            raise UsageError(f"--only {pattern}: {unmatched(pattern, everything)}")
    levels = LEVELS[: LEVELS.index(level) + 1]
    found = [
        one
        for one in everything
        if (not only or any(means(one, pattern) for pattern in only))
        and (not one.clauses or any(CLAUSES[clause].level in levels for clause in one.clauses))
    ]
    if not found:
        raise UsageError(f"no case that was selected judges a clause of level {level}")
    return found


def unmatched(pattern: str, cases: Iterable[Case]) -> str:
    """Say why a pattern means nothing, and what may have been meant."""
    if pattern in CLAUSES:
        clause = CLAUSES[pattern]
        why = f": {clause.why}" if clause.why else ""
        return f"no case over the wire judges this clause{why}"
    known = [*(one.id for one in cases), *CLAUSES]
    return f"no case and no clause is named so{did_you_mean(pattern, known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that names what is spelt nearly like a word; empty if nothing is."""
    families = dict.fromkeys(name.partition("[")[0] for name in known)
    close = get_close_matches(word, families, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
