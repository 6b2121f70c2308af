"""Listings: whole entries, cookies that survive deletion and rewinding."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep.codec import codec
from ninep.errors import Violation
from ninep.listing import Entry, Listing, Listings, Records
from ninep.messages import Dirent, Qid
from tests.backends.helpers import at_once

CODEC = codec("9P2000.L")
ROOM = 1 << 20


def listing(names: list[bytes], dots: tuple[bytes, ...] = ()) -> Listing:
    """Return a listing of a directory whose names are those in the list at the time of a scan."""

    def scan() -> Iterator[Entry]:
        yield from [(Qid(0, 0, len(name)), 8, name) for name in names]

    return Listing(scan, [(Qid(0x80, 0, 1), 4, name) for name in dots], CODEC.pack_dirent)


def names_of(data: bytes | None) -> list[bytes]:
    """Return the names in a packed part of a listing."""
    assert data is not None
    return [e.name for e in CODEC.dirents(data)]


def scan(found: Listing, count: int, pages: int) -> list[Dirent]:
    """Return what the first pages of a scan hold."""
    seen: list[Dirent] = []
    for _ in range(pages):
        data = found.read(seen[-1].offset if seen else 0, count)
        seen += CODEC.dirents(data or b"")
    return seen


def test_a_cookie_of_an_earlier_scan() -> None:
    """readdir.resume-exact: it leads behind its entry, however little of the new scan is read."""
    found = listing([b"%d" % n for n in range(100)])
    found.read(0, ROOM)
    found.read(0, 30)
    assert names_of(found.read(50, ROOM)) == [b"%d" % n for n in range(50, 100)]


def test_all_listings_together() -> None:
    """readdir.listings-limit (S-075): beyond the limit that read longest ago has to begin anew."""
    shelf = Listings(250)
    kept = [listing([b"%d" % n for n in range(100)]) for _ in range(3)]
    for found in kept[:2]:
        found.read(0, ROOM)
        shelf.was_read(found)
    kept[0].read(0, 30)
    shelf.was_read(kept[0])
    kept[2].read(0, ROOM)
    shelf.was_read(kept[2])
    assert [len(found) for found in kept] == [100, 0, 100]
    with pytest.raises(Violation, match="cookie-known"):
        kept[1].read(50, ROOM)
    assert len(names_of(kept[1].read(0, ROOM))) == 100
    assert len(names_of(kept[0].read(50, ROOM))) == 50


def test_a_listing_that_is_larger_than_the_limit() -> None:
    """readdir.listings-limit: alone it is read to its end; one that is dropped counts no more."""
    shelf, large = Listings(10), listing([b"%d" % n for n in range(100)])
    assert len(scan(large, 200, 100)) == 100
    shelf.was_read(large)
    assert len(large) == 100
    small = listing([b"a"])
    small.read(0, ROOM)
    shelf.was_read(small)
    assert (len(large), len(small)) == (0, 1)
    del small
    other = listing([b"%d" % n for n in range(10)])
    other.read(0, ROOM)
    shelf.was_read(other)
    assert len(other) == 10


def test_dots_come_first() -> None:
    """readdir.dot-entries."""
    assert names_of(listing([b"a"], (b".", b"..")).read(0, ROOM)) == [b".", b"..", b"a"]


@given(st.lists(st.binary(min_size=1, max_size=9), unique=True), st.integers(33, 200))
def test_any_count_gives_every_entry_once(names: list[bytes], count: int) -> None:
    """readdir.whole-entries: cut anywhere, nothing is lost or repeated."""
    found = listing(names)
    seen, offset = [], 0
    while data := found.read(offset, count):
        entries = CODEC.dirents(data)
        seen += [e.name for e in entries]
        offset = entries[-1].offset
    assert names == seen


@given(
    st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=20),
    st.integers(25, 80),
    st.integers(0, 5),
)
def test_names_made_again_during_a_scan(names: list[bytes], count: int, rewind: int) -> None:
    """readdir.stable-entries: each comes once, by rising cookies, however often it is scanned."""
    found = listing(names)
    scan(found, count, rewind)
    seen = scan(found, count, 100)
    assert sorted(set(names)) == sorted(e.name for e in seen)
    offsets = [e.offset for e in seen]
    assert sorted(set(offsets)) == offsets


@given(st.lists(st.binary(min_size=1, max_size=9), unique=True, min_size=1))
def test_resuming_from_every_cookie(names: list[bytes]) -> None:
    """readdir.resume-exact: the rest after each entry is exactly the rest."""
    found = listing(names)
    data = found.read(0, ROOM)
    assert data is not None
    for i, entry in enumerate(CODEC.dirents(data)):
        assert names_of(found.read(entry.offset, ROOM)) == names[i + 1 :]


def test_too_small_for_one_entry() -> None:
    """readdir.count-too-small: None says so, and nothing is lost."""
    found = listing([b"abc"])
    assert found.read(0, 26) is None
    assert names_of(found.read(0, 27)) == [b"abc"]
    assert found.read(1, 5) == b""


def test_a_rewind_sees_changes_and_keeps_old_cookies() -> None:
    """readdir.rewind-at-zero: names keep their cookies, gone ones are gone, new ones come last."""
    names = [b"a", b"b", b"c"]
    found = listing(names)
    first = CODEC.dirents(found.read(0, ROOM) or b"")
    names[:] = [b"new", b"c", b"a"]
    assert names_of(found.read(0, ROOM)) == [b"a", b"c", b"new"]
    assert names_of(found.read(first[1].offset, ROOM)) == [b"c", b"new"]


def test_a_scan_is_lazy() -> None:
    """No more is read of the directory than was asked for."""
    read: list[int] = []

    def scan() -> Iterator[Entry]:
        for i in range(1000):
            read.append(i)
            yield Qid(0, 0, i), 8, b"%03d" % i

    Listing(scan, [], CODEC.pack_dirent).read(0, 27 * 3)
    assert len(read) == 4


def test_a_cookie_never_handed_out() -> None:
    """readdir.cookie-known."""
    found = listing([b"a"])
    with pytest.raises(Violation, match="cookie-known"):
        found.read(7, ROOM)


@pytest.mark.usefixtures("no_collector")
def test_a_scan_ends_with_its_listing() -> None:
    """What a scan holds open is let go with the listing, wherever it was read to."""
    ended = []

    def scan() -> Iterator[Entry]:
        try:
            yield from [(Qid(0, 0, 1), 8, b"a"), (Qid(0, 0, 2), 8, b"b")]
        finally:
            ended.append(True)

    found = Listing(scan, [], CODEC.pack_dirent)
    found.read(0, 25)
    assert not ended
    del found
    assert ended


GONE = b"gone"


def records(names: list[bytes]) -> Records:
    """Return the reading of a directory; the record of a name is the name, but `GONE` has none."""

    def scan() -> Iterator[Entry]:
        yield from [(Qid(0, 0, 0), 8, name) for name in names]

    async def pack(name: bytes) -> bytes | None:
        return None if name == GONE else name

    return Records(scan, pack)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=20), st.integers(9, 40))
def test_any_count_gives_whole_records(names: list[bytes], count: int) -> None:
    """read.directory-records: none cut, lost or repeated."""
    found, seen, offset = records(names), [], 0
    while data := at_once(found.read(offset, count)):
        assert len(data) <= count
        seen.append(data)
        offset += len(data)
    assert b"".join(name for name in names if name != GONE) == b"".join(seen)


def test_a_record_waits_for_room() -> None:
    """read.directory-records: no bytes where it does not fit, and it comes when it does."""
    found = records([b"ab", GONE, b"cdef"])
    assert b"ab" == at_once(found.read(0, 3))
    assert b"" == at_once(found.read(2, 3))
    assert b"cdef" == at_once(found.read(2, 4))
    assert b"" == at_once(found.read(6, 100))


@pytest.mark.parametrize("offset", [1, 3, 5, 1 << 63])
def test_records_from_nowhere(offset: int) -> None:
    """read.directory-offset: EINVAL, and the reading goes on where it was."""
    found = records([b"ab", b"cd", b"ef"])
    assert b"abcd" == at_once(found.read(0, 5))
    with pytest.raises(Violation, match=r"read\.directory-offset"):
        at_once(found.read(offset, 5))
    assert b"ef" == at_once(found.read(4, 5))


def test_records_anew() -> None:
    """read.directory-offset: 0 shows what is there then."""
    names = [b"ab", b"cd"]
    found = records(names)
    assert b"ab" == at_once(found.read(0, 3))
    names[:] = [b"x", b"y"]
    assert b"xy" == at_once(found.read(0, 3))


async def test_two_reads_at_once() -> None:
    """read.directory-offset: while one read of a fid goes on there is no place to read from."""
    go = asyncio.Event()

    async def pack(name: bytes) -> bytes:
        await go.wait()
        return name

    found = Records(lambda: iter([(Qid(0, 0, 0), 8, b"ab")]), pack)
    first = asyncio.create_task(found.read(0, 9))
    await asyncio.sleep(0)
    with pytest.raises(Violation, match=r"read\.directory-offset"):
        await found.read(0, 9)
    go.set()
    assert b"ab" == await first
    assert b"ab" == await found.read(0, 9)
