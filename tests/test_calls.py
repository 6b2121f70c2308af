"""The generated coroutines send the message they are named after."""

from __future__ import annotations

import asyncio
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninep import messages as m
from ninep.calls import Calls
from tests.strategies import SPEC, message

R = TypeVar("R", bound=m.RMessage)
REQUESTS = [(t.name, t.dialects[-1]) for t in SPEC.messages.values() if t.is_request]


class Recorder(Calls):
    """Remembers what would have been sent."""

    async def rpc(self, t: m.TMessage, reply: type[R]) -> R:
        """Give back the request itself, and the reply's name."""
        found: R = cast("R", (t, reply.__name__))
        return found


@pytest.mark.parametrize(("name", "dialect"), REQUESTS)
@given(data=st.data())
def test_one_coroutine_for_each_request(name: str, dialect: str, data: st.DataObject) -> None:
    """Arguments become fields, in order; the reply is the one with the next number."""
    t = data.draw(message(name, dialect))
    coroutine = getattr(Recorder(), name.lower())
    sent = asyncio.run(coroutine(*(getattr(t, f) for f in t.__slots__)))
    assert (t, "R" + name[1:]) == sent
