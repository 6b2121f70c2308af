"""Tlock and Tgetlock: record locks, between connections and between processes of one."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import LockFlag, LockStatus, LockType

from ..check.case import case
from ..check.peer import DIR, Peer, errno, is_error, shown
from ..check.verdict import Broken, Unjudged

A, B, C = 10, 11, 12
"""Fids; `A` is the open file."""
L = ("9P2000.L",)
NEEDS, GETLOCK = ("lock",), ("lock", "getlock")
RD, WR, UN = int(LockType.RDLCK), int(LockType.WRLCK), int(LockType.UNLCK)
SUCCESS, BLOCKED = LockStatus.SUCCESS, LockStatus.BLOCKED
BLOCK, RECLAIM = int(LockFlag.BLOCK), int(LockFlag.RECLAIM)
EAGAIN = 11
END = 1 << 64
Who = tuple[int, bytes]
ME, OTHER = (1, b"client"), (2, b"client")
"""Owners: proc_id and client_id."""
ACCESS = [(f"{access}-{kind.name}", access, int(kind)) for access in ("r", "w", "rw")
          for kind in (LockType.RDLCK, LockType.WRLCK)]  # fmt: skip
RANGES = (
    ("same", (3, 2), (3, 2), True),
    ("first-byte", (3, 2), (0, 4), True),
    ("last-byte", (3, 2), (4, 9), True),
    ("inside", (0, 10), (3, 2), True),
    ("around", (3, 2), (0, 10), True),
    ("just-before", (3, 2), (0, 3), False),
    ("just-behind", (3, 2), (5, 9), False),
)
SPLITS: tuple[tuple[str, str, tuple[tuple[int, int, int], ...]], ...] = (
    ("middle-unlocked", "www....www", ((WR, 0, 10), (UN, 3, 4))),
    ("front-unlocked", "...wwwwwww", ((WR, 0, 10), (UN, 0, 3))),
    ("end-unlocked", "wwwwwww...", ((WR, 0, 10), (UN, 7, 0))),
    ("middle-shared", "wwwrrrrwww", ((WR, 0, 10), (RD, 3, 4))),
    ("middle-exclusive", "rrwwwrrrrr", ((RD, 0, 10), (WR, 2, 3))),
    ("joined", "w....w....", ((WR, 0, 3), (WR, 3, 3), (UN, 1, 4))),
    ("overlapping", "wwwwwwww..", ((WR, 0, 5), (WR, 3, 5))),
    ("covered", "wwwwwwwwww", ((RD, 1, 2), (RD, 5, 2), (WR, 0, 10))),
    ("several-unlocked", "w........w", ((WR, 0, 2), (WR, 4, 2), (WR, 8, 2), (UN, 1, 8))),
    ("apart", "ww..ww....", ((WR, 0, 2), (WR, 4, 2))),
    ("other-range-stays", "........ww", ((WR, 0, 2), (WR, 8, 2), (UN, 0, 2))),
    ("to-the-end-split", "wwwww.wwww", ((WR, 0, 0), (UN, 5, 1))),
)
"""What an owner does, and what it then holds: a letter for each of the first ten bytes."""


def lock(
    kind: int, start: int = 0, length: int = 0, who: Who = ME, flags: int = 0, fid: int = A
) -> m.Tlock:
    """Return a Tlock."""
    return m.Tlock(fid, kind, flags, start, length, *who)


def getlock(kind: int, start: int = 0, length: int = 0, who: Who = ME, fid: int = A) -> m.Tgetlock:
    """Return a Tgetlock."""
    return m.Tgetlock(fid, kind, start, length, *who)


def granted(p: Peer, clause: str, t: m.Tlock) -> None:
    """Demand that a lock is granted."""
    p.equal(clause, SUCCESS, p.must(clause, t, m.Rlock).status, "the status")


def blocked(p: Peer, clause: str, t: m.Tlock) -> None:
    """Demand that a lock is not granted because of another; EAGAIN says so too."""
    r = p.rpc(t)
    if is_error(r) and errno(r) == EAGAIN:
        p.tolerated.append(Broken("lock.conflict-blocked", "Rlock with BLOCKED", shown(r)))
        return
    p.equal(clause, m.Rlock(BLOCKED), r, "the reply")


def have(p: Peer, *locks: m.Tlock) -> None:
    """Lock or unlock: steps that must work."""
    for t in locks:
        r = p.ok(t, m.Rlock)
        if r.status != SUCCESS:
            raise Unjudged(f"{t!r} was answered by {shown(r)}")


def two(p: Peer) -> Peer:
    """Open one file as `A` on this connection and on another; return that one."""
    p.make(b"file", b"0123456789")
    p.opened(A, b"file", access="rw")
    q = p.another()
    q.opened(A, b"file", access="rw")
    return q


def held(q: Peer, count: int = 10) -> str:
    """Return a letter for each byte: what stands in the way of one who holds nothing."""
    letters = ""
    for n in range(count):
        for kind, letter in ((WR, "."), (RD, "r")):
            if q.rpc(lock(kind, n, 1)) == m.Rlock(SUCCESS):
                have(q, lock(UN, n, 1))
                letters += letter
                break
        else:
            letters += "w"
    return letters


# What can be locked


@case("lock/unopened-file", "lock.fid-open", needs=NEEDS, dialects=L)
def unopened_file(p: Peer) -> None:
    """A file is not locked through a fid that is not open."""
    q = two(p)
    p.walk(DIR, B, b"file")
    have(p, lock(WR), lock(UN))
    p.refuses("lock.fid-open", lock(WR, fid=B))
    granted(q, "lock.fid-open", lock(WR))


@case("lock/unopened-file-asked", "lock.fid-open", needs=GETLOCK, dialects=L)
def unopened_file_asked(p: Peer) -> None:
    """A lock is not asked for through a fid that is not open."""
    two(p)
    p.walk(DIR, B, b"file")
    p.refuses("lock.fid-open", getlock(WR, fid=B), control=getlock(WR))


@case("lock/any-access", "lock.access-unchecked", needs=NEEDS, dialects=L, each=ACCESS)
def any_access(p: Peer, item: tuple[str, str, int]) -> None:
    """A lock of either type is granted, whatever the fid was opened for."""
    p.make(b"file")
    p.opened(A, b"file", access=item[1])
    granted(p, "lock.access-unchecked", lock(item[2]))


@case("lock/unknown-type", "lock.known-type", needs=NEEDS, dialects=L, each=(3, 255))
def unknown_type(p: Peer, kind: int) -> None:
    """A type of lock that is not defined is refused, and nothing is locked."""
    q = two(p)
    have(p, lock(RD), lock(UN))
    p.refuses("lock.known-type", lock(kind))
    granted(q, "lock.known-type", lock(WR))


@case("lock/unknown-type-asked", "lock.known-type", needs=GETLOCK, dialects=L, each=(3, 255))
def unknown_type_asked(p: Peer, kind: int) -> None:
    """A type of lock that is not defined is not asked for."""
    two(p)
    p.refuses("lock.known-type", getlock(kind), control=getlock(WR))


@case("lock/unknown-flags", "lock.known-flags", needs=NEEDS, dialects=L, each=(4, 5, 0x80000000))
def unknown_flags(p: Peer, flags: int) -> None:
    """A flag that is not defined is refused, and nothing is locked."""
    q = two(p)
    have(p, lock(WR, flags=BLOCK), lock(UN))
    p.refuses("lock.known-flags", lock(WR, flags=flags))
    granted(q, "lock.known-flags", lock(WR))


@case("lock/reclaim", "lock.known-flags", needs=NEEDS, dialects=L)
def reclaim(p: Peer) -> None:
    """RECLAIM has no effect: what is free is granted, and what is not is not."""
    q = two(p)
    granted(p, "lock.known-flags", lock(WR, flags=RECLAIM))
    blocked(q, "lock.known-flags", lock(WR, flags=RECLAIM))


@case("lock/range-too-far", "lock.range-end", needs=NEEDS, dialects=L,
      each=(("last-byte", END - 1, 2), ("all", 2, END - 1),
            ("both", END - 1, END - 1)))  # fmt: skip
def range_too_far(p: Peer, item: tuple[str, int, int]) -> None:
    """A range that ends behind 2^64 is refused, and nothing is locked."""
    _, start, length = item
    q = two(p)
    have(p, lock(WR, 0, 2), lock(UN))
    p.refuses("lock.range-end", lock(WR, start, length))
    granted(q, "lock.range-end", lock(WR))


@case("lock/range-too-far-asked", "lock.range-end", needs=GETLOCK, dialects=L)
def range_too_far_asked(p: Peer) -> None:
    """A range that ends behind 2^64 is not asked for."""
    two(p)
    p.refuses("lock.range-end", getlock(WR, END - 1, 2), control=getlock(WR, 0, 2))


@case("lock/last-range", "lock.range-end", needs=NEEDS, dialects=L,
      each=(("last-byte", END - 1, 1), ("all-but-one", 0, END - 1),
            ("upper-half", END // 2, END // 2)))  # fmt: skip
def last_range(p: Peer, item: tuple[str, int, int]) -> None:
    """A range that ends at 2^64 can be locked, and keeps others out."""
    q = two(p)
    granted(p, "lock.range-end", lock(WR, item[1], item[2]))
    blocked(q, "lock.range-end", lock(WR, item[1] + item[2] - 1, 1))


@case("lock/to-the-end", "lock.zero-length", needs=NEEDS, dialects=L)
def to_the_end(p: Peer) -> None:
    """A length of 0 locks every byte from start on, far behind the end of the file too."""
    q = two(p)
    granted(p, "lock.zero-length", lock(WR, 5, 0))
    p.equal("lock.zero-length", ".....wwwww", held(q), "the bytes that are locked")
    blocked(q, "lock.zero-length", lock(WR, 1 << 40, 1))
    p.write(A, 0, b"x" * 100)
    blocked(q, "lock.zero-length", lock(WR, 99, 1))


# Conflicts


@case("lock/conflict", "lock.conflict-blocked", needs=NEEDS, dialects=L,
      each=(("at-once", 0), ("BLOCK", BLOCK)))  # fmt: skip
def conflict(p: Peer, item: tuple[str, int]) -> None:
    """What another has locked is BLOCKED, with and without the BLOCK flag, until it is unlocked."""
    q = two(p)
    have(p, lock(WR))
    blocked(q, "lock.conflict-blocked", lock(WR, flags=item[1]))
    have(p, lock(UN))
    granted(q, "lock.conflict-blocked", lock(WR, flags=item[1]))
    blocked(p, "lock.conflict-blocked", lock(WR, flags=item[1]))


@case("lock/ranges", "lock.conflict-blocked", "lock.byte-range", needs=NEEDS, dialects=L,
      each=RANGES)  # fmt: skip
def ranges(p: Peer, item: tuple[str, tuple[int, int], tuple[int, int], bool]) -> None:
    """Two locks are in each other's way if and only if they have a byte in common."""
    _, one, other, common = item
    q = two(p)
    have(p, lock(WR, *one))
    if common:
        blocked(q, "lock.conflict-blocked", lock(WR, *other))
    else:
        granted(q, "lock.byte-range", lock(WR, *other))


@case("lock/blocked-locks-nothing", "lock.conflict-blocked", needs=NEEDS, dialects=L)
def blocked_locks_nothing(p: Peer) -> None:
    """A lock that is blocked at one byte locks none of the others."""
    q = two(p)
    have(p, lock(WR, 9, 1))
    blocked(q, "lock.conflict-blocked", lock(WR, 0, 10))
    third = p.another()
    third.opened(A, b"file", access="rw")
    p.equal("lock.conflict-blocked", ".........w", held(third), "the bytes that are locked")


@case("lock/no-waiting", "lock.never-waits", needs=NEEDS, dialects=L)
def no_waiting(p: Peer) -> None:
    """Also with BLOCK the answer to a conflict comes at once, and what is sent next is served."""
    q = two(p)
    have(p, lock(WR))
    tag = q.send(lock(WR, flags=BLOCK))
    p.true("lock.never-waits", q.reply(tag) == m.Rlock(BLOCKED), "Rlock with BLOCKED")
    have(p, lock(UN))
    granted(q, "lock.never-waits", lock(WR, flags=BLOCK))


@case("lock/readers", "lock.shared-readers", needs=NEEDS, dialects=L)
def readers(p: Peer) -> None:
    """Two may lock the same bytes for reading, and then neither for writing."""
    q = two(p)
    granted(p, "lock.shared-readers", lock(RD))
    granted(q, "lock.shared-readers", lock(RD))
    blocked(p, "lock.shared-readers", lock(WR))
    blocked(q, "lock.shared-readers", lock(WR))


@case("lock/writer-and-reader", "lock.shared-readers", needs=NEEDS, dialects=L,
      each=(("reader-first", RD, WR), ("writer-first", WR, RD)))  # fmt: skip
def writer_and_reader(p: Peer, item: tuple[str, int, int]) -> None:
    """One who writes and one who reads are in each other's way."""
    q = two(p)
    granted(p, "lock.shared-readers", lock(item[1]))
    blocked(q, "lock.shared-readers", lock(item[2]))


@case("lock/upgrade", "lock.shared-readers", needs=NEEDS, dialects=L)
def upgrade(p: Peer) -> None:
    """A reader's wish to write is blocked by another, costs it nothing, and is granted later."""
    q = two(p)
    have(p, lock(RD))
    have(q, lock(RD))
    blocked(p, "lock.shared-readers", lock(WR))
    blocked(q, "lock.shared-readers", lock(WR))
    have(q, lock(UN))
    p.equal("lock.shared-readers", "rrrrrrrrrr", held(q), "the bytes that are locked")
    granted(p, "lock.shared-readers", lock(WR))
    blocked(q, "lock.shared-readers", lock(RD))


@case("lock/own-lock", "lock.owner-key", needs=NEEDS, dialects=L)
def own_lock(p: Peer) -> None:
    """An owner's own lock is not in its way, through whichever fid."""
    q = two(p)
    p.opened(B, b"file", access="rw")
    have(p, lock(WR))
    granted(p, "lock.owner-key", lock(WR, fid=B))
    granted(p, "lock.owner-key", lock(RD, 0, 5))
    p.equal("lock.owner-key", "rrrrrwwwww", held(q), "the bytes that are locked")


@case("lock/another-owner", "lock.owner-key", needs=NEEDS, dialects=L,
      each=(("proc_id", OTHER), ("client_id", (1, b"another")),
            ("empty-client_id", (1, b""))))  # fmt: skip
def another_owner(p: Peer, item: tuple[str, Who]) -> None:
    """On one connection another proc_id or client_id is another owner."""
    two(p)
    have(p, lock(WR))
    blocked(p, "lock.owner-key", lock(WR, who=item[1]))
    granted(p, "lock.owner-key", lock(UN, who=item[1]))
    blocked(p, "lock.owner-key", lock(WR, who=item[1]))


@case("lock/same-name-elsewhere", "lock.owner-key", needs=NEEDS, dialects=L)
def same_name_elsewhere(p: Peer) -> None:
    """The same proc_id and client_id on another connection is another owner."""
    q = two(p)
    have(p, lock(WR))
    blocked(q, "lock.owner-key", lock(WR))
    granted(q, "lock.owner-key", lock(UN))
    blocked(q, "lock.owner-key", lock(WR))


@case("lock/client-id", "lock.client-id-length", needs=NEEDS, dialects=L)
def client_id(p: Peer) -> None:
    """A client_id as long as a machine's name works; a longer one is refused or counts whole."""
    q = two(p)
    granted(p, "lock.client-id-length", lock(WR, 0, 1, who=(1, b"m" * 64)))
    r = p.rpc(lock(WR, 1, 1, who=(1, b"m" * 999 + b"1")))
    if is_error(r):
        p.is_refusal("lock.client-id-length", "a client_id of 1000 bytes", r)
        p.equal("lock.client-id-length", "w.", held(q, 2), "the bytes that are locked")
    else:
        blocked(p, "lock.client-id-length", lock(WR, 1, 1, who=(1, b"m" * 999 + b"2")))


@case("lock/split", "lock.range-split", needs=NEEDS, dialects=L, each=SPLITS)
def split(p: Peer, item: tuple[str, str, tuple[tuple[int, int, int], ...]]) -> None:
    """An owner's locks change byte by byte."""
    q = two(p)
    for step in item[2]:
        granted(p, "lock.range-split", lock(*step))
    p.equal("lock.range-split", item[1], held(q), "what the owner holds")


@case("lock/unlock-nothing", "lock.unlock-nothing", needs=NEEDS, dialects=L)
def unlock_nothing(p: Peer) -> None:
    """To unlock what is not locked succeeds, also where another has locked, who keeps it."""
    q = two(p)
    granted(p, "lock.unlock-nothing", lock(UN))
    have(q, lock(WR))
    granted(p, "lock.unlock-nothing", lock(UN))
    blocked(p, "lock.unlock-nothing", lock(WR))


@case("lock/two-files", "lock.one-file", needs=NEEDS, dialects=L)
def two_files(p: Peer) -> None:
    """A lock on one file is in nobody's way at another, even of the same name."""
    q = two(p)
    p.mkdir(b"d")
    p.make(b"file", b"", b"d")
    have(p, lock(WR))
    q.opened(B, b"d", b"file", access="rw")
    granted(q, "lock.one-file", lock(WR, fid=B))
    blocked(q, "lock.one-file", lock(WR))


@case("lock/two-names", "lock.one-file", needs=("lock", "link"), dialects=L)
def two_names(p: Peer) -> None:
    """A lock is on the file, under whichever of its names that was opened."""
    q = two(p)
    p.walk(DIR, B, b"file")
    p.ok(m.Tlink(DIR, B, b"link"))
    have(p, lock(WR))
    q.opened(B, b"link", access="rw")
    blocked(q, "lock.one-file", lock(WR, fid=B))


@case("lock/advice", "lock.only-advice", needs=NEEDS, dialects=L)
def advice(p: Peer) -> None:
    """Who has no lock may open, read and write all the same."""
    q = two(p)
    have(p, lock(WR))
    q.walk(DIR, B, b"file")
    q.must("lock.only-advice", p.speech.open(B, "rw"))
    q.must("lock.only-advice", m.Tread(A, 0, 10), m.Rread)
    q.must("lock.only-advice", m.Twrite(A, 0, b"x"), m.Rwrite)


# The end of a lock


@case("lock/released", "lock.released-on-clunk", needs=NEEDS, dialects=L,
      each=("clunk", "remove", "version", "hang-up"))  # fmt: skip
def released(p: Peer, how: str) -> None:
    """What was locked through a fid is free when the fid or the session has ended."""
    q = two(p)
    have(q, lock(WR))
    blocked(p, "lock.conflict-blocked", lock(WR))
    if how == "version":
        q.version(q.msize, q.dialect)
    elif how == "hang-up":
        q.hang_up()
    else:
        q.ok(m.Tclunk(A) if how == "clunk" else m.Tremove(A))
    granted(p, "lock.released-on-clunk", lock(WR))


@case("lock/other-fid-ends", "lock.released-on-clunk", needs=NEEDS, dialects=L,
      each=("open", "unopened", "of-another-file"))  # fmt: skip
def other_fid_ends(p: Peer, what: str) -> None:
    """A lock stays when another fid of its owner is clunked."""
    q = two(p)
    p.make(b"other")
    p.walk(DIR, B, b"other" if what == "of-another-file" else b"file")
    if what != "unopened":
        p.open(B)
    have(p, lock(WR))
    p.clunk(B)
    blocked(q, "lock.released-on-clunk", lock(WR))


@case("lock/each-fid-its-own", "lock.released-on-clunk", "lock.owner-key", needs=NEEDS, dialects=L)
def each_fid_its_own(p: Peer) -> None:
    """Of two fids with locks one is clunked: the other's stay."""
    q = two(p)
    p.opened(B, b"file", access="rw")
    granted(p, "lock.owner-key", lock(WR, 0, 5))
    granted(p, "lock.owner-key", lock(WR, 5, 5, fid=B))
    p.clunk(B)
    p.equal("lock.released-on-clunk", "wwwww.....", held(q), "the bytes that are locked")


@case("lock/other-connection-ends", "lock.released-on-clunk", needs=NEEDS, dialects=L,
      each=("version", "hang-up"))  # fmt: skip
def other_connection_ends(p: Peer, how: str) -> None:
    """A lock stays when a connection ends that is not its owner's."""
    q = two(p)
    have(p, lock(RD))
    have(q, lock(RD))
    if how == "version":
        q.version(q.msize, q.dialect)
    else:
        q.hang_up()
    third = p.another()
    third.opened(A, b"file", access="rw")
    blocked(third, "lock.released-on-clunk", lock(WR))


# Tgetlock


@case("lock/holder", "lock.getlock-holder", needs=GETLOCK, dialects=L,
      each=(("WRLCK", WR, 3, 4), ("RDLCK", RD, 3, 4), ("to-the-end", WR, 3, 0)))  # fmt: skip
def holder(p: Peer, item: tuple[str, int, int, int]) -> None:
    """The reply describes the lock that is in the way: type, range and owner."""
    _, kind, start, length = item
    q = two(p)
    have(p, lock(kind, start, length, who=(77, b"holder")))
    r = q.must("lock.getlock-holder", getlock(WR, 5, 1, who=(88, b"asker")), m.Rgetlock)
    expected = m.Rgetlock(kind, start, length, 77, b"holder")
    p.equal("lock.getlock-holder", expected, r, "the reply")


@case("lock/nobody", "lock.getlock-holder", needs=GETLOCK, dialects=L,
      each=(("free", WR, 0), ("readers", RD, 5), ("beside", WR, 9)))  # fmt: skip
def nobody(p: Peer, item: tuple[str, int, int]) -> None:
    """If nothing is in the way the type is UNLCK, and the rest is as it was asked."""
    _, kind, start = item
    q = two(p)
    have(p, lock(RD, 5, 4))
    r = q.must("lock.getlock-holder", getlock(kind, start, 1, who=(88, b"asker")), m.Rgetlock)
    p.equal("lock.getlock-holder", m.Rgetlock(UN, start, 1, 88, b"asker"), r, "the reply")


@case("lock/own-lock-asked", "lock.getlock-holder", "lock.owner-key", needs=GETLOCK, dialects=L)
def own_lock_asked(p: Peer) -> None:
    """An owner's own lock is not in its way, but in that of another process of its connection."""
    two(p)
    have(p, lock(WR, 3, 4, who=ME))
    r = p.must("lock.getlock-holder", getlock(WR, 0, 0, who=ME), m.Rgetlock)
    p.equal("lock.getlock-holder", UN, r.type, "the type")
    r = p.must("lock.owner-key", getlock(WR, 0, 0, who=OTHER), m.Rgetlock)
    p.equal("lock.owner-key", m.Rgetlock(WR, 3, 4, *ME), r, "the reply")


@case("lock/asking-locks-nothing", "lock.getlock-holder", needs=GETLOCK, dialects=L)
def asking_locks_nothing(p: Peer) -> None:
    """To ask for a lock does not set it."""
    q = two(p)
    p.must("lock.getlock-holder", getlock(WR), m.Rgetlock)
    p.equal("lock.getlock-holder", "..........", held(q), "the bytes that are locked")


@case("lock/any-asked", "lock.getlock-unlck-asks-any", needs=GETLOCK, dialects=L,
      each=(("WRLCK", WR), ("RDLCK", RD)))  # fmt: skip
def any_asked(p: Peer, item: tuple[str, int]) -> None:
    """A Tgetlock of type UNLCK finds a lock of either type."""
    q = two(p)
    have(p, lock(item[1], 3, 4, who=(77, b"holder")))
    r = q.must("lock.getlock-unlck-asks-any", getlock(UN, 0, 0, who=OTHER), m.Rgetlock)
    expected = m.Rgetlock(item[1], 3, 4, 77, b"holder")
    p.equal("lock.getlock-unlck-asks-any", expected, r, "the reply")


@case("lock/any-asked-of-none", "lock.getlock-unlck-asks-any", needs=GETLOCK, dialects=L)
def any_asked_of_none(p: Peer) -> None:
    """A Tgetlock of type UNLCK finds no lock where there is none, and not the owner's own."""
    two(p)
    have(p, lock(WR, 3, 4))
    r = p.must("lock.getlock-unlck-asks-any", getlock(UN, 0, 0), m.Rgetlock)
    p.equal("lock.getlock-unlck-asks-any", m.Rgetlock(UN, 0, 0, *ME), r, "the reply")
