"""Whether data that came from a file is of the types that it is declared to be of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from math import isfinite
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

SHOWN = 60
"""Characters of a value that should not be there."""
Inside = Iterator[tuple[str, object, Any]]
"""What a value consists of: place, part, declared type."""


def misfit(value: object, kind: Any, at: str = "") -> str:
    """Return where data is not of a type, with what is there; nothing if it is.

    `kind` may be made of TypedDicts, dataclasses, dict, list, tuple, Literal and unions.
    """
    if not is_a(value, kind):
        return f"{at} is {'missing' if value is ... else repr(value)[:SHOWN]}"
    found = (misfit(item, of, at + name) for name, item, of in inside(value, kind))
    return next(filter(None, found), "")


def is_a(value: object, kind: Any) -> bool:
    """Tell whether a value is of a type, whatever is inside it."""
    origin = get_origin(kind)
    if origin is UnionType:
        return any(not misfit(value, one) for one in get_args(kind))
    if origin is Literal:
        return value in get_args(kind)
    if kind is float:
        return isinstance(value, (int, float)) and type(value) is not bool and finite(value)
    if kind is int:
        return type(value) is int
    plain = dict if is_typeddict(kind) else origin or kind
    return value is not ... and (plain is Any or isinstance(value, plain))


def finite(value: float) -> bool:
    """Tell whether a number is one that seconds can be."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def inside(value: Any, kind: Any) -> Inside:
    """Yield the parts of a value that is of a type."""
    origin, parts = get_origin(kind), get_args(kind)
    if is_typeddict(kind):
        for name, of in get_type_hints(kind).items():
            yield f".{name}", value.get(name, ...), of
    elif is_dataclass(kind):
        for name, of in get_type_hints(kind).items():
            yield f".{name}", getattr(value, name), of
    elif origin is dict:
        for name, item in value.items():
            yield f".{name}", item, parts[1]
    elif origin in (list, tuple):
        for number, item in enumerate(value):
            yield f"[{number}]", item, parts[0]
