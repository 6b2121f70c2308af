"""The first root of a QEMU guest: an archive in cpio's newc form, as the kernel unpacks it.

Linux, Documentation/driver-api/early-userspace/buffer-format.rst, says how it is laid out.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

DIRECTORIES = ("bin", "dev", "host", "mnt", "modules", "proc", "sys")
TRAILER = "TRAILER!!!"
DIRECTORY, LINK = stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777
PROGRAM, FILE = stat.S_IFREG | 0o755, stat.S_IFREG | 0o644


def initramfs(init: bytes, busybox: bytes, modules: Iterable[Path]) -> bytes:
    """Return the archive: /init, busybox, and modules in the order of the list /modules/list."""
    files = {f"modules/{path.name}": path.read_bytes() for path in modules}
    names = "".join(f"/{name}\n" for name in files)
    return b"".join(
        [
            *(entry(name, DIRECTORY) for name in DIRECTORIES),
            entry("bin/busybox", PROGRAM, busybox),
            entry("bin/sh", LINK, b"busybox"),
            entry("init", PROGRAM, init),
            *members(files),
            entry("modules/list", FILE, names.encode()),
            entry(TRAILER, 0),
        ]
    )


def members(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """Yield files as entries."""
    for name, data in files.items():
        yield entry(name, FILE, data)


def entry(name: str, mode: int, data: bytes = b"") -> bytes:
    """Return one entry: a header of thirteen numbers in hex, name and data, each padded to four."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return padded(header + path) + padded(data)


def padded(data: bytes) -> bytes:
    """Fill up to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)
