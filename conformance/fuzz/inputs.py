"""Inputs: sessions drawn from the tables, and what is done to them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ninep import messages as m
from ninep.codec import HEADER, codec
from ninep.constants import NOFID, NONUNAME, NOTAG
from ninep.messages import Message
from ninep.schema import class_name
from ninep.spec import Field, spec

SPEC = spec()
CORPUS = Path(__file__).with_name("corpus.txt")
MSIZE = 8192
FIDS = (0, 1, 2, 3, 4, 5, 6, 7)
FILE, DIR, INNER, LISTED, LINK, FREE, OTHER = FIDS[1:]
"""What a session begins with, beside 0: an open file, a directory, a file in it, an open directory,
a symbolic link, and two fids that are free.
"""
WALKS = {FILE: (b"file",), DIR: (b"dir",), INNER: (b"dir", b"inner"), LISTED: (), LINK: (b"link",)}
NAMES = (b"inner", b"new", b"newer", b"file", b"dir", b"link", b"fifo")
ODD_NAMES = (b"", b".", b"..", b"a/b", b"/etc", b"a\0b", b"\xff\xfe", b"x" * 255, b"x" * 256)
UNTOUCHED = m.Stat(
    0xFFFF, NOFID, m.Qid(0xFF, NOFID, (1 << 64) - 1), NOFID, NOFID, NOFID, (1 << 64) - 1,
    b"", b"", b"", b"", b"", NOFID, NOFID, NOFID,
)  # fmt: skip
LIKELY: dict[str, tuple[Any, ...]] = {
    "fid": (INNER, FILE, DIR),
    "dfid": (DIR,),
    "newfid": (FREE, OTHER),
    "dirfid": (DIR,),
    "olddirfid": (DIR,),
    "newdirfid": (DIR, 0),
    "offset": (0, 5),
    "count": (100, 8000),
    "mode": (0o644, 0o755),
    "name": NAMES[:3],
    "start": (0, 10),
    "length": (0, 10),
    "Tattach.fid": (FREE, OTHER),
    "Tcreate.fid": (DIR,),
    "Tcreate.mode": (0, 1, 2),
    "Tcreate.perm": (0o644, 0o20000000755),
    "Tfsync.fid": (FILE,),
    "Tgetlock.fid": (FILE,),
    "Tgetlock.type": (0, 1),
    "Tlcreate.fid": (DIR,),
    "Tlcreate.flags": (1, 2, 0o302, 0o1002),
    "Tlink.fid": (INNER, FILE),
    "Tlock.fid": (FILE,),
    "Tlock.flags": (0, 1),
    "Tlock.type": (0, 1, 2),
    "Tlopen.fid": (INNER, DIR),
    "Tlopen.flags": (0, 1, 2, 0o200000, 0o1002),
    "Tmknod.mode": (0o10644, 0o100644, 0o140644),
    "Topen.fid": (INNER, DIR),
    "Topen.mode": (0, 1, 2, 0x10, 0x40),
    "Tread.fid": (FILE, LISTED, FREE),
    "Treaddir.fid": (LISTED,),
    "Treaddir.offset": (0,),
    "Treadlink.fid": (LINK,),
    "Trename.fid": (INNER,),
    "Trenameat.newname": NAMES[:3],
    "Trenameat.oldname": NAMES[:3],
    "Tsetattr.valid": tuple(1 << bit for bit in range(9)),
    "Tsetattr.size": (0, 100),
    "Tunlinkat.flags": (0, 0x200),
    "Twalk.fid": (0, DIR),
    "Twrite.fid": (FILE, FREE),
    "Twstat.stat": (
        UNTOUCHED,
        UNTOUCHED._replace(name=b"new"),
        UNTOUCHED._replace(mode=0o600),
        UNTOUCHED._replace(length=1),
        UNTOUCHED._replace(mtime=1),
    ),
    "Txattrcreate.attr_size": (1, 100),
    "Txattrcreate.flags": (0,),
    "Txattrcreate.name": (b"user.a", b"user.b"),
    "Txattrwalk.fid": (INNER, DIR),
    "Txattrwalk.name": (b"", b"user.a"),
}
"""Values of a field, or of a message's field, that a server can do something with."""
EDGES = {
    1: (0, 1, 2, 3, 0x10, 0x40, 0x7F, 0x80, 0xFF),
    2: (0, 1, 7, 16, 17, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF),
    4: (0, 1, 2, 100, 0o644, 0o40755, 0o10644, MSIZE, 1 << 31, (1 << 32) - 1),
    8: (0, 1, 100, 4096, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1),
}
"""Numbers that may be handled wrongly, by bytes."""
MOST = 3
"""Mutators that one input gets."""
INTACT = 0.15
"""Part of the inputs that get none, so that whoever drops them is wrong."""
KNOWN = 3 / 4
"""Part of the values that a server can use, where it is known which those are."""
LENGTH = 10
"""Requests of a session, beside those that it begins with."""

Frames = list[bytes]
Mutator = Callable[[Random, Frames], None]


@dataclass(frozen=True, slots=True)
class Input:
    """What goes over one connection."""

    dialect: str
    frames: tuple[bytes, ...]
    mutators: tuple[str, ...]
    """What was done to it; () says that it is a session in order."""
    serial: bool
    """Whether each reply is awaited before more is sent."""


def draw(name: str, dialect: str, aname: bytes = b"") -> Input:
    """Return the input that a name stands for."""
    rng = Random(f"{dialect} {name}")  # noqa: S311  to be the same each time
    frames = session(rng, dialect, aname)
    chosen = []
    if rng.random() > INTACT:
        chosen = rng.choices(list(MUTATORS), k=rng.randint(1, MOST))
        for mutator in chosen:
            MUTATORS[mutator](rng, frames)
    return Input(dialect, tuple(frames), tuple(chosen), rng.random() < 1 / 2)


def corpus() -> list[Input]:
    """Return the inputs that are kept, each sent at once."""
    lines = [line.split("#")[0].split() for line in CORPUS.read_text(encoding="ascii").splitlines()]
    return [
        Input(dialect, tuple(bytes.fromhex(frame) for frame in frames), ("kept",), serial=False)
        for dialect, *frames in filter(None, lines)
    ]


# Sessions


def session(rng: Random, dialect: str, aname: bytes) -> Frames:
    """Draw a session: it has fids of each kind of file, some open, and goes on by the tables."""
    begin: list[Message] = [m.Tversion(MSIZE, dialect.encode())]
    begin.append(m.Tattach(0, NOFID, b"root", aname, 0))
    begin += [m.Twalk(0, fid, names) for fid, names in WALKS.items()]
    topen = m.Tlopen if dialect == "9P2000.L" else m.Topen
    begin += [topen(FILE, 2), topen(LISTED, 0)]
    requests = [r.name for r in SPEC.messages_of(dialect) if r.is_request and r.name != "Tversion"]
    names = rng.choices(requests, k=rng.randint(1, LENGTH))
    speak = codec(dialect)
    drawn = [*begin, *(message(rng, name) for name in names)]
    return [speak.encode(tag or NOTAG, one) for tag, one in enumerate(drawn)]


def message(rng: Random, name: str) -> Message:
    """Draw a well-formed message."""
    cls = getattr(m, name)
    found: Message = cls(**{f.name: value(rng, f, name) for f in SPEC.messages[name].fields})
    return found


def value(rng: Random, f: Field, within: str) -> Any:
    """Draw what stands in a field."""
    if f.count:
        return tuple(one_value(rng, f, within) for _ in range(rng.choice((0, 1, 1, 2, 16))))
    return one_value(rng, f, within)


def one_value(rng: Random, f: Field, within: str) -> Any:
    """Draw a value of a field's type, more often than not one that a server can use."""
    likely = LIKELY.get(f"{within}.{f.name}") or LIKELY.get(f.name)
    if likely and rng.random() < KNOWN:
        return rng.choice(likely)
    if f.type in ("fid", "tag"):
        return rng.choice((*FIDS, 99, NOTAG if f.type == "tag" else NOFID))
    if f.type in ("uid", "gid"):
        return rng.choice((0, 0, 1000, NONUNAME, NONUNAME - 1))
    wire = SPEC.resolve(f.type)
    if wire.fields:
        cls = getattr(m, class_name(wire.name))
        return cls(**{part.name: value(rng, part, wire.name) for part in wire.fields})
    if wire.size is None:
        return data(rng, f.name)
    return rng.choice(EDGES[wire.size]) if rng.random() < KNOWN else rng.getrandbits(8 * wire.size)


def data(rng: Random, name: str) -> bytes:
    """Draw counted bytes for a field of some name."""
    if name == "data":
        return rng.randbytes(rng.choice((0, 1, 100, 5000)))
    return rng.choice((rng.choice(ODD_NAMES), rng.choice(NAMES), rng.randbytes(rng.randint(0, 40))))


# Mutators: each changes a list of frames in place


def overwrite(rng: Random, frames: Frames, size: int, number: int) -> None:
    """Put a number somewhere into a frame."""
    which = rng.randrange(len(frames))
    frame = bytearray(frames[which])
    if len(frame) >= size:
        at = rng.randint(0, len(frame) - size)
        frame[at : at + size] = number.to_bytes(size, "little")
        frames[which] = bytes(frame)


def flip(rng: Random, frames: Frames) -> None:
    """Turn a bit."""
    which = rng.randrange(len(frames))
    frame = bytearray(frames[which])
    if frame:
        frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
        frames[which] = bytes(frame)


def byte(rng: Random, frames: Frames) -> None:
    """Put any byte somewhere."""
    overwrite(rng, frames, 1, rng.getrandbits(8))


def edge(rng: Random, frames: Frames) -> None:
    """Put a number that is an edge somewhere."""
    size = rng.choice(tuple(EDGES))
    overwrite(rng, frames, size, rng.choice(EDGES[size]))


def sized(frame: bytes) -> bytes:
    """Return a frame with a size that is right."""
    return struct.pack("<I", len(frame)) + frame[4:] if len(frame) >= len(b"size") else frame


def field(at: int, layout: str, *numbers: int) -> Mutator:
    """Return a mutator that puts one of some numbers into one place of a frame."""

    def put(rng: Random, frames: Frames) -> None:
        which = rng.randrange(len(frames))
        frame = bytearray(frames[which])
        size = struct.calcsize(layout)
        if len(frame) >= at + size:
            number = rng.choice(numbers or (rng.getrandbits(8 * size),))
            struct.pack_into(layout, frame, at, number)
            frames[which] = bytes(frame)

    return put


def cut(rng: Random, frames: Frames) -> None:
    """Cut a frame off, with the size that it had."""
    which = rng.randrange(len(frames))
    frames[which] = frames[which][: rng.randint(0, len(frames[which]))]


def cut_sized(rng: Random, frames: Frames) -> None:
    """Cut a frame off, with a size that is right."""
    which = rng.randrange(len(frames))
    frames[which] = sized(frames[which][: rng.randint(0, len(frames[which]))])


def grow(rng: Random, frames: Frames) -> None:
    """Put more bytes behind a frame, with the size that it had."""
    which = rng.randrange(len(frames))
    frames[which] += rng.randbytes(rng.randint(1, 20))


def grow_sized(rng: Random, frames: Frames) -> None:
    """Put more bytes behind a frame, with a size that is right."""
    which = rng.randrange(len(frames))
    frames[which] = sized(frames[which] + rng.randbytes(rng.randint(1, 20)))


def again(rng: Random, frames: Frames) -> None:
    """Send a frame once more, somewhere."""
    frames.insert(rng.randint(0, len(frames)), rng.choice(frames))


def swap(rng: Random, frames: Frames) -> None:
    """Exchange two frames."""
    one, other = rng.randrange(len(frames)), rng.randrange(len(frames))
    frames[one], frames[other] = frames[other], frames[one]


def leave_out(rng: Random, frames: Frames) -> None:
    """Leave a frame out."""
    if len(frames) > 1:
        del frames[rng.randrange(len(frames))]


def foreign(rng: Random, frames: Frames) -> None:
    """Put a message of any dialect between the others."""
    dialect = rng.choice(SPEC.standard)
    name = rng.choice(SPEC.messages_of(dialect)).name
    frame = codec(dialect).encode(rng.randint(0, 99), message(rng, name))
    frames.insert(rng.randint(1, len(frames)), frame)


def version(rng: Random, frames: Frames) -> None:
    """Begin anew in the middle."""
    dialect = rng.choice((*SPEC.standard, "9P", "unknown", "9P2000.x"))
    tversion = m.Tversion(rng.choice((0, 24, 4096, MSIZE, NOFID)), dialect.encode())
    frames.insert(rng.randint(0, len(frames)), codec("9P2000").encode(NOTAG, tversion))


def flush(rng: Random, frames: Frames) -> None:
    """Flush a request."""
    tag = rng.randint(0, len(frames))
    frame = codec("9P2000").encode(rng.randint(0, 99), m.Tflush(tag))
    frames.insert(rng.randint(1, len(frames)), frame)


def noise(rng: Random, frames: Frames) -> None:
    """Put any bytes between two frames."""
    frames.insert(rng.randint(0, len(frames)), rng.randbytes(rng.randint(1, 200)))


def many(rng: Random, frames: Frames) -> None:
    """Send a frame two hundred times, with tags of their own."""
    frame = rng.choice(frames)
    if len(frame) >= HEADER:
        frames += [frame[:5] + struct.pack("<H", 1000 + n) + frame[HEADER:] for n in range(200)]


MUTATORS: dict[str, Mutator] = {
    "flip": flip,
    "byte": byte,
    "edge": edge,
    "size": field(0, "<I", 0, 1, 4, 6, 7, 8, 11, MSIZE, MSIZE + 1, 1 << 20, 1 << 31, (1 << 32) - 1),
    "type": field(4, "<B"),
    "tag": field(5, "<H", 0, 1, 2, 3, 4, 5, 6, NOTAG),
    "fid": field(7, "<I", *FIDS, 1000, NOFID),
    "length": field(7, "<H", 0, 1, 17, 0x8000, 0xFFFF),
    "cut": cut,
    "cut-sized": cut_sized,
    "grow": grow,
    "grow-sized": grow_sized,
    "again": again,
    "swap": swap,
    "leave-out": leave_out,
    "foreign": foreign,
    "version": version,
    "flush": flush,
    "noise": noise,
    "many": many,
}
"""By name."""
