"""What we raise on purpose, and the one way from an exception to the errno of a reply.

`FrameError`  bytes that are no message: there is no tag to answer, so the connection is closed
`CodecError`  a sound frame with a wrong body: its tag is known, so it gets an error reply
`Violation`   a request that breaks a clause: number and text of the reply come from the table

A backend raises plain OSError, as the operating system does.  A bug is any other exception.
"""

from __future__ import annotations

import errno
import os
import sys

from ninep.messages import Message, Rerror, Rlerror
from ninep.spec import Clause, spec

CLAUSES = spec().clauses
NUMBERS = {c.name: c.value for c in spec().groups["Errno"].values}
EIO = NUMBERS["EIO"]
ENOMEM = NUMBERS["ENOMEM"]
ERRNO_MAX = 511
"""Numbers from 512 on mean something inside the Linux kernel and must not be on the wire."""


class NinepError(Exception):
    """Root of all that this package raises on purpose."""


class ClauseError(NinepError):
    """A rule of the protocol was broken."""

    def __init__(self, clause: str, detail: str = "") -> None:
        """Name the clause by its id and say what was seen."""
        self.clause: Clause = CLAUSES[clause]
        self.detail = detail
        super().__init__(str(self))

    def __str__(self) -> str:
        """Give the clause's id, what was seen or else what the clause demands."""
        return f"{self.clause.id}: {self.detail or self.clause.text}"


class FrameError(ClauseError):
    """The stream cannot be read on: the connection must be closed."""


class Violation(ClauseError, OSError):
    """A request that breaks a clause; `errno` is the one that the table gives."""

    def __init__(self, clause: str, detail: str = "") -> None:
        """Name the clause by its id and say what was seen."""
        super().__init__(clause, detail)
        self.errno = NUMBERS[self.clause.errno or "EIO"]


class CodecError(Violation):
    """Bytes that are no message inside a sound frame, or values that no message can hold."""


class RemoteError(NinepError, OSError):
    """The server answered a request with an error."""

    def __init__(self, ecode: int, request: str, ename: str = "") -> None:
        """Take the Linux errno, the name of the T-message and, if there is one, the text."""
        super().__init__(f"{request}: {ename or meaning(ecode)}")
        self.errno = ecode
        self.request = request
        self.ename = ename

    def __str__(self) -> str:
        """Give the T-message's name and what the number means."""
        return f"{self.request}: {self.ename or meaning(self.errno or 0)} (errno {self.errno})"


class ConnectionLost(NinepError, ConnectionError):
    """The peer is gone, or was left for breaking the protocol."""


def meaning(ecode: int) -> str:
    """Say what a number that came as an error means; a server may send any."""
    return os.strerror(ecode) if 0 < ecode <= ERRNO_MAX else "no error that Linux knows"


def reported(r: Message, request: str) -> RemoteError | None:
    """Return the error that a reply reports; None if it reports none.

    A text without a number is understood as Linux does; one that it does not know is EIO.

    Clauses: error.rlerror-in-L, error.rerror-text
    """
    if isinstance(r, Rlerror):
        return RemoteError(r.ecode, request)
    if isinstance(r, Rerror):
        ename = r.ename.decode(errors="backslashreplace")
        known = spec().errstrs.get(ename, "EIO")
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in ename)
        return RemoteError(r.errno or NUMBERS[known], request, shown)
    return None


def linux_errno(exc: OSError) -> int:
    """Return the Linux number for an error of this host, whatever system it runs.

    Clauses: error.linux-numbers, error.never-zero
    """
    if isinstance(exc, NinepError) or sys.platform == "linux":
        number = exc.errno or EIO
        return number if 0 < number <= ERRNO_MAX else EIO
    return NUMBERS.get(errno.errorcode.get(exc.errno or EIO, "EIO"), EIO)
