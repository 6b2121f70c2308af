"""Comparing runs, kernels, servers and cells of the lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from ninep.conformance.kernel import cli
from ninep.conformance.kernel.diff import DiffError, compare, file_of, side, words_of
from ninep.conformance.kernel.model import (
    Cell,
    CellReport,
    CheckReport,
    Outcome,
    Report,
    Result,
    ScriptReport,
)
from ninep.conformance.kernel.saved import SavedError, to_json


def run(kernel: str, server: str, *cells: tuple[str, dict[str, Outcome]]) -> Report:
    """Return a run; a cell has verdicts by script/check."""
    made = []
    for name, verdicts in cells:
        transport, mode = name.split(",cache=")
        scripts: dict[str, ScriptReport] = {}
        for full, verdict in verdicts.items():
            script, check = full.split("/")
            result = Result(verdict, "" if verdict == "pass" else f"{verdict}\x1b[2J")
            scripts.setdefault(script, ScriptReport(script)).checks.append(
                CheckReport(check, mount=result, control=Result("pass"))
            )
        made.append(CellReport(Cell(transport, mode), tuple(scripts), scripts=[*scripts.values()]))
    return Report("uml", kernel, cells=made, server=server)


def write(path: Path, *runs: Report) -> str:
    """Write a file as `ninep lab --json` does."""
    path.write_text(to_json(runs), encoding="utf-8")
    return str(path)


GOOD: dict[str, Outcome] = {"01_s/a": "pass", "01_s/b": "pass"}
BAD: dict[str, Outcome] = {"01_s/a": "pass", "01_s/b": "fail"}


@pytest.fixture
def several(tmp_path: Path) -> str:
    """Return a file with two kernels, two servers and two cells."""
    return write(
        tmp_path / "all.json",
        run("6.1.9", "ninep", ("tcp,cache=none", GOOD), ("unix,cache=none", {"02_t/c": "skip"})),
        run("6.1.9", "diod", ("tcp,cache=none", BAD)),
        run("7.2.7", "ninep", ("tcp,cache=none", GOOD), ("tcp,cache=loose", BAD)),
    )


def test_what_went_wrong_beside_the_checks(tmp_path: Path) -> None:
    """A server that died, a kernel that complained, a guest that ended are differences, too."""
    one, other = (run("6.1", "ninep", ("tcp,cache=none", GOOD)) for _ in range(2))
    other.cells[0].scripts[0].trouble = "server died"
    other.cells[0].scripts[0].kernel_log = ["BUG: here"]
    other.trouble = "the guest died"
    files = write(tmp_path / "a.json", one), write(tmp_path / "b.json", other)
    lines, differ = compare(*files)
    assert differ
    assert lines[3:-1] == [
        "the guest, beside its checks", "  A  pass", "  B  fail     the guest died",
        "01_s, beside its checks", "  A  pass", "  B  fail     server died; BUG: here",
    ]  # fmt: skip
    assert lines[-1] == "2 checks differ, 2 came to the same"


def test_two_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What differs is shown with both words, escaped; exit 1, and 0 if nothing does."""
    before = write(tmp_path / "a.json", run("6.1", "ninep", ("tcp,cache=none", GOOD)))
    after = write(tmp_path / "b.json", run("6.1", "ninep", ("tcp,cache=none", BAD)))
    assert 1 == cli.main(["diff", before, after])
    lines = capsys.readouterr().out.splitlines()
    assert ["01_s/b", "  A  pass", "  B  fail     fail\\x1b[2J"] == lines[3:6]
    assert "1 checks differ, 1 came to the same" == lines[-1]
    assert 0 == cli.main(["diff", before, before])


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("6.1:ninep", "7.2:cache=none", ["02_t/c"]),
        ("6.1:ninep:tcp", "diod", ["01_s/b"]),
        ("7.2:none", "7.2:loose", ["01_s/b"]),
    ],
)
def test_two_of_one_file(several: str, one: str, other: str, differ: list[str]) -> None:
    """Words choose a kernel, a server, a cell; of cells that only differ in transport the first."""
    lines, found = compare(f"{several}:{one}", f"{several}:{other}")
    assert (differ, bool(differ)) == ([line for line in lines if line.startswith("0")], found)


def test_runs_of_several_cells(several: str) -> None:
    """Each cache mode is held against the same mode."""
    lines, _ = compare(f"{several}:7.2", f"{several}:7.2")
    assert "0 checks differ, 4 came to the same" == lines[-1]
    assert {"cache=none 01_s/a", "cache=loose 01_s/b"} <= set(side(f"{several}:7.2")[1])


def test_a_colon_in_a_name(tmp_path: Path) -> None:
    """The file is the longest beginning that is one."""
    path = tmp_path / "a:b.json"
    path.touch()
    assert file_of(f"{path}:6.1:ninep") == (str(path), "6.1:ninep")
    assert file_of(str(path)) == (str(path), "")
    assert file_of("none.json:6.1") == ("none.json", "6.1")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("", []),
        ("6.1:ninep", ["ninep", "6.1"]),
        ("/x/a:b", ["/x/a:b"]),
        ("6.1:/x/a:b#2:cache=none", ["/x/a:b#2", "6.1", "cache=none"]),
        ("tcp://h:5640", ["tcp://h:5640"]),
        ("tcp://h:5641", ["tcp", "//h", "5641"]),
    ],
)
def test_a_colon_in_a_server(choice: str, words: list[str]) -> None:
    """A server's name is one word, if it is all of it."""
    servers = ["ninep", "/x/a:b", "/x/a:b#2", "tcp://h:564", "tcp://h:5640"]
    assert words_of(choice, servers) == words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (":5.10", "nothing there is called so; there are: uml:6.1.9:ninep:tcp,cache=none, "),
        ("", "choose one of several: uml:6.1.9:ninep"),
        (":6.1", "choose one of several"),
    ],
)
def test_a_side_that_is_none_or_several(several: str, words: str, message: str) -> None:
    """It says what there is."""
    with pytest.raises(DiffError) as caught:
        side(several + words)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runs": [1]}', '{"runs": [{"engine": 1}]}'])
def test_what_is_no_result(tmp_path: Path, text: str) -> None:
    """Any other file is named, and how one is made."""
    (tmp_path / "x").write_text(text, encoding="utf-8")
    with pytest.raises(SavedError, match="is no result of: ninep lab --json"):
        side(str(tmp_path / "x"))
    with pytest.raises(SavedError, match="No such file"):
        side(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    "argv", [["diff"], ["diff", "one.json"], ["diff", "a", "b", "c"], ["list", "a.json"]]
)
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Two files, and only for diff: exit 2."""
    assert 2 == cli.main(argv)
    assert capsys.readouterr().err.startswith("ninep lab: ")
