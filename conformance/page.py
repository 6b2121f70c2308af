"""A report as one HTML page: nothing to load, a list without JavaScript, a phone is enough.

`page.css` and `page.js` are written into it; a policy in its head forbids everything else, so what
a server says can never act.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path

from .text import visible

HERE = Path(__file__).parent
NOT_JUDGED, NOT_RUN = "none", "not-run"
WORDS = {NOT_JUDGED: "not judged", NOT_RUN: "not run"}
"""Verdicts that are spelled otherwise on the page."""


@cache
def asset(name: str) -> str:
    """Return a file that is written into the page."""
    return (HERE / name).read_text(encoding="utf-8")


def esc(text: object) -> str:
    """Escape text for any place between or inside tags."""
    return escape(visible(str(text)))


def tag(name: str, inside: str, **attributes: object) -> str:
    """Return an element around what is HTML already; `class_` is class, `data_x` is data-x."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{esc(value)}"' for key, value in attributes.items()
    )
    return f"<{name}{given}>{inside}</{name}>"


def document(title: str, parts: Iterable[str]) -> str:
    """Return the whole page."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        f"<title>{esc(title)}</title>\n<style>\n{asset('page.css')}</style></head>\n"
        f"<body>\n{body}\n<script>\n{asset('page.js')}</script></body></html>\n"
    )


def policy() -> str:
    """Return the policy under which no script counts but ours, and nothing is loaded."""
    digest = b64encode(sha256(f"\n{asset('page.js')}".encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def contents(titles: Iterable[str]) -> str:
    """Return links to the sections."""
    return tag("nav", " ".join(tag("a", t, href=f"#{t.lower()}") for t in titles))


def facts(found: Mapping[str, str]) -> str:
    """Return what a run was, without what is empty."""
    listed = "".join(tag("dt", esc(k)) + tag("dd", esc(v)) for k, v in found.items() if v)
    return tag("dl", listed, class_="facts")


def bar(counts: Mapping[str, int]) -> str:
    """Return counts of verdicts as a bar and in words, in their order."""
    seen = [verdict for verdict, count in counts.items() if count]
    parts = "".join(f'<i class="{v}" style="flex:{counts[v]}"></i>' for v in seen)
    chips = "".join(
        tag("span", f"<b>{counts[v]}</b>{WORDS.get(v, v)}", class_=f"chip {v}") for v in seen
    )
    strip = tag("div", parts, class_="bar", aria_hidden="true")
    return strip + tag("div", chips, class_="chips") if seen else ""


def messages(rows: Iterable[tuple[bool, float, str, str]]) -> str:
    """Return messages with all that is known of them: whether they were sent, when (in seconds),
    in words, in hex.
    """
    items = "".join(
        tag(
            "li",
            tag("time", f"{seconds * 1000:.1f} ms")
            + esc(text)
            + (tag("code", esc(shown)) if shown else ""),
            class_="sent" if sent else "received",
        )
        for sent, seconds, text, shown in rows
    )
    return tag("ul", items, class_="trace") if items else ""


def section(title: str, inside: str) -> str:
    """Return a section that can be filtered."""
    nothing = tag("p", "Nothing fits.", class_="empty")
    head = tag("h2", title)
    return tag("section", head + inside + nothing, id=title.lower(), data_filter="")


def tools(counts: Mapping[str, int], what: str) -> str:
    """Return the buttons and the field of a filter; verdicts stand in the order of `counts`."""
    chips = [chip("", "all", sum(counts.values()), pressed="true")]
    chips += [chip(v, v, count, pressed="false") for v, count in counts.items() if count]
    field = f'<input type="search" placeholder="Find a {what}" aria-label="Find a {what}">'
    return tag("div", "".join(chips) + field, class_="tools")


def chip(verdict: str, label: str, count: int, *, pressed: str) -> str:
    """Return one button of a filter."""
    return tag(
        "button",
        f"<b>{count}</b>{WORDS.get(label, label)}",
        type="button",
        class_=f"chip {label}",
        data_verdict=verdict,
        aria_pressed=pressed,
    )
