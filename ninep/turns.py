"""Who asks for much waits for its turn, so that who asks for little need not.

One turn is taken in every other round of the event loop.  So whoever has become readable during one
is served before the next.

Invariant: something is due in the loop exactly while somebody waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SHARE = 0.0001
"""Seconds after which one connection lets others have their turn."""

Call = Callable[[], None]


class Turns:
    """Those who wait, in order."""

    def __init__(self, soon: Callable[[Call], object]) -> None:
        """Have nobody wait; `soon` lets the loop call something in its next round."""
        self._soon = soon
        self._waiting: deque[Call] = deque()

    def wait(self, take: Call) -> None:
        """Call `take` when all who came before have had their turn."""
        self._waiting.append(take)
        if len(self._waiting) == 1:
            self._soon(self._others)

    def _others(self) -> None:
        """Leave a round of the loop to those who need not wait."""
        self._soon(self._next)

    def _next(self) -> None:
        take = self._waiting.popleft()
        if self._waiting:
            self._soon(self._others)
        take()
