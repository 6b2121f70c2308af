"""`ninep`: arguments, logging, exit codes.

Exit codes: 0 good; 1 the subject failed; 2 usage; 3 unreachable, died, could not boot; 4 our fault.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import importlib
import io
import logging
import os
import resource
import signal
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

from ninep import __version__, client, sandbox, users
from ninep.address import CONNECT, DEFAULT, parse
from ninep.arguments import Parser, address, count, file, path, seconds, string, uid
from ninep.backend import Backend
from ninep.backends._workers import left
from ninep.backends.client import ClientBackend
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.client import Client, VersionError, connect
from ninep.conformance.text import OutputLost
from ninep.constants import MSIZE_MAX, QidType
from ninep.destination import destination, written
from ninep.errors import CodecError, ConnectionLost, NinepError, RemoteError
from ninep.limits import Limits
from ninep.logs import Sparing, Unwaiting
from ninep.messages import Rgetattr
from ninep.policy import SQUASHES, Policy
from ninep.server import Server
from ninep.session import DIALECTS
from ninep.spec import spec
from ninep.users import NOBODY

log = logging.getLogger("ninep")
GOOD, FAILED, USAGE, UNREACHABLE, FAULT = range(5)
MEMORY = "memory:"
POWERS = {
    "devices": "let clients make device nodes",
    "set-id": "let clients make programs that run as their owner or group",
    "trusted": "let clients set attributes in the trusted and security namespaces",
}
"""Options that turn on what `Policy` has by the same names."""
MSIZE_LARGEST = 16 * 1024 * 1024
PART = 64 * 1024
TIMEOUT = 30
"""Seconds that a server may be silent."""
STDOUT = "stdout"
STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SUITES = (
    ("check", "check", "judge any 9P server over the wire, clause by clause"),
    ("lab", "kernel", "mount a server with real Linux kernels and run scripts through the mount"),
)
"""Command, package, what it is for."""

Command = Callable[[argparse.Namespace], int]


class Ended(Exception):
    """A command cannot go on, for a reason in one line for people."""

    def __init__(self, why: str, code: int = USAGE) -> None:
        """Take the reason and the exit code: an argument is wrong unless that says otherwise."""
        super().__init__(why)
        self.code = code


def entry() -> None:
    """Run the command line and exit; until a command begins Ctrl-C is the end, without a word."""
    complete_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    end(main())


def end(code: int) -> NoReturn:
    """Exit.  Who waits for a disk that does not answer is not waited for.

    Python's own end would fail if it answered then.
    """
    if left():
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def complete_streams() -> None:
    """Have all three streams, and a stdout that can print every name.

    One that was closed gets a descriptor that refuses to be used (stderr's takes all), so the
    system says what is wrong, and no socket is taken for it.
    """
    for name, mode, refusing in STREAMS:
        if getattr(sys, name) is None:
            raw = io.FileIO(os.open(os.devnull, refusing), mode)
            setattr(sys, name, io.TextIOWrapper(raw, write_through=True))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911  one for each exit code
    """Run one command; return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    args = parser(words).parse_args(words)
    logging.basicConfig(
        level=[logging.WARNING, logging.INFO, logging.DEBUG][min(getattr(args, "verbose", 0), 2)],
        format="ninep: %(levelname)s: %(message)s",
        handlers=[Unwaiting(sys.stderr)],
    )
    spare_log()
    command: Command = args.command
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return command(args)
    except Ended as exc:
        return complain(exc, exc.code)
    except RemoteError as exc:
        what = f"aname {args.aname!r}" if exc.request == "Tattach" else args.path
        return complain(f"{what}: {exc}", FAILED)
    except CodecError as exc:
        return complain(f"{args.path}: this cannot be sent: {exc}", USAGE)
    except (ConnectionLost, VersionError) as exc:
        return complain(f"{args.address}: {exc}", UNREACHABLE)
    except BrokenPipeError:  # of stdout: that of any other file is said to be about it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except OutputLost as exc:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # and of what is left
        return complain(exc, USAGE)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:  # noqa: BLE001  the last resort
        traceback.print_exc()
        return complain("this is a fault of ninep itself; please report it", FAULT)


def spare_log() -> None:
    """Have no client fill the log."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(one, Sparing) for one in handler.filters):
            handler.addFilter(Sparing())


@contextlib.contextmanager
def about(what: object, code: int) -> Iterator[None]:
    """End a command for an error of the system in here, said to be about `what`.

    That the reader of stdout has gone, as in `| head`, is none.
    """
    try:
        yield
    except NinepError:
        raise
    except OSError as exc:
        if what is STDOUT and isinstance(exc, BrokenPipeError):
            raise
        raise Ended(f"{what}: {reason(exc)}", code) from exc


def reason(exc: OSError) -> str:
    """Say what an error of the system means, without what asyncio adds to it."""
    if isinstance(exc.__cause__, OSError):
        exc = exc.__cause__
    is_errno = exc.errno is not None and exc.errno > 0  # a resolver's numbers are negative
    return os.strerror(exc.errno or 0) if is_errno else exc.strerror or str(exc)


def complain(what: object, code: int) -> int:
    """Say in one line what was wrong; return the exit code."""
    print(f"ninep: {what}", file=sys.stderr)
    return code


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of all commands; a suite is loaded if its name is among the words."""
    top = Parser(prog="ninep", description="The 9P file protocol.")
    top.add_argument("--version", action="version", version=f"ninep {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_serve(commands.add_parser(
        "serve", help="export a directory to 9P clients",
        description="Export ROOT (a directory, or memory: for an empty tree in memory, of 1 GiB at"
        " most), read-only unless --rw is given.",
        epilog="example: ninep serve /srv/files --rw --listen tcp://127.0.0.1:5640",
    ))  # fmt: skip
    for name, module, help_text in SUITES:
        sub = commands.add_parser(name, help=help_text)
        if name in words:
            suite = importlib.import_module(f"ninep.conformance.{module}.cli")
            suite.add_arguments(sub)
            sub.set_defaults(command=suite.run)
    for name, run, help_text, example in (
        ("ls", ls, "list a directory", "ninep ls -l 127.0.0.1:5640 /"),
        ("cat", cat, "print a file", "ninep cat 127.0.0.1:5640 /notes.txt"),
        ("stat", show_stat, "print a file's attributes", "ninep stat 127.0.0.1:5640 /notes.txt"),
        ("get", get, "copy a file from the server", "ninep get 127.0.0.1:5640 /notes.txt n.txt"),
        ("put", put, "copy a file to the server", "ninep put 127.0.0.1:5640 /notes.txt n.txt"),
    ):
        sub = commands.add_parser(name, help=help_text, epilog=f"example: {example}")
        add_client(sub)
        sub.set_defaults(command=over(run))
        if name == "ls":
            sub.add_argument("-l", "--long", action="store_true", help="mode, owner, size, time")
        if name in {"get", "put"}:
            sub.add_argument("file", nargs="?", type=file, help="local file; - is stdin or stdout")
    return top


# serve


def add_serve(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of `ninep serve`."""
    sub.add_argument("root", metavar="ROOT", help="directory to export, or memory:")
    sub.add_argument("--listen", metavar="ADDR", action="append", type=address,
                     help=f"where to listen (default {DEFAULT}); may be repeated")  # fmt: skip
    sub.add_argument("--rw", action="store_true", help="let clients change ROOT")
    sub.add_argument("--export", metavar="NAME=PATH[,ro|rw]", action="append", default=[],
                     help="a further tree, attached by aname NAME")  # fmt: skip
    sub.add_argument("--no-sandbox", dest="sandbox", action="store_false",
                     help="keep all rights of the process")  # fmt: skip
    sub.add_argument("--check-sandbox", action="store_true",
                     help="instead of serving, try what the sandbox forbids")  # fmt: skip
    for name, text in POWERS.items():
        sub.add_argument(f"--{name}", action="store_true", help=text)
    sub.add_argument("--as-client", action="store_true",
                     help="as root: let each client do what its user may, and no more")  # fmt: skip
    sub.add_argument("--squash", metavar="WHO", choices=tuple(SQUASHES),
                     help=f"take these users for nobody ({NOBODY}): {', '.join(SQUASHES)} (default"
                     " root with --as-client, else none)")  # fmt: skip
    sub.add_argument("--allow-uid", metavar="UID", action="append", type=uid,
                     help="let this user attach, and nobody else; may be repeated")  # fmt: skip
    sub.add_argument("--dialect", metavar="D", action="append", choices=DIALECTS,
                     help=f"speak only this: {', '.join(DIALECTS)}")  # fmt: skip
    sub.add_argument("--msize", metavar="BYTES", type=msize, default=MSIZE_MAX,
                     help="largest message to agree to (default %(default)s)")  # fmt: skip
    for limit in fields(Limits):
        sub.add_argument(option(limit.name), metavar="N", default=limit.default,
                         type=count if limit.type == "int" else seconds,
                         help=f"{limit.metadata['help']} (default {limit.default:.9g})",
                         )  # fmt: skip
    sub.add_argument("-v", "--verbose", action="count", default=0, help="log more; may be repeated")
    sub.set_defaults(command=serve)


def option(limit: str) -> str:
    """Return the option that sets a limit."""
    return f"--limit-{limit.replace('_', '-')}"


def msize(text: str) -> int:
    """Read an msize for argparse."""
    least = max(spec().dialects[d].msize_min for d in DIALECTS)
    if not text.isdecimal() or not least <= int(text) <= MSIZE_LARGEST:
        msg = f"{text!r}: expected a number of bytes from {least} to {MSIZE_LARGEST}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def serve(args: argparse.Namespace) -> int:
    """Run `ninep serve`."""
    exports, trees = {}, []
    for name, root, writable in [(b"", args.root, args.rw), *map(export, args.export)]:
        if name in exports:
            raise Ended(f"--export {os.fsdecode(name)}={root}: the name is used twice")
        exports[name], tree = backend(root, writable=writable, as_client=args.as_client)
        trees += [tree] if tree else []
    raise_descriptor_limit()
    listen_on = args.listen or [parse(DEFAULT)]
    sockets = [where.path for where in listen_on if where.kind == "unix"]
    powers = [power for power in sandbox.POWERS if getattr(args, power.replace("-", "_"))]
    enter = partial(enter_sandbox, trees, sockets, powers)
    if args.check_sandbox:
        return check_sandbox(enter, trees)
    server = Server(
        exports,
        *listen_on,
        msize=args.msize,
        dialects=tuple(args.dialect or DIALECTS),
        policy=policy(args),
        limits=Limits(**{one.name: getattr(args, f"limit_{one.name}") for one in fields(Limits)}),
    )
    return asyncio.run(listen(server, enter if args.sandbox else without_sandbox))


def policy(args: argparse.Namespace) -> Policy:
    """Return what clients may do, and who they may be."""
    if args.squash not in (None, "none") and not args.as_client:
        log.warning("without --as-client --squash decides whose new files are, and no more")
    return Policy(
        **{name.replace("-", "_"): getattr(args, name.replace("-", "_")) for name in POWERS},
        squash=args.squash or ("root" if args.as_client else "none"),
        users=None if args.allow_uid is None else frozenset(args.allow_uid),
    )


def enter_sandbox(trees: list[sandbox.Tree], sockets: list[str], powers: list[str]) -> list[str]:
    """Give up what the server does not need; return, and log, what the kernel lacks for that."""
    users.learn()
    with about("cannot enter the sandbox (--no-sandbox serves without one)", FAULT):
        lacks = sandbox.enter(trees, sockets, powers)
    for text in lacks:
        log.info("a part of the sandbox is missing: this kernel has no %s", text)
    return lacks


def without_sandbox() -> list[str]:
    """Say that there is none."""
    log.warning("serving without a sandbox: whoever finds a fault in the server has all its rights")
    return []


def check_sandbox(enter: Callable[[], list[str]], trees: list[sandbox.Tree]) -> int:
    """Enter the sandbox, try what it forbids, and print what held."""
    for text in enter():
        print(f"lacks   {text}")
    tried = sandbox.held(trees)
    for name, why in tried.items():
        print(f"held    {name}: {why}" if why else f"OPEN    {name}")
    return GOOD if all(tried.values()) else FAILED


def raise_descriptor_limit() -> None:
    """Use as many descriptors as are allowed: every file that a client knows takes one.

    A kernel that caches (cache=loose) remembers thousands.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def export(text: str) -> tuple[bytes, str, bool]:
    """Read NAME=PATH[,ro|rw]: name, root, whether it can be changed."""
    name, _, rest = text.partition("=")
    root, _, mode = rest.rpartition(",") if rest.endswith((",ro", ",rw")) else (rest, "", "ro")
    if not name or not root or "/" in name:
        raise Ended(f"--export {text}: expected NAME=PATH[,ro|rw], NAME without a slash")
    return os.fsencode(name), root, mode == "rw"


def backend(root: str, *, writable: bool, as_client: bool) -> tuple[Backend, sandbox.Tree | None]:
    """Open what is to be exported; return it, and its directory if it has one on this machine."""
    found: Backend = MemoryBackend()
    tree = None
    if root != MEMORY:
        with about(f"cannot export {root}", USAGE):
            found = local = LocalBackend(root, noatime=not writable)
        tree = sandbox.Tree(local.descriptor, writable)
        if as_client:
            with about("--as-client needs root, on x86_64 or aarch64", USAGE):
                found = ClientBackend(local)
    elif as_client:
        raise Ended(f"--as-client: {MEMORY} belongs to no user of this machine")
    return found if writable else ReadonlyBackend(found), tree


async def listen(server: Server, enter: Callable[[], object]) -> int:
    """Serve until SIGTERM or SIGINT, or until the last inherited connection has ended.

    What is running then is answered; a second signal does not wait for that.  `enter` is called
    between the last thing that takes rights, to bind, and the first that a client can do.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def leave_now() -> None:
        if stop.is_set():
            server.hurry()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave_now)
    async with contextlib.AsyncExitStack() as stack:
        try:
            server.bind()
            stack.push_async_callback(server.close)
            enter()
            await stack.enter_async_context(server)
        except OSError as exc:
            raise Ended(f"cannot listen on {exc.filename}: {reason(exc)}") from None
        with about(STDOUT, FAILED):
            for where in server.addresses:
                print(f"listening on {where}", flush=True)
        ends = [asyncio.ensure_future(end) for end in (server.wait_closed(), stop.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    return GOOD


# The client at the prompt


def add_client(sub: argparse.ArgumentParser) -> None:
    """Add the arguments that all client commands share."""
    sub.add_argument("address", metavar="ADDR", type=partial(address, kinds=CONNECT),
                     help="server, such as HOST:PORT")  # fmt: skip
    sub.add_argument("path", metavar="PATH", type=path,
                     help="path on the server, from the attached root")  # fmt: skip
    sub.add_argument("--aname", type=string, default="", help="tree to attach to")
    sub.add_argument("--uname", type=string, default="", help="user name to attach as")
    sub.add_argument("--uid", type=uid, default=os.getuid(), help="number to attach as")
    sub.add_argument("--msize", type=msize, default=MSIZE_MAX, help="largest message in bytes")
    sub.add_argument("--timeout", metavar="SECONDS", type=seconds, default=TIMEOUT,
                     help="to connect, and for each reply (default %(default)s)")  # fmt: skip


def over(run: Callable[[Client, argparse.Namespace], Coroutine[None, None, int]]) -> Command:
    """Return a command that connects first."""

    async def connected(args: argparse.Namespace) -> int:
        async with contextlib.AsyncExitStack() as stack:
            with about(f"cannot connect to {args.address}", UNREACHABLE):
                server = await stack.enter_async_context(
                    connect(
                        args.address, msize=args.msize, uname=args.uname, aname=args.aname,
                        n_uname=args.uid, timeout=args.timeout,
                    )
                )  # fmt: skip
            with about(STDOUT, FAILED):
                code = await run(server, args)
                flush_stdout()
            return code

    def stoppable(args: argparse.Namespace) -> int:
        with stopped_by_signals():
            return asyncio.run(connected(args))

    return stoppable


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """End a command by the first signal that asks for it, wherever it waits, and let it clean up.

    asyncio would only ask the command to end, which one that waits for a local file cannot hear.
    """
    usual = {signal.SIG_DFL, signal.default_int_handler}
    here = threading.current_thread() is threading.main_thread()
    before = {n: signal.getsignal(n) for n in STOPS if here and signal.getsignal(n) in usual}
    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(number: int, _: FrameType | None) -> None:
    """End with the shell's code for a signal."""
    sys.exit(128 + number)


async def ls(server: Client, args: argparse.Namespace) -> int:
    """Run `ninep ls`."""
    attributes = await server.stat(args.path)
    if not client.is_directory(attributes):
        name = printable(os.fsencode(args.path))
        print(long(attributes, name) if args.long else name)
        return GOOD
    for item in sorted(await server.ls(args.path), key=lambda item: item.name):
        name = printable(item.name)
        if args.long:
            below = os.fsencode(args.path) + b"/" + item.name
            attributes = await server.stat(below)
            if stat.S_ISLNK(attributes.mode):
                name += f" -> {printable(await server.readlink(below))}"
            print(long(attributes, name))
        else:
            print(name + "/" * bool(item.qid.type & QidType.DIR))
    return GOOD


def flush_stdout() -> None:
    """Write out what was printed; what cannot be is dropped, or it would fail again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


async def cat(server: Client, args: argparse.Namespace) -> int:
    """Run `ninep cat`."""
    async for part in server.read(args.path):
        sys.stdout.buffer.write(part)
    flush_stdout()
    return GOOD


async def get(server: Client, args: argparse.Namespace) -> int:
    """Run `ninep get`: nothing local is touched before the first data are here."""
    if args.file == "-":
        return await cat(server, args)
    target = destination(args.file, os.path.basename(args.path.rstrip("/")))
    if target is None:
        raise Ended(f"{args.path}: name the local file")
    async with contextlib.aclosing(server.read(args.path)) as parts:
        first = await anext(parts, b"")
        with about(target, FAILED), contextlib.ExitStack() as stack:
            with about(target, USAGE):
                out = stack.enter_context(written(target))
            out.write(first)
            async for part in parts:
                out.write(part)
    return GOOD


async def put(server: Client, args: argparse.Namespace) -> int:
    """Run `ninep put`: a path that ends in a slash is the directory to put the file in."""
    name = args.file or os.path.basename(args.path)
    inside = os.path.basename(name) if args.path.endswith("/") else ""
    if not name or inside == "-":
        raise Ended(f"{args.path}: name the {'remote' if name else 'local'} file")
    with contextlib.ExitStack() as stack:
        source, mode = sys.stdin.buffer, 0o644
        if name != "-":
            with about(name, USAGE):
                source = stack.enter_context(Path(name).open("rb"))
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
        parts = content(source, "stdin" if name == "-" else name)
        await server.write(args.path + inside, parts, mode & 0o777)
    return GOOD


def content(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what a local file holds, in parts."""
    with about(name, FAILED):
        while part := source.read(PART):
            yield part


async def show_stat(server: Client, args: argparse.Namespace) -> int:
    """Run `ninep stat`."""
    a = await server.stat(args.path)
    print(f"  path: {printable(os.fsencode(args.path))}")
    print(f"   qid: type {a.qid.type:#04x} version {a.qid.version:#x} path {a.qid.path}")
    print(f"  mode: {stat.filemode(a.mode)} ({a.mode:#o})  links: {a.nlink}")
    print(f" owner: {a.uid}:{a.gid}")
    print(f"  size: {a.size} bytes, {a.blocks} blocks of 512, I/O in {a.blksize}")
    for name, sec, nsec in (
        ("atime", a.atime_sec, a.atime_nsec),
        ("mtime", a.mtime_sec, a.mtime_nsec),
        ("ctime", a.ctime_sec, a.ctime_nsec),
    ):
        print(f" {name}: {when(sec)}.{nsec:09}Z")
    return GOOD


def long(a: Rgetattr, name: str) -> str:
    """Return a line as `ls -l` prints it."""
    return (
        f"{stat.filemode(a.mode)} {a.nlink:3} {a.uid:6} {a.gid:6} {a.size:12}"
        f" {when(a.mtime_sec)}Z {name}"
    )


def when(sec: int) -> str:
    """Return a time of the wire in UTC."""
    signed = sec - (1 << 64) * (sec >> 63)
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=signed)  # noqa: DTZ001
    except OverflowError:
        return f"{signed} s"
    return moment.isoformat(sep=" ")


def printable(name: bytes) -> str:
    """Return a name as text, with what a terminal would act upon escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
