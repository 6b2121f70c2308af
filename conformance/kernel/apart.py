"""A server of a check's own, that may be stopped, killed and started again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Apart:
    """One more server of the same export, with one mount; on the control nothing is served.

    `dir`      the check's directory in that mount
    `send`     send the server a signal
    `restart`  start the server again where it listened
    `remount`  unmount and mount again
    """

    dir: Path
    send: Callable[[int], None]
    restart: Callable[[], None]
    remount: Callable[[], None]
