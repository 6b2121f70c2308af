"""Guests as processes: what they say is passed on, and none outlives the run."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ninep.conformance.kernel.engines import EngineError, host, process
from ninep.conformance.kernel.engines.process import Guest, follow
from ninep.conformance.kernel.model import Job
from ninep.conformance.kernel.record import Event

SAY = 'echo \'{"event": "%s"}\''
END = SAY % "end"
PATIENCE = 10.0
"""Seconds that a killed process may take to go away."""
ENV = {"PATH": os.defpath}


def guest(folder: Path, number: int, script: str) -> Guest:
    """Make a guest that is a shell script."""
    return Guest(["sh", "-c", script], ENV, folder / f"console-{number}")


def told(folder: Path, *scripts: str) -> list[str]:
    """Run guests and return the events that were passed on."""
    heard: list[str] = []
    guests = [guest(folder, number, script) for number, script in enumerate(scripts)]
    follow(guests, lambda event: heard.append(event["event"]))
    return heard


@pytest.fixture
def leash(tmp_path: Path) -> Iterator[int]:
    """Provide the reading end of what blocked guests and their children hold open."""
    os.mkfifo(tmp_path / "leash")
    fd = os.open(tmp_path / "leash", os.O_RDONLY | os.O_NONBLOCK)
    yield fd
    os.close(fd)


def blocks(folder: Path, number: int, first: str = "") -> Guest:
    """Make a guest that never ends, with a child that holds the leash as well."""
    return guest(folder, number, f"exec 3>{folder / 'leash'}; {first} sleep 1000 & wait")


def all_gone(leash: int) -> bool:
    """Wait until nobody holds the leash."""
    try:
        return os.read(leash, 1) == b""
    except BlockingIOError:
        return bool(select.select([leash], [], [], PATIENCE)[0])


def test_events_of_all_are_passed_on(tmp_path: Path) -> None:
    """Each guest is heard to its end; what is no event is left out."""
    scripts = [f"{SAY % 'one'}; echo boot noise; {END}", f"{SAY % 'two'}; {END}"]
    assert sorted(told(tmp_path, *scripts)) == ["end", "end", "one", "two"]


def test_a_dead_guest_does_not_stop_the_others(tmp_path: Path) -> None:
    """The other guest goes on after one has died; the run then ends with the dead one's words."""
    heard: list[str] = []
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    dies = guest(tmp_path, 0, f"exec 3>{gate}; echo panic >&2; exit 1")
    lives = guest(tmp_path, 1, f"read -r line <{gate}; {SAY % 'later'}; {END}")
    with pytest.raises(EngineError, match="the guest died; its console ends: panic"):
        follow([dies, lives], lambda event: heard.append(event["event"]))
    assert heard == ["later", "end"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"{SAY % 'begin'}; exit 1", ["begin", "end"]),
        (f"{SAY % 'begin'}; {SAY % 'retire'}; {END}", ["begin", "retire", "end", "end"]),
        (f"{SAY % 'begin'}; {END}", ["begin", "end"]),
        ("exit 1", []),
    ],
)
def test_another_goes_on(tmp_path: Path, script: str, said: list[str]) -> None:
    """One that died after it began, or retired, has a successor; one that is done has none."""
    heard: list[str] = []
    first, second = guest(tmp_path, 0, script), guest(tmp_path, 1, END)
    with suppress(EngineError):
        follow(
            [first],
            lambda event: heard.append(event["event"]),
            successor=lambda lost: second if lost is first else None,
        )
    assert heard == said


def test_a_silent_guest_is_ended(
    tmp_path: Path, leash: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest that says nothing for too long is ended with all its processes."""
    monkeypatch.setattr(process, "SILENCE", 0.5)
    with pytest.raises(EngineError, match="the guest hung and was ended"):
        follow([blocks(tmp_path, 0)], print)
    assert all_gone(leash)


def test_no_guest_outlives_an_interrupt(tmp_path: Path, leash: int) -> None:
    """Ctrl-C while one guest is heard ends all of them."""

    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt(event)

    guests = [blocks(tmp_path, 0, f"{SAY % 'begin'};"), blocks(tmp_path, 1)]
    with pytest.raises(KeyboardInterrupt):
        follow(guests, interrupt)
    assert all_gone(leash)


def test_the_host_engine_runs_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running kernel is a guest like any other: a child that is followed to its end."""
    heard: list[Event] = []
    job = Job(cells=(), server=(), readonly=None, python="python3")
    monkeypatch.setattr(host, "NAMESPACE", ("sh", "-c", f'{SAY % "begin"}; test -f "$3" && {END}'))
    host.HostEngine().run(job, heard.append)
    assert heard == [{"event": "begin"}, {"event": "end"}]


def test_a_guest_keeps_to_its_core(tmp_path: Path) -> None:
    """All of a guest runs on one core."""
    pinned = guest(tmp_path, 0, "exec sleep 1000")
    pinned.core = max(os.sched_getaffinity(0))
    pinned.start()
    assert pinned.process is not None
    assert os.sched_getaffinity(pinned.process.pid) == {pinned.core}
    pinned.end()
