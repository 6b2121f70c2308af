"""Engines: ways to get a kernel.  The guest's part is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..kernels import Kernel
from ..model import Job
from ..record import Event


class EngineError(Exception):
    """No kernel came up, or it went away; the text is one line for the user."""


class Engine(Protocol):
    """One way to get a kernel."""

    name: str
    kernel: Kernel | None
    """What it boots; None: what is running already."""

    def available(self) -> str | None:
        """Return why this engine cannot work here, or None when it can."""

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Run the job and pass its events on; raise EngineError when the guest dies."""
