"""The docker engine: a place kept for the container whose kernel mounts the server."""

from __future__ import annotations

from collections.abc import Callable

from ..model import Job
from ..record import Event
from . import EngineError


class DockerEngine:
    """Not part of this version; asking for it is answered with what to use instead."""

    name = "docker"

    def available(self) -> str | None:
        """Return that it is not."""
        return "the docker engine is not part of this version: use --engine uml"

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:  # noqa: ARG002
        """Refuse."""
        raise EngineError(str(self.available()))
