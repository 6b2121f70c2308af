"""What every file tree must do: one suite for all backends.

A test module makes a subclass of `Contract` and gives it a `backend` fixture with an empty tree.
"""

from __future__ import annotations

import pytest

from ninep.backend import Backend, Node

from .contract_names import NamesContract
from .contract_nodes import NodeContract
from .contract_open import OpenContract


class Contract(NodeContract, OpenContract, NamesContract):
    """The whole suite."""

    @pytest.fixture
    async def root(self, backend: Backend) -> Node:
        """Return the root of an empty tree."""
        return await backend.attach()
