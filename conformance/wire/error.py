"""intro(5), errors: what is said when a request cannot be done."""

from __future__ import annotations

from collections.abc import Callable

from ninep import messages as m
from ninep.constants import NONUNAME, UnlinkFlag
from ninep.errors import NUMBERS
from ninep.messages import TMessage
from ninep.spec import spec

from ..check import samples
from ..check.case import Start, case
from ..check.link import ENAME_MAX
from ..check.peer import DIR, NAMES, SCRATCH, Peer, errno, is_error, shown
from ..check.tree import names
from ..check.verdict import Broken, Unjudged

FILE, PLACE, NEW, LIST, FULL = 10, 11, 12, 13, 14
"""Fids: a file, the case's directory, none yet, one to list it, a directory that is not empty."""
LINUX = ("9P2000.L",)
REMOVEDIR = int(UnlinkFlag.REMOVEDIR)

FAILING: dict[str, Callable[[Peer], TMessage]] = {
    "create without a name": lambda p: p.speech.create(PLACE, b"", "rw", 0o644),
    "create in a file": lambda p: p.speech.create(FILE, b"new", "rw", 0o644),
    "open a directory to write": lambda p: p.speech.open(PLACE, "w"),
    "mkdir over a file": lambda p: p.speech.mkdir(PLACE, b"file", 0o755),
    "walk to a missing name": lambda _: m.Twalk(PLACE, PLACE, (b"missing",)),
    "renameat of a missing name": lambda _: m.Trenameat(DIR, b"missing", DIR, b"file"),
    "renameat over a full directory": lambda _: m.Trenameat(DIR, b"d", DIR, b"full"),
    "renameat into itself": lambda _: m.Trenameat(DIR, b"full", DIR, b"full/inner"),
    "unlinkat of a full directory": lambda _: m.Tunlinkat(DIR, b"full", REMOVEDIR),
    "unlinkat of a directory as file": lambda _: m.Tunlinkat(DIR, b"d", 0),
    "unlinkat of a file as directory": lambda _: m.Tunlinkat(DIR, b"file", REMOVEDIR),
    "symlink over a file": lambda _: m.Tsymlink(DIR, b"file", b"target", NONUNAME),
    "link over a file": lambda _: m.Tlink(DIR, FILE, b"other"),
    "mknod over a file": lambda _: m.Tmknod(DIR, b"file", 0o100644, 0, 0, NONUNAME),
}  # fmt: skip

LINUX_ERRORS: dict[str, Callable[[Peer], TMessage]] = {
    "ENOENT": lambda _: m.Twalk(DIR, NEW, (b"missing",)),
    "EEXIST": lambda _: m.Tmkdir(DIR, b"file", 0o755, NONUNAME),
    "ENOTDIR": lambda _: m.Twalk(FILE, NEW, (b"x",)),
    "ENOTEMPTY": lambda _: m.Tremove(FULL),
    "ENAMETOOLONG": lambda _: m.Tmkdir(DIR, b"n" * 256, 0o755, NONUNAME),
    "EINVAL": lambda _: m.Treadlink(FILE),
    "ENODATA": lambda _: m.Txattrwalk(FILE, NEW, b"user.missing"),
}
"""Errors by name, and a request that meets each on every system."""


def spoken(name: str) -> tuple[str, ...]:
    """Return the dialects of a request in `FAILING`; all of them if that is empty."""
    return LINUX if name.startswith(("rename", "unlink", "symlink", "link", "mknod")) else ()


def prepare(p: Peer) -> None:
    """Make what the requests are about."""
    p.make(b"file", b"abc")
    p.make(b"other", b"defg")
    p.mkdir(b"d")
    p.mkdir(b"full")
    p.make(b"inner", b"", b"full")
    p.walk(DIR, FILE, b"file")
    p.walk(DIR, PLACE)
    p.walk(DIR, FULL, b"full")


def everything(p: Peer) -> dict[bytes, object]:
    """Return what is in the case's directory, with what tells one file from another."""
    p.walk(DIR, LIST)
    p.open(LIST)
    listed = names(p, LIST)
    p.clunk(LIST)
    found: dict[bytes, object] = {}
    for name in sorted(listed):
        p.walk(DIR, LIST, name)
        stat = p.stat(LIST)
        found[name] = (stat.qid.path, stat.mode, stat.size if not stat.directory else 0)
        p.clunk(LIST)
    return found


@case("error/failed-changes-nothing", "error.no-effect", each=FAILING, dialects=spoken)
def failed_changes_nothing(p: Peer, name: str) -> None:
    """A request that fails changes neither a file nor a fid."""
    prepare(p)
    p.walk(FILE, SCRATCH)
    p.open(SCRATCH, "rw")
    p.clunk(SCRATCH)
    before, place, file = everything(p), p.stat(PLACE).qid.path, p.stat(FILE).qid.path
    r = p.rpc(FAILING[name](p))
    if not is_error(r):
        raise Unjudged(f"{name} was answered by {shown(r)}")
    p.equal("error.no-effect", before, everything(p), "what is in the directory")
    p.true("error.no-effect", p.exists(b"full", b"inner"), "what is in the full directory")
    p.equal("error.no-effect", place, p.stat(PLACE).qid.path, "qid.path of the directory's fid")
    p.equal("error.no-effect", file, p.stat(FILE).qid.path, "qid.path of the file's fid")
    p.must("error.no-effect", p.speech.open(FILE, "rw"))
    p.must("error.no-effect", p.speech.create(PLACE, b"new", "rw", 0o644))


@case("error/linux-number", "error.linux-numbers", "error.rlerror-in-L", each=LINUX_ERRORS,
      dialects=LINUX)  # fmt: skip
def linux_number(p: Peer, name: str) -> None:
    """An error has the number that Linux gives it, whatever the server's system calls it."""
    prepare(p)
    r = p.rpc(LINUX_ERRORS[name](p))
    if not is_error(r):
        raise Unjudged(f"a request that must fail was answered by {shown(r)}")
    p.well_named()
    number = errno(r)
    lacking = name == "ENODATA" and number == NUMBERS["EOPNOTSUPP"]
    seen = NAMES.get(number or 0, number)
    p.true("error.linux-numbers", lacking or seen == name, f"{name}, {NUMBERS[name]}", number)


@case("error/one-reply-each", "error.one-reply", "tag.reply-same-tag")
def one_reply_each(p: Peer) -> None:
    """Every request gets one reply, whether it works or fails, and no second one follows."""
    p.make(b"file", b"abc")
    p.opened(FILE, b"file", access="rw")
    both = (
        m.Tread(FILE, 0, 3), m.Twrite(FILE, 0, b"abc"), p.speech.stat(FILE), m.Twalk(DIR, DIR, ()),
        m.Tread(NEW, 0, 3), m.Twrite(NEW, 0, b"abc"), p.speech.stat(NEW), m.Tclunk(NEW),
        p.speech.open(FILE, "r"), p.speech.create(FILE, b"x", "r", 0o644), m.Tflush(9),
        m.Tremove(NEW),
    )  # fmt: skip
    p.together(*((10 + n, t) for n, t in enumerate(both)))
    replies = p.replies()
    p.equal("error.one-reply", [*range(10, 22)], sorted(tag for tag, _ in replies), "the tags")
    p.silent("error.one-reply", range(10, 22))


def numbers(name: str, limit: str) -> dict[str, int]:
    """Return a value for each number of a message: the largest, one that may turn negative, 0."""
    found = {}
    for f in spec().messages[name].fields:
        size = spec().resolve(f.type).size
        if size and f.type != "fid" and not f.count:
            bits = 8 * size
            found[f.name] = {"largest": (1 << bits) - 1, "sign": 1 << bits - 1, "zero": 0}[limit]
    return found


@case("error/extreme-values", "error.internal-fault", dialects=samples.dialects,
      each=(n for n in samples.REQUESTS if n != "Tversion" and numbers(n, "zero")))  # fmt: skip
def extreme_values(p: Peer, name: str) -> None:
    """With every number of a request at its limits there is a reply, and the connection goes on."""
    for limit in ("largest", "sign", "zero"):
        p.make(limit.encode(), b"abc")
        p.mkdir(b"d-" + limit.encode())
        p.opened(FILE, limit.encode(), access="rw")
        p.walk(DIR, PLACE, b"d-" + limit.encode())
        for fid in (FILE, PLACE):
            t = samples.message(name, fid, NEW, **numbers(name, limit))
            p.rpc(t)  # type: ignore[arg-type]  # a request
        p.alive("error.internal-fault")
        for fid in (FILE, PLACE, NEW):
            p.rpc(m.Tclunk(fid))


@case("error/number-in-range", "error.never-zero", "error.no-kernel-internal", "error.rlerror-in-L",
      dialects=LINUX, start=Start.INSIDE)  # fmt: skip
def number_in_range(p: Peer) -> None:
    """Whatever goes wrong, it is an Rlerror with a number that user programs know."""
    prepare(p)
    tries = [make(p) for make in (*FAILING.values(), *LINUX_ERRORS.values())]
    for t in (*tries, m.Tauth(NEW, b"", b"", NONUNAME), m.Tread(FILE, 1 << 63, 1)):
        number = errno(r) if is_error(r := p.rpc(t)) else None
        p.true("error.linux-numbers", number is None or number in NAMES, "a number of Linux", r)
    p.well_named()


@case("error/unsupported", "error.fallback-number", dialects=LINUX,
      each=("Trename", "Trenameat", "Tunlinkat"))  # fmt: skip
def unsupported(p: Peer, name: str) -> None:
    """A server that cannot do what has an older form says EOPNOTSUPP, or else does it."""
    p.make(b"file")
    p.walk(DIR, FILE, b"file")
    r = p.rpc(
        {
            "Trename": m.Trename(FILE, DIR, b"other"),
            "Trenameat": m.Trenameat(DIR, b"file", DIR, b"other"),
            "Tunlinkat": m.Tunlinkat(DIR, b"file", 0),
        }[name]
    )
    number = errno(r) if is_error(r) else NUMBERS["EOPNOTSUPP"]
    p.equal("error.fallback-number", "EOPNOTSUPP", NAMES.get(number or 0, number), "the error")


# Rerror, of 9P2000 and 9P2000.u

OLD = ("9P2000", "9P2000.u")
OLD_ERRORS: dict[str, Callable[[Peer], TMessage]] = {
    "ENOENT": lambda _: m.Twalk(DIR, NEW, (b"missing",)),
    "EEXIST": lambda p: p.speech.create(PLACE, b"file", "rw", 0o644),
    "ENOTDIR": lambda _: m.Twalk(FILE, NEW, (b"x",)),
    "ENOTEMPTY": lambda _: m.Tremove(FULL),
    "EISDIR": lambda p: p.speech.open(PLACE, "w"),
    "ENAMETOOLONG": lambda p: p.speech.mkdir(PLACE, b"n" * 256, 0o755),
}
"""Errors by name, and a request that meets each on every system."""


def failed(p: Peer, name: str) -> m.Rerror:
    """Return the Rerror to a request that must fail."""
    prepare(p)
    r = p.rpc(OLD_ERRORS[name](p))
    if not isinstance(r, m.Rerror):
        raise Unjudged(f"a request that must fail was answered by {shown(r)}")
    return r


@case("error/text", "error.rerror-text", "error.short-text", each=OLD_ERRORS)
def text(p: Peer, name: str) -> None:
    """An error has a text, and one that is short enough for every client."""
    ename = failed(p, name).ename
    p.true("error.rerror-text", bool(ename.strip()), "a text", ename)
    p.true("error.short-text", len(ename) <= ENAME_MAX, f"{ENAME_MAX} bytes or less", len(ename))


@case("error/known-text", "error.known-text", each=OLD_ERRORS)
def known_text(p: Peer, name: str) -> None:
    """The text is one that Linux turns into the number of what went wrong."""
    ename = failed(p, name).ename.decode("utf-8", "replace")
    p.equal("error.known-text", name, spec().errstrs.get(ename, ename), "what Linux makes of it")


@case("error/number-and-text", "error.number-agrees", each=OLD_ERRORS)
def number_and_text(p: Peer, name: str) -> None:
    """The number is Linux's for what went wrong, or 0."""
    number = failed(p, name).errno
    expected = f"{NUMBERS[name]}, {name}"
    p.true("error.number-agrees", number in (0, NUMBERS[name]), expected, number)
    if not number:
        p.tolerated.append(Broken("error.number-agrees", expected, "0"))
