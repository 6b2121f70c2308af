"""Tables as frozen values."""

from __future__ import annotations

from pathlib import Path

from ninep.conformance.table import load


def test_lists_are_tuples(tmp_path: Path) -> None:
    """At every depth, in rows and in values."""
    path = tmp_path / "t.toml"
    path.write_text('a = [1, [2]]\n[[row]]\nname = "x"\nwords = ["b"]\n', encoding="utf-8")
    assert {"a": (1, (2,)), "row": ({"name": "x", "words": ("b",)},)} == load(path)
