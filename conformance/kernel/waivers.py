"""Failures that are a kernel's own: `waivers.toml`, and to what they apply."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..table import load

TABLE = Path(__file__).with_name("waivers.toml")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One row; the table says what the columns mean."""

    script: str
    check: str
    kernel: tuple[str, ...]
    cache: tuple[str, ...]
    observed: tuple[str, ...]
    reason: str


@cache
def waivers() -> tuple[Waiver, ...]:
    """Return the table."""
    return tuple(Waiver(**row) for row in load(TABLE)["waiver"])


def waived(script: str, check: str, kernel: str, mode: str, said: str | None) -> str:
    """Return why a check may fail there, saying what it `said`; nothing if it may not.

    None stands for a check that did not fail: whether a row is about it at all.
    """
    for one in waivers():
        same = (one.script, one.check) == (script, check) and mode in one.cache
        known = said is None or all(text in said for text in one.observed)
        if same and known and any(is_of(kernel, series) for series in one.kernel):
            return one.reason
    return ""


def is_of(kernel: str, series: str) -> bool:
    """Tell whether a release, as 6.12.117+deb13-amd64, is of a series, as 6.12 or 6.12.117."""
    rest = kernel.removeprefix(series)
    return rest != kernel and not rest[:1].isdigit()
