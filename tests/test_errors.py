"""From exceptions to error replies."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.errors import (
    CLAUSES,
    ERRNO_MAX,
    NUMBERS,
    ClauseError,
    CodecError,
    ConnectionLost,
    FrameError,
    NinepError,
    RemoteError,
    Violation,
    linux_errno,
    reported,
)  # fmt: skip
from ninep.messages import Message, Rerror, Rflush, Rlerror
from ninep.spec import Clause

WITH_ERRNO = [c for c in CLAUSES.values() if c.errno]


@pytest.mark.parametrize("clause", WITH_ERRNO, ids=lambda c: c.id)
def test_a_violation_takes_its_number_from_the_table(clause: Clause) -> None:
    """error.linux-numbers: for every clause that has one."""
    found = Violation(clause.id)
    assert getattr(errno, clause.errno or "") == found.errno == linux_errno(found)
    assert f"{clause.id}: {clause.text}" == str(found)


def test_the_detail_is_told() -> None:
    """What was seen is told in the place of the rule."""
    assert "fid.in-use: fid 5" == str(Violation("fid.in-use", "fid 5"))


def test_a_clause_without_a_number_is_a_fault() -> None:
    """error.never-zero: EIO where the table gives nothing."""
    assert errno.EIO == Violation("walk.full-binds").errno


@pytest.mark.parametrize("kind", [Violation, FrameError, CodecError])
def test_an_unknown_clause_is_a_bug(kind: type[ClauseError]) -> None:
    """An id that is not in the table is no id."""
    with pytest.raises(KeyError):
        kind("walk.on-water")


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (Violation, (NinepError, OSError)),
        (CodecError, (Violation, OSError)),
        (RemoteError, (NinepError, OSError)),
        (ConnectionLost, (NinepError, ConnectionError)),
    ],
)
def test_the_tree(kind: type, bases: tuple[type, ...]) -> None:
    """A request that fails is an OSError; a stream that cannot be read on is none."""
    assert issubclass(kind, bases[0])
    assert issubclass(kind, bases[1])
    assert not issubclass(FrameError, OSError)


ERRORS = [
    (OSError(errno.ENOENT, "no"), errno.ENOENT),
    (FileExistsError(errno.EEXIST, "yes"), errno.EEXIST),
    (OSError(), errno.EIO),
    (OSError("text alone"), errno.EIO),
    (OSError(0, "success?"), errno.EIO),
    (OSError(-5, "negative"), errno.EIO),
    (OSError(ERRNO_MAX, "the last"), ERRNO_MAX),
    (OSError(512, "ERESTARTSYS"), errno.EIO),
    (OSError(524, "ENOTSUPP"), errno.EIO),
    (OSError(1 << 40, "huge"), errno.EIO),
    (RemoteError(errno.EACCES, "Twalk"), errno.EACCES),
    (ConnectionLost(), errno.EIO),
]


@pytest.mark.parametrize(("exc", "number"), ERRORS, ids=repr)
def test_numbers_on_the_wire(exc: OSError, number: int) -> None:
    """error.never-zero, error.no-kernel-internal, error.linux-numbers."""
    assert number == linux_errno(exc)


@given(st.integers() | st.none())
def test_no_other_numbers(number: int | None) -> None:
    """error.never-zero, error.no-kernel-internal: whatever a backend raises."""
    exc = OSError("x")
    exc.errno = number
    assert 0 < linux_errno(exc) <= ERRNO_MAX


@pytest.mark.parametrize("name", ["ENOTEMPTY", "EOPNOTSUPP", "ENODATA", "ELOOP", "ENAMETOOLONG"])
def test_another_system_counts_differently(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """error.linux-numbers: translated by name, and what Linux does not know is EIO."""
    monkeypatch.setattr("ninep.errors.sys.platform", "elsewhere")
    monkeypatch.setattr("ninep.errors.errno.errorcode", {77777: name, 88888: "EELSEWHERE"})
    numbers = [linux_errno(OSError(n, "x")) for n in (77777, 88888, 99999)]
    assert [NUMBERS[name], errno.EIO, errno.EIO] == numbers
    assert errno.EBADF == linux_errno(Violation("fid.unknown-fid"))


def test_what_a_server_answered() -> None:
    """A RemoteError names the request and what the number means."""
    text = str(RemoteError(errno.ENOENT, "Twalk"))
    assert f"Twalk: {os.strerror(errno.ENOENT)} (errno {errno.ENOENT})" == text


@pytest.mark.parametrize("ecode", [0, ERRNO_MAX + 1, (1 << 32) - 1])
def test_a_server_may_answer_any_number(ecode: int) -> None:
    """One that means nothing is told as it came."""
    assert f"Twalk: no error that Linux knows (errno {ecode})" == str(RemoteError(ecode, "Twalk"))


@pytest.mark.parametrize(
    ("r", "number", "text"),
    [
        (Rlerror(2), 2, "Twalk: No such file or directory (errno 2)"),
        (Rerror(b"file not found"), 2, "Twalk: file not found (errno 2)"),
        (Rerror(b"Permission denied", 13), 13, "Twalk: Permission denied (errno 13)"),
        (Rerror(b"phase of the moon"), 5, "Twalk: phase of the moon (errno 5)"),
        (Rerror(b"\xff\n", 1), 1, "Twalk: \\xff\\n (errno 1)"),
    ],
)
def test_errors_of_every_dialect(r: Message, number: int, text: str) -> None:
    """error.rlerror-in-L, error.rerror-text: a client has the number, and the server's words."""
    found = reported(r, "Twalk")
    assert found
    assert (number, text) == (found.errno, str(found))
    assert reported(Rflush(), "Tflush") is None
