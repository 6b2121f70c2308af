"""What differs from dialect to dialect: errors in words, bits that are known."""

from __future__ import annotations

import errno
import os

import pytest

from ninep.codec import codec
from ninep.constants import ERRMAX, OpenMode, Perm
from ninep.dialects import RULES, SETTABLE, bits
from ninep.errors import NUMBERS
from ninep.messages import Rerror, Rlerror
from ninep.spec import spec

STRANGE = [name for name in NUMBERS if name not in spec().errstrs.values()]


def test_every_dialect_has_rules() -> None:
    """The dialects that are served are all there are in the table."""
    assert spec().standard == tuple(RULES)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("dialect", RULES)
def test_errors(dialect: str, name: str) -> None:
    """error.rerror-text, error.known-text, error.short-text, error.number-agrees, in each."""
    r, number = RULES[dialect].error(NUMBERS[name]), NUMBERS[name]
    assert codec(dialect).encode(1, r)
    if isinstance(r, Rlerror):
        assert Rlerror(number) == r
        return
    assert isinstance(r, Rerror)
    assert 0 < len(r.ename) <= ERRMAX - 2
    known = spec().errstrs.get(r.ename.decode())
    if name in STRANGE:
        assert known == ("EIO" if dialect == "9P2000" else None)
    else:
        assert name == known
    assert r.errno == (0 if dialect == "9P2000" else number)


def test_few_errors_have_no_text() -> None:
    """All but those that Linux cannot read from a text."""
    assert ["EOVERFLOW", "ESTALE"] == STRANGE


@pytest.mark.parametrize("number", [37, 200, 511])
def test_numbers_without_a_name(number: int) -> None:
    """error.number-agrees: a number that the table does not have comes with the host's text."""
    r = RULES["9P2000.u"].error(number)
    assert isinstance(r, Rerror)
    assert (number, os.strerror(number).encode()) == (r.errno, r.ename)
    assert Rerror(b"Input/output error") == RULES["9P2000"].error(200)


def test_texts_are_those_of_the_c_library() -> None:
    """error.known-text: the first text of each errno is the one that everybody knows."""
    for name in ("ENOENT", "EAGAIN", "EPROTO", "ETXTBSY"):
        r = RULES["9P2000"].error(NUMBERS[name])
        assert Rerror(os.strerror(getattr(errno, name)).encode()) == r


def test_bits() -> None:
    """A dialect knows the bits that the table gives it."""
    assert 0xFC0001FF == bits("Perm", "9P2000")
    assert bits("Perm", "9P2000.u") & Perm.SYMLINK
    assert OpenMode.APPEND == RULES["9P2000.u"].mode & ~RULES["9P2000"].mode
    assert 0 == RULES["9P2000.L"].perm == RULES["9P2000.L"].mode
    assert 0 == (Perm.MOUNT | Perm.AUTH) & SETTABLE
