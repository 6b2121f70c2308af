"""Tables of this folder: rows of a TOML file as frozen records."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def load(path: Path) -> dict[str, Any]:
    """Return a file with its lists as tuples, at every depth."""
    frozen: dict[str, Any] = freeze(tomllib.loads(path.read_text(encoding="utf-8")))
    return frozen


def freeze(value: Any) -> Any:
    """Return a value that cannot be changed by accident."""
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return tuple(freeze(item) for item in value) if isinstance(value, list) else value
