"""Open files of the host: what runs in the loop, what in a thread, and what is remembered."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ninep.backend import File, Node
from ninep.backends.local import WORKERS, LocalBackend
from tests.helpers import descriptors

from .helpers import RDONLY, attributes, create, mkdir, mkfifo, names, refused

CONTENT = b"0123456789"
NOWAIT = os.RWF_NOWAIT


class Pages:
    """A `preadv` of a host that has only the first bytes of each file in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the host's; the gate that holds up the threads is open."""
        self.cached = 0
        self.waited = 0
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.host = os.preadv
        monkeypatch.setattr(os, "preadv", self.read)

    def read(self, number: int, buffers: list[memoryview], offset: int, flags: int = 0) -> int:
        """Read what is in memory; without NOWAIT, all of it."""
        if flags != NOWAIT:
            self.waited += 1
            self.entered.release()
            assert self.gate.wait(10)
            return self.host(number, buffers, offset)
        if offset >= self.cached:
            raise BlockingIOError(errno.EAGAIN, "not in memory")
        return self.host(number, [memoryview(buffers[0])[: self.cached - offset]], offset)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """A host with nothing in memory."""
    found = Pages(monkeypatch)
    yield found
    found.gate.set()


@pytest.fixture
async def root(tmp_path: Path) -> Node:
    """The root of an empty tree."""
    return await LocalBackend(tmp_path).attach()


@pytest.fixture
async def file(root: Node) -> File:
    """An open file with ten bytes."""
    return (await create(root, b"f", CONTENT))[1]


@pytest.mark.parametrize(("cached", "waited"), [(0, 2), (3, 2), (10, 0)])
async def test_partly_in_memory(file: File, pages: Pages, cached: int, waited: int) -> None:
    """What is not in memory comes from a thread: the reader sees the whole."""
    pages.cached = cached
    assert CONTENT == await file.read(0, 100)
    assert waited == pages.waited


@pytest.mark.usefixtures("no_collector")
async def test_cancelled(root: Node, file: File, pages: Pages) -> None:
    """S-096: a read that is given up ends with its call; its descriptor is not closed under it."""
    pages.gate.clear()
    before = descriptors()
    reading = asyncio.create_task(file_read(file))
    await asyncio.to_thread(pages.entered.acquire)
    for _ in range(5):
        reading.cancel()
        await asyncio.sleep(0)
    assert not reading.done()
    assert before == descriptors()
    pages.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert CONTENT == await file.read(0, 10)
    assert [b"f"] == await names(root)


async def file_read(file: File) -> bytes:
    """Read ten bytes."""
    return bytes(await file.read(0, 10))


async def test_stuck_disk(root: Node, pages: Pages) -> None:
    """No more than a few reads wait in threads; what needs no disk goes on."""
    pages.gate.clear()
    files = [(await create(root, b"%d" % n, CONTENT))[1] for n in range(2 * WORKERS)]
    reads = [asyncio.create_task(file_read(file)) for file in files]
    for _ in range(WORKERS):
        await asyncio.to_thread(pages.entered.acquire)
    assert 10 == (await attributes(await root.walk(b"0"))).size
    assert WORKERS == pages.waited
    pages.gate.set()
    assert [CONTENT] * len(files) == await asyncio.gather(*reads)


async def test_host_cannot_say(root: Node, file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that does not know what is in memory is asked once."""
    asked = []

    def unknown(*args: object) -> int:
        asked.append(args)
        raise OSError(errno.EOPNOTSUPP, "no idea")

    monkeypatch.setattr(os, "preadv", unknown)
    for _ in range(3):
        assert CONTENT == await file.read(0, 100)
    again = await (await root.walk(b"f")).open(RDONLY)
    assert CONTENT == await again.read(0, 100)
    assert 1 == len(asked)


async def test_no_thread(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not have another thread is out of memory."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    with refused(errno.ENOMEM):
        await file.fsync(datasync=False)


def failing(number: int) -> Callable[[int], None]:
    """Return a call that fails the first time."""
    calls = iter([OSError(number, os.strerror(number))])

    def call(_: int) -> None:
        for exc in calls:
            raise exc

    return call


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_lost(file: File, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """After data were lost, no fsync of the open file claims success."""
    monkeypatch.setattr(os, "fsync", failing(number))
    for _ in range(3):
        with refused(number):
            await file.fsync(datasync=False)


async def test_not_lost(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another error of an fsync may pass."""
    monkeypatch.setattr(os, "fdatasync", failing(errno.EINTR))
    with refused(errno.EINTR):
        await file.fsync(datasync=True)
    await file.fsync(datasync=True)


async def test_noatime(tmp_path: Path) -> None:
    """Reading a file or directory leaves its access time alone, if that is asked for."""
    root = await LocalBackend(tmp_path, noatime=True).attach()
    (tmp_path / "f").write_bytes(CONTENT)
    os.utime(tmp_path / "f", (5, 10**9))
    os.utime(tmp_path, (5, 10**9))
    file = await (await root.walk(b"f")).open(RDONLY)
    assert CONTENT == await file.read(0, 10)
    assert [b"f"] == await names(root)
    assert [5, 5] == [(tmp_path / "f").stat().st_atime, tmp_path.stat().st_atime]


async def test_noatime_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the access time may not be left alone, reading goes on without."""
    host = os.open

    def forbid(path: bytes, flags: int, *args: int, **where: int) -> int:
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, "not yours")
        return host(path, flags, *args, **where)

    monkeypatch.setattr(os, "open", forbid)
    root = await LocalBackend(tmp_path, noatime=True).attach()
    _, file = await create(root, b"f", CONTENT)
    assert CONTENT == await file.read(0, 10)
    assert [b"f"] == await names(root)


async def test_scan_of_all_kinds(root: Node) -> None:
    """A scan needs nothing of the entries but what the directory says."""
    await mkdir(root, b"d")
    await mkfifo(root, b"p")
    assert [b"d", b"p"] == await names(root)
