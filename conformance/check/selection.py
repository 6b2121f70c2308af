"""Which cases are meant: by id, by glob, by clause, by level."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ninep.spec import LEVELS

from .case import Case
from .model import UsageError
from .verdict import CLAUSES


def matches(name: str, pattern: str, separator: str = "/") -> bool:
    """Say whether a pattern means a case: its id, that without the parameter, a glob, its page.

    With the separator "." it is a clause that is meant, or all of its area.
    """
    family, area = name.partition("[")[0], name.partition(separator)[0]
    return pattern in (name, family, area) or fnmatchcase(name, pattern)


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
            raise UsageError(f"{pattern}: {unmatched(pattern, everything)}")
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
    """Return a question that names what is spelt nearly like a word; empty if nothing is.

    Known are names, what stands before their brackets, and all of a page or an area of clauses.
    """
    families = dict.fromkeys(name.partition("[")[0] for name in known)
    globs = dict.fromkeys(re.sub(r"(?<=[/.]).*", "*", name) for name in families)
    close = get_close_matches(word, globs | families, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
