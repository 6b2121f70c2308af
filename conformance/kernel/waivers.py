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
    engine: tuple[str, ...]
    kernel: tuple[str, ...]
    cache: tuple[str, ...]
    observed: tuple[str, ...]
    reason: str


@cache
def waivers() -> tuple[Waiver, ...]:
    """Return the table."""
    return tuple(Waiver(**row) for row in load(TABLE)["waiver"])


def waived(script: str, check: str, engine: str, kernel: str, mode: str, said: str | None) -> str:
    """Return why a check may fail there, saying what it `said`; nothing if it may not.

    None stands for a check that did not fail: whether a row is about it at all.
    """
    release = f"{kernel}-"
    for one in waivers():
        series = tuple(name + mark for name in one.kernel for mark in "-.")
        same = (one.script, one.check) == (script, check) and engine in one.engine
        known = said is None or any(text in said for text in one.observed)
        if same and known and mode in one.cache and release.startswith(series):
            return one.reason
    return ""
