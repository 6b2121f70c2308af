"""What a kernel sends: a mount whose T-messages are noted, and how many there may be."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .expect import Failed
from .guest.tap import HDRSZ, Note, notes

CALLS = Path(__file__).with_name("calls.json")
"""What kernels have sent: kernel → cache mode → check → call → names of T-messages."""
Seen = dict[str, list[int]]
"""Call → codes of T-messages, in order."""


Recorded = dict[str, dict[str, dict[str, dict[str, str]]]]
TWRITE, RWRITE = 118, 119
WRITE = struct.Struct("<IQI")
"""Of a Twrite behind the header: fid, offset, count; then the data."""
COUNT = struct.Struct("<I")
"""Of an Rwrite."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a server says it has written: where, how many bytes, and the first of them."""

    offset: int
    count: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Tapped:
    """A mount, or the control, where nothing is noted."""

    dir: Path
    trace: Path | None = None

    def sent(self, call: Callable[[], object]) -> list[int]:
        """Make a system call; return the codes of the T-messages that came of it."""
        return [note.code for note in self.noted(call) if note.sent]

    def written(self, call: Callable[[], object]) -> list[Written]:
        """Make a system call; return what the server says it has written, as it says so."""
        asked: dict[tuple[int, bytes], bytes] = {}
        found = []
        for note in self.noted(call):
            request = (note.connection, note.data[HDRSZ - 2 : HDRSZ])
            if note.code == TWRITE:
                asked[request] = note.data[HDRSZ:]
            elif note.code == RWRITE and request in asked:
                twrite = asked.pop(request)
                offset, count = WRITE.unpack_from(twrite)[1], COUNT.unpack_from(note.data, HDRSZ)[0]
                found.append(Written(offset, count, twrite[WRITE.size :][:count]))
        return found

    def noted(self, call: Callable[[], object]) -> Iterator[Note]:
        """Make a system call; yield the messages that went by meanwhile."""
        before = 0 if self.trace is None else self.trace.stat().st_size
        call()
        if self.trace is not None:
            with self.trace.open("rb") as noted:
                noted.seek(before)
                yield from notes(noted.read())

    def all(self, calls: Mapping[str, Callable[[], object]]) -> Seen:
        """Make system calls one after the other."""
        return {name: self.sent(call) for name, call in calls.items()}


@cache
def recorded() -> Recorded:
    """Return what kernels have sent."""
    table: Recorded = json.loads(CALLS.read_text(encoding="utf-8"))
    return table


def budget(kernel: tuple[int, int], mode: str, check: str) -> dict[str, int]:
    """Return how many messages each call may take: those of the kernel's series, if it is known,
    else of the kernel that needed most in all.
    """
    series = f"{kernel[0]}.{kernel[1]}."
    known = recorded()
    own = [modes for name, modes in known.items() if name.startswith(series)]
    rows = [modes[mode][check] for modes in own or known.values() if check in modes.get(mode, {})]
    counts = [{call: len(sent.split()) for call, sent in row.items()} for row in rows]
    return max(counts, key=lambda row: sum(row.values()), default={})


def within_budget(kernel: tuple[int, int], mode: str, check: str, seen: Seen) -> None:
    """Refuse more messages than the same calls have needed so far, all in all.

    A Tclunk may come so late that it counts for the next call, so they are not judged one by one.
    """
    limits = budget(kernel, mode, check)
    total, limit = sum(map(len, seen.values())), sum(limits.get(call, 0) for call in seen)
    if limits.keys() == seen.keys() and total > limit:
        grown = [
            f"{call}: {len(sent)} instead of {limits[call]} (types {' '.join(map(str, sent))})"
            for call, sent in seen.items()
            if len(sent) > limits[call]
        ]
        raise Failed(f"{total} messages, {limit} so far; {'; '.join(grown)}")
