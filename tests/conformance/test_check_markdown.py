"""Markdown: what failed, folded, and nothing of a server's text acts."""

from __future__ import annotations

from ninep.conformance.check import markdown
from ninep.conformance.markdown import fenced

from .judged import HOSTILE, data


def test_the_verdict_comes_first() -> None:
    """The verdict stands at the top, the clauses at the end."""
    text = markdown.render(data())
    assert text.index("**does not conform, or is not known to** (exit 1)") < text.index("<details>")
    assert "| fail | `walk.partial-result` | MUST | stated |" in text


def test_what_is_no_pass_is_folded() -> None:
    """A failure, an error and a warning each have their page."""
    assert markdown.render(data()).count("<details>") == 3


def test_text_cannot_leave_its_fence() -> None:
    """A fence is longer than any run of backticks in it."""
    assert fenced("a ```` b")[0] == "`````text"


def test_hostile_text_is_escaped() -> None:
    """No tag and no mark of a server's text stands outside of a fence."""
    outside, fence = [], ""
    for line in markdown.render(data(HOSTILE)).split("\n"):
        marks = line[: len(line) - len(line.lstrip("`"))]
        if marks and (not fence or line == fence):
            fence = "" if fence else marks
        elif not fence:
            outside.append(line)
    assert not any("</script>" in line or "<&>" in line for line in outside)
