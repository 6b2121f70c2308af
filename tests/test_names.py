"""Which bytes may be a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.constants import NAME_MAX
from ninep.errors import Violation
from ninep.names import check, check_new

BAD = [
    (b"", "names.not-empty"),
    (b"/", "names.no-slash"),
    (b"a/b", "names.no-slash"),
    (b"/etc/passwd", "names.no-slash"),
    (b"../x", "names.no-slash"),
    (b"\0", "names.no-nul"),
    (b"a\0b", "names.no-nul"),
    (b"x" * (NAME_MAX + 1), "names.too-long"),
    (b"x" * 65535, "names.too-long"),
]


@pytest.mark.parametrize(("name", "clause"), BAD)
def test_what_is_no_name(name: bytes, clause: str) -> None:
    """names.not-empty, names.no-slash, names.no-nul, names.too-long (S-045, S-046)."""
    for call in (check, lambda name: check_new(name, "create.dot-names")):
        with pytest.raises(Violation) as caught:
            call(name)
        assert clause == caught.value.clause.id
        assert len(str(caught.value)) < 5 * NAME_MAX


@given(st.binary(min_size=1, max_size=NAME_MAX).filter(lambda b: not set(b) & {0, ord("/")}))
def test_any_other_bytes(name: bytes) -> None:
    """names.raw-bytes: they come back as they went in."""
    assert name == check(name)
    if name not in {b".", b".."}:
        assert name == check_new(name, "create.dot-names")


@pytest.mark.parametrize("name", [b".", b".."])
@pytest.mark.parametrize("clause", ["create.dot-names", "rename.dot-names", "unlink.dot-names"])
def test_dots(name: bytes, clause: str) -> None:
    """A path element, but nothing that can be made or removed."""
    assert name == check(name)
    with pytest.raises(Violation) as caught:
        check_new(name, clause)
    assert clause == caught.value.clause.id


@pytest.mark.parametrize("name", [b"...", b"..a", b".a", b"a.", b" ", b"-", b"x" * NAME_MAX])
def test_near_misses(name: bytes) -> None:
    """What only looks like a dot name, and the longest name there is."""
    assert name == check_new(name, "create.dot-names")
