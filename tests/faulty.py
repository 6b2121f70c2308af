"""Faults on demand: of a file tree's calls, and of the host's beneath a local one."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import pytest

SHORT = {"read", "write"}
HOST = (
    *("open", "stat", "fstat", "scandir", "fstatvfs", "preadv", "pread", "pwrite", "ftruncate"),
    *("truncate", "fsync", "fdatasync", "mkdir", "rmdir", "unlink", "rename", "link", "symlink"),
    *("readlink", "mknod", "chmod", "chown"),
    *("getxattr", "listxattr", "setxattr", "removexattr"),
)
"""Calls of `os` that the local backend makes."""


@dataclass(frozen=True)
class Fault:
    """What happens to the `use`-th call of a name: it fails, does half, or waits before it runs."""

    call: str
    use: int = 1
    exc: BaseException | None = None
    short: bool = False
    wait: float = 0.0


class Plan:
    """Faults by call and use, and how often each call was made."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        """Take the faults."""
        self.faults = {(fault.call, fault.use): fault for fault in faults}
        self.uses: Counter[str] = Counter()

    def meet(self, call: str) -> Fault:
        """Count a call; return what happens to it."""
        self.uses[call] += 1
        fault = self.faults.get((call, self.uses[call]), Fault(call))
        if fault.exc:
            raise fault.exc
        return fault


class Faulty:
    """A backend, a node or a file whose calls are up to a plan; the rest is that of `inner`."""

    def __init__(self, inner: Any, plan: Plan, known: Any = None) -> None:
        """Stand for `inner`; `known` are those that stand for the nodes of its tree."""
        self.inner = inner
        self.plan = plan
        self.known = WeakValueDictionary() if known is None else known

    def __getattr__(self, name: str) -> Any:
        """Return what `inner` has; its calls are up to the plan."""
        value = getattr(self.inner, name)
        if inspect.iscoroutinefunction(value):
            return partial(self.call, name, value)
        if name == "readdir":
            return partial(self.scan, value)
        return self.wrap(value) if name == "parent" else value

    async def call(self, name: str, value: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Make a call of `inner`."""
        fault = self.plan.meet(name)
        if fault.wait:
            await asyncio.sleep(fault.wait)
        given = [one.inner if isinstance(one, Faulty) else one for one in args]
        if fault.short:
            given[1] = given[1] // 2 if name == "read" else given[1][: len(given[1]) // 2]
        kept = {k: v.inner if isinstance(v, Faulty) else v for k, v in more.items()}
        return self.wrap(await value(*given, **kept))

    def scan(self, value: Callable[[], Any]) -> Any:
        """List a directory."""
        self.plan.meet("readdir")
        return value()

    def wrap(self, result: Any) -> Any:
        """Return what stands for a result, if that is of a tree."""
        if isinstance(result, tuple) and len(result) == 2:
            return tuple(map(self.wrap, result))
        if hasattr(result, "walk"):  # a node: one and the same for each
            found = self.known.get(id(result))
            if found is None:
                found = self.known[id(result)] = Faulty(result, self.plan, self.known)
            return found
        return Faulty(result, self.plan, self.known) if hasattr(result, "fsync") else result


class Host:
    """The host's calls, of which one may fail, while it is `armed`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of them all."""
        self.armed = False
        self.made: list[str] = []
        self.failing = 0
        """Which of the calls that are made while armed fails; 0: none."""
        self.errno = 0
        for name in HOST:
            monkeypatch.setattr(os, name, partial(self.call, name, getattr(os, name)))

    def arm(self, failing: int = 0, number: int = 0) -> None:
        """Count from now on."""
        self.armed, self.made, self.failing, self.errno = True, [], failing, number

    def call(self, name: str, value: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Make a call, or fail."""
        if self.armed:
            self.made.append(name)
            if len(self.made) == self.failing:
                raise OSError(self.errno, os.strerror(self.errno))
        return value(*args, **more)
