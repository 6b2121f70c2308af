"""asyncio: accept, receive, run requests, send replies.

Every whole request of a receive is started at once, in order; what need not wait is answered in the
same turn, and all replies of a turn leave in one write.  Only a request that really waits becomes a
task.  A peer that does not read its replies is not read from either, and one that has had its share
of time waits for its turn while there are others.

Invariants: a connection's replies are written by nobody else; when it ends, its requests, fids,
locks and descriptors end with it; a fault in one request costs that request an EIO and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
import struct
from collections.abc import (
    Awaitable,
    Coroutine,
    Generator,
    Hashable,
    Iterator,
    Mapping,
)
from time import monotonic
from types import TracebackType
from typing import Any, Self

from ninep.address import Address, parse
from ninep.backend import Backend
from ninep.constants import MSIZE_MAX
from ninep.dispatch import answer
from ninep.errors import NUMBERS, CodecError, FrameError
from ninep.fids import Fid
from ninep.limits import LOOK, Held, Limits, Patience, Peers
from ninep.listener import Listener
from ninep.messages import TMessage, Twalk, Twrite
from ninep.ops.clunk import remove_all
from ninep.policy import Policy
from ninep.session import DIALECTS, Received, Service, Session
from ninep.tags import Request, Tags
from ninep.turns import SHARE, Turns

log = logging.getLogger("ninep")
EINTR = NUMBERS["EINTR"]

RECEIVE = 256 * 1024
"""Bytes of the buffer that the connections of a server receive into."""
REQUEST = 1024
"""Bytes that a request in flight takes, but for its strings and data."""
DRAIN = 5.0
"""Seconds for requests in flight when the server closes, and for the last replies to leave."""
PROBES = {
    "TCP_KEEPIDLE": 10,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 4,
    "TCP_USER_TIMEOUT": 30_000,
}
"""A TCP peer that has vanished with no word is asked after 10 s and gone after 30 (tcp(7))."""
BACKLOG = 1024
"""Connections that may wait to be accepted."""
SMALL = 16 * 1024
"""Bytes that who asks for much is read at once."""
CREDENTIALS = struct.Struct("iII")
"""pid, uid and gid of a peer; see unix(7)."""
REMINDER = 60.0
"""Seconds between two complaints about connections that are one too many."""


class Resumed(Awaitable[bytes]):
    """The rest of a coroutine that has been started by hand, for a task to run."""

    def __init__(self, coroutine: Coroutine[Any, Any, bytes], first: object) -> None:
        """Take over at `first`, which the coroutine waits for."""
        self._coroutine = coroutine
        self._first = first

    def __await__(self) -> Generator[Any, Any, bytes]:
        """Hand `first` to the task and go on as the coroutine does."""
        waits_for, self._first = self._first, None
        try:
            while True:
                try:
                    sent = yield waits_for
                except BaseException as exc:  # noqa: BLE001  cancellation too is the coroutine's
                    del waits_for  # it holds the error, whose traceback leads here
                    waits_for = self._coroutine.throw(exc)
                else:
                    waits_for = self._coroutine.send(sent)
        except StopIteration as stop:
            reply: bytes = stop.value
            return reply


class Connection(asyncio.BufferedProtocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        """Serve what `server` exports."""
        self.server = server
        self.session = Session(server.service)
        limits = server.service.limits
        self.tags = Tags(limits.running, Held(server.service.waiting))
        self.held = Held(server.service.unsent)
        """Bytes of replies that the peer has not taken."""
        self.high = limits.unsent
        """Bytes of them at which it is no longer read from."""
        self.tasks: set[asyncio.Task[bytes]] = set()
        self.out: list[bytes] = []
        self.unsent = 0
        self.written = 0
        self.requests: Iterator[Received] = iter(())
        self.choked = False
        self.late = False
        """Whether it has had its share for now, and waits for its turn."""
        self.greedy = True
        """Whether it took its whole share the last time; a new one has yet to show otherwise."""
        self.into = server.shared
        """What is received into."""
        self.borrows = False
        """Whether what was received last lies in the buffer that all share."""
        self.ended = False
        self.dropped = False
        self.drained: asyncio.TimerHandle | None = None
        """What ends it if the last replies are not taken."""
        self.peer: Hashable = None
        self.patience = Patience(limits)
        self.transport: asyncio.Transport

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; small replies must not wait for a full segment, a vanished peer is noticed."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        self.peer = peer_of(sock)
        self.session.bound = bound_to(sock)
        if not self.server.admit(self):
            self.dropped = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=self.high)
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in PROBES.items():
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's signature
        """Return where the next bytes go; who asks for much has a buffer of its own for that."""
        self.into = memoryview(bytearray(SMALL)) if self.greedy else self.server.shared
        return self.session.buffer(self.into)

    def buffer_updated(self, nbytes: int) -> None:
        """Run the requests that have become whole."""
        into, self.into = self.into, self.server.shared
        self.borrows = into is self.into
        self.requests = self.session.received(into, nbytes)
        self.pump()

    def eof_received(self) -> bool:
        """Answer what was asked before the peer closed its side, then close ours."""
        self.finish_and_close()
        return True

    def pause_writing(self) -> None:
        """Stop: the peer does not take its replies."""
        self.choked = True

    def resume_writing(self) -> None:
        """Go on with the requests that were left."""
        self.choked = False
        self.held.set(self.transport.get_write_buffer_size())
        self.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop everything.  Requests that are still running lose their reply."""
        self.drop()
        self.held.set(0)
        self.server.gone(self)
        if self.drained is not None:
            self.drained.cancel()
        if exc is not None:
            log.info("connection lost: %s", exc)

    def look(self) -> None:
        """Drop the connection if the peer has let a deadline pass; see what it has taken."""
        self.held.set(self.transport.get_write_buffer_size())
        missed = self.patience.missed(
            agreed=self.session.dialect is not None,
            part=self.session.part if self.transport.is_reading() else None,
            written=self.written,
            unsent=self.held.bytes,
        )
        if missed:
            log.info("closing a connection of %s: %s", self.peer, missed)
            self.transport.abort()

    # The end

    def finish_and_close(self) -> None:
        """Take no further requests; close when those received are answered."""
        self.ended = True
        self.transport.pause_reading()
        self.close_if_done()

    def close_if_done(self) -> None:
        """Close once the last request is answered."""
        if self.ended and not self.tags and not self.choked and not self.late:
            self.transport.close()

    def drop(self) -> None:
        """End the session at once: requests, fids, locks.  What is queued may still be sent."""
        self.ended = self.dropped = True
        self.requests = iter(())
        self.tags.close()
        for task in self.tasks:
            task.cancel()
        self.server.remove(self.session.close())
        if not self.transport.is_closing():
            self.transport.close()
            self.drained = asyncio.get_running_loop().call_later(DRAIN, self.transport.abort)

    # Requests

    def pump(self) -> None:
        """Start the requests received, as long as the peer takes the replies; then others do.

        One like the last is not begun if it would take longer than there is time left.
        """
        now = monotonic()
        end = now + SHARE
        many = len(self.server.connections) > 1
        self.greedy = False
        try:
            if not self.blocked():
                for tag, t in self.requests:
                    self.arrive(tag, t)
                    if (self.unsent > self.high or self.tags) and self.blocked():
                        break
                    before, now = now, monotonic()
                    if many and 2 * now - before > end:
                        self.greedy = True
                        break
        except FrameError as exc:
            log.warning("closing a connection: %s", exc)
            self.send()
            self.drop()
            return
        if self.greedy:
            self.late = True
            self.server.turns.wait(self.my_turn)
        self.send()
        self.read_on_or_not()
        self.close_if_done()

    def my_turn(self) -> None:
        """Go on after others have had their turn."""
        self.late = False
        if not self.dropped:
            self.pump()

    def blocked(self) -> bool:
        """Say whether no further request may be started now; send what that depends on."""
        if self.unsent > self.high:
            self.send()
        return (
            self.choked
            or self.late
            or (self.tags.held.bytes and self.tags.held.too_much)
            or self.transport.is_closing()
        )

    def arrive(self, tag: int, t: TMessage | CodecError) -> None:
        """Start a request, or let it wait for another one."""
        if not self.tags or isinstance(t, CodecError):
            self.start(tag, t)
            return
        self.tags.register(tag, t, weight(t))
        self.keep_buffer(t)
        self.start_ready()

    def start(self, tag: int, t: TMessage | CodecError, request: Request | None = None) -> None:
        """Run a request up to its reply, or up to where it first waits: then a task goes on."""
        coroutine = answer(self.session, tag, t)
        try:
            first = coroutine.send(None)
        except StopIteration as stop:
            self.finish(request, stop.value)
            return
        assert isinstance(t, TMessage)
        if request is None:
            request = self.tags.register(tag, t, weight(t), running=True)
            self.keep_buffer(t)
        task = asyncio.ensure_future(run(Resumed(coroutine, first)))
        request.cancel = task.cancel
        self.tasks.add(task)
        task.add_done_callback(lambda task: self.done(request, task))

    def start_ready(self) -> None:
        """Start what was waiting for others and need not any more."""
        while ready := self.tags.ready():
            for request in ready:
                self.start(request.tag, request.t, request)

    def finish(self, request: Request | None, reply: bytes | None) -> None:
        """Queue a reply; release the request and what waited for it."""
        if reply is not None and not (request and request.silent):
            self.out.append(reply)
            self.unsent += len(reply)
        if request is not None:
            self.tags.release(request)

    def done(self, request: Request, task: asyncio.Task[bytes]) -> None:
        """Take the reply of a task, and go on with what it was in the way of."""
        self.tasks.discard(task)
        reply = cancelled(self.session, request) if task.cancelled() else task.result()
        if self.dropped:
            self.tags.release(request)
            return
        self.finish(request, reply)
        self.start_ready()
        self.pump()

    def keep_buffer(self, t: TMessage) -> None:
        """Leave the receive buffer to a request that goes on using its data."""
        if type(t) is Twrite:
            self.renew_buffer()

    def renew_buffer(self) -> None:
        """Let nobody receive into what requests that are left are read from."""
        if self.borrows:
            self.borrows = False
            self.server.renew_shared()

    # Replies

    def send(self) -> None:
        """Write all queued replies at once."""
        if self.out:
            self.written += self.unsent
            out, self.out, self.unsent = self.out, [], 0
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))
            left = self.transport.get_write_buffer_size()
            if left or self.held.bytes:
                self.hold(left)

    def hold(self, left: int) -> None:
        """Count what the peer has not taken, and see how much of that it may leave."""
        self.held.set(left)
        if self.high != (most := self.held.budget.most):
            self.high = most
            self.transport.set_write_buffer_limits(high=most)

    def read_on_or_not(self) -> None:
        """Read from the peer only while its requests are taken."""
        if self.transport.is_closing():
            return
        if self.blocked():
            if self.transport.is_reading():
                self.renew_buffer()
                self.transport.pause_reading()
        elif not self.transport.is_reading() and not self.ended:
            self.transport.resume_reading()


def peer_user(sock: Any) -> int | None:
    """Return the user of the process at the other end of a unix socket, None of another one."""
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    pid_uid_gid = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    uid: int = CREDENTIALS.unpack(pid_uid_gid)[1]
    return uid


def bound_to(sock: Any) -> int | None:
    """Return whom the client has to be; root and the server's own user may speak for others.

    Clauses: attach.user-admitted
    """
    uid = peer_user(sock)
    return None if uid in (0, os.geteuid()) else uid


def peer_of(sock: Any) -> Hashable:
    """Return who is at the other end: an IP address, or the user of a process of this machine."""
    uid = peer_user(sock)
    if sock is None or uid is not None:
        return None if uid is None else f"user {uid}"
    with contextlib.suppress(OSError):  # it may have gone already
        return str(sock.getpeername()[0])
    return None


async def run(rest: Resumed) -> bytes:
    """Run the rest of a request as a task."""
    return await rest


def cancelled(session: Session, request: Request) -> bytes:
    """Return the reply to a request that ended because its task was cancelled."""
    return session.error(request.tag, InterruptedError(EINTR, "flushed"))


def weight(t: TMessage) -> int:
    """Return about how many bytes a request in flight keeps in memory."""
    if type(t) is Twrite:
        return REQUEST + len(t.data)
    if type(t) is Twalk:
        return REQUEST + sum(map(len, t.wname))
    names: tuple[str, ...] = t.__slots__
    values = (getattr(t, name) for name in names)
    return REQUEST + sum(len(value) for value in values if type(value) is bytes)


class Server:
    """Serves file trees to 9P clients; an async context manager.

    `exports` maps names to file trees; b"" is what an empty aname means.  A single `Backend` stands
    for {b"": backend}.  Addresses are those of `ninep.address`; port 0 lets the system choose.
    `policy` says what clients may do beyond plain files, and who may attach.
    """

    def __init__(
        self,
        exports: Backend | Mapping[bytes, Backend],
        *addresses: str | Address,
        msize: int = MSIZE_MAX,
        dialects: tuple[str, ...] = DIALECTS,
        policy: Policy | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Take what to serve and where; nothing is opened before the server is entered."""
        table = exports if isinstance(exports, Mapping) else {b"": exports}
        self.service = Service(table, msize, dialects, policy or Policy(), limits or Limits())
        self.connections: set[Connection] = set()
        self.peers = Peers(self.service.limits)
        self.turns = Turns(lambda call: asyncio.get_running_loop().call_soon(call))
        self._looks: asyncio.TimerHandle | None = None
        self._reminded = 0.0
        self.addresses: list[Address] = []
        """Where it really listens, while it does."""
        self._wanted = [a if isinstance(a, Address) else parse(a) for a in addresses]
        self._sockets: list[tuple[Address, socket.socket]] = []
        self._listeners: list[Listener] = []
        self._cleanup = contextlib.ExitStack()
        self._empty = asyncio.Event()
        self._removing: set[asyncio.Task[None]] = set()
        self.shared = memoryview(bytearray(RECEIVE))

    def renew_shared(self) -> None:
        """Give the receive buffer away to who still needs what is in it."""
        self.shared = memoryview(bytearray(RECEIVE))

    async def __aenter__(self) -> Self:
        """Listen on every address, and serve.  Errors: those of `bind`"""
        self.bind()
        try:
            while self._sockets:
                with about_address(self._sockets[0][0]):
                    await self._accept_on(*self._sockets[0])
                del self._sockets[0]
        except BaseException:
            await self.close(0)
            raise
        self._look()
        return self

    def bind(self) -> None:
        """Open the socket of every address, unless that has been done; nobody is served yet.

        Errors: OSError (in use, not permitted, no such host), with the address as `filename`
        """
        if self._sockets:
            return
        try:
            for address in self._wanted:
                with about_address(address):
                    self._sockets.append((address, open_socket(address)))
                if address.kind == "unix":
                    self._cleanup.callback(
                        remove_socket, address.path, os.stat(address.path).st_ino
                    )
        except BaseException:
            self._close_sockets()
            raise

    def _close_sockets(self) -> None:
        """Close what was bound and is not served."""
        while self._sockets:
            self._sockets.pop()[1].close()
        self._cleanup.close()

    def _look(self) -> None:
        """Look at all connections, now and again later."""
        for connection in list(self.connections):
            connection.look()
        self._looks = asyncio.get_running_loop().call_later(LOOK, self._look)

    def admit(self, connection: Connection) -> bool:
        """Take a connection in, unless it is one too many; say so now and then."""
        reason = self.peers.admit(connection.peer)
        if not reason:
            self.connections.add(connection)
            return True
        now = asyncio.get_running_loop().time()
        if now >= self._reminded:
            self._reminded = now + REMINDER
            log.error("new connections are refused: %s", reason)
        return False

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, finish what is in flight, close all connections."""
        await self.close()

    async def close(self, drain: float = DRAIN) -> None:
        """Stop listening, give requests in flight `drain` seconds, close all connections.

        The server may be entered again afterwards.
        """
        while self._listeners:
            self._listeners.pop().close()
        self.addresses.clear()
        self._close_sockets()
        for connection in list(self.connections):
            connection.finish_and_close()
        if self.connections and drain:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), drain)
        self.abort()
        if self._looks is not None:
            self._looks.cancel()
        await asyncio.sleep(0)
        if self._removing:
            await asyncio.wait(self._removing, timeout=drain)
        self._empty.set()

    def abort(self) -> None:
        """Close all connections at once."""
        for connection in list(self.connections):
            connection.transport.abort()

    def hurry(self) -> None:
        """Do so, and wait for nothing that is still to be removed."""
        self.abort()
        for task in self._removing:
            task.cancel()

    async def wait_closed(self) -> None:
        """Return when nothing is left to do: no listener, and no connection any more."""
        while self._listeners or self.connections:
            self._empty.clear()
            await self._empty.wait()

    def gone(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        if connection in self.connections:
            self.connections.discard(connection)
            self.peers.leave(connection.peer)
        if not self.connections:
            self._empty.set()

    def remove(self, fids: list[Fid]) -> None:
        """Remove the files that go with fids of a connection that has ended.

        Clauses: open.remove-on-close
        """
        if fids:
            task = asyncio.ensure_future(remove_all(fids))
            self._removing.add(task)
            task.add_done_callback(self._removing.discard)

    async def _accept_on(self, address: Address, sock: socket.socket) -> None:
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: Connection(self), sock)
            return
        self._listeners.append(Listener(sock, self.turns, lambda: Connection(self)))
        self.addresses.append(real_address(address, sock))


@contextlib.contextmanager
def about_address(address: Address) -> Iterator[None]:
    """Let an error name the address as its file."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None:
            raise OSError(errno.EINVAL, str(exc), str(address)) from exc
        exc.filename = str(address)
        raise


def open_socket(address: Address) -> socket.socket:
    """Return the socket of an address: listening, or a connected stream that was inherited.

    Errors: OSError
    """
    if address.kind == "fd":
        return socket.socket(fileno=address.fd)
    if address.kind == "unix":
        return open_unix(address.path)
    if address.kind != "tcp":
        raise OSError(errno.EINVAL, f"cannot listen on {address}")
    family, *_, where = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(where[:2], family=family, backlog=BACKLOG)


def open_unix(path: str) -> socket.socket:
    """Return a socket that listens on `path`; one that nobody serves any more is replaced."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        if is_stale(path):
            os.unlink(path)
        sock.bind(path)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def is_stale(path: str) -> bool:
    """Say whether `path` is a socket that refuses connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return stat.S_ISSOCK(os.lstat(path).st_mode)
        except OSError:
            return False
    return False


def remove_socket(path: str, inode: int) -> None:
    """Remove our socket from the file system, unless somebody has put another in its place."""
    with contextlib.suppress(FileNotFoundError):
        if os.stat(path).st_ino == inode:
            os.unlink(path)


def real_address(address: Address, sock: socket.socket) -> Address:
    """Return the address with the port that the system chose."""
    if address.kind != "tcp":
        return address
    return Address("tcp", host=address.host, port=sock.getsockname()[1])
