"""Record locks, between clients of one server and between processes of one client."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.backend import Backend
from ninep.backends.local import LocalBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NOTAG, LockStatus, LockType
from ninep.messages import TMessage
from tests.helpers import MSIZE, Peer, service
from tests.populated import (
    BOTH,
    DIR,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    RDONLY,
    READ,
    ROOT,
    WRITE,
    XREAD,
    XWRITE,
)  # fmt: skip

RD, WR, UN = int(LockType.RDLCK), int(LockType.WRLCK), int(LockType.UNLCK)
SUCCESS, BLOCKED = m.Rlock(LockStatus.SUCCESS), m.Rlock(LockStatus.BLOCKED)
ME = (1, b"host")


@pytest.fixture
async def other(client: Peer) -> Peer:
    """Return a second client of the same server with the file open as READ and WRITE."""
    peer = Peer(client.session.service)
    await peer.begin()
    for fid in (READ, WRITE):
        await peer.walk(ROOT, fid, b"f")
        await peer.ok(m.Tlopen(fid, RDONLY))
    return peer


def lock(
    kind: int, start: int = 0, length: int = 0, fid: int = READ, flags: int = 0,
    who: tuple[int, bytes] = ME,
) -> m.Tlock:  # fmt: skip
    """Return a Tlock."""
    return m.Tlock(fid, kind, flags, start, length, *who)


def getlock(
    kind: int, start: int = 0, length: int = 0, fid: int = READ, who: tuple[int, bytes] = ME
) -> m.Tgetlock:
    """Return a Tgetlock."""
    return m.Tgetlock(fid, kind, start, length, *who)


@pytest.mark.parametrize("kind", [RD, WR])
@pytest.mark.parametrize("fid", [READ, WRITE, BOTH])
async def test_any_access(client: Peer, kind: int, fid: int) -> None:
    """lock.access-unchecked: either type through any open fid."""
    assert SUCCESS == await client.ok(lock(kind, fid=fid))


@pytest.mark.parametrize("fid", [ROOT, FILE, DIR, LINK, FIFO, XREAD, XWRITE, FREE])
@pytest.mark.parametrize("make", [lock, getlock])
async def test_fids_that_are_not_open(
    client: Peer, fid: int, make: Callable[..., TMessage]
) -> None:
    """lock.fid-open, fid.unknown-fid."""
    assert errno.EBADF == await client.errno(make(WR, fid=fid))


@pytest.mark.parametrize("make", [lock, getlock])
@pytest.mark.parametrize(
    ("kind", "start", "length"),
    [
        (3, 0, 0),
        (255, 0, 0),
        (WR, (1 << 64) - 1, 2),
        (UN, 2, (1 << 64) - 1),
        (RD, (1 << 64) - 1, (1 << 64) - 1),
    ],
)
async def test_what_is_no_lock(
    client: Peer, make: Callable[..., TMessage], kind: int, start: int, length: int
) -> None:
    """lock.known-type, lock.range-end (S-085)."""
    assert errno.EINVAL == await client.errno(make(kind, start, length))
    assert 0 == len(client.session.service.locks)


@pytest.mark.parametrize("make", [lock, getlock])
@pytest.mark.parametrize("length", [0, 255, 256, 8000])
async def test_names_of_machines(client: Peer, make: Callable[..., TMessage], length: int) -> None:
    """lock.client-id-length (S-085): up to NAME_MAX bytes."""
    r = await client.rpc(make(WR, who=(7, bytes(length))))
    assert isinstance(r, m.Rlerror) == (length > 255)
    assert len(client.session.service.locks) == (make is lock and length <= 255)


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 4, 1 << 31, (1 << 32) - 1])
async def test_flags(client: Peer, flags: int) -> None:
    """lock.known-flags (S-085): RECLAIM has no effect, other bits are EINVAL."""
    assert (SUCCESS if flags < 4 else m.Rlerror(errno.EINVAL)) == await client.rpc(
        lock(WR, flags=flags)
    )


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 1), ((1 << 64) - 1, 1), (0, (1 << 64) - 1), (5, 0), (1 << 63, 1 << 63)],
)
async def test_ranges(client: Peer, start: int, length: int) -> None:
    """lock.range-end, lock.zero-length: up to 2^64."""
    assert SUCCESS == await client.ok(lock(WR, start, length))


@pytest.mark.parametrize(
    ("mine", "theirs", "reply"),
    [
        ((RD, 0, 10), (RD, 5, 10), SUCCESS),  # lock.shared-readers
        ((RD, 0, 10), (WR, 9, 1), BLOCKED),  # lock.conflict-blocked
        ((WR, 0, 10), (RD, 0, 1), BLOCKED),
        ((WR, 0, 10), (WR, 10, 10), SUCCESS),
        ((WR, 10, 0), (WR, 1 << 60, 1), BLOCKED),  # lock.zero-length
        ((WR, 10, 10), (WR, 0, 0), BLOCKED),
        ((WR, 0, 0), (UN, 0, 0), SUCCESS),  # lock.unlock-nothing
    ],
)
@pytest.mark.parametrize("flags", [0, 1])
async def test_between_clients(
    client: Peer, other: Peer, mine: tuple[int, int, int], theirs: tuple[int, int, int],
    reply: m.Rlock, flags: int,
) -> None:  # fmt: skip
    """lock.conflict-blocked, lock.shared-readers, lock.never-waits: with BLOCK or without."""
    assert SUCCESS == await client.ok(lock(*mine))
    assert reply == await other.ok(lock(*theirs, flags=flags))


@pytest.mark.parametrize(
    ("who", "reply"), [(ME, SUCCESS), ((2, b"host"), BLOCKED), ((1, b"else"), BLOCKED)]
)
async def test_owners_on_one_connection(
    client: Peer, who: tuple[int, bytes], reply: m.Rlock
) -> None:
    """lock.owner-key: its own lock is not in the way of an owner, through another fid too."""
    assert SUCCESS == await client.ok(lock(WR, 0, 10))
    assert reply == await client.ok(lock(RD, 5, 10, fid=BOTH, who=who))


async def test_the_same_names_on_another_connection(client: Peer, other: Peer) -> None:
    """lock.owner-key: proc_id and client_id alone make no owner."""
    assert SUCCESS == await client.ok(lock(WR))
    assert BLOCKED == await other.ok(lock(WR))


async def test_files_are_apart(client: Peer) -> None:
    """lock.conflict-blocked: a lock is one of its file, whatever name that has."""
    await client.ok(m.Tlink(ROOT, FILE, b"hard"))
    await client.walk(ROOT, 100, b"hard")
    await client.ok(m.Tlopen(100, RDONLY))
    await client.create(101, b"another")
    await client.ok(lock(WR))
    replies = [await client.ok(lock(WR, fid=fid, who=(9, b"x"))) for fid in (100, 101)]
    assert [BLOCKED, SUCCESS] == replies


def exports(path: Path) -> dict[bytes, Backend]:
    """Return a directory as four exports: again, to be looked at only, and a part of it."""
    (path / "d").mkdir()
    (path / "d" / "f").touch()
    return {
        b"": LocalBackend(path),
        b"again": LocalBackend(path),
        b"ro": ReadonlyBackend(LocalBackend(path)),
        b"part": LocalBackend(path / "d"),
    }


@pytest.mark.parametrize(
    ("aname", "names"), [(b"again", (b"d", b"f")), (b"ro", (b"d", b"f")), (b"part", (b"f",))]
)
async def test_between_exports(tmp_path: Path, aname: bytes, names: tuple[bytes, ...]) -> None:
    """lock.one-file: a file of two exports is one file; its locks go with the fid here too."""
    client = Peer(service(exports(tmp_path)))
    await client.begin()
    await client.attach(1, aname)
    await client.walk(0, READ, b"d", b"f")
    await client.walk(1, BOTH, *names)
    for fid in (READ, BOTH):
        await client.ok(m.Tlopen(fid, RDONLY))
    assert SUCCESS == await client.ok(lock(WR, 0, 10))
    assert BLOCKED == await client.ok(lock(RD, 5, 10, fid=BOTH, who=(2, b"host")))
    await client.ok(m.Tclunk(READ))
    assert SUCCESS == await client.ok(lock(RD, 5, 10, fid=BOTH, who=(2, b"host")))


async def test_unlocking_a_part(client: Peer, other: Peer) -> None:
    """lock.range-split: what is left of the lock is on both sides."""
    await client.ok(lock(WR, 0, 30))
    await client.ok(lock(UN, 10, 10))
    replies = [await other.ok(lock(WR, at, 1)) for at in (9, 10, 19, 20)]
    assert [BLOCKED, SUCCESS, SUCCESS, BLOCKED] == replies


async def test_changing_a_part(client: Peer, other: Peer) -> None:
    """lock.range-split: a part may be held in another way."""
    await client.ok(lock(WR, 0, 30))
    await client.ok(lock(RD, 10, 10))
    assert [BLOCKED, SUCCESS, BLOCKED] == [await other.ok(lock(RD, at, 1)) for at in (9, 15, 25)]


@pytest.mark.parametrize("end", [m.Tclunk(READ), m.Tremove(READ)])
async def test_released_with_the_fid(client: Peer, other: Peer, end: m.TMessage) -> None:
    """lock.released-on-clunk (S-088): what was set through other fids stays."""
    await client.ok(lock(WR, 0, 10))
    await client.ok(lock(WR, 20, 10, fid=BOTH))
    await client.ok(m.Tclunk(WRITE))
    assert BLOCKED == await other.ok(lock(WR, 0, 10))
    await client.ok(end)
    assert [SUCCESS, BLOCKED] == [await other.ok(lock(WR, at, 10)) for at in (0, 20)]


@pytest.mark.parametrize("how", ["version", "unknown", "end"])
async def test_released_with_the_session(client: Peer, other: Peer, how: str) -> None:
    """lock.released-on-clunk, session.end-releases, version.resets-session (S-087)."""
    await client.ok(lock(WR))
    assert BLOCKED == await other.ok(lock(WR, fid=WRITE))
    if how == "end":
        client.session.close()
    else:
        version = b"9P2000.L" if how == "version" else b"unknown"
        await client.rpc(m.Tversion(MSIZE, version), NOTAG)
    assert SUCCESS == await other.ok(lock(WR, fid=WRITE))


@pytest.mark.parametrize("kind", [UN, WR])
async def test_who_holds_it(client: Peer, other: Peer, kind: int) -> None:
    """lock.getlock-holder, lock.getlock-unlck-asks-any: Linux always asks with UNLCK."""
    await client.ok(lock(RD, 100, 0, who=(7, b"c1")))
    await client.ok(lock(WR, 10, 5, who=(8, b"c2")))
    assert m.Rgetlock(WR, 10, 5, 8, b"c2") == await other.ok(getlock(kind))
    assert m.Rgetlock(RD, 100, 0, 7, b"c1") == await other.ok(getlock(kind, 50))


@pytest.mark.parametrize(
    ("kind", "start", "length", "who"),
    [
        (RD, 0, 0, (5, b"z")),
        (UN, 0, 10, (5, b"z")),
        (WR, 30, 7, (5, b"z")),
        (UN, 0, 0, (7, b"c1")),
        (WR, 15, 1, (7, b"c1")),
    ],
)
async def test_nobody_holds_it(
    client: Peer, kind: int, start: int, length: int, who: tuple[int, bytes]
) -> None:
    """lock.getlock-holder: UNLCK, and the rest as in the request; one's own lock is no answer."""
    await client.ok(lock(RD, 10, 10, who=(7, b"c1")))
    r = await client.ok(getlock(kind, start, length, who=who))
    assert m.Rgetlock(UN, start, length, *who) == r


async def test_asking_takes_nothing(client: Peer, other: Peer) -> None:
    """lock.getlock-holder: a Tgetlock leaves no lock."""
    await client.ok(getlock(WR))
    assert SUCCESS == await other.ok(lock(WR))


async def test_of_an_open_directory(client: Peer) -> None:
    """lock.fid-open: it is open as a file is."""
    assert SUCCESS == await client.ok(lock(WR, fid=OPEN_DIR))
    assert m.Rgetlock(WR, 0, 0, *ME) == await client.ok(getlock(UN, fid=OPEN_DIR, who=(2, b"")))


async def test_a_connection_with_too_many(client: Peer, other: Peer) -> None:
    """lock.count-limit (S-086): ENOLCK, and others go on; what it has it can release."""
    client.session.service.locks.most = 3
    for start in (0, 2, 4):
        assert SUCCESS == await client.ok(lock(RD, start, 1))
    assert errno.ENOLCK == await client.errno(lock(RD, 6, 1))
    assert SUCCESS == await other.ok(lock(RD, 6, 1))
    assert SUCCESS == await client.ok(lock(UN, 2, 1))
    assert SUCCESS == await client.ok(lock(RD, 6, 1))
