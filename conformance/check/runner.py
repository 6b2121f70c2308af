"""Runs cases against a target: a fresh connection and a fresh directory for each.

Nothing sleeps: a reply is waited for until a deadline that is scaled from a measured round trip,
and that no reply comes is shown by a Tflush or a Tversion behind it.
"""

from __future__ import annotations

import random
import secrets
import statistics
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

from construct import ConstructError

from ninep import messages as m
from ninep.errors import NUMBERS

from .case import Case, Start
from .link import Event, Link
from .model import CaseResult, DialectReport, Options, Report
from .peer import DIR, ROOT, Peer, errno, is_error, shown
from .probe import LARGE, PROBES, Finding, found, nonsense
from .target import Target
from .tree import remove_all
from .verdict import (
    CLAUSES,
    Broken,
    Gone,
    Inapplicable,
    Silent,
    SuiteError,
    Unjudged,
    Verdict,
    weight,
)

FIRST_DEADLINE = 3.5
"""Seconds for the first replies, before a round trip was measured."""
DEADLINE = 2.0
ROUND_TRIPS = 20
"""A deadline has so many seconds and so many round trips."""
FIRST_REPLIES = 10
"""The first reply on a connection has so many times more as it took at first."""
SAMPLES = 7
PATIENCE = 3
"""Cases in a row that may run into a deadline before the server is given up."""
UNKNOWN_TYPE = 250

OnResult = Callable[[CaseResult], None]
QUIET = (Gone, Silent, Broken, Unjudged, SuiteError, ConstructError, OSError)
"""What a server can do to a step that is no case."""


class Unreachable(Exception):  # noqa: N818  an end of the run
    """Nobody answers, or not in 9P, or not any more."""


class Runner:
    """One run against one target."""

    def __init__(self, target: Target, address: str, options: Options) -> None:
        """Take what to judge and how."""
        self.target = target
        self.options = options
        self.report = Report(address, started=time.time(), seed=options.seed)
        self.deadline = FIRST_DEADLINE * options.scale
        self.grace = 0.0
        self.directory = b"ninep-check-" + secrets.token_hex(4).encode()
        self.around: Callable[[], AbstractContextManager[object]] = nullcontext
        """What surrounds the body of each case: a mutant, that must not spoil its beginning."""
        self._numbers = count(1)
        self.patience = PATIENCE
        self._silent = 0
        self._reason = ""
        self._lock = threading.Lock()
        self._open: set[Link] = set()
        """Connections that cases have."""
        self._ended = False

    def run(self, cases: Sequence[Case], on_result: OnResult = lambda _: None) -> Report:
        """Run the cases in every dialect that the server speaks; the report comes in any case."""
        began = time.monotonic()
        try:
            self.meet()
            plan = [(c, d) for d in self.report.dialects if d.served for c in self._of(cases, d)]
            self.report.planned = len(plan)
            if self.options.seed is not None:
                random.Random(self.options.seed).shuffle(plan)  # noqa: S311  an order to repeat
            self._run_all(plan, on_result)
            self._patient(1)
        except Unreachable as exc:
            self.report.trouble = str(exc)
        finally:
            self._clean()
            self.report.seconds = time.monotonic() - began
            self.target.close()
        return self.report

    def _of(self, cases: Sequence[Case], dialect: DialectReport) -> list[Case]:
        return [one for one in cases if dialect.name in one.dialects]

    def _run_all(self, plan: list[tuple[Case, DialectReport]], on_result: OnResult) -> None:
        with ThreadPoolExecutor(self.options.jobs) as pool:
            pending = [pool.submit(self.judge, one, dialect) for one, dialect in plan]
            try:
                for future in pending:
                    result = future.result()
                    self.report.results.append(result)
                    on_result(result)
            except BaseException:  # an interrupt: what runs now would hold it up
                self._hang_up()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
                self._ended = False

    def _hang_up(self) -> None:
        """End all connections, so that the cases that run come to an end."""
        self._ended = True
        for link in [*self._open]:
            link.cut()

    # Before the cases

    def meet(self) -> None:
        """Find out which dialects are spoken, how fast, and what else the server can do."""
        for name in self.options.dialects:
            self.report.dialects.append(self._dialect(name))
        served = [d for d in self.report.dialects if d.served]
        if not served:
            notes = [f"{d.name}: {d.note}" for d in self.report.dialects]
            if len(same := {d.note for d in self.report.dialects}) == 1:
                notes = [*same]
            raise Unreachable(f"no dialect to judge is spoken here ({'; '.join(notes)})")
        self._measure(served[0].name)
        for dialect in served:
            self._probe(dialect)

    def _dialect(self, name: str) -> DialectReport:
        began = time.monotonic()
        try:
            with self.connected() as p:
                r = p.rpc(m.Tversion(self.options.msize, name.encode()))
                self.grace = max(self.grace, FIRST_REPLIES * (time.monotonic() - began))
        except (Gone, Broken, Silent) as exc:
            return DialectReport(name, served=False, note=str(exc))
        except OSError as exc:
            raise Unreachable(f"{self.report.address}: {exc.strerror or exc}") from exc
        served = isinstance(r, m.Rversion) and r.version == name.encode()
        msize = r.msize if isinstance(r, m.Rversion) else 0
        return DialectReport(name, served=served, msize=msize, note=shown(r))

    def _measure(self, dialect: str) -> None:
        """Take the median of a few round trips; scale the deadline from it."""
        seconds = []
        try:
            with self.connected() as p:
                for _ in range(SAMPLES):
                    began = time.monotonic()
                    p.rpc(m.Tversion(self.options.msize, dialect.encode()))
                    seconds.append(time.monotonic() - began)
        except QUIET:
            seconds.append(0.0)
        self.report.rtt = statistics.median(seconds)
        self.deadline = (DEADLINE + ROUND_TRIPS * self.report.rtt) * self.options.scale
        self.report.deadline = self.deadline

    def _probe(self, dialect: DialectReport) -> None:
        """Ask for every capability; believe none to be missing if nonsense is granted too."""
        can = dialect.capabilities
        can["msize-64k"] = Finding(dialect.msize >= LARGE, f"Rversion with msize {dialect.msize}")
        can["write"] = write = self.make_directory(dialect.name)
        can["readonly"] = Finding("EROFS" in write.evidence, write.evidence)
        for name, (dialects, ask) in PROBES.items():
            if dialect.name in dialects:
                can[name] = self._ask(dialect.name, ask, writable=can["write"].has)
        dialect.note = self._nonsense(dialect.name)

    def make_directory(self, dialect: str) -> Finding:
        """Make the directory of the run; another dialect may have made it already."""
        try:
            with self.connected() as p:
                self._attach(p, dialect)
                p.walk(ROOT, DIR)
                r = p.rpc(p.speech.mkdir(DIR, self.directory, 0o755))
                there = is_error(r) and errno(r) in (NUMBERS["EEXIST"], None)
                if there:
                    p.walk(ROOT, 2, self.directory)
                return Finding(there or not is_error(r), shown(r))
        except QUIET as exc:
            return self._unanswered(exc, dialect)

    def _ask(self, dialect: str, ask: Callable[[Peer], m.Message], *, writable: bool) -> Finding:
        try:
            with self.connected() as p:
                if writable:
                    self._inside(p, dialect)
                else:
                    self._attach(p, dialect)
                    p.walk(ROOT, DIR)
                return found(ask(p))
        except QUIET as exc:
            return self._unanswered(exc, dialect)

    def _unanswered(self, exc: Exception, dialect: str) -> Finding:
        """Return what a probe comes to that could not be asked; give up a server that is silent.

        One that drops what it does not know is not: it still lets a new connection attach.
        """
        if isinstance(root(exc), Silent | OSError) and not self._answers(dialect):
            raise Unreachable(f"{self.report.address}: {exc}, and a new attach is not answered")
        lost = not isinstance(root(exc), Unjudged | SuiteError)
        return Finding(has=False, evidence=str(exc), asked=False, lost=lost)

    def _nonsense(self, dialect: str) -> str:
        """Return what the server takes that no server has; empty if it refuses that."""
        try:
            with self.connected() as p:
                taken = nonsense(p)
                self._attach(p, dialect)
                frame = bytes([11, 0, 0, 0, UNKNOWN_TYPE, 1, 0, 0, 0, 0, 0])
                r = p.reply(p.link.illegal(frame))
                return taken if is_error(r) else f"type {UNKNOWN_TYPE} was answered by {shown(r)}"
        except Gone:
            return ""
        except QUIET as exc:
            return f"an unknown message: {exc}"

    # One case

    def judge(self, case: Case, dialect: DialectReport) -> CaseResult:
        """Run one case; whatever happens becomes its result."""
        self._patient(self.patience)
        missing = self._missing(case, dialect)
        if missing:
            return missing
        began, events = time.monotonic(), list[Event]()
        result = CaseResult(case, dialect.name, "pass", events=events)
        try:
            with self.connected(events) as p:
                self._start(p, case, dialect.name)
                self._outcome(p, result)
        except (Unjudged, SuiteError, Broken) as exc:
            result.verdict, result.message = "error", f"before the case: {exc}"
        except (Gone, Silent, OSError) as exc:
            result.verdict, result.message = "error", f"before the case: {exc}"
            self._count(silent=True, reason=str(exc))
        result.seconds = time.monotonic() - began
        return result

    def _count(self, *, silent: bool, reason: str = "") -> None:
        with self._lock:
            self._silent = self._silent + 1 if silent else 0
            self._reason = reason

    def _answers(self, dialect: str = "") -> bool:
        """Say whether a new connection still gets an answer of any kind to an attach."""
        served = [d.name for d in self.report.dialects if d.served]
        try:
            with self.connected() as p:
                self._attach(p, dialect or next(iter(served), self.options.dialects[0]))
        except QUIET as exc:
            return not isinstance(root(exc), Gone | Silent | OSError)
        return True

    def _patient(self, times: int) -> None:
        """Give up a server that has failed to answer so often in a row.  Errors: Unreachable"""
        if self._silent >= times and not self._answers():
            often = f", {self._silent} times in a row" if self._silent > 1 else ""
            raise Unreachable(f"{self.report.address}: {self._reason}{often}")

    def _outcome(self, p: Peer, result: CaseResult) -> None:
        """Run the body of a case; write down what it found, or why it could not be judged."""
        case, first, cause = result.case, None, None
        try:
            with self.around():
                case.run(p)
                if not p.link.closed:
                    p.alive()
                    p.honest()
        except Broken as exc:
            first, cause = exc, exc.__cause__
        except (Gone, Silent) as exc:
            first, cause = Broken("error.one-reply", "a reply", str(exc)), exc
        except ConstructError as exc:
            first = Broken("frame.reply-layout", "records that can be read", str(exc))
        except Inapplicable as exc:
            result.verdict, result.message = "n-a", str(exc)
            return
        except (Unjudged, SuiteError) as exc:
            result.message, result.fault = str(exc), isinstance(exc, SuiteError)
            cause = exc.__cause__
        except Exception:  # noqa: BLE001  a fault in one case costs that case
            result.fault = True
            result.message = f"a fault of the case: {traceback.format_exc(limit=-3)}"
        self._count(silent=self._lost(p, cause), reason=first.observed if first else "")
        result.gone = isinstance(cause, Gone)
        result.stopped = first is not None
        result.broken = [*([first] if first else []), *p.tolerated]
        result.verdict = "error" if result.message else outcome(first, p.tolerated)

    def _lost(self, p: Peer, cause: BaseException | None) -> bool:
        """Say whether a case ended because the server did not answer, or answers nobody."""
        if isinstance(cause, Gone):
            return not p.link.heard and not self._answers()
        return isinstance(cause, Silent)

    def _missing(self, case: Case, dialect: DialectReport) -> CaseResult | None:
        """Return the result of a case that asks for what the server does not have."""
        needs = [*case.needs, *(["write"] if case.start is Start.INSIDE else [])]
        for name in needs:
            finding = dialect.capabilities.get(name, Finding(has=False, evidence="not asked"))
            if not finding.has:
                declared = self.options.declared.get(name)
                kind: Verdict = "gap" if declared or dialect.note else "n-a"
                message = f"no {name}: {finding.evidence}"
                if dialect.note:
                    message += f"; not believed, because {dialect.note}"
                elif finding.lost and declared is None:
                    kind = "error"
                    message = f"whether there is {name} cannot be told: {finding.evidence}"
                return CaseResult(case, dialect.name, kind, message=message)
        return None

    # Connections

    @contextmanager
    def connected(self, events: list[Event] | None = None) -> Iterator[Peer]:
        """Connect; all connections that come of this one are closed at the end."""
        links: list[Link] = []
        log, began = ([] if events is None else events), time.monotonic()

        def connect() -> Peer:
            if self._ended:
                raise Gone("the run has been ended")
            link = Link(self.target.connect(), len(links) + 1, self.deadline, log, began)
            link.grace = self.grace
            links.append(link)
            self._open.add(link)
            p = Peer(link, another)
            p.user, p.aname = (self.options.uname, self.options.uid), self.options.aname
            return p

        def another(msize: int | None = None) -> Peer:
            try:
                p = connect()
            except OSError as exc:
                raise Gone(f"no further connection: {exc.strerror or exc}") from exc
            p.link.tolerated = first.tolerated
            p.version(msize or self.options.msize, first.wanted or first.dialect)
            p.attach(ROOT)
            if first.path:
                if self.target.apart and is_error(p.rpc(m.Twalk(ROOT, DIR, first.path))):
                    raise Inapplicable("each connection has files of its own here")
                if not self.target.apart:
                    p.walk(ROOT, DIR, *first.path)
                p.path = first.path
            return p

        try:
            first = connect()
            yield first
        finally:
            for link in links:
                link.close()
                self._open.discard(link)

    def _start(self, p: Peer, case: Case, dialect: str) -> None:
        if case.start is Start.VERSION:
            p.version(self.options.msize, dialect)
        elif case.start is Start.ATTACHED:
            self._attach(p, dialect)
        elif case.start is Start.INSIDE:
            self._inside(p, dialect)
        else:
            p.wanted = dialect

    def _attach(self, p: Peer, dialect: str) -> None:
        p.version(self.options.msize, dialect)
        p.attach(ROOT)

    def _inside(self, p: Peer, dialect: str) -> None:
        """Make a directory below that of the run, and let `DIR` be it."""
        self._attach(p, dialect)
        p.path = (self.directory, b"%d" % next(self._numbers))
        if is_error(p.rpc(m.Twalk(ROOT, DIR, (self.directory,)))):
            self._make(p, DIR, self.directory)  # each process of `exec:` may have a tree of its own
            p.walk(ROOT, DIR, self.directory)
        p.ok(p.speech.mkdir(DIR, p.path[1], 0o755))
        p.clunk(DIR)
        p.walk(ROOT, DIR, *p.path)

    def _make(self, p: Peer, fid: int, name: bytes) -> None:
        """Make a directory below the root and leave no fid behind."""
        p.walk(ROOT, fid)
        p.ok(p.speech.mkdir(fid, name, 0o755))
        p.clunk(fid)

    def _clean(self) -> None:
        """Remove what the run has made."""
        nothing = Finding(has=False, evidence="")
        made = [d for d in self.report.dialects if d.capabilities.get("write", nothing).has]
        if not made:
            return
        try:
            with self.connected() as p:
                self._attach(p, made[0].name)
                if not (
                    self.target.apart and is_error(p.rpc(m.Twalk(ROOT, DIR, (self.directory,))))
                ):
                    remove_all(p, self.directory)
        except QUIET as exc:
            self.report.left = f"{self.directory.decode()}: {exc}"


def root(exc: BaseException) -> BaseException:
    """Return what a failed step came from."""
    return exc.__cause__ or exc


def outcome(first: Broken | None, tolerated: Sequence[Broken]) -> Verdict:
    """Return what a case came to that broke off at `first`, or met only tolerated answers."""
    if first is not None and weight(CLAUSES[first.clause]) == "fail":
        return "fail"
    return "warn" if first or tolerated else "pass"
