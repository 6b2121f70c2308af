"""flush(5): the client no longer wants an answer."""

from __future__ import annotations

from ninep.messages import Rflush, Tflush
from ninep.session import Session


async def tflush(session: Session, t: Tflush) -> Rflush:
    """Answer, once the named request is settled.

    `ninep.tags` has seen to that: it starts this op when nothing is left of `oldtag`.

    Clauses: flush.always-rflush, flush.after-reply
    Source:  flush(5)
    """
    return Rflush()
