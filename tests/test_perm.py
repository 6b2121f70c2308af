"""The mode word, and the marks that a file keeps in an extended attribute."""

from __future__ import annotations

import errno

import pytest

from ninep import perm
from ninep.backend import Node
from ninep.backends.memory import MemoryBackend
from ninep.constants import Perm, StMode
from ninep.dialects import RULES
from ninep.messages import Qid
from tests.backends.helpers import NOBODY, at_once, create, mkdir, refused

OLD, U = RULES["9P2000"].perm, RULES["9P2000.u"].perm


@pytest.fixture
def node() -> Node:
    """Return a regular file."""
    return at_once(create(at_once(MemoryBackend().attach()), b"f"))[0]


@pytest.mark.parametrize(
    ("mode", "old", "unix"),
    [
        (StMode.IFREG | 0o644, 0o644, 0o644),
        (StMode.IFDIR | 0o755, Perm.DIR | 0o755, Perm.DIR | 0o755),
        (StMode.IFDIR | 0o1777, Perm.DIR | 0o777, Perm.DIR | Perm.SETVTX | 0o777),
        (StMode.IFREG | 0o6755, 0o755, Perm.SETUID | Perm.SETGID | 0o755),
        (StMode.IFLNK | 0o777, 0o777, Perm.SYMLINK | 0o777),
        (StMode.IFIFO | 0o600, 0o600, Perm.NAMEDPIPE | 0o600),
        (StMode.IFSOCK | 0o600, 0o600, Perm.SOCKET | 0o600),
        (StMode.IFCHR | 0o600, 0o600, Perm.DEVICE | 0o600),
        (StMode.IFBLK | 0o600, 0o600, Perm.DEVICE | 0o600),
    ],
)
def test_words(mode: int, old: int, unix: int) -> None:
    """stat.qid-agrees: each dialect says what it has a bit for."""
    assert (old, unix) == (perm.word(mode, 0, OLD), perm.word(mode, 0, U))
    assert unix & 0x0FFFFFFF & ~perm.KIND_BITS == 0 or perm.permissions(unix) == mode & 0o7777


def test_marks(node: Node) -> None:
    """They stay until others are set, and stand in qid and mode word."""
    assert 0 == at_once(perm.marks(node))
    for wanted in (perm.MARKS, int(Perm.EXCL), 0, 0):
        at_once(perm.set_marks(node, wanted))
        assert wanted == at_once(perm.marks(node))
        assert wanted >> 24 == at_once(perm.qid(node, U)).type
        assert wanted | 0o644 == perm.word(StMode.IFREG | 0o644, wanted, OLD)
    assert node.qid == at_once(perm.qid(node, U))


@pytest.mark.parametrize(
    ("value", "found"),
    [(b"", 0), (b"40000000", Perm.APPEND), (b"ffffffff", perm.MARKS), (b"x", 0), (b"80000000", 0),
     (b"4" * 9000, perm.MARKS & 0x44444444), (b"\xff", 0), (b"-1", perm.MARKS)],
)  # fmt: skip
def test_what_others_have_written(node: Node, value: bytes, found: int) -> None:
    """An attribute that is none of ours gives no mark that a file cannot have."""
    at_once(node.setxattr(perm.XATTR, value, 0))
    assert found == at_once(perm.marks(node))


def test_only_regular_files_are_asked() -> None:
    """A directory and a symbolic link have no marks; their qid in 9P2000 has no bit for a link."""
    root = at_once(MemoryBackend().attach())
    link = at_once(root.symlink(b"s", b"f", NOBODY, NOBODY))
    at_once(link.setxattr(perm.XATTR, b"40000000", 0))
    assert (0, 0) == (at_once(perm.marks(root)), at_once(perm.marks(link)))
    assert (2, 0) == (at_once(perm.qid(link, U)).type, at_once(perm.qid(link, OLD)).type)
    assert 0x80 == at_once(perm.qid(at_once(mkdir(root, b"d")), OLD)).type


class Refusing:
    """A file whose attributes cannot be read."""

    qid = Qid(0, 0, 0)

    def __init__(self, number: int) -> None:
        """Fail with this."""
        self.number = number

    async def getxattr(self, name: bytes) -> bytes:
        """Fail."""
        raise OSError(self.number, name)


@pytest.mark.parametrize("number", sorted(perm.NONE))
def test_files_without_attributes(number: int) -> None:
    """What cannot have any, or does not show them, has no marks."""
    assert 0 == at_once(perm.marks(Refusing(number)))  # type: ignore[arg-type]


def test_a_failing_disk() -> None:
    """Any other error is an error: a file that may be append-only is not taken for a plain one."""
    with refused(errno.EIO):
        at_once(perm.marks(Refusing(errno.EIO)))  # type: ignore[arg-type]
