"""What holds for all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
"""How long an example takes is the machine's affair."""
settings.load_profile("untimed")


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Have what is in a reference cycle live on: all must close when it is dropped (ADR 3)."""
    gc.disable()
    yield
    gc.enable()
