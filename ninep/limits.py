"""What a server allows its clients, and how long it waits for them.

Deadlines are counted in looks, of which there is one every `LOOK` seconds while the server runs: a
server that was stopped (SIGSTOP, a suspended machine) does not hold that against its clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

LOOK = 0.25
"""Seconds between two looks at all connections."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers, bytes and seconds; each has an option of `ninep serve`."""

    connections: int = field(default=1024, metadata={"help": "connections at once"})
    per_peer: int = field(
        default=256,
        metadata={"help": "connections at once of one IP address, or of one user of this machine"},
    )
    fids: int = field(default=1 << 17, metadata={"help": "fids of one connection"})
    running: int = field(
        default=64, metadata={"help": "requests of one connection that run at the same time"}
    )
    waiting: int = field(
        default=1 << 23,
        metadata={"help": "bytes of requests in flight, from which one connection is not read on"},
    )
    waiting_total: int = field(
        default=1 << 26, metadata={"help": "the same of all, who have equal shares of it"}
    )
    unsent: int = field(
        default=1 << 20,
        metadata={"help": "bytes of unsent replies, from which one connection is not read on"},
    )
    unsent_total: int = field(
        default=1 << 26, metadata={"help": "the same of all, who have equal shares of it"}
    )
    locks: int = field(default=4096, metadata={"help": "record locks of one connection"})
    xattrs: int = field(
        default=1 << 24,
        metadata={"help": "bytes of attribute values that one connection reads or writes at once"},
    )
    listings: int = field(
        default=1 << 20,
        metadata={"help": "names that all open directories remember; the oldest begins anew"},
    )
    handshake: float = field(
        default=30.0, metadata={"help": "seconds until a new connection has agreed on a version"}
    )
    frame: float = field(
        default=30.0, metadata={"help": "seconds that a message may take to arrive"}
    )
    stall: float = field(
        default=60.0, metadata={"help": "seconds for which a client may take none of its replies"}
    )


class Budget:
    """Bytes that connections hold: so many each, and so many together.

    Where it is too much together, each that holds any has an equal share of it, and who holds more
    is not served on until that is less.  So nobody waits for anybody else: who holds nothing may go
    on, and all together hold no more than twice the limit and one message each.
    """

    def __init__(self, one: int, total: int) -> None:
        """Begin with none."""
        self.one = one
        self.total = total
        self.used = 0
        self.holders = 0

    @property
    def most(self) -> int:
        """Bytes that one may hold now."""
        if self.used <= self.total:
            return self.one
        return min(self.one, self.total // self.holders)


class Held:
    """What one connection holds of a budget."""

    def __init__(self, budget: Budget) -> None:
        """Begin with nothing."""
        self.budget = budget
        self.bytes = 0

    def set(self, count: int) -> None:
        """Hold so many bytes from now on."""
        self.budget.used += count - self.bytes
        self.budget.holders += (count > 0) - (self.bytes > 0)
        self.bytes = count

    @property
    def too_much(self) -> bool:
        """Whether that is more than one may hold now."""
        return self.bytes > self.budget.most


class Peers:
    """How many connections each peer has."""

    def __init__(self, limits: Limits) -> None:
        """Begin with none."""
        self.limits = limits
        self._count: Counter[Hashable] = Counter()

    def admit(self, peer: Hashable) -> str:
        """Count a connection; if it is one too many, say so and do not."""
        if self._count.total() >= self.limits.connections:
            return f"there are {self.limits.connections} already"
        if self._count[peer] >= self.limits.per_peer:
            return f"{peer} has {self.limits.per_peer} already"
        self._count[peer] += 1
        return ""

    def leave(self, peer: Hashable) -> None:
        """Forget a connection that was admitted."""
        self._count[peer] -= 1
        if not self._count[peer]:
            del self._count[peer]


class Patience:
    """Which deadline a connection has missed; asked at each look."""

    def __init__(self, limits: Limits) -> None:
        """Begin when the connection does."""
        self.limits = limits
        self._seconds = dict.fromkeys(("handshake", "frame", "stall"), 0.0)
        self._part: object = None
        self._taken = 0

    def missed(self, *, agreed: bool, part: object, written: int, unsent: int) -> str:
        """Say what took too long; nothing if all is in time.

        `agreed`: a version has been; `part`: the message of which a part is here, None if there is
        none or nobody reads on; `written`: bytes of replies so far, and `unsent`: those of them
        that the peer has not taken.
        """
        taken = written - unsent
        waits = {
            "handshake": not agreed,
            "frame": part is not None and part is self._part,
            "stall": unsent > 0 and taken == self._taken,
        }
        self._part, self._taken = part, taken
        for name, waiting in waits.items():
            self._seconds[name] = self._seconds[name] + LOOK if waiting else 0.0
            limit: float = getattr(self.limits, name)
            if self._seconds[name] > limit:
                return f"{MISSED[name]} within {limit:g} s"
        return ""


MISSED = {
    "handshake": "no version was agreed on",
    "frame": "a message did not arrive whole",
    "stall": "no reply was taken",
}
