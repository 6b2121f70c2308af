"""Programs that others test file systems with, and a database that is set up and used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..children import run_as
from ..expect import Failed, needs, true
from ..place import Place

LONG = True
DEADLINE = 120.0
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
do_verify=1
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
    (here.backing / "job").write_text(FIO.format(at=here.dir), encoding="ascii")
    run(["fio", "--minimal", here.backing / "job"], here.dir)


@needs("program:dbench")
def check_dbench(here: Place) -> None:
    """dbench plays what a file server's clients do."""
    run(["dbench", "-t", "2", "-D", here.dir, "2"], here.dir)


@needs("program:stress-ng")
def check_stress(here: Place) -> None:
    """stress-ng's file classes, all at once, with their own checks on."""
    words = [word for name in CLASSES for word in (f"--{name}", "1", f"--{name}-ops", "20")]
    run(["stress-ng", *words, "--timeout", "20", "--verify", "--temp-path", here.dir], here.dir)


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
