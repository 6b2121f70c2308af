"""What holds for all tests."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
"""How long an example takes is the machine's affair."""
settings.load_profile("untimed")

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""What `nohup` or a shell's `&` had ignored, commands that the tests start would go on ignoring."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Have what is in a reference cycle live on: all must close when it is dropped (ADR 3)."""
    gc.disable()
    yield
    gc.enable()
