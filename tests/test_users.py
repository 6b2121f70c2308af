"""Names and numbers of users and groups."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ninep.users import group_name, group_number, user_name, user_number

STRANGER = 3_999_999_999
"""A number that no host gives to anybody."""


def test_names_of_this_host() -> None:
    """Who is known goes by name, in both directions."""
    me, ours = pwd.getpwuid(os.getuid()), grp.getgrgid(os.getgid())
    assert os.fsencode(me.pw_name) == user_name(me.pw_uid)
    assert os.fsencode(ours.gr_name) == group_name(ours.gr_gid)
    assert me.pw_uid == user_number(os.fsencode(me.pw_name))
    assert ours.gr_gid == group_number(os.fsencode(ours.gr_name))


def test_nobody_of_that_number() -> None:
    """A number without a name is its digits, and these are that number."""
    assert (b"3999999999", b"3999999999") == (user_name(STRANGER), group_name(STRANGER))
    assert STRANGER == user_number(b"3999999999") == group_number(b"3999999999")


@pytest.mark.parametrize(
    "name",
    [b"", b"nobody-of-this-name", b"-1", b"4294967295", b"99999999999", b"1 ", b"\xff", b"a\0b",
     b"7" * 60_000],
)  # fmt: skip
def test_nobody_of_that_name(name: bytes) -> None:
    """What is no name and no number below NONUNAME is nobody's."""
    assert (None, None) == (user_number(name), group_number(name))


@pytest.mark.parametrize("number", [-1, 1 << 32, 1 << 70])
def test_numbers_that_cannot_be(number: int) -> None:
    """A number too large for the host has no name, and is no fault."""
    assert b"%d" % number == user_name(number) == group_name(number)
