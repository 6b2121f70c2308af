"""F-06: whatever call of the tree or the host fails, that very error is the reply and no more."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ninep import messages as m
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.constants import NOFID, NONUNAME, SetattrValid
from ninep.messages import TMessage
from tests.faulty import Fault, Faulty, Host, Plan
from tests.helpers import Peer, descriptors, service
from tests.populated import (
    BOTH,
    DIR,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    READ,
    ROOT,
    WRITE,
    XWRITE,
    fill,
)

ERRORS = (
    *("EIO", "ENOSPC", "EDQUOT", "EROFS", "ENAMETOOLONG", "EMLINK", "ETXTBSY", "ESTALE", "EINTR"),
    *("ETIMEDOUT", "ENOMEM", "ENFILE", "EMFILE", "EACCES", "EPERM", "ENODEV", "EOPNOTSUPP"),
    *("ENOENT", "EBUSY"),
)
SETATTR = m.Tsetattr(FILE, int(SetattrValid.MODE), 0o600, 0, 0, 0, 0, 0, 0, 0)
REQUESTS: dict[str, tuple[TMessage, str]] = {
    "Tattach": (m.Tattach(FREE, NOFID, b"", b"", NONUNAME), "attach"),
    "Twalk": (m.Twalk(ROOT, FREE, (b"d",)), "walk"),
    "Tlopen": (m.Tlopen(FILE, os.O_RDWR), "open"),
    "Tlcreate": (m.Tlcreate(DIR, b"new", os.O_RDWR, 0o4711, 7), "create"),
    "Tread": (m.Tread(READ, 0, 100), "read"),
    "Twrite": (m.Twrite(WRITE, 0, b"content"), "write"),
    "Treaddir": (m.Treaddir(OPEN_DIR, 0, 1000), "readdir"),
    "Tfsync": (m.Tfsync(BOTH, 0), "fsync"),
    "Tgetattr": (m.Tgetattr(FILE, 0x7FF), "getattr"),
    "Tsetattr": (SETATTR, "setattr"),
    "Tstatfs": (m.Tstatfs(FILE), "statfs"),
    "Treadlink": (m.Treadlink(LINK), "readlink"),
    "Tsymlink": (m.Tsymlink(DIR, b"new", b"target", 7), "symlink"),
    "Tmkdir": (m.Tmkdir(DIR, b"new", 0o4711, 7), "mkdir"),
    "Tmknod": (m.Tmknod(DIR, b"new", 0o010711, 0, 0, 7), "mknod"),
    "Tlink": (m.Tlink(DIR, FILE, b"new"), "link"),
    "Trename": (m.Trename(FILE, DIR, b"new"), "rename"),
    "Trenameat": (m.Trenameat(ROOT, b"f", DIR, b"new"), "rename"),
    "Tunlinkat": (m.Tunlinkat(DIR, b"g", 0), "unlink"),
    "Tremove": (m.Tremove(FIFO), "unlink"),
    "Txattrwalk": (m.Txattrwalk(FILE, FREE, b"user.a"), "getxattr"),
    "Txattrwalk of all": (m.Txattrwalk(FILE, FREE, b""), "listxattr"),
    "Tclunk": (m.Tclunk(XWRITE), "setxattr"),
}
"""Requests of a populated client, and the call of the tree that each reaches."""
ATTRIBUTE = m.Twrite(XWRITE, 0, b"four")
FREED = {"Tclunk", "Tremove"}
MADE = {"Tsetattr", "Tunlinkat", "Trename", "Trenameat", "Tlink", "Tclunk", "Tremove", "Twrite"}
"""What may have been done, whole, when only looking at it afterwards fails."""


def fids(peer: Peer) -> dict[int, tuple[Any, ...]]:
    """Describe the fids of a client."""
    table = peer.session.fids._fids  # noqa: SLF001  it shows no other way what it holds
    return {number: (id(fid.node), fid.state, fid.file) for number, fid in table.items()}


def tree(path: Path) -> dict[str, Any]:
    """Describe what lies in a folder of the host: names, modes, links, contents, attributes."""
    found: dict[str, Any] = {}
    for one in sorted(path.rglob("*")):
        st = one.lstat()
        held = one.read_bytes() if one.is_file() and not one.is_symlink() else b""
        found[str(one.relative_to(path))] = (st.st_mode, st.st_nlink, st.st_uid, held)
        if one.is_file() and not one.is_symlink():
            found[f"{one.name} attributes"] = sorted(os.listxattr(one))
    return found


async def populated(backend: Any) -> Peer:
    """Return a client with a fid of every kind."""
    peer = Peer(service(backend))
    await peer.begin()
    await fill(peer)
    await peer.ok(ATTRIBUTE)
    return peer


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("name", REQUESTS)
async def test_each_error_of_each_call(name: str, tmp_path: Path) -> None:
    """Its number is the reply; fids, tree and descriptors are as before; then it works."""
    plan = Plan()
    peer = await populated(Faulty(LocalBackend(tmp_path), plan))
    request, call = REQUESTS[name]
    before, held, count = fids(peer), tree(tmp_path), descriptors()
    for error in ERRORS:
        exc = OSError(getattr(errno, error), "a fault")
        plan.faults = {(call, plan.uses[call] + 1): Fault(call, exc=exc)}
        assert getattr(errno, error) == await peer.errno(request), error
        if name in FREED:
            count = await bound_again(peer, request.fid, before, count)  # type: ignore[attr-defined]
        assert (held, count) == (tree(tmp_path), descriptors()), error
        if name not in FREED:
            assert before == fids(peer)
    plan.faults = {(call, plan.uses[call] + 1): Fault(call, exc=MemoryError())}
    assert errno.ENOMEM == await peer.errno(request)
    if name in FREED:
        await bound_again(peer, request.fid, before, count)  # type: ignore[attr-defined]
    await peer.ok(request)


async def bound_again(peer: Peer, fid: int, before: dict[int, Any], count: int) -> int:
    """Look that a fid is free and no other; have it again, and return the descriptors then."""
    assert before.keys() - {fid} == fids(peer).keys()
    if fid == FIFO:
        await peer.walk(ROOT, FIFO, b"p")
    else:
        await peer.walk(FILE, XWRITE)
        await peer.ok(m.Txattrcreate(XWRITE, b"user.b", 4, 0))
        await peer.ok(ATTRIBUTE)
    return count


async def refused(peer: Peer, host: Host, request: TMessage, use: int, number: int) -> int:
    """Make a request while one call of the host fails; return the error, 0 if there is none."""
    host.arm(use, number)
    r = await peer.rpc(request)
    host.armed = False
    return r.ecode if isinstance(r, m.Rlerror) else 0


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("name", REQUESTS)
async def test_each_call_of_the_host(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever fails, that is the reply, nothing is left half made, and no descriptor open."""
    host = Host(monkeypatch)
    request, got = REQUESTS[name][0], 0
    for use in range(1, 30):
        folder = tmp_path / str(use)
        folder.mkdir()
        peer = await populated(LocalBackend(folder))
        before, held, count = fids(peer), tree(folder), descriptors()
        got = await refused(peer, host, request, use, number)
        if len(host.made) < use:
            break
        what = (name, host.made)
        assert got in {0, number}, what
        if got:
            assert name in FREED or before == fids(peer), what
            assert name in MADE or held == tree(folder), what
            assert descriptors() <= count, what
        del peer
    assert got == 0


async def test_short_and_slow() -> None:
    """A call may do half, which the reply says, or take its time, and others overtake it."""
    plan = Plan(
        [Fault("write", 3, short=True), Fault("read", 1, wait=0.01), Fault("read", 2, short=True)]
    )
    peer = await populated(Faulty(MemoryBackend(1 << 20), plan))
    half, later = Fault("read", 2, short=True), Fault("read", 1, wait=0.01)
    plan.faults = {("write", plan.uses["write"] + 1): Fault("write", short=True)}
    plan.faults |= {("read", fault.use): fault for fault in (half, later)}
    assert m.Rwrite(3) == await peer.ok(m.Twrite(WRITE, 0, b"CONTENT"))
    slow = asyncio.ensure_future(peer.read(READ, 0, 100))
    await asyncio.sleep(0)
    assert b"CON" == await peer.read(BOTH, 0, 7)
    assert b"CONtent" == await slow


async def test_faults_by_seed(tmp_path: Path) -> None:
    """Any fault at any time: each request is answered, by its error or by what it asked for."""
    for seed in range(20):
        rng = Random(seed)  # noqa: S311  to be the same each time
        folder = tmp_path / str(seed)
        folder.mkdir()
        plan = Plan()
        peer = await populated(Faulty(LocalBackend(folder), plan))
        faults = {}
        for _ in range(40):
            call = rng.choice([call for _, call in REQUESTS.values()])
            exc = OSError(getattr(errno, rng.choice(ERRORS)), "a fault")
            faults[call, plan.uses[call] + rng.randint(1, 4)] = Fault(call, exc=exc)
        plan.faults = faults
        for _ in range(60):
            request, _ = REQUESTS[rng.choice(list(REQUESTS))]
            r = await peer.rpc(request)
            assert type(r) in {m.Rlerror, getattr(m, f"R{type(request).__name__[1:]}")}
        plan.faults = {}
        await peer.ok(m.Tgetattr(ROOT, 0x7FF))
