"""`ninep check list` and `explain`: clauses and cases find each other."""

from __future__ import annotations

import pytest

from ninep.conformance.check.case import load_all
from ninep.conformance.check.explain import explain, listed
from ninep.conformance.check.model import UsageError
from ninep.conformance.check.verdict import CLAUSES
from ninep.conformance.text import plain

from .judged import cases


def said(name: str) -> str:
    """Explain something."""
    return "\n".join(explain(name, load_all(), plain))


def test_list() -> None:
    """A line has id, title, clauses and needs."""
    (line,) = listed(cases("walk/to-symlink"))
    assert line.startswith("walk/to-symlink  A walk ends at a symbolic link")
    assert line.endswith("(walk.symlink-unfollowed, walk.directory-only)  [needs symlink, write]")


def test_a_clause() -> None:
    """A clause comes with all of its row, and the cases that judge it."""
    text = said("fid.never-nofid")
    clause = CLAUSES["fid.never-nofid"]
    for expected in (clause.text, clause.level, clause.basis, clause.source, str(clause.errno)):
        assert expected in text
    assert "walk/newfid-nofid" in text.partition("judged by")[2]
    assert "breaking it fails" in text


def test_a_ruling_of_ours() -> None:
    """What breaking a clause comes to follows from its basis."""
    assert "breaking it is a warning: our own ruling" in said("version.exact-name")


def test_every_clause_can_be_explained() -> None:
    """No row is odd enough to break its page."""
    assert [name for name, c in CLAUSES.items() if c.source[:20] not in said(name)] == []


def test_a_case() -> None:
    """A case says where it is and how to run it."""
    text = said("walk/partial[2]")
    assert "wire/walk.py:" in text
    assert "--only 'walk/partial[2]'" in text
    assert "walk.partial-result (MUST)" in text


def test_a_family() -> None:
    """An id without its parameter names all of its kind."""
    assert "walk/partial[15]" in said("walk/partial")


@pytest.mark.parametrize(("name", "cases"), [("clunk", True), ("clunk.*", False)])
def test_a_page(name: str, *, cases: bool) -> None:
    """A page or a pattern shows the clauses and the cases that it means."""
    text = said(name)
    assert CLAUSES["clunk.always-frees"].text in text
    assert ("clunk/" in text) is cases


def test_a_misspelt_name() -> None:
    """A name that is not there is an error with a guess."""
    with pytest.raises(UsageError, match=r"did you mean walk\.partial-result"):
        said("walk.partal-result")
