"""Broken servers made from the tables: every field of every reply, every errno, every bound.

Nothing here is thought of for a case: a field is off by one, has its bytes in the wrong order, is
empty or cut; a frame has the wrong type or length; an error has another number; a limit lies one
further or one nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ninep import errors, messages, session
from ninep.codec import codec
from ninep.errors import NUMBERS, Violation
from ninep.messages import RMessage
from ninep.session import Session
from ninep.spec import Field, Message, spec

from .mutant import DIALECT, Mutant, Patch
from .seam import replaced

SPEC = spec()
PACKAGE = Path(errors.__file__).parent
CODEC = codec(DIALECT)
Alter = Callable[[Any], Any]


def changed(name: str, alter: Alter, message: Any) -> Any:
    """Return a copy of a message, or of a record, with one field altered."""
    names = getattr(message, "_fields", message.__slots__)
    values = {n: getattr(message, n) for n in names}
    return type(message)(**{**values, name: alter(values[name])})


def integer(size: int) -> dict[str, Alter]:
    """Return the ways in which an integer of `size` bytes goes wrong."""
    limit = 1 << 8 * size
    ways: dict[str, Alter] = {"off-by-one": lambda n: (n + 1) % limit, "zero": lambda _: 0}
    if size > 1:
        ways["swapped"] = lambda n: int.from_bytes(n.to_bytes(size, "little"), "big")
    return ways


BYTES: dict[str, Alter] = {
    "cut": lambda b: b[:-1],
    "longer": lambda b: bytes(b) + b"x",
    "flipped": lambda b: bytes(b[:-1]) + bytes([b[-1] ^ 1]) if b else b,
}
TUPLE: dict[str, Alter] = {
    "dropped": lambda t: t[:-1],
    "doubled": lambda t: (*t, *t[-1:]),
    "reversed": lambda t: t[::-1],
}


def last(alter: Alter) -> Alter:
    """Return a way that alters the last of several items."""
    return lambda items: (*items[:-1], *(alter(item) for item in items[-1:]))


def each_entry(alter: Alter) -> Alter:
    """Return a way that alters every entry of a listing."""
    return lambda data: b"".join(CODEC.pack_dirent(alter(e)) for e in CODEC.dirents(data))


def ways(f: Field) -> dict[str, Alter]:
    """Return the ways in which a field goes wrong, by name."""
    wire = SPEC.resolve(f.type)
    if f.holds:
        inner = SPEC.types[f.holds].fields
        return {
            f"{g.name}-{way}": each_entry(partial(changed, g.name, alter))
            for g in inner
            for way, alter in ways(g).items()
        }
    one = integer(wire.size) if wire.size else BYTES
    if wire.fields:
        one = {
            f"{g.name}-{way}": partial(changed, g.name, alter)
            for g in wire.fields
            for way, alter in ways(g).items()
        }
    return TUPLE | {way: last(alter) for way, alter in one.items()} if f.count else one


FREE: dict[str, tuple[str, ...]] = {
    "the server's own figure, which nothing else on the wire can confirm": (
        "Rstatfs.type-*", "Rstatfs.bsize-off-by-one", "Rstatfs.bsize-swapped",
        "Rstatfs.files-*", "Rstatfs.ffree-*", "Rstatfs.fsid-*", "Rstatfs.blocks-off-by-one",
        "Rstatfs.blocks-swapped", "Rstatfs.bfree-off-by-one", "Rstatfs.bfree-zero",
        "Rstatfs.bavail-*",
        "Rstatfs.namelen-off-by-one", "Rstatfs.namelen-swapped",
        "Rgetattr.blksize-off-by-one", "Rgetattr.blksize-swapped", "Rgetattr.blocks-*",
    ),
    "valid does not name it, so a client does not look": (
        "Rgetattr.btime_sec-*", "Rgetattr.btime_nsec-*", "Rgetattr.gen-*",
        "Rgetattr.data_version-*",
    ),
    "0 stands for what the client works out for itself": ("R*.iounit-zero",),
    "a version says only that it is another one": ("*qid-version-*",),
    "it is 0 in every such reply": (
        "Rlcreate.qid-type-zero", "Rmknod.qid-type-zero", "Rstat.stat-type-zero",
        "Rstat.stat-type-swapped", "Rstat.stat-dev-zero", "Rstat.stat-dev-swapped",
    ),
    "it is empty, or all ones, in every such reply": (
        "Rstat.stat-muid-cut", "Rstat.stat-muid-flipped", "Rstat.stat-n_muid-swapped",
    ),
    "a clock may be so coarse, or so little ahead": (
        "Rgetattr.atime_nsec-zero", "Rgetattr.mtime_nsec-zero", "Rgetattr.ctime_nsec-zero",
        "Rgetattr.ctime_*sec-off-by-one",
    ),
    "a hint that a client may ignore": ("Rreaddir.data-type-*", "Rreaddir.data-qid-type-*",
                                        "Rreaddir.data-qid-version-*"),
}  # fmt: skip
"""Alterations that are no mutants, by the reason why nobody could tell."""


def free(name: str) -> bool:
    """Say whether an alteration is none that anybody could see."""
    return any(fnmatchcase(name, glob) for globs in FREE.values() for glob in globs)


def reply(name: str, alter: Callable[[RMessage], RMessage]) -> Patch:
    """Have every reply of one type altered before it is encoded."""
    original, cls = Session.reply, getattr(messages, name)

    def altered(self: Session, tag: int, r: RMessage) -> bytes:
        return original(self, tag, alter(r) if type(r) is cls else r)

    return patch.object(Session, "reply", altered)


def framed(code: int, alter: Callable[[bytes], bytes]) -> Patch:
    """Have the bytes of every reply of one type altered."""
    original = Session.reply

    def altered(self: Session, tag: int, r: RMessage) -> bytes:
        data = original(self, tag, r)
        return alter(data) if data[4] == code else data

    return patch.object(Session, "reply", altered)


def resized(data: bytes) -> bytes:
    """Set the size of a frame to what it is."""
    return len(data).to_bytes(4, "little") + data[4:]


FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "trailing": lambda d: resized(d + b"\0"),
    "cut": lambda d: resized(d[:-1]),
    "size": lambda d: (len(d) + 1).to_bytes(4, "little") + d[4:] + b"\0",
    "type": lambda d: d[:4] + bytes([d[4] ^ 2]) + d[5:],
    "tag": lambda d: d[:5] + ((d[5] | d[6] << 8) + 1 & 0xFFFF).to_bytes(2, "little") + d[7:],
    "twice": lambda d: d + d,
    "never": lambda _: b"",
}


def replies() -> list[Message]:
    """Return the R-messages that our server sends."""
    return [m for m in SPEC.messages.values() if not m.is_request and m.name != "Rauth"]


def seen_in(dialects: Collection[str]) -> str:
    """Return the dialect in which something is to be seen: the one that says most."""
    return next(d for d in (DIALECT, "9P2000.u", "9P2000") if d in dialects)


def of_fields() -> Iterator[Mutant]:
    """Yield a mutant for each way that each field of each reply goes wrong."""
    for m in replies():
        dialect = seen_in(m.dialects)
        for f in m.fields_in(dialect):
            for way, alter in ways(f).items():
                name = f"{m.name}.{f.name}-{way}"
                if not free(name):
                    put = partial(reply, m.name, partial(changed, f.name, alter))
                    yield Mutant(name, "", "mechanical", put, on=m.name, dialect=dialect)


def of_frames() -> Iterator[Mutant]:
    """Yield a mutant for each way that the frame of each reply goes wrong."""
    for m in replies():
        for way, alter in FRAMES.items():
            if way == "cut" and not m.fields:
                continue
            clause = "frame.reply-layout" if way in ("trailing", "cut") else ""
            put = partial(framed, m.code, alter)
            dialect, name = seen_in(m.dialects), f"{m.name}-{way}"
            yield Mutant(name, clause, "mechanical", put, on=m.name, dialect=dialect)


RAISED_IN = {"open.write-directory": "9P2000.u", "session.readonly-open": "9P2000.u"}
"""Clauses that an op checks in this dialect alone, because in others the file tree does."""


def another_number(spoiled: str) -> Patch:
    """Have the breach of one clause reported by another errno."""
    original = Violation.__init__

    def made(self: Violation, clause: str, detail: str = "") -> None:
        original(self, clause, detail)
        if clause == spoiled:
            self.errno = other(self.errno or 0)

    return patch.object(Violation, "__init__", made)


def wrong_number(name: str) -> Patch:
    """Have one error of the file tree reported by another number."""
    original, number = errors.linux_errno, NUMBERS[name]

    def made(exc: OSError) -> int:
        found = original(exc)
        return other(found) if found == number and not isinstance(exc, Violation) else found

    return patch.object(session, "linux_errno", made)


def other(number: int) -> int:
    """Return a number that says something else."""
    return NUMBERS["EXDEV"] if number == NUMBERS["EIO"] else NUMBERS["EIO"]


RAISED_BY_TREE = ("ENOENT", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EINVAL", "ENODATA",
                  "ELOOP", "EOPNOTSUPP", "EPERM")  # fmt: skip
"""Errors that a file tree reports and no op checks for."""


def enforced() -> list[str]:
    """Return the clauses with an errno that our own code names, and that a client can see."""
    sources = [p for p in PACKAGE.rglob("*.py") if "conformance" not in p.parts]
    text = "".join(p.read_text(encoding="utf-8") for p in sources)
    seen = [c for c in SPEC.clauses.values() if c.errno and c.observable == "wire"]
    return [c.id for c in seen if f'"{c.id}"' in text]


def of_errors() -> Iterator[Mutant]:
    """Yield a mutant for each clause that an op enforces, and for each error of a file tree."""
    for clause in enforced():
        put: Callable[[], Patch] = partial(another_number, clause)
        readonly = clause.startswith("session.readonly")
        name = f"errno-of-{clause}"
        dialect = RAISED_IN.get(clause) or seen_in(SPEC.clauses[clause].applies_in(SPEC))
        yield Mutant(name, clause, "mechanical", put, readonly=readonly, dialect=dialect)
    for name in RAISED_BY_TREE:
        yield Mutant(f"errno-{name}", "", "mechanical", partial(wrong_number, name))


BOUNDS = {
    "ninep.names:NAME_MAX": ("names.too-long", "nearer further"),
    "ninep.ops.xattr:NAME_MAX": ("xattr.name-range", "nearer further"),
    "ninep.ops.xattr:XATTR_SIZE_MAX": ("xattr.size-maximum", "nearer further"),
    "ninep.ops.stat:NSEC_MAX": ("setattr.time-range", "nearer further"),
    "ninep.ops.read:OFFSET_MAX": ("read.offset-range", "nearer further"),
    "ninep.ops.stat:OFFSET_MAX": ("setattr.size-range", "further"),
    "ninep.ops.names:PATH_MAX": ("link.symlink-too-long", "nearer"),
    "ninep.ops.lock:INFINITY": ("lock.range-end", "nearer further"),
    "ninep.session:FIRST_FRAME_MAX": ("frame.first-cap", "nearer further"),
}
"""Limits, the clause that states each, and to which side a limit may be wrong: a tree in memory
has some of them itself.
"""
SIGNS = {"nearer": "-", "further": "+"}


def of_bounds() -> Iterator[Mutant]:
    """Yield a mutant for each side to which a limit may be wrong by one."""
    for seam, (clause, sides) in BOUNDS.items():
        name = seam.rpartition(":")[2]
        for side in sides.split():
            put = partial(replaced, seam, "", f"{name} {SIGNS[side]} 1")
            yield Mutant(f"{clause}-one-{side}", clause, "mechanical", put)


def mechanical() -> list[Mutant]:
    """Return all of them."""
    return [*of_fields(), *of_frames(), *of_errors(), *of_bounds()]
