"""Fold the guest's events into a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ninep.messages import Rread, Rreaddir, Twrite
from ninep.spec import spec

from ..check.decode import frame_text, name_of
from .guest.tap import CODE, HDRSZ
from .model import CellReport, Job, Report, Result, ScriptReport, Step, Trace
from .waivers import waived

DIALECT = "9P2000.L"
DATA_LAST = {Rread.code, Rreaddir.code, Twrite.code}
"""Messages that end with data, so that a part of them can be read."""
LARGEST = 1 << 24
"""Bytes that a message may have to be shown like that."""
INTERRUPTED = "interrupted"
NOT_RUN = "not run: interrupted before it"
NAMES = {code: message.name for code, message in spec().by_code.items()}
Event = dict[str, Any]
"""What the guest says: a name under `event`, and the fields that `guest.bench` gives it."""

Run = tuple[int, str]
"""One script in one cell: the cell's number and the script's name."""


class Recorder:
    """Keeps the report of a run while it runs.

    `on_event` hears of everything, `on_begin` of each script that begins, `on_script` of each that
    is done, in the order of the plan whatever the order in which guests are done.
    """

    def __init__(self, job: Job, kept: Report | None = None) -> None:
        """Begin with what is planned, so that what never ran can be named, and with what an
        earlier run has come to.
        """
        cells = [CellReport(planned.cell, planned.scripts) for planned in job.cells]
        self.report = Report(engine=job.engine, cells=cells)
        self.finished: set[Run] = set()
        if kept is not None:
            self.keep(kept)
        self.untold = [(cell, name) for cell, p in enumerate(job.cells) for name in p.scripts]
        self.on_event: Callable[[Event], None] | None = None
        self.on_begin: Callable[[ScriptReport], None] | None = None
        self.on_script: Callable[[CellReport, ScriptReport], None] | None = None

    def keep(self, kept: Report) -> None:
        """Take over all that an earlier run has done, but for scripts that are to be run again:
        those of the plan that were cut off.  Other trouble stays unless it is why there are any; a
        fault stays, as nobody knows what it has done to the results.
        """
        ours = self.report
        ours.kernel, ours.control, ours.seconds = kept.kernel, kept.control, kept.seconds
        numbers = {cell.cell: number for number, cell in enumerate(ours.cells)}
        mended = False
        for before in kept.cells:
            number = numbers.get(before.cell)
            if number is None:
                ours.cells.append(before)
                continue
            cell = ours.cells[number]
            done = [s for s in before.scripts if not (s.name in cell.planned and s.cut)]
            anew = set(cell.planned) & {*before.planned} - {script.name for script in done}
            cell.planned = tuple(sorted({*cell.planned, *before.planned}))
            cell.server, cell.mount = before.server, before.mount
            cell.trouble = "" if anew else before.trouble
            for script in done:
                cell.add(script)
            self.finished |= {(number, script.name) for script in done}
            mended |= bool(anew)
        ended = mended or kept.trouble in (INTERRUPTED, NOT_RUN)
        ours.trouble, ours.fault = "" if ended else kept.trouble, kept.fault

    def left(self, job: Job) -> Job:
        """Return the job without what is done; its cells keep their numbers."""
        cells = tuple(
            replace(p, scripts=tuple(n for n in p.scripts if (number, n) not in self.finished))
            for number, p in enumerate(job.cells)
        )
        return replace(job, cells=cells)

    def feed(self, event: Event) -> None:
        """Take in one event; an unknown one is a KeyError, our own fault."""
        HANDLERS[event["event"]](self, event)
        if self.on_event:
            self.on_event(event)

    def cell(self, event: Event) -> CellReport:
        """Return the cell that the event belongs to."""
        return self.report.cells[event["cell"]]

    def script(self, event: Event) -> ScriptReport:
        """Return the script that the event belongs to."""
        return self.cell(event).script(event["script"])

    def begin(self, event: Event) -> None:
        """Note the guest."""
        self.report.kernel = event["kernel"]
        self.report.control = event["control"]

    def mounted(self, event: Event) -> None:
        """Note how the cell was mounted; the first mount stands for the cell."""
        cell = self.cell(event)
        cell.server = cell.server or event["server"]
        cell.mount = cell.mount or event["line"]

    def begin_script(self, event: Event) -> None:
        """Open a script's record."""
        script = self.script(event)
        script.title = event["title"]
        if self.on_begin:
            self.on_begin(script)

    def check(self, event: Event) -> None:
        """Open a check's record."""
        check = self.script(event).check(event["check"])
        check.title, check.clauses = event["title"], tuple(event["clauses"])

    def result(self, event: Event) -> None:
        """Note what one side of a check came to."""
        check = self.script(event).check(event["check"])
        outcome, message = event["outcome"], event["message"]
        result = Result(outcome, message, event["seconds"], named(event.get("seen")))
        setattr(check, event["side"], result)

    def kernel_log(self, event: Event) -> None:
        """Note what the kernel complained about."""
        self.script(event).kernel_log += event["lines"]
        self.script(event).kernel_said += event["all"]

    def trace(self, event: Event) -> None:
        """Note what went over the wire when a failed check was run once more."""
        steps = tuple(map(step, event["notes"]))
        self.script(event).check(event["check"]).trace = Trace(
            event["outcome"], event["message"], event["left"], steps
        )

    def untraced(self, event: Event) -> None:
        """Note why there is no trace."""
        self.script(event).check(event["check"]).untraced = event["text"]

    def script_trouble(self, event: Event) -> None:
        """Note that server or mount broke under a script, or the guest itself did."""
        script = self.script(event)
        script.trouble, script.cut = event["text"], event.get("cut", False)

    def cell_trouble(self, event: Event) -> None:
        """Note that a cell's server died or never came up."""
        self.cell(event).trouble = event["text"]

    def trouble(self, event: Event) -> None:
        """Note that the guest could not work."""
        self.report.trouble = event["text"]

    def fault(self, event: Event) -> None:
        """Note that the guest's part has a bug."""
        self.report.fault = event["text"]

    def done(self, event: Event) -> None:
        """Close a script's record."""
        script = self.script(event)
        script.seconds = event["seconds"]
        for check in script.checks:
            check.control = check.control or self.earlier_control(script.name, check.name)
            about = (script.name, check.name, self.report.kernel)
            said = check.mount.message if check.mount and check.mount.outcome == "fail" else None
            check.waiver = waived(*about, self.cell(event).cell.mode, said)
        self.finished.add((event["cell"], event["script"]))
        while self.untold and self.untold[0] in self.finished:
            self.tell(self.untold.pop(0))

    def tell(self, run: Run) -> None:
        """Tell who shows the run of one script."""
        number, name = run
        if self.on_script:
            self.on_script(self.report.cells[number], self.report.cells[number].script(name))

    def rest(self) -> None:
        """Close the run: tell of the scripts that a guest's end cut off, and of those behind."""
        for number, name in self.untold:
            cell = self.report.cells[number]
            if name in cell.not_run:
                continue
            script = cell.script(name)
            if (number, name) not in self.finished:
                script.trouble = script.trouble or "the run ended in the middle of it"
                script.cut = True
            self.tell((number, name))

    def earlier_control(self, script: str, check: str) -> Result | None:
        """Return what the control came to in another cell: it runs once for all of them."""
        same = [other for other in self.report.scripts if other.name == script]
        found = [c.control for other in same for c in other.checks if c.name == check]
        return next((control for control in found if control), None)

    def ignore(self, event: Event) -> None:
        """Take no notice: the event is there for who reads the stream."""


def step(note: Sequence[Any]) -> Step:
    """Return a message that a tap has noted, with its meaning."""
    seconds, connection, sent, size, head = note
    return Step(seconds, connection, sent, size, head, in_words(bytes.fromhex(head), size))


def in_words(head: bytes, size: int) -> str:
    """Return a message of which the first bytes are known; data may be cut, names may not."""
    if len(head) == size or len(head) < HDRSZ:
        return frame_text(head, DIALECT)
    if head[CODE] in DATA_LAST and size <= LARGEST:
        return frame_text(head + bytes(size - len(head)), DIALECT)
    return f"{name_of(head[CODE])}, {size} bytes"


def named(seen: dict[str, list[int]] | None) -> dict[str, list[str]] | None:
    """Return T-messages by name that a check has noted by code."""
    if seen is None:
        return None
    return {call: [NAMES.get(code, str(code)) for code in codes] for call, codes in seen.items()}


HANDLERS: dict[str, Callable[[Recorder, Event], None]] = {
    "begin": Recorder.begin,
    "cell": Recorder.ignore,
    "fault": Recorder.fault,
    "mounted": Recorder.mounted,
    "script": Recorder.begin_script,
    "check": Recorder.check,
    "result": Recorder.result,
    "kernel-log": Recorder.kernel_log,
    "trace": Recorder.trace,
    "untraced": Recorder.untraced,
    "script-trouble": Recorder.script_trouble,
    "cell-trouble": Recorder.cell_trouble,
    "trouble": Recorder.trouble,
    "done": Recorder.done,
    "retire": Recorder.ignore,
    "end": Recorder.ignore,
}
