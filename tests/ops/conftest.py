"""Fixtures of the tests of ops."""

from __future__ import annotations

import pytest

from tests.helpers import Peer
from tests.populated import populated


@pytest.fixture
async def client() -> Peer:
    """Return a client with a small tree and a fid in every state."""
    return await populated()
