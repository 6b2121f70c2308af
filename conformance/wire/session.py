"""intro(5), sessions: what is between connections, and what an export lets happen."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from ninep import messages as m
from ninep.constants import (
    IOHDRSZ,
    NOFID,
    NONUNAME,
    LockFlag,
    LockStatus,
    LockType,
    OpenMode,
    StMode,
    UnlinkFlag,
    XattrFlag,
)
from ninep.messages import TMessage

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error
from ..check.speech import wstat
from ..check.tree import names
from ..check.verdict import Broken, Gone, Unjudged

FILE, OTHER, NEW, PLACE = 10, 11, 12, 13
"""Fids."""
LINUX, OLD = ("9P2000.L",), ("9P2000", "9P2000.u")
CHANGES: dict[str, dict[str, Any]] = {
    "name": {"name": b"ninep-check-readonly"}, "mode": {"mode": 0o600}, "length": {"length": 1},
    "mtime": {"mtime": 77},
}  # fmt: skip
MADE = b"ninep-check-readonly"
"""A name that is not to come into being."""
POISON: dict[str, bytes] = {
    "nothing but zeros": bytes(64),
    "nothing but ones": b"\xff" * 64,
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a size of 6": b"\6\0\0\0\x78\1",
    "a size of 4 GiB": b"\xff\xff\xff\xff\x78\1\0",
    "half a message": b"\x17\0\0\0\x74\1\0\1\0",
    "an unknown type": b"\7\0\0\0\xfa\1\0" * 20,
    "one tag twice": (b"\x14\0\0\0\x6e\1\0" + bytes(4) + b"\x64\0\0\0\1\0\1\0x") * 2,
    "replies": b"\7\0\0\0\x79\1\0" * 20,
}

REFUSED: dict[str, Callable[[Peer], TMessage]] = {
    "create": lambda p: p.speech.create(PLACE, MADE, "rw", 0o644),
    "mkdir": lambda p: p.speech.mkdir(PLACE, MADE, 0o755),
    "remove": lambda _: m.Tremove(OTHER),
    "Tlcreate without EXCL": lambda _: m.Tlcreate(PLACE, MADE, 0o101, 0o644, NONUNAME),
    "Tmkdir": lambda _: m.Tmkdir(ROOT, MADE, 0o755, NONUNAME),
    "Tsymlink": lambda _: m.Tsymlink(ROOT, MADE, b"target", NONUNAME),
    "Tmknod": lambda _: m.Tmknod(ROOT, MADE, StMode.IFIFO | 0o644, 0, 0, NONUNAME),
    "Tlink": lambda _: m.Tlink(ROOT, FILE, MADE),
    "Trename": lambda _: m.Trename(FILE, ROOT, MADE),
    "Tsetattr of the mode": lambda _: m.Tsetattr(FILE, 1, 0o600, 0, 0, 0, 0, 0, 0, 0),
    "Tsetattr of the size": lambda _: m.Tsetattr(FILE, 8, 0, 0, 0, 0, 0, 0, 0, 0),
    "Tsetattr of the times": lambda _: m.Tsetattr(FILE, 0x30, 0, 0, 0, 0, 0, 0, 0, 0),
}  # fmt: skip
"""Changes; `FILE` and `OTHER` are a file, or the root if there is none, `PLACE` is the root."""


# Connections apart


@case("session/fids-apart", "session.connections-apart")
def fids_apart(p: Peer) -> None:
    """One number stands for another file on each connection, and is clunked on each by itself."""
    p.make(b"a", b"a")
    p.make(b"b", b"bb")
    q = p.another()
    p.must("session.connections-apart", m.Twalk(DIR, FILE, (b"a",)), m.Rwalk)
    q.must("session.connections-apart", m.Twalk(DIR, FILE, (b"b",)), m.Rwalk)
    p.equal("session.connections-apart", 1, p.stat(FILE).size, "the size of one file")
    p.clunk(FILE)
    p.refuses("session.connections-apart", p.speech.stat(FILE))
    q.must("session.connections-apart", q.speech.stat(FILE))
    p.equal("session.connections-apart", 2, q.stat(FILE).size, "the size of the other file")


@case("session/tags-apart", "session.connections-apart")
def tags_apart(p: Peer) -> None:
    """One tag is in flight on each connection, and a Tflush reaches only its own."""
    p.make(b"file", bytes(range(100)))
    q = p.another()
    for one in (p, q):
        one.opened(FILE, b"file")
        one.together(*((n, m.Tread(FILE, n + one.link.number, 1)) for n in range(40)))
    flushing = p.another()
    flushing.together(*((n, m.Tflush(n - 100)) for n in range(100, 140)))
    flushing.replies()
    for one in (p, q):
        replies = dict(one.replies())
        for n in range(40):
            r = replies.get(n)
            seen = bytes(r.data) if isinstance(r, m.Rread) else r
            expected = bytes([n + one.link.number])
            p.equal("session.connections-apart", expected, seen, f"the reply with tag {n}")


@case("session/tversion-apart", "session.connections-apart")
def tversion_apart(p: Peer) -> None:
    """A Tversion on one connection leaves the fids of the other alone."""
    p.make(b"file", b"abc")
    q = p.another()
    q.opened(FILE, b"file")
    p.version(p.msize, p.dialect)
    r = q.must("session.connections-apart", m.Tread(FILE, 0, 3), m.Rread)
    p.equal("session.connections-apart", b"abc", bytes(r.data), "what the other connection reads")


@case("session/msize-apart", "session.connections-apart")
def msize_apart(p: Peer) -> None:
    """The msize of one connection does not bind another."""
    content = (bytes(range(256)) * 20)[: p.msize - IOHDRSZ]
    p.make(b"file", content)
    p.opened(FILE, b"file")
    p.another(msize=4096)
    r = p.must("session.connections-apart", m.Tread(FILE, 0, len(content)), m.Rread)
    p.equal("session.connections-apart", content, bytes(r.data), "what a large msize reads at once")


# The end of a connection


@case("session/end-releases-locks", "session.end-releases", needs=["lock"], dialects=LINUX)
def end_releases_locks(p: Peer) -> None:
    """When a connection ends its locks are released."""
    p.make(b"file")
    holder = p.another()
    for one in (p, holder):
        one.opened(FILE, b"file", access="rw")
    if holder.ok(lock(b"holder"), m.Rlock).status or not p.ok(lock(b"other"), m.Rlock).status:
        raise Unjudged("the first of two locks is not granted, or the second is")
    holder.link.close()
    end = time.monotonic() + p.link.deadline
    while (status := p.ok(lock(b"other"), m.Rlock).status) and time.monotonic() < end:
        pass
    p.equal("session.end-releases", LockStatus.SUCCESS, status, "the status of the other lock")


@case("session/half-close", "session.half-close")
def half_close(p: Peer) -> None:
    """Who ends his side of the connection still gets the replies to what he sent."""
    p.make(b"file", bytes(range(100)))
    q = p.another()
    q.opened(FILE, b"file")
    q.together(*((n, m.Tread(FILE, n, 1)) for n in range(100)))
    q.link.sock.shutdown(socket.SHUT_WR)
    replies = {}
    try:
        replies = dict(q.replies())
    except Gone:
        q.link.waiting.clear()
    for n in range(100):
        r = replies.get(n)
        seen = bytes(r.data) if isinstance(r, m.Rread) else r
        p.equal("session.half-close", bytes([n]), seen, f"the reply with tag {n}")
    q.closes("session.half-close")


# Connections that misbehave


@case("session/others-unharmed", "session.others-unharmed", each=POISON)
def others_unharmed(p: Peer, name: str) -> None:
    """Whatever one connection sends, another goes on and keeps its fids."""
    p.make(b"file", b"abc")
    p.opened(FILE, b"file")
    for data in (POISON[name], POISON[name] * 50):
        q = p.another()
        with contextlib.suppress(Gone):
            q.link.put(data)
        unharmed(p)
        q.link.close()
        p.another().must("session.others-unharmed", p.speech.stat(DIR))
        unharmed(p)


def unharmed(p: Peer) -> None:
    """Demand that an open fid still reads."""
    r = p.must("session.others-unharmed", m.Tread(FILE, 0, 3), m.Rread)
    p.equal("session.others-unharmed", b"abc", bytes(r.data), "what is read beside it")


@case("session/many-connections", "session.others-unharmed")
def many_connections(p: Peer) -> None:
    """Fifty connections are served side by side."""
    p.make(b"file", b"abc")
    peers: list[Peer] = []
    try:
        while len(peers) < 50:
            peers.append(p.another())
            peers[-1].opened(FILE, b"file")
    except (Gone, Unjudged) as exc:
        raise Broken("session.others-unharmed", f"50, not {len(peers)}", str(exc)) from exc
    for q in peers:
        p.equal("session.others-unharmed", b"abc", q.read(FILE), "what each reads")


@case("session/unread-replies", "session.others-unharmed", "session.no-head-blocking")
def unread_replies(p: Peer) -> None:
    """A connection that takes no replies holds up no other."""
    p.make(b"file", bytes(60000))
    p.opened(FILE, b"file")
    q = p.another()
    q.opened(FILE, b"file")
    q.together(*((n, m.Tread(FILE, 0, 60000)) for n in range(200)))
    p.must("session.no-head-blocking", m.Tread(FILE, 0, 100), m.Rread)
    p.must("session.others-unharmed", p.speech.stat(FILE))
    q.link.waiting.clear()


@case("session/waiting-lock", "session.no-head-blocking", needs=["lock"], dialects=LINUX)
def waiting_lock(p: Peer) -> None:
    """A lock that is waited for holds up nothing else on its connection, nor on another."""
    p.make(b"file", b"abc")
    holder = p.another()
    for one in (p, holder):
        one.opened(FILE, b"file", access="rw")
        one.walk(DIR, OTHER, b"file")
    holder.ok(lock(b"holder"), m.Rlock)
    tag = p.send(lock(b"other", LockFlag.BLOCK))
    stat = p.send(p.speech.stat(OTHER))
    while stat in p.link.waiting:
        p.receive()
    holder.must("session.no-head-blocking", holder.speech.stat(OTHER))
    holder.clunk(FILE)
    while tag in p.link.waiting:
        p.receive()


def lock(client: bytes, flags: int = 0) -> m.Tlock:
    """Ask for the whole file."""
    return m.Tlock(FILE, LockType.WRLCK, flags, 0, 0, 1, client)


# Inside the export


@case("session/dotdot-stays-inside", "session.stay-inside", each=(1, 3, 16))
def dotdot_stays_inside(p: Peer, times: int) -> None:
    """From below the root .. leads to the root at most."""
    up = (b"..",) * times
    wqid = p.must("session.stay-inside", m.Twalk(DIR, NEW, up), m.Rwalk).wqid
    paths = [p.walk(ROOT, 100 + n, *p.path[:-n])[-1:] for n in range(1, len(p.path))]
    known = [q[0].path for q in paths] + [p.stat(ROOT).qid.path]
    expected = [known[min(n, len(known) - 1)] for n in range(times)]
    p.equal("session.stay-inside", expected, [q.path for q in wqid], "qid.path of each ..")


@case("session/link-stays-inside", "session.stay-inside", "walk.symlink-unfollowed",
      needs=["symlink"], dialects=LINUX, each=(b"/", b"../../..", b"/etc"))  # fmt: skip
def link_stays_inside(p: Peer, text: bytes) -> None:
    """A symbolic link leads nowhere on the server: neither a walk nor an open nor a create."""
    p.ok(m.Tsymlink(DIR, b"link", text, NONUNAME))
    p.walk(DIR, FILE, b"link")
    for name in (b"etc", b"passwd", b"..", b"proc"):
        p.refuses("session.stay-inside", m.Twalk(FILE, NEW, (name,)))
    r = p.rpc(m.Twalk(DIR, NEW, (b"link", b"etc")))
    reached = isinstance(r, m.Rwalk) and len(r.wqid) > 1
    p.true("session.stay-inside", not reached, "no walk through the link", r)
    p.refuses("session.stay-inside", m.Tlcreate(FILE, b"made", 2, 0o644, NONUNAME))
    p.refuses("session.stay-inside", m.Tmkdir(FILE, b"made", 0o755, NONUNAME))
    p.refuses("session.stay-inside", m.Tlopen(FILE, 0))


@case("session/names-stay-inside", "session.stay-inside", "names.no-slash",
      each=("create", "mkdir", "Tsymlink", "Tmknod", "Tlink", "Trename", "Trenameat"),
      dialects=lambda name: LINUX if name[0] == "T" else ())  # fmt: skip
def names_stay_inside(p: Peer, name: str) -> None:
    """A name with a way in it makes nothing, here or elsewhere."""
    out = b"../escaped"
    p.mkdir(b"d")
    p.make(b"file")
    p.walk(DIR, PLACE, b"d")
    p.walk(DIR, FILE, b"file")
    t = {
        "create": p.speech.create(PLACE, out, "rw", 0o644),
        "mkdir": p.speech.mkdir(PLACE, out, 0o755),
        "Tsymlink": m.Tsymlink(PLACE, out, b"x", NONUNAME),
        "Tmknod": m.Tmknod(PLACE, out, StMode.IFREG | 0o644, 0, 0, NONUNAME),
        "Tlink": m.Tlink(PLACE, FILE, out),
        "Trename": m.Trename(FILE, PLACE, out),
        "Trenameat": m.Trenameat(DIR, b"file", PLACE, out),
    }[name]
    r = p.rpc(t)
    p.true("session.stay-inside", not p.exists(b"escaped"), "nothing outside the directory", r)
    p.true("names.no-slash", is_error(r), "an error", r)
    p.true("session.stay-inside", p.exists(b"file"), "the file where it was", r)


@case("session/moved-out", "session.stay-inside", needs=["subtree", "renameat"], dialects=LINUX)
def moved_out(p: Peer) -> None:
    """From a directory that was moved out of the tree .. does not lead into what lies around it."""
    p.mkdir(b"jail")
    p.mkdir(b"d", b"jail")
    uname, uid = p.user
    jail = b"/".join((p.aname, *p.path, b"jail"))
    p.ok(m.Tattach(NEW, NOFID, uname, jail, uid))
    p.walk(NEW, PLACE, b"d")
    p.walk(DIR, OTHER, b"jail")
    p.ok(m.Trenameat(OTHER, b"d", DIR, b"d"))
    r = p.rpc(m.Twalk(PLACE, FILE, (b"..",)))
    inside = {p.stat(NEW).qid.path, p.stat(PLACE).qid.path}
    seen = {q.path for q in r.wqid} if isinstance(r, m.Rwalk) else set()
    p.true("session.stay-inside", seen <= inside, "no directory outside the attached one", r)


# Exports that are read-only


def furnish(p: Peer) -> None:
    """Walk `FILE` to a file of the tree, or to its root if it has none there; `PLACE`, `OTHER`."""
    p.walk(ROOT, NEW)
    p.open(NEW)
    for name in names(p, NEW)[:50]:
        p.walk(ROOT, FILE, name)
        if not p.stat(FILE).directory and p.stat(FILE).qid.type == 0:
            break
        p.clunk(FILE)
    else:
        p.walk(ROOT, FILE)
    p.clunk(NEW)
    p.walk(ROOT, PLACE)
    p.walk(FILE, OTHER)


def listing(p: Peer) -> list[bytes]:
    """Return the names in the root."""
    p.walk(ROOT, NEW)
    p.open(NEW)
    found = names(p, NEW)
    p.clunk(NEW)
    return sorted(found)


@case("session/readonly-refuses", "session.readonly-refuses", needs=["readonly"],
      start=Start.ATTACHED, each=REFUSED,
      dialects=lambda name: LINUX if name[0] == "T" else ())  # fmt: skip
def readonly_refuses(p: Peer, name: str) -> None:
    """On a read-only export a change is refused with EROFS, and is not made."""
    furnish(p)
    before, stat = listing(p), p.stat(FILE)
    p.refuses("session.readonly-refuses", REFUSED[name](p))
    p.equal("session.readonly-refuses", before, listing(p), "the names in the root")
    p.equal("session.readonly-refuses", stat, p.stat(FILE), "the attributes of the file")


@case("session/readonly-names", "session.readonly-refuses", needs=["readonly"], dialects=LINUX,
      start=Start.ATTACHED,
      each=("Trenameat", "Tunlinkat", "Tunlinkat of a directory"))  # fmt: skip
def readonly_names(p: Peer, what: str) -> None:
    """On a read-only export no name is taken away or changed."""
    furnish(p)
    before = listing(p)
    name = before[0] if before else b"missing"
    t = {
        "Trenameat": m.Trenameat(ROOT, name, ROOT, MADE),
        "Tunlinkat": m.Tunlinkat(ROOT, name, 0),
        "Tunlinkat of a directory": m.Tunlinkat(ROOT, name, UnlinkFlag.REMOVEDIR),
    }[what]
    p.refuses("session.readonly-refuses", t)
    p.equal("session.readonly-refuses", before, listing(p), "the names in the root")


@case("session/readonly-xattr", "session.readonly-refuses", needs=["readonly"], dialects=LINUX,
      start=Start.ATTACHED)  # fmt: skip
def readonly_xattr(p: Peer) -> None:
    """On a read-only export no extended attribute is set, at the latest the clunk says so."""
    furnish(p)
    r = p.rpc(m.Txattrcreate(OTHER, b"user.check", 1, XattrFlag.CREATE))
    if not is_error(r):
        p.ok(m.Twrite(OTHER, 0, b"1"))
        r = p.rpc(m.Tclunk(OTHER))
    p.is_refusal("session.readonly-refuses", "Txattrcreate", r)
    r = p.rpc(m.Txattrwalk(FILE, NEW, b"user.check"))
    p.true("session.readonly-refuses", is_error(r), "no such attribute", r)


@case("session/readonly-open", "session.readonly-open", needs=["readonly"], start=Start.ATTACHED,
      each=("w", "rw", "truncate"))  # fmt: skip
def readonly_open(p: Peer, how: str) -> None:
    """On a read-only export nothing is opened for writing or truncated; it can still be read."""
    furnish(p)
    size = p.stat(FILE).size
    t = p.speech.open(FILE, "r", truncate=True) if how == "truncate" else p.speech.open(FILE, how)
    p.refuses("session.readonly-open", t)
    p.equal("session.readonly-open", size, p.stat(FILE).size, "the size of the file")
    p.must("session.readonly-allows", p.speech.open(FILE, "r"))


@case("session/readonly-remove-on-close", "session.readonly-open", needs=["readonly"],
      start=Start.ATTACHED, dialects=OLD)  # fmt: skip
def readonly_remove_on_close(p: Peer) -> None:
    """On a read-only export nothing is opened to be removed at its clunk."""
    furnish(p)
    p.refuses("session.readonly-open", m.Topen(FILE, OpenMode.RCLOSE))
    p.must("session.readonly-allows", p.speech.open(FILE, "r"))


@case("session/readonly-wstat", "session.readonly-refuses", needs=["readonly"],
      start=Start.ATTACHED, dialects=OLD, each=CHANGES)  # fmt: skip
def readonly_wstat(p: Peer, field: str) -> None:
    """On a read-only export no field of a stat record is changed."""
    furnish(p)
    before = p.ok(m.Tstat(FILE), m.Rstat)
    p.refuses("session.readonly-refuses", wstat(FILE, **CHANGES[field]))
    p.equal("session.readonly-refuses", before, p.ok(m.Tstat(FILE), m.Rstat), "the record")


@case("session/readonly-write", "session.readonly-refuses", "write.fid-writable",
      needs=["readonly"], start=Start.ATTACHED)  # fmt: skip
def readonly_write(p: Peer) -> None:
    """On a read-only export a file that is open for reading is not written."""
    furnish(p)
    p.open(FILE)
    size = p.stat(FILE).size
    r = p.rpc(m.Twrite(FILE, 0, b"x" * (size + 1)))
    p.true("session.readonly-refuses", is_error(r), "an error", r)
    p.equal("session.readonly-refuses", size, p.stat(FILE).size, "the size of the file")


@case("session/readonly-reads", "session.readonly-allows", needs=["readonly"], start=Start.ATTACHED)
def readonly_reads(p: Peer) -> None:
    """On a read-only export files are read and fids clunked as elsewhere."""
    furnish(p)
    p.must("session.readonly-allows", p.speech.open(FILE, "r"))
    if not p.stat(FILE).directory:
        p.must("session.readonly-allows", m.Tread(FILE, 0, 10), m.Rread)
    p.must("session.readonly-allows", m.Tclunk(FILE), m.Rclunk)
    p.refuses("fid.unknown-fid", p.speech.stat(FILE))


@case("session/readonly-syncs", "session.readonly-allows", needs=["readonly"], dialects=LINUX,
      start=Start.ATTACHED)  # fmt: skip
def readonly_syncs(p: Peer) -> None:
    """On a read-only export a Tfsync works."""
    furnish(p)
    p.open(FILE)
    p.must("session.readonly-allows", m.Tfsync(FILE, 0), m.Rfsync)


@case("session/readonly-locks", "session.readonly-allows", needs=["readonly"], dialects=LINUX,
      start=Start.ATTACHED, each=("RDLCK", "WRLCK"))  # fmt: skip
def readonly_locks(p: Peer, kind: str) -> None:
    """On a read-only export a file can be locked, as flock does it on a file open for reading."""
    furnish(p)
    p.open(FILE)
    t = m.Tlock(FILE, LockType[kind], 0, 0, 0, 1, b"check")
    r = p.must("session.readonly-allows", t, m.Rlock)
    p.equal("session.readonly-allows", LockStatus.SUCCESS, r.status, "the status of the lock")
