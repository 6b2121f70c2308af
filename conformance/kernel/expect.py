"""What checks say: every failure shows what was expected and what came instead."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, TypeVar

C = TypeVar("C", bound=Callable[..., object])

SHOWN = 200
"""Characters of a value that a message shows."""


class Failed(AssertionError):  # noqa: N818 - a verdict, not an error
    """A check saw something else than it expected."""


class Skipped(Exception):  # noqa: N818 - a verdict, not an error
    """A check cannot be judged here; the text says why."""


def needs(*names: str) -> Callable[[C], C]:
    """Declare what one check needs beyond its script's NEEDS."""

    def mark(function: C) -> C:
        function.__dict__["needs"] = names
        return function

    return mark


def show(value: object) -> str:
    """Render a value for a message, shortened."""
    return shorten(repr(value), SHOWN)


def shorten(text: str, limit: int) -> str:
    """Cut a text and say how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def equal(what: str, expected: object, actual: object) -> None:
    """Expect one value."""
    if expected != actual:
        raise Failed(f"{what}: expected {show(expected)}, got {show(actual)}")


def one_of(what: str, expected: tuple[object, ...], actual: object) -> None:
    """Expect one of several values."""
    if actual not in expected:
        choices = " or ".join(show(value) for value in expected)
        raise Failed(f"{what}: expected {choices}, got {show(actual)}")


def true(what: str, condition: bool) -> None:  # noqa: FBT001 - the condition is the subject
    """Expect a condition that needs no values to be understood."""
    if not condition:
        raise Failed(f"expected: {what}")


def error_name(number: int | None) -> str:
    """Return an errno's name."""
    return errno.errorcode.get(number or 0, f"errno {number}")


def raises(numbers: int | tuple[int, ...], what: str, call: Callable[..., Any], *args: Any) -> None:
    """Expect that a call fails with one of the given errno numbers."""
    wanted = (numbers,) if isinstance(numbers, int) else numbers
    names = " or ".join(error_name(number) for number in wanted)
    try:
        result = call(*args)
    except OSError as failure:
        if failure.errno in wanted:
            return
        raise Failed(f"{what}: expected {names}, got {error_name(failure.errno)}") from None
    if isinstance(result, int) and call is os.open:
        os.close(result)
    raise Failed(f"{what}: expected {names}, got success")
