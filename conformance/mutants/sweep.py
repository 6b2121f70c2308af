"""Cases against mutants: who kills whom.

    python -m ninep.conformance.mutants.sweep                every mutant, up to its first killer
    python -m ninep.conformance.mutants.sweep --all GLOB     every case on the mutants named so
    python -m ninep.conformance.mutants.sweep --record       renew `kills.json`

A mutant is killed by a case that passes on our server and does not on the mutant.  The mutant is
put in when the case begins, so that what precedes it (Tversion, Tattach, a directory) works.
`kills.json` keeps enough of that to show at every test run that each mutant is killed, and that
each case kills.
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
from itertools import islice
from pathlib import Path

from ninep.spec import spec

from ..check.case import Case, load_all
from ..check.model import DialectReport, Options
from ..check.runner import Runner
from .mechanical import mechanical
from .mutant import Mutant, semantic
from .reference import NAMED, Reference

KILLS_FILE = Path(__file__).with_name("kills.json")
DEADLINE = 0.3
"""Seconds; the server is in this very process."""
KILLS = frozenset({"fail", "warn"})
AGAIN = 3
"""Times that a case must kill before that is written down."""
Found = tuple[str, list[str]]
"""A mutant and cases that kill it, or a case and mutants that it kills."""


@cache
def mutants() -> dict[str, Mutant]:
    """Return every mutant by its id."""
    return {mutant.id: mutant for mutant in (*semantic(), *mechanical())}


def options(dialect: str) -> Options:
    """Return how a run in one dialect is made."""
    return Options((dialect,), uname=b"root", uid=0, aname=NAMED)


@cache
def met(dialect: str, *, readonly: bool) -> DialectReport:
    """Return what our own server, unspoiled, can do."""
    runner = Runner(Reference(readonly=readonly), "reference", options(dialect))
    try:
        runner.meet()
    finally:
        runner.target.close()
    return runner.report.dialects[0]


@contextmanager
def bench(mutant: Mutant) -> Iterator[Runner]:
    """Provide a fresh server, into which the mutant is put while a case runs."""
    runner = Runner(Reference(readonly=mutant.readonly), mutant.id, options(mutant.dialect))
    runner.deadline, runner.patience = DEADLINE, sys.maxsize
    runner.make_directory(mutant.dialect)
    runner.around = mutant.put
    try:
        yield runner
    finally:
        runner.target.close()


def killers(mutant: Mutant, cases: Iterable[Case]) -> Iterator[str]:
    """Yield the ids of the cases that see the difference, as they are found."""
    with bench(mutant) as runner:
        for case in cases:
            if mutant.dialect in case.dialects:
                result = runner.judge(case, met(mutant.dialect, readonly=mutant.readonly))
                if result.verdict in KILLS:
                    yield case.id


def surely(mutant: Mutant, case: Case) -> bool:
    """Say whether a case kills a mutant every time."""
    return all(list(killers(mutant, [case])) for _ in range(AGAIN))


def distance(mutant: Mutant, case: Case) -> int:
    """Say how near a case is to a mutant: on its clause, about its message, or neither."""
    clauses = spec().clauses
    if mutant.clause in case.clauses:
        return 0
    return 1 if any(mutant.on in clauses[c].on for c in case.clauses) else 2


def first_killer(name: str) -> Found:
    """Return a mutant's id and, if there is one, the first case that kills it."""
    logging.disable()
    mutant = mutants()[name]
    nearest = sorted(load_all().values(), key=lambda case: distance(mutant, case))
    found = (case for case in killers(mutant, nearest) if surely(mutant, load_all()[case]))
    return name, list(islice(found, 1))


def all_killers(name: str) -> Found:
    """Return a mutant's id and all cases that kill it."""
    logging.disable()
    return name, list(killers(mutants()[name], load_all().values()))


def first_victim(name: str) -> Found:
    """Return a case's id and, if there is one, the first mutant that it kills."""
    logging.disable()
    case = load_all()[name]
    nearest = sorted(mutants().values(), key=lambda mutant: distance(mutant, case))
    return name, list(islice((mutant.id for mutant in nearest if surely(mutant, case)), 1))


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep; return 1 if a mutant survives that is not said to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.mutants.sweep")
    parser.add_argument("mutant", nargs="*", default=["*"], help="ids or globs")
    parser.add_argument("--all", action="store_true", help="find every killer, not just one")
    parser.add_argument("--record", action="store_true", help="write what was found to kills.json")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(argv)
    names = [n for n in mutants() if any(fnmatchcase(n, glob) for glob in args.mutant)]
    kills = shown(names, all_killers if args.all else first_killer, args.jobs)
    if args.record:
        record(kills, args.jobs)
    lived = [n for n in names if not kills[n] and not mutants()[n].equivalent]
    print(f"{len(names)} mutants, {len(names) - len(lived)} killed or equivalent")
    return 1 if lived else 0


def shown(names: Sequence[str], find: Callable[[str], Found], jobs: int) -> dict[str, list[str]]:
    """Find in several processes; show each as it is done."""
    found: dict[str, list[str]] = {}
    with ProcessPoolExecutor(jobs) as pool:
        for name, others in pool.map(find, names):
            found[name] = others
            print("killed  " if others else "SURVIVES", name, *others, flush=True)
    return found


def record(kills: dict[str, list[str]], jobs: int) -> None:
    """Write down one killer of each mutant, and one victim of each case that is none of these."""
    busy = {case for cases in kills.values() for case in cases}
    idle = [c.id for c in load_all().values() if c.id not in busy]
    for case, victims in shown(idle, first_victim, jobs).items():
        for victim in victims:
            kills[victim].append(case)
    kept = {name: cases for name, cases in kills.items() if cases}
    KILLS_FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def recorded() -> dict[str, list[str]]:
    """Return who kills whom, as it was last written down."""
    kills: dict[str, list[str]] = json.loads(KILLS_FILE.read_text(encoding="utf-8"))
    return kills


if __name__ == "__main__":
    sys.exit(main())
