"""What a client can make a server write to its log: not more than people can read."""

from __future__ import annotations

import logging

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
