"""Servers that others wrote: each that can be had here is started, judged, and started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ninep.conformance import matrix
from ninep.conformance.adapters import Adapter, Kept, Missing, adapters, provide
from ninep.conformance.check.case import load_all
from ninep.conformance.check.model import Report

ALL = adapters()
PAGES = ("version", "clunk")


@pytest.fixture(scope="module")
def venvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder where packages are installed."""
    return tmp_path_factory.mktemp("venvs")


def judged(adapter: Adapter, venvs: Path) -> Report:
    """Judge some pages; a server that cannot be had is skipped with the reason."""
    cases = [case for case in load_all().values() if case.area in PAGES]
    try:
        return matrix.judged(adapter, venvs, cases)
    except Missing as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", ALL)
def test_a_server(name: str, venvs: Path) -> None:
    """It is found, serves a dialect, is judged, and no fault is ours."""
    report = judged(ALL[name], venvs)
    assert [d.name for d in report.dialects if d.served]
    assert {"pass", "warn", "fail"} & set(report.clauses.values())
    assert (report.fault, [r.case.id for r in report.results if r.fault]) == ("", [])


def test_what_cannot_be_had(tmp_path: Path) -> None:
    """A program or a package that is not there is named."""
    missing = Adapter("x", "X", ("x",), (), needs=("no-such-program",))
    with pytest.raises(Missing, match="x: the program no-such-program is not installed"):
        provide(missing, tmp_path)
    bad = Adapter("y", "Y", ("y",), (), pypi=("no such package",))
    with pytest.raises(Missing, match="y: no such package: "):
        provide(bad, tmp_path)
    ends = Kept(Adapter("z", "Z", ("false",), ()), Path(), tmp_path)
    with pytest.raises(Missing, match="z: ended with status 1 before it listened"):
        ends.connect()
    ends.close()


def test_one_that_has_ended_is_started_again(tmp_path: Path) -> None:
    """Whoever connects finds a server; its configuration is gone at the end."""
    ours = Adapter(
        "ours", "ninep", ("{self}", "-m", "ninep", "serve", "{root}", "--listen", "{host}:{port}"),
        (), config="{root} on {port}",
    )  # fmt: skip
    kept = Kept(ours, Path(), tmp_path)
    config = Path(kept.scratch.name, "config")
    assert config.read_text(encoding="utf-8") == f"{tmp_path} on {kept.port}"
    kept.connect().close()
    assert kept.process is not None
    kept.process.kill()
    os.waitid(os.P_PID, kept.process.pid, os.WEXITED | os.WNOWAIT)
    kept.connect().close()
    assert kept.starts == 2
    kept.close()
    assert not config.exists()
