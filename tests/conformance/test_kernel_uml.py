"""User Mode Linux: how many guests fit, and two that boot and share two small scripts."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ninep.conformance.kernel.engines import guests
from ninep.conformance.kernel.engines.uml import UmlEngine
from ninep.conformance.kernel.model import DIED, FAILED, Cell, Job, Planned

REASON = UmlEngine().available()
TIMEOUT = 120
JOB = Job((Planned(Cell(), ("a", "b", "c")), Planned(Cell("unix"), ("a",))), (), None, "python3")


@pytest.mark.parametrize(
    ("cores", "mebibytes", "asked", "expected"),
    [
        (2, 9999, 0, 2),
        (3, 1100, 0, 2),
        (3, 100, 0, 1),
        (64, 99999, 0, 4),
        (1, 100, 3, 3),
        (2, 9999, 9, 4),
    ],
)
def test_how_many(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cores: int,
    mebibytes: int,
    asked: int,
    expected: int,
) -> None:
    """As many guests as cores and memory allow, or as were asked for; each has a script to run."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {mebibytes << 10} kB\n")
    monkeypatch.setattr(guests, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(guests, "cores", lambda: list(range(cores)))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 40))
    assert guests.how_many(replace(JOB, jobs=asked)) == expected


def test_a_full_disk_holds_fewer_guests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a guest is a file that has to fit the temporary folder."""
    monkeypatch.setattr(guests, "cores", lambda: [0, 1])
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=600 << 20))
    assert guests.how_many(JOB) == 1


def started(folder: Path, results: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a lab over tcp whose files are in a folder."""
    command = [sys.executable, "-m", "ninep.conformance.kernel", "--engine", "uml"]
    return subprocess.Popen(
        [*command, "--transport", "tcp", "--json", str(results), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"TMPDIR": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
def test_boot(tmp_path: Path) -> None:
    """Two guests share two scripts, which pass on mount and control; nothing is left behind."""
    results = tmp_path / "results.json"
    with started(tmp_path, results, "--jobs", "2", "--script", "statfs", "--script", "exec") as lab:
        said, _ = lab.communicate(timeout=TIMEOUT)
    assert lab.returncode == 0, said.decode()
    data = json.loads(results.read_text(encoding="utf-8"))
    (run,) = data["runs"]
    scripts = run["cells"][0]["scripts"]
    assert [script["name"] for script in scripts] == ["12_statfs", "19_exec"]
    assert {(script["mount"], script["control"]) for script in scripts} == {("pass", "pass")}
    assert " 9p " in run["cells"][0]["mount"]
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def processes(folder: Path, name: str = "") -> list[int]:
    """Return the processes whose command line names something in a folder, and a name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes()
            if os.fsencode(folder) in line and name.encode() in line:
                found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
@pytest.mark.parametrize("victim", ["lab", "guest"])
def test_killed_under_load(tmp_path: Path, victim: str) -> None:
    """A lab that is told to end, and one whose guest is killed, say so, and leave nothing.

    What the guest had not begun is done by another one.
    """
    results, work = tmp_path / "results.json", tmp_path / "work"
    work.mkdir()
    scripts = ("--script", "statfs", "--script", "concurrency", "--script", "remount")
    with started(work, results, "--jobs", "1", *scripts, "--events") as lab:
        assert lab.stdout is not None
        begun = False
        while not begun:  # the first of its checks has its result, the next one runs
            event = json.loads(lab.stdout.readline())
            begun = event["event"] == "result" and event["script"] == "20_concurrency"
        if victim == "lab":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                lab.send_signal(number)
        else:
            guest = next(pid for pid in processes(work) if pid != lab.pid)
            os.killpg(os.getpgid(guest), signal.SIGKILL)
        lab.stdout.read()
        assert lab.wait(TIMEOUT) == DIED
    (run,) = json.loads(results.read_text(encoding="utf-8"))["runs"]
    assert ("interrupted" if victim == "lab" else "the guest died") in run["trouble"]
    verdicts = {script["name"]: script["verdict"] for script in run["cells"][0]["scripts"]}
    rest = {} if victim == "lab" else {"21_remount": "pass"}
    assert verdicts == {"12_statfs": "pass", "20_concurrency": "error", **rest}
    assert list(work.iterdir()) == []
    assert processes(work) == []


KILLED = """
"$1" -m ninep serve "$2" --listen "$3" --rw & server=$!
while [ -e "$2/killed" ] || [ ! -e "$2/20_concurrency" ]; do
    sleep 0.05
    kill -0 $server || exit
done
: >"$2/killed"
kill -9 $server
wait $server
"""
"""A server that is killed as soon as the script 20_concurrency has begun, once."""


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
def test_a_server_killed_under_load(tmp_path: Path) -> None:
    """The script it dies in is red and says so; a new one serves the next; nothing is left."""
    results, work = tmp_path / "results.json", tmp_path / "work"
    work.mkdir()
    server = f"sh -c {shlex.quote(KILLED)} sh {{python}} {{root}} {{addr}}"
    scripts = ("--script", "concurrency", "--script", "remount")
    with started(work, results, "--jobs", "1", "--server", server, *scripts) as lab:
        said, _ = lab.communicate(timeout=TIMEOUT)
    assert lab.returncode == DIED, said.decode()
    (run,) = json.loads(results.read_text(encoding="utf-8"))["runs"]
    dead, alive = run["cells"][0]["scripts"]
    assert "the server died with status 137" in dead["trouble"]
    assert (dead["mount"], alive["mount"]) == ("fail", "pass")
    assert list(work.iterdir()) == []
    assert processes(work) == []


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
def test_a_planted_mutant(tmp_path: Path) -> None:
    """A server with one thing wrong that a kernel can notice is red: the clause is named, and what
    went over the wire when the check ran once more is shown.
    """
    results = tmp_path / "results.json"
    server = "{python} -m ninep.conformance.mutants.serve setattr-size-needs-name {root} {addr}"
    with started(tmp_path, results, "--server", server, "--script", "unlinked") as lab:
        lab.communicate(timeout=TIMEOUT)
    assert lab.returncode == FAILED
    (run,) = json.loads(results.read_text(encoding="utf-8"))["runs"]
    checks = run["cells"][0]["scripts"][0]["checks"]
    (failed,) = [check for check in checks if check["verdict"] == "fail"]
    assert failed["clauses"] == ["setattr.size-open-fid"]
    assert failed["trace"]["outcome"] == "fail"
    said = [step["text"] for step in failed["trace"]["steps"]]
    asked = next(at for at, text in enumerate(said) if text.startswith("Tsetattr"))
    assert "ENOENT" in said[asked + 1]


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
def test_the_other_guest_killed(tmp_path: Path) -> None:
    """Locks change hands between two guests; when one is killed the lab says so and comes to its
    end, and nothing is left.
    """
    results, work = tmp_path / "results.json", tmp_path / "work"
    work.mkdir()
    with started(work, results, "--jobs", "1", "--script", "neighbour", "--events") as lab:
        assert lab.stdout is not None
        event: dict[str, str] = {}
        while (event.get("event"), event.get("check")) != ("result", "seen"):
            event = json.loads(lab.stdout.readline())
        guest = processes(work, "/neighbour/")[0]
        os.killpg(os.getpgid(guest), signal.SIGKILL)
        lab.stdout.read()
        assert lab.wait(TIMEOUT) == DIED
    (run,) = json.loads(results.read_text(encoding="utf-8"))["runs"]
    assert "the other guest: the guest died" in run["trouble"]
    checks = {c["name"]: c for c in run["cells"][0]["scripts"][0]["checks"]}
    early = ("lock_excludes", "hand_over", "counting", "killed", "flock", "seen")
    assert {checks[name]["mount"]["verdict"] for name in early} == {"pass"}
    assert "the other guest does not answer" in checks["half_open"]["mount"]["message"]
    assert list(work.iterdir()) == []
    assert processes(work) == []
