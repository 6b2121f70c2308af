"""A thread that the kernel takes for a client, when it comes to files.

User, groups and what root may do with files belong to a thread.  The library's own calls change
those of all threads at once, but for setfsuid(2) and setfsgid(2); groups are set by the bare call.

Source: setfsuid(2), setgroups(2), nptl(7), capabilities(7)
"""

from __future__ import annotations

import ctypes
import errno
import platform
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ninep.backends._linux import capabilities
from ninep.backends._shared import error
from ninep.users import Identity

R = TypeVar("R")
SETGROUPS = {"x86_64": 116, "aarch64": 159}
"""Number of the call that sets the groups of one thread, by the machine's name."""
ID_END = 0xFFFFFFFF
ASK = -1
"""The number that changes nothing: both calls return what was before."""
CAP_SETGID, CAP_SETUID = 6, 7
NEEDED = 1 << CAP_SETGID | 1 << CAP_SETUID

_libc = ctypes.CDLL(None, use_errno=True)


class Thread(threading.local):
    """Whom this thread is taken for; None: whom the process is, or nobody can say."""

    identity: Identity | None = None


_thread = Thread()


def is_client() -> bool:
    """Say whether this thread acts with the rights of a client."""
    return _thread.identity is not None


def require() -> None:
    """Refuse if this process may not act for others.

    Errors: ENOSYS (no machine for which the call is known), EPERM
    """
    if platform.machine() not in SETGROUPS:
        raise error(errno.ENOSYS)
    if capabilities() & NEEDED != NEEDED:
        raise error(errno.EPERM)


def act(identity: Identity, call: Callable[..., Coroutine[Any, Any, R]], *args: object) -> R:
    """Make a call of a backend as somebody; it has to go through without waiting.

    Errors: EPERM (this thread cannot act for that user), and those of the call
    """
    become(identity)
    coroutine = call(*args)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: R = stop.value
        return result
    coroutine.close()
    raise AssertionError(f"{call} waits, and a thread has no loop")


def become(identity: Identity) -> None:
    """Let this thread be taken for somebody, and see to it that it really is.

    Errors: EPERM
    """
    if _thread.identity == identity:
        return
    _thread.identity = None
    uid, gid, groups = identity.uid, identity.gid, identity.groups
    if not 0 <= uid < ID_END or not 0 <= gid < ID_END:
        raise error(errno.EPERM)
    numbers = (ctypes.c_uint32 * len(groups))(*groups)
    if _libc.syscall(SETGROUPS[platform.machine()], len(groups), numbers):
        raise error(errno.EPERM)
    for set_id, number in ((_libc.setfsgid, gid), (_libc.setfsuid, uid)):
        set_id(number)
        if set_id(ASK) & ID_END != number:
            raise error(errno.EPERM)
    _thread.identity = identity
