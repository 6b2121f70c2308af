"""What a server owes for the bytes that it was sent, and whether that came."""

from __future__ import annotations

from collections import Counter

from ninep.codec import HEADER
from ninep.messages import Tflush, Tversion

from .inputs import MSIZE

LARGEST = 1 << 24
"""Bytes of a reply: a damaged session may have agreed on more than the others."""


class Frames:
    """Cuts a stream into frames of a size that can be one."""

    def __init__(self, largest: int) -> None:
        """Begin with nothing."""
        self.largest = largest
        self.broken = b""
        """Where it is none: no frame can follow."""
        self._part = b""

    def cut(self, data: bytes) -> list[bytes]:
        """Return the frames that have become whole."""
        data, at, found = self._part + data, 0, []
        while not self.broken and len(data) - at >= HEADER:
            size = int.from_bytes(data[at : at + 4], "little")
            if not HEADER <= size <= self.largest:
                self.broken = data[at : at + HEADER]
            elif len(data) - at < size:
                break
            else:
                found.append(data[at : at + size])
                at += size
        self._part = data[at:]
        return found


class Ledger:
    """Requests and replies of one connection, by tag.

    A reply is owed for each whole frame, but for what is flushed, and what is in flight when a
    session begins anew.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.asked: Counter[int] = Counter()
        self.got: Counter[int] = Counter()
        self.odd = ""
        """What came that is no reply."""
        self._excused: set[int] = set()
        self._requests = Frames(MSIZE)
        self._replies = Frames(LARGEST)

    def sent(self, data: bytes) -> None:
        """Note what was sent."""
        for frame in self._requests.cut(data):
            if frame[4] == Tversion.code:
                self._excused |= set(self.asked)
            elif frame[4] == Tflush.code:
                self._excused.add(int.from_bytes(frame[HEADER : HEADER + 2], "little"))
            self.asked[tag_of(frame)] += 1

    def received(self, data: bytes) -> None:
        """Note what came."""
        for frame in self._replies.cut(data):
            tag = tag_of(frame)
            self.got[tag] += 1
            if not frame[4] % 2:
                self.odd = f"a message of type {frame[4]} came"
            elif self.got[tag] > self.asked[tag]:
                self.odd = "a reply came that nobody asked for"
        if self._replies.broken:
            self.odd = f"no reply: {self._replies.broken.hex()}"

    @property
    def settled(self) -> bool:
        """Tell whether all that is owed has come."""
        return all(
            self.got[tag] >= count for tag, count in self.asked.items() if tag not in self._excused
        )


def tag_of(frame: bytes) -> int:
    """Return the tag of a frame."""
    return int.from_bytes(frame[5:HEADER], "little")
