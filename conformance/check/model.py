"""What a run of the suite is asked for and what comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from .case import Case
from .link import Event
from .probe import Finding
from .verdict import BAD, Broken, Verdict, worst

GOOD, FAILED, USAGE, UNREACHABLE, FAULT = range(5)
"""Exit codes, the same in every command of ninep."""


class UsageError(ValueError):
    """Arguments or files that make no sense; the text says in a line which, and what would."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run."""

    dialects: tuple[str, ...]
    """Dialects to ask for; those that the server does not speak are left out."""
    msize: int = 65536
    uname: bytes = b""
    uid: int = 0xFFFFFFFF
    aname: bytes = b""
    jobs: int = 1
    scale: float = 1.0
    """Factor on every deadline."""
    seed: int | None = None
    """Order of the cases; None: that of the catalogue."""
    declared: dict[str, bool] = field(default_factory=dict)
    """Capabilities that the server's profile claims or denies."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that is known, and why it is put up with."""

    case: str
    """Glob over ids, or an id."""
    observed: str
    """A piece of what must have come for the waiver to hold."""
    reason: str
    kind: str
    clause: str = ""
    dialect: str = ""
    link: str = ""
    expires: date | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        link = f", {self.link}" if self.link else ""
        return f"{self.reason} ({self.kind}{link})"


@dataclass(slots=True)
class CaseResult:
    """One case in one dialect."""

    case: Case
    dialect: str
    verdict: Verdict
    broken: list[Broken] = field(default_factory=list)
    """Clauses that were broken, and answers that were tolerated."""
    stopped: bool = False
    """Whether the case broke off at the first of these."""
    message: str = ""
    """Why the verdict is none of pass, warn and fail."""
    seconds: float = 0.0
    events: list[Event] = field(default_factory=list)
    gone: bool = False
    """Whether the server ended the connection where an answer was due."""
    fault: bool = False
    """Whether the suite itself is to blame."""
    waiver: Waiver | None = None
    """What waives it, or does no longer."""

    @property
    def name(self) -> str:
        """Name the case and the dialect."""
        return f"{self.case.id} ({self.dialect})"

    def judged(self) -> dict[str, Verdict]:
        """Return a verdict for each clause that this result says something about."""
        if self.verdict in ("error", "n-a", "gap"):
            return {}
        graver = self.stopped and self.verdict == "fail"
        broken = {one.clause: "warn" if graver else self.verdict for one in self.broken}
        if graver:
            broken[self.broken[0].clause] = "fail"
        kept = [] if self.stopped else [c for c in self.case.clauses if c not in broken]
        return broken | dict.fromkeys(kept, "pass")


@dataclass(slots=True)
class DialectReport:
    """What was found out about one dialect before the cases ran."""

    name: str
    served: bool
    msize: int = 0
    capabilities: dict[str, Finding] = field(default_factory=dict)
    note: str = ""


@dataclass(slots=True)
class Report:
    """One run."""

    address: str
    started: float = 0.0
    seconds: float = 0.0
    rtt: float = 0.0
    """Seconds for one Tversion and its reply, as a median."""
    deadline: float = 0.0
    """Seconds in which a reply had to come."""
    seed: int | None = None
    planned: int = 0
    dialects: list[DialectReport] = field(default_factory=list)
    results: list[CaseResult] = field(default_factory=list)
    trouble: str = ""
    """Why the run ended early."""
    left: str = ""
    """The directory that could not be removed, and why."""
    fault: str = ""
    """What went wrong in the suite itself."""

    @property
    def counts(self) -> Counter[Verdict]:
        """Count the results by verdict."""
        return Counter(result.verdict for result in self.results)

    @property
    def clauses(self) -> dict[str, Verdict]:
        """Return the gravest verdict on each clause that was judged."""
        seen: dict[str, list[Verdict]] = {}
        for result in self.results:
            for clause, verdict in result.judged().items():
                seen.setdefault(clause, []).append(verdict)
        return {clause: worst(verdicts) for clause, verdicts in sorted(seen.items())}

    @property
    def exit_code(self) -> int:
        """Return the exit code: our fault, unreachable or died, failures, good."""
        if self.fault:
            return FAULT
        if self.trouble:
            return UNREACHABLE
        bad = [result for result in self.results if result.verdict in BAD]
        if bad and all(result.fault for result in bad):
            return FAULT
        return FAILED if bad else GOOD
