"""Send damaged sessions to a server and count what comes of them.

    python -m ninep.conformance.fuzz [NAME] [--inputs N] [--seed S] [--jobs N]
    python -m ninep.conformance.fuzz [NAME] --again DIALECT:S.N

NAME is one of `conformance/adapters/`; every job has a server of its own, and begins with
`corpus.txt`.  Exit code 0: the server lived, answered every request and served others; 1: it did
not; 3: it is not here.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import active_children
from pathlib import Path
from random import Random

from ninep.arguments import count
from ninep.spec import spec

from ..adapters import Adapter, Kept, Missing, adapters, provide
from ..text import ended_by_signals, unbroken
from .inputs import Input, corpus, draw
from .talk import play, serves

LOOK = 16
"""Inputs between two sessions that must be served."""
FRESH = 8
"""Inputs between two fillings of the tree."""
WARM = 2000
"""Inputs after which a server has all the memory that it needs."""
TRIES = 1000
SHOWN = 20
"""Inputs that are named."""
SETTLED = 1.0
"""Seconds in which a server must have let go of what the last connection held."""
CAGE = """\
mount --bind "$1" "$1" && mount -o remount,bind,nodev "$1" && mount -o remount,bind,ro / || exit
shift; exec "$@"
"""
"""Starts a server that can change its tree and no other file, and has no device that it makes."""
OURS = "ninep"


@dataclass(slots=True)
class Tally:
    """What came of some inputs."""

    inputs: int = 0
    requests: int = 0
    replies: int = 0
    deaths: int = 0
    unserved: int = 0
    """Sessions in order that were not served."""
    growth: int | None = None
    """Bytes of memory that a server has taken since it was warm, if it came to that."""
    lost: int | None = None
    """Descriptors that a server has kept, if it was the same from first to last."""
    wrong: Counter[str] = field(default_factory=Counter)
    """What else was wrong."""
    named: list[str] = field(default_factory=list)
    """Inputs of which something was wrong, with what."""

    def add(self, other: Tally) -> None:
        """Take in what another job has counted."""
        for name in ("inputs", "requests", "replies", "deaths", "unserved"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("growth", "lost"):
            known = [n for n in (getattr(self, name), getattr(other, name)) if n is not None]
            setattr(self, name, max(known, default=None))
        self.wrong += other.wrong
        self.named += other.named

    @property
    def good(self) -> bool:
        """Tell whether nothing was wrong."""
        return not (self.deaths or self.unserved or self.lost or self.wrong)

    def lines(self) -> Iterator[str]:
        """Yield the figures."""
        yield f"inputs     {self.inputs}"
        yield f"requests   {self.requests}, replies {self.replies}"
        yield f"died       {self.deaths} times"
        yield f"unserved   {self.unserved} sessions in order"
        if self.growth is not None:
            yield f"memory     +{self.growth / (1 << 20):.1f} MiB since it was warm"
        if self.lost is not None:
            yield f"kept       {self.lost} descriptors"
        yield from (f"wrong      {times} times: {what}" for what, times in self.wrong.most_common())
        yield from (f"           {name}" for name in self.named[:SHOWN])


@dataclass(frozen=True, slots=True)
class Work:
    """What one job does."""

    adapter: Adapter
    python: Path
    seed: int
    first: int
    last: int
    step: int


def fill(root: Path) -> None:
    """Make the tree afresh; requests of the last connection may still run, and be in the way."""
    for _ in range(TRIES):
        with suppress(OSError):
            empty(root)
            plant(root)
            return
    raise OSError(f"{root} does not come to rest")


def empty(root: Path) -> None:
    """Remove what is in a directory."""
    for entry in os.scandir(root):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def plant(root: Path) -> None:
    """Make the files that sessions begin with."""
    (root / "dir").mkdir()
    for name, data in (("file", bytes(10_000)), ("dir/inner", b"inner")):
        with (root / name).open("xb") as file:
            file.write(data)
    (root / "link").symlink_to("../outside")
    os.mkfifo(root / "fifo")
    os.chmod(root, 0o755)


def caged(adapter: Adapter) -> Adapter:
    """Return what starts a server where it can do no harm.  Errors: Missing"""
    try:
        subprocess.run(["unshare", "-m", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        if adapter.name == OURS:
            return adapter
        raise Missing(f"{adapter.name}: a mount namespace takes root: unshare -m") from None
    cage = ("unshare", "-m", "sh", "-c", CAGE, "sh", "{root}")
    return replace(adapter, command=(*cage, *adapter.command))


@contextmanager
def served(adapter: Adapter, python: Path) -> Iterator[tuple[Kept, Path]]:
    """Have a server over a tree of its own."""
    with ExitStack() as stack:
        with unbroken():
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ninep-fuzz-")))
            fill(root)
            target = Kept(adapter, python, root)
            stack.callback(target.close)
        yield target, root


def work(job: Work) -> Tally:
    """Send the inputs of one job to a server of its own."""
    with ended_by_signals(), served(job.adapter, job.python) as (target, root):
        return Worker(job, target, root).run()


def gather(jobs: Sequence[Work]) -> Iterator[Tally]:
    """Yield what came of each job; they run at once, and end together."""
    if len(jobs) == 1:
        yield work(jobs[0])
        return
    with ProcessPoolExecutor(len(jobs)) as pool:
        try:
            yield from pool.map(work, jobs)
        except BaseException:
            for child in active_children():
                child.terminate()
            raise


class Worker:
    """One job while it runs."""

    def __init__(self, job: Work, target: Kept, root: Path) -> None:
        """Nothing has been sent yet."""
        self.job, self.target, self.root = job, target, root
        self.aname = target.aname.encode()
        self.tally = Tally()
        self.rng = Random(job.seed)  # noqa: S311  how connections end

    def run(self) -> Tally:
        """Send all inputs."""
        warm = 0
        serves(self.target.connect, self.job.adapter.dialects[0], self.aname)
        before = self.descriptors()
        for number, one in enumerate(corpus()):
            self.send(f"corpus {number}", one)
        for done, number in enumerate(range(self.job.first, self.job.last, self.job.step)):
            dialect = self.job.adapter.dialects[number % len(self.job.adapter.dialects)]
            if done % FRESH == 0:
                fill(self.root)
            name = f"{self.job.seed}.{number}"
            self.send(f"{dialect}:{name}", draw(name, dialect, self.aname))
            if done % LOOK == 0 and not serves(self.target.connect, dialect, self.aname):
                self.tally.unserved += 1
                self.tally.named.append(f"after {dialect}:{name}: unserved")
            if done == WARM:
                warm = self.memory()
        self.settle()
        if self.target.starts == 1:
            self.tally.growth = max(self.memory() - warm, 0) if warm else None
            self.tally.lost = max(self.descriptors() - before, 0)
        return self.tally

    def send(self, name: str, one: Input) -> None:
        """Send one input, and note what was wrong."""
        tally = self.tally
        try:
            wrong, ledger = play(self.target.connect, one, self.rng)
            tally.requests += ledger.asked.total()
            tally.replies += ledger.got.total()
        except OSError as exc:
            wrong = f"no connection: {exc}"
        tally.inputs += 1
        if death := self.death():
            tally.named.append(f"{name} ({' '.join(one.mutators)}), or one before it: {death}")
        elif wrong:
            tally.wrong[wrong] += 1
            tally.named.append(f"{name} ({' '.join(one.mutators)}): {wrong}")

    def death(self) -> str:
        """Count the deaths that have not been; say so if there is one."""
        process = self.target.process
        ended = process is not None and process.poll() is not None
        new = self.target.starts - 1 + ended - self.tally.deaths
        self.tally.deaths += new
        if not new:
            return ""
        return f"died with status {process.returncode}" if process and ended else "died"

    def settle(self) -> None:
        """Give the server the time that it has to let go, or to die of the last input."""
        time.sleep(SETTLED)
        if death := self.death():
            self.tally.named.append(f"one of the last: {death}")

    def descriptors(self) -> int:
        """Return how many descriptors the server has, 0 if it is gone."""
        with suppress(OSError):
            return len(os.listdir(self.proc / "fd"))
        return 0

    def memory(self) -> int:
        """Return how many bytes of memory the server has, 0 if it is gone."""
        with suppress(OSError):
            statm = (self.proc / "statm").read_text(encoding="ascii")
            return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0

    @property
    def proc(self) -> Path:
        """Return what the system tells of the server."""
        return Path(f"/proc/{self.target.process.pid if self.target.process else 0}")


def once(job: Work, dialect: str, name: str) -> int:
    """Show one input, send it, and say what came of it."""
    with served(job.adapter, job.python) as (target, root):
        worker = Worker(job, target, root)
        one = draw(name, dialect, worker.aname)
        how = "one by one" if one.serial else "at once"
        print(f"{how}; {' '.join(one.mutators) or 'in order'}")
        print("\n".join(f"  {frame.hex()}" for frame in one.frames))
        worker.send(f"{dialect}:{name}", one)
        worker.settle()
        tally = worker.tally
        print(f"{tally.requests} requests, {tally.replies} replies")
        print("\n".join(tally.named) or "good")
    return 0 if tally.good else 1


def named_input(text: str) -> tuple[str, str]:
    """Read the dialect and the name of an input."""
    dialect, _, name = text.partition(":")
    if dialect not in spec().standard or not re.fullmatch(r"\d+\.\d+", name):
        raise argparse.ArgumentTypeError(f"{text!r}: expected one like 9P2000.L:1.23")
    return dialect, name


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m ninep.conformance.fuzz")
    parser.add_argument("name", nargs="?", default="ninep", choices=sorted(adapters()))
    parser.add_argument("--inputs", type=count, default=20_000)
    parser.add_argument("--seed", type=count, default=1)
    parser.add_argument("--jobs", type=count, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "ninep-venvs")
    parser.add_argument("--again", metavar="DIALECT:S.N", type=named_input,
                        help="this input alone, and what it is")  # fmt: skip
    args = parser.parse_args(argv)
    try:
        with ended_by_signals():
            adapter = caged(adapters()[args.name])
            python = provide(adapter, args.venvs)
            first = Work(adapter, python, args.seed, 0, args.inputs, args.jobs)
            return once(first, *args.again) if args.again else many(first)
    except Missing as exc:
        print(exc, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 3


def many(first: Work) -> int:
    """Share the inputs between jobs, and print the figures."""
    start, tally = time.monotonic(), Tally()
    for done in gather([replace(first, first=number) for number in range(first.step)]):
        tally.add(done)
    pace = tally.inputs / (time.monotonic() - start)
    print(f"{first.adapter.title}: {pace:.0f} inputs a second")
    print("\n".join(tally.lines()))
    return 0 if tally.good else 1


if __name__ == "__main__":
    sys.exit(main())
