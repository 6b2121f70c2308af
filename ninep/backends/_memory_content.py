"""The bytes of a file in memory, in pieces of one size.

Invariant: what was never written is a hole and takes no memory, so a size costs nothing to set, and
no change takes longer than the bytes that it writes or drops.
"""

from __future__ import annotations

from collections.abc import Iterator

PIECE = 1 << 16
"""Bytes of a piece at most; one that is shorter goes on with zeros."""


class Content:
    """What a file holds, up to its size."""

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        self._pieces: dict[int, bytearray] = {}

    def read(self, offset: int, count: int) -> bytearray:
        """Return a copy of what is there."""
        found = bytearray()
        for number, start, end in spans(offset, min(offset + count, self.size)):
            with memoryview(self._pieces.get(number, b""))[start:end] as part:
                found += part
                found += bytes(end - start - len(part))
        return found

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Put `data` in; it must end within the size."""
        rest = memoryview(data)
        for number, start, end in spans(offset, offset + len(data)):
            piece = self._pieces.setdefault(number, bytearray())
            piece += bytes(max(start - len(piece), 0))
            piece[start:end] = rest[: end - start]
            rest = rest[end - start :]

    def resize(self, size: int) -> None:
        """Cut, or extend with a hole."""
        if size < self.size:
            last, kept = divmod(size, PIECE)
            for number in [n for n in self._pieces if n >= last]:
                piece = self._pieces.pop(number)
                if number == last and kept:
                    self._pieces[number] = piece[:kept]
        self.size = size


def spans(offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (piece, start, end) for each piece that has some of the bytes `offset` … `end`-1."""
    while offset < end:
        number, start = divmod(offset, PIECE)
        stop = min(start + end - offset, PIECE)
        yield number, start, stop
        offset += stop - start
