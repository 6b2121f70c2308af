"""Record locks in 9P2000.L.  Nothing waits here: the client asks again."""

from __future__ import annotations

from ninep.constants import NAME_MAX, LockFlag, LockStatus, LockType
from ninep.errors import Violation
from ninep.fids import Fid
from ninep.locks import INFINITY, Lock, Owner
from ninep.messages import Rgetlock, Rlock, Tgetlock, Tlock
from ninep.session import Session

TYPES = tuple(LockType)
KNOWN = int(LockFlag.BLOCK | LockFlag.RECLAIM)
UNLCK, WRLCK = int(LockType.UNLCK), int(LockType.WRLCK)


def requested(session: Session, fid: Fid, t: Tlock | Tgetlock, kind: int) -> Lock:
    """Return the lock that a request describes.

    Clauses: lock.known-type, lock.range-end, lock.zero-length, lock.owner-key,
             lock.client-id-length
    """
    if len(t.client_id) > NAME_MAX:
        raise Violation("lock.client-id-length", f"{len(t.client_id)} bytes")
    if t.type not in TYPES:
        raise Violation("lock.known-type", f"type {t.type}")
    end = t.start + t.length if t.length else INFINITY
    if end > INFINITY:
        raise Violation("lock.range-end", f"start {t.start}, length {t.length}")
    return Lock(kind, t.start, end, Owner(session, t.client_id, t.proc_id), fid)


async def tlock(session: Session, t: Tlock) -> Rlock:
    """Lock or unlock a range, or say that somebody else holds it.

    Clauses: lock.fid-open, lock.known-flags, lock.one-file, lock.conflict-blocked,
             lock.unlock-nothing, lock.count-limit
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "lock")
    if t.flags & ~KNOWN:
        raise Violation("lock.known-flags", f"flags {t.flags:#x}")
    lock = requested(session, fid, t, t.type)
    done = session.service.locks.set(fid.node.identity, lock)
    return Rlock(LockStatus.SUCCESS if done else LockStatus.BLOCKED)


async def tgetlock(session: Session, t: Tgetlock) -> Rgetlock:
    """Describe a lock that stands in the way of this one, or say UNLCK.

    Clauses: lock.fid-open, lock.getlock-unlck-asks-any, lock.getlock-holder
    Source:  Linux include/net/9p/9p.h
    """
    fid = session.fids.legal(t.fid, "lock")
    wanted = requested(session, fid, t, WRLCK if t.type == UNLCK else t.type)
    held = session.service.locks.conflict(fid.node.identity, wanted)
    if held is None:
        return Rgetlock(UNLCK, t.start, t.length, t.proc_id, t.client_id)
    owner = held.owner
    return Rgetlock(held.type, held.start, held.length, owner.proc_id, owner.client_id)
