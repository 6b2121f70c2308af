"""Tags, flushes and fids of the client, and replies that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from unittest.mock import Mock

import pytest

from ninep import messages as m
from ninep.channel import Channel, Numbers
from ninep.errors import CodecError, ConnectionLost
from ninep.messages import Message, RMessage
from tests.helpers import settled
from tests.scripted import CODEC, QID, Call, Script, answer, scripted


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: c.tclunk(-1), "frame.value-range"),
        (lambda c: c.twrite(0, 0, bytes(8192)), "frame.size-maximum: .* msize 8192"),
    ],
)
async def test_a_request_that_cannot_be_sent(call: Call, says: str) -> None:
    """It is refused before anything is sent, and the client goes on."""
    async with scripted(answer(m.Rclunk())) as client:
        with pytest.raises(CodecError, match=says):
            await call(client)
        assert await client.tclunk(1) == m.Rclunk()
        assert client._tags.taken == set()  # noqa: SLF001


BREACHES: list[tuple[Call, RMessage, str]] = [
    (lambda c: c.tgetattr(0, 1), m.Rclunk(), "Tgetattr was answered by Rclunk"),
    (lambda c: c.twalk(0, 1, (b"a",)), m.Rwalk((QID, QID)), "Twalk was answered by more than"),
    (lambda c: c.tread(0, 0, 3), m.Rread(b"four"), "Tread was answered by more than"),
    (lambda c: c.treaddir(0, 0, 3), m.Rreaddir(b"four"), "Treaddir was answered by more than"),
    (lambda c: c.twrite(0, 0, b"abc"), m.Rwrite(4), "Twrite was answered by more than"),
]


@pytest.mark.parametrize(("call", "r", "says"), BREACHES)
async def test_replies_that_do_not_fit_the_request(call: Call, r: RMessage, says: str) -> None:
    """They are not taken for an answer, and the server is left, which ends every call."""
    async with scripted(answer(r)) as client:
        for again in (call, call):
            with pytest.raises(ConnectionLost, match=says):
                await again(client)


@pytest.mark.parametrize(
    "script",
    [
        lambda tag, _: CODEC.encode(tag + 1, m.Rclunk()),
        lambda _, __: b"\xff\xff\xff\xff\0\0\0",
        lambda _, __: b"\7\0\0\0\xc8\0\0",
        lambda tag, _: CODEC.encode(tag, m.Rclunk())[:5],
    ],
    ids=["other tag", "too large", "unknown type", "cut"],
)
async def test_replies_that_end_the_connection(script: Script) -> None:
    """Whatever is wrong, every request gets an error and none hangs."""
    async with scripted(script) as client:
        one = asyncio.ensure_future(client.tclunk(7))
        if script(1, m.Tclunk(7))[:1] == CODEC.encode(1, m.Rclunk())[:1] == b"\7":
            await settled(20)
            client._reader.feed_eof()  # noqa: SLF001  half a frame, then the end
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(one, 10)
        with pytest.raises(ConnectionLost):
            await client.tclunk(7)


@pytest.mark.parametrize("call", [lambda c: c.stat("/"), lambda c: c.twrite(0, 0, bytes(8000))])
async def test_a_server_that_keeps_its_reply_back(call: Call) -> None:
    """It is left after `timeout` seconds, and nothing waits for it once more."""
    async with scripted(lambda _, __: b"") as client:
        client.timeout = 0.05
        with pytest.raises(ConnectionLost, match=r"no reply to Tw\w+ within 0.05 s"):
            await asyncio.wait_for(call(client), 10)


async def test_a_server_that_sends_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte renews the patience with it, and only silence ends that."""
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    reader = asyncio.StreamReader()
    channel = Channel(reader, Mock(spec=asyncio.StreamWriter), timeout=30)
    first, second = (asyncio.ensure_future(channel.tread(1, 0, 9)) for _ in range(2))
    for byte in CODEC.encode(0, m.Rread(b"something")):
        await settled()
        now += 29
        reader.feed_data(bytes([byte]))
    assert (await first).data == b"something"
    now += 31
    with pytest.raises(ConnectionLost, match="no reply to Tread within 30 s"):
        await second
    await channel.close()


async def test_a_server_that_owes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be silent for as long as nobody asks, and has all its time after that."""
    now = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    async with scripted(answer(m.Rclunk())) as client:
        client.timeout = 30
        for _ in range(3):
            assert await client.tclunk(1) == m.Rclunk()
            now += 31
            await settled()
            now += 1000


class Late:
    """A script that answers nothing but Tflush and Tclunk, and the flushed request before that."""

    def __init__(self, late: RMessage | None = None) -> None:
        """Answer what is flushed with `late`."""
        self.late = late
        self.seen: list[tuple[int, Message]] = []

    def __call__(self, tag: int, t: Message) -> bytes:
        """Note what comes."""
        self.seen.append((tag, t))
        if isinstance(t, m.Tflush):
            late = CODEC.encode(t.oldtag, self.late) if self.late else b""
            return late + CODEC.encode(tag, m.Rflush())
        return CODEC.encode(tag, m.Rclunk()) if isinstance(t, m.Tclunk) else b""


async def cancelled(call: Coroutine[None, None, object]) -> None:
    """Cancel a call that waits for its reply, and wait for nothing else."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call, 0.05)


@pytest.mark.parametrize(
    ("call", "late", "clunked"),
    [
        (lambda c: c.tgetattr(0, 1), None, []),
        (lambda c: c.twalk(0, 9, (b"a",)), None, []),
        (lambda c: c.twalk(0, 9, (b"a",)), m.Rwalk((QID,)), [9]),
        (lambda c: c.twalk(0, 9, (b"a", b"b")), m.Rwalk((QID,)), []),
        (lambda c: c.twalk(9, 9, (b"a",)), m.Rwalk((QID,)), []),
        (lambda c: c.tattach(9, 8, b"", b"", 0), m.Rattach(QID), [9]),
        (lambda c: c.tauth(9, b"", b"", 0), m.Rauth(QID), [9]),
        (lambda c: c.txattrwalk(0, 9, b"a"), m.Rxattrwalk(1), [9]),
        (lambda c: c.txattrwalk(0, 9, b"a"), m.Rlerror(61), []),
        (lambda c: c.stat("/a"), m.Rwalk((QID,)), [1]),
        (lambda c: c.stat("/a"), None, []),
    ],
)
async def test_a_cancelled_request_is_flushed(
    call: Call,
    late: RMessage | None,
    clunked: list[int],
) -> None:
    """Its tag is free after the Rflush, and a fid that it has bound all the same is clunked."""
    script = Late(late)
    async with scripted(script) as client:
        await cancelled(call(client))
        await asyncio.sleep(0.05)
        tag = script.seen[0][0]
        assert script.seen[1][1] == m.Tflush(tag)
        assert clunked == [t.fid for _, t in script.seen if isinstance(t, m.Tclunk)]
        assert (await client.tclunk(7), script.seen[-1][0] in {tag, tag + 1}) == (m.Rclunk(), True)
        assert (client._waiting, client._background) == ({}, set())  # noqa: SLF001
        assert client._fids.taken == set()  # noqa: SLF001


async def test_a_tag_is_in_use_until_the_rflush() -> None:
    """As long as the server owes an answer, no other request has the tag."""
    seen: list[int] = []

    def silent(tag: int, _: Message) -> bytes:
        seen.append(tag)
        return b""

    async with scripted(silent) as client:
        for _ in range(3):
            await cancelled(client.tclunk(1))
        while len(seen) < 6:  # the last Tflush is still on its way
            await asyncio.sleep(0)
    assert len(set(seen)) == len(seen) == 6


def test_numbers_run_out() -> None:
    """There are 65,535 tags and no more."""
    numbers = Numbers(2)
    assert [numbers.take(), numbers.take()] == [0, 1]
    with pytest.raises(ConnectionLost):
        numbers.take()
    numbers.give_back(1)
    numbers.give_back(5)
    assert numbers.take() == 1
