"""Let pytest explain the assertions of the shared suite; fixtures of the trees of a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from ninep.backend import Node
from ninep.backends.local import LocalBackend

for name in ("helpers", "contract_names", "contract_nodes", "contract_open"):
    pytest.register_assert_rewrite(f"{__package__}.{name}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The exported directory; beside it is `outside`, with a secret in it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_bytes(b"secret")
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


@pytest.fixture
async def root(path: Path) -> Node:
    """The root of the exported tree."""
    return await LocalBackend(path).attach()
