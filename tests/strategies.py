"""hypothesis strategies for messages and frames, drawn from the tables."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ninep import messages
from ninep.messages import Message
from ninep.schema import class_name
from ninep.spec import Field, spec

SPEC = spec()
DIALECTS = SPEC.standard
SHORT = 40
"""Longest string that is drawn, in bytes."""


def value(f: Field, dialect: str) -> st.SearchStrategy[Any]:
    """Draw a value of a field."""
    one = value_of(f.type, dialect)
    if f.count:
        limit = SPEC.scalars[f.max].value if f.max else 20
        return st.lists(one, max_size=limit).map(tuple)
    return one


def value_of(type_name: str, dialect: str) -> st.SearchStrategy[Any]:
    """Draw a value of a type."""
    wire = SPEC.resolve(type_name)
    if wire.size is not None:
        return st.integers(0, 2 ** (8 * wire.size) - 1)
    if not wire.fields:
        return st.binary(max_size=SHORT)
    cls = getattr(messages, class_name(wire.name))
    fields = {f.name: value(f, dialect) for f in wire.fields if f.within(dialect)}
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


def message(name: str, dialect: str) -> st.SearchStrategy[Message]:
    """Draw a message of a dialect."""
    fields = {f.name: value(f, dialect) for f in SPEC.messages[name].fields_in(dialect)}
    cls = getattr(messages, name)
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


CASES = [(m.name, d) for d in DIALECTS for m in SPEC.messages_of(d)]
"""(message, dialect) for every message of every dialect."""
any_message = st.sampled_from(CASES).flatmap(lambda c: st.tuples(st.just(c[1]), message(*c)))
"""Draws (dialect, message)."""
