"""Real programs at work on the mount: git, a compiler, tar, SQLite, rsync."""

from __future__ import annotations

import compileall
import os
import shutil
import sqlite3
import subprocess
from contextlib import chdir
from importlib.util import cache_from_source
from pathlib import Path

from ..expect import equal, needs, true
from ..files import is_database, or_cached, pattern, same_tree, write
from ..place import Place

DEADLINE = 120.0
BARE = "--template="
"""Keeps sample hooks out of a repository."""
PACKAGE = Path(__file__).parents[1] / "guest"
"""Python modules that are there wherever the bench is."""
ROWS = 500
BATCH = 50
EXACT = "--modify-window=-1"
"""Makes rsync look at nanoseconds; by default a difference below a second is none."""
QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def run(here: Place, *command: str | Path, home: Path | None = None) -> str:
    """Run a program in the directory; its complaints are the failure's text."""
    env = {**os.environ, **QUIET, "HOME": str(home or here.backing)}
    done = subprocess.run(
        command,
        cwd=here.dir,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    words = f"{command[0]} {command[1]}: status {done.returncode} {done.stderr.strip()[-500:]}"
    true(f"{words} is status 0", done.returncode == 0)
    return done.stdout


def git_home(here: Place) -> Path:
    """Return a home with settings for git, beside the directory."""
    home = here.backing.parent
    write(home / ".gitconfig", b"[safe]\n\tdirectory = *\n[user]\n\tname = n\n\temail = e\n")
    return home


@needs("program:git")
def check_git_and_compile(here: Place) -> None:
    """git commits a package and clones it, then a compiler: each module of the clone has its .pyc.

    41_load does the same with a whole project.
    """
    home = git_home(here)
    shutil.copytree(PACKAGE, here / "work", ignore=shutil.ignore_patterns("__pycache__"))
    git = ("git", "-C", "work")
    run(here, "git", "init", "-q", BARE, "work", home=home)
    run(here, *git, "add", ".", home=home)
    run(here, *git, "commit", "-q", "-m", "all of it", home=home)
    run(here, "git", "clone", "-q", BARE, "--no-local", "work", "clone", home=home)
    clone = ("git", "-C", "clone")
    run(here, *clone, "fsck", "--strict", home=home)
    equal("git diff", "", run(here, *clone, "diff", "--stat", "HEAD", home=home))
    modules = run(here, *clone, "ls-files", "*.py", home=home).splitlines()
    equal("modules", sorted(path.name for path in PACKAGE.glob("*.py")), sorted(modules))
    with chdir(here / "clone"):
        true("every module compiles", bool(compileall.compile_dir(".", quiet=2, force=True)))
        missing = [name for name in modules if not os.path.exists(cache_from_source(name))]
    equal("modules without a .pyc", [], missing)


def tree(root: Path) -> None:
    """Make a tree with everything that a copy must keep."""
    (root / "dir/deeper").mkdir(parents=True)
    for number in range(8):
        write(root / f"dir/file{number}", pattern(number * 2999))
    write(root / "dir/deeper/large", pattern(300_000))
    os.link(root / "dir/file1", root / "dir/deeper/hard")
    (root / "soft").symlink_to("dir/file2")
    (root / "dangling").symlink_to("nowhere/at all")
    os.chmod(root / "dir/file3", 0o4711)
    os.mkfifo(root / "fifo")
    for path in (root / "dir/file4", root / "dir/deeper", root / "dir"):
        os.utime(path, ns=(1, 1_234_567_890_123_456_789))


@needs("program:tar")
def check_tar(here: Place) -> None:
    """A tree packed on the mount and unpacked on the mount is equal.

    tar opens with O_NONBLOCK and takes a short read for a file that shrank.  Up to Linux 6.4 such a
    read(2) ends with its first message, so blocks must fit into the smallest default msize, 8192.
    """
    tree(here / "tree")
    run(here, "tar", "--format=posix", "--blocking-factor=8", "-cf", "tree.tar", "tree")
    (here / "again").mkdir()
    run(here, "tar", "-xpf", "tree.tar", "-C", "again")
    same_tree("unpacked", here / "tree", here / "again/tree", here.time_step)


@needs("program:rsync", "xattr", "root")
def check_rsync(here: Place) -> None:
    """rsync -aHAX to the mount and back keeps links, attributes, modes and times."""
    tree(here.backing / "tree")
    os.setxattr(here.backing / "tree/dir/file5", "user.a", b"value\0")
    os.setxattr(here.backing / "tree/dir", "user.b", pattern(1000))
    os.chown(here.backing / "tree/dir/file6", 1234, 5678)
    outside = here.backing / "outside"
    run(here, "rsync", "-aHAX", EXACT, f"{here.backing / 'tree'}/", f"{here / 'copy'}/")
    same_tree("the copy", here.backing / "tree", here / "copy", here.time_step)
    run(here, "rsync", "-aHAX", EXACT, f"{here / 'copy'}/", f"{outside}/")
    same_tree("the copy's copy", here.backing / "tree", outside, here.time_step)
    changes = run(here, "rsync", "-aHAXi", EXACT, "--checksum", f"{here / 'copy'}/", f"{outside}/")
    equal("what rsync would still change", "", changes)


def check_sqlite(here: Place) -> None:
    """An SQLite database: 500 rows in transactions, an index, a rollback, integrity."""

    def look(at: Path) -> None:
        is_database(at)
        (at / "again").mkdir()
        use_database(at / "again")

    with or_cached(here, look):
        use_database(here.dir)


def use_database(at: Path) -> None:
    """Write a database, open it anew and judge it."""
    base = sqlite3.connect(at / "base.db", isolation_level=None)
    base.execute("create table t (n integer primary key, text)")
    for start in range(0, ROWS, BATCH):
        base.execute("begin")
        rows = [(number, f"row {number}" * 20) for number in range(start, start + BATCH)]
        base.executemany("insert into t values (?, ?)", rows)
        base.execute("commit")
    base.execute("create index by_text on t (text)")
    base.execute("begin")
    base.execute("delete from t")
    base.execute("rollback")
    base.close()
    base = sqlite3.connect(at / "base.db")
    equal("rows", (ROWS, 124_750), base.execute("select count(*), sum(n) from t").fetchone())
    equal("integrity", ("ok",), base.execute("pragma integrity_check").fetchone())
    base.close()
    equal("files left", ["base.db"], os.listdir(at))
