"""Put a mutant into our own server, and take it out again.

A seam is `module:name` or `module:Class.name`.  A function there gets one piece of its source
replaced; anything else is given another value.  Whoever has imported the old thing by name gets the
new one too.
"""

from __future__ import annotations
import __future__

import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

FLAGS = __future__.annotations.compiler_flag


SERVER = re.compile(r"ninep\.(?!conformance\b)")


class SeamError(Exception):
    """A mutant does not fit the source any more."""


@contextmanager
def replaced(seam: str, old: str, new: str) -> Iterator[None]:
    """Have `new` in the place of `old` at a seam.  Errors: SeamError"""
    module, owner, name = found(seam)
    before = inspect.getattr_static(owner, name)
    if callable(inspect.unwrap(before)) or isinstance(before, property | staticmethod):
        after = rewritten(module, before, name, old, new)
    else:
        after = eval(new, module.__dict__)  # noqa: S307  our own text
    shared = isinstance(owner, ModuleType)
    places = [owner, *holders(name, before)] if shared else [owner]
    for place in places:
        put(place, name, before, after)
    try:
        yield
    finally:
        for place in places:
            put(place, name, after, before)


def found(seam: str) -> tuple[ModuleType, Any, str]:
    """Return the module of a seam, what holds the name there, and the name."""
    where, _, path = seam.partition(":")
    *classes, name = path.split(".")
    try:
        module = importlib.import_module(where)
        owner: Any = module
        for part in classes:
            owner = getattr(owner, part)
        inspect.getattr_static(owner, name)
    except (ImportError, AttributeError) as exc:
        raise SeamError(f"{seam}: {exc}") from exc
    return module, owner, name


def rewritten(module: ModuleType, before: Any, name: str, old: str, new: str) -> Any:
    """Return a function made from the same source with one piece of it replaced."""
    function: Any = before.fget if isinstance(before, property) else inspect.unwrap(before)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise SeamError(f"{module.__name__}:{name} has {source.count(old)} times {old!r}")
    scratch: dict[str, Any] = {}
    code = compile(source.replace(old, new), f"<mutant of {name}>", "exec", FLAGS)
    exec(code, module.__dict__, scratch)  # noqa: S102  our own text
    return scratch[name]


def holders(name: str, value: Any) -> list[Any]:
    """Return what else of the server, and not of its judges, has a thing under its name."""
    modules = [m for key, m in list(sys.modules.items()) if SERVER.match(key)]
    named = [
        m for m in modules if m.__dict__.get(name) is value or same(m.__dict__.get(name), value)
    ]
    tables = [v for m in modules for v in m.__dict__.values() if isinstance(v, dict)]
    if not isinstance(value, FunctionType):
        return named
    return [*named, *(t for t in tables if any(v is value for v in t.values()))]


def same(one: Any, other: Any) -> bool:
    """Say whether two constants are equal; functions are not constants."""
    return type(one) is type(other) and not callable(one) and bool(one == other)


def put(place: Any, name: str, old: Any, new: Any) -> None:
    """Exchange a thing in a module, a class or a table."""
    if isinstance(place, dict):
        place.update({key: new for key, value in place.items() if value is old})
    else:
        setattr(place, name, new)
