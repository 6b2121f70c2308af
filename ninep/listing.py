"""The listing of an open directory: entries packed once, cut between entries.

`Records` is what Tread sees in 9P2000 and 9P2000.u: stat records, one after the other.  `Listing`
is what Treaddir sees in 9P2000.L, with lasting cookies.

An entry's `offset` is a serial number given to its name when a scan of this fid first meets it.
So whatever is created or removed meanwhile, each cookie keeps its meaning, also across a rewind,
and within a scan cookies only rise, so that it ends.
The first scan is lazy: no more of the directory is read than was asked for.

Nothing that a listing holds leads back to it, so a scan that is not read to its end closes its
descriptors when the listing is dropped.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from weakref import ref

from ninep.errors import Violation
from ninep.messages import Dirent, Qid

Entry = tuple[Qid, int, bytes]
"""(qid, DirentType, name)"""


class Listing:
    """What one open directory fid has seen of its directory."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Entry]],
        dots: list[Entry],
        pack: Callable[[Dirent], bytes],
    ) -> None:
        """List `dots` (`.` and `..`) and then what `scan` yields; `pack` encodes an entry."""
        self._scan = scan
        self._dots = dots
        self._pack = pack
        self._serials: dict[bytes, int] = {}
        self._cookies: list[int] = []
        self._packed: list[bytes] = []
        self._rest: Iterator[Entry] = iter(())
        self._started = False

    def read(self, offset: int, count: int) -> bytes | None:
        """Return whole entries after the cookie `offset`, `count` bytes at most.

        None: there are more entries, but `count` is too small for the next one.

        Clauses: readdir.whole-entries, readdir.cookie-known, readdir.rewind-at-zero
        """
        if offset == 0:
            self._rewind()
        if offset > len(self._serials):
            raise Violation("readdir.cookie-known", f"offset {offset}")
        while offset > self._last() and self._fetch():
            pass  # this scan is not yet where an earlier one was
        at = bisect_right(self._cookies, offset)
        taken: list[bytes] = []
        while at < len(self._packed) or self._fetch():
            count -= len(self._packed[at])
            if count < 0:
                return b"".join(taken) if taken else None
            taken.append(self._packed[at])
            at += 1
        return b"".join(taken)

    def __len__(self) -> int:
        """Count the names that are remembered."""
        return len(self._serials)

    def forget(self) -> None:
        """Remember nothing: what comes next has to begin at 0."""
        self._serials, self._cookies, self._packed = {}, [], []
        self._rest, self._started = iter(()), False

    def _rewind(self) -> None:
        """Begin a new scan; a repeated one is read whole and put in the order of the cookies."""
        again, self._started = self._started, True
        self._cookies.clear()
        self._packed.clear()
        self._rest = chain(self._dots, self._scan())
        if again:
            ordered = sorted(self._rest, key=lambda entry: self._serial(entry[2]))
            self._rest = iter(ordered)

    def _last(self) -> int:
        return self._cookies[-1] if self._cookies else 0

    def _serial(self, name: bytes) -> int:
        return self._serials.setdefault(name, len(self._serials) + 1)

    def _fetch(self) -> bool:
        """Pack one more entry; say whether there was one.

        A name that was removed and made again can come twice in a scan: its first entry stands.

        Clauses: readdir.stable-entries, readdir.resume-exact
        """
        last = self._last()
        for qid, kind, name in self._rest:
            cookie = self._serial(name)
            if cookie > last:
                self._cookies.append(cookie)
                self._packed.append(self._pack(Dirent(qid, cookie, kind, name)))
                return True
        return False


class Listings:
    """All listings of a server: they remember so many names together, and no more.

    Beyond that the one is forgotten that was read longest ago, but never the one being read.

    Clauses: readdir.listings-limit
    """

    def __init__(self, most: int) -> None:
        """Begin with none."""
        self._most = most
        self._total = 0
        self._sizes: dict[ref[Listing], int] = {}
        """Names by listing, that read longest ago first."""

    def was_read(self, listing: Listing) -> None:
        """Note how much a listing remembers now, and forget others if that is too much."""
        key = ref(listing, self._drop)
        self._drop(key)
        self._sizes[key] = len(listing)
        self._total += len(listing)
        while self._total > self._most and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            self._drop(oldest)
            if found := oldest():
                found.forget()

    def _drop(self, key: ref[Listing]) -> None:
        self._total -= self._sizes.pop(key, 0)


class Records:
    """How far one open directory fid has been read as stat records."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Entry]],
        pack: Callable[[bytes], Awaitable[bytes | None]],
    ) -> None:
        """Read what `scan` yields; `pack` encodes the record of a name, None if it is gone."""
        self._scan = scan
        self._pack = pack
        self._rest: Iterator[Entry] = iter(())
        self._next: bytes | None = None
        self._at = 0
        self._reading = False

    async def read(self, offset: int, count: int) -> bytes:
        """Return whole records from `offset` on, `count` bytes at most; 0 begins a new scan.

        Clauses: read.directory-records, read.directory-offset
        """
        if self._reading or offset not in (0, self._at):
            raise Violation("read.directory-offset", f"offset {offset}, not {self._at}")
        self._reading = True
        try:
            if offset == 0:
                self._rest, self._next, self._at = self._scan(), None, 0
            return await self._take(count)
        finally:
            self._reading = False

    async def _take(self, count: int) -> bytes:
        taken: list[bytes] = []
        while (record := await self._peek()) is not None and len(record) <= count:
            taken.append(record)
            count -= len(record)
            self._at += len(record)
            self._next = None
        return b"".join(taken)

    async def _peek(self) -> bytes | None:
        """Return the next record, which stays the next until it has been taken."""
        while self._next is None:
            entry = next(self._rest, None)
            if entry is None:
                return None
            self._next = await self._pack(entry[2])
        return self._next
