"""`ninep check` at the prompt: real servers, dead ones and silent ones; exit codes and files."""

from __future__ import annotations

import io
import json
import shlex
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ninep import cli as ninep_cli
from ninep.conformance.check import cli
from ninep.conformance.check.case import load_all
from ninep.conformance.check.peer import Peer
from ninep.conformance.check.runner import Runner
from tests.running import serve

from . import judged
from .judged import L, Serve, check, judge

QUICK = ("--only", "version/other-tag", "--only", "walk/clone")
ONE = ("--only", "walk/clone", "--dialect", L)
FILES = ("--json", "--junit", "--html", "--markdown")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run our own server; give its address."""
    with serve("memory:", "--rw", "--listen", "tcp://127.0.0.1:0") as (_, addresses):
        yield addresses[0]


def write(path: Path, text: str) -> str:
    """Write a file and return its name."""
    path.write_text(text, encoding="utf-8")
    return str(path)


# Servers that answer


def test_our_own_server(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Our own server passes, and the run says what it asked and found."""
    code, data = judge(tmp_path, server, *QUICK)
    assert code == 0
    spoken = [d["name"] for d in data["dialects"] if d["served"]]
    assert data["counts"] == {"pass": len(data["results"])}
    assert len(data["results"]) == 2 * len(spoken) > 0
    said = capsys.readouterr().out
    assert f"server   {server}\n" in said
    assert said.endswith(
        "verdict  conforms: all that could be judged is as the clauses demand (exit 0)\n"
    )


def test_the_command(server: str) -> None:
    """`ninep check` is the same command."""
    assert ninep_cli.main(["check", server, "--only", "version/other-tag"]) == 0


def test_over_a_pipe_each_process_has_its_own_tree() -> None:
    """A command is judged over its standard input and output, one process for each connection."""
    command = f"{sys.executable} -m ninep serve memory: --rw --listen fd://0"
    assert check(f"exec:{command}", *ONE, "--timeout-scale", "9") == 0


def test_a_read_only_server(tmp_path: Path) -> None:
    """What cannot be judged without writing is n-a, with the server's answer as evidence."""
    with serve(str(tmp_path), "--listen", f"unix://{tmp_path}/s") as (_, (address,)):
        code, data = judge(tmp_path, address, *QUICK, "--dialect", L)
    assert code == 0
    by_case = {r["case"]: (r["verdict"], r["message"]) for r in data["results"]}
    assert by_case["walk/clone"] == ("n-a", "no write: Rlerror EROFS")
    assert by_case["version/other-tag"] == ("pass", "")


def test_a_seed_is_an_order(server: str, tmp_path: Path) -> None:
    """The same seed gives the same order, which is not that of the catalogue."""
    argv = (server, "--only", "version/strange-name", "--dialect", L)
    orders = [
        [r["case"] for r in judge(tmp_path, *argv, *seed)[1]["results"]]
        for seed in ((), ("--seed", "1"), ("--seed", "1"))
    ]
    assert orders[1] == orders[2] != orders[0]
    assert sorted(orders[0]) == sorted(orders[1])


def test_jobs(server: str) -> None:
    """Several cases may run at a time."""
    assert check(server, "--only", "walk/*", "--dialect", L, "--jobs", "4") == 0


def test_verbose(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A pass is shown only when it is asked for."""
    check(server, *QUICK, "--dialect", L)
    assert "PASS" not in capsys.readouterr().out
    check(server, *QUICK, "--dialect", L, "-v")
    assert "PASS   walk/clone" in capsys.readouterr().out


def test_the_terminal_shows_how_far_it_is() -> None:
    """On a terminal a bar grows; the address stands above it."""

    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Tty()
    report = judged.report()
    screen = cli.Screen(out, verbose=False)
    screen.begin(judged.data)
    screen.result(report, judged.data()["results"][1])
    assert "FAIL" in out.getvalue()
    assert "━" in out.getvalue()
    assert "5/6" in out.getvalue()


# Servers that fail


def test_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is exit 1, and the command that it shows fails in the same way."""
    case = "version/msize-kept-or-lowered[8192]"
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        code, data = judge(tmp_path, address, "--only", case, "--uname", "me", "--uid", "7")
        assert code == 1
        (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("  again: ")]
        words = shlex.split(line.removeprefix("  again: "))
        assert words[2:] == [address, "--uname", "me", "--uid", "7", "--only", case, "--dialect", L]
        again, second = judge(tmp_path, *words[2:])
    assert again == 1
    assert second["results"][0]["broken"] == data["results"][0]["broken"]


def test_all_reports(tmp_path: Path) -> None:
    """Every report is written, and none contradicts another."""
    paths = [str(tmp_path / name) for name in ("r.json", "r.xml", "r.html", "r.md")]
    files = [word for pair in zip(FILES, paths, strict=True) for word in pair]
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        assert check(address, "--only", "version/msize-kept-or-lowered", *files) == 1
    fails = json.loads(Path(paths[0]).read_text(encoding="utf-8"))["counts"]["fail"]
    assert len(ET.parse(paths[1]).findall(".//failure")) == fails  # noqa: S314 - our own output
    assert Path(paths[2]).read_text(encoding="utf-8").count('<details class="fail"') == fails
    assert Path(paths[3]).read_text(encoding="utf-8").count("<summary><b>fail") == fails


def test_rendered_again(tmp_path: Path) -> None:
    """A results.json becomes the same reports later, with the same exit code."""
    first, later = str(tmp_path / "1.html"), str(tmp_path / "2.html")
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        judge(tmp_path, address, *QUICK, "--html", first)
    assert check("render", str(tmp_path / "results.json"), "--html", later) == 1
    assert Path(first).read_bytes() == Path(later).read_bytes()


def test_json_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With - the results are all there is on stdout; people read stderr."""
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        check(address, *QUICK, "--json", "-")
    said = capsys.readouterr()
    assert json.loads(said.out)["exit_code"] == 1
    assert "verdict  does not conform" in said.err


# Servers that do not answer


@pytest.mark.parametrize("serve", [judged.silent, judged.polite, judged.hang_up])
def test_a_server_that_says_nothing(tmp_path: Path, serve: Serve) -> None:
    """It is given up soon: exit 3 with all reports."""
    files = [word for flag in FILES[1:] for word in (flag, str(tmp_path / flag[2:]))]
    with judged.listening(tmp_path / "s", serve) as address:
        code, data = judge(tmp_path, address, "--timeout-scale", "0.3", *files)
    assert len(data["results"]) < 10
    assert code == data["exit_code"] == 3
    assert data["trouble"]
    assert all((tmp_path / flag[2:]).stat().st_size for flag in FILES[1:])


def test_nobody_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An address without a server is exit 3, and says why."""
    code, data = judge(tmp_path, f"unix://{tmp_path}/none")
    assert code == 3
    assert data["trouble"] == f"unix://{tmp_path}/none: No such file or directory"
    assert data["trouble"] in capsys.readouterr().out


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    """So is a command that cannot be started."""
    assert judge(tmp_path, "exec:/no/such/server")[0] == 3


@pytest.mark.parametrize(("connections", "only"), [(25, "version"), (9, "version/other-tag")])
def test_a_server_that_dies(tmp_path: Path, connections: int, only: str) -> None:
    """A server that goes away on the way is exit 3, with what was judged until then."""
    left = iter(range(connections))

    def mortal(sock: socket.socket) -> None:
        if next(left, None) is not None:
            judged.boastful(sock)

    with judged.listening(tmp_path / "s", mortal) as address:
        code, data = judge(tmp_path, address, "--only", only, "--dialect", L)
    assert code == 3
    assert data["trouble"]
    assert 0 < len(data["results"]) <= data["planned"]


# Profiles and waivers


def test_a_profile(server: str, tmp_path: Path) -> None:
    """Capabilities that are declared wrongly, either way, fail beside the cases."""
    path = write(tmp_path / "p.toml", "[capabilities]\nauth = true\nlock = false\nxattr = true\n")
    code, data = judge(tmp_path, server, *QUICK, "--dialect", L, "--profile", path)
    found = {r["case"]: r["verdict"] for r in data["results"] if r["page"] == "capability"}
    assert code == 1
    assert found == {
        "capability/auth": "fail",
        "capability/lock": "fail",
        "capability/xattr": "pass",
    }


def test_a_declared_capability_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    """Cases that need what was declared and not found are a gap."""
    path = write(tmp_path / "p.toml", "[capabilities]\nwrite = true\n")
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        code, data = judge(tmp_path, address, "--only", "walk/clone", "--profile", path)
    assert code == 1
    assert {r["case"]: r["verdict"] for r in data["results"]} == {
        "walk/clone": "gap",
        "capability/write": "gap",
    }


WAIVER = """
[[waiver]]
case = "version/msize-kept-or-lowered*"
clause = "version.msize-not-larger"
observed = "got {observed}"
reason = "It doubles the msize."
kind = "bug"
"""


@pytest.mark.parametrize(
    ("observed", "more", "expected"),
    [
        ("16384", "", (0, "waived")),
        ("9000", "", (1, "fail")),
        ("16384", "expires = 2001-01-01", (1, "fail")),
    ],
)
def test_waivers(tmp_path: Path, observed: str, more: str, expected: tuple[int, str]) -> None:
    """The same failure is waived, another is not, and none after its date."""
    path = write(tmp_path / "w.toml", WAIVER.format(observed=observed) + more)
    case = "version/msize-kept-or-lowered[8192]"
    with judged.listening(tmp_path / "s", judged.boastful) as address:
        code, data = judge(tmp_path, address, "--only", case, "--waivers", path)
    assert (code, data["results"][0]["verdict"]) == expected


def test_a_stale_waiver(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A waiver that nothing needs fails, and says that it has to go."""
    path = write(tmp_path / "w.toml", WAIVER.format(observed="16384"))
    case = "version/msize-kept-or-lowered[8192]"
    code, data = judge(tmp_path, server, "--only", case, "--dialect", L, "--waivers", path)
    assert (code, data["counts"]) == (1, {"stale": 1})
    assert "it passes, so the waiver has to go" in capsys.readouterr().out


# Usage


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["localhost"], "'localhost' is no address"),
        (["lst"], "did you mean list?"),
        (["fd://0"], "expected tcp://HOST:PORT, unix:///path/to.sock or exec:COMMAND"),
        (["exec:'"], "No closing quotation"),
        (["h:1", "--only", "walk/partail"], "did you mean walk/partial"),
        (["h:1", "--only", "walk/*", "--only", "nothing/*"], "nothing/*: no case"),
        (["h:1", "walk/*"], "what is 'walk/*'?"),
        (["h:1", "--json", "/no/such/folder/r.json"], "there is no folder /no/such/folder"),
        (["h:1", "--json", "-", "--html", "-"], "two reports cannot go to one place, -"),
        (["h:1", "--profile", "/no/such/file"], "/no/such/file"),
        (["h:1", "--waivers", "/no/such/file"], "/no/such/file"),
        (["explain"], "explain what?"),
        (["explain", "walk.partal-result"], "did you mean walk.partial-result"),
        (["list", "walk/partail"], "did you mean walk/partial"),
        (["list", "wlak/*"], "did you mean walk/*"),
        (["list", "--json", "r.json"], "list takes no --json"),
        (["explain", "walk/clone", "--timeout-scale", "2"], "explain takes no --timeout-scale"),
        (["h:1", "--json", "/"], "cannot write /: it is a folder"),
        (["render"], "render which file?"),
        (["render", "/no/such/file"], "/no/such/file"),
        (["render", __file__], "no JSON"),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    """What makes no sense is exit 2 and one line that says why."""
    assert check(*argv) == 2
    line = capsys.readouterr().err
    assert line.startswith("ninep check: ")
    assert said in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["h:1", "--dialect", "9P3000"],
        ["h:1", "--level", "must"],
        ["h:1", "--jobs", "0"],
        ["h:1", "--timeout-scale", "-1"],
        ["h:1", "--timeout-scale", "nan"],
        ["h:1", "--msize", "1"],
    ],
)
def test_argument_errors(argv: list[str]) -> None:
    """Arguments that argparse refuses end with the same exit code."""
    with pytest.raises(SystemExit) as end:
        check(*argv)
    assert end.value.code == 2


def test_unknown_names_in_files(tmp_path: Path) -> None:
    """A capability or a case that does not exist is a usage error, before anything is sent."""
    profile = write(tmp_path / "p.toml", "[capabilities]\nxatr = true\n")
    waivers = write(tmp_path / "w.toml", WAIVER.replace("version/msize", "version/msice"))
    assert check("h:1", "--profile", profile) == 2
    assert check("h:1", "--waivers", waivers) == 2


def test_list_and_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """Both print to stdout and are good."""
    assert check("list", "walk/*") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(one.area == "walk" for one in load_all().values())
    assert check("explain", "walk.partial-result", "walk/clone") == 0
    assert "judged by walk/partial[1]" in capsys.readouterr().out


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows what to type."""
    with pytest.raises(SystemExit) as end:
        check("--help")
    assert end.value.code == 0
    assert "ninep check tcp://127.0.0.1:5640" in capsys.readouterr().out


# Our own faults


def broken_run(*_: object) -> None:
    """Fail as only a bug can."""
    raise ZeroDivisionError


def interrupted_run(*_: object) -> None:
    """Be stopped by the user."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(("run", "code"), [(broken_run, 4), (interrupted_run, 3)])
def test_a_run_that_ends_early(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: object, code: int
) -> None:
    """Our own fault is exit 4, an interrupted run exit 3; the report is written."""
    monkeypatch.setattr(Runner, "run", run)
    got, data = judge(tmp_path, "h:1")
    assert got == code
    assert data["fault"] or data["trouble"] == "interrupted"


def test_a_case_with_a_bug(monkeypatch: pytest.MonkeyPatch, server: str, tmp_path: Path) -> None:
    """A bug in a case is our fault, and costs that case alone."""

    def buggy(peer: Peer) -> None:
        raise ZeroDivisionError(peer.dialect)

    found = {name: load_all()[name] for name in ("version/other-tag", "walk/clone")}
    found["walk/clone"] = replace(found["walk/clone"], run=buggy)
    monkeypatch.setattr(cli, "load_all", lambda: found)
    code, data = judge(tmp_path, server, "--dialect", L)
    assert code == 4
    assert [r["verdict"] for r in data["results"]] == ["pass", "error"]
    assert "ZeroDivisionError" in data["results"][1]["message"]
