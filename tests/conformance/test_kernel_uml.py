"""One real boot: a Linux kernel mounts the server and runs the smallest script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ninep.conformance.kernel.engines.uml import UmlEngine

REASON = UmlEngine().available()
TIMEOUT = 120


@pytest.mark.skipif(REASON is not None, reason=f"no User Mode Linux here: {REASON}")
def test_boot(tmp_path: Path) -> None:
    """The smallest script passes on mount and control, and nothing is left behind."""
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "ninep.conformance.kernel", "--engine", "uml"]
    done = subprocess.run(
        [*command, "--script", "statfs", "--transport", "tcp", "--json", str(results)],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(results.read_text(encoding="utf-8"))
    script = data["cells"][0]["scripts"][0]
    assert (script["mount"], script["control"]) == ("pass", "pass")
    assert " 9p " in data["cells"][0]["mount"]
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
