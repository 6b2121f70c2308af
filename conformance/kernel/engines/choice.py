"""Which engine to take."""

from __future__ import annotations

from collections.abc import Callable

from ..kernels import Kernel
from . import Engine
from .docker import DockerEngine
from .host import HostEngine
from .qemu import QemuEngine
from .uml import UmlEngine

BOOTING: dict[str, Callable[[Kernel | None], Engine]] = {"uml": UmlEngine, "qemu": QemuEngine}
"""Engines that boot a kernel of one's choice."""
ENGINES: dict[str, Callable[[], Engine]] = {
    "docker": DockerEngine,
    "host": HostEngine,
}
NAMES = ("auto", *BOOTING, *ENGINES)


def engine(name: str, kernel: Kernel | None = None) -> Engine:
    """Return the engine of that name; `auto` is the running kernel if it can mount 9P, else UML."""
    if kernel is not None:
        return BOOTING[kernel.engine](kernel)
    if name == "auto":
        host = HostEngine()
        return UmlEngine() if host.available() else host
    return BOOTING[name](None) if name in BOOTING else ENGINES[name]()
