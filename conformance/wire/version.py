"""version(5): agree on dialect and msize; begin anew."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NOFID
from ninep.messages import Message

from ..check.case import Start, case
from ..check.peer import ROOT, Peer, shown
from ..check.verdict import Broken

MSIZE = 8192
STRANGE = (
    b"", b"9P", b"9P2001", b"unknown", b"9P2000.zz", b"9p2000.L", b"9P2000.Lx", b"9P2000.L.x",
    b"9P2000.L\0", b"\xff\xfe", b"X" * 4000,
)  # fmt: skip


def rversion(clause: str, r: Message) -> m.Rversion:
    """Demand an Rversion and no error."""
    if not isinstance(r, m.Rversion):
        raise Broken(clause, "Rversion", shown(r))
    return r


@case("version/msize-kept-or-lowered", "version.msize-not-larger", start=Start.BARE,
      each=(4096, 4097, 8192, 65536, 1 << 20, 1 << 30, 0xFFFFFFFF))  # fmt: skip
def msize_kept_or_lowered(p: Peer, msize: int) -> None:
    """The msize of the reply is not larger than the one asked for, and leaves room to work."""
    r = rversion("version.msize-not-larger", p.rpc(m.Tversion(msize, p.wanted.encode())))
    p.true("version.msize-not-larger", r.msize <= msize, f"an msize of {msize} or less", r.msize)
    p.equal("version.exact-name", p.wanted.encode(), r.version, "the dialect asked for")
    p.attach(ROOT)


@case("version/strange-name", "version.unknown-reply", "version.exact-name", start=Start.BARE,
      each=STRANGE)  # fmt: skip
def strange_name(p: Peer, name: bytes) -> None:
    """A name that is no dialect's begins none of that name; a right one works afterwards."""
    r = rversion("version.unknown-reply", p.rpc(m.Tversion(MSIZE, name)))
    if name.startswith(b"9P2000.") and r.version == b"9P2000":
        p.equal("version.exact-name", b"unknown", r.version, "the version of the reply")
    else:
        p.equal("version.unknown-reply", b"unknown", r.version, "the version of the reply")
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


@case("version/clunks-all-fids", "version.resets-session", start=Start.ATTACHED)
def clunks_all_fids(p: Peer) -> None:
    """After a second Tversion every fid of the first session is unknown and free."""
    p.walk(ROOT, 7)
    p.version(MSIZE, p.dialect)
    p.refuses("version.resets-session", p.speech.stat(7))
    p.refuses("version.resets-session", p.speech.stat(ROOT))
    uname, uid = p.user
    p.must("version.resets-session", m.Tattach(7, NOFID, uname, p.aname, uid), m.Rattach)


@case("version/failed-leaves-none", "version.failed-leaves-none", start=Start.ATTACHED)
def failed_leaves_none(p: Peer) -> None:
    """After an answer of unknown the old session is gone too, and a new Tversion begins one."""
    p.ok(p.speech.stat(ROOT))
    stat, dialect = p.speech.stat(ROOT), p.dialect
    r = rversion("version.unknown-reply", p.rpc(m.Tversion(MSIZE, b"9P2000.none")))
    p.equal("version.unknown-reply", b"unknown", r.version, "the version of the reply")
    p.version(MSIZE, dialect)
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
    q = p.another(msize=4096)
    q.opened(9, b"file")
    r = q.must("read.count-clamped", m.Tread(9, 0, 16384), m.Rread)
    p.true("frame.reply-fits", 0 < len(r.data) <= 4096 - 11, "a reply within msize", len(r.data))


