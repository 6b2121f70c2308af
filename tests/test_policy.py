"""What clients may do beyond plain files, and who they are taken for."""

from __future__ import annotations

import stat

import pytest

from ninep.constants import NONUNAME
from ninep.errors import Violation
from ninep.policy import Policy
from ninep.users import NOBODY

REGULAR, FOLDER = stat.S_IFREG, stat.S_IFDIR


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_devices(kind: int) -> None:
    """create.device-privilege: no device unless it is allowed; all else is no device."""
    with pytest.raises(Violation, match=r"create\.device-privilege"):
        Policy().check_kind(kind | 0o600)
    Policy(devices=True).check_kind(kind | 0o600)
    for other in (REGULAR, FOLDER, stat.S_IFIFO, stat.S_IFSOCK, 0):
        Policy().check_kind(other | 0o600)


@pytest.mark.parametrize(
    ("mode", "had", "refused"),
    [
        (0o4755, 0, True),
        (0o2755, 0, True),
        (0o6755, REGULAR | 0o4755, True),
        (0o2755, REGULAR | 0o2745, True),
        (0o755, REGULAR | 0o6755, False),
        (0o4700, REGULAR | 0o4755, False),
        (0o6755, REGULAR | 0o6711, False),
        (0o2745, REGULAR | 0o755, True),
        (0o2745, REGULAR | 0o2755, False),
        (0o1777, 0, False),
        (0o2775, FOLDER | 0o755, False),
        (0o4755, FOLDER | 0o755, False),
        (0o4644, stat.S_IFIFO | 0o644, True),
    ],
)
def test_set_ids(mode: int, had: int, *, refused: bool) -> None:
    """create.set-id-privilege: no file runs as its owner or group that did not before."""
    Policy(set_id=True).check_mode(mode, had)
    if refused:
        with pytest.raises(Violation, match=r"create\.set-id-privilege"):
            Policy().check_mode(mode, had)
    else:
        Policy().check_mode(mode, had)


@pytest.mark.parametrize("name", [b"trusted.a", b"security.capability"])
def test_attributes(name: bytes) -> None:
    """xattr.privileged-name: such an attribute is not set unless that is allowed."""
    with pytest.raises(Violation, match=r"xattr\.privileged-name"):
        Policy().check_attribute(name)
    Policy(trusted=True).check_attribute(name)
    Policy().check_attribute(b"user.trusted.a")


@pytest.mark.parametrize(
    ("squash", "claimed", "found"),
    [
        ("none", 0, 0),
        ("none", 1000, 1000),
        ("root", 0, NOBODY),
        ("root", 1000, 1000),
        ("all", 0, NOBODY),
        ("all", 1000, NOBODY),
        ("none", None, NOBODY),
        ("none", NONUNAME, NOBODY),
    ],
)
def test_squash(squash: str, claimed: int | None, found: int) -> None:
    """attach.no-server-identity: who is squashed, or not known, is nobody."""
    assert found == Policy(squash=squash).user(claimed, None)


def test_who_is_let_in() -> None:
    """attach.user-admitted: those who are listed, as who they say they are, or have to be."""
    some = Policy(squash="all", users=frozenset({1000}))
    assert some.user(1000, None) == some.user(None, 1000) == some.user(1000, 1000) == NOBODY
    for claimed, bound in ((0, None), (None, None), (1001, 1000), (None, 1001)):
        with pytest.raises(Violation, match=r"attach\.user-admitted"):
            some.user(claimed, bound)
