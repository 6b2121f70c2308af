"""Requests in flight: which may start, which must wait for another, what Tflush does to them.

A request that is answered at once never comes here.  One that has to wait is registered until its
reply is handed over: from receive to reply its tag is in flight.  As long as anything waits,
newcomers are admitted by these rules, in order of arrival:

* two requests on one fid overlap only if neither changes what the fid stands for;
* a Tflush starts when the request it names is settled, so Rflush always leaves after its reply;
* a Tversion starts when nothing else is in flight any more, and what comes after it waits for it;
* no more than `window` requests run at once (Tflush is not counted, so it gets through).

What was flushed is in flight, and counts, until it has really ended.

Clauses: tag.in-flight, flush.after-reply, flush.every-flush-answered, version.aborts-requests
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from ninep import messages
from ninep.constants import NOFID
from ninep.errors import FrameError
from ninep.limits import Held
from ninep.messages import Tflush, TMessage, Tversion
from ninep.spec import Spec, spec


def _claims(tables: Spec) -> dict[type, tuple[tuple[str, bool], ...]]:
    """Return the fid fields of each T-message and whether it changes what they stand for."""
    return {
        getattr(messages, m.name): tuple((f.name, f.binds) for f in m.fields if f.type == "fid")
        for m in tables.messages.values()
        if m.is_request
    }


CLAIMS = _claims(spec())
ABANDONED = frozenset(
    getattr(messages, m.name) for m in spec().messages.values() if m.flush == "abandon"
)
"""T-messages that a Tflush may drop while they run."""


@dataclass(slots=True, eq=False)
class Request:
    """A request that could not be answered at once."""

    tag: int
    t: TMessage
    size: int
    """Bytes that it keeps in memory."""
    fids: tuple[tuple[int, bool], ...]
    """(fid, changes it) for each fid it names."""
    running: bool = False
    silent: bool = False
    """No reply may leave for it any more."""
    cancel: Callable[[], object] = field(default=lambda: None)
    """Ends it early; set once it runs."""
    flushes: list[Request] = field(default_factory=list)
    """The Tflush requests that wait for its end, in order."""


class Tags:
    """The requests in flight of one connection."""

    def __init__(self, window: int, held: Held) -> None:
        """Start with none; so many may run, and their bytes are counted by `held`."""
        self.window = window
        self.held = held
        self._requests: dict[int, Request] = {}
        self._queue: dict[Request, None] = {}
        self._settled: deque[Request] = deque()

    def __len__(self) -> int:
        """Count the requests in flight."""
        return len(self._requests)

    def register(self, tag: int, t: TMessage, size: int, *, running: bool = False) -> Request:
        """Take a request in.

        Clauses: tag.in-flight (FrameError: two requests with one tag cannot be told apart)
        """
        if tag in self._requests:
            raise FrameError("tag.in-flight", f"tag {tag}: {t!r:.200}")
        request = Request(tag, t, size, tuple(_claimed(t)), running)
        if type(t) is Tflush:
            self._flush(request, self._requests.get(t.oldtag))
        elif type(t) is Tversion:
            self._abort_all()
        self._requests[tag] = request
        self.held.set(self.held.bytes + size)
        if type(t) is not Tflush:
            self._queue[request] = None
        return request

    def release(self, request: Request) -> None:
        """Take a request out: its reply has been handed over, or it gets none."""
        if self._requests.get(request.tag) is request:
            del self._requests[request.tag]
            self.held.set(self.held.bytes - request.size)
            self._queue.pop(request, None)
            self._settled.extend(request.flushes)

    def ready(self) -> list[Request]:
        """Return, in order of arrival, the requests that may start now, marked as running."""
        found = list(self._settled)
        self._settled.clear()
        used: set[int] = set()
        changed: set[int] = set()
        for request in islice(self._queue, self.window):
            if type(request.t) is Tversion and request is not next(iter(self._queue)):
                break
            if not request.running and not any(
                fid in changed or (changes and fid in used) for fid, changes in request.fids
            ):
                found.append(request)
            if type(request.t) is Tversion:
                break
            used.update(fid for fid, _ in request.fids)
            changed.update(fid for fid, changes in request.fids if changes)
        for request in found:
            request.running = True
        return found

    def close(self) -> None:
        """Drop what has not begun; what runs is released when it has ended."""
        for request in list(self._requests.values()):
            if not request.running:
                self.release(request)

    def _flush(self, flush: Request, old: Request | None) -> None:
        """Let a Tflush wait for the end of `old`; bring that nearer where it does no harm."""
        if old is None:
            self._settled.append(flush)
            return
        old.flushes.append(flush)
        if type(old.t) in ABANDONED and old.running:
            old.silent = True
            old.cancel()
        elif not old.running and type(old.t) not in (Tflush, Tversion):
            self.release(old)

    def _abort_all(self) -> None:
        """Drop what has not begun, silence what runs."""
        for old in list(self._requests.values()):
            old.silent = True
            old.flushes.clear()
            if not old.running:
                self.release(old)
            elif type(old.t) in ABANDONED:
                old.cancel()
        self._settled.clear()


def _claimed(t: TMessage) -> Iterator[tuple[int, bool]]:
    """Yield (fid, changes it) for each fid that a request names."""
    for name, changes in CLAIMS.get(type(t), ()):
        fid = getattr(t, name)
        if fid != NOFID:
            yield fid, changes
