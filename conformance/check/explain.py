"""What a clause says, what a case does, and how each finds the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ninep.spec import Clause, spec

from ..text import Paint
from .case import Case, Start
from .model import UsageError
from .people import wrapped
from .selection import did_you_mean, matches
from .verdict import CLAUSES, weight

WHERE = {
    "wire": "seen on the wire",
    "kernel": "seen through a kernel's mount",
    "out-of-band": "seen beside the protocol only",
    "untestable": "not to be seen",
}
OUTCOME = {
    "fail": "breaking it fails: the server does not conform",
    "warn": "breaking it is a warning: {why}",
}


def listed(cases: Sequence[Case]) -> list[str]:
    """Return a line for each case."""
    return [f"{one.id}  {one.title}  ({', '.join(one.clauses)}){needs_text(one)}" for one in cases]


def needs_text(one: Case) -> str:
    """Say what a server must have for a case."""
    return f"  [needs {', '.join(all_needs(one))}]" if all_needs(one) else ""


def all_needs(one: Case) -> list[str]:
    """Return the capabilities that a case needs, with that of the place it begins in."""
    return [*one.needs, *(["write"] if one.start is Start.INSIDE else [])]


def explain(name: str, cases: Mapping[str, Case], paint: Paint) -> list[str]:
    """Return what is known of a clause, a case or all that a pattern means.  Errors: UsageError"""
    if name in CLAUSES:
        return clause_page(CLAUSES[name], cases, paint)
    family = [one for one in cases.values() if name in (one.id, one.id.partition("[")[0])]
    if family:
        return case_page(name, family, paint)
    clauses = [one for one in CLAUSES.values() if matches(one.id, name, ".")]
    judges = [one for one in cases.values() if matches(one.id, name)]
    if not clauses and not judges:
        guess = did_you_mean(name, [*CLAUSES, *cases])
        raise UsageError(f"no clause and no case is named {name!r}{guess}")
    return [*clause_list(clauses, paint), *listed(judges)]


def clause_list(clauses: Sequence[Clause], paint: Paint) -> list[str]:
    """Return what each of several clauses says."""
    lines = []
    for clause in clauses:
        title = f"{paint(clause.id, 'strong')}  {clause.level}, {clause.basis}"
        lines += [title, *wrapped(clause.text, "  "), ""]
    return lines


def clause_page(clause: Clause, cases: Mapping[str, Case], paint: Paint) -> list[str]:
    """Return a clause: what it says, on whose word, and which cases judge it."""
    judges = [one.id for one in cases.values() if clause.id in one.clauses]
    facts = {
        "level": f"{clause.level}, {clause.basis}",
        "source": clause.source,
        "duty of": f"the {clause.role}, {WHERE[clause.observable]}",
        "why": clause.why,
        "messages": " ".join(clause.on),
        "dialects": " ".join(clause.applies_in(spec())),
        "errno": errno_text(clause),
        "deviation": clause.deviation,
        "outcome": outcome_text(clause),
    }
    lines = [paint(clause.id, "strong"), *wrapped(clause.text, "  "), ""]
    return [*lines, *fact_lines(facts), *fact_list("judged by", judges or ["no case"])]


def case_page(name: str, family: Sequence[Case], paint: Paint) -> list[str]:
    """Return a case: what must be so, what it needs, where it is."""
    first = family[0]
    variants = [one.id for one in family if one.id != name]
    facts = {
        "needs": ", ".join(all_needs(first)),
        "dialects": " ".join(first.dialects),
        "begins": first.start.name.lower(),
        "where": first.where,
        "run it": f"ninep check ADDR --only '{name}'",
    }
    lines = [paint(name, "strong"), *wrapped(first.title, "  "), ""]
    clauses = [f"{c} ({CLAUSES[c].level})" for c in first.clauses]
    return [*lines, *fact_list("clauses", clauses), *fact_lines(facts), *fact_list("as", variants)]


def fact_lines(facts: Mapping[str, str]) -> list[str]:
    """Return a line or more for each fact that there is."""
    lines = []
    for name, text in facts.items():
        if text:
            first, *rest = wrapped(text, " " * 12)
            lines += [f"  {name:10}{first[12:]}", *rest]
    return lines


def fact_list(name: str, items: Sequence[str]) -> list[str]:
    """Return a line for each of several things."""
    return [f"  {name if number == 0 else '':10}{item}" for number, item in enumerate(items)]


def errno_text(clause: Clause) -> str:
    """Say what is answered when the clause is broken."""
    if not clause.errno:
        return ""
    others = f"; as good: {', '.join(clause.tolerates)}" if clause.tolerates else ""
    rest = "no other will do" if clause.exact else "another is a warning"
    drop = "; the connection may be closed instead" if clause.drop else ""
    return f"{clause.errno}; {rest}{others}{drop}"


def outcome_text(clause: Clause) -> str:
    """Say what breaking a clause comes to."""
    why = "our own ruling" if clause.level == "MUST" else f"it is a {clause.level}"
    return OUTCOME[weight(clause)].format(why=why)
