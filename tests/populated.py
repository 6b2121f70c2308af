"""A client with a small tree and one fid in every state, and words for what tests ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ninep import messages as m
from ninep.backend import Backend
from ninep.backends.memory import MemoryBackend
from ninep.constants import NONUNAME, LopenFlag, StMode
from ninep.messages import TMessage
from ninep.spec import Field, spec
from tests.helpers import Peer, service

SPEC = spec()
LIMIT = 1 << 20
"""Bytes of the tree: nothing that a test asks for takes more."""
RDONLY, WRONLY, RDWR = int(LopenFlag.RDONLY), int(LopenFlag.WRONLY), int(LopenFlag.RDWR)
FREE = 777
"""A fid that is not in use."""
ROOT, FILE, READ, WRITE, BOTH, DIR, OPEN_DIR, LINK, FIFO, XREAD, XWRITE = range(11)
"""Fids: the root; the file f; f open to read, write, both; the directory d; d open; the link s;
the FIFO p; an extended attribute of f to be read; one to be written."""
FIDS = range(11)
ATTRIBUTES = (XREAD, XWRITE)

Request = Callable[[int], TMessage]
"""Makes a request of a fid."""


async def populated(exports: Backend | None = None) -> Peer:
    """Return a client that holds all of `FIDS`."""
    peer = Peer(service(exports or MemoryBackend(LIMIT)))
    await peer.begin()
    await fill(peer)
    return peer


async def fill(peer: Peer) -> None:
    """Make the tree, and a fid in every state."""
    await peer.file(b"f", b"content")
    await peer.ok(m.Tmkdir(ROOT, b"d", 0o755, NONUNAME))
    await peer.ok(m.Tsymlink(ROOT, b"s", b"f", NONUNAME))
    await peer.ok(m.Tmknod(ROOT, b"p", int(StMode.IFIFO) | 0o644, 0, 0, NONUNAME))
    for fid, name in ((FILE, b"f"), (DIR, b"d"), (LINK, b"s"), (FIFO, b"p")):
        await peer.walk(ROOT, fid, name)
    await peer.file(b"g", b"inner", DIR)
    await set_xattr(peer, FILE, b"user.a", b"value")
    for fid, of, flags in (
        (READ, FILE, RDONLY),
        (WRITE, FILE, WRONLY),
        (BOTH, FILE, RDWR),
        (OPEN_DIR, DIR, RDONLY),
    ):
        await peer.walk(of, fid)
        await peer.ok(m.Tlopen(fid, flags))
    await peer.ok(m.Txattrwalk(FILE, XREAD, b"user.a"))
    await peer.walk(FILE, XWRITE)
    await peer.ok(m.Txattrcreate(XWRITE, b"user.b", 4, 0))


async def set_xattr(peer: Peer, fid: int, name: bytes, value: bytes, flags: int = 0) -> None:
    """Set an extended attribute of the file of `fid`, in two steps."""
    await peer.walk(fid, 98)
    await peer.ok(m.Txattrcreate(98, name, len(value), flags))
    if value:
        assert await peer.ok(m.Twrite(98, 0, value)) == m.Rwrite(len(value))
    await peer.ok(m.Tclunk(98))


async def names(peer: Peer, *path: bytes) -> list[bytes]:
    """Return the names in a directory, in order, without the dots."""
    await peer.walk(ROOT, 97, *path)
    await peer.ok(m.Tlopen(97, RDONLY))
    found, offset = [], 0
    while entries := await entries_of(peer, 97, offset):
        found += [e.name for e in entries]
        offset = entries[-1].offset
    await peer.ok(m.Tclunk(97))
    return sorted(set(found) - {b".", b".."})


async def entries_of(peer: Peer, fid: int, offset: int = 0, count: int = 8000) -> list[m.Dirent]:
    """Return what one Treaddir gives."""
    r = await peer.ok(m.Treaddir(fid, offset, count))
    assert isinstance(r, m.Rreaddir)
    assert len(r.data) <= count
    return peer.session.codec.dirents(r.data)


def blank(name: str, /, **values: object) -> TMessage:
    """Return a T-message with empty fields but for `values`."""
    fields = {f.name: values.get(f.name, empty(f)) for f in SPEC.messages[name].fields}
    t = getattr(m, name)(**fields)
    assert isinstance(t, TMessage)
    return t


def empty(f: Field) -> Any:
    """Return what a field holds if nothing is known of it."""
    if f.count:
        return ()
    return 0 if SPEC.resolve(f.type).size else b""
