"""The lab's vocabulary: cells, jobs, results, and the verdict that two sides make together.

A *cell* is one way to mount (transport, cache, msize).  A *script* holds *checks*.  Each check runs
on two *sides*: through the mount, and on the control file system.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["pass", "fail", "skip", "error", "waived"]
"""`fail` is the server's, `error` the environment's or ours, `waived` the kernel's."""

Side = Literal["mount", "control"]
SEVERITY: dict[Outcome, int] = {"pass": 0, "skip": 0, "waived": 1, "error": 2, "fail": 3}

VIRTIO = "virtio"
"""The transport of a server that is a device of the machine: QEMU's own."""
DEVICES = {"first": "tested", "second": "tested-again"}
"""Its tags, by the name of the mount: a device is mounted once at a time."""
EXPORT = "export"
"""What it exports, in the guest's folder on the host."""
GOOD, FAILED, USAGE, DIED, FAULT = 0, 1, 2, 3, 4
"""Exit codes, the same in every command of ninep."""


MODES = {"0": "none", "1": "readahead", "5": "mmap"}
"""Cache modes as numbers, which Linux takes from 6.4 on."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to mount the server; `msize` None and `access` "" leave the kernel its default."""

    transport: str = "tcp"
    cache: str = "none"
    msize: int | None = None
    access: str = ""

    @property
    def name(self) -> str:
        """Name the cell as reports and mount points spell it."""
        msize = f",msize={self.msize}" if self.msize else ""
        access = f",access={self.access}" if self.access else ""
        return f"{self.transport},cache={self.cache}{msize}{access}"

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of `ninep lab` that choose it."""
        words = ["--transport", self.transport] if self.transport != VIRTIO else []
        words += ["--cache", self.cache]
        words += ["--msize", str(self.msize)] if self.msize else []
        return [*words, "--access", self.access] if self.access else words

    @property
    def mode(self) -> str:
        """Return none, readahead, mmap or loose: the mode that promises what the cell's own does.

        All other words and numbers promise what loose does: nothing.
        """
        return MODES.get(self.cache, self.cache if self.cache in MODES.values() else "loose")

    @property
    def needs(self) -> tuple[str, ...]:
        """Return what the cell needs: readahead and modes as numbers are from 6.4."""
        new = self.cache == "readahead" or self.cache.isdecimal()
        return ("kernel>=6.4",) if new else ()


@dataclass(frozen=True, slots=True)
class Planned:
    """The names of the scripts that one cell runs, in order."""

    cell: Cell
    scripts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """All that the guest needs to know, as plain data that fits a JSON file.

    `server` and `readonly` are commands as word lists with the placeholders of `commands.fill`.
    `jobs` guests share the job, 0 for as many as fit; `claims` is the folder where each of them
    says which script it takes.  `patience` is a factor on all deadlines.  `ours` says that it is
    ninep that serves: message budgets are those of no other server.  `remote` is the address of a
    server that runs already, as the kernel reaches it.  `neighbour` says that a second guest is
    on a wire with this one.  `cwd` is where the server is started, if it is there in the guest.
    """

    cells: tuple[Planned, ...]
    server: tuple[str, ...]
    readonly: tuple[str, ...] | None
    python: str
    aname: str = ""
    repository: str | None = None
    pythonpath: str | None = None
    engine: str = "uml"
    work: str = "/run/lab"
    disk: str | None = None
    deadline: float = 30.0
    patience: float = 1.0
    jobs: int = 0
    claims: str | None = None
    ours: bool = False
    remote: str = ""
    neighbour: bool = False
    cwd: str = "/"

    def to_data(self) -> dict[str, Any]:
        """Return the job as what `json.dump` accepts."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Job:
        """Rebuild a job from `to_data` after a trip through JSON."""
        cells = tuple(
            Planned(Cell(**planned["cell"]), tuple(planned["scripts"])) for planned in data["cells"]
        )
        readonly = None if data["readonly"] is None else tuple(data["readonly"])
        return cls(
            **{**data, "cells": cells, "server": tuple(data["server"]), "readonly": readonly}
        )


def claim(number: int, name: str) -> str:
    """Return what a guest calls a script of a cell when it takes it."""
    return f"{number}-{name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What one side of one check came to."""

    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    seen: Any = None
    """What a check tells beside its verdict, as JSON can hold it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A message between kernel and server; `seconds` count from the first of its trace."""

    seconds: float
    connection: int
    sent: bool
    """To the server, or from it."""
    size: int
    hex: str
    """Its first bytes."""
    text: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A failed check run once more, and the last messages of it; `left` are those before."""

    outcome: Outcome
    message: str
    left: int
    steps: tuple[Step, ...]


@dataclass(slots=True)
class CheckReport:
    """One check: the side under test, and the control when it ran."""

    name: str
    title: str = ""
    clauses: tuple[str, ...] = ()
    mount: Result | None = None
    control: Result | None = None
    waiver: str = ""
    """Why a failure is the kernel's own."""
    trace: Trace | None = None
    untraced: str = ""
    """Why there is none, where one is wanted."""

    @property
    def outcome(self) -> Outcome:
        """Judge: only a check that is green on the control can blame the server."""
        if self.mount is None:
            return "error"
        if self.mount.outcome == "skip":
            return "skip"
        if self.control is not None and self.control.outcome in ("fail", "error"):
            return "error"
        return "waived" if self.waiver and self.mount.outcome == "fail" else self.mount.outcome

    @property
    def message(self) -> str:
        """Say in a line why the check is not a pass; empty when it is."""
        if self.mount is None:
            return "it never ran"
        if self.outcome == "error" and self.control is not None and self.control.message:
            return f"the control failed, so the environment is to blame: {self.control.message}"
        if self.outcome == "waived":
            return f"{self.waiver} ({self.mount.message})"
        return self.mount.message


@dataclass(slots=True)
class ScriptReport:
    """One script in one cell."""

    name: str
    title: str = ""
    checks: list[CheckReport] = field(default_factory=list)
    kernel_log: list[str] = field(default_factory=list)
    trouble: str = ""
    seconds: float = 0.0
    kernel_said: list[str] = field(default_factory=list)
    """All that the kernel wrote meanwhile, if something went wrong; the log has the complaints."""
    cut: bool = False
    """It did not come to its end, for a reason that is not the server's; `trouble` has it."""

    @property
    def outcome(self) -> Outcome:
        """Judge: the worst check, a complaint of the kernel, or trouble with the server."""
        if self.kernel_log or (self.trouble and not self.cut):
            return "fail"
        own: list[Outcome] = ["error"] if self.cut else []
        return worst(own + [check.outcome for check in self.checks])

    def side(self, side: Side) -> Outcome:
        """Judge one side alone, as the table in the report shows it."""
        results = [getattr(check, side) for check in self.checks]
        return worst([result.outcome for result in results if result is not None])

    def check(self, name: str) -> CheckReport:
        """Return the record of a check, made on first use."""
        for check in self.checks:
            if check.name == name:
                return check
        self.checks.append(CheckReport(name))
        return self.checks[-1]


@dataclass(slots=True)
class CellReport:
    """One cell: how the server was started and mounted, and what its scripts came to."""

    cell: Cell
    planned: tuple[str, ...] = ()
    server: str = ""
    mount: str = ""
    scripts: list[ScriptReport] = field(default_factory=list)
    trouble: str = ""

    def script(self, name: str) -> ScriptReport:
        """Return the record of a script, made on first use; they stand as they were planned."""
        for script in self.scripts:
            if script.name == name:
                return script
        new = ScriptReport(name)
        self.add(new)
        return new

    def add(self, script: ScriptReport) -> None:
        """Put a script where it was planned."""
        insort(self.scripts, script, key=lambda one: self.planned.index(one.name))

    @property
    def not_run(self) -> list[str]:
        """Name the planned scripts that never began."""
        ran = {script.name for script in self.scripts}
        return [name for name in self.planned if name not in ran]


@dataclass(slots=True)
class Report:
    """One run of the lab."""

    engine: str = ""
    kernel: str = ""
    control: str = ""
    cells: list[CellReport] = field(default_factory=list)
    trouble: str = ""
    fault: str = ""
    seconds: float = 0.0
    server: str = ""
    """What people call it."""
    again: str = ""
    """The command that runs the same, without a cell."""
    build: str = ""
    """Tells builds of one kernel from each other, if the lab had its file."""

    @property
    def scripts(self) -> list[ScriptReport]:
        """All scripts of all cells."""
        return [script for cell in self.cells for script in cell.scripts]

    @property
    def exit_code(self) -> int:
        """Return the exit code: our fault, death of guest or server, failures, environment."""
        outcomes = [script.outcome for script in self.scripts]
        if self.fault:
            return FAULT
        if self.trouble or any(cell.trouble or cell.not_run for cell in self.cells):
            return DIED
        if any(script.cut for script in self.scripts):
            return DIED
        if "fail" in outcomes:
            return FAILED
        return FAULT if "error" in outcomes else GOOD


def exit_code(reports: Iterable[Report]) -> int:
    """Return the exit code of several runs: the gravest of theirs."""
    return max((one.exit_code for one in reports), default=DIED)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the gravest of several outcomes; a skip counts only when nothing else is there."""
    found = set(outcomes)
    if not found or found == {"skip"}:
        return "skip"
    return max(found - {"skip"}, key=SEVERITY.__getitem__)
