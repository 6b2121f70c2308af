"""`ninep lab` at the prompt: selection, exit codes, files, and what is said of missing pieces."""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ninep.conformance.kernel import cli, kernels
from ninep.conformance.kernel.catalog import load_all
from ninep.conformance.kernel.engines import (
    EngineError,
    choice,
    docker,
    guests,
    host,
    qemu,
    relay,
    uml,
)
from ninep.conformance.kernel.kernels import Kernel
from ninep.conformance.kernel.model import DIED, FAULT, USAGE, Job
from ninep.conformance.kernel.record import INTERRUPTED, NOT_RUN, Event
from ninep.conformance.kernel.runs import Screen
from ninep.conformance.kernel.serving import servings

KERNEL = Kernel("uml", "6.1.0", Path("/kernel"))


class FakeEngine:
    """An engine that tells what it was given to tell."""

    name = "fake"
    kernel: Kernel | None = None

    def __init__(
        self, outcome: str = "pass", reason: str | None = None, error: BaseException | None = None
    ) -> None:
        """Remember what to do."""
        self.outcome = outcome
        self.reason = reason
        self.error = error
        self.job: Job | None = None

    def available(self) -> str | None:
        """Say what the test wants."""
        return self.reason

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Tell one result for each script."""
        self.job = job
        on_event({"event": "begin", "kernel": "6.1.0", "control": "ext4"})
        for number, planned in enumerate(job.cells):
            for name in planned.scripts:
                about = {"cell": number, "script": name}
                check = {**about, "check": "c", "title": "C."}
                result = {"outcome": self.outcome, "message": "m", "seconds": 0.1}
                on_event({"event": "script", **about, "title": "S."})
                on_event({"event": "check", **check, "clauses": []})
                on_event({"event": "result", **check, "side": "mount", **result})
                on_event({"event": "done", **about, "seconds": 0.2})
        if self.error:
            raise self.error


LONG = ("--script", "41_load")


def lab(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, *argv: str) -> int:
    """Run the command with a fake engine."""
    monkeypatch.setattr(cli, "engine", lambda *_: engine)
    return cli.main(argv)


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        (FakeEngine(), 0),
        (FakeEngine("skip"), 0),
        (FakeEngine("fail"), 1),
        (FakeEngine(reason="linux is missing"), 3),
        (FakeEngine(error=EngineError("the guest died")), 3),
        (FakeEngine(error=KeyboardInterrupt()), 3),
        (FakeEngine(error=ValueError("bug")), 4),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, expected: int) -> None:
    """Each way to end has its exit code."""
    assert lab(monkeypatch, engine, "--script", "lookup") == expected


@pytest.mark.parametrize(
    "argv",
    [
        ["--script", "no-such-script"],
        ["--server", "serve {root}"],
        ["--json", "/no/such/folder/results.json"],
        ["--all", "--cache", "loose"],
        ["--kernel", "1.0"],
        ["kernels", "--fetch", "1.0"],
        ["--fetch", "6.1"],
        ["--modules", "/lib/modules"],
        ["--server", "qemu"],
        ["--server", "qemu", "--engine", "uml"],
        ["--server", "127.0.0.1:5640"],
        ["--server", "tcp://nowhere"],
        ["--aname", "a,b"],
        ["--smoke", "--all"],
        ["--smoke", "--script", "load"],
        ["--readonly-server", ""],
        ["--server", "tcp://127.0.0.1:5640", "--readonly-server", "x {addr} {root}"],
        ["list", "--json", "-"],
        ["list", "--kernel", "6.1"],
        ["kernels", "--kernel", "6.1"],
        ["diff", "a", "b", "--all"],
    ],
)
def test_usage_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """What makes no sense is a usage error with a line that says why."""
    assert lab(monkeypatch, FakeEngine(), *argv) == USAGE
    assert capsys.readouterr().err.startswith("ninep lab: ")


@pytest.mark.parametrize(
    "argv",
    [
        ["--msize", "100"],
        ["--msize", "99999999999"],
        ["--transport", "rdma"],
        ["--cache", ""],
        ["--cache", "none,ro"],
        ["--engine", "x"],
        ["--jobs", "0"],
        ["--jobs", "two"],
    ],
)
def test_argument_errors(argv: list[str]) -> None:
    """Arguments that argparse refuses end with the same exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    assert end.value.code == USAGE


def test_missing_piece_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing kernel is one line, and a report is still written."""
    path = tmp_path / "results.json"
    engine = FakeEngine(reason="linux is missing: apt-get install user-mode-linux")
    lab(monkeypatch, engine, "--json", str(path), "--junit", str(tmp_path / "junit.xml"))
    said = capsys.readouterr()
    assert said.err == "ninep lab: linux is missing: apt-get install user-mode-linux\n"
    assert said.out == ""
    assert json.loads(path.read_text(encoding="utf-8"))["exit_code"] == 3
    assert "<failure" in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_json_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `-` the results are all there is on stdout."""
    lab(monkeypatch, FakeEngine(), "--json", "-", "--script", "lookup")
    said = capsys.readouterr()
    assert json.loads(said.out)["runs"][0]["kernel"] == "6.1.0"
    assert "PASS   01_lookup" in said.err


@pytest.mark.parametrize("there", ["link", "fifo", "file"])
def test_a_file_stays_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: str
) -> None:
    """A link, a FIFO or a device is written to and not replaced; a file keeps its mode."""
    path, read = tmp_path / "results.json", ""
    if there == "link":
        path.symlink_to(tmp_path / "target")
    elif there == "fifo":
        os.mkfifo(path)
    else:
        path.touch(0o640)
    before = path.lstat()
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(path.read_text) if there == "fifo" else None
        lab(monkeypatch, FakeEngine(), "--json", str(path), "--script", "lookup")
        read = reader.result(10) if reader else path.read_text(encoding="utf-8")
    assert json.loads(read)["runs"][0]["kernel"] == "6.1.0"
    assert path.lstat().st_mode == before.st_mode
    assert {entry.name for entry in tmp_path.iterdir()} <= {"results.json", "target"}


def test_plain_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal there is no colour and no progress."""
    lab(monkeypatch, FakeEngine(), "--script", "lookup", "--transport", "tcp")
    said = capsys.readouterr().out
    assert said.startswith("kernel   6.1.0 (fake)\ncontrol  ext4\n")
    assert "\x1b" not in said
    assert "\r" not in said


def test_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments become a job: cells, server, name to attach to, number of guests."""
    engine = FakeEngine()
    server = "diod -l {endpoint} -e {root}"
    argv = ["--server", server, "--aname", "{root}", "--script", "lookup", "--cache", "loose"]
    lab(monkeypatch, engine, *argv, "--jobs", "3")
    assert engine.job is not None
    assert engine.job.server == ("diod", "-l", "{endpoint}", "-e", "{root}")
    assert engine.job.readonly is None
    assert (engine.job.aname, engine.job.jobs) == ("{root}", 3)
    assert [planned.cell.name for planned in engine.job.cells] == ["tcp,cache=loose"]


def test_resume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a run that died has done is taken over, the rest is run, and the whole is written."""
    path = tmp_path / "results.json"
    asked = ("--script", "0[12]*")
    died = FakeEngine("fail", error=EngineError("gone"))
    assert lab(monkeypatch, died, *asked, "--json", str(path)) == 3
    data = json.loads(path.read_text(encoding="utf-8"))
    scripts = data["runs"][0]["cells"][0]["scripts"]
    scripts[1] |= {"trouble": "the run ended in the middle of it", "cut": True}
    path.write_text(json.dumps(data), encoding="utf-8")
    again = FakeEngine()
    assert lab(monkeypatch, again, *asked, "--resume", str(path)) == 1
    assert again.job is not None
    assert again.job.cells[0].scripts == (scripts[1]["name"],)
    cells = json.loads(path.read_text(encoding="utf-8"))["runs"][0]["cells"]
    assert [script["verdict"] for script in cells[0]["scripts"]] == ["fail", "pass"]
    idle = FakeEngine()
    assert lab(monkeypatch, idle, *asked, "--resume", str(path)) == 1
    assert idle.job is None


def test_resume_keeps_the_death_of_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is a failure like any other; the scripts that it left are run."""
    path, asked = tmp_path / "results.json", ("--script", "0[12]*", "--cache", "none")
    assert lab(monkeypatch, FakeEngine(), *asked, "--json", str(path)) == 0
    data = saved(path)
    cell = data["runs"][0]["cells"][0]
    data["runs"][0]["exit_code"] = DIED
    cell["trouble"] = "gave up after 3 starts"
    cell["not_run"] = [cell["scripts"].pop()["name"]]
    cell["scripts"][0] |= {"trouble": "server died with status 7", "verdict": "fail"}
    path.write_text(json.dumps(data), encoding="utf-8")
    again = FakeEngine()
    assert lab(monkeypatch, again, *asked, "--resume", str(path)) == 1
    assert again.job is not None
    assert again.job.cells[0].scripts == ("02_create",)
    assert (
        saved(path)["runs"][0]["cells"][0]["scripts"][0]["trouble"] == "server died with status 7"
    )


def test_long_scripts_run_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that take long are named as left out, unless --long, --all or --script mean them."""
    for asked, run in ((), False), (("--long",), True), (("--all",), True), (LONG, True):
        engine = FakeEngine()
        assert lab(monkeypatch, engine, *asked) == 0
        assert engine.job is not None
        planned = {name for cell in engine.job.cells for name in cell.scripts}
        assert (LONG[1] in planned) is run
        assert (f"{LONG[1]} (they take long: --long)" in capsys.readouterr().err) is not run


def saved(path: Path) -> Any:
    """Return what a file of results holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_resume_drops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the command does not ask for stays: scripts, cells, the runs of other servers."""
    path = tmp_path / "results.json"
    to = ("--json", str(path))
    servers = ("--server", "ninep", "--server", "other {addr} {root}")
    cells = ("--cache", "none", "--cache", "loose")
    asked = ("--script", "0[12]*")
    assert lab(monkeypatch, FakeEngine(), *asked, *cells, *servers, *to) == 0
    before = saved(path)
    before["runs"][0]["exit_code"] = DIED
    cut = {"trouble": "the guest died", "cut": True, "verdict": "error"}
    before["runs"][0]["cells"][0]["scripts"][0] |= cut
    path.write_text(json.dumps(before), encoding="utf-8")
    narrow = FakeEngine()
    code = lab(monkeypatch, narrow, "--script", "01*", "--cache", "none", "--resume", str(path))
    assert code == 0
    assert narrow.job is not None
    assert [planned.scripts for planned in narrow.job.cells] == [("01_lookup",)]
    after = saved(path)
    names = [
        (run["server"], cell["name"], script["name"], script["trouble"])
        for run in after["runs"] for cell in run["cells"] for script in cell["scripts"]
    ]  # fmt: skip
    assert names == [
        (server, f"tcp,cache={mode}", script, "")
        for server in ("ninep", "other") for mode in ("none", "loose")
        for script in ("01_lookup", "02_create")
    ]  # fmt: skip


def test_resume_of_what_was_cut_off_and_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script that still has to be run is no pass: the exit code says that something is left."""
    path = tmp_path / "results.json"
    lab(monkeypatch, FakeEngine(), "--script", "0[12]*", "--cache", "none", "--json", str(path))
    data = saved(path)
    data["runs"][0]["exit_code"] = DIED
    cell = data["runs"][0]["cells"][0]
    cell["not_run"] = [cell["scripts"].pop()["name"]]
    path.write_text(json.dumps(data), encoding="utf-8")
    assert lab(monkeypatch, FakeEngine(), "--script", "01*", "--resume", str(path)) == DIED
    assert saved(path)["runs"][0]["cells"][0]["not_run"] == ["02_create"]


@pytest.mark.parametrize(
    "options",
    [
        ("--server", "mine --fast {addr} {root}"),
        ("--server", "mine {addr} {root}", "--aname", "x"),
        ("--server", "mine {addr} {root}", "--readonly-server", "mine -r {addr} {root}"),
    ],
)
def test_resume_of_another_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Results of the same name are not those of another command: both stand in the file, by names
    that differ, and each is gone on with whatever else is asked for.
    """
    path, asked = tmp_path / "results.json", ("--script", "01*")
    server = ("--server", "mine {addr} {root}")
    assert lab(monkeypatch, FakeEngine(), *asked, *server, "--json", str(path)) == 0
    before = saved(path)["runs"][0]
    again = FakeEngine("fail")
    assert lab(monkeypatch, again, *asked, *options, "--resume", str(path)) == 1
    assert again.job is not None
    runs = saved(path)["runs"]
    assert [run["server"] for run in runs] == ["mine#2", "mine"]
    assert runs[1] == before
    for words in (server, options):
        idle = FakeEngine()
        assert lab(monkeypatch, idle, *asked, *words, "--resume", str(path)) == 1
        assert idle.job is None
        assert sorted(run["server"] for run in saved(path)["runs"]) == ["mine", "mine#2"]


def test_resume_in_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same words are another server there; that of a name of ours is the same everywhere."""
    path = tmp_path / "results.json"
    (tmp_path / "other").mkdir()
    for server, runs in ("./mine {addr} {root}", 2), ("ninep", 3):
        asked = ("--script", "01*", "--server", server)
        for folder in (tmp_path, tmp_path / "other"):
            monkeypatch.chdir(folder)
            resumed = ("--resume", str(path)) if path.exists() else ("--json", str(path))
            assert lab(monkeypatch, FakeEngine(), *asked, *resumed) == 0
        assert len(saved(path)["runs"]) == runs
    folders = [run["again"].partition(" && ")[0] for run in saved(path)["runs"]]
    assert f"cd {tmp_path}" in folders
    assert f"cd {tmp_path / 'other'}" in folders


@pytest.mark.parametrize("kind", ["--html", "--junit", "--markdown"])
def test_resume_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    """No report goes where the results are, and what cannot be written is known before the run."""
    path, asked = tmp_path / "results.json", ("--script", "01*")
    assert lab(monkeypatch, FakeEngine(), *asked, "--json", str(path)) == 0
    before = path.read_text(encoding="utf-8")
    engine = FakeEngine()
    assert lab(monkeypatch, engine, "--resume", str(path), kind, str(path)) == USAGE
    assert "two reports cannot go to one place" in capsys.readouterr().err
    monkeypatch.setattr("os.access", lambda *_: False)
    assert lab(monkeypatch, engine, "--resume", str(path)) == USAGE
    assert f"cannot write {path}: no permission" in capsys.readouterr().err
    assert lab(monkeypatch, engine, "--resume", "") == USAGE
    assert "--resume needs the name of a file" in capsys.readouterr().err
    assert engine.job is None
    assert path.read_text(encoding="utf-8") == before


def test_resume_on_another_kernel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A kernel of the same name that was built anew is refused, and so is one with another name
    that turns up in its place.
    """
    path, asked = tmp_path / "results.json", ("--script", "0[12]*")
    image = tmp_path / "bzImage"
    image.write_bytes(b"one")
    engine = FakeEngine()
    engine.kernel = replace(KERNEL, path=image, engine="fake")
    assert lab(monkeypatch, engine, *asked, "--json", str(path)) == 0
    assert lab(monkeypatch, engine, *asked, "--resume", str(path)) == 0
    image.write_bytes(b"two")
    assert lab(monkeypatch, engine, *asked, "--resume", str(path)) == USAGE
    said = "fake:6.1.0 was built anew after these results; start anew without --resume"
    assert said in capsys.readouterr().err
    image.write_bytes(b"one")
    data = saved(path)
    data["runs"][0]["cells"][0]["scripts"].pop()
    data["runs"][0]["cells"][0]["not_run"] = ["02_create"]
    data["runs"][0] |= {"kernel": "6.2.0", "exit_code": DIED}
    path.write_text(json.dumps(data), encoding="utf-8")
    engine.kernel = None
    data["runs"][0]["again"] = "ninep lab --engine fake"
    data["runs"][0]["build"] = ""
    path.write_text(json.dumps(data), encoding="utf-8")
    assert lab(monkeypatch, engine, *asked, "--cache", "none", "--resume", str(path)) == DIED
    trouble = saved(path)["runs"][0]["trouble"]
    assert trouble == "the results to resume are of Linux 6.2.0, and this is 6.1.0"


def test_smoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One cell, the short scripts, nothing said of those that were not asked for."""
    engine = FakeEngine()
    assert lab(monkeypatch, engine, "--smoke") == 0
    assert engine.job is not None
    (planned,) = engine.job.cells
    assert planned.cell.name == "tcp,cache=none"
    assert planned.scripts == tuple(s.name for s in load_all() if s.short)
    assert capsys.readouterr().err == ""
    assert lab(monkeypatch, engine, "--smoke", "--script", "1[24]_*") == 0
    assert "not run: 14_locks (they are not short: --smoke)" in capsys.readouterr().err
    assert lab(monkeypatch, engine, "--smoke", "--script", "statfs", "--script", "locks") == USAGE
    assert "--smoke leaves nothing of --script locks: it is not short" in capsys.readouterr().err
    two = ("--cache", "none", "--cache", "mmap")
    assert lab(monkeypatch, engine, "--smoke", *two) == USAGE
    assert "--smoke is one cell: give --cache once" in capsys.readouterr().err


def test_nothing_was_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose checks were all skipped is no success to be quiet about."""
    assert lab(monkeypatch, FakeEngine("skip"), "--script", "lookup") == 0
    assert "nothing was judged: all checks were skipped" in capsys.readouterr().err


def test_an_interrupt_before_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has the exit code of an interrupted run."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_all", interrupted)
    assert cli.main([]) == DIED
    assert capsys.readouterr().err == "ninep lab: interrupted\n"


def test_where_the_server_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command may name files as it does here."""
    monkeypatch.chdir(tmp_path)
    engine = FakeEngine()
    lab(monkeypatch, engine, "--script", "lookup")
    assert engine.job is not None
    assert engine.job.cwd == str(tmp_path)


def test_resume_needs_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is not there, or holds something else, is a usage error."""
    assert lab(monkeypatch, FakeEngine(), "--resume", str(tmp_path / "none.json")) == USAGE
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    assert lab(monkeypatch, FakeEngine(), "--resume", str(tmp_path / "other.json")) == USAGE


def test_what_an_interrupt_leaves_reads_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernels behind an interrupt are in every report, as not run."""
    known = [replace(KERNEL, release=release) for release in ("6.1.0", "7.2.7")]
    monkeypatch.setattr(kernels, "here", lambda: known)
    made = [FakeEngine(error=KeyboardInterrupt()), FakeEngine()]

    def engine(_: str, kernel: Kernel) -> FakeEngine:
        one = made[known.index(kernel)]
        one.kernel = kernel
        return one

    monkeypatch.setattr(cli, "engine", engine)
    paths = {kind: tmp_path / kind for kind in ("json", "html", "markdown", "junit")}
    asked = ["--kernel", "uml:all", "--script", "01*", "--transport", "tcp"]
    code = cli.main(
        [*asked, *(w for kind, path in paths.items() for w in (f"--{kind}", str(path)))]
    )
    assert code == 3
    assert made[1].job is None
    runs = json.loads(paths["json"].read_text(encoding="utf-8"))["runs"]
    assert [run["cells"][0]["not_run"] for run in runs] == [[], ["01_lookup"]]
    assert runs[1]["again"] == "ninep lab --kernel uml:7.2.7"
    assert "NOT RUN" in capsys.readouterr().out
    for kind in ("html", "markdown"):
        assert "NOT RUN" in paths[kind].read_text(encoding="utf-8")
    assert "not run" in paths["junit"].read_text(encoding="utf-8")


def test_a_signal_between_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wherever it comes, the reports are written and say so; to go on is to lose nothing."""
    path = tmp_path / "results.json"
    servers = ("--server", "ninep", "--server", "other {addr} {root}")
    asked = ("--script", "01*", "--cache", "none", *servers)
    monkeypatch.setattr(Screen, "end", raising(KeyboardInterrupt()))
    assert lab(monkeypatch, FakeEngine(), *asked, "--json", str(path)) == DIED
    assert [run["trouble"] for run in saved(path)["runs"]] == [INTERRUPTED, NOT_RUN]
    assert saved(path)["exit_code"] == DIED
    monkeypatch.undo()
    assert lab(monkeypatch, FakeEngine(), *asked, "--resume", str(path)) == 0
    assert [run["trouble"] for run in saved(path)["runs"]] == ["", ""]


def raising(error: BaseException) -> Callable[..., None]:
    """Return a function that fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("where", "text", "code"),
    [
        (lambda run: run, {"trouble": "the guest died"}, DIED),
        (lambda run: run, {"fault": "ValueError: bug"}, FAULT),
        (lambda run: run["cells"][0], {"trouble": "the server is dead"}, DIED),
        (lambda run: run, {"trouble": INTERRUPTED}, 0),
    ],
)
def test_resume_keeps_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: Callable[[Any], Any],
    text: dict[str, str],
    code: int,
) -> None:
    """Results with nothing left to do do not become good by that."""
    path, asked = tmp_path / "results.json", ("--script", "01*", "--cache", "none")
    assert lab(monkeypatch, FakeEngine(), *asked, "--json", str(path)) == 0
    data = saved(path)
    where(data["runs"][0]).update(text)
    data["runs"][0]["exit_code"] = code or DIED
    path.write_text(json.dumps(data), encoding="utf-8")
    idle = FakeEngine()
    assert lab(monkeypatch, idle, *asked, "--resume", str(path)) == code
    assert idle.job is None
    assert lab(monkeypatch, idle, *asked, "--script", "02*", "--resume", str(path)) == code
    assert idle.job is not None


def test_a_server_of_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name that is no text goes into every report."""
    servers = ("--server", "ninep", "--server", os.fsdecode(b"\xff.sh {addr} {root}"))
    kinds = ("json", "html", "markdown", "junit")
    files = [word for kind in kinds for word in (f"--{kind}", str(tmp_path / kind))]
    assert lab(monkeypatch, FakeEngine(), "--script", "01*", *servers, *files) == 0
    assert all("udcff" in (tmp_path / kind).read_text(encoding="utf-8") for kind in kinds)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The list names scripts, checks, clauses and needs."""
    assert cli.main(["list", "--script", "create"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("02_create  ")
    assert "    excl_existing  " in said
    assert "(create.excl-exists)" in said


def test_unwritable_report_is_found_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that cannot be written is a usage error before anything is booted."""
    engine = FakeEngine()
    lab(monkeypatch, engine, "--junit", "/no/such/folder/junit.xml")
    assert engine.job is None


def test_uml_names_the_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each missing program is named with its package."""
    monkeypatch.setattr(kernels, "INSTALLED", (Path("/no/linux"), Path("/no/modules")))
    assert uml.UmlEngine().available() == "linux is missing: apt-get install user-mode-linux"
    monkeypatch.setattr(guests, "which", lambda _: None)
    said = "busybox is missing: apt-get install busybox-static"
    assert uml.UmlEngine(KERNEL).available() == said


@pytest.mark.parametrize("folder", ["/dev/shm", "/tmp/a b"])  # noqa: S108 - names alone
def test_uml_names_a_useless_folder(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """A temporary folder that the guest cannot see is named before anything is booted."""
    monkeypatch.setattr(guests, "which", str)
    monkeypatch.setattr("tempfile.gettempdir", lambda: folder)
    assert "set another TMPDIR" in str(uml.UmlEngine(KERNEL).available())


def test_uml_needs_a_compiler_for_amx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a CPU with AMX the shim has to be compiled."""
    (tmp_path / "cpuinfo").write_text("flags : fpu amx_tile\n", encoding="ascii")
    monkeypatch.setattr(uml, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(guests, "which", str)
    monkeypatch.setattr(uml, "which", lambda program: None if program == "cc" else program)
    assert "apt-get install gcc" in str(uml.UmlEngine(KERNEL).available())


def test_auto_takes_the_host_when_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running kernel is preferred; User Mode Linux is the fallback."""
    monkeypatch.setattr(host.HostEngine, "available", lambda _: None)
    assert choice.engine("auto").name == "host"
    monkeypatch.setattr(host.HostEngine, "available", lambda _: "no 9p")
    assert choice.engine("auto").name == "uml"
    assert choice.engine("docker").name == "docker"


def test_qemu_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kernel it says how to get one, without the program how to install it."""
    assert "ninep lab kernels --fetch" in str(qemu.QemuEngine().available())
    monkeypatch.setattr(guests, "which", lambda _: None)
    kernel = Kernel("qemu", "6.12.1", Path("/bzImage"))
    assert str(qemu.QemuEngine(kernel).available()).endswith("apt-get install qemu-system-x86")


def test_a_server_that_runs_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job has its address, and no cell whose socket would have to lead out of the guest."""
    engine = FakeEngine()
    engine.name = "host"
    assert lab(monkeypatch, engine, "--server", "unix:///run/9p.sock", "--script", "lookup") == 0
    assert engine.job is not None
    assert engine.job.remote == "unix:///run/9p.sock"
    assert {planned.cell.transport for planned in engine.job.cells} == {"tcp"}


def test_what_boots_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the running kernel has no 9P it is one for QEMU, whose network leads to the server."""
    known = [KERNEL, Kernel("qemu", "6.12.1", Path("/bzImage"))]
    monkeypatch.setattr(kernels, "here", lambda: known)
    monkeypatch.setattr(host.HostEngine, "available", lambda _: "no 9p")
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    found = cli.engines(parser.parse_args([]), servings(["127.0.0.1:5640"], None, ""))
    assert [one.kernel for one in found] == known[1:]


def test_a_kernel_without_a_network_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was fetched without its driver cannot reach a server, and says what to do."""
    ran: list[Job] = []
    monkeypatch.setattr(guests, "run", lambda _, job, __: ran.append(job))
    job = replace(planned(), remote="tcp://127.0.0.1:1")
    old = Kernel("qemu", "6.12.1", Path("/bzImage"), source="6.12")
    with pytest.raises(EngineError, match=r"--fetch qemu:6\.12"):
        qemu.QemuEngine(old).run(job, print)
    qemu.QemuEngine(old).run(planned(), print)
    assert [one.remote for one in ran] == [""]


def test_a_relay() -> None:
    """A guest is given a port of this machine that leads to the server, while the job runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with relay.reachable(replace(planned(), remote=here), "127.0.0.1") as job:
            listener.accept()[0].close()  # the one that asked whether anybody is there
            where = ("127.0.0.1", int(job.remote.rpartition(":")[2]))
            with socket.create_connection(where) as guest, listener.accept()[0] as server:
                guest.sendall(b"7")
                assert server.recv(1) == b"7"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
    with (
        pytest.raises(EngineError, match=f"no server answers at {here}"),
        relay.reachable(replace(planned(), remote=here), "127.0.0.1"),
    ):
        pass
    with relay.reachable(planned(), "127.0.0.1") as job:
        assert job.remote == ""


def planned(*options: str) -> Job:
    """Return the job that the arguments ask for."""
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    args = parser.parse_args(options)
    first = servings(args.server, args.readonly_server, args.aname)[0]
    return cli.make_job(args, cli.chosen_scripts(args.script), first)


def test_events_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--events gives what happens, a line of JSON each, and nothing else."""
    assert lab(monkeypatch, FakeEngine(), "--events", "--script", "01*", "--cache", "none") == 0
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events == ["begin", "script", "check", "result", "done"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_docker_without_an_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a missing SDK nor a missing engine is a traceback."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody")
    assert "no Docker engine answers" in str(docker.DockerEngine().available())
    gc.collect()  # the SDK forgets to close the socket that found nobody
    monkeypatch.setitem(sys.modules, "docker", None)
    assert "ninep[docker]" in str(docker.DockerEngine().available())


@pytest.mark.parametrize(
    "options",
    [[], ["--script", "01*", "--script", "links"], ["--transport", "unix", "--cache", "loose"],
     ["--cache", "none", "--cache", "mmap", "--msize", "4096", "--msize", "65536"],
     ["--access", "any", "--access", "user"]],
)  # fmt: skip
def test_docker_hands_each_cell_on(options: list[str]) -> None:
    """The lab in a container plans the cell that the lab outside has planned."""
    for one in planned(*options).cells:
        assert planned(*docker.arguments(one)).cells == (one,)


def test_docker_serves_ninep_only() -> None:
    """A server of the user's own cannot be started in our container."""
    job = planned("--server", "true {addr} {root}")
    with pytest.raises(EngineError, match="--server"):
        docker.DockerEngine().run(job, print)


def test_host_without_9p(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel without 9p is told what to do."""
    (tmp_path / "filesystems").write_text("nodev\tproc\n", encoding="ascii")
    monkeypatch.setattr(host, "FILESYSTEMS", tmp_path / "filesystems")
    assert "modprobe 9p" in str(host.HostEngine().available())
