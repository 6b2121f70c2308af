"""Clients that others wrote work unmodified."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import serve

P9FS = "p9fs==0.0.4"
needs_diod = pytest.mark.skipif(
    shutil.which("diodcat") is None, reason="diod's clients are not installed (package diod)"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a directory with files, among them those that diodload wants."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "hello").write_bytes(b"hello, world\n")
    (tree / "zero").write_bytes(bytes(1 << 20))
    (tree / "null").touch()
    return tree


@pytest.fixture
def host(root: Path) -> Iterator[str]:
    """Serve it as what diod's clients ask for, `ctl`; give HOST:PORT."""
    with serve(str(root), "--rw", "--listen", "127.0.0.1:0", "--export", f"ctl={root},rw") as s:
        yield s[1][0].removeprefix("tcp://")


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end."""
    return subprocess.run(command, capture_output=True, check=True, timeout=120)


@needs_diod
def test_diodls(host: str) -> None:
    """It lists names and, with -l, what getattr says."""
    names = run("diodls", "-s", host, "-a", "ctl").stdout.split()
    assert sorted(names) == [b"hello", b"null", b"zero"]
    lines = run("diodls", "-l", "-s", host, "-a", "ctl").stdout.decode().splitlines()
    (hello,) = [line for line in lines if line.endswith("hello")]
    assert hello.split()[4] == "13"


@needs_diod
def test_diodcat(host: str) -> None:
    """It reads files, large ones too."""
    assert run("diodcat", "-s", host, "hello").stdout == b"hello, world\n"
    assert run("diodcat", "-s", host, "zero").stdout == bytes(1 << 20)


@needs_diod
@pytest.mark.parametrize("mode", [[], ["-g"]])
def test_diodload(host: str, mode: list[str]) -> None:
    """Four threads read and write, or getattr, without an error."""
    done = run("diodload", "-s", host, "-n", "4", "-r", "1", *mode)
    report = (done.stdout + done.stderr).decode()
    assert int(report.split("diodload: ")[1].split(" ops/s")[0]) > 0


def test_p9fs(root: Path, tmp_path: Path) -> None:
    """PyPI's p9fs in its 9P2000.L mode, in a venv of its own."""
    python = tmp_path / "venv" / "bin" / "python"
    try:
        run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
        run(str(python), "-m", "pip", "install", "--quiet", P9FS)
    except subprocess.CalledProcessError as exc:
        pytest.skip(f"{P9FS} cannot be installed: {exc.stderr.decode()[-300:]}")
    with serve(str(root), "--rw", "--listen", "127.0.0.1:0") as (_, (address,)):
        script = Path(__file__).with_name("p9fs_session.py")
        done = run(str(python), str(script), address.rpartition(":")[2])
    assert done.stdout == b"ok\n"
