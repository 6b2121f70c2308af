"""Directories of the host: the shared suite, and what only a host has."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ninep.backend import Backend, Node
from ninep.backends import _linux, local
from ninep.backends._local_node import LocalNode
from ninep.backends.local import LocalBackend
from ninep.constants import DirentType, SetattrValid, StMode
from tests.helpers import descriptors

from .contract import Contract
from .helpers import (
    EXCL,
    NOBODY,
    RDONLY,
    RDWR,
    TRUNC,
    WRONLY,
    attributes,
    change,
    content,
    create,
    mkdir,
    mkfifo,
    names,
    refused,
)

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")
STRANGER = 54321
LOOK_UP = "_look_up"
EXCHANGE = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
a, b = (name.encode() for name in sys.argv[1:])
print(flush=True)
while True:
    for _ in range(1000):
        libc.renameat2(-100, a, -100, b, 2)
    time.sleep(0.001)  # now and then all is in its place
"""


class TestContract(Contract):
    """A directory of the host keeps the contract."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path) -> None:
        """Have a second empty directory."""
        self.other = tmp_path / "other"
        self.other.mkdir()

    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        """An empty directory."""
        (tmp_path / "export").mkdir()
        return LocalBackend(tmp_path / "export")

    def another(self) -> Backend:
        """Return another tree."""
        return LocalBackend(self.other)


@contextmanager
def stranger() -> Iterator[None]:
    """Be a user who owns nothing, in no group."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(STRANGER)
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextmanager
def exported_by_stranger(path: Path, *, noatime: bool = False) -> Iterator[LocalBackend]:
    """Export a directory of a user who is not root and cannot walk to it from /."""
    number = os.open(path, os.O_PATH)
    try:
        with stranger():
            yield LocalBackend(f"/proc/self/fd/{number}", noatime=noatime)
    finally:
        os.close(number)


# the root


def test_unusable_root(path: Path) -> None:
    """A root that is missing, or no directory, says so at once."""
    (path / "f").touch()
    for name, number in (("absent", errno.ENOENT), ("f", errno.ENOTDIR)):
        with refused(number):
            LocalBackend(path / name)


@ROOT_ONLY
def test_forbidden_root(path: Path) -> None:
    """A root that the server's user may not search says so at once."""
    path.chmod(0o700)
    with refused(errno.EACCES), exported_by_stranger(path):
        pass


def test_no_proc(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc no file can be reached."""
    monkeypatch.setattr(_linux, "PROC_FD", path / "absent")
    with refused(errno.ENOSYS):
        LocalBackend(path)


async def test_root_moved(path: Path, root: Node) -> None:
    """The tree is the directory that was exported, not what has its name later."""
    await create(root, b"old")
    path.rename(path.with_name("moved"))
    path.mkdir()
    (path / "new").touch()
    assert [b"old"] == await names(root)


@pytest.mark.usefixtures("no_collector")
async def test_descriptors(path: Path) -> None:
    """When all nodes and files were let go, all descriptors are closed."""
    before = descriptors()
    root = await LocalBackend(path).attach()
    node, file = await create(await mkdir(root, b"a", b"b"), b"f", b"abc")
    scan = (await root.open(RDONLY)).readdir()
    next(scan)
    assert before < descriptors()
    del root, node, file, scan
    assert before == descriptors()


# what the host does meanwhile


async def test_replaced_by_host(path: Path, root: Node) -> None:
    """A name means what the host says; the old node goes on with the old file."""
    old, _ = await create(root, b"f", b"old")
    (path / "new").write_bytes(b"new")
    (path / "new").rename(path / "f")
    new = await root.walk(b"f")
    assert old is not new
    assert b"new" == await content(new)
    with refused(errno.ENOENT):
        await root.unlink(b"f", directory=False, only=old)


async def test_removed_by_host(path: Path, root: Node) -> None:
    """A name that the host removed is gone, though its node is in use."""
    node, _ = await create(root, b"f")
    (path / "f").unlink()
    for call in (root.walk(b"f"), root.rename(b"f", root, b"g", only=node)):
        with refused(errno.ENOENT):
            await call


async def test_moved_out_by_host(path: Path, root: Node) -> None:
    """The parent of a node is ours: a directory moved out of the tree does not lead there."""
    node = await mkdir(root, b"d", b"e")
    (path / "d").rename(path.with_name("outside") / "d")
    assert root is node.parent.parent


async def test_names_of_host(path: Path, root: Node) -> None:
    """A listing has the bytes of names, whatever they are."""
    given = [b"\xff\xfe", b"-f", b"\n", b"n" * 255, "ü".encode()]
    for name in given:
        (path / os.fsdecode(name)).touch()
    assert sorted(given) == await names(root)


async def test_link_to_outside(path: Path, root: Node) -> None:
    """A symbolic link is never followed, wherever it stands in the way."""
    (path / "l").symlink_to("../outside")
    (path / "m").symlink_to("../outside/f")
    directory, file = await root.walk(b"l"), await root.walk(b"m")
    for call in (directory.walk(b"f"), create(directory, b"x"), mkdir(directory, b"x")):
        with refused(errno.ENOTDIR):
            await call
    with refused(errno.ELOOP):
        await file.open(WRONLY | TRUNC)
    with refused(errno.ELOOP):
        await create(root, b"m", flags=WRONLY | TRUNC)
    assert b"secret" == (path.parent / "outside" / "f").read_bytes()


async def test_exchange(path: Path, root: Node) -> None:
    """Against a process that swaps a directory and a link to the outside, all stays inside."""
    (path / "d").mkdir()
    (path / "d" / "f").write_bytes(b"inside")
    (path / "l").symlink_to("../outside")
    command = [sys.executable, "-c", EXCHANGE, str(path / "d"), str(path / "l")]
    outside = path.parent / "outside" / "f"
    outside.chmod(0o640)
    tries = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attacker:
        assert attacker.stdout is not None
        attacker.stdout.readline()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            tries += await attempt(root)
        attacker.kill()
    assert tries > 0
    assert [outside] == list(outside.parent.iterdir())
    assert (b"secret", 0o640) == (outside.read_bytes(), stat.S_IMODE(outside.stat().st_mode))


async def attempt(root: Node) -> int:
    """Try to get out of the tree by `d`; return how often a file was reached."""
    reached = 0
    with suppress(OSError):
        node = await (await root.walk(b"d")).walk(b"f")
        assert b"inside" == await content(node)
        await node.setattr(change(SetattrValid.MODE, mode=0o600))
        reached = 1
    with suppress(OSError):
        await create(await root.walk(b"d"), b"x")
    with suppress(OSError):
        await mkdir(await root.walk(b"d"), b"y")
    with suppress(OSError):
        directory = await root.walk(b"d")
        await root.rename(b"d", directory, b"z")  # of the link, if they were just exchanged
        await directory.rename(b"z", root, b"d")
    with suppress(OSError):
        await (await root.walk(b"d")).unlink(b"x", directory=False)
    return reached


# making files


@ROOT_ONLY
async def test_owner(root: Node) -> None:
    """Root gives new files to those they are made for, links included, and then the mode."""
    made = [
        (await root.create(b"f", RDWR, 0o6755, 8, 7))[0],
        await root.mkdir(b"d", 0o755, 8, 7),
        await root.symlink(b"l", b"nowhere", 8, 7),
        await root.mknod(b"p", StMode.IFIFO | 0o644, 0, 0, 8, 7),
    ]
    owners = [(st.uid, st.gid) for st in [await attributes(node) for node in made]]
    assert [(7, 8)] * 4 == owners
    assert 0o6755 == stat.S_IMODE((await attributes(made[0])).mode)


@ROOT_ONLY
async def test_setattr_owner(root: Node) -> None:
    """Owner and group are changed each for itself, before the mode."""
    node, _ = await create(root, b"f")
    valid = SetattrValid.UID | SetattrValid.MODE
    await node.setattr(change(valid, uid=7, mode=0o4755))
    await node.setattr(change(SetattrValid.GID, gid=8))
    await node.setattr(change(SetattrValid.MODE, mode=0o4711))
    st = await attributes(node)
    assert (7, 8, 0o4711) == (st.uid, st.gid, stat.S_IMODE(st.mode))


@ROOT_ONLY
async def test_stranger(path: Path) -> None:
    """A server that is not root makes its own files, and is told what it may not do."""
    (path / "private").mkdir(0o700)
    path.chmod(0o777)
    with exported_by_stranger(path) as backend:
        root = await backend.attach()
        node, _ = await root.create(b"f", RDWR, 0o640, 8, 7)
        st = await attributes(node)
        with refused(errno.EACCES):
            await (await root.walk(b"private")).walk(b"x")
        with refused(errno.EPERM):
            await node.setattr(change(SetattrValid.GID, gid=8))
    assert (STRANGER, STRANGER, 0o640) == (st.uid, st.gid, stat.S_IMODE(st.mode))


Maker = Callable[[Node], Coroutine[Any, Any, object]]
MAKERS: list[Maker] = [
    lambda root: root.create(b"x", EXCL, 0o644, NOBODY, NOBODY),
    lambda root: root.mkdir(b"x", 0o755, NOBODY, NOBODY),
    lambda root: root.symlink(b"x", b"t", NOBODY, NOBODY),
    lambda root: root.mknod(b"x", StMode.IFIFO | 0o644, 0, 0, NOBODY, NOBODY),
]


@pytest.mark.parametrize("maker", MAKERS, ids=["create", "mkdir", "symlink", "mknod"])
async def test_half_made(root: Node, maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be finished is removed again."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EDQUOT, "no room")

    monkeypatch.setattr(LocalBackend, "settle", refuse)
    with refused(errno.EDQUOT):
        await maker(root)
    assert [] == await names(root)


@ROOT_ONLY
async def test_owner_refused(root: Node) -> None:
    """Root that may not give a file away says so, and leaves none."""
    with refused(errno.EINVAL):
        await root.mkdir(b"d", 0o755, NOBODY, 1 << 32)
    assert [] == await names(root)


@ROOT_ONLY
async def test_owner_forbidden(root: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host may forbid it even to root."""

    def forbid(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not even you")

    monkeypatch.setattr(local, "chown", forbid)
    with refused(errno.EPERM):
        await root.mkdir(b"d", 0o755, 8, 7)


async def test_exchanged_while_made(
    path: Path, root: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process put in the place of a new file is not touched."""
    look_up: Any = getattr(LocalNode, LOOK_UP)

    def exchange(self: LocalNode, name: bytes) -> LocalNode:
        (path / "d").rename(path / "away")
        (path / "d").mkdir(0o700)
        found: LocalNode = look_up(self, name)
        return found

    monkeypatch.setattr(LocalNode, LOOK_UP, exchange)
    with refused(errno.ENOENT):
        await mkdir(root, b"d")
    assert 0o700 == stat.S_IMODE((path / "d").stat().st_mode)


# special files


@ROOT_ONLY
@pytest.mark.parametrize("kind", [StMode.IFCHR, StMode.IFBLK])
async def test_device(root: Node, kind: StMode) -> None:
    """A device has its numbers as Linux packs them, and is not opened."""
    try:
        node = await root.mknod(b"n", kind | 0o600, 1, 259, NOBODY, NOBODY)
    except PermissionError:
        pytest.skip("no devices here")
    assert 0x100103 == (await attributes(node)).rdev
    with refused(errno.EOPNOTSUPP):
        await node.open(RDWR)


async def test_special_in_listing(root: Node) -> None:
    """What is no file, directory or link is of unknown type in a listing."""
    await mkfifo(root, b"p")
    assert [DirentType.UNKNOWN] == [kind for _, kind, _ in (await root.open(RDONLY)).readdir()]


async def test_xattr_of_special(root: Node) -> None:
    """Attributes of FIFOs and links are asked for without opening anything."""
    for node in (await mkfifo(root, b"p"), await root.symlink(b"l", b"p", NOBODY, NOBODY)):
        assert b"" == await node.listxattr()
        with refused(errno.EPERM):
            await node.setxattr(b"user.a", b"v", 0)


# identity


async def test_other_device() -> None:
    """Files of a mount have paths beyond those of the root's file system."""
    root = await LocalBackend("/").attach()
    node = await root.walk(b"proc")
    assert node.qid.path > local.INODE_END
    assert node.qid.path == (await attributes(node)).qid.path


def test_paths_are_unique(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No two inodes have one path, also not if devices or numbers run out."""
    monkeypatch.setattr(local, "DEVICES_END", 3)
    backend = LocalBackend(path)
    inodes = [
        (backend.dev + device, inode)
        for device in range(5)
        for inode in (1, 2, local.INODE_END - 1, local.INODE_END, 1 << 63, (1 << 64) - 1)
    ]
    paths = [backend.path(*inode) for inode in inodes]
    assert len(inodes) == len(set(paths))
    assert paths == [backend.path(*inode) for inode in inodes]
    assert max(paths) < 1 << 64


async def test_versions_of_many(root: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version does not come back when the changes of others are forgotten."""
    monkeypatch.setattr(local, "CHANGES_MAX", 2)
    files = [await create(root, b"%d" % number, b"x") for number in range(4)]
    seen = set()
    for _ in range(10):
        for node, file in files:
            await file.write(0, b"y")
            seen.add((node, (await attributes(node)).qid.version))
    assert 40 == len(seen)


async def test_a_file_that_is_leased(path: Path, root: Node) -> None:
    """Who cuts or opens it is not kept waiting, however long the holder takes."""
    (path / "f").write_bytes(b"content")
    node = await root.walk(b"f")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        with (path / "f").open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            for call in (node.setattr(change(SetattrValid.SIZE, size=1)), node.open(RDWR)):
                with refused(errno.EAGAIN):
                    await call
        await node.setattr(change(SetattrValid.SIZE, size=1))
    finally:
        signal.signal(signal.SIGIO, before)
    assert b"c" == await content(node)
