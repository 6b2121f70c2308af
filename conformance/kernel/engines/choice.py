"""Which engine to take."""

from __future__ import annotations

from collections.abc import Callable

from . import Engine
from .docker import DockerEngine
from .host import HostEngine
from .uml import UmlEngine

ENGINES: dict[str, Callable[[], Engine]] = {
    "uml": UmlEngine,
    "docker": DockerEngine,
    "host": HostEngine,
}
NAMES = ("auto", *ENGINES)


def engine(name: str) -> Engine:
    """Return the engine of that name; `auto` is the running kernel if it can mount 9P, else UML."""
    if name == "auto":
        host = HostEngine()
        return UmlEngine() if host.available() else host
    return ENGINES[name]()
