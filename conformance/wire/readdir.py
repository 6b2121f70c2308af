"""readdir, in 9P2000.L: list a directory, reply by reply, and go on from any entry of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from construct import ConstructError

from ninep import messages as m
from ninep.constants import IOHDRSZ, NONUNAME, DirentType, QidType, StMode
from ninep.messages import Dirent, Qid

from ..check.case import Start, case
from ..check.layout import dirents
from ..check.peer import DIR, ROOT, Peer
from ..check.tree import DOTS, ENDLESS
from ..check.verdict import Broken

LIST, FILE, OTHER = 10, 11, 12
"""Fids; `LIST` is the open directory."""
HEADER = 24
"""Bytes of an entry beside its name."""
ONE = HEADER + len(b"entry-000")
"""Bytes of one of the entries that `fill` makes."""
ROOMY = 8192
REPLIES = 50
"""No listing of a few entries takes as many."""
KINDS = (
    ("file", b"f", QidType.FILE, DirentType.REG),
    ("directory", b"d", QidType.DIR, DirentType.DIR),
)


def fill(p: Peer, count: int, tail: bytes = b"") -> list[bytes]:
    """Make files with names of one length; return them."""
    names = [b"entry-%03d%s" % (n, tail) for n in range(count)]
    for name in names:
        p.make(name)
    return names


def entries(p: Peer, r: m.Rreaddir, count: int) -> list[Dirent]:
    """Return what a reply holds: whole entries, `count` bytes at most."""
    data = bytes(r.data)
    p.true("readdir.whole-entries", len(data) <= count, f"{count} bytes at most", len(data))
    try:
        return dirents(p.dialect, data)
    except ConstructError:
        raise Broken("readdir.whole-entries", "whole entries", data[-64:].hex()) from None


def read(p: Peer, fid: int, offset: int, count: int | None = None) -> list[Dirent]:
    """Return the entries of one reply."""
    count = p.msize - IOHDRSZ if count is None else count
    r = p.must("readdir.resume-exact", m.Treaddir(fid, offset, count), m.Rreaddir)
    return entries(p, r, count)


def scan(p: Peer, fid: int, offset: int = 0, count: int | None = None) -> list[Dirent]:
    """Read on from `offset` to the end."""
    found: list[Dirent] = []
    seen: set[int] = set()
    while more := read(p, fid, offset, count):
        found += more
        offset = more[-1].offset
        p.true("readdir.end-empty", offset not in seen, "an end", f"offset {offset} once more")
        p.true("readdir.end-empty", len(seen) < ENDLESS, "an end", f"more after {ENDLESS} replies")
        seen.add(offset)
    return found


def names(found: Iterable[Dirent]) -> list[bytes]:
    """Return the names in order of the alphabet, `.` and `..` left out."""
    return sorted(entry.name for entry in found if entry.name not in DOTS)


def once(p: Peer, clause: str, wanted: Sequence[bytes], found: Iterable[Dirent]) -> None:
    """Demand that each of some names was listed exactly once."""
    seen = [name for name in names(found) if name in wanted]
    p.equal(clause, sorted(wanted), seen, "the names listed")


def listed(p: Peer, wanted: Sequence[bytes]) -> list[Dirent]:
    """Return the whole open directory, in which each of some names is once."""
    found = scan(p, LIST)
    once(p, "readdir.resume-exact", wanted, found)
    return found


def begun(p: Peer) -> tuple[list[bytes], list[Dirent]]:
    """Begin to read a directory; return the names in it, and the entries of the first reply."""
    wanted = fill(p, 40)
    p.opened(LIST)
    return wanted, read(p, LIST, 0, 8 * ONE)


def entry_of(found: Iterable[Dirent], name: bytes) -> Dirent:
    """Return the entry of a name."""
    for entry in found:
        if entry.name == name:
            return entry
    raise Broken("readdir.resume-exact", f"an entry for {name!r}", "none")


# What can be listed


@case("readdir/unopened-fid", "readdir.fid-open")
def unopened_fid(p: Peer) -> None:
    """A directory is listed through an open fid only; a refused fid can still be opened."""
    p.opened(LIST)
    p.walk(DIR, FILE)
    p.refuses("readdir.fid-open", m.Treaddir(FILE, 0, ROOMY), control=m.Treaddir(LIST, 0, ROOMY))
    p.must("readdir.fid-open", m.Tlopen(FILE, 0))


@case("readdir/not-a-directory", "readdir.not-directory", each=("r", "w", "rw"))
def not_a_directory(p: Peer, access: str) -> None:
    """An open file is not listed, however it was opened."""
    p.make(b"file", b"abc")
    p.opened(LIST)
    p.opened(FILE, b"file", access=access)
    bad, good = m.Treaddir(FILE, 0, ROOMY), m.Treaddir(LIST, 0, ROOMY)
    p.refuses("readdir.not-directory", bad, control=good)


@case("readdir/removed-directory", "readdir.removed-directory")
def removed_directory(p: Peer) -> None:
    """A directory that was emptied and removed while open lists no names."""
    p.mkdir(b"d")
    p.make(b"file", b"", b"d")
    p.opened(LIST, b"d")
    once(p, "readdir.resume-exact", [b"file"], scan(p, LIST))
    p.remove(b"d", b"file")
    p.remove(b"d")
    r = p.rpc(m.Treaddir(LIST, 0, ROOMY))
    if isinstance(r, m.Rreaddir):
        p.equal("readdir.removed-directory", [], names(entries(p, r, ROOMY)), "the names listed")


# How much comes at once


@case("readdir/small-counts", "readdir.whole-entries", each=(ONE, ONE + 1, 2 * ONE - 1))
def small_counts(p: Peer, count: int) -> None:
    """A count with room for one entry, and for nearly two, gives whole entries one by one."""
    wanted = fill(p, 7)
    p.opened(LIST)
    once(p, "readdir.whole-entries", wanted, scan(p, LIST, count=count))


@case("readdir/longest-name", "readdir.whole-entries")
def longest_name(p: Peer) -> None:
    """A name of 255 bytes is listed whole, in a reply that has just the room for it."""
    name = b"n" * 255
    p.make(name)
    p.opened(LIST)
    once(p, "readdir.whole-entries", [name], scan(p, LIST, count=HEADER + len(name)))


@case("readdir/large-count", "readdir.count-clamped", each=(4096, 65536, 0xFFFFFFFF))
def large_count(p: Peer, count: int) -> None:
    """A count that is larger than msize has room for gives a reply that fits."""
    wanted = fill(p, 40, tail=b"-" * 180)
    q = p.another(msize=4096)
    q.opened(LIST)
    r = q.must("readdir.count-clamped", m.Treaddir(LIST, 0, count), m.Rreaddir)
    first = entries(q, r, count)
    q.true("readdir.count-clamped", bool(first), "at least one entry", r)
    once(q, "readdir.resume-exact", wanted, [*first, *scan(q, LIST, first[-1].offset)])


@case("readdir/count-too-small", "readdir.count-too-small", each=(0, 1, HEADER))
def count_too_small(p: Peer, count: int) -> None:
    """A count in which no entry has room is refused and does not look like the end."""
    fill(p, 1)
    p.opened(LIST)
    bad, good = m.Treaddir(LIST, 0, count), m.Treaddir(LIST, 0, ROOMY)
    p.refuses("readdir.count-too-small", bad, control=good)


@case("readdir/count-one-byte-short", "readdir.count-too-small")
def count_one_byte_short(p: Peer) -> None:
    """A count that is one byte too small for the next entry is refused; that byte more will do."""
    name = b"n" * 100
    p.make(name)
    fill(p, 3)
    p.opened(LIST)
    found = scan(p, LIST)
    at = found.index(entry_of(found, name))
    before, count = found[at - 1].offset if at else 0, HEADER + len(name)
    bad, good = m.Treaddir(LIST, before, count - 1), m.Treaddir(LIST, before, count)
    p.refuses("readdir.count-too-small", bad, control=good)


@case("readdir/small-count-loses-nothing", "readdir.resume-exact")
def small_count_loses_nothing(p: Peer) -> None:
    """What had no room in one reply comes in the next that has."""
    wanted = fill(p, 5)
    p.opened(LIST)
    found: list[Dirent] = []
    while True:
        at = found[-1].offset if found else 0
        p.rpc(m.Treaddir(LIST, at, HEADER))
        more = read(p, LIST, at, ONE)
        if not more:
            break
        found += more
        p.true("readdir.end-empty", len(found) <= REPLIES, "an end", len(found))
    once(p, "readdir.resume-exact", wanted, found)


@case("readdir/small-count-at-end", "readdir.count-too-small", "readdir.end-empty", each=(0, 1))
def small_count_at_end(p: Peer, count: int) -> None:
    """At the end of the directory a small count is no error: there is nothing that needs room."""
    wanted = fill(p, 1)
    p.opened(LIST)
    last = listed(p, wanted)[-1].offset
    r = p.must("readdir.count-too-small", m.Treaddir(LIST, last, count), m.Rreaddir)
    p.equal("readdir.end-empty", b"", bytes(r.data), "the entries")


@case("readdir/empty-directory", "readdir.end-empty")
def empty_directory(p: Peer) -> None:
    """An empty directory has no names but . and .. and comes to an end."""
    p.opened(LIST)
    p.equal("readdir.end-empty", [], names(scan(p, LIST)), "the names listed")


@case("readdir/end-repeats", "readdir.end-empty")
def end_repeats(p: Peer) -> None:
    """The end stays the end, however often it is read."""
    wanted = fill(p, 3)
    p.opened(LIST)
    last = listed(p, wanted)[-1].offset
    for _ in range(3):
        p.equal("readdir.end-empty", [], read(p, LIST, last), "the entries")


# Going on


@case("readdir/resume-from-every-entry", "readdir.resume-exact")
def resume_from_every_entry(p: Peer) -> None:
    """From the offset of each entry, last to first, exactly the entries behind it come."""
    fill(p, 6)
    p.opened(LIST)
    found = scan(p, LIST)
    for at in reversed(range(len(found))):
        rest = [entry.name for entry in scan(p, LIST, found[at].offset)]
        wanted = [entry.name for entry in found[at + 1 :]]
        p.equal("readdir.resume-exact", wanted, rest, f"the names behind entry {at}")


@case("readdir/many-entries", "readdir.resume-exact", "readdir.cookie-range")
def many_entries(p: Peer) -> None:
    """300 entries take several replies, come once each, and can be gone on from one by one."""
    wanted = fill(p, 300)
    q = p.another(msize=4096)
    q.opened(LIST)
    found = scan(q, LIST)
    once(q, "readdir.resume-exact", wanted, found)
    cookies = {entry.offset for entry in found}
    q.equal("readdir.cookie-range", len(found), len(cookies), "the number of different offsets")
    for before, after in reversed(list(pairwise(found))):
        seen = read(q, LIST, before.offset, ONE)[:1]
        q.equal("readdir.resume-exact", [after], seen, f"the entry behind {before.name!r}")


@case("readdir/offset-range", "readdir.cookie-range")
def offset_range(p: Peer) -> None:
    """No offset is 0 or beyond 2^63, and no two entries have the same."""
    fill(p, 20)
    p.opened(LIST)
    seen = [entry.offset for entry in read(p, LIST, 0)]
    p.equal("readdir.cookie-range", len(seen), len(set(seen)), "the number of different offsets")
    p.true("readdir.cookie-range", 0 not in seen, "no offset of 0", seen)
    p.true("readdir.cookie-range", max(seen) < 1 << 63, "offsets below 2^63", max(seen))


@case("readdir/unknown-offset", "readdir.cookie-known", each=("largest+1", "2^64-1"))
def unknown_offset(p: Peer, which: str) -> None:
    """An offset that was in no entry is refused; the listing goes on from one that was."""
    wanted = fill(p, 3)
    p.opened(LIST)
    found = listed(p, wanted)
    largest = max(entry.offset for entry in found)
    unknown = largest + 1 if which.startswith("largest") else (1 << 64) - 1
    bad, good = m.Treaddir(LIST, unknown, ROOMY), m.Treaddir(LIST, largest, ROOMY)
    p.refuses("readdir.cookie-known", bad, control=good)
    rest = scan(p, LIST, found[0].offset)
    p.equal("readdir.resume-exact", found[1:], rest, "the entries behind the first")


@case("readdir/two-listings", "readdir.resume-exact")
def two_listings(p: Peer) -> None:
    """Two fids that list one directory by turns do not disturb each other."""
    wanted = fill(p, 8)
    p.opened(LIST)
    p.opened(OTHER)
    found: dict[int, list[Dirent]] = {LIST: [], OTHER: []}
    for _ in range(len(wanted) + len(DOTS)):
        for fid, seen in found.items():
            seen.extend(read(p, fid, seen[-1].offset if seen else 0, 2 * ONE))
    for seen in found.values():
        once(p, "readdir.resume-exact", wanted, seen)


@case("readdir/two-in-flight", "readdir.resume-exact")
def two_in_flight(p: Peer) -> None:
    """Of two requests on one fid, sent at once, each gets the entries behind its own offset."""
    wanted = fill(p, 8)
    p.opened(LIST)
    found = listed(p, wanted)
    tags = {p.send(m.Treaddir(LIST, found[at].offset, ONE)): found[at + 1].name for at in (6, 2)}
    for _ in range(len(tags)):
        tag, r = p.receive()
        if not isinstance(r, m.Rreaddir):
            raise Broken("readdir.resume-exact", "Rreaddir", repr(r))
        seen = [entry.name for entry in entries(p, r, ONE)][:1]
        p.equal("readdir.resume-exact", [tags[tag]], seen, "the name behind the offset")


# Starting again


@case("readdir/rewind-midway", "readdir.rewind-at-zero")
def rewind_midway(p: Peer) -> None:
    """Offset 0 in the middle of a listing begins with the first entry again."""
    wanted = fill(p, 8)
    p.opened(LIST)
    read(p, LIST, 0, 3 * ONE)
    once(p, "readdir.rewind-at-zero", wanted, scan(p, LIST))


@case("readdir/rewind-shows-changes", "readdir.rewind-at-zero")
def rewind_shows_changes(p: Peer) -> None:
    """Offset 0 shows what was made since the last listing, and not what was removed."""
    wanted = fill(p, 4)
    p.opened(LIST)
    scan(p, LIST)
    p.make(b"later")
    p.remove(wanted[0])
    now = sorted([b"later", *wanted[1:]])
    p.equal("readdir.rewind-at-zero", now, names(scan(p, LIST)), "the names listed")


@case("readdir/rewind-shows-another-file", "readdir.rewind-at-zero", "readdir.qid-path")
def rewind_shows_another_file(p: Peer) -> None:
    """A name that means another file since the last listing is listed with that file's qid."""
    p.make(b"name")
    p.opened(LIST)
    p.walk(DIR, FILE, b"name")
    scan(p, LIST)
    p.remove(b"name")
    p.mkdir(b"name")
    qid = p.walk(DIR, OTHER, b"name")[-1]
    entry = entry_of(scan(p, LIST), b"name")
    p.equal("readdir.rewind-at-zero", qid.path, entry.qid.path, "its qid.path")


# While the directory changes


@case("readdir/remove-what-was-read", "readdir.stable-entries")
def remove_what_was_read(p: Peer) -> None:
    """Reading some entries, removing them and reading on empties a directory."""
    wanted = fill(p, 60)
    p.opened(LIST)
    found: list[Dirent] = []
    for _ in range(2 * len(wanted)):
        more = read(p, LIST, found[-1].offset if found else 0, 7 * ONE)
        found += more
        for name in names(more):
            p.remove(name)
    once(p, "readdir.stable-entries", wanted, found)


@case("readdir/remove-what-comes", "readdir.stable-entries")
def remove_what_comes(p: Peer) -> None:
    """Entries that go before they were read take no others with them."""
    wanted, found = begun(p)
    gone = [name for name in wanted if name not in names(found)][::2]
    for name in gone:
        p.remove(name)
    found += scan(p, LIST, found[-1].offset, 8 * ONE)
    kept = [name for name in wanted if name not in gone]
    once(p, "readdir.stable-entries", kept, found)


@case("readdir/create-between", "readdir.stable-entries")
def create_between(p: Peer) -> None:
    """Entries that another client makes meanwhile hide none, and come once at most."""
    wanted, found = begun(p)
    q = p.another()
    made = [b"%snew-%02d" % (first, n) for n in range(10) for first in (b"a", b"z")]
    for name in made:
        q.make(name)
    found += scan(p, LIST, found[-1].offset, 8 * ONE)
    once(p, "readdir.stable-entries", wanted, found)
    seen = names(found)
    p.equal("readdir.stable-entries", len(set(seen)), len(seen), "the number of names listed")


@case("readdir/create-again", "readdir.stable-entries")
def create_again(p: Peer) -> None:
    """Entries that are removed and made again meanwhile do not disturb the others."""
    wanted, found = begun(p)
    again = [*names(found)[::2], *[name for name in wanted if name not in names(found)][::3]]
    for name in again:
        p.remove(name)
    for name in again:
        p.make(name)
    found += scan(p, LIST, found[-1].offset, 8 * ONE)
    kept = [name for name in wanted if name not in again]
    once(p, "readdir.stable-entries", kept, found)


@case("readdir/offset-of-removed-entry", "readdir.stable-entries")
def offset_of_removed_entry(p: Peer) -> None:
    """The offset of an entry goes on leading behind it after the entry was removed."""
    wanted = fill(p, 8)
    p.opened(LIST)
    found = scan(p, LIST)
    for at, entry in enumerate(found):
        if entry.name in wanted[::2]:
            p.remove(entry.name)
            rest = [one.name for one in found[at + 1 :] if one.name in wanted]
            seen = names(scan(p, LIST, entry.offset))
            p.equal("readdir.stable-entries", sorted(rest), seen, f"the names behind entry {at}")


# What an entry says


@case("readdir/dots", "readdir.dot-entries")
def dots(p: Peer) -> None:
    """The entries . and .. come once each, with the qids of the directory and of its parent."""
    p.mkdir(b"d")
    here, above = p.walk(DIR, FILE, b"d")[-1], p.stat(DIR).qid
    p.opened(LIST, b"d")
    seen = sorted((e.name, e.qid.path) for e in scan(p, LIST) if e.name in DOTS)
    wanted = [(b".", here.path), (b"..", above.path)]
    p.equal("readdir.dot-entries", wanted, seen, "names and qid.path of the dots")


@case("readdir/dots-at-root", "readdir.dot-entries", start=Start.ATTACHED)
def dots_at_root(p: Peer) -> None:
    """At the root of the attached tree both . and .. have the root's own qid."""
    p.walk(ROOT, LIST)
    p.open(LIST)
    path = p.stat(ROOT).qid.path
    seen = sorted((e.name, e.qid.path) for e in scan(p, LIST) if e.name in DOTS)
    wanted = [(b".", path), (b"..", path)]
    p.equal("readdir.dot-entries", wanted, seen, "names and qid.path of the dots")


def check_entry(p: Peer, name: bytes, qid_type: int, kind: int) -> None:
    """Demand that an entry agrees with a walk to it and with the type of the file."""
    qid = p.walk(DIR, FILE, name)[-1]
    p.opened(LIST)
    entry = entry_of(scan(p, LIST), name)
    p.equal("readdir.qid-path", qid.path, entry.qid.path, "its qid.path")
    types = {int(QidType.FILE), qid_type}
    p.true("readdir.entry-type", entry.qid.type in types, f"one of the types {types}", entry)
    kinds = {int(DirentType.UNKNOWN), kind}
    p.true("readdir.entry-type", entry.type in kinds, f"one of the types {kinds}", entry)


@case("readdir/entry", "readdir.qid-path", "readdir.entry-type", each=KINDS)
def entry_of_kind(p: Peer, kind: tuple[str, bytes, int, int]) -> None:
    """An entry has the qid.path that a walk gives, and no type but the file's."""
    p.make(b"f")
    p.mkdir(b"d")
    check_entry(p, *kind[1:])


@case("readdir/entry-of-symlink", "readdir.qid-path", "readdir.entry-type", needs=["symlink"])
def entry_of_symlink(p: Peer) -> None:
    """The entry of a symbolic link describes the link and not what it points to."""
    p.mkdir(b"d")
    p.ok(m.Tsymlink(DIR, b"link", b"d", NONUNAME))
    check_entry(p, b"link", int(QidType.SYMLINK), int(DirentType.LNK))


@case("readdir/entry-of-fifo", "readdir.qid-path", "readdir.entry-type", needs=["mknod"])
def entry_of_fifo(p: Peer) -> None:
    """The entry of a FIFO says so or says nothing of its type."""
    p.ok(m.Tmknod(DIR, b"fifo", StMode.IFIFO | 0o644, 0, 0, NONUNAME))
    check_entry(p, b"fifo", int(QidType.FILE), int(DirentType.FIFO))


@case("readdir/entries-of-one-file", "readdir.qid-path", needs=["link"])
def entries_of_one_file(p: Peer) -> None:
    """Two names of one file are listed with one qid.path."""
    p.make(b"one")
    p.walk(DIR, FILE, b"one")
    p.ok(m.Tlink(DIR, FILE, b"two"))
    p.opened(LIST)
    found = scan(p, LIST)
    qids: list[Qid] = [entry_of(found, name).qid for name in (b"one", b"two")]
    p.equal("readdir.qid-path", qids[0].path, qids[1].path, "qid.path of the second name")
