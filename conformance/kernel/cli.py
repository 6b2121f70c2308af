"""`ninep lab`: arguments, the run, exit codes."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TextIO

from ..text import Terminal, sigterm_as_interrupt, unwritable, write_files
from . import fetch, kernels, listing, report
from .catalog import Script, load_all, select
from .diff import DiffError, compare
from .engines import Engine, EngineError
from .engines.choice import NAMES, engine
from .kernels import KernelError
from .model import (
    DIED,
    FAILED,
    GOOD,
    USAGE,
    CellReport,
    Job,
    Planned,
    Report,
    ScriptReport,
    exit_code,
)
from .plan import ACCESSES, TRANSPORTS, all_cells, by_device, chosen_plan, default_plan
from .record import Event, Recorder
from .serving import OURS, QEMU, Serving, servings

EXAMPLE = """\
examples:
  ninep lab                                  boot Linux, mount ninep, run every script
  ninep lab list                             what the scripts check
  ninep lab kernels                          what can boot here; --fetch all gets more
  ninep lab --kernel all --cache none        on every kernel that is here
  ninep lab --kernel ../linux/arch/x86/boot/bzImage
  ninep lab --script locks --cache none --cache loose
  ninep lab --server ninep --server diod     the same kernel on two servers, and where they differ
  ninep lab diff before.json after.json      what came to something else; all.json:6.1 all.json:7.2
  ninep lab --server 'my-server --listen {endpoint} {root}' --aname '{root}'
"""
MSIZE_MIN = 4096
INTERRUPTED = "interrupted"


class UsageError(Exception):
    """The arguments make no sense; the text says which and what would."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ninep lab` from its own arguments."""
    parser = argparse.ArgumentParser(prog="ninep lab")
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments on a parser of whoever calls."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Mount a 9P server with a real Linux kernel and run scripts in the mount."
    parser.epilog = EXAMPLE
    add = parser.add_argument
    add("what", nargs="?", choices=["run", "list", "kernels", "diff"], default="run",
        help="list: the scripts; kernels: what can boot here; diff A B: compare")  # fmt: skip
    add("side", nargs="*", metavar="A B",
        help="for diff: FILE of --json, or FILE:WORD… where more than one run fits")  # fmt: skip
    add("--kernel", action="append", default=[], metavar="NAME",
        help="6.12, newest, all, uml:6.1, qemu:all, or a file; repeatable")  # fmt: skip
    add("--modules", type=Path, metavar="DIR", help="modules of a kernel given as a file")
    add("--fetch", action="append", default=[], metavar="NAME",
        help="with kernels: get 6.12, newest, uml:5.10, all from Debian's archive")  # fmt: skip
    add("--transport", action="append", default=[], choices=TRANSPORTS, help="repeatable")
    add("--cache", action="append", default=[], metavar="MODE", help="none, mmap, loose, …")
    add("--msize", action="append", default=[], type=msize, metavar="N", help="bytes")
    add("--access", action="append", default=[], choices=ACCESSES, help="repeatable")
    add("--all", action="store_true", help="every cache, transport, msize and access there is")
    add("--script", action="append", default=[], metavar="GLOB", help="01_lookup, lookup, 0*, …")
    add("--server", action="append", default=[], metavar="COMMAND",
        help="with {addr} (or {endpoint}) and {root}; ninep, diod, qemu; repeatable")  # fmt: skip
    add("--readonly-server", metavar="COMMAND", help="the same server, exporting read-only")
    add("--aname", default="", metavar="NAME", help="of the mount; may contain {root}")
    add("--jobs", type=jobs, default=0, metavar="N", help="guests at once (engine uml)")
    add("--engine", choices=NAMES, default="auto", help="where the kernel comes from")
    add("--json", metavar="FILE", help="write the results there, - for stdout")
    add("--junit", metavar="FILE", help="write JUnit XML there, - for stdout")
    add("--events", action="store_true", help=argparse.SUPPRESS)  # for --engine docker
    add("-v", "--verbose", action="store_true", help="show every check")


def msize(text: str) -> int:
    """Parse an msize as the kernel takes it."""
    number = int(text)
    if number < MSIZE_MIN:
        raise argparse.ArgumentTypeError(f"the kernel's smallest msize is {MSIZE_MIN}")
    return number


def jobs(text: str) -> int:
    """Parse a number of guests."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one guest has to run the scripts")
    return number


def run(args: argparse.Namespace) -> int:
    """Do what the arguments ask for and return the exit code."""
    try:
        if args.what == "diff" or args.side:
            return show_diff(args.what, args.side)
        if args.what == "kernels":
            return show_kernels(args.fetch)
        scripts = chosen_scripts(args.script)
        if args.what == "list":
            return show_list(scripts)
        check_run(args)
        servers = servings(args.server, args.readonly_server, args.aname)
        chosen = engines(args)
        check_pairs(chosen, servers)
    except (UsageError, KernelError, DiffError, ValueError) as problem:
        print(f"ninep lab: {problem}", file=sys.stderr)
        return USAGE
    return run_job(args, make_job(args, scripts, servers[0]), list(product(chosen, servers)))


def show_diff(what: str, sides: Sequence[str]) -> int:
    """Print what differs between two sides.  Errors: UsageError, DiffError"""
    if what != "diff":
        raise UsageError(f"{' '.join(sides)}: only diff takes files")
    if len(sides) != 2:  # noqa: PLR2004  A and B
        raise UsageError("diff takes two files of --json: ninep lab diff before.json after.json")
    lines, differ = compare(*sides)
    print("\n".join(lines))
    return FAILED if differ else GOOD


def show_kernels(wanted: Sequence[str]) -> int:
    """Fetch what was asked for, then print which kernels are here and which could be."""
    table = kernels.sources()
    found = kernels.named(wanted, table)
    if found:
        try:
            fetch.fetch(found, lambda text: print(text, flush=True))
        except KernelError as problem:
            print(f"ninep lab: {problem}", file=sys.stderr)
            return DIED
    reasons = {name: engine(name).available() for name in ("host", "docker")}
    print("\n".join(listing.listed(kernels.here(), table, kernels.boot_times(), reasons)))
    return GOOD


def engines(args: argparse.Namespace) -> list[Engine]:
    """Return what boots each kernel that was asked for.  Errors: KernelError"""
    words = args.kernel or (["newest"] if args.engine == "qemu" else [])
    if not words:
        return [engine(args.engine)]
    here = [k for k in kernels.here() if args.engine in ("auto", k.engine)]
    return [engine(k.engine, k) for k in kernels.select(words, here, args.modules)]


def chosen_scripts(globs: Sequence[str]) -> list[Script]:
    """Return the selected scripts; a glob that names none is a usage error."""
    scripts = load_all()
    chosen, unmatched = select([script.name for script in scripts], globs or ["*"])
    if unmatched:
        known = " ".join(script.name for script in scripts)
        raise UsageError(f"no script is named {unmatched[0]}; there are: {known}")
    return [script for script in scripts if script.name in chosen]


def show_list(scripts: Sequence[Script]) -> int:
    """Print the scripts with their checks and needs."""
    for script in scripts:
        print(f"{script.name}  {script.title}{needs_text(script.needs)}")
        for check in script.checks:
            clauses = f"  ({', '.join(check.clauses)})" if check.clauses else ""
            print(f"    {check.name}  {check.title}{clauses}{needs_text(check.needs)}")
    return GOOD


def needs_text(needs: Sequence[str]) -> str:
    """Render what a script or check needs."""
    return f"  [needs {', '.join(needs)}]" if needs else ""


def check_run(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself or would be given in vain.  Errors: UsageError"""
    if args.fetch:
        raise UsageError("--fetch belongs to: ninep lab kernels")
    if args.modules and not args.kernel:
        raise UsageError("--modules are those of a kernel given as a file: --kernel FILE")
    if args.all and (args.transport or args.cache or args.msize or args.access):
        raise UsageError("--all leaves nothing to choose: --transport and its like, or --all")
    if problem := unwritable((args.json, args.junit)):
        raise UsageError(problem)


def check_pairs(chosen: Sequence[Engine], servers: Sequence[Serving]) -> None:
    """Refuse QEMU's own server where there is no QEMU.  Errors: UsageError"""
    if any(s.name == QEMU for s in servers) and any(e.name != QEMU for e in chosen):
        raise UsageError("--server qemu is a device of QEMU: --engine qemu, or --kernel qemu:6.12")


def make_job(args: argparse.Namespace, scripts: Sequence[Script], first: Serving) -> Job:
    """Turn arguments into a job."""
    package = importlib.util.find_spec("ninep")
    found = package.origin if package else None
    return Job(
        cells=plan(args, scripts),
        server=first.command,
        readonly=first.readonly,
        python=sys.executable,
        aname=first.aname,
        repository=repository(),
        jobs=args.jobs,
        pythonpath=str(Path(found).parents[1]) if found else None,
    )


def plan(args: argparse.Namespace, scripts: Sequence[Script]) -> tuple[Planned, ...]:
    """Plan the product of what was asked for, or the default cells when nothing was."""
    if args.all:
        return all_cells(scripts)
    if args.transport or args.cache or args.msize or args.access:
        return chosen_plan(scripts, args.transport, args.cache, args.msize, args.access)
    return default_plan(scripts)


def repository() -> str | None:
    """Return the git checkout that this file belongs to, if it does."""
    top = Path(__file__).resolve().parents[2]
    return str(top) if (top / ".git").exists() else None


def run_job(args: argparse.Namespace, job: Job, wanted: Sequence[tuple[Engine, Serving]]) -> int:
    """Run the job on each kernel with each server, write the reports."""
    out = sys.stderr if "-" in (args.json, args.junit) else sys.stdout
    reports: list[Report] = []
    for one, server in wanted:
        part = replace(job, engine=one.name, server=server.command, readonly=server.readonly)
        part = replace(part, aname=server.aname, ours=server.name == OURS)
        if server.name == QEMU:
            part = replace(part, cells=by_device(job.cells))
        reports.append(run_kernel(args, part, one, out))
        reports[-1].server = server.name
        if reports[-1].trouble == INTERRUPTED:
            break
    if len(wanted) > 1:
        Terminal(out).lines(report.overview(reports, len(wanted)))
        Terminal(out).lines(report.differences(reports))
    return exit_code(reports) if write_reports(args, reports) else USAGE


def run_kernel(args: argparse.Namespace, job: Job, chosen: Engine, out: TextIO) -> Report:
    """Run the job on one kernel and show it while it runs."""
    recorder = Recorder(job)
    ours = recorder.report
    screen = Screen(out, ours, verbose=args.verbose)
    if args.events:
        recorder.on_event = tell
    else:
        recorder.on_begin, recorder.on_script = screen.running, screen.script
    start = time.monotonic()
    reason = chosen.available()
    if reason:
        print(f"ninep lab: {reason}", file=sys.stderr)
        ours.trouble = reason
    else:
        attempt(chosen, job, recorder)
        recorder.rest()
        ours.seconds = time.monotonic() - start
        if not args.events:
            screen.end()
    return ours


def attempt(chosen: Engine, job: Job, recorder: Recorder) -> None:
    """Run the engine; what goes wrong becomes part of the report."""
    start = time.monotonic()

    def feed(event: Event) -> None:
        if event["event"] == "begin" and chosen.kernel:
            kernels.booted(chosen.kernel, time.monotonic() - start)
        recorder.feed(event)

    try:
        with sigterm_as_interrupt():
            chosen.run(job, feed)
    except EngineError as problem:
        recorder.report.trouble = str(problem)
    except KeyboardInterrupt:
        recorder.report.trouble = INTERRUPTED
    except Exception as problem:  # noqa: BLE001 - our own fault has an exit code, too
        recorder.report.fault = f"{type(problem).__name__}: {problem}"


def tell(event: Event) -> None:
    """Print an event for the lab outside the container."""
    print(json.dumps(event), flush=True)


def write_reports(args: argparse.Namespace, reports: Sequence[Report]) -> bool:
    """Write the files that were asked for; False when one could not be written."""
    renderers = ((args.json, report.to_json), (args.junit, report.to_junit))
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
        if self.cell is None and self.report.kernel:
            self.lines(report.header(self.report))
        self.lines(report.totals(self.report, self.paint))
