"""read(5): transfer data from an open fid."""

from __future__ import annotations

from construct import ConstructError

from ninep import messages as m
from ninep.constants import HDRSZ, IOHDRSZ, OFFSET_MAX

from ..check.case import case
from ..check.layout import dirents, stats
from ..check.peer import DIR, LONGEST, Peer
from ..check.verdict import Broken

A, B = 10, 11
SMALL = 4096
"""An msize."""
RREAD = HDRSZ + 4
"""Bytes of an Rread besides its data."""
TEXT = bytes(n * n % 251 for n in range(5000))
"""A content in which every place looks different."""
END = len(TEXT)
WITHIN = ((0, 10), (1, 255), (4095, 2), (4096, 904), (END - 1, 1))
COUNTS = {"data": IOHDRSZ - 1, "msize": 0, "2^31": None, "2^32-1": None}


@case("read/bytes", "read.bytes-given", each=[(f"{at}-{count}", at, count) for at, count in WITHIN])
def read_bytes(p: Peer, item: tuple[str, int, int]) -> None:
    """A read gives the bytes that stand in the file from its offset on."""
    _, at, count = item
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    r = p.must("read.bytes-given", m.Tread(A, at, count), m.Rread)
    p.true("read.bytes-given", 0 < len(r.data) <= count, f"1 to {count} bytes", len(r.data))
    p.equal("read.bytes-given", TEXT[at : at + len(r.data)], bytes(r.data), "the bytes read")


@case("read/far", "read.bytes-given", each=(("64-KiB", 1 << 16), ("1-MiB", 1 << 20)))
def far(p: Peer, item: tuple[str, int]) -> None:
    """Far into a file a read gives what stands there, too, and before it zeros."""
    at = item[1]
    p.create(A, b"file")
    p.write(A, at, TEXT)
    p.equal("read.bytes-given", TEXT[:300], p.read(A, at, 300), "the bytes there")
    p.equal("read.bytes-given", TEXT[4000:4100], p.read(A, at + 4000, 100), "the bytes behind it")
    p.equal("read.bytes-given", bytes(9) + TEXT[:1], p.read(A, at - 9, 10), "the bytes before it")


@case("read/any-order", "read.bytes-given")
def any_order(p: Peer) -> None:
    """A read does not depend on the one before: there is no position but the offset."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    for at in (100, 7, 4000, 7, 0):
        data = p.read(A, at, 5)
        p.equal("read.bytes-given", TEXT[at : at + len(data)], data, f"the bytes at {at}")


@case("read/any-kind-of-byte", "read.bytes-given")
def any_kind_of_byte(p: Peer) -> None:
    """All values of a byte come back as they are: nothing is taken for the end or for text."""
    content = bytes(range(256)) + b"\r\n\0\0\x1a\xff\xfe"
    p.make(b"file", content)
    p.opened(A, b"file")
    p.equal("read.bytes-given", content, p.read(A, 0, 300), "the bytes read")


@case("read/past-end", "read.past-end", each=(
    ("at", END), ("one-behind", END + 1), ("2^32", 1 << 32), ("last", (1 << 63) - 11)))  # fmt: skip
def past_end(p: Peer, item: tuple[str, int]) -> None:
    """At the end of the file and behind it no bytes come, which is no error."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    r = p.must("read.past-end", m.Tread(A, item[1], 10), m.Rread)
    p.equal("read.past-end", b"", bytes(r.data), "the bytes read")


@case("read/empty-file", "read.past-end")
def empty_file(p: Peer) -> None:
    """An empty file is at its end from the start."""
    p.make(b"file")
    p.opened(A, b"file")
    r = p.must("read.past-end", m.Tread(A, 0, 10), m.Rread)
    p.equal("read.past-end", b"", bytes(r.data), "the bytes read")


@case("read/across-end", "read.past-end", "read.bytes-given", each=(1, 10))
def across_end(p: Peer, there: int) -> None:
    """A read across the end gives what is there and nothing more."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    r = p.must("read.past-end", m.Tread(A, END - there, 100), m.Rread)
    p.equal("read.past-end", TEXT[-there:], bytes(r.data), "the bytes read")


@case("read/end-moves", "read.past-end", "read.bytes-given")
def end_moves(p: Peer) -> None:
    """The end is where it is now: what another has added behind it comes with the next read."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.opened(B, b"file", access="w")
    p.equal("read.past-end", b"", p.read(A, 3, 10), "the bytes behind the end")
    p.write(B, 3, b"def")
    p.equal("read.bytes-given", b"def", p.read(A, 3, 10), "the bytes read")


@case("read/count", "read.count-kept", each=(0, 1, 7))
def count_kept(p: Peer, count: int) -> None:
    """No more bytes come than count, and none for a count of 0."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    r = p.must("read.count-kept", m.Tread(A, 3, count), m.Rread)
    seen = bytes(r.data)
    p.true("read.count-kept", len(seen) <= count, f"{count} bytes or fewer", len(seen))
    p.true("read.count-kept", bool(seen) == bool(count), "some bytes if any are asked for", seen)
    p.equal("read.bytes-given", TEXT[3 : 3 + len(seen)], seen, "the bytes read")


@case("read/whole-count", "read.whole-count", each=("some", "iounit"))
def whole_count(p: Peer, what: str) -> None:
    """A read of a regular file fills its count, as long as the file and the message go on."""
    p.make(b"file", TEXT)
    q = p.another(msize=SMALL)
    q.opened(A, b"file")
    count = q.msize - IOHDRSZ if what == "iounit" else 1000
    r = q.must("read.whole-count", m.Tread(A, 1, count), m.Rread)
    q.equal("read.whole-count", count, len(r.data), "the number of bytes")


@case("read/large-count", "read.count-clamped", "read.bytes-given", each=COUNTS)
def large_count(p: Peer, what: str) -> None:
    """A count that no reply has room for is served with as much as fits, and is no error."""
    p.make(b"file", TEXT)
    q = p.another(msize=SMALL)
    q.opened(A, b"file")
    less = COUNTS[what]
    count = (1 << 31 if what == "2^31" else (1 << 32) - 1) if less is None else q.msize - less
    r = q.must("read.count-clamped", m.Tread(A, 0, count), m.Rread)
    seen, room = bytes(r.data), q.msize - RREAD
    q.true("read.count-clamped", 0 < len(seen) <= room, f"1 to {room} bytes", len(seen))
    q.equal("read.bytes-given", TEXT[: len(seen)], seen, "the bytes read")


@case("read/offset-range", "read.offset-range", each=(("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1)))
def offset_range(p: Peer, item: tuple[str, int]) -> None:
    """An offset that a signed number cannot hold is refused."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    p.refuses("read.offset-range", m.Tread(A, item[1], 1), control=m.Tread(A, 0, 1))


@case("read/last-offset", "read.offset-range")
def last_offset(p: Peer) -> None:
    """The last offset that a signed number holds is an offset, with nothing there."""
    p.make(b"file", TEXT)
    p.opened(A, b"file")
    r = p.must("read.offset-range", m.Tread(A, OFFSET_MAX, 1), m.Rread)
    p.equal("read.offset-range", b"", bytes(r.data), "the bytes read")


@case("read/unopened", "read.fid-readable", each=("file", "directory"))
def unopened(p: Peer, what: str) -> None:
    """A fid that is not open is not read, and can be opened afterwards."""
    p.make(b"file", TEXT)
    p.mkdir(b"directory")
    p.walk(DIR, A, what.encode())
    p.opened(B, b"file")
    p.refuses("read.fid-readable", m.Tread(A, 0, 10), control=m.Tread(B, 0, 10))
    p.must("read.fid-readable", p.speech.open(A, "r"))


@case("read/write-only", "read.fid-readable")
def write_only(p: Peer) -> None:
    """A fid that was opened for writing alone is not read, and goes on writing."""
    p.make(b"file", b"abc")
    p.opened(A, b"file", access="w")
    p.opened(B, b"file", access="rw")
    p.refuses("read.fid-readable", m.Tread(A, 0, 3), control=m.Tread(B, 0, 3))
    p.must("read.fid-readable", m.Twrite(A, 0, b"x"), m.Rwrite)


@case("read/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """A fid that is not in use is not read."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.refuses("fid.unknown-fid", m.Tread(B, 0, 3), control=m.Tread(A, 0, 3))


@case("read/directory", "read.directory-fid", each=(0, 4000))
def directory(p: Peer, count: int) -> None:
    """Tread does not read an open directory, and Treaddir goes on as if nothing had been."""
    p.make(b"file", b"abc")
    p.opened(A)
    p.opened(B, b"file")
    p.refuses("read.directory-fid", m.Tread(A, 0, count), control=m.Tread(B, 0, count))
    seen, offset = list[bytes](), 0
    for _ in range(4):  # two dots, the file and the end, if each comes alone
        r = p.must("read.directory-fid", m.Treaddir(A, offset, 4000), m.Rreaddir)
        entries = dirents(p.dialect, bytes(r.data))
        seen += [entry.name for entry in entries]
        offset = entries[-1].offset if entries else offset
    p.true("read.directory-fid", b"file" in seen, "the file listed", seen)


# Directories in 9P2000 and 9P2000.u


def entries(p: Peer, clause: str, count: int) -> list[bytes]:
    """Read the open directory `A` to its end, `count` bytes at a time; return the names."""
    found: list[bytes] = []
    offset = 0
    while data := bytes(p.must(clause, m.Tread(A, offset, count), m.Rread).data):
        p.true(clause, len(data) <= count, f"{count} bytes or less", len(data))
        try:
            found += [stat.name for stat in stats(p.dialect, data)]
        except ConstructError as exc:
            raise Broken(clause, "whole stat records", str(exc)) from exc
        offset += len(data)
        p.true(clause, offset <= LONGEST, "an end of the directory", f"{offset} bytes, and more")
    return found


def full(p: Peer) -> list[bytes]:
    """Make a directory of files and directories with names of every length; return these."""
    p.mkdir(b"d")
    names = [b"%02d" % n + b"n" * (7 * n) for n in range(12)]
    for n, name in enumerate(names):
        if n % 3:
            p.make(name, b"", b"d")
        else:
            p.mkdir(name, b"d")
    p.opened(A, b"d")
    return names


@case("read/directory-records", "read.directory-records", each=(200, 333, 4000))
def directory_records(p: Peer, count: int) -> None:
    """Whatever the count, whole records come, each once, and neither . nor .. is among them."""
    names = full(p)
    p.equal("read.directory-records", names, sorted(entries(p, "read.directory-records", count)),
            "the names")  # fmt: skip


@case("read/directory-record", "read.directory-records")
def directory_record(p: Peer) -> None:
    """The record of an entry is that of a Tstat."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.walk(DIR, B, b"d", b"file")
    p.opened(A, b"d")
    data = bytes(p.must("read.directory-records", m.Tread(A, 0, 4000), m.Rread).data)
    stat = p.ok(m.Tstat(B), m.Rstat).stat
    p.equal("read.directory-records", [stat], stats(p.dialect, data), "the records")


@case("read/directory-too-small", "read.directory-records", each=(0, 1, 40))
def directory_too_small(p: Peer, count: int) -> None:
    """Where the next record does not fit no bytes come, and it comes when there is room."""
    names = full(p)
    clause = "read.directory-records"
    first = bytes(p.must(clause, m.Tread(A, 0, 160), m.Rread).data)
    for _ in range(2):
        r = p.must(clause, m.Tread(A, len(first), count), m.Rread)
        p.equal(clause, b"", bytes(r.data), f"what {count} bytes have room for")
    rest = bytes(p.must(clause, m.Tread(A, len(first), 60_000 % p.msize), m.Rread).data)
    seen = [stat.name for part in (first, rest) for stat in stats(p.dialect, part)]
    p.equal(clause, names, sorted(seen), "the names")


@case("read/directory-end", "read.directory-records", each=("empty", "read"))
def directory_end(p: Peer, what: str) -> None:
    """At the end of a directory no bytes come, time after time."""
    p.mkdir(b"d")
    if what == "read":
        p.make(b"file", b"", b"d")
    p.opened(A, b"d")
    clause, at = "read.directory-records", 0
    if what == "read":
        at = len(p.must(clause, m.Tread(A, 0, 4000), m.Rread).data)
        p.true(clause, at > 0, "a record")
    for _ in range(2):
        p.equal(clause, b"", p.read(A, at, 4000), "what comes at the end")


@case("read/directory-offset", "read.directory-offset", each=("before", "behind", "middle"))
def directory_offset(p: Peer, where: str) -> None:
    """A directory is read on from where the last read has ended, and from nowhere else."""
    full(p)
    end = len(p.read(A, 0, 333))
    offset = {"before": end - 1, "behind": end + 1, "middle": 60}[where]
    p.refuses("read.directory-offset", m.Tread(A, offset, 4000))
    p.must("read.directory-offset", m.Tread(A, end, 4000), m.Rread)


@case("read/directory-rewind", "read.directory-offset")
def directory_rewind(p: Peer) -> None:
    """Offset 0 begins anew, and shows what is there then."""
    names = full(p)
    p.read(A, 0, 333)
    p.make(b"new", b"", b"d")
    p.remove(b"d", names[1])
    seen = sorted(entries(p, "read.directory-offset", 4000))
    p.equal("read.directory-offset", sorted({*names, b"new"} - {names[1]}), seen, "the names")


@case("read/directory-apart", "read.directory-offset")
def directory_apart(p: Peer) -> None:
    """Each fid of a directory is read by itself."""
    names = full(p)
    p.opened(B, b"d")
    p.read(B, 0, 333)
    p.equal("read.directory-offset", names, sorted(entries(p, "read.directory-offset", 333)),
            "the names")  # fmt: skip
