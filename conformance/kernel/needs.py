"""What a script needs, as data, and why a need is not met.

Needs are strings: `root`, `read-only`, `second-mount`, `coherent`, `xattr`, `xattr-64k`,
`repository`, `users`, `socket`, `server`, `disk`, `neighbour`, `ours`, `cache=MODE`,
`transport=NAME`, `program:NAME`, `kernel>=X.Y`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .model import VIRTIO

PLAIN = frozenset(
    {
        "root",
        "read-only",
        "second-mount",
        "coherent",
        "xattr",
        "xattr-64k",
        "repository",
        "users",
        "socket",
        "server",
        "disk",
        "neighbour",
        "ours",
    }
)
XATTR_SIZE_MAX = 65536
"""Linux's limit for one value."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a cell offers, found out in the guest; `xattr_max` in bytes, 0 for none at all."""

    transport: str
    cache: str
    access: str
    kernel: tuple[int, int]
    root: bool
    read_only: bool
    xattr_max: int
    repository: bool
    disk: bool
    server: bool
    neighbour: bool
    ours: bool
    which: Callable[[str], str | None] = shutil.which


def valid(need: str) -> bool:
    """Tell whether `need` is spelled as this module knows it."""
    pattern = r"(cache|transport)=[a-z]+|program:[\w.-]+|kernel>=\d+\.\d+"
    return need in PLAIN or re.fullmatch(pattern, need) is not None


def unmet(needs: Iterable[str], facts: Facts) -> str | None:
    """Return why the first unmet need is not met, or None when all are."""
    return next((reason for need in needs if (reason := why_not(need, facts))), None)


def why_not(need: str, facts: Facts) -> str | None:
    """Return why one need is not met, or None."""
    if "kernel>=" in need:
        return kernel_too_old(need.removeprefix("kernel>="), facts.kernel)
    if "=" in need:
        name, wanted = need.split("=", 1)
        return None if getattr(facts, name) == wanted else f"needs {need}"
    if need.startswith("program:"):
        program = need.removeprefix("program:")
        return None if facts.which(program) else f"needs the program {program}"
    return missing_offer(need, facts)


def kernel_too_old(wanted: str, kernel: tuple[int, int]) -> str | None:
    """Compare two releases by their first two numbers."""
    major, minor = (int(part) for part in wanted.split("."))
    if kernel >= (major, minor):
        return None
    return f"needs Linux {wanted} or newer, this is {kernel[0]}.{kernel[1]}"


def missing_offer(need: str, facts: Facts) -> str | None:
    """Return why one of the `PLAIN` needs is not met, or None."""
    offers = {
        "root": (facts.root, "needs root"),
        "read-only": (facts.read_only, "needs a read-only form of the server (--readonly-server)"),
        "second-mount": (True, ""),
        "coherent": (
            facts.cache != "loose",
            f"with cache={facts.cache} the client does not ask the server again",
        ),
        "xattr": (facts.xattr_max > 0, "needs extended attributes below the export"),
        "xattr-64k": (
            facts.xattr_max >= XATTR_SIZE_MAX,
            f"needs attribute values of {XATTR_SIZE_MAX} bytes below the export",
        ),
        "repository": (facts.repository, "needs a git checkout of the project"),
        "socket": (facts.transport != VIRTIO, "needs a server behind a socket"),
        "server": (
            facts.server,
            "needs a server that the lab starts",
        ),
        "disk": (
            facts.disk,
            "needs a disk that may be filled: a guest's, not this machine's",
        ),
        "neighbour": (facts.neighbour, "needs a second guest, and a server in the first"),
        "ours": (facts.ours, "needs options that our server has"),
        "users": (facts.access != "any", "with access=any the server sees one user only"),
    }
    met, reason = offers[need]
    return None if met else reason
