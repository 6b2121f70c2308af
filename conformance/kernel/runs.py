"""The runs of a job: each kernel with each server, shown to people and written to files."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TextIO

from ..text import OutputLost, Terminal, write_file, write_files
from . import html, kernels, markdown, report
from .engines import Engine, EngineError
from .model import USAGE, CellReport, Job, Report, ScriptReport, exit_code
from .plan import by_address, by_device
from .record import INTERRUPTED, NOT_RUN, Event, Recorder
from .saved import SavedError, to_json
from .serving import OURS, QEMU, Serving

EVERY = 10.0
"""Seconds between two writings of results that are not complete."""
Kept = Sequence[Report]
"""What an earlier run has come to."""


@dataclass(frozen=True, slots=True)
class Run:
    """One kernel and one server: what boots, all that there is to do, and what it has come to."""

    engine: Engine
    job: Job
    recorder: Recorder
    before: Report | None
    """What an earlier run has done of it."""


def planned_runs(
    args: argparse.Namespace, job: Job, wanted: Iterable[tuple[Engine, Serving]], kept: Kept
) -> list[Run]:
    """Plan each kernel with each server; what an earlier run has done is taken over.

    Errors: SavedError
    """
    runs: list[Run] = []
    taken = list(kept)
    for one, server in wanted:
        part = replace(job, engine=one.name, server=server.command, readonly=server.readonly)
        part = replace(part, aname=server.aname, ours=server.name == OURS)
        if server.name == QEMU:
            part = replace(part, cells=by_device(job.cells))
        if server.address:
            part = replace(part, cells=by_address(job.cells), remote=str(server.address))
        about = Report(
            engine=one.name,
            kernel=one.kernel.release if one.kernel else "",
            build=one.kernel.build if one.kernel and args.json else "",
            server=server.name,
            again=again(args, job, one, server),
        )
        before = earlier(kept, about)
        recorder = Recorder(part, before)
        ours = recorder.report
        ours.kernel, ours.again, ours.build = ours.kernel or about.kernel, about.again, about.build
        ours.server = before.server if before else free_name(about, taken)
        taken.append(ours)
        runs.append(Run(one, part, recorder, before))
    return runs


def free_name(about: Report, taken: Iterable[Report]) -> str:
    """Return what a server is called that no other on the same kernel is."""
    names = {one.server for one in taken if same_kernel(one, about)}
    numbered = (f"{about.server}#{number}" for number in count(2))
    return next(name for name in chain([about.server], numbered) if name not in names)


def same_kernel(one: Report, other: Report) -> bool:
    """Tell whether two runs are of one kernel, as far as is known before it boots."""
    return one.engine == other.engine and len({one.kernel, other.kernel} - {""}) <= 1


def earlier(kept: Kept, about: Report) -> Report | None:
    """Return the earlier run of the same command on the same kernel, None if there is none.

    Errors: SavedError, when that kernel was another one
    """
    for one in kept:
        if one.again == about.again and same_kernel(one, about):
            if one.build != about.build:
                raise SavedError(
                    f"{about.engine}:{about.kernel} was built anew after these results"
                )
            return one
    return None


def again(args: argparse.Namespace, job: Job, one: Engine, server: Serving) -> str:
    """Return the command that runs the same kernel with the same server, where it does so.

    It is what a run is: of two that have the same one, the second goes on with the first.
    """
    words = ["ninep", "lab"]
    if one.kernel is None:
        words += ["--engine", one.name]
    elif args.modules:
        words += ["--kernel", str(one.kernel.path.absolute())]
        words += ["--modules", str(args.modules.absolute())]
    else:
        kernel = one.kernel
        words += ["--kernel", str(kernel.path.absolute()) if kernel.own else kernel.name]
    if server.text != OURS:
        words += ["--server", server.text]
    words += ["--readonly-server", args.readonly_server] if args.readonly_server else []
    words += ["--aname", args.aname] if args.aname else []
    commands = [shlex.join(words)]
    if args.readonly_server or " " in server.text.strip():
        commands = [shlex.join(["cd", job.cwd]), *commands]
    return " && ".join(commands)


def run_job(
    args: argparse.Namespace, job: Job, wanted: Sequence[tuple[Engine, Serving]], kept: Kept
) -> int:
    """Run the job on each kernel with each server, write the reports."""
    out = sys.stderr if "-" in (args.json, args.junit, args.html, args.markdown) else sys.stdout
    try:
        runs = planned_runs(args, job, wanted, kept)
    except SavedError as problem:
        print(f"ninep lab: {args.resume}: {problem}; start anew without --resume", file=sys.stderr)
        return USAGE
    reports = [one.recorder.report for one in runs]
    reports += [one for one in kept if not any(one is run.before for run in runs)]
    save = Saving(args.json, reports)
    for number, one in enumerate(runs):
        try:
            run_kernel(args, one, out, save)
            save.now()
        except KeyboardInterrupt:
            one.recorder.report.trouble = INTERRUPTED
            one.recorder.rest()
        if one.recorder.report.trouble == INTERRUPTED:
            for left in runs[number + 1 :]:
                left.recorder.report.trouble = NOT_RUN
            break
    if len(reports) > 1:
        Terminal(out).lines(report.overview(reports))
        Terminal(out).lines(report.differences(reports))
    if {script.outcome for one in reports for script in one.scripts} == {"skip"}:
        print("ninep lab: nothing was judged: all checks were skipped", file=sys.stderr)
    return exit_code(reports) if write_reports(args, reports) else USAGE


class Saving:
    """Keeps the file of --json up to date, so that a run that is cut off can be gone on with."""

    def __init__(self, path: str | None, reports: Sequence[Report]) -> None:
        """Write the reports to a file; stdout, a device or a FIFO is written once, at the end."""
        often = path and path != "-" and (Path(path).is_file() or not Path(path).exists())
        self.path = path if often else None
        self.reports = reports
        self.last = time.monotonic()

    def now(self) -> None:
        """Write, whole or not at all."""
        self.last = time.monotonic()
        if self.path is not None:
            with suppress(OSError):  # at the end it is said that there is no room
                write_file(self.path, to_json(self.reports))

    def soon(self) -> None:
        """Write if that was not done lately."""
        if time.monotonic() - self.last > EVERY:
            self.now()


def run_kernel(args: argparse.Namespace, one: Run, out: TextIO, save: Saving) -> None:
    """Run what is left to do on one kernel and show it while it runs."""
    recorder, ours = one.recorder, one.recorder.report
    screen = Screen(out, ours, verbose=args.verbose)

    def shown(cell: CellReport, script: ScriptReport) -> None:
        screen.script(cell, script)
        save.soon()

    if args.events:
        recorder.on_event = tell
    else:
        recorder.on_begin, recorder.on_script = screen.running, shown
    start = time.monotonic()
    left = recorder.left(one.job)
    if any(planned.scripts for planned in left.cells):
        reason = one.engine.available()
        if reason:
            print(f"ninep lab: {reason}", file=sys.stderr)
            ours.trouble = reason
            return
        attempt(one.engine, left, recorder)
    recorder.rest()
    ours.seconds += time.monotonic() - start
    if not args.events:
        screen.end()


def attempt(chosen: Engine, job: Job, recorder: Recorder) -> None:
    """Run the engine; what goes wrong becomes part of the report."""
    start = time.monotonic()

    def begin(release: str) -> None:
        before = recorder.report.kernel
        if recorder.finished and before != release:
            raise EngineError(f"the results to resume are of Linux {before}, and this is {release}")
        if chosen.kernel:
            kernels.booted(chosen.kernel, time.monotonic() - start)

    def feed(event: Event) -> None:
        if event["event"] == "begin":
            begin(event["kernel"])
        recorder.feed(event)

    try:
        chosen.run(job, feed)
    except EngineError as problem:
        recorder.report.trouble = str(problem)
    except KeyboardInterrupt:
        recorder.report.trouble = INTERRUPTED
    except OutputLost:
        raise
    except Exception as problem:  # noqa: BLE001 - our own fault has an exit code, too
        recorder.report.fault = f"{type(problem).__name__}: {problem}"


def tell(event: Event) -> None:
    """Print an event for the lab outside the container."""
    print(json.dumps(event), flush=True)


def write_reports(args: argparse.Namespace, reports: Sequence[Report]) -> bool:
    """Write the files that were asked for; False when one could not be written."""
    renderers = (
        (args.json, to_json),
        (args.junit, report.to_junit),
        (args.html, html.render),
        (args.markdown, markdown.render),
    )
    files = [(path, partial(render, reports)) for path, render in renderers]
    return write_files("ninep lab", files)


class Screen(Terminal):
    """Shows the run to people: colour and progress on a terminal, plain stable lines elsewhere."""

    def __init__(self, out: TextIO, ours: Report, *, verbose: bool) -> None:
        """Show `ours` on a stream."""
        super().__init__(out)
        self.report = ours
        self.verbose = verbose
        self.cell: CellReport | None = None

    def running(self, script: ScriptReport) -> None:
        """Show on a terminal what runs now."""
        self.progress(f"  …     {script.name}")

    def script(self, cell: CellReport, script: ScriptReport) -> None:
        """Show a script that is done, before it what it is the first of."""
        if self.cell is None:
            self.lines(report.header(self.report))
        if cell is not self.cell:
            self.lines(report.cell_header(cell))
            self.cell = cell
        self.lines(report.script_lines(script, self.paint, verbose=self.verbose))

    def end(self) -> None:
        """Show the sums, and the kernel if no script was done that showed it."""
        if self.cell is None and self.report.control:
            self.lines(report.header(self.report))
        self.lines(report.totals(self.report, self.paint))
