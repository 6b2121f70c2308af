"""version(5): agree on dialect and msize; begin anew."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NOFID, LockStatus, LockType
from ninep.messages import Message
from ninep.spec import spec

from ..check import samples
from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, shown
from ..check.verdict import Broken, Unjudged

MSIZE = 8192
SMALL = 4096
FILE = 10
MANY = 40
STRANGE = (
    b"", b"9P", b"9P2001", b"unknown", b"9P2000.zz", b"9p2000.L", b"9P2000.Lx", b"9P2000.L.x",
    b"9P2000.L\0", b"\xff\xfe", b"X" * 4000,
)  # fmt: skip
LINUX = ("9P2000.L",)


def rversion(clause: str, r: Message) -> m.Rversion:
    """Demand an Rversion and no error."""
    if not isinstance(r, m.Rversion):
        raise Broken(clause, "Rversion", shown(r))
    return r


@case("version/comes-first", "version.comes-first", start=Start.BARE,
      each=("Tattach", "Tflush"))  # fmt: skip
def comes_first(p: Peer, name: str) -> None:
    """What comes before the first Tversion is not served; a Tversion is."""
    uname, uid = p.user
    attach = m.Tattach(ROOT, NOFID, uname, p.aname, uid)
    p.refuses_bytes("version.comes-first", p.frame(attach if name == "Tattach" else m.Tflush(2), 1))
    if p.link.closed:
        p.another()
    else:
        p.version(MSIZE, p.wanted)
        p.attach(ROOT)


@case("version/msize-kept-or-lowered", "version.msize-not-larger", start=Start.BARE,
      each=(4096, 4097, 8192, 65536, 1 << 20, 1 << 30, 0xFFFFFFFF))  # fmt: skip
def msize_kept_or_lowered(p: Peer, msize: int) -> None:
    """The msize of the reply is not larger than the one asked for, and leaves room to work."""
    r = rversion("version.msize-not-larger", p.rpc(m.Tversion(msize, p.wanted.encode())))
    p.true("version.msize-not-larger", r.msize <= msize, f"an msize of {msize} or less", r.msize)
    p.equal("version.exact-name", p.wanted.encode(), r.version, "the dialect asked for")
    least = spec().dialects[p.wanted].msize_min
    p.true("version.msize-minimum", r.msize >= least, f"an msize of {least} or more", r.msize)
    p.attach(ROOT)


@case("version/strange-name", "version.unknown-reply", "version.exact-name", start=Start.BARE,
      each=STRANGE)  # fmt: skip
def strange_name(p: Peer, name: bytes) -> None:
    """A name that is no dialect's begins none of that name; a right one works afterwards."""
    r = rversion("version.unknown-reply", p.rpc(m.Tversion(MSIZE, name)))
    earlier = r.version.decode("ascii", "replace") in spec().standard and r.version != name
    clause = "version.exact-name" if earlier and name[:2] == b"9P" else "version.unknown-reply"
    p.equal(clause, b"unknown", r.version, "the version of the reply")
    p.version(MSIZE, p.wanted)
    p.attach(ROOT)


@case("version/tiny-msize", "version.msize-minimum", "version.msize-not-larger", start=Start.BARE,
      each=(0, 6, 7, 23, 24, 255))  # fmt: skip
def tiny_msize(p: Peer, msize: int) -> None:
    """An msize in which no walk would fit begins no session."""
    r = p.rpc(m.Tversion(msize, p.wanted.encode()))
    if isinstance(r, m.Rversion):
        seen = r.msize
        p.true("version.msize-not-larger", seen <= msize, f"an msize of {msize} or less", seen)
        p.equal("version.msize-minimum", b"unknown", r.version, "the version of the reply")
    p.version(MSIZE, p.wanted)


@case("version/smallest-msize", "version.msize-minimum", start=Start.BARE)
def smallest_msize(p: Peer) -> None:
    """The smallest msize of the dialect begins a session, one byte less does not."""
    smallest = spec().dialects[p.wanted].msize_min
    r = rversion("version.msize-minimum", p.rpc(m.Tversion(smallest - 1, p.wanted.encode())))
    p.equal("version.msize-minimum", b"unknown", r.version, f"the version for {smallest - 1}")
    r = rversion("version.msize-minimum", p.rpc(m.Tversion(smallest, p.wanted.encode())))
    p.equal("version.msize-minimum", p.wanted.encode(), r.version, f"the version for {smallest}")
    p.attach(ROOT)


@case("version/clunks-all-fids", "version.resets-session", start=Start.ATTACHED)
def clunks_all_fids(p: Peer) -> None:
    """After a second Tversion every fid of the first session is unknown and free."""
    p.walk(ROOT, 7)
    p.version(MSIZE, p.dialect)
    p.refuses("version.resets-session", p.speech.stat(7))
    p.refuses("version.resets-session", p.speech.stat(ROOT))
    uname, uid = p.user
    p.must("version.resets-session", m.Tattach(7, NOFID, uname, p.aname, uid), m.Rattach)


@case("version/releases-locks", "version.resets-session", needs=["lock"], dialects=LINUX)
def releases_locks(p: Peer) -> None:
    """A second Tversion releases the locks of the first session."""
    p.make(b"file")
    holder = p.another()
    p.opened(FILE, b"file", access="rw")
    holder.opened(FILE, b"file", access="rw")
    if holder.ok(lock(b"holder"), m.Rlock).status or not p.ok(lock(b"other"), m.Rlock).status:
        raise Unjudged("the first of two locks is not granted, or the second is")
    holder.version(MSIZE, p.dialect)
    r = p.must("version.resets-session", lock(b"other"), m.Rlock)
    p.equal("version.resets-session", LockStatus.SUCCESS, r.status, "the status of the other lock")


def lock(client: bytes) -> m.Tlock:
    """Ask for the whole file."""
    return m.Tlock(FILE, LockType.WRLCK, 0, 0, 0, 1, client)


@case("version/lower-msize-counts", "version.msize-renewed")
def lower_msize_counts(p: Peer) -> None:
    """After a second Tversion its own msize counts, and not the larger one of the first."""
    p.make(b"file", bytes(SMALL))
    p.version(SMALL, p.dialect)
    p.attach(ROOT)
    p.walk(ROOT, DIR, *p.path)
    p.opened(FILE, b"file", access="rw")
    p.rpc(m.Tread(FILE, 0, MSIZE))
    write = samples.message("Twrite", FILE, 0, data=bytes(SMALL + 1 - 23))
    p.refuses_bytes("version.msize-renewed", p.frame(write, 50))  # type: ignore[arg-type]  # a Twrite


@case("version/higher-msize-counts", "version.msize-renewed", start=Start.BARE)
def higher_msize_counts(p: Peer) -> None:
    """After a second Tversion its own msize counts, and not the smaller one of the first."""
    p.version(SMALL, p.wanted)
    p.version(MSIZE, p.wanted)
    p.attach(ROOT)
    size = p.msize
    uname, uid = p.user
    padding = size - len(p.frame(m.Tattach(FILE, NOFID, uname, b"", uid), 1))
    p.rpc(m.Tattach(FILE, NOFID, uname, b"x" * padding, uid))
    p.alive("version.msize-renewed")


@case("version/aborts-requests", "version.aborts-requests", "version.resets-session")
def aborts_requests(p: Peer) -> None:
    """What is in flight when a Tversion comes is answered before it or never, and makes no fid."""
    p.make(b"file", b"content")
    p.opened(FILE, b"file")
    reads = [(tag, m.Tread(FILE, 0, 7)) for tag in range(MANY)]
    walks = [(MANY + tag, m.Twalk(DIR, 100 + tag, (b"file",))) for tag in range(MANY)]
    p.together(*reads, *walks, (0xFFFF, m.Tversion(MSIZE, p.dialect.encode())))
    *_, (_, last) = p.replies()
    rversion("version.aborts-requests", last)
    p.fence()
    for tag in range(MANY):
        p.refuses("version.resets-session", p.speech.stat(100 + tag))
    p.attach(100)


@case("version/failed-leaves-none", "version.failed-leaves-none", start=Start.ATTACHED)
def failed_leaves_none(p: Peer) -> None:
    """After an answer of unknown the fids of the session before are gone."""
    p.ok(p.speech.stat(ROOT))
    frame = p.frame(p.speech.stat(ROOT), 50)
    rversion("version.unknown-reply", p.rpc(m.Tversion(MSIZE, b"9P2000.none")))
    p.refuses_bytes("version.failed-leaves-none", frame)


@case("version/failed-then-right", "version.failed-leaves-none", start=Start.ATTACHED)
def failed_then_right(p: Peer) -> None:
    """After an answer of unknown another Tversion may succeed and begins an empty session."""
    stat, dialect = p.speech.stat(ROOT), p.dialect
    rversion("version.unknown-reply", p.rpc(m.Tversion(MSIZE, b"9P2000.none")))
    r = rversion("version.failed-leaves-none", p.rpc(m.Tversion(MSIZE, dialect.encode())))
    p.equal("version.failed-leaves-none", dialect.encode(), r.version, "the version of the reply")
    p.refuses("version.failed-leaves-none", stat)
    p.attach(ROOT)


@case("version/other-tag", "version.tag-echoed", "tag.reply-same-tag", start=Start.BARE)
def other_tag(p: Peer) -> None:
    """A Tversion with a tag of its own is answered under that tag."""
    frame = p.frame(m.Tversion(MSIZE, p.wanted.encode()), tag=5)
    r = p.reply(p.link.illegal(frame))
    p.true("version.tag-echoed", isinstance(r, m.Rversion), "an Rversion", r)


@case("version/small-msize-kept", "frame.reply-fits", "read.count-clamped")
def small_msize_kept(p: Peer) -> None:
    """With a small msize every reply fits into it, also one that is asked to be larger."""
    p.make(b"file", bytes(range(256)) * 64)
    q = p.another(msize=SMALL)
    q.opened(9, b"file")
    r = q.must("read.count-clamped", m.Tread(9, 0, 16384), m.Rread)
    p.true("frame.reply-fits", 0 < len(r.data) <= SMALL - 11, "a reply within msize", len(r.data))
