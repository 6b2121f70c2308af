"""A mutant as a server of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ninep.conformance.mutants import serve
from ninep.conformance.mutants.sweep import mutants

COMMAND = (sys.executable, "-m", "ninep.conformance.mutants.serve")


def test_it_is_wrong() -> None:
    """The suite finds what is wrong, over a socket."""
    mutant = [*COMMAND, "unlink-only-said", "memory:", "tcp://127.0.0.1:0"]
    with subprocess.Popen(mutant, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("listening on ").strip()
        check = [sys.executable, "-m", "ninep", "check", address, "--only", "unlink.name-gone"]
        done = subprocess.run(check, check=False, capture_output=True, text=True)
        server.terminate()
    assert done.returncode == 1
    assert "unlink.name-gone" in done.stdout


def test_an_unknown_one(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named."""
    with pytest.raises(SystemExit) as end:
        serve.main(["no-such", "memory:", "tcp://127.0.0.1:0"])
    assert end.value.code == 2
    assert "no mutant is called no-such" in capsys.readouterr().err


def test_one_that_would_be_right(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is wrong in the tree in memory alone cannot be had of a directory."""
    memory = next(name for name, mutant in mutants().items() if mutant.memory)
    with pytest.raises(SystemExit) as end:
        serve.main([memory, str(tmp_path), "tcp://127.0.0.1:0"])
    assert end.value.code == 2
    assert f"{memory} is wrong in the tree in memory alone" in capsys.readouterr().err
