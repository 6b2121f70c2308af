"""Flushing what is no longer in flight; what is, is tested in test_tags and test_server."""

from __future__ import annotations

import pytest

from ninep import messages as m
from ninep.constants import NOTAG
from tests.helpers import CODEC, Peer
from tests.populated import READ


@pytest.mark.parametrize("oldtag", [0, 1, 2, 7, NOTAG - 1, NOTAG])
async def test_always_answered(client: Peer, oldtag: int) -> None:
    """flush.always-rflush, flush.unknown-oldtag, flush.own-tag (S-095): 1 is its own tag."""
    assert m.Rflush() == await client.rpc(m.Tflush(oldtag), 1)


async def test_after_the_reply(client: Peer) -> None:
    """flush.after-reply: a request that was answered stays answered, and the tag is free."""
    replies = await client.send(
        CODEC.encode(5, m.Tread(READ, 0, 3))
        + CODEC.encode(6, m.Tflush(5))
        + CODEC.encode(7, m.Tflush(5))
        + CODEC.encode(5, m.Tclunk(READ))
    )
    assert [(5, m.Rread(b"con")), (6, m.Rflush()), (7, m.Rflush()), (5, m.Rclunk())] == [
        CODEC.decode(reply) for reply in replies
    ]


async def test_a_chain(client: Peer) -> None:
    """flush.flush-chain (S-095): each of a thousand is answered."""
    chain = b"".join(CODEC.encode(tag, m.Tflush(tag - 1)) for tag in range(1, 1001))
    assert [(tag, m.Rflush()) for tag in range(1, 1001)] == [
        CODEC.decode(reply) for reply in await client.send(chain)
    ]
