"""read(5): transfer data to an open fid."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import IOHDRSZ, OFFSET_MAX, SetattrValid

from ..check.case import case
from ..check.peer import DIR, Peer, is_error
from .open import lists, reads

L = ("9P2000.L",)
A, B = 10, 11
SMALL = 4096
"""An msize."""
TEXT = b"0123456789"
FAR = 1 << 62
"""An offset at which no disk has room."""
USER = 1001


@case("write/at-offset", "write.at-offset", "write.count-true", each=(0, 4, 9, 10))
def at_offset(p: Peer, at: int) -> None:
    """A write replaces the bytes from its offset on, and leaves those before and behind."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    count = p.must("write.count-true", m.Twrite(A, at, b"abc"), m.Rwrite).count
    p.true("write.count-true", 0 < count <= 3, "a count of 1 to 3", count)
    expected = TEXT[:at] + b"abc"[:count] + TEXT[at + count :]
    p.equal("write.at-offset", expected, p.content(b"file"), "the content")
    p.equal("write.at-offset", len(expected), p.stat(A).size, "the size")


@case("write/any-order", "write.at-offset")
def any_order(p: Peer) -> None:
    """A write does not depend on the one before: there is no position but the offset."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="rw")
    for at, byte in ((7, b"a"), (2, b"b"), (5, b"c")):
        p.ok(m.Twrite(A, at, byte), m.Rwrite)
        p.read(A, 0, 1)
    p.equal("write.at-offset", b"01b34c6a89", p.content(b"file"), "the content")


@case("write/any-kind-of-byte", "write.at-offset")
def any_kind_of_byte(p: Peer) -> None:
    """All values of a byte are written as they are."""
    content = b"\0\0" + bytes(range(256)) + b"\0"
    p.make(b"file")
    p.opened(A, b"file", access="w")
    p.write(A, 0, content)
    p.equal("write.at-offset", content, p.content(b"file"), "the content")


@case("write/full-message", "write.at-offset", "write.count-true")
def full_message(p: Peer) -> None:
    """A write of as many bytes as a message surely holds goes in as it is."""
    q = p.another(msize=SMALL)
    data = bytes(n * n % 251 for n in range(q.msize - IOHDRSZ))
    q.create(A, b"file")
    count = q.must("write.count-true", m.Twrite(A, 0, data), m.Rwrite).count
    reads(q, "write.at-offset", A, data[:count])
    q.equal("write.count-true", count, q.stat(A).size, "the size")


@case("write/seen-by-all", "write.seen-at-once")
def seen_by_all(p: Peer) -> None:
    """What was written is read through every other fid, on another connection too."""
    p.make(b"file", TEXT)
    q = p.another()
    p.opened(A, b"file")
    q.opened(A, b"file")
    reads(p, "write.seen-at-once", A, TEXT)
    reads(q, "write.seen-at-once", A, TEXT)
    p.opened(B, b"file", access="w")
    p.write(B, 0, b"abc")
    reads(p, "write.seen-at-once", A, b"abc3456789")
    reads(q, "write.seen-at-once", A, b"abc3456789")


@case("write/nothing", "write.zero-bytes", each=(("inside", 4), ("at-end", 10), ("behind", 20)))
def nothing(p: Peer, item: tuple[str, int]) -> None:
    """A write of no bytes is answered with 0 and changes neither content nor size."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    count = p.must("write.zero-bytes", m.Twrite(A, item[1], b""), m.Rwrite).count
    p.equal("write.zero-bytes", 0, count, "the count")
    p.equal("write.zero-bytes", TEXT, p.content(b"file"), "the content")


@case("write/behind-end", "write.past-end", each=(11, 5000))
def behind_end(p: Peer, at: int) -> None:
    """Between the old end and a write behind it stand zeros."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    p.must("write.past-end", m.Twrite(A, at, b"z"), m.Rwrite)
    p.equal("write.past-end", at + 1, p.stat(A).size, "the size")
    zeros = bytes(at - len(TEXT))
    p.equal("write.past-end", TEXT + zeros + b"z", p.content(b"file"), "the content")


@case("write/hole-after-cut", "write.past-end")
def hole_after_cut(p: Peer) -> None:
    """What was cut off does not come back in a gap that a later write leaves."""
    p.make(b"file", TEXT)
    p.walk(DIR, A, b"file")
    p.ok(p.speech.open(A, "w", truncate=True))
    p.must("write.past-end", m.Twrite(A, 8, b"z"), m.Rwrite)
    p.equal("write.past-end", bytes(8) + b"z", p.content(b"file"), "the content")


@case("write/offset-beyond-32-bits", "write.at-offset", each=(("2^32", 1 << 32), ("2^31", 1 << 31)))
def offset_beyond_32_bits(p: Peer, item: tuple[str, int]) -> None:
    """A write at 4 GiB goes there or is refused, and never to the beginning of the file."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="rw")
    r = p.rpc(m.Twrite(A, item[1] + 1, b"z"))
    size = len(TEXT) if is_error(r) else item[1] + 2
    p.equal("write.at-offset", size, p.stat(A).size, "the size")
    p.equal("write.at-offset", TEXT, p.read(A, 0, len(TEXT)), "the first bytes")


@case("write/no-room", "write.never-stuck")
def no_room(p: Peer) -> None:
    """Where nothing can be written an error comes, and not a count of 0 as if to go on."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    r = p.rpc(m.Twrite(A, FAR, b"z"))
    done = isinstance(r, m.Rwrite) and r.count == 1
    p.true("write.never-stuck", is_error(r) or done, "an error, or a count of 1", r)
    if not done:
        p.equal("write.never-stuck", TEXT, p.content(b"file"), "the content")


@case("write/offset-range", "write.offset-range",
      each=(("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1)))  # fmt: skip
def offset_range(p: Peer, item: tuple[str, int]) -> None:
    """An offset that a signed number cannot hold is refused, and nothing is written."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    p.refuses("write.offset-range", m.Twrite(A, item[1], b"a"), control=m.Twrite(A, 0, b"0"))
    p.equal("write.offset-range", TEXT, p.content(b"file"), "the content")


@case("write/end-range", "write.end-range", each=(("one-byte", 0, 1), ("in-part", 4, 10)))
def end_range(p: Peer, item: tuple[str, int, int]) -> None:
    """A write that would end behind byte 2^63 - 1 is refused, and not done in part."""
    _, before, count = item
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    bad = m.Twrite(A, OFFSET_MAX - before, b"a" * count)
    p.refuses("write.end-range", bad, control=m.Twrite(A, 0, b"0"))
    p.equal("write.end-range", TEXT, p.content(b"file"), "the content")


@case("write/unopened", "write.fid-writable", each=("file", "directory"))
def unopened(p: Peer, what: str) -> None:
    """A fid that is not open is not written, and can be opened afterwards."""
    p.make(b"file", TEXT)
    p.mkdir(b"directory")
    p.walk(DIR, A, what.encode())
    p.opened(B, b"file", access="w")
    p.refuses("write.fid-writable", m.Twrite(A, 0, b"a"), control=m.Twrite(B, 0, b"0"))
    p.equal("write.fid-writable", TEXT, p.content(b"file"), "the content")
    p.must("write.fid-writable", p.speech.open(A, "r"))


@case("write/read-only", "write.fid-writable", each=(b"abc", b""))
def read_only(p: Peer, data: bytes) -> None:
    """A fid that was opened for reading alone is not written, and goes on reading."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    p.opened(B, b"file", access="rw")
    p.refuses("write.fid-writable", m.Twrite(A, 0, data), control=m.Twrite(B, 0, b"0"))
    reads(p, "write.fid-writable", A, TEXT)


@case("write/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """A fid that is not in use is not written."""
    p.make(b"file", TEXT)
    p.opened(A, b"file", access="w")
    p.refuses("fid.unknown-fid", m.Twrite(B, 0, b"a"), control=m.Twrite(A, 0, b"0"))


@case("write/directory", "write.directory-fid")
def directory(p: Peer) -> None:
    """An open directory is not written, and goes on listing."""
    p.make(b"file", TEXT)
    p.opened(A)
    p.opened(B, b"file", access="w")
    p.refuses("write.directory-fid", m.Twrite(A, 0, b"a"), control=m.Twrite(B, 0, b"0"))
    lists(p, "write.directory-fid", A, [b"file"])


@case("write/drops-set-id", "write.drops-privilege", dialects=L,
      each=("write", "write-opened-before", "cut", "longer"))  # fmt: skip
def drops_set_id(p: Peer, what: str) -> None:
    """Changing what a file holds takes away its set-user-id bit, even one that came late."""
    p.make(b"file", TEXT)
    p.walk(DIR, A, b"file")
    p.opened(B, b"file", access="rw")
    p.ok(setattr_of(A, SetattrValid.MODE, mode=0o4755), m.Rsetattr)
    if what == "write":
        p.open(A, "rw")
        p.ok(m.Twrite(A, 0, b"a"), m.Rwrite)
    elif what == "write-opened-before":
        p.ok(m.Twrite(B, 0, b"a"), m.Rwrite)
    else:
        size = 5 if what == "cut" else 50
        p.ok(setattr_of(A, SetattrValid.SIZE, size=size), m.Rsetattr)
    p.equal("write.drops-privilege", oct(0o755), oct(p.stat(A).mode), "the mode")


@case("write/giving-away-drops-set-id", "write.drops-privilege", needs=["chown"], dialects=L)
def giving_away_drops_set_id(p: Peer) -> None:
    """Giving a file to another user takes away its set-user-id bit."""
    p.make(b"file", TEXT)
    p.walk(DIR, A, b"file")
    p.ok(setattr_of(A, SetattrValid.MODE, mode=0o4755), m.Rsetattr)
    p.ok(m.Tsetattr(A, SetattrValid.UID, 0, USER, 0, 0, 0, 0, 0, 0), m.Rsetattr)
    p.equal("write.drops-privilege", oct(0o755), oct(p.stat(A).mode), "the mode")


def setattr_of(fid: int, valid: int, mode: int = 0, size: int = 0) -> m.Tsetattr:
    """Return a Tsetattr that changes one thing."""
    return m.Tsetattr(fid, valid, mode, 0, 0, size, 0, 0, 0, 0)
