"""`ninep check`: arguments, the run, exit codes."""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TextIO

from ninep.address import Address, parse
from ninep.arguments import uid
from ninep.spec import LEVELS, spec

from ..text import OutputLost, Terminal, ended_by_signals, unwritable, write_files
from . import explain, html, junit, markdown, people, profile, results, waivers
from .case import Case, load_all
from .model import GOOD, USAGE, CaseResult, Options, Report, UsageError, Waiver
from .runner import Runner
from .selection import chosen, did_you_mean
from .target import Target, target
from .verdict import BAD

PROG = "ninep check"
KINDS = ("tcp", "unix", "exec")
"""Each case needs a new connection, which an inherited one is not."""
DIALECTS = spec().standard
MSIZE, MSIZE_MIN, MSIZE_MAX = 65536, 256, 0xFFFFFFFF
BAR = 24
FILES = ("json", "junit", "html", "markdown")
TAKES = {
    "list": ("name", "only", "level", "dialect"),
    "explain": ("name",),
    "render": ("name", *FILES, "verbose"),
}
"""Arguments that mean something where no server is judged."""
OF_THE_SERVER = ("aname", "uname", "uid", "msize", "timeout_scale", "profile")
"""Arguments that a case has to be run with again."""
EXAMPLE = """\
examples:
  ninep check tcp://127.0.0.1:5640             judge a server in every dialect that it speaks
  ninep check unix:///tmp/9p.sock --only 'walk/*' --dialect 9P2000.L
  ninep check 'exec:my-server --stdio' --html report.html --junit junit.xml
  ninep check list 'walk/*'                    what is judged
  ninep check explain walk.partial-result      what a clause says and which cases judge it
  ninep check render results.json --html report.html
exit codes: 0 conforms; 1 does not; 2 usage; 3 unreachable or died; 4 a fault of the suite
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What the arguments ask for."""

    address: Address
    target: Target
    options: Options
    cases: list[Case]
    waivers: list[Waiver]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ninep check` from its own arguments."""
    parser = argparse.ArgumentParser(prog=PROG)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments on a parser of whoever calls."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Judge any 9P server over the wire, clause by clause."
    parser.epilog = EXAMPLE
    add = parser.add_argument
    add("what", metavar="ADDR", help="tcp://HOST:PORT, unix:///path, exec:COMMAND; or list,"
        " explain, render")  # fmt: skip
    add("name", nargs="*", metavar="NAME", help="of list (a glob), explain, render (a file)")
    add("--aname", default="", help="tree to attach to")
    add("--uname", default=login(), help="user name to attach as (default %(default)s)")
    add("--uid", type=uid, default=os.getuid(), help="number to attach as (default %(default)s)")
    add("--dialect", action="append", default=[], choices=DIALECTS, metavar="D",
        help=f"judge only this: {', '.join(DIALECTS)}; repeatable")  # fmt: skip
    add("--profile", metavar="FILE", help="TOML: the capabilities that the server must show")
    add("--only", action="append", default=[], metavar="GLOB", help="case ids, or a clause id")
    add("--level", choices=LEVELS, default=LEVELS[-1], help="leave out cases on lesser clauses")
    add("--json", metavar="FILE", help="write results.json there, - for stdout; so the others:")
    add("--junit", metavar="FILE", help="JUnit XML")
    add("--html", metavar="FILE", help="a page for browsers")
    add("--markdown", metavar="FILE", help="text for a pull request")
    add("--waivers", metavar="FILE", help="TOML: failures that are known, and why")
    add("--jobs", type=positive, default=1, metavar="N", help="cases at a time")
    add("--timeout-scale", type=scale, default=1.0, metavar="X", help="factor on deadlines")
    add("--msize", type=msize, default=MSIZE, metavar="N", help="bytes (default %(default)s)")
    add("--seed", type=int, metavar="N", help="run in a random order, the same for the same seed")
    add("-v", "--verbose", action="store_true", help="show passes too, and whole traces")


def login() -> str:
    """Return the name of the user who runs this."""
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return ""


def positive(text: str) -> int:
    """Read a number of jobs."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 or more")
    return int(text)


def scale(text: str) -> float:
    """Read a factor."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0, such as 2.5")


def msize(text: str) -> int:
    """Read an msize."""
    if not text.isdecimal() or not MSIZE_MIN <= int(text) <= MSIZE_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: expected {MSIZE_MIN} to {MSIZE_MAX} bytes")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments ask for and return the exit code."""
    commands: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "list": show_list,
        "explain": show_explanation,
        "render": render_again,
    }
    try:
        check_taken(args)
        check_files([getattr(args, name) for name in FILES])
        return commands.get(args.what, check)(args)
    except UsageError as exc:
        print(f"{PROG}: {exc}", file=sys.stderr)
        return USAGE


def check_taken(args: argparse.Namespace) -> None:
    """Refuse what would be given in vain.  Errors: UsageError"""
    for name in changed(args):
        if name not in TAKES.get(args.what, (name,)):
            raise UsageError(f"{args.what} takes no {option(name)}")


def changed(args: argparse.Namespace) -> list[str]:
    """Name the arguments that are not as they are by default."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    defaults = vars(parser.parse_args([args.what]))
    return [name for name, default in defaults.items() if getattr(args, name) != default]


def option(name: str) -> str:
    """Spell an argument as it is given."""
    return "--" + name.replace("_", "-")


def check_files(paths: Sequence[str | None]) -> None:
    """Refuse, before the work is done, reports that cannot be written.  Errors: UsageError"""
    if problem := unwritable(paths):
        raise UsageError(problem)


# list, explain, render


def show_list(args: argparse.Namespace) -> int:
    """Print the cases that are meant, or all."""
    dialects = set(args.dialect or DIALECTS)
    found = chosen(load_all().values(), [*args.name, *args.only], args.level)
    Terminal(sys.stdout).lines(explain.listed([c for c in found if dialects & set(c.dialects)]))
    return GOOD


def show_explanation(args: argparse.Namespace) -> int:
    """Print what is known of clauses and cases."""
    if not args.name:
        raise UsageError("explain what? A clause, a case or a page; see ninep check list")
    screen = Terminal(sys.stdout)
    for name in args.name:
        screen.lines([*explain.explain(name, load_all(), screen.paint), ""])
    return GOOD


def render_again(args: argparse.Namespace) -> int:
    """Write reports from a results.json, and show its end."""
    if len(args.name) != 1:
        raise UsageError("render which file? One results.json")
    path = args.name[0]
    try:
        data = results.read(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}") from None
    except (UnicodeError, UsageError) as exc:
        raise UsageError(f"{path}: {exc}") from None
    screen = Screen(people_out(args), verbose=args.verbose)
    try:
        screen.lines(people.header(data))
        screen.end(data)
        written = write_reports(args, data)
    except (KeyError, ValueError) as exc:  # a word that is none, hex that is none
        raise UsageError(f"{path}: damaged results of ninep check: {exc!r}") from None
    return data["exit_code"] if written else USAGE


# A run


def check(args: argparse.Namespace) -> int:
    """Judge a server."""
    job = make_job(args)
    runner = Runner(job.target, str(job.address), job.options)
    screen = Screen(people_out(args), verbose=args.verbose)
    again = again_words(args)

    def on_result(result: CaseResult) -> None:
        waivers.apply(job.waivers, result, date.today())  # noqa: DTZ011  the user's day
        screen.begin(lambda: results.as_data(runner.report, job.options, {}, again, traces=False))
        screen.result(runner.report, results.result_data(result, again, traces=False))

    attempt(runner, job, on_result, verbose=args.verbose)
    conclude(runner.report, job, on_result)
    data = results.as_data(
        runner.report, job.options, load_all(), again,
        traces=args.verbose or any(getattr(args, name) for name in FILES),
    )  # fmt: skip
    screen.begin(lambda: data)
    screen.end(data)
    return data["exit_code"] if write_reports(args, data) else USAGE


def make_job(args: argparse.Namespace) -> Job:
    """Turn arguments into a job.  Errors: UsageError and its like"""
    if args.name:
        raise UsageError(f"what is {args.name[0]!r}? {PROG} takes one ADDR; --only chooses cases")
    cases = load_all()
    try:
        address = parse(args.what, KINDS)
        where = target(address)
    except ValueError as exc:
        guess = did_you_mean(args.what, ["list", "explain", "render"])
        raise UsageError(f"{exc}{guess}") from None
    options = Options(
        dialects=tuple(d for d in DIALECTS if d in (args.dialect or DIALECTS)),
        msize=args.msize,
        uname=os.fsencode(args.uname),
        uid=args.uid,
        aname=os.fsencode(args.aname),
        jobs=args.jobs,
        scale=args.timeout_scale,
        seed=args.seed,
        declared=profile.load(args.profile) if args.profile else {},
    )
    ids = [*cases, *(profile.PREFIX + name for name in profile.NAMES)]
    waived = waivers.load(args.waivers, ids, DIALECTS) if args.waivers else []
    claims = map(profile.capability_case, options.declared)
    selected = chosen([*cases.values(), *claims], args.only, args.level)
    if not any(set(one.dialects) & set(options.dialects) for one in selected):
        raise UsageError(f"no case that was selected is about {' or '.join(options.dialects)}")
    return Job(address, where, options, [c for c in selected if c.id in cases], waived)


def again_words(args: argparse.Namespace) -> list[str]:
    """Return the command that judges the same server in the same way."""
    words = [*PROG.split(), args.what]
    for name in changed(args):
        if name in OF_THE_SERVER:
            words += [option(name), str(getattr(args, name))]
    return words


def attempt(
    runner: Runner, job: Job, on_result: Callable[[CaseResult], None], *, verbose: bool
) -> None:
    """Run the cases; what goes wrong becomes part of the report."""
    try:
        with ended_by_signals():
            runner.run(job.cases, on_result)
    except KeyboardInterrupt:
        runner.report.trouble = "interrupted"
    except OutputLost:
        raise
    except Exception as exc:  # noqa: BLE001  our own fault has an exit code, too
        frame = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        runner.report.fault = f"{type(exc).__name__}: {exc} ({where})"
        if verbose:
            traceback.print_exc()


def conclude(report: Report, job: Job, on_result: Callable[[CaseResult], None]) -> None:
    """Add what can be said only at the end: declared capabilities, waivers that are not needed."""
    for result in profile.disagreements(report, job.options.declared):
        report.results.append(result)
        on_result(result)
    for result in waivers.mark_stale(job.waivers, report.results):
        on_result(result)


def people_out(args: argparse.Namespace) -> TextIO:
    """Return where people read, when stdout may be a report's."""
    return sys.stderr if "-" in [getattr(args, name) for name in FILES] else sys.stdout


def write_reports(args: argparse.Namespace, data: results.Results) -> bool:
    """Write the files that were asked for; False when one could not be written."""
    renderers = {
        "json": results.to_json,
        "junit": junit.render,
        "html": html.render,
        "markdown": markdown.render,
    }
    files = [(getattr(args, n), partial(render, data)) for n, render in renderers.items()]
    return write_files(PROG, files)


class Screen(Terminal):
    """Shows a run to people: a line for what is no pass, at the end a page for each of these."""

    def __init__(self, out: TextIO, *, verbose: bool) -> None:
        """Show a run on a stream."""
        super().__init__(out)
        self.verbose = verbose
        self.begun = False
        self.start = time.monotonic()

    def begin(self, snapshot: Callable[[], results.Results]) -> None:
        """Show the header, once."""
        if not self.begun:
            self.begun = True
            self.lines(people.header(snapshot()))

    def result(self, report: Report, result: results.Result) -> None:
        """Show a result that is no pass, and how far the run is."""
        if self.verbose or result["verdict"] != "pass":
            self.lines([people.result_line(result, self.paint)])
        done, planned = len(report.results), max(report.planned, len(report.results))
        filled = "━" * (BAR * done // planned)
        rest = self.paint("━" * (BAR - len(filled)), "faint")
        bad = sum(one.verdict in BAD for one in report.results)
        counted = f"  {self.paint(f'{bad} failed', 'fail')}" if bad else ""
        left = people.time_left(time.monotonic() - self.start, done, planned)
        self.progress(f"{self.paint(filled, 'pass')}{rest} {done}/{planned}{counted}{left}")

    def end(self, data: results.Results) -> None:
        """Show a page for each failure, then the sums."""
        clauses = {c["id"]: c for c in data["clauses"]}
        for alike in people.pages_worth(data["results"], everything=self.verbose):
            self.lines(people.failure(alike, clauses, self.paint, everything=self.verbose))
        self.lines(people.summary(data, self.paint))
