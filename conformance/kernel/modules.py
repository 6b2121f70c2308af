"""Kernel modules: which a guest needs, in which order, as files that busybox can load."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

NETWORK = "virtio_net"
"""The driver of the card that leads to a server outside."""
WANTED = {
    "uml": ("overlay", "9p", "9pnet_fd"),
    "qemu": (
        *("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay"),
        *("9pnet_virtio", "9pnet_fd", "9p", NETWORK),
    ),
}
"""What the guest of each engine loads; what is not there is taken to be part of the kernel."""
DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")
OPEN: dict[str, Callable[[bytes], bytes]] = {
    ".ko": bytes,
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
}


class ModuleError(Exception):
    """A module cannot be read; the text says why."""


def content(path: Path) -> bytes:
    """Return a module as the kernel takes it.  Errors: ModuleError, OSError"""
    unpack = OPEN.get(path.suffix)
    if unpack is None:
        raise ModuleError(f"{path}: cannot decompress {path.suffix}; decompress the modules first")
    try:
        return unpack(path.read_bytes())
    except (lzma.LZMAError, gzip.BadGzipFile, EOFError) as exc:
        raise ModuleError(f"{path}: {exc}") from None


def index(tree: Path) -> dict[str, Path]:
    """Return the modules below a folder, by name."""
    return {plain(path.name.partition(".")[0]): path for path in sorted(tree.rglob("*.ko*"))}


def plain(name: str) -> str:
    """Return a name as the kernel spells it."""
    return name.replace("-", "_")


def closure(known: Mapping[str, Path], wanted: Iterable[str]) -> list[Path]:
    """Return the files of modules and of all that they depend on, each behind what it needs.

    Errors: ModuleError
    """
    order: dict[str, Path] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order or name not in known or name in above:
            return
        for needed in depends(content(known[name])):
            visit(needed, (*above, name))
        order[name] = known[name]

    for name in wanted:
        visit(name, ())
    return list(order.values())


def depends(data: bytes) -> Iterator[str]:
    """Yield the names that a module says it depends on."""
    found = DEPENDS.search(data)
    yield from (plain(name) for name in found[1].decode().split(",") if name) if found else ()


def copy(files: Iterable[Path], folder: Path) -> list[Path]:
    """Write modules into a folder, decompressed, so that their names sort as they are to be loaded.

    Errors: ModuleError, OSError
    """
    folder.mkdir()
    copies = []
    for number, path in enumerate(files):
        copies.append(folder / f"{number:02}-{path.name.partition('.')[0]}.ko")
        copies[-1].write_bytes(content(path))
    return copies
