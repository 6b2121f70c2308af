"""T-message → op, and `answer`: the one place where an exception becomes an R-message."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ninep import messages as m
from ninep.errors import EIO, ENOMEM, CodecError
from ninep.messages import RMessage
from ninep.ops.attach import tattach, tauth
from ninep.ops.clunk import tclunk, tremove
from ninep.ops.create import tcreate
from ninep.ops.flush import tflush
from ninep.ops.lock import tgetlock, tlock
from ninep.ops.names import (
    tlink,
    tmkdir,
    tmknod,
    treadlink,
    trename,
    trenameat,
    tsymlink,
    tunlinkat,
)
from ninep.ops.open import tlcreate, tlopen, topen
from ninep.ops.read import tfsync, tread, treaddir, twrite
from ninep.ops.stat import tgetattr, tsetattr, tstat, tstatfs
from ninep.ops.version import tversion
from ninep.ops.walk import twalk
from ninep.ops.wstat import twstat
from ninep.ops.xattr import txattrcreate, txattrwalk
from ninep.session import Session

log = logging.getLogger("ninep")

Op = Callable[[Session, Any], Awaitable[RMessage]]

HANDLERS: Mapping[type, Op] = {
    m.Tversion: tversion,
    m.Tauth: tauth,
    m.Tattach: tattach,
    m.Tflush: tflush,
    m.Twalk: twalk,
    m.Topen: topen,
    m.Tcreate: tcreate,
    m.Tlopen: tlopen,
    m.Tlcreate: tlcreate,
    m.Tread: tread,
    m.Twrite: twrite,
    m.Treaddir: treaddir,
    m.Tfsync: tfsync,
    m.Tclunk: tclunk,
    m.Tremove: tremove,
    m.Tstat: tstat,
    m.Twstat: twstat,
    m.Tgetattr: tgetattr,
    m.Tsetattr: tsetattr,
    m.Tstatfs: tstatfs,
    m.Treadlink: treadlink,
    m.Tsymlink: tsymlink,
    m.Tmknod: tmknod,
    m.Tmkdir: tmkdir,
    m.Tlink: tlink,
    m.Trename: trename,
    m.Trenameat: trenameat,
    m.Tunlinkat: tunlinkat,
    m.Txattrwalk: txattrwalk,
    m.Txattrcreate: txattrcreate,
    m.Tlock: tlock,
    m.Tgetlock: tgetlock,
}


async def answer(session: Session, tag: int, t: m.TMessage | CodecError) -> bytes:
    """Run one op and frame its reply: the only place where an exception becomes an R-message.

    Clauses: error.one-reply, error.internal-fault
    """
    try:
        if isinstance(t, CodecError):
            raise t  # noqa: TRY301  it is a request that failed before it began
        r = await HANDLERS[type(t)](session, t)
        return session.reply(tag, r)
    except OSError as exc:
        return session.error(tag, exc)
    except MemoryError:
        log.exception("out of memory: %.300r", t)
        return session.error(tag, OSError(ENOMEM, "out of memory"))
    except Exception:
        log.exception("fault in %.300r", t)
        return session.error(tag, OSError(EIO, "a fault"))
