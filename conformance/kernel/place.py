"""Where a check works: its fresh directory, the ways around it, and what it may count on."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .apart import Apart
from .model import Side
from .neighbour import Meeting
from .tapped import Tapped

SECOND = 1_000_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """A fresh, empty directory on the mount or on the control file system.

    `dir`      the directory
    `second`   the same directory through a second mount of the same server
    `backing`  the same directory as the server sees it, without 9P in between
    `remount`  unmount and mount again
    `tapped`   mount the server once more, with every T-message noted, until the context ends
    `apart`    start one more server and mount it, likewise; over tcp it may have an address of
               this machine of its own, and ours may have more options
    `mounted`  mount the server once more with options added, likewise; the directory there and
               the options that the kernel shows
    `cache`    the mount's mode: none, readahead, mmap or loose
    `neighbour`  have another machine mount the server, likewise
    """

    dir: Path
    second: Path
    backing: Path
    side: Side
    cache: str
    kernel: tuple[int, int]
    remount: Callable[[], None]
    tapped: Callable[[], AbstractContextManager[Tapped]]
    apart: Callable[..., AbstractContextManager[Apart]]
    mounted: Callable[..., AbstractContextManager[tuple[Path, str]]]
    neighbour: Meeting
    repository: Path | None = None
    msize: int | None = None
    budgeted: bool = False
    """Whether the number of messages is known that there may be."""

    def __truediv__(self, name: str) -> Path:
        """Return the path of `name` in the directory."""
        return self.dir / name

    def raw(self, name: bytes) -> bytes:
        """Return the path of a name that need not be text."""
        return os.fsencode(self.dir) + b"/" + name

    @property
    def time_step(self) -> int:
        """Return to how many nanoseconds a time that is set here is rounded down.

        Linux's 9P client sends whole seconds: it leaves its super block's granularity of times at
        the default of a second.  Times that the server sets are not rounded.
        """
        return 1 if self.is_control else SECOND

    @property
    def is_control(self) -> bool:
        """Tell whether this is the local file system."""
        return self.side == "control"
