"""`ninep lab`: arguments, the run, exit codes."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from ..text import Terminal, ended_by_signals, unwritable
from . import fetch, kernels, listing
from .catalog import Script, load_all, select
from .diff import DiffError, compare
from .engines import Engine
from .engines.choice import NAMES, engine
from .kernels import KernelError
from .model import DIED, FAILED, GOOD, USAGE, Job, Planned
from .plan import (
    ACCESSES,
    MODE,
    MSIZE_MAX,
    MSIZE_MIN,
    TRANSPORTS,
    all_cells,
    chosen_plan,
    default_plan,
)
from .runs import run_job
from .saved import SavedError, read
from .serving import QEMU, Serving, servings

EXAMPLE = """\
examples:
  ninep lab                                  boot Linux, mount ninep, run every script
  ninep lab list                             what the scripts check
  ninep lab kernels                          what can boot here; --fetch all gets more
  ninep lab --smoke --kernel newest          an answer within seconds: one cell, short scripts
  ninep lab --kernel all --cache none        on every kernel that is here
  ninep lab --kernel ../linux/arch/x86/boot/bzImage
  ninep lab --script locks --cache none --cache loose
  ninep lab --server ninep --server diod     the same kernel on two servers, and where they differ
  ninep lab --all --json all.json --html all.html    a page to look at; --resume all.json goes on
  ninep lab diff before.json after.json      what came to something else; all.json:6.1 all.json:7.2
  ninep lab --kernel qemu:6.12 --server tcp://127.0.0.1:5640     a server that runs already
  ninep lab --server 'my-server --listen {endpoint} {root}' --aname '{root}'
"""
REACHING = ("qemu", "host")
"""Engines that reach a server that runs already."""
TAKEN = {"list": {"script"}, "kernels": {"fetch"}, "diff": {"side"}}
"""The options that each word but `run` takes."""
ALWAYS = {"what", "command", "verbose"}


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
    add("--cache", action="append", default=[], type=cache_mode, metavar="MODE",
        help="none, mmap, loose, …")  # fmt: skip
    add("--msize", action="append", default=[], type=msize, metavar="N", help="bytes")
    add("--access", action="append", default=[], choices=ACCESSES, help="repeatable")
    add("--all", action="store_true", help="every cache, transport, msize and access there is")
    add("--script", action="append", default=[], metavar="GLOB", help="01_lookup, lookup, 0*, …")
    add("--long", action="store_true", help="the scripts that take long, too")
    add("--smoke", action="store_true", help="the short scripts in one cell")
    add("--server", action="append", default=[], metavar="COMMAND",
        help="with {addr} (or {endpoint}) and {root}; ninep, diod, qemu; repeatable; "
        "or an address: a server that runs already")  # fmt: skip
    add("--readonly-server", metavar="COMMAND", help="the same server, exporting read-only")
    add("--aname", default="", metavar="NAME", help="of the mount; may contain {root}")
    add("--jobs", type=jobs, default=0, metavar="N", help="guests, or cells as containers, at once")
    add("--engine", choices=NAMES, default="auto", help="where the kernel comes from")
    add("--json", metavar="FILE", help="write the results there, - for stdout")
    add("--junit", metavar="FILE", help="write JUnit XML there, - for stdout")
    add("--html", metavar="FILE", help="write one HTML page there, - for stdout")
    add("--markdown", metavar="FILE", help="write Markdown there, - for stdout")
    add("--resume", metavar="FILE",
        help="go on with the run of a --json FILE: do what it has not, write it there")  # fmt: skip
    add("--events", action="store_true", help=argparse.SUPPRESS)  # for --engine docker
    add("-v", "--verbose", action="store_true", help="show every check")


def cache_mode(text: str) -> str:
    """Parse a cache mode."""
    if MODE.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"expected a word like none or loose, got {text!r}")
    return text


def msize(text: str) -> int:
    """Parse an msize as the kernel takes it."""
    number = whole(text)
    if not MSIZE_MIN <= number <= MSIZE_MAX:
        raise argparse.ArgumentTypeError(f"the kernel takes {MSIZE_MIN} to {MSIZE_MAX} bytes")
    return number


def whole(text: str) -> int:
    """Parse a number."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}")
    return int(text)


def jobs(text: str) -> int:
    """Parse a number of guests."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one guest has to run the scripts")
    return number


def run(args: argparse.Namespace) -> int:
    """Do what the arguments ask for and return the exit code."""
    try:
        with ended_by_signals():
            return perform(args)
    except KeyboardInterrupt:
        print("ninep lab: interrupted", file=sys.stderr)
        return DIED


def perform(args: argparse.Namespace) -> int:
    """Do what the arguments ask for."""
    try:
        check_words(args)
        if args.what == "diff" or args.side:
            return show_diff(args.what, args.side)
        if args.what == "kernels":
            return show_kernels(args.fetch)
        scripts = chosen_scripts(args.script)
        if args.what == "list":
            return show_list(scripts)
        check_files(args)
        args.json = args.json or args.resume
        check_run(args)
        scripts, left = without_long(scripts, args)
        servers = servings(args.server, args.readonly_server, args.aname)
        chosen = engines(args, servers)
        check_pairs(chosen, servers)
        kept = read(args.resume) if args.resume else []
    except (UsageError, KernelError, DiffError, SavedError, ValueError) as problem:
        print(f"ninep lab: {problem}", file=sys.stderr)
        return USAGE
    job = make_job(args, scripts, servers[0])
    code = run_job(args, job, list(product(chosen, servers)), kept)
    if left and not (args.smoke and not args.script) and code in (GOOD, FAILED):
        names = ", ".join(script.name for script in left)
        why = "they are not short: --smoke" if args.smoke else "they take long: --long"
        print(f"ninep lab: not run: {names} ({why})", file=sys.stderr)
    return code


def show_diff(what: str, sides: Sequence[str]) -> int:
    """Print what differs between two sides.  Errors: UsageError, DiffError, SavedError"""
    if what != "diff":
        raise UsageError(f"{' '.join(sides)}: only diff takes files")
    if len(sides) != 2:  # noqa: PLR2004  A and B
        raise UsageError("diff takes two files of --json: ninep lab diff before.json after.json")
    lines, differ = compare(*sides)
    Terminal(sys.stdout).lines(lines)
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
    lines = listing.listed(kernels.here(), table, kernels.boot_times(), reasons)
    Terminal(sys.stdout).lines(lines)
    return GOOD


def engines(args: argparse.Namespace, servers: Sequence[Serving]) -> list[Engine]:
    """Return what boots each kernel that was asked for.  Errors: KernelError"""
    words = args.kernel or (["newest"] if args.engine == "qemu" else [])
    if not args.kernel and args.engine == "auto" and any(server.address for server in servers):
        words = ["qemu:newest"] if engine("host").available() else []
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


def without_long(
    scripts: Sequence[Script], args: argparse.Namespace
) -> tuple[list[Script], list[Script]]:
    """Return the scripts to run, and those that were not asked for.  Errors: UsageError"""
    wanted = args.long or args.all or args.script
    left = [] if wanted else [script for script in scripts if script.long]
    if args.smoke:
        left = [script for script in scripts if not script.short]
    found = [script for script in scripts if script not in left]
    _, lost = select([script.name for script in found], args.script)
    if lost:
        raise UsageError(f"--smoke leaves nothing of --script {lost[0]}: it is not short")
    return found, left


def show_list(scripts: Sequence[Script]) -> int:
    """Print the scripts with their checks and needs."""
    lines = []
    for script in scripts:
        long = "  [--long]" if script.long else ""
        lines.append(f"{script.name}  {script.title}{needs_text(script.needs)}{long}")
        for check in script.checks:
            clauses = f"  ({', '.join(check.clauses)})" if check.clauses else ""
            lines.append(f"    {check.name}  {check.title}{clauses}{needs_text(check.needs)}")
    Terminal(sys.stdout).lines(lines)
    return GOOD


def needs_text(needs: Sequence[str]) -> str:
    """Render what a script or check needs."""
    return f"  [needs {', '.join(needs)}]" if needs else ""


def check_words(args: argparse.Namespace) -> None:
    """Refuse options that the word before them does not take.  Errors: UsageError"""
    if args.fetch and args.what == "run":
        raise UsageError("--fetch belongs to: ninep lab kernels")
    taken = TAKEN.get(args.what)
    for name, value in vars(args).items():
        if taken is not None and value and name not in taken | ALWAYS and value != "auto":
            given = "further words" if name == "side" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{args.what} does not take {given}")


def check_files(args: argparse.Namespace) -> None:
    """Refuse files without a name, and a server without one.  Errors: UsageError"""
    for name in ("json", "junit", "html", "markdown", "resume"):
        if getattr(args, name) == "":
            raise UsageError(f"--{name} needs the name of a file")
    if args.readonly_server == "":
        raise UsageError("--readonly-server needs a command")


def check_run(args: argparse.Namespace) -> None:
    """Refuse what contradicts itself or would be given in vain.  Errors: UsageError"""
    if args.modules and not args.kernel:
        raise UsageError("--modules are those of a kernel given as a file: --kernel FILE")
    if args.all and (args.transport or args.cache or args.msize or args.access):
        raise UsageError("--all leaves nothing to choose: --transport and its like, or --all")
    if args.smoke and (args.all or args.long):
        raise UsageError("--smoke is one cell and the short scripts: leave out --all and --long")
    for name in ("transport", "cache", "msize", "access"):
        if args.smoke and len(set(getattr(args, name))) > 1:
            raise UsageError(f"--smoke is one cell: give --{name} once")
    if "," in args.aname:
        raise UsageError(f"--aname {args.aname}: a comma ends an option of mount(8)")
    if problem := unwritable((args.json, args.junit, args.html, args.markdown)):
        raise UsageError(problem)


def check_pairs(chosen: Sequence[Engine], servers: Sequence[Serving]) -> None:
    """Refuse servers that a kernel cannot reach.  Errors: UsageError"""
    for one, server in product(chosen, servers):
        if server.address and one.name not in REACHING:
            raise UsageError(
                f"--server {server.text}: {one.name} has no way to it; --kernel qemu:6.12 has"
            )
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
        cwd=here(),
        pythonpath=str(Path(found).parents[1]) if found else None,
    )


def plan(args: argparse.Namespace, scripts: Sequence[Script]) -> tuple[Planned, ...]:
    """Plan the product of what was asked for, or the default cells when nothing was."""
    if args.all:
        return all_cells(scripts)
    if args.smoke or args.transport or args.cache or args.msize or args.access:
        return chosen_plan(scripts, args.transport, args.cache, args.msize, args.access)
    return default_plan(scripts)


def here() -> str:
    """Return the current folder, or / if it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def repository() -> str | None:
    """Return the git checkout that this file belongs to, if it does."""
    top = Path(__file__).resolve().parents[2]
    return str(top) if (top / ".git").exists() else None
