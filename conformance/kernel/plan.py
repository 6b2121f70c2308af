"""Which scripts run in which cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

from .catalog import Script
from .model import VIRTIO, Cell, Planned

TRANSPORTS = ("tcp", "unix", "fd")
CACHES = ("none", "readahead", "mmap", "loose")
MSIZES = (4096, 65536, 1 << 20)
"""Bytes: the kernel's least, what old servers allow, and the most over a socket."""
ACCESSES = ("user", "client", "any")
MSIZE_MIN, MSIZE_MAX = 4096, (1 << 31) - 1
"""Bytes that the kernel takes."""
MODE = re.compile(r"[a-z][a-z0-9_]*|[0-9]+")
"""A cache mode; which there are the kernel knows."""
FIRST = Cell()
"""The cell that runs everything it can."""


def impossible(cell: Cell) -> str:
    """Say which part of a cell nobody can ask for; nothing if all is in order."""
    right = {
        "transport": cell.transport in (*TRANSPORTS, VIRTIO),
        "cache": MODE.fullmatch(cell.cache),
        "msize": cell.msize is None or MSIZE_MIN <= cell.msize <= MSIZE_MAX,
        "access": cell.access in ("", *ACCESSES),
    }
    return next((f"{k} is {getattr(cell, k)!r}" for k, good in right.items() if not good), "")


def default_plan(scripts: Sequence[Script]) -> tuple[Planned, ...]:
    """Everything over tcp, the short scripts over a unix socket, other caches where needed."""
    cells: dict[Cell, list[str]] = {FIRST: [], Cell(transport="unix"): []}
    for script in scripts:
        cells.setdefault(Cell(cache=wanted_cache(script) or FIRST.cache), []).append(script.name)
        if script.short:
            cells[Cell(transport="unix")].append(script.name)
    return tuple(Planned(cell, tuple(names)) for cell, names in cells.items() if names)


def longest_first(
    cells: Iterable[Planned], scripts: Callable[[str], Script]
) -> tuple[Planned, ...]:
    """Put the scripts that may take longest first, so that guests that share a job end together."""

    def order(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(names, key=lambda name: -scripts(name).deadline))

    return tuple(Planned(planned.cell, order(planned.scripts)) for planned in cells)


def wanted_cache(script: Script) -> str | None:
    """Return the cache mode that a script needs, if it needs one."""
    modes = [need.removeprefix("cache=") for need in script.needs if need.startswith("cache=")]
    return modes[0] if modes else None


def chosen_plan(
    scripts: Sequence[Script],
    transports: Iterable[str],
    caches: Iterable[str],
    msizes: Iterable[int | None],
    accesses: Iterable[str],
) -> tuple[Planned, ...]:
    """Every selected script in the product of what was asked for; unmet needs become skips."""
    names = tuple(script.name for script in scripts)
    cells = product(
        tuple(transports) or ("tcp",),
        tuple(caches) or ("none",),
        tuple(msizes) or (None,),
        tuple(accesses) or ("",),
    )
    return tuple(Planned(Cell(*cell), names) for cell in dict.fromkeys(cells))


def by_device(cells: Iterable[Planned]) -> tuple[Planned, ...]:
    """Return the cells for a server that is a device: transports make no difference there."""
    return with_transports(cells, dict.fromkeys(TRANSPORTS, VIRTIO))


def by_address(cells: Iterable[Planned]) -> tuple[Planned, ...]:
    """Return the cells for a server that runs elsewhere: no socket's path leads out of a guest."""
    return with_transports(cells, {"unix": "tcp"})


def with_transports(cells: Iterable[Planned], others: Mapping[str, str]) -> tuple[Planned, ...]:
    """Return the cells with other transports; those that become one run what either would."""
    found: dict[Cell, list[str]] = {}
    for planned in cells:
        transport = others.get(planned.cell.transport, planned.cell.transport)
        names = found.setdefault(replace(planned.cell, transport=transport), [])
        names += [name for name in planned.scripts if name not in names]
    return tuple(Planned(cell, tuple(names)) for cell, names in found.items())


def all_cells(scripts: Sequence[Script]) -> tuple[Planned, ...]:
    """Every selected script in every cell there is."""
    return chosen_plan(scripts, TRANSPORTS, CACHES, MSIZES, ACCESSES)
