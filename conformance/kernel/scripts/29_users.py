"""A server that acts as its clients: three users' files, groups and refusals, as locally."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..children import run_as
from ..expect import equal
from ..files import read, write
from ..place import Place

NEEDS = ("root", "server", "users", "ours")
DEADLINE = 60.0
ANN, BEN, EVE, BOTH = 4001, 4002, 4003, 4100
GROUPS = {0: [0], ANN: [ANN, BOTH], BEN: [BEN, BOTH], EVE: [EVE]}
"""Users, and the groups that they are in; root is one of them."""
PASSWD = "root:x:0:0::/:/bin/sh\n" + "".join(
    f"u{n}:x:{n}:{n}::/:/bin/sh\n" for n in (ANN, BEN, EVE)
)
GROUP = (
    "root:x:0:\n"
    + "".join(f"u{n}:x:{n}:\n" for n in (ANN, BEN, EVE))
    + (f"both:x:{BOTH}:u{ANN},u{BEN}\n")
)
AS_CLIENT = ("--as-client", "--squash", "none")


class Kind(NamedTuple):
    """A file or directory that ANN owns, of a group."""

    gid: int
    mode: int

    def __str__(self) -> str:
        """Return a name for it."""
        return f"{self.gid}-{self.mode:o}"


FILES = [Kind(g, m) for g in (ANN, BOTH) for m in (0o600, 0o640, 0o660, 0o606, 0o444, 0o6777)]
FOLDERS = [Kind(g, m) for g in (ANN, BOTH) for m in (0o700, 0o750, 0o770, 0o705, 0o1777, 0o2775)]


def append(path: Path) -> None:
    """Write a byte at the end."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, b"x")
    finally:
        os.close(fd)


TO_FILES: dict[str, Callable[[Path], object]] = {
    "read": read,
    "append": append,
    "truncate": lambda path: os.truncate(path, 1),
    "chmod": lambda path: os.chmod(path, 0o640),
    "chown": lambda path: os.chown(path, BEN, -1),
    "chgrp to both": lambda path: os.chown(path, -1, BOTH),
    "chgrp to eve": lambda path: os.chown(path, -1, EVE),
    "touch": os.utime,
    "set times": lambda path: os.utime(path, (1, 1)),
    "unlink": os.unlink,
    "rename": lambda path: os.rename(path, f"{path}-moved"),
    "link": lambda path: os.link(path, f"{path}-linked"),
    "access": lambda path: [os.access(path, bit) for bit in (os.R_OK, os.W_OK, os.X_OK)],
}
IN_FOLDERS: dict[str, Callable[[Path], object]] = {
    "list": lambda path: sorted(os.listdir(path)),
    "pass": lambda path: read(path / "theirs"),
    "create": lambda path: write(path / "new", b"content"),
    "mkdir": lambda path: (path / "new").mkdir(),
    "symlink": lambda path: (path / "new").symlink_to("target"),
    "mkfifo": lambda path: os.mkfifo(path / "new"),
    "unlink": lambda path: (path / "theirs").unlink(),
    "rename": lambda path: os.rename(path / "theirs", path / "new"),
    "rmdir": lambda path: (path / "empty").rmdir(),
    "chmod": lambda path: path.chmod(0o755),
}


@contextmanager
def known() -> Iterator[None]:
    """Let this machine have these users and no others."""
    places = [(Path("/etc/passwd"), PASSWD), (Path("/etc/group"), GROUP)]
    with tempfile.TemporaryDirectory() as folder:
        for place, text in places:
            mine = Path(folder, place.name)
            write(mine, text.encode())
            mine.chmod(0o644)
            subprocess.run(["mount", "--bind", str(mine), str(place)], check=True)
        try:
            yield
        finally:
            for place, _ in places:
                subprocess.run(["umount", str(place)], check=True)


def owned(path: Path, kind: Kind) -> None:
    """Give a file its owner and mode."""
    os.chown(path, ANN, kind.gid)
    os.chmod(path, kind.mode)


def build(top: Path) -> None:
    """Make a tree: for each user and each thing to do a file or directory of each kind."""
    top.mkdir()
    top.chmod(0o777)
    for uid in GROUPS:
        for kind in FILES:
            for number in range(len(TO_FILES)):
                path = top / f"{uid}-file-{kind}-{number}"
                write(path, b"content")
                owned(path, kind)
        for kind in FOLDERS:
            for number in range(len(IN_FOLDERS)):
                path = top / f"{uid}-dir-{kind}-{number}"
                path.mkdir()
                (path / "empty").mkdir()
                write(path / "theirs", b"content")
                owned(path, kind)


def deeds(top: Path, uid: int) -> dict[str, str]:
    """Do all as one user; return what came of each, and what was there afterwards."""
    told = {}
    for word, kinds, actions in (("file", FILES, TO_FILES), ("dir", FOLDERS, IN_FOLDERS)):
        for kind in kinds:
            for number, (name, action) in enumerate(actions.items()):
                path = top / f"{uid}-{word}-{kind}-{number}"
                told[f"{name} {word} {kind}"] = outcome(action, path)
    return told


def outcome(action: Callable[[Path], object], path: Path) -> str:
    """Return what came of an action."""
    try:
        return repr(action(path))
    except OSError as failure:
        return f"errno {failure.errno}"


def left(top: Path) -> dict[str, str]:
    """Return owner, group and mode of all that is there, by name."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(folder, name)
            info = path.lstat()
            word = f"{info.st_uid}:{info.st_gid} {stat.filemode(info.st_mode)} {info.st_nlink}"
            found[str(path.relative_to(top))] = word
    return found


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return in words what two tables do not agree on, some of it."""
    names = sorted({*one, *other})
    return [f"{n}: {one.get(n)}, {other.get(n)}" for n in names if one.get(n) != other.get(n)][:5]


def check_as_locally(here: Place) -> None:
    """The same is done and refused as locally, and leaves the same owners, groups and modes.

    Clauses: attach.several-users, attach.n-uname, fid.user-inherited, open.permission-denied
    """
    build(here.backing / "mounted")
    build(here.backing / "local")
    with known(), here.apart(more=AS_CLIENT) as apart:
        for uid, groups in GROUPS.items():
            through = run_as(uid, partial(deeds, apart.dir / "mounted", uid), groups=groups)
            local = run_as(uid, partial(deeds, here.backing / "local", uid), groups=groups)
            equal(f"what user {uid} may not do as locally", [], differing(local, through))
    mounted, local = left(here.backing / "mounted"), left(here.backing / "local")
    equal("what is not left as locally", [], differing(local, mounted))


def check_seen_by_others(here: Place) -> None:
    """What one user makes another sees at once, with the same owner, and may use as locally."""
    here.backing.chmod(0o777)
    with known(), here.apart(more=AS_CLIENT) as apart:
        shared = apart.dir / "shared"

        def make() -> None:
            write(shared, b"ann's")
            os.chown(shared, -1, BOTH)
            os.chmod(shared, 0o640)

        run_as(ANN, make, groups=GROUPS[ANN])
        info = shared.stat()
        equal("owner and group", (ANN, BOTH), (info.st_uid, info.st_gid))
        text = run_as(BEN, lambda: read(shared).decode(), groups=GROUPS[BEN])
        equal("what ben reads", "ann's", text)
        told = run_as(EVE, lambda: outcome(read, shared), groups=GROUPS[EVE])
        equal("what eve reads", "errno 13", told)
