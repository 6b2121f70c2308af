"""A tree in which everybody has their own rights: the rules of all trees, and whose they are."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest

from ninep import perm, sandbox
from ninep.backend import Backend, Node
from ninep.backends import _acting, client
from ninep.backends.client import ClientBackend
from ninep.backends.local import WORKERS, LocalBackend
from ninep.constants import NONUNAME, Perm, SetattrValid
from ninep.users import NOBODY, Identity

from .contract import Contract
from .helpers import RDONLY, RDWR, attributes, change, content, create, names, refused

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root acts for others")
GROUP, OTHER = 4001, 4002
PEOPLE = {
    0: Identity(0, 0),
    1001: Identity(1001, 1001, (1001, GROUP)),
    1002: Identity(1002, 1002, (1002, GROUP)),
    1003: Identity(1003, 1003, (1003,)),
}
ANN, BEN, EVE = 1001, 1002, 1003


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know three users, of whom two have a group in common."""
    monkeypatch.setattr(client, "identity", lambda uid: PEOPLE.get(uid, Identity(uid)))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A directory where all may make files, below others that all may pass."""
    folder = tmp_path / "tree"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture
def tree(export: Path) -> ClientBackend:
    """The tree of that directory."""
    return ClientBackend(LocalBackend(export))


class ClientContract(Contract):
    """What every tree must do, but in threads."""

    @pytest.fixture(autouse=True)
    def beside(self, tmp_path: Path) -> None:
        """Have a further directory."""
        self.other = tmp_path

    def another(self) -> Backend:
        """Return another tree."""
        return As(ClientBackend(LocalBackend(self.other)), 0)

    async def test_hot_calls_do_not_await(self, root: Node) -> None:
        """No call is made in the event loop."""
        call = root.walk(b"f")
        assert call.send(None) is not None
        call.close()


class TestContractAsRoot(ClientContract):
    """What every tree must do, for root."""

    @pytest.fixture
    def backend(self, tree: ClientBackend) -> Backend:
        """A tree that is empty."""
        return As(tree, 0)


class TestContractAsUser(ClientContract):
    """What every tree must do, for a user to whom it belongs."""

    @pytest.fixture
    def backend(self, tree: ClientBackend, export: Path) -> Backend:
        """A tree that is empty."""
        os.chown(export, ANN, ANN)
        return As(tree, ANN)


class As:
    """A tree as one user sees it."""

    def __init__(self, tree: ClientBackend, uid: int) -> None:
        """Attach always as that user."""
        self.tree = tree
        self.uid = uid

    async def attach(self, uid: int = NONUNAME) -> Node:  # noqa: ARG002
        """Return the root directory."""
        return await self.tree.attach(self.uid)


async def test_files_are_their_makers(tree: ClientBackend, export: Path) -> None:
    """Files belong to the user, and to the group asked for if that is one of the user's."""
    root = await tree.attach(ANN)
    for name, wanted, got in ((b"a", NONUNAME, ANN), (b"b", GROUP, GROUP), (b"c", OTHER, ANN)):
        node, _ = await root.create(name, RDWR, 0o640, wanted, ANN)
        assert (ANN, got) == ((await attributes(node)).uid, (await attributes(node)).gid)
    await root.mkdir(b"d", 0o750, GROUP, ANN)
    await root.symlink(b"l", b"target", GROUP, ANN)
    await root.mknod(b"p", stat.S_IFIFO | 0o600, 0, 0, GROUP, ANN)
    for made in (export / "d", export / "l", export / "p"):
        assert (ANN, GROUP) == (made.lstat().st_uid, made.lstat().st_gid)


async def test_refusals(tree: ClientBackend) -> None:
    """A group's files are for its members, a user's for the user, another's directory is closed."""
    ann, ben, eve = [await tree.attach(uid) for uid in (ANN, BEN, EVE)]
    await ann.create(b"shared", RDWR, 0o640, GROUP, ANN)
    await ann.create(b"own", RDWR, 0o600, ANN, ANN)
    folder = await ann.mkdir(b"d", 0o700, ANN, ANN)
    await create(folder, b"f")
    assert b"" == await content(await ben.walk(b"shared"))
    for who, name in ((eve, b"shared"), (ben, b"own"), (eve, b"own"), (ben, b"d")):
        with refused(errno.EACCES):
            await (await who.walk(name)).open(RDONLY)
    with refused(errno.EACCES):
        await (await ben.walk(b"shared")).open(RDWR)
    with refused(errno.EACCES):
        await (await eve.walk(b"d")).walk(b"f")
    with refused(errno.EPERM):
        await ben.unlink(b"own", directory=False)
    with refused(errno.EPERM):
        await ben.rename(b"own", ben, b"mine")
    for t in (
        change(SetattrValid.MODE, mode=0o666),
        change(SetattrValid.UID, uid=BEN),
        change(SetattrValid.GID, gid=BEN),
    ):
        with refused(errno.EPERM):
            await (await ben.walk(b"own")).setattr(t)
    with refused(errno.EACCES):
        await (await ben.walk(b"own")).setattr(change(SetattrValid.SIZE, size=1))
    with refused(errno.EPERM):
        await (await ann.walk(b"own")).setattr(change(SetattrValid.UID, uid=BEN))
    await (await ann.walk(b"own")).setattr(change(SetattrValid.GID, gid=GROUP))
    assert [b"d", b"own", b"shared"] == await names(ann)


async def test_root_and_strangers(tree: ClientBackend, export: Path) -> None:
    """Root may all; who is not known has no group but nobody's; NONUNAME is nobody."""
    ann, root, stranger, none = [await tree.attach(uid) for uid in (ANN, 0, 77777, NONUNAME)]
    await ann.create(b"own", RDWR, 0o600, ANN, ANN)
    assert b"" == await content(await root.walk(b"own"))
    for who, name, uid in ((stranger, b"s", 77777), (none, b"n", NOBODY)):
        await who.create(name, RDWR, 0o600, 0, uid)
        made = os.stat(export / os.fsdecode(name))
        assert (uid, NOBODY) == (made.st_uid, made.st_gid)
        with refused(errno.EACCES):
            await (await who.walk(b"own")).open(RDONLY)


async def test_set_id_bits_go(tree: ClientBackend, export: Path) -> None:
    """Who writes to or cuts another one's program takes its rights away; root, as locally, not."""
    ben = await tree.attach(BEN)
    for name in ("written", "cut", "emptied"):
        (export / name).write_bytes(b"program")
        (export / name).chmod(0o6777)
    await (await (await ben.walk(b"written")).open(RDWR)).write(0, b"x")
    await (await ben.walk(b"cut")).setattr(change(SetattrValid.SIZE, size=1))
    await (await (await ben.walk(b"emptied")).open(RDWR)).truncate(0)
    for name in ("written", "cut", "emptied"):
        assert 0o777 == stat.S_IMODE((export / name).stat().st_mode)
    (export / "cut").chmod(0o6777)
    await (await (await (await tree.attach(0)).walk(b"cut")).open(RDWR)).write(0, b"x")
    assert 0o6777 == stat.S_IMODE((export / "cut").stat().st_mode)


async def test_set_id_bits_are_given_up(tree: ClientBackend, export: Path) -> None:
    """write.drops-privilege: who may write may take the bits away, as Linux does; and no more."""
    ben = await tree.attach(BEN)
    for name, mode in (("open", 0o6777), ("closed", 0o6775)):
        (export / name).write_bytes(b"program")
        (export / name).chmod(mode)
    node = await ben.walk(b"open")
    for mode in (0o777 | 0o1000, 0o776, 0o7777, 0o6777, 0o4777, 0o2777):
        with refused(errno.EPERM):
            await node.setattr(change(SetattrValid.MODE, mode=mode))
    with refused(errno.EPERM):
        await node.setattr(change(SetattrValid.MODE | SetattrValid.UID, mode=0o777, uid=BEN))
    with refused(errno.EPERM):
        await (await ben.walk(b"closed")).setattr(change(SetattrValid.MODE, mode=0o775))
    both = SetattrValid.MODE | SetattrValid.SIZE
    await node.setattr(change(both, mode=0o777, size=3))
    assert (0o100777, 3) == ((export / "open").stat().st_mode, (export / "open").stat().st_size)
    assert 0o106775 == (export / "closed").stat().st_mode


async def test_attributes_that_are_not_a_users(tree: ClientBackend) -> None:
    """The process may set trusted attributes, for root; nobody else gets them through it."""
    ann, root = await tree.attach(ANN), await tree.attach(0)
    node, _ = await ann.create(b"f", RDWR, 0o666, NONUNAME, ANN)
    for name in (b"trusted.a", b"security.capability"):
        with refused(errno.EPERM):
            await node.setxattr(name, b"v", 0)
        with refused(errno.EPERM):
            await node.removexattr(name)
    there = await root.walk(b"f")
    await there.setxattr(b"trusted.a", b"v", 0)
    await node.setxattr(b"user.a", b"v", 0)
    assert {b"trusted.a", b"user.a", b""} == set((await there.listxattr()).split(b"\0"))
    assert b"user.a\0" == await node.listxattr()
    with refused(errno.ENODATA):
        await node.getxattr(b"trusted.a")
    await node.removexattr(b"user.a")


async def test_marks_are_public(tree: ClientBackend) -> None:
    """Who may write a file and not read it is bound by its marks all the same."""
    ann, ben = await tree.attach(ANN), await tree.attach(BEN)
    node, _ = await ann.create(b"f", RDWR, 0o622, NONUNAME, ANN)
    await perm.set_marks(node, Perm.APPEND)
    theirs = await ben.walk(b"f")
    assert Perm.APPEND == await perm.marks(theirs)
    with refused(errno.EACCES):
        await theirs.setxattr(b"user.other", b"v", 0)
        await theirs.getxattr(b"user.other")


async def test_devices_have_threads_of_their_own(tree: ClientBackend) -> None:
    """A device that does not answer holds up nobody's files elsewhere."""
    ann = await tree.attach(ANN)
    _, file = await ann.create(b"f", RDWR, 0o600, NONUNAME, ANN)
    stuck = tree._files[-1]  # noqa: SLF001  no device has that number
    for _ in range(WORKERS):
        await stuck.enter()
    assert 1 == await asyncio.wait_for(file.write(0, b"x"), 20)


async def test_many_at_once(tree: ClientBackend, export: Path) -> None:
    """Users in turn, on all threads at once: each file is its maker's, with the maker's content."""
    roots = {uid: await tree.attach(uid) for uid in PEOPLE}

    async def work(uid: int, number: int) -> None:
        node, file = await roots[uid].create(b"%d-%d" % (uid, number), RDWR, 0o600, NONUNAME, uid)
        await asyncio.gather(*(file.write(at * 5, b"%5d" % uid) for at in range(10)))
        assert b"%5d" % uid * 10 == await content(node)
        if uid:
            with refused(errno.EACCES):
                await (await roots[EVE if uid == ANN else ANN].walk(node.name)).open(RDWR)

    await asyncio.gather(*(work(uid, number) for number in range(50) for uid in roots))
    made = list(export.iterdir())
    assert 50 * len(roots) == len(made)
    assert all(one.name.split("-")[0] == str(one.stat().st_uid) for one in made)


def seen_here() -> list[str]:
    """Return what the kernel says of this thread's user and groups."""
    lines = Path("/proc/thread-self/status").read_text(encoding="ascii").splitlines()
    return [line for line in lines if line.startswith(("Uid:", "Gid:", "Groups:"))]


def test_who_a_thread_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held against the kernel's own word, and one that cannot be changed does nothing."""
    seen: list[str] = []
    before = seen_here()

    async def look() -> None:
        seen.extend(seen_here())

    def in_thread() -> None:
        _acting.act(PEOPLE[ANN], look)
        for uid, gid in ((0xFFFFFFFF, 1), (1, 0xFFFFFFFF), (-1, 1)):
            with refused(errno.EPERM):
                _acting.act(Identity(uid, gid), look)
        monkeypatch.setattr("ninep.backends._acting._libc.setfsuid", lambda _: 5)
        with refused(errno.EPERM):
            _acting.act(PEOPLE[BEN], look)
        monkeypatch.undo()
        _acting.act(PEOPLE[BEN], look)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert ["Uid:\t0\t0\t0\t1001", "Gid:\t0\t0\t0\t1001", "Groups:\t1001 4001 "] == seen[:3]
    assert ["Uid:\t0\t0\t0\t1002", "Gid:\t0\t0\t0\t1002", "Groups:\t1002 4001 "] == seen[3:]
    assert seen_here() == before


async def test_a_process_that_may_not(monkeypatch: pytest.MonkeyPatch, export: Path) -> None:
    """Without the rights, or on a machine whose calls are not known, nothing is exported."""
    with monkeypatch.context() as patch:
        patch.setattr(_acting, "capabilities", lambda: 1 << _acting.CAP_SETUID)
        with refused(errno.EPERM):
            ClientBackend(LocalBackend(export))
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with refused(errno.ENOSYS):
        ClientBackend(LocalBackend(export))


def test_the_sandbox_has_the_same_number() -> None:
    """One call, one number, in both tables."""
    table = tomllib.loads(sandbox.TABLE.read_text(encoding="utf-8"))
    numbers = table["granted"][sandbox.AS_CLIENT]["setgroups"]
    assert _acting.SETGROUPS == {m: numbers[at] for m, (at, _) in sandbox.MACHINES.items()}
