"""Markdown that any text may stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def escaped(text: str) -> str:
    """Escape what Markdown would act on."""
    return SPECIAL.sub(r"\\\1", text)


def html_safe(text: str) -> str:
    """Escape text between tags, where Markdown is still read."""
    return "".join(f"&#{ord(c)};" if SPECIAL.match(c) else c for c in text)


def fenced(text: str) -> list[str]:
    """Return a block of code, whatever is in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence]


def folded(verdict: str, title: str, lines: Iterable[str]) -> list[str]:
    """Return lines that a reader folds out."""
    summary = f"<summary><b>{verdict}</b> {html_safe(title)}</summary>"
    return ["", "<details>", summary, "", *lines, "", "</details>"]
