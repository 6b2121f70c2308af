"""What a client can make a server write to its log: not more than people can read.

And nobody waits for the reader of the log: what he does not take is counted, and he is told later.
"""

from __future__ import annotations

import logging
import select
from typing import TextIO

PIECE = 4096
"""Bytes that a pipe takes at once when it takes any (PIPE_BUF, pipe(7))."""

BURST = 20
"""Records of one kind that are written within a `SPAN`."""
SPAN = 60.0
"""Seconds."""


class Sparing(logging.Filter):
    """Leaves out what comes too often, and says how often when the next one is written.

    A kind is what a record is before its arguments are put in, so there are no more of them than
    places that write one.
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is to be written."""
        kind = str(record.msg)
        since, count = self._seen.get(kind, (record.created, 0))
        left = 0
        if record.created - since >= SPAN:
            since, count, left = record.created, 0, count - BURST
        self._seen[kind] = since, count + 1
        if left > 0:
            record.msg = f"{kind} ({left} more of these were left out)"
        return count < BURST


class Unwaiting(logging.StreamHandler[TextIO]):
    """Writes to a stream as much as it takes now."""

    def __init__(self, stream: TextIO) -> None:
        """Look at the stream once: what is no file, as in tests, always takes all."""
        super().__init__(stream)
        self.lost = 0
        """Records that were not written, or not whole."""
        self._poll: select.poll | None = None
        try:
            number = stream.fileno()
        except OSError:
            return
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, and before it how many there would have been."""
        if self.lost and self._ready():
            lost, self.lost = self.lost, 0
            self._write(f"ninep: {lost} records were lost: nobody took them")
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001  as any handler does
            self.handleError(record)

    def _write(self, text: str) -> None:
        """Write a text in pieces, until one is not taken."""
        data = text + self.terminator
        size = PIECE // 4  # characters that are never more bytes
        for at in range(0, len(data), size):
            if not self._ready():
                self.lost += 1
                return
            self.stream.write(data[at : at + size])
            self.stream.flush()

    def _ready(self) -> bool:
        return self._poll is None or bool(self._poll.poll(0))
