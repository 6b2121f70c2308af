"""Markdown of the lab: the matrix, what is red, and nothing of a server's text acts."""

from __future__ import annotations

from ninep.conformance.kernel import markdown

from .test_kernel_report import HOSTILE, sample


def test_the_matrix() -> None:
    """Scripts stand down, cells across; what did not run says so."""
    text = markdown.render([sample()])
    assert "| 01\\_s |" not in text
    assert "| 01_s | fail 1 of 4 |" in text
    assert "| 02_t | NOT RUN |" in text
    assert (
        "again: ninep lab --kernel uml:6.1.176 --transport tcp --cache none --script 01_s" in text
    )


def test_a_trace_is_shown() -> None:
    """A check that was run once more has its messages, and what it came to."""
    text = markdown.render([sample()])
    assert "once more: fail" in text
    assert "3 messages before" in text
    assert "→ Tclunk tag=1 fid=7" in text


def test_two_servers() -> None:
    """Where two servers differ stands in a table of its own."""
    ours, other = sample(), sample()
    ours.server, other.server = "ninep", "<diod>"
    assert "checks differ" not in markdown.render([ours, other])
    del other.cells[0].scripts[0].checks[1]
    other.cells[0].scripts[0].checks[0].mount = None
    text = markdown.render([ours, other])
    assert "## 1 checks differ" in text
    assert "| kernel | check | ninep | \\<diod\\> |" in text


def test_hostile_text_is_escaped() -> None:
    """No tag of a server's text stands outside of a fence."""
    hostile = sample(HOSTILE)
    hostile.server = hostile.kernel = hostile.trouble = "<b>&"
    outside, fenced = [], False
    for line in markdown.render([hostile]).split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            outside.append(line)
    assert not any("<b>&" in line for line in outside)
