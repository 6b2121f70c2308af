"""Killing our server, and cutting its disk's power: the tool finds what is lost, and nothing is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ninep.conformance.fuzz import crash
from ninep.conformance.fuzz.crash import File, Ledger, Promise
from tests.running import environment

LAZY = """
from ninep import cli
from ninep.backends._local_file import LocalFile

async def nothing(*_):
    pass

LocalFile.fsync = nothing
cli.entry()
"""
"""A server that says of all data that they are stable."""
JUDGE = """
import sys
from ninep.conformance.fuzz import crash

class Lazy(crash.Server):
    def __init__(self, *where):
        super().__init__(*where)
        self.command[1:3] = [sys.argv[1]]

crash.Server = Lazy
sys.exit(crash.main(sys.argv[2:]))
"""


def kept(*sizes: int) -> Ledger:
    """Return a ledger in which a file was written, renamed and synced."""
    file = File(9, b"content", *sizes)
    return Ledger([{}, {b"a": file}, {b"b": file}], [file], sure=1, stable=1)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({b"a": b"content"}, ""),
        ({b"b": b"content"}, ""),
        ({b"b": b"cont"}, ""),
        ({b"b": b"con"}, "has 3 bytes, was to have 4 of 7"),
        ({b"b": b"cantent"}, "has 7 bytes, not those that were sent"),
        ({}, "names are []"),
        ({b"a": b"content", b"b": b"content"}, "names are [b'a', b'b']"),
        ({b"b": b"content", b".tmp": b""}, "names are [b'.tmp', b'b']"),
    ],
)
def test_what_may_be_found(found: dict[bytes, bytes], wrong: str) -> None:
    """One state since the last that was promised, with at least as much in each file."""
    ledger = kept(4, 4)
    for promise in (ledger.killed(), ledger.cut()):
        said = ledger.wrong(found, promise)
        assert wrong in said
        assert bool(wrong) is bool(said)


def test_what_is_promised() -> None:
    """Of a process all that was acknowledged, of a disk what was synced."""
    ledger = kept(5, 2)
    (file,) = ledger.files
    assert ledger.killed() == Promise(1, {file: 5}, exact=True)
    assert ledger.cut() == Promise(1, {file: 2}, exact=False)
    late = {b"b": b"co\0\0\0"}
    assert ledger.wrong(late, ledger.killed())
    assert not ledger.wrong(late, ledger.cut())


def test_killed(capsys: pytest.CaptureFixture[str]) -> None:
    """F-13: a handful of rounds; more by hand, with `--rounds`."""
    assert crash.main(["--rounds", "5"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("5 rounds, ")
    assert said.endswith("all was there\n")


def judged(folder: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Have a lazy server judged, or ours, by a process of its own: it gets its own mounts."""
    lazy = folder / "lazy.py"
    lazy.write_text(LAZY, encoding="ascii")
    command = [sys.executable, "-c", program, str(lazy), *words, "--power"]
    env = {**environment(), "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert list(folder.iterdir()) == [lazy]
    return done


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")
@pytest.mark.parametrize("lazy", [False, True])
def test_without_power(tmp_path: Path, *, lazy: bool) -> None:
    """F-14: a handful of rounds; of a server that does not sync, much is lost."""
    program = JUDGE if lazy else JUDGE.replace("crash.Server = Lazy", "")
    done = judged(tmp_path, program, "--rounds", "4")
    assert done.returncode == lazy, done.stderr
    assert ("LOST round 1." in done.stdout) is lazy
    assert ("without power: " in done.stdout) is lazy


def test_where_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine that lacks something is told, and nothing is left."""

    def lack(*_: object) -> None:
        raise OSError("no mount namespace of our own")

    monkeypatch.setattr(crash, "Disk", lack)
    assert crash.main(["--power"]) == 3
    assert "cannot be tried here: no mount" in capsys.readouterr().err
