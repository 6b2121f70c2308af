"""From a request to its reply, whatever happens in between."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import Any

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend, MemoryNode
from ninep.codec import codec
from ninep.constants import NONUNAME, NOTAG
from ninep.dispatch import HANDLERS, answer
from ninep.errors import CLAUSES, CodecError
from ninep.messages import TMessage
from tests.backends.helpers import at_once
from tests.helpers import CODEC, Peer, peer, service
from tests.populated import BOTH, DIR, FILE, FREE, READ, ROOT, SPEC, blank, populated

REQUESTS = [x.name for x in SPEC.messages_of("9P2000.L") if x.is_request]
ALL = [x.name for x in SPEC.messages.values() if x.is_request]
REPLIES = [x.name for x in SPEC.messages_of("9P2000.L") if not x.is_request]


@pytest.mark.parametrize("name", ALL)
def test_every_request_has_an_op(name: str) -> None:
    """An op is called as its T-message, in lower case."""
    assert name.lower() == getattr(HANDLERS[getattr(m, name)], "__name__", "")
    assert len(ALL) == len(HANDLERS)


FIELDS = [
    (name, f.name)
    for name in CLAUSES["fid.unknown-fid"].on
    if name in REQUESTS
    for f in SPEC.messages[name].fields
    if f.type == "fid" and f.name != "newfid"
]


@pytest.mark.parametrize(("name", "field"), FIELDS)
async def test_unknown_fids(name: str, field: str) -> None:
    """fid.unknown-fid (S-033): EBADF for every request and each of its fids."""
    client = await populated()
    others = {f.name: DIR for f in SPEC.messages[name].fields if f.type == "fid"}
    strings = {
        f.name: b"x" for f in SPEC.messages[name].fields if f.type == "string" and not f.count
    }
    t = blank(name, **(strings | others | {field: FREE}))
    assert errno.EBADF == await client.errno(t)


@pytest.mark.parametrize("name", [n for n in REQUESTS if SPEC.messages[n].fields])
async def test_no_body(name: str) -> None:
    """frame.short-body (S-003): a frame of seven bytes is EINVAL, and the connection goes on."""
    client = await peer()
    data = b"\7\0\0\0" + bytes([SPEC.messages[name].code]) + b"\5\0"
    assert [(5, m.Rlerror(errno.EINVAL))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]
    await client.getattr(ROOT)


@pytest.mark.parametrize("name", REQUESTS)
async def test_trailing_bytes(name: str) -> None:
    """frame.trailing-bytes (S-012): EINVAL, and nothing is done."""
    client = await populated()
    before = len(client.session.fids)
    data = bytearray(CODEC.encode(5, blank(name, fid=FILE, newfid=FREE)) + b"\0\0\0\0\0")
    data[0] = len(data)
    assert [(5, m.Rlerror(errno.EINVAL))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]
    assert before == len(client.session.fids)


@pytest.mark.parametrize("name", REPLIES)
async def test_replies_are_no_requests(name: str) -> None:
    """frame.request-only (S-042): EOPNOTSUPP, whether the body can be read or not."""
    client = await peer()
    code = SPEC.messages[name].code
    whole = CODEC.encode(3, getattr(m, name)(*empty_values(name)))
    (reply,) = await client.send(whole)
    assert (3, m.Rlerror(errno.EOPNOTSUPP)) == CODEC.decode(reply)
    (reply,) = await client.send(b"\x08\0\0\0" + bytes([code]) + b"\3\0\0")
    assert isinstance(CODEC.decode(reply)[1], m.Rlerror)


def empty_values(name: str) -> list[object]:
    """Return values for all fields of an R-message."""
    qid = m.Qid(0, 0, 0)
    kinds = {"qid": qid, "string": b"", "data": b""}
    return [() if f.count else kinds.get(f.type, 0) for f in SPEC.messages[name].fields]


OTHERS = sorted({n for r in SPEC.registry for n in (r.first, r.last)})


@pytest.mark.parametrize("code", OTHERS)
async def test_numbers_that_are_no_message(code: int) -> None:
    """frame.unknown-type (S-043): EOPNOTSUPP, and the connection goes on."""
    client = await peer()
    data = b"\x0b\0\0\0" + bytes([code]) + b"\5\0" + bytes(4)
    assert [(5, m.Rlerror(errno.EOPNOTSUPP))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]
    await client.getattr(ROOT)


OLD = [x.name for x in SPEC.messages.values() if "9P2000.L" not in x.dialects]


@pytest.mark.parametrize("name", OLD)
async def test_messages_of_other_dialects(name: str) -> None:
    """frame.unknown-type (S-094): the dialect is the session's, not the message's."""
    client = await peer()
    data = b"\x0b\0\0\0" + bytes([SPEC.messages[name].code]) + b"\5\0" + bytes(4)
    assert [(5, m.Rlerror(errno.EOPNOTSUPP))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]


class Broken(MemoryBackend):
    """A tree whose attach fails in the way it was told to."""

    def __init__(self, fault: BaseException) -> None:
        """Fail with this."""
        super().__init__()
        self.fault: BaseException | None = None
        self.next = fault

    async def attach(self, uid: int = NONUNAME) -> MemoryNode:
        """Fail, or not."""
        if self.fault:
            raise self.fault
        return await super().attach(uid)


FAULTS = [
    (ZeroDivisionError("secret"), errno.EIO),
    (RecursionError("deep"), errno.EIO),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), errno.EIO),
    (MemoryError(), errno.ENOMEM),
]


@pytest.mark.parametrize(("fault", "number"), FAULTS, ids=repr)
async def test_a_fault(caplog: pytest.LogCaptureFixture, fault: BaseException, number: int) -> None:
    """error.internal-fault (S-101): one reply, one record; the session and others go on."""
    tree = Broken(fault)
    client = await populated(tree)
    tree.fault = fault
    before = len(client.session.fids)
    assert number == await client.errno(m.Tattach(FREE, 0xFFFFFFFF, b"", b"", 0))
    assert [("ninep", logging.ERROR)] == [(r.name, r.levelno) for r in caplog.records]
    assert (before, b"content") == (len(client.session.fids), await client.read(READ))


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.ETXTBSY, errno.ESTALE])
async def test_errors_of_a_backend(caplog: pytest.LogCaptureFixture, number: int) -> None:
    """error.linux-numbers: the backend's number is the reply's, and nothing is logged."""
    tree = Broken(OSError(number, "x"))
    client = await populated(tree)
    tree.fault = tree.next
    assert number == await client.errno(m.Tattach(FREE, 0xFFFFFFFF, b"", b"", 0))
    assert [] == caplog.records


async def test_a_cancelled_request_is_not_answered_here() -> None:
    """flush.after-reply: who cancels a request decides about its reply."""
    tree = Broken(asyncio.CancelledError())
    client = await populated(tree)
    tree.fault = tree.next
    with pytest.raises(asyncio.CancelledError):
        await client.rpc(m.Tattach(FREE, 0xFFFFFFFF, b"", b"", 0))


async def test_bad_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """S-102: what a client does wrong is the client's to know."""
    client = await peer()
    await client.send(b"\7\0\0\0\xff\1\0" * 100)
    for name in set(REQUESTS) - {"Tversion"}:
        await client.rpc(blank(name, fid=FREE))
    assert [] == caplog.records


async def test_a_request_that_could_not_be_read() -> None:
    """frame.short-body: its error is the reply."""
    client = await peer()
    error = CodecError("frame.short-body", "x")
    assert (9, m.Rlerror(errno.EINVAL)) == CODEC.decode(await answer(client.session, 9, error))


@pytest.mark.parametrize("name", [n for n in REQUESTS if n != "Tversion"])
async def test_one_reply_of_its_kind(name: str) -> None:
    """error.one-reply, tag.reply-same-tag: the R-message of its kind, or Rlerror."""
    client = await populated()
    for tag, fid in enumerate((ROOT, FILE, BOTH, DIR, FREE), 100):
        fields = {f.name: fid for f in SPEC.messages[name].fields if f.type == "fid"}
        (reply,) = await client.send(CODEC.encode(tag, blank(name, **fields)))
        seen, r = CODEC.decode(reply)
        assert (tag, True) == (seen, type(r).__name__ in {"R" + name[1:], "Rlerror"})


def test_values_that_do_not_fit_a_reply() -> None:
    """frame.value-range: a backend that lies about sizes costs one request, with EIO."""

    class Liar(MemoryBackend):
        async def attach(self, uid: int = NONUNAME) -> Any:
            node = await super().attach(uid)
            node.inode.number = 1 << 64
            return node

    client = Peer(service(Liar()))
    at_once(client.rpc(m.Tversion(8192, b"9P2000.L"), NOTAG))
    t: TMessage = m.Tattach(0, 0xFFFFFFFF, b"", b"", 0)
    assert m.Rlerror(errno.EIO) == at_once(client.rpc(t))
    assert codec("9P2000.L") is CODEC
