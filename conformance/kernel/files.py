"""Small helpers that scripts share: files by content, system calls that `os` does not have."""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from .expect import Failed, one_of, show
from .place import Place

LIBC = ctypes.CDLL(None, use_errno=True)
UTIME_NOW = (1 << 30) - 1
UTIME_OMIT = (1 << 30) - 2
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
Entry = tuple[object, ...]
"""What `manifest` says of one path: mode, owner, group, mtime, links, content, attributes."""

DIRENT_HEADER = 19
"""Bytes before the name in a directory entry of getdents64."""


class Timespec(ctypes.Structure):
    """struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


@contextmanager
def opened(path: Path | bytes | str, flags: int, mode: int = 0o644) -> Iterator[int]:
    """Open a file for the length of a block."""
    fd = os.open(path, flags, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def write(path: Path | bytes, data: bytes = b"") -> None:
    """Create or replace a file."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
        write_all(fd, data)


def write_through(path: Path | bytes, data: bytes) -> None:
    """Create or replace a file and have it on the server, whatever the client caches."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
        write_all(fd, data)
        os.fsync(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read(path: Path | bytes) -> bytes:
    """Return a file's content."""
    with opened(path, os.O_RDONLY) as fd:
        return read_all(fd)


def read_all(fd: int) -> bytes:
    """Read to the end of the file."""
    parts = []
    while data := os.read(fd, 1 << 20):
        parts.append(data)
    return b"".join(parts)


def pattern(size: int) -> bytes:
    """Return bytes without any regularity, always the same ones for one size."""
    return random.Random(size).randbytes(size)  # noqa: S311 - to be the same each time


def utimensat(
    target: Path | int, atime: tuple[int, int], mtime: tuple[int, int], flags: int = 0
) -> None:
    """Set times as (seconds, nanoseconds), with UTIME_NOW and UTIME_OMIT for the latter."""
    times = (Timespec * 2)(Timespec(*atime), Timespec(*mtime))
    if isinstance(target, int):
        result = LIBC.futimens(target, times)
    else:
        result = LIBC.utimensat(AT_FDCWD, os.fsencode(target), times, flags)
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def getdents(path: Path) -> list[bytes]:
    """Return all names of a directory, "." and ".." too, in the order of the directory."""
    names: list[bytes] = []
    buffer = ctypes.create_string_buffer(1 << 15)
    with opened(path, os.O_RDONLY | os.O_DIRECTORY) as fd:
        while (size := LIBC.getdents64(fd, buffer, len(buffer))) > 0:
            names += entry_names(buffer.raw[:size])
    if size < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return names


def entry_names(data: bytes) -> Iterator[bytes]:
    """Yield the names in a buffer that getdents64 filled."""
    while data:
        length = int.from_bytes(data[16:18], "little")
        yield data[DIRENT_HEADER:length].partition(b"\0")[0]
        data = data[length:]


def manifest(root: Path, step: int = 1) -> dict[str, Entry]:
    """Describe a tree by what `describe` says of each path; `step` rounds times down."""
    return {str(path.relative_to(root)): describe(path, step) for path in sorted(walk(root))}


def same_time(place: Place, what: str, expected: int, actual: int) -> None:
    """Expect a time that was set to be kept, or rounded as the client does (`Place.time_step`).

    The client also takes 1970 for anything before it.
    """
    rounded = max(0, expected - expected % place.time_step)
    one_of(what, (expected,) if place.is_control else (expected, rounded), actual)


@contextmanager
def or_cached(here: Place, look: Callable[[Path], object]) -> Iterator[None]:
    """Look through a mount without a cache, too, at what fails in the block.

    If it is wrong there, that is the failure; if not, the failure says so.
    """
    try:
        yield
    except Exception as failure:
        with here.mounted("cache=none") as (there, _):
            look(there)
        raise Failed(f"without a cache it is right, and here {failure}") from failure


def is_database(at: Path) -> None:
    """Expect base.db to begin as SQLite's files do; whether it is whole takes its journal, too."""
    with closing(sqlite3.connect(f"file:{quote(str(at))}/base.db?immutable=1", uri=True)) as base:
        base.execute("pragma schema_version").fetchone()


def same_tree(what: str, expected: Path, actual: Path, step: int = 1) -> None:
    """Expect two trees to be equal in all that `manifest` describes."""
    same_manifest(what, manifest(expected, step), manifest(actual, step))


def same_manifest(what: str, wanted: dict[str, Entry], found: dict[str, Entry]) -> None:
    """Expect two manifests to be equal; the message has the first difference and their number."""
    wrong = [path for path in sorted(wanted | found) if wanted.get(path) != found.get(path)]
    if wrong:
        path, others = wrong[0], len(wrong) - 1
        seen = f"expected {show(wanted.get(path))}, got {show(found.get(path))}"
        raise Failed(f"{what}: {path}: {seen}; and {others} other differences")


def walk(root: Path) -> Iterator[Path]:
    """Yield a directory and all below it."""
    yield root
    for entry in os.scandir(root):
        path = root / entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from walk(path)
        else:
            yield path


def describe(path: Path, step: int) -> Entry:
    """Describe one file: mode, owner, group, mtime, links, content, attributes."""
    info = path.lstat()
    time = info.st_mtime_ns - info.st_mtime_ns % step
    regular = stat.S_ISREG(info.st_mode)
    content: object = None
    if stat.S_ISLNK(info.st_mode):
        content = os.readlink(path)
    elif regular:
        content = hashlib.sha256(read(path)).hexdigest()
    names = os.listxattr(path, follow_symlinks=False)
    xattrs = tuple((n, os.getxattr(path, n, follow_symlinks=False)) for n in sorted(names))
    links = info.st_nlink if regular else 0
    return (oct(info.st_mode), info.st_uid, info.st_gid, time, links, content, xattrs)
