"""version(5): agree on dialect and msize; begin anew."""

from __future__ import annotations

from ninep.messages import Rversion, Tversion
from ninep.ops.clunk import remove_all
from ninep.session import Session
from ninep.spec import spec

UNKNOWN = b"unknown"
MSIZE_MIN = {name: d.msize_min for name, d in spec().dialects.items()}


async def tversion(session: Session, t: Tversion) -> Rversion:
    """Begin a session in the dialect the client names, if we speak it.

    Clauses: version.exact-name, version.unknown-reply, version.msize-not-larger,
             version.msize-minimum, version.resets-session, version.failed-leaves-none
    Source:  version(5)
    """
    msize = min(t.msize, session.service.msize)
    dialect = t.version.decode("ascii", "replace")
    if dialect not in session.service.dialects or msize < MSIZE_MIN[dialect]:
        await remove_all(session.begin(None, 0))
        return Rversion(msize, UNKNOWN)
    await remove_all(session.begin(dialect, msize))
    return Rversion(msize, t.version)
