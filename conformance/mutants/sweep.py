"""Cases against mutants: who kills whom.

    python -m ninep.conformance.mutants.sweep                every mutant, up to its first killer
    python -m ninep.conformance.mutants.sweep --all GLOB     every case on the mutants named so
    python -m ninep.conformance.mutants.sweep --record       renew `kills.json`

A mutant is killed by a case that passes on our server and does not on the mutant.  The mutant is
put in when the case begins, so that what precedes it (Tversion, Tattach, a directory) works.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from ninep.spec import spec

from ..check.case import Case, load_all
from ..check.model import DialectReport, Options
from ..check.runner import Runner
from .mechanical import mechanical
from .mutant import Mutant, semantic
from .reference import Reference

KILLS_FILE = Path(__file__).with_name("kills.json")
DIALECT = "9P2000.L"
OPTIONS = Options((DIALECT,), uname=b"root", uid=0)
DEADLINE = 0.3
"""Seconds; the server is in this very process."""
Find = Callable[[str], tuple[str, list[str]]]
KILLS = frozenset({"fail", "warn"})


@cache
def mutants() -> dict[str, Mutant]:
    """Return every mutant by its id."""
    return {mutant.id: mutant for mutant in (*semantic(), *mechanical())}


@cache
def met(*, readonly: bool) -> DialectReport:
    """Return what our own server, unspoiled, can do."""
    runner = Runner(Reference(readonly=readonly), "reference", OPTIONS)
    try:
        runner.meet()
    finally:
        runner.target.close()
    return runner.report.dialects[0]


@contextmanager
def bench(mutant: Mutant) -> Iterator[Runner]:
    """Provide a fresh server, into which the mutant is put while a case runs."""
    runner = Runner(Reference(readonly=mutant.readonly), mutant.id, OPTIONS)
    runner.deadline = DEADLINE
    runner.make_directory(DIALECT)
    runner.around = mutant.put
    try:
        yield runner
    finally:
        runner.target.close()


def killers(mutant: Mutant, cases: Iterable[Case]) -> Iterator[str]:
    """Yield the ids of the cases that see the difference, as they are found."""
    with bench(mutant) as runner:
        for case in cases:
            if DIALECT in case.dialects:
                result = runner.judge(case, met(readonly=mutant.readonly))
                if result.verdict in KILLS:
                    yield case.id


def by_likelihood(mutant: Mutant, cases: Iterable[Case]) -> list[Case]:
    """Return the cases, those first that cite the mutant's clause or are about its message."""
    clauses = spec().clauses

    def distance(case: Case) -> int:
        if mutant.clause in case.clauses:
            return 0
        about = any(mutant.on in clauses[c].on for c in case.clauses)
        return 1 if mutant.on and about else 2

    return sorted(cases, key=distance)


def first_killer(name: str) -> tuple[str, list[str]]:
    """Return a mutant's id and, if there is one, the case that kills it first."""
    logging.disable()
    mutant = mutants()[name]
    for found in killers(mutant, by_likelihood(mutant, load_all().values())):
        return name, [found]
    return name, []


def all_killers(name: str) -> tuple[str, list[str]]:
    """Return a mutant's id and all cases that kill it."""
    logging.disable()
    return name, list(killers(mutants()[name], load_all().values()))


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep; return 1 if a mutant survives that is not said to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.mutants.sweep")
    parser.add_argument("mutant", nargs="*", default=["*"], help="ids or globs")
    parser.add_argument("--all", action="store_true", help="find every killer, not just one")
    parser.add_argument("--record", action="store_true", help="write what was found to kills.json")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(argv)
    names = [n for n in mutants() if any(fnmatchcase(n, glob) for glob in args.mutant)]
    kills = dict(shown(names, all_killers if args.all else first_killer, args.jobs))
    if args.record:
        KILLS_FILE.write_text(json.dumps(kills, indent=1) + "\n", encoding="utf-8")
    lived = [n for n in names if not kills[n] and not mutants()[n].equivalent]
    print(f"{len(names)} mutants, {len(names) - len(lived)} killed or equivalent")
    return 1 if lived else 0


def shown(names: Sequence[str], find: Find, jobs: int) -> Iterator[tuple[str, list[str]]]:
    """Sweep in several processes; show each mutant as it is done."""
    with ProcessPoolExecutor(jobs) as pool:
        for name, found in pool.map(find, names):
            word = "killed  " if found else "SURVIVES"
            print(word, name, *found, flush=True)
            yield name, found


if __name__ == "__main__":
    sys.exit(main())
