"""Names and numbers of users and groups."""

from __future__ import annotations

import grp
import os
import pwd
from typing import NoReturn

import pytest

from ninep import users
from ninep.users import NOBODY, Identity, group_name, group_number, identity, user_name, user_number

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


def test_identity() -> None:
    """A user has the groups that the host gives; a stranger has none, and root's is root's."""
    me = pwd.getpwuid(os.getuid())
    assert Identity(me.pw_uid, me.pw_gid, tuple(os.getgrouplist(me.pw_name, me.pw_gid))) == (
        identity(me.pw_uid)
    )
    assert Identity(STRANGER, NOBODY, ()) == identity(STRANGER)


def unknown(_: int) -> NoReturn:
    """Know nobody."""
    raise KeyError


def test_identity_that_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the lists can no longer be read, groups are those of before."""
    me = pwd.getpwuid(os.getuid())
    group = grp.struct_group(("some", "x", 4100, [me.pw_name]))
    monkeypatch.setattr(grp, "getgrall", lambda: [group])
    users.learn()
    with monkeypatch.context() as patch:
        patch.setattr(grp, "getgrgid", unknown)
        assert Identity(me.pw_uid, me.pw_gid, (4100,)) == identity(me.pw_uid)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert Identity(me.pw_uid, me.pw_gid, (4100,)) == identity(me.pw_uid)
    assert Identity(STRANGER) == identity(STRANGER)
