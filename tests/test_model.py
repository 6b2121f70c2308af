"""Random sessions of several clients: every reply, fid and name is what a plain model says.

Over the tree in memory and over a directory of the host.  `NINEP_TEST_EXAMPLES=N` plays N sessions
of each, drawn anew every time; otherwise they are few and the same ones.
"""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from errno import ENOTSUP
from random import Random
from typing import Any, ClassVar

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ninep import messages as m
from ninep.backend import Backend
from ninep.backends._memory_inode import Inode
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.constants import NOFID, NONUNAME, NOTAG, LopenFlag, SetattrValid
from ninep.errors import meaning
from ninep.fids import LEGAL, State
from ninep.limits import Limits
from ninep.messages import TMessage
from ninep.policy import Policy
from ninep.session import Service
from ninep.spec import spec
from tests.helpers import MSIZE, Peer
from tests.model.model import Model
from tests.model.state import DIR, LINK, REGULAR, Client, Habits, Refused, described

DIALECT = "9P2000.L"
SPEC = spec()
EXAMPLES, STEPS = 80, 50
CHOSEN = int(os.environ.get("NINEP_TEST_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=CHOSEN or EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=not CHOSEN,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
CLIENTS = range(2)
FIDS = range(6)
ROOT = 1
"""Descriptors that a tree needs always."""
PENDING = 64
"""Bytes of attribute values that a client may have on the way."""
USUAL = 0.9
"""Part of the values that a server can do something with."""
UID, GID = os.getuid(), os.getgid()

NAMES = (b"a", b"b", b"c")
ODD_NAMES = (b"", b".", b"..", b"a/b", b"a\0b", b"\xff", b"x" * 255, b"x" * 256)
ATTRIBUTES = (b"user.a", b"user.b")
FAR = 65_530
"""Bytes: just before the end of a piece of the tree in memory."""
L, V = LopenFlag, SetattrValid
NAME = (NAMES, ODD_NAMES)
ATTRIBUTE = (ATTRIBUTES, (b"", b"user.\0", b"user." + b"x" * 251))
OFFSET = ((0, 0, 1, 3, 5, FAR), ((1 << 63) - 1, 1 << 63, (1 << 64) - 1))
TIMES = (int(V.ATIME | V.ATIME_SET), int(V.MTIME | V.MTIME_SET))
FIELDS: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
    "n_uname": ((UID,), ()),
    "uname": ((b"", b"somebody"), ()),
    "aname": ((b"", b"e", b"e/a", b"e/b"), (b"a", b"/a", b"e/a/b", b"e/a/c", b"e/c")),
    "afid": ((NOFID,), (0, 1)),
    "gid": ((NONUNAME, GID), ()),
    "uid": ((UID,), ()),
    "name": NAME,
    "oldname": NAME,
    "newname": NAME,
    "symtgt": ((b"a", b"../b", b"/etc/passwd"), (b"", b"a\0", b"x" * 4096)),
    "mode": ((0o644, 0o755, 0o600, 0o1755, 0o4755), ()),
    "major": ((0,), ()),
    "minor": ((0,), ()),
    "flags": (
        (0, 1, 2, 2, int(L.RDWR | L.TRUNC), int(L.RDWR | L.APPEND), int(L.RDWR | L.EXCL)),
        (3, int(L.TRUNC), int(L.WRONLY | L.TRUNC | L.APPEND), int(L.DIRECTORY | L.CREATE),
         int(L.NONBLOCK | L.DIRECTORY | L.RDWR)),
    ),
    "offset": OFFSET,
    "count": ((1, 3, 30, 100, 8192), (0, (1 << 32) - 1)),
    "data": ((b"x", b"hello", b"0123456789" * 2), (b"",)),
    "datasync": ((0, 1), ()),
    "request_mask": ((0x7FF, 0x3FFF), (0, 0x200)),
    "size": ((0, 1, 4, 7, FAR + 10), (1 << 63,)),
    "atime_sec": ((0, 1, 1_000_000_000), ()),
    "atime_nsec": ((0, 7), (10**9,)),
    "mtime_sec": ((0, 5, 2_000_000_000), ()),
    "mtime_nsec": ((0, 999_999_999), (10**9,)),
    "attr_size": ((0, 1, 5, 5, 20), (60, 65, 65_537)),
    "type": ((0, 1, 2), (3, 255)),
    "start": ((0, 1, 2, 5), ((1 << 64) - 1,)),
    "length": ((0, 1, 2, 3, 10), ((1 << 64) - 1,)),
    "proc_id": ((1, 2), ()),
    "client_id": ((b"h",), (b"i", b"x" * 256)),
    "oldtag": ((7,), ()),
    "Tlock.flags": ((0, 1, 2), (4,)),
    "Tlcreate.mode": ((0o644, 0o600, 0o755, 0o6755, 0o2755, 0o2644), ()),
    "Tmknod.mode": (
        (stat.S_IFIFO | 0o644, stat.S_IFREG | 0o600, 0o644, 0o4755),
        (stat.S_IFSOCK | 0o600, stat.S_IFCHR | 0o600, stat.S_IFDIR | 0o700, stat.S_IFLNK),
    ),
    "Tsetattr.valid": (
        (*map(int, V), *TIMES, int(V.MODE | V.GID), int(V.MODE | V.SIZE),
         int(V.SIZE) | TIMES[1]),
        (0, 1 << 9, int(V.MODE | V.SIZE | V.UID)),
    ),
    "Tunlinkat.flags": ((0, 0, 0x200), (1, 0x300)),
    "Txattrcreate.name": ATTRIBUTE,
    "Txattrcreate.flags": ((0, 0, 1, 2), (3, 4)),
    "Txattrwalk.name": ((b"", *ATTRIBUTES), ATTRIBUTE[1]),
}  # fmt: skip
"""Values of a field, or of a message's field: usual ones, and odd ones."""

PLANTED: tuple[tuple[TMessage, ...], ...] = (
    (
        m.Tmkdir(0, b"a", 0o755, NONUNAME),
        m.Twalk(0, 1, (b"a",)),
        m.Tmkdir(1, b"b", 0o755, NONUNAME),
        m.Twalk(0, 2, ()),
        m.Tlcreate(2, b"b", int(L.RDWR), 0o644, NONUNAME),
        m.Twrite(2, 0, b"hello"),
        m.Twalk(0, 3, (b"b",)),
    ),
    (
        m.Twalk(0, 1, (b"b",)),
        m.Tlopen(1, int(L.RDWR)),
        m.Twalk(0, 2, (b"b",)),
        m.Tattach(3, NOFID, b"", b"e/a", UID),
        m.Twalk(3, 4, (b"b",)),
        m.Trenameat(3, b"b", 0, b"c"),
    ),
)
"""What the two clients begin with: the last fid is that of a directory moved out of its tree."""
FREE = ("Tattach.fid", "Twalk.newfid", "Txattrwalk.newfid")
"""Fields that want a number that is not in use."""
USES = {
    "Tlopen": "open", "Tlcreate": "create", "Tread": "read", "Twrite": "write",
    "Treaddir": "readdir", "Tfsync": "fsync", "Tlock": "lock", "Tgetlock": "lock",
    "Txattrcreate": "xattrcreate",
}  # fmt: skip
"""Row of `LEGAL` that a request asks for; «getattr» where it is not named."""
KINDS = {
    "Tlcreate.fid": DIR, "Treaddir.fid": DIR, "Treadlink.fid": LINK, "Twalk.fid": DIR,
    "Tlink.fid": REGULAR, "dfid": DIR, "dirfid": DIR, "olddirfid": DIR, "newdirfid": DIR,
    "Tlopen.fid": REGULAR,
}  # fmt: skip
"""Kind of file that a request can do something with, where it matters."""
OTHERWISE = 0.3
"""Part of the fids that stand for another kind of file, if there is one."""
CHANGED = {"Tclunk", "Tremove", "Tlopen", "Txattrcreate", "Tlcreate", "Trename"}
"""Requests that seldom mean the fid of the root."""
PAGES = {
    "make": "Tattach Twalk Twalk Twalk Tlcreate Tmkdir Tsymlink Tmknod Tlink Tclunk Tlopen",
    "use": "Twalk Tlopen Tlopen Tread Twrite Twrite Treaddir Treaddir Tfsync Tlock Tlock Tgetlock",
    "move": "Twalk Trename Trename Trenameat Trenameat Tunlinkat Tremove Tlink Tmkdir Tmknod",
    "tell": "Tgetattr Tsetattr Tsetattr Treadlink Twalk Tlopen Twrite",
    "mark": "Txattrwalk Txattrcreate Txattrcreate Twrite Twrite Tclunk Tread Twalk",
    "rest": "Tauth Tflush Tstatfs Tgetattr Twalk Twalk Tattach Tattach Tclunk " * 2 + "Tversion",
}
"""Rules, and the requests that each sends, those more often that are there twice."""
AT_ONCE = 4
"""Requests that a rule sends at most."""


def good(client: Client, request: str, field: str) -> list[int]:
    """Return the fids that a request can mean."""
    if f"{request}.{field}" in FREE:
        return [number for number in FIDS if number not in client.fids]
    states = LEGAL[USES.get(request, "getattr")] if request != "Tclunk" else frozenset(State)
    return [
        number
        for number, handle in client.fids.items()
        if handle.state in states and (number or request not in CHANGED)
    ]


def fid(rng: Random, client: Client, request: str, field: str) -> int:
    """Draw a fid that is good for a request, and sometimes any."""
    found = good(client, request, field)
    kind = KINDS.get(f"{request}.{field}", KINDS.get(field))
    if kind and rng.random() > OTHERWISE:
        found = [n for n in found if client.fids[n].file.kind == kind] or found
    usual = found and rng.random() < USUAL
    return int(rng.choice(found if usual else [*FIDS, *FIDS, 77, NOFID]))


def fid_fields(request: str) -> list[str]:
    """Return the fields of a request that name fids."""
    fields = SPEC.messages[request].fields_in(DIALECT)
    return [f.name for f in fields if f.type == "fid" and f.name != "afid"]


def likely(rng: Random, client: Client, requests: Sequence[str]) -> str:
    """Draw a request that the client has fids for, and sometimes any."""
    can = [r for r in requests if all(good(client, r, field) for field in fid_fields(r))]
    return rng.choice(can if can and rng.random() < USUAL else requests)


def value(rng: Random, client: Client, request: str, field: str) -> Any:
    """Draw the value of a field."""
    if field == "wname":
        return tuple(
            value(rng, client, request, "name") for _ in range(rng.choice((0, 1, 1, 2, 3)))
        )
    usual, odd = FIELDS.get(f"{request}.{field}") or FIELDS[field]
    if request == "Twalk":
        usual = (*usual, b"..")
    return rng.choice(odd if odd and rng.random() > USUAL else usual)


def drawn(rng: Random, client: Client, request: str) -> TMessage:
    """Draw a request that may mean something for a client."""
    named = fid_fields(request)
    values = {
        f.name: (fid if f.name in named else value)(rng, client, request, f.name)
        for f in SPEC.messages[request].fields_in(DIALECT)
    }
    handle = client.fids.get(values.get("fid", NOFID))
    if handle and rng.random() < USUAL:
        if request == "Treaddir" and handle.scan:
            values["offset"] = rng.choice([0, *(cookie for cookie, _ in handle.scan.seen)])
        if request == "Twrite" and handle.state is State.XATTR_WRITE:
            values["offset"] = len(handle.value)
            values["data"] = bytes(range(handle.size - len(handle.value)))
        if request == "Tlopen" and handle.file.kind == DIR:
            values["flags"] = 0
    t = getattr(m, request)(**values)
    assert isinstance(t, TMessage)
    return t


class Sessions(RuleBasedStateMachine):
    """Two clients of one server, beside the model of it."""

    def begin(self, backend: Backend, habits: Habits) -> None:
        """Serve a tree to clients that have attached it."""
        exports = {b"": backend, b"e": backend}
        policy = Policy(set_id=True)
        service = Service(exports, policy=policy, limits=Limits(xattrs=PENDING))
        self.model = Model(habits, MSIZE, PENDING)
        self.requests = 0
        self.runner = asyncio.Runner()
        self.peers = [Peer(service) for _ in CLIENTS]
        gc.disable()
        for number in CLIENTS:
            self.model.clients[number] = Client(number)
            self.anew(number)
        for number, planted in enumerate(PLANTED):
            for t in planted:
                self.ask(number, t)

    def ask(self, number: int, t: TMessage, tag: int = 1) -> None:
        """Send a request to both, and compare."""
        note(f"{number}: {t}")
        self.requests += 1
        expected = self.model.answer(self.model.clients[number], t)
        actual = self.runner.run(self.peers[number].rpc(t, tag))
        if isinstance(expected, Refused):
            assert isinstance(actual, m.Rlerror), f"{actual}, not {expected!r}"
            assert actual.ecode in expected.numbers, f"{meaning(actual.ecode)}, not {expected!r}"
        elif callable(expected):
            expected(actual)
        else:
            self.model.judge(expected, actual)

    def anew(self, number: int) -> None:
        """Begin a session, and attach."""
        self.ask(number, m.Tversion(MSIZE, DIALECT.encode()), NOTAG)
        self.ask(number, m.Tattach(0, NOFID, b"", b"", UID))

    @invariant()
    def agrees(self) -> None:
        """The same fids stand for the same, and the same names are there."""
        for client, peer in zip(self.model.clients.values(), self.peers, strict=True):
            table = peer.session.fids._fids  # noqa: SLF001
            assert {fid: handle.state for fid, handle in client.fids.items()} == {
                fid: found.state for fid, found in table.items()
            }
            assert client.pending == peer.session.fids.xattrs
        assert self.locks() == {
            f"{owner[0]}: {described(file.locks, owner, piece)}"
            for file in self.model.files()
            for owner, piece in file.locks
        }
        assert dict(self.listing()) == {
            path: state(file.kind | file.mode, file.links, len(file.content))
            for path, file in self.model.tree(self.model.root)
        }
        self.settle(2 * sum(handle.scan is not None for handle in self.model.handles()))

    def locks(self) -> set[str]:
        """Return the locks that are held, and by which client."""
        sessions: list[object] = [peer.session for peer in self.peers]
        table = self.peers[0].session.service.locks._files  # noqa: SLF001
        return {
            f"{number}: {m.Rgetlock(lock.type, lock.start, lock.length, *who)}"
            for owners in table.values()
            for locks in owners.values()
            for lock in locks
            for who in [(lock.owner.proc_id, lock.owner.client_id)]
            for number in [sessions.index(lock.owner.connection)]
        }

    def settle(self, scans: int) -> None:
        """Have no more open than the fids stand for, and what listings need that are under way.

        A thread lets go of a file a moment after what it did for it is done.
        """
        for pause in (0, 0.001, 0.01, 0.1, 1):
            time.sleep(pause)
            if 0 <= self.surplus() <= scans:
                return
        raise AssertionError(f"{self.surplus()} descriptors too many, {scans} for listings")

    def surplus(self) -> int:
        """Count the descriptors that are open, but for those that the fids need."""
        return 0

    def listing(self) -> Iterator[tuple[bytes, object]]:
        """Yield the path of each file that is there, and what can be seen of it."""
        raise NotImplementedError

    def teardown(self) -> None:
        """Read every file once more, and let go of all."""
        try:
            if sys.exception() is None:
                self.look_around(0)
            for peer in self.peers:
                assert peer.session.close() == []
            for client in self.model.clients.values():
                client.fids.clear()
            if sys.exception() is None:
                self.settle(0)
        finally:
            gc.enable()
            self.runner.close()

    def look_around(self, number: int) -> None:
        """Compare attributes and content of all that has a name."""
        self.anew(number)
        for path, _ in list(self.model.tree(self.model.root)):
            self.ask(number, m.Twalk(0, 1, tuple(path.split(b"/"))))
            self.ask(number, m.Tgetattr(1, 0x3FFF))
            for attribute in (b"", *ATTRIBUTES):
                self.ask(number, m.Txattrwalk(1, 2, attribute))
                if 2 in self.model.clients[number].fids:
                    self.ask(number, m.Tread(2, 0, MSIZE))
                    self.ask(number, m.Tclunk(2))
            self.ask(number, m.Treadlink(1))
            self.ask(number, m.Tlopen(1, 0))
            self.ask(number, m.Tread(1, 0, MSIZE))
            self.ask(number, m.Tread(1, FAR, MSIZE))
            self.ask(number, m.Treaddir(1, 0, MSIZE))
            self.ask(number, m.Tclunk(1))


def page(requests: Sequence[str]) -> Callable[..., None]:
    """Return a rule that sends one of these requests."""

    @rule(seed=st.integers(0, 0xFFFFFFFF), count=st.integers(1, AT_ONCE))
    def ask(self: Sessions, seed: int, count: int) -> None:
        for _ in range(count):
            rng = Random(f"{seed} {self.requests}")  # noqa: S311  what is asked
            client = self.model.clients[rng.choice(CLIENTS)]
            request = likely(rng, client, requests)
            if request == "Tversion":
                self.anew(client.number)
            else:
                self.ask(client.number, drawn(rng, client, request))

    return ask


for found, names in PAGES.items():
    setattr(Sessions, found, page(names.split()))


def descriptors(folder: str) -> int:
    """Count the descriptors of this process that lead to a folder or below it."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # that of the list itself
            found += os.readlink(f"/proc/self/fd/{number}").startswith(folder)
    return found


def state(mode: int, nlink: int, size: int) -> tuple[int, int, int]:
    """Return what all file systems tell alike: a directory has links and a size of its own."""
    return (mode, 0, 0) if stat.S_ISDIR(mode) else (mode, nlink, size)


class InMemory(Sessions):
    """Over a tree in memory."""

    @initialize()
    def start(self) -> None:
        """Have an empty tree."""
        self.backend = MemoryBackend()
        self.begin(self.backend, Habits(gid=0))

    def listing(self) -> Iterator[tuple[bytes, object]]:
        """Look into it."""
        return below(self.backend._root)  # noqa: SLF001


def below(inode: Inode, above: bytes = b"") -> Iterator[tuple[bytes, object]]:
    """Yield what is in a directory of a tree in memory."""
    for name, entry in inode.entries.items():
        yield above + name, state(entry.mode, entry.nlink, entry.content.size)
        yield from below(entry, above + name + b"/")


class OnDisk(Sessions):
    """Over a directory of the host."""

    plain: ClassVar = frozenset({DIR, REGULAR})

    @initialize()
    def start(self) -> None:
        """Have an empty directory."""
        self.folder = tempfile.TemporaryDirectory(prefix="ninep-model-")
        os.chmod(self.folder.name, 0o755)  # noqa: S103  as the model's
        counted = os.stat(self.folder.name).st_nlink == 2
        kinds = self.plain if keeps_attributes(self.folder.name) else frozenset()
        self.begin(LocalBackend(self.folder.name), Habits(GID, counted, kinds))

    def surplus(self) -> int:
        """A file needs one for each name it is held under, and one for each fid that opened it."""
        names, opened = set(), 0
        for handle in self.model.handles():
            for name in (handle.name, handle.root.place):
                while name and name.file is not self.model.root:
                    names.add(name)
                    name = name.dir.place  # noqa: PLW2901  and all above it
            opened += handle.state not in {State.BOUND, State.XATTR_READ, State.XATTR_WRITE}
        return descriptors(self.folder.name) - ROOT - len(names) - opened

    def listing(self) -> Iterator[tuple[bytes, object]]:
        """Look into it."""
        return inside(os.fsencode(self.folder.name))

    def teardown(self) -> None:
        """Remove it."""
        try:
            super().teardown()
        finally:
            self.folder.cleanup()


def keeps_attributes(folder: str) -> bool:
    """Tell whether files of the user's can have attributes here."""
    try:
        os.setxattr(folder, b"user.a", b"")
        os.removexattr(folder, b"user.a")
    except OSError as exc:
        if exc.errno != ENOTSUP:
            raise
        return False
    return True


def inside(folder: bytes, above: bytes = b"") -> Iterator[tuple[bytes, object]]:
    """Yield what is in a directory of the host."""
    for entry in list(os.scandir(folder)):
        st = entry.stat(follow_symlinks=False)
        yield above + entry.name, state(st.st_mode, st.st_nlink, st.st_size)
        if stat.S_ISDIR(st.st_mode):
            yield from inside(entry.path, above + entry.name + b"/")


TestInMemory = InMemory.TestCase
TestInMemory.settings = SETTINGS
TestOnDisk = OnDisk.TestCase
TestOnDisk.settings = SETTINGS
