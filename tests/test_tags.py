"""Requests in flight: what overlaps, what waits, what Tflush and Tversion do."""

from __future__ import annotations

import pytest

from ninep import messages as m
from ninep.constants import NOFID, NONUNAME
from ninep.errors import FrameError
from ninep.limits import Budget, Held
from ninep.messages import TMessage
from ninep.tags import ABANDONED, Request, Tags

WINDOW = 64


def read(fid: int) -> m.Tread:
    """Return a request that uses a fid and leaves it as it is."""
    return m.Tread(fid, 0, 1)


class Flight(Tags):
    """Tags with a way to put requests in by number."""

    def __init__(self) -> None:
        """Start with none, and no tag given."""
        super().__init__(WINDOW, Held(Budget(1000, 10_000)))
        self.cancelled: list[int] = []

    def runs(self, tag: int, t: TMessage) -> Request:
        """Take in a request that is running."""
        request = self.register(tag, t, 10, running=True)
        request.cancel = lambda: self.cancelled.append(tag)
        return request

    def waits(self, tag: int, t: TMessage) -> Request:
        """Take in a request that has not been started."""
        return self.register(tag, t, 10)

    def started(self) -> list[int]:
        """Return the tags of what may start now."""
        return [r.tag for r in self.ready()]


def test_requests_that_share_a_fid_overlap() -> None:
    """Two reads of one fid run at the same time."""
    tags = Flight()
    tags.runs(1, read(5))
    tags.waits(2, read(5))
    assert tags.started() == [2]
    assert tags.started() == []


def test_a_clunk_waits_for_the_reads_before_it() -> None:
    """What changes a fid waits for its users, and the users after it wait for that."""
    tags = Flight()
    first = tags.runs(1, read(5))
    clunk = tags.waits(2, m.Tclunk(5))
    tags.waits(3, read(5))
    tags.waits(4, read(6))
    assert tags.started() == [4]
    tags.release(first)
    assert tags.started() == [2]
    tags.release(clunk)
    assert tags.started() == [3]


def test_nofid_is_no_fid() -> None:
    """Two Tattach without afid have nothing in common."""
    tags = Flight()
    tags.runs(1, m.Tattach(1, NOFID, b"", b"", NONUNAME))
    tags.waits(2, m.Tattach(2, NOFID, b"", b"", NONUNAME))
    assert tags.started() == [2]


def test_a_tag_in_flight_cannot_be_used_again() -> None:
    """tag.in-flight: the connection must be closed."""
    tags = Flight()
    tags.runs(1, read(5))
    with pytest.raises(FrameError, match=r"tag\.in-flight"):
        tags.waits(1, read(6))


def test_bytes_are_counted_while_in_flight() -> None:
    """What requests keep in memory is known."""
    tags = Flight()
    request = tags.runs(1, read(5))
    assert (1, 10) == (len(tags), tags.held.bytes)
    tags.release(request)
    tags.release(request)
    assert (0, 0) == (len(tags), tags.held.bytes)


def test_the_window_is_bounded_and_lets_flushes_through() -> None:
    """S-039: no more than WINDOW requests run, yet a Tflush starts."""
    tags = Flight()
    for tag in range(WINDOW + 10):
        tags.waits(tag, read(tag))
    assert tags.started() == list(range(WINDOW))
    tags.waits(1000, m.Tflush(WINDOW + 5))
    assert tags.started() == [1000]
    assert len(tags) == WINDOW + 10


def test_flush_of_nothing_starts_at_once() -> None:
    """oldtag unknown, or the flush's own tag."""
    tags = Flight()
    tags.waits(1, m.Tflush(77))
    tags.waits(2, m.Tflush(2))
    assert tags.started() == [1, 2]


def test_flush_drops_what_has_not_begun() -> None:
    """A request that waits for its turn is gone without a trace."""
    tags = Flight()
    tags.runs(1, read(5))
    tags.waits(2, m.Tclunk(5))
    tags.waits(3, m.Tflush(2))
    assert tags.started() == [3]
    assert len(tags) == 2


def test_flush_abandons_a_running_read() -> None:
    """It is cancelled, silent, and Rflush leaves when it has ended."""
    tags = Flight()
    request = tags.runs(1, read(5))
    tags.waits(2, m.Tflush(1))
    assert ([1], True) == (tags.cancelled, request.silent)
    assert tags.started() == []
    tags.release(request)
    assert tags.started() == [2]


def test_flush_waits_for_a_running_change() -> None:
    """flush.effect-whole (S-098): it runs to its end, its reply leaves, then Rflush."""
    tags = Flight()
    request = tags.runs(1, m.Tremove(5))
    tags.waits(2, m.Tflush(1))
    assert ([], False) == (tags.cancelled, request.silent)
    tags.release(request)
    assert tags.started() == [2]


def test_several_flushes_of_one_tag_are_answered_in_order() -> None:
    """Each gets its Rflush."""
    tags = Flight()
    request = tags.runs(1, m.Tremove(5))
    tags.waits(2, m.Tflush(1))
    tags.waits(3, m.Tflush(1))
    tags.waits(4, m.Tflush(3))
    tags.release(request)
    ready = tags.ready()
    assert [r.tag for r in ready] == [2, 3]
    tags.release(ready[1])
    assert tags.started() == [4]


def test_tversion_waits_for_the_end_of_everything() -> None:
    """Running changes end, the rest is dropped, and nothing of it is answered."""
    tags = Flight()
    change = tags.runs(1, m.Tremove(5))
    a_read = tags.runs(2, read(6))
    tags.waits(3, m.Tclunk(5))
    tags.waits(4, m.Tflush(1))
    tags.waits(5, m.Tversion(8192, b"9P2000.L"))
    tags.waits(6, read(7))
    assert ([2], True, True) == (tags.cancelled, change.silent, a_read.silent)
    assert tags.started() == []
    tags.release(a_read)
    assert tags.started() == []
    tags.release(change)
    (version,) = tags.ready()
    assert version.tag == 5
    tags.release(version)
    assert tags.started() == [6]


def test_requests_that_leave_no_trace_may_be_abandoned() -> None:
    """The table says which; none of them changes a file."""
    assert m.Tread in ABANDONED
    assert not ABANDONED & {m.Twrite, m.Tclunk, m.Tremove, m.Tlcreate, m.Trenameat}
