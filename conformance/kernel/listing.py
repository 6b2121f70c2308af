"""`ninep lab kernels`: what can boot here, from where it came, and what is missing for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .engines.choice import engine
from .kernels import Kernel, Source, cached


def listed(
    here: Sequence[Kernel],
    table: Sequence[Source],
    boots: Mapping[str, float],
    reasons: Mapping[str, str | None],
) -> list[str]:
    """Return the lines: kernels that are here, those that could be fetched, the other engines.

    `boots` has seconds by name; `reasons` why an engine that brings its own kernel cannot work.
    """
    width = max([len("kernel"), *(len(kernel.name) for kernel in here)])
    lines = [f"{'kernel':{width}}  {'boots in':8}  from"]
    for kernel in here:
        seconds = f"{boots[kernel.name]:.1f} s" if kernel.name in boots else "not tried"
        problem = engine(kernel.engine, kernel).available()
        what = f"cannot boot: {problem}" if problem else kernel.origin
        lines.append(f"{kernel.name:{width}}  {seconds:>8}  {what}")
    if not here:
        lines.append("none: apt-get install user-mode-linux, or fetch one")
    lines += ["", *missing(table)]
    for name, reason in reasons.items():
        lines.append(f"--engine {name}: {reason or 'works here'}")
    return lines


def missing(table: Sequence[Source]) -> list[str]:
    """Return a line for each kernel of the table that is not in the cache."""
    there = {(kernel.source, kernel.engine) for kernel in cached()}
    return [
        f"not fetched: ninep lab kernels --fetch {source.engine}:{source.name}"
        for source in table
        if (source.name, source.engine) not in there
    ]
