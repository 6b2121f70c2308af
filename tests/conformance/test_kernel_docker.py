"""Cells as containers, with an engine that only pretends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ninep.conformance.kernel.engines import EngineError
from ninep.conformance.kernel.engines.docker import Fleet
from ninep.conformance.kernel.model import Cell, Job, Planned
from ninep.conformance.kernel.record import Event

CELLS = (Planned(Cell(), ("a",)), Planned(Cell(cache="loose"), ()), Planned(Cell("unix"), ("b",)))
JOB = Job(CELLS, (), None, "python3", jobs=2)


class Container:
    """A container that has one event to tell, and an exit code."""

    def __init__(self, engine: Engine, name: str, command: list[str]) -> None:
        """Be started."""
        self.engine, self.name, self.command = engine, name, command
        self.killed = threading.Event()

    def logs(self, **_: object) -> Iterator[bytes]:
        """Say that it listens, or what its lab says; the engine may let that wait."""
        if not self.name.endswith("kernel"):
            return iter([b"listening on x\n"])
        if self.engine.endless:
            self.killed.wait()
        said = {"event": "done", "cell": 0, "script": self.command[-1]}
        return iter([json.dumps(said).encode() + b"\n", b"noise\n"])

    def wait(self) -> dict[str, int]:
        """Return the exit code."""
        return {"StatusCode": self.engine.codes.get(self.command[-1], 0)}

    def kill(self) -> None:
        """End it."""
        self.killed.set()

    def remove(self, **_: object) -> None:
        """Be removed."""
        self.engine.there.discard(self.name)


class Engine:
    """An engine; what is there by name."""

    def __init__(self, *, endless: bool = False, **codes: int) -> None:
        """Have both images."""
        self.endless, self.codes = endless, codes
        self.there: set[str] = set()
        self.images = SimpleNamespace(list=lambda _: [1])
        self.networks = SimpleNamespace(create=self.thing("network"))
        self.volumes = SimpleNamespace(create=self.thing("volume"))
        self.containers = SimpleNamespace(run=self.run)

    def thing(self, kind: str) -> Any:
        """Return what makes a network or a volume."""

        def create(name: str, **_: object) -> SimpleNamespace:
            full = f"{kind} {name}"
            self.there.add(full)
            return SimpleNamespace(remove=lambda: self.there.discard(full))

        return create

    def run(self, _: str, command: list[str], *, name: str, **__: object) -> Container:
        """Start a container."""
        self.there.add(name)
        return Container(self, name, command)


def test_each_cell_has_containers_of_its_own() -> None:
    """Their events come under the cell's number, a cell without scripts starts none, all go."""
    engine, events = Engine(), list[Event]()
    Fleet(engine, events.append).run(JOB)
    assert {(event["cell"], event["script"]) for event in events} == {(0, "a"), (2, "b")}
    assert engine.there == set()


def test_a_cell_that_breaks_does_not_stop_the_others() -> None:
    """That scripts fail is a verdict; any other end is said with its cell."""
    events = list[Event]()
    with pytest.raises(EngineError, match=r"^tcp,cache=none: the lab ended with exit code 4$"):
        Fleet(Engine(a=4, b=1), events.append).run(JOB)
    assert len(events) == 2


def test_an_interrupt_ends_all() -> None:
    """Whatever the cells wait for, their kernels are killed and everything is removed."""
    engine = Engine(endless=True)
    fleet = Fleet(engine, print)
    running = threading.Event()
    began = fleet.began

    def note(kernel: Container) -> bool:
        try:
            return began(kernel)
        finally:
            running.set()

    fleet.began = note  # type: ignore[method-assign]
    failed: list[BaseException] = []

    def run() -> None:
        try:
            fleet.run(JOB)
        except BaseException as exc:  # noqa: BLE001
            failed.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    running.wait()
    fleet.stop()
    thread.join()
    assert engine.there == set()
