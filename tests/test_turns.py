"""Turns: in order, one in every other round."""

from __future__ import annotations

from collections.abc import Callable

from ninep.turns import Turns


class Loop:
    """What is due in the next round of a loop."""

    def __init__(self) -> None:
        """Have nothing to do."""
        self.due: list[Callable[[], None]] = []

    def soon(self, call: Callable[[], None]) -> None:
        """Call it in the next round."""
        self.due.append(call)

    def round(self) -> None:
        """Call what is due now."""
        due, self.due = self.due, []
        for call in due:
            call()


def test_one_in_every_other_round() -> None:
    """Those who wait come in order, and between two of them is a round for all others."""
    loop, taken = Loop(), []
    turns = Turns(loop.soon)
    for name in "abc":
        turns.wait(lambda name=name: taken.append(name))  # type: ignore[misc]
    seen = []
    for _ in range(7):
        loop.round()
        seen.append("".join(taken))
    assert ["", "a", "a", "ab", "ab", "abc", "abc"] == seen
    assert [] == loop.due


def test_who_waits_again_is_last() -> None:
    """A turn that is not enough is followed by those of all others."""
    loop, taken = Loop(), []
    turns = Turns(loop.soon)

    def again() -> None:
        taken.append("again")
        if len(taken) < 4:
            turns.wait(again)

    turns.wait(again)
    turns.wait(lambda: taken.append("once"))
    while loop.due:
        loop.round()
    assert ["again", "once", "again", "again"] == taken
