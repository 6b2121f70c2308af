"""results.json: what is written can be read back, and made into every report again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ninep.conformance.kernel import saved
from ninep.conformance.kernel.saved import SavedError

from .test_kernel_report import HOSTILE, sample


def test_there_and_back(tmp_path: Path) -> None:
    """Nothing is lost on the way."""
    path = tmp_path / "results.json"
    text = saved.to_json([sample(HOSTILE)])
    path.write_text(text, encoding="utf-8")
    assert saved.to_json(saved.read(str(path))) == text


def test_older_files(tmp_path: Path) -> None:
    """A file without what came later is read."""
    data = json.loads(saved.to_json([sample()]))
    (run,) = data["runs"]
    del run["again"], run["cells"][0]["access"]
    for script in run["cells"][0]["scripts"]:
        del script["kernel_said"], script["untraced"]
        for check in script["checks"]:
            del check["trace"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert [one.exit_code for one in saved.read(str(path))] == [1]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runs": [1]}', '{"runs": [{"engine": 1}]}'])
def test_what_is_no_result(text: str, tmp_path: Path) -> None:
    """Another file is named with what was expected."""
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SavedError, match="is no result of: ninep lab --json"):
        saved.read(str(path))
