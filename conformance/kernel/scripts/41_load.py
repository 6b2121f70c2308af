"""Programs that others test file systems with, a whole project, a database that is set up."""

from __future__ import annotations

import compileall
import os
import subprocess
from collections.abc import Sequence
from contextlib import chdir
from importlib.util import cache_from_source
from pathlib import Path

from ..children import run_as
from ..expect import Failed, Skipped, equal, needs, true
from ..files import or_cached, write
from ..place import Place

LONG = True
DEADLINE = 240.0
NOBODY = 65534
TAIL = 500
FIO = """\
[global]
directory={at}
size=1m
ioengine=psync
bsrange=1k-64k
verify=crc32c
verify_fatal=1
{work}
thread=1
[sequential]
rw=write
[random]
rw=randrw
numjobs=2
fsync=16
[overwrite]
rw=randwrite
overwrite=1
end_fsync=1
"""
"""A job of fio: each block carries its checksum and is read back."""
CREATE = """\
create table t (n integer primary key, text text)
insert into t select n, repeat('x', 100) from generate_series(1, 1000) n
checkpoint
"""
"""What the database is told; a line is a statement."""
ASK = "select sum(n) from t where length(text) = 100\n"
CLASSES = (
    *("chmod", "dentry", "dir", "dirdeep", "filename", "flock", "fstat", "getdent"),
    *("lockf", "lockofd", "rename", "seek", "touch", "utime", "xattr"),
)
"""What stress-ng does to files, that checks itself."""


def run(command: Sequence[str | Path], at: Path, said: str = "") -> str:
    """Run a program in a directory; the end of what it says is the failure's text."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(at), "LANG": "C"}
    done = subprocess.run(command, cwd=at, env=env, check=False, text=True, errors="replace",
                          input=said, capture_output=True)  # fmt: skip
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-TAIL:]
        raise Failed(f"{command[0]} ended with status {done.returncode}: {words}")
    return done.stdout


@needs("program:fio")
def check_fio(here: Place) -> None:
    """fio writes and overwrites in order and at random, from several threads, and verifies all."""
    job = here.backing / "job"

    def fio(at: Path, work: str = "verify_only=1") -> None:
        job.write_text(FIO.format(at=at, work=work), encoding="ascii")
        run(["fio", "--minimal", job], at)

    with or_cached(here, fio):
        fio(here.dir, "do_verify=1")


@needs("program:dbench")
def check_dbench(here: Place) -> None:
    """dbench plays what a file server's clients do."""
    run(["dbench", "-t", "2", "-D", here.dir, "2"], here.dir)


@needs("program:stress-ng")
def check_stress(here: Place) -> None:
    """stress-ng's file classes, all at once, with their own checks on."""
    words = [word for name in CLASSES for word in (f"--{name}", "1", f"--{name}-ops", "20")]
    run(["stress-ng", *words, "--timeout", "20", "--verify", "--temp-path", here.dir], here.dir)


@needs("repository", "program:git")
def check_project(here: Place) -> None:
    """git clone of this project, fsck, diff; then a compiler on a package: all have their .pyc."""
    home = here.backing.parent
    write(home / ".gitconfig", b"[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n")
    source = here.repository or here.dir
    git: list[str | Path] = ["git", "-C", source]
    if subprocess.run([*git, "rev-parse", "-q", "--verify", "HEAD"], env={"HOME": str(home)},
                      check=False, capture_output=True).returncode:  # fmt: skip
        raise Skipped("needs a commit in the project's checkout")
    run(["git", "clone", "-q", "--no-local", source, here / "clone"], home)
    git = ["git", "-C", here / "clone"]
    run([*git, "fsck", "--strict"], home)
    equal("git diff", "", run([*git, "diff", "--stat", "HEAD"], home))
    modules = run([*git, "ls-files", ":(glob)ninep/*.py"], home).splitlines()
    with chdir(here / "clone"):
        compiled = compileall.compile_dir("ninep", maxlevels=0, quiet=2, force=True)
        true("every module compiles", bool(compiled))
        missing = [name for name in modules if not os.path.exists(cache_from_source(name))]
    true("the clone has modules", bool(modules))
    equal("modules without a .pyc", [], missing)


@needs("program:initdb", "program:postgres", "root", "users")
def check_postgres(here: Place) -> None:
    """A database of PostgreSQL is made, written, and read by a new process."""
    os.chown(here.dir, NOBODY, NOBODY)
    data = here / "data"

    def use() -> str:
        small = ("--no-locale", "--wal-segsize", "1")
        run(["initdb", "--pgdata", data, "--auth", "trust", *small], here.dir)
        single: list[str | Path] = ["postgres", "--single", "-D", data, "postgres"]
        run(single, here.dir, said=CREATE)
        return run(single, here.dir, said=ASK)

    answer = run_as(NOBODY, use)
    true(f"the sum of what was written, in: {answer[-TAIL:]}", '"500500"' in answer)
