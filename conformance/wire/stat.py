"""stat(5), in 9P2000 and 9P2000.u: ask for the attributes of a file, and change them."""

from __future__ import annotations

import time
from typing import Any

from ninep import messages as m
from ninep.constants import NONUNAME, OpenMode, Perm, StMode
from ninep.errors import NUMBERS
from ninep.messages import Qid, Stat

from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, errno, is_error, shown
from ..check.speech import wstat
from ..check.verdict import Unjudged
from .open import reads

OLD, U = ("9P2000", "9P2000.u"), ("9P2000.u",)
A, B, NEW, CONTROL = 10, 11, 12, 13
"""Fids; `A` is the file that is looked at or changed."""
CONTENT = b"abcde"
PAST = 1_000_000
"""A time in 1970 that no clock shows any more."""
FIXED_SIZE = {"9P2000": 47, "9P2000.u": 61}
"""Bytes of a stat record behind its size, without the text of its strings."""
STRINGS = ("name", "uid", "gid", "muid", "extension")
NOBODY = b"nobody-of-this-name"
USER, GROUP = 100_001, 100_002
"""Numbers that need more than 16 bits."""


def look(p: Peer, fid: int = A) -> Stat:
    """Return the stat record of a fid."""
    return p.ok(m.Tstat(fid), m.Rstat).stat


def file(p: Peer, name: bytes = b"f", content: bytes = CONTENT) -> None:
    """Make the file that is changed, with permissions and times that are known."""
    p.make(name, content)
    p.walk(DIR, A, name)
    p.ok(wstat(A, mode=0o644, mtime=PAST), m.Rwstat)


def directory(p: Peer, name: bytes = b"d") -> None:
    """Make the directory that is changed."""
    p.mkdir(name)
    p.walk(DIR, A, name)


def changes(p: Peer, clause: str, **fields: Any) -> None:
    """Demand that fields of the file's record can be changed, and that no other field is."""
    before = look(p)
    p.must(clause, wstat(A, **fields), m.Rwstat)
    expected = steady(before._replace(**fields), fields)
    p.equal(clause, expected, steady(look(p), fields), "the record")


def able(p: Peer, **fields: Any) -> None:
    """See to it that fields of some other file can be changed at all, or nothing can be said."""
    p.make(b"able", CONTENT)
    p.walk(DIR, CONTROL, b"able")
    p.ok(wstat(CONTROL, **fields), m.Rwstat)
    p.clunk(CONTROL)
    p.walk(DIR, CONTROL, fields.get("name", b"able"))
    seen = look(p, CONTROL)
    p.clunk(CONTROL)
    if any(getattr(seen, name) != value for name, value in fields.items()):
        raise Unjudged(f"a Twstat of {', '.join(fields)} changed nothing, and was no error")
    p.remove(fields.get("name", b"able"))


def steady(stat: Stat, fields: dict[str, Any]) -> Stat:
    """Return a record without what may change by itself, or together with some fields."""
    free: dict[str, Any] = {"muid": b"", "n_muid": 0, "qid": stat.qid._replace(version=0)}
    if "atime" not in fields:
        free["atime"] = 0
    if "length" in fields and "mtime" not in fields:
        free["mtime"] = 0
    return stat._replace(**free)


def refused(p: Peer, clause: str, good: m.Twstat | None = None, **fields: Any) -> None:
    """Demand that fields cannot be changed, after `good` could be, and that nothing is."""
    if good is not None:
        p.ok(good)
    before = steady(look(p), {})
    p.refuses(clause, wstat(A, **fields))
    p.equal(clause, before, steady(look(p), {}), "the record")


# Tstat


@case("stat/any-fid", "stat.any-fid", each=("unopened", "r", "w", "rw", "directory", "unreadable"))
def any_fid(p: Peer, what: str) -> None:
    """The attributes come through every fid of a file, in whatever state and of whatever mode."""
    if what == "directory":
        p.opened(A)
        p.true("stat.any-fid", bool(look(p).mode & Perm.DIR), "the mode of a directory")
        return
    file(p)
    if what == "unreadable":
        p.ok(wstat(A, mode=0), m.Rwstat)
    elif what != "unopened":
        p.open(A, what)
    stat = p.must("stat.any-fid", m.Tstat(A), m.Rstat).stat
    seen = (stat.name, stat.length, stat.mode)
    p.equal("stat.any-fid", (b"f", 5, 0 if what == "unreadable" else 0o644), seen, "the file")


@case("stat/size", "stat.size-counted", each=("short", "long"))
def size(p: Peer, what: str) -> None:
    """The record's size is that of what follows it, and the length in front is two more."""
    name = b"f" if what == "short" else b"n" * 200
    file(p, name)
    stat = look(p)
    data = p.link.log[-1].data
    text = sum(len(getattr(stat, field)) for field in STRINGS)
    expected = FIXED_SIZE[p.dialect] + text
    outer, inner = (int.from_bytes(data[at : at + 2], "little") for at in (7, 9))
    p.equal("stat.size-counted", expected, inner, "size")
    p.equal("stat.size-counted", expected + 2, outer, "n")


@case("stat/name", "stat.name-last")
def name(p: Peer) -> None:
    """The name is the last element of the path, also of what lies deeper."""
    p.mkdir(b"d")
    p.make(b"inner", b"", b"d")
    p.walk(DIR, A, b"d", b"inner")
    p.equal("stat.name-last", b"inner", look(p).name, "the name of the file")
    p.walk(DIR, B, b"d")
    p.equal("stat.name-last", b"d", look(p, B).name, "the name of the directory")
    p.equal("stat.name-last", p.path[-1], look(p, DIR).name, "the name of the case's directory")


@case("stat/name-of-root", "stat.name-last", start=Start.ATTACHED)
def name_of_root(p: Peer) -> None:
    """The name of the root is a slash, also when it was walked to."""
    p.equal("stat.name-last", b"/", look(p, ROOT).name, "the name of the root")
    p.walk(ROOT, A, b"..")
    p.equal("stat.name-last", b"/", look(p).name, "the name of the root")


@case("stat/qid", "stat.qid-agrees", each=("file", "directory", "open"))
def qid(p: Peer, what: str) -> None:
    """The qid is that of the walk and of the open, and its type the top byte of the mode."""
    if what == "directory":
        p.mkdir(b"f")
    else:
        p.make(b"f")
    (walked,) = p.walk(DIR, A, b"f")
    if what == "open":
        r = p.ok(m.Topen(A, OpenMode.READ), m.Ropen)
        p.equal("stat.qid-agrees", (walked.type, walked.path), (r.qid.type, r.qid.path), "of Ropen")
    stat = look(p)
    seen = stat.qid.type, stat.qid.path
    p.equal("stat.qid-agrees", (walked.type, walked.path), seen, "type and path")
    p.equal("stat.qid-agrees", stat.mode >> 24, stat.qid.type, "the type of the qid")
    p.equal("stat.qid-agrees", 0x80 if what == "directory" else 0, stat.qid.type, "the type")


@case("stat/marks", "stat.qid-agrees", needs=["append-only"])
def marks(p: Peer) -> None:
    """A mark of a file stands in the mode and in every qid, and goes when a mode has it no more."""
    p.walk(DIR, A)
    made = p.ok(m.Tcreate(A, b"f", Perm.APPEND | 0o644, OpenMode.RDWR), m.Rcreate).qid
    (walked,) = p.walk(DIR, B, b"f")
    stat = look(p)
    seen = made.type, walked.type, stat.qid.type, stat.mode >> 24
    p.equal("stat.qid-agrees", (0x40,) * 4, seen, "the types, and the top byte of the mode")
    opened = p.ok(m.Topen(B, OpenMode.READ), m.Ropen).qid
    p.equal("stat.qid-agrees", 0x40, opened.type, "the type that an open gives")
    p.ok(wstat(A, mode=0o644), m.Rwstat)
    stat, (walked,) = look(p), p.walk(DIR, NEW, b"f")
    seen = 0x40, walked.type, stat.qid.type, stat.mode >> 24
    p.equal("stat.qid-agrees", (0x40, 0, 0, 0), seen, "the types, and the top byte of the mode")


@case("stat/attributes", "stat.any-fid", "write.seen-at-once")
def attributes(p: Peer) -> None:
    """Length and time are those of the file, after a write too."""
    before = int(time.time())
    p.make(b"f", CONTENT)
    p.opened(A, b"f", access="w")
    p.equal("stat.any-fid", 5, look(p).length, "the length")
    p.write(A, 5, b"fgh")
    stat = look(p)
    p.equal("write.seen-at-once", 8, stat.length, "the length after a write")
    p.true("stat.any-fid", stat.mtime > before - 86400, "an mtime of today", stat.mtime)


@case("stat/length-of-directory", "stat.length-directory")
def length_of_directory(p: Peer) -> None:
    """The length of a directory is 0, whatever is in it."""
    directory(p)
    p.make(b"inner", b"abc", b"d")
    p.equal("stat.length-directory", 0, look(p).length, "the length")


@case("stat/kernel-fields", "stat.kernel-fields-zero", each=("file", "directory"))
def kernel_fields(p: Peer, what: str) -> None:
    """type and dev are 0."""
    (file if what == "file" else directory)(p)
    stat = look(p)
    p.equal("stat.kernel-fields-zero", (0, 0), (stat.type, stat.dev), "type and dev")


@case("stat/symlink-extension", "stat.extension-text", needs=["symlink"], dialects=U,
      each=(b"target", b"/no/such/file", b"../up"))  # fmt: skip
def symlink_extension(p: Peer, text: bytes) -> None:
    """The extension of a symbolic link is its text."""
    p.symlink(b"link", text)
    (walked,) = p.walk(DIR, A, b"link")
    stat = look(p)
    p.equal("stat.extension-text", text, stat.extension, "the extension")
    seen = walked.type, stat.qid.type, stat.mode & ~0o777
    p.equal("stat.extension-text", (2, 2, Perm.SYMLINK), seen, "types of the qids, kind of file")


@case("stat/device-extension", "stat.extension-text", needs=["device"], dialects=U,
      each=(("char", StMode.IFCHR, (1, 3)), ("block", StMode.IFBLK, (259, 70_000))))  # fmt: skip
def device_extension(p: Peer, item: tuple[str, int, tuple[int, int]]) -> None:
    """The extension of a device is its kind and its numbers."""
    _, kind, numbers = item
    p.mknod(b"device", kind, numbers)
    p.walk(DIR, A, b"device")
    stat, letter = look(p), b"c" if kind == StMode.IFCHR else b"b"
    p.equal("stat.extension-text", b"%s %d %d" % (letter, *numbers), stat.extension, "extension")
    p.equal("stat.extension-text", Perm.DEVICE, stat.mode & ~0o777, "the kind of file")


@case("stat/owners", "stat.numeric-owners", needs=["users"], dialects=U)
def owners(p: Peer) -> None:
    """n_uid is the number of the user who has made a file; there is an n_gid too."""
    p.ok(wstat(DIR, mode=Perm.DIR | 0o777), m.Rwstat)
    p.ok(m.Tattach(NEW, 0xFFFFFFFF, b"", p.aname, 1001), m.Rattach)
    p.walk(NEW, A, *p.path)
    p.ok(p.speech.create(A, b"his", "rw", 0o644))
    stat = look(p)
    p.equal("stat.numeric-owners", 1001, stat.n_uid, "n_uid")
    p.true("stat.numeric-owners", stat.n_gid != NONUNAME, "an n_gid", stat.n_gid)
    p.true("stat.numeric-owners", bool(stat.uid and stat.gid), "names of owner and group", stat)


# What a Twstat changes


@case("stat/wstat-nothing", "stat.wstat-dont-touch", "stat.wstat-all-syncs",
      each=("unopened", "r", "w", "directory"))  # fmt: skip
def wstat_nothing(p: Peer, what: str) -> None:
    """A record that touches nothing is answered, and changes nothing."""
    if what == "directory":
        directory(p)
    else:
        file(p)
    if what in ("r", "w"):
        p.open(A, what)
    before = steady(look(p), {})
    p.must("stat.wstat-all-syncs", wstat(A), m.Rwstat)
    p.equal("stat.wstat-dont-touch", before, steady(look(p), {}), "the record")


FIELDS: dict[str, dict[str, Any]] = {
    "name": {"name": b"new"},
    "length": {"length": 3},
    "mode": {"mode": 0o600},
    "mtime": {"mtime": PAST + 77},
}


@case("stat/wstat-one-field", "stat.wstat-dont-touch", each=FIELDS)
def wstat_one_field(p: Peer, field: str) -> None:
    """One field is changed, and every other stays as it is."""
    able(p, **FIELDS[field])
    file(p)
    if field == "name":
        other_name(p, "stat.wstat-dont-touch")
        return
    changes(p, "stat.wstat-dont-touch", **FIELDS[field])


def other_name(p: Peer, clause: str) -> None:
    """Demand that a new name changes nothing else, as who walks to it sees the file."""
    before = look(p)
    p.must(clause, wstat(A, name=b"new"), m.Rwstat)
    p.walk(DIR, B, b"new")
    stat = look(p, B)
    expected = steady(before._replace(name=b"new", qid=stat.qid), {})
    p.equal(clause, expected, steady(stat, {}), "the record")


@case("stat/wstat-all-fields", "stat.wstat-dont-touch", "stat.wstat-times")
def wstat_all_fields(p: Peer) -> None:
    """Several fields are changed at once; the mtime is the one given, though the length changes."""
    for one in FIELDS.values():
        able(p, **one)
    file(p)
    changes(p, "stat.wstat-dont-touch", length=9, mode=0o640, mtime=PAST + 5)
    other_name(p, "stat.wstat-dont-touch")
    p.equal("stat.wstat-dont-touch", CONTENT + bytes(4), p.content(b"new"), "the content")
    p.true("stat.wstat-dont-touch", not p.exists(b"f"), "no file of the old name")


SPOILING: dict[str, dict[str, Any]] = {
    "name taken": {"name": b"d"},
    "name too long": {"name": b"n" * 256},
    "type": {"type": 1},
    "dev": {"dev": 1},
    "qid": {"qid": Qid(0, 1, 1)},
    "directory bit": {"mode": Perm.DIR | 0o755},
    "unknown group": {"gid": NOBODY},
}
"""What makes a record be refused."""
ASKED: dict[str, dict[str, Any]] = {
    "mode": {"mode": 0o600}, "length": {"length": 2}, "mtime": {"mtime": PAST + 9},
    "name": {"name": b"new"},
}  # fmt: skip


@case("stat/wstat-all-or-nothing", "stat.wstat-atomic", each=SPOILING)
def wstat_all_or_nothing(p: Peer, what: str) -> None:
    """Where one change of several cannot be made, none is."""
    p.mkdir(b"d")
    file(p)
    for asked in ASKED.values():
        if not set(asked) & set(SPOILING[what]):
            refused(p, "stat.wstat-atomic", **(asked | SPOILING[what]))
    p.equal("stat.wstat-atomic", CONTENT, p.content(b"f"), "the content")
    p.true("stat.wstat-atomic", not p.exists(b"new"), "no file of the new name")


# Names


@case("stat/wstat-name", "stat.wstat-name", each=("file", "directory", "open"))
def wstat_name(p: Peer, what: str) -> None:
    """A new name takes the place of the old one."""
    if what == "directory":
        directory(p, b"f")
        p.make(b"inner", b"", b"f")
    else:
        file(p)
    if what == "open":
        p.open(A, "rw")
    p.must("stat.wstat-name", wstat(A, name=b"new"), m.Rwstat)
    p.true("stat.wstat-name", not p.exists(b"f"), "the old name gone")
    p.true("stat.wstat-name", p.exists(b"new"), "the new name there")
    if what == "directory":
        p.true("stat.wstat-name", p.exists(b"new", b"inner"), "what is in it")
    else:
        p.equal("stat.wstat-name", CONTENT, p.content(b"new"), "the content")


@case("stat/wstat-name-followed", "rename.fids-follow", each=("file", "directory"), dialects=OLD)
def wstat_name_followed(p: Peer, what: str) -> None:
    """A fid stays with the file that gets a new name, and so does one of what lies below."""
    clause = "rename.fids-follow"
    able(p, name=b"new")
    if what == "directory":
        directory(p, b"f")
        p.make(b"inner", CONTENT, b"f")
        p.walk(A, B, b"inner")
    else:
        file(p)
        p.walk(A, B)
    path = look(p).qid.path
    p.ok(wstat(A, name=b"new"), m.Rwstat)
    stat = p.must(clause, m.Tstat(A), m.Rstat).stat
    p.equal(clause, (path, b"new"), (stat.qid.path, stat.name), "qid.path and name")
    p.must(clause, m.Topen(B, OpenMode.READ), m.Ropen)
    reads(p, clause, B, CONTENT)


@case("stat/wstat-name-of-linux", "stat.wstat-name", dialects=U)
def wstat_name_of_linux(p: Peer) -> None:
    """Linux names its user as muid when it renames, which is no reason to refuse."""
    file(p)
    p.must("stat.wstat-name", wstat(A, name=b"new", muid=b"nobody"), m.Rwstat)
    p.true("stat.wstat-name", p.exists(b"new"), "the new name there")


@case("stat/wstat-name-taken", "stat.wstat-name-taken", each=("file", "directory"))
def wstat_name_taken(p: Peer, what: str) -> None:
    """The name of another file is refused, and neither of them changes."""
    if what == "file":
        p.make(b"taken", b"other")
    else:
        p.mkdir(b"taken")
    file(p)
    refused(p, "stat.wstat-name-taken", wstat(A, mtime=PAST), name=b"taken")
    p.equal("stat.wstat-name-taken", CONTENT, p.content(b"f"), "the file under its name")
    if what == "file":
        p.equal("stat.wstat-name-taken", b"other", p.content(b"taken"), "the other file")


@case("stat/wstat-name-replaces", "stat.wstat-name-replaces")
def wstat_name_replaces(p: Peer) -> None:
    """In 9P2000.u a file takes the name of another, which is replaced; who had it open keeps it."""
    clause = "stat.wstat-name-replaces"
    p.make(b"taken", b"other")
    p.opened(B, b"taken")
    file(p)
    p.must(clause, wstat(A, name=b"taken"), m.Rwstat)
    p.equal(clause, CONTENT, p.content(b"taken"), "what has the name now")
    p.true(clause, not p.exists(b"f"), "the old name gone")
    reads(p, clause, B, b"other")


@case("stat/wstat-name-of-other-kind", "stat.wstat-name-replaces", each=("file", "directory"))
def wstat_name_of_other_kind(p: Peer, what: str) -> None:
    """In 9P2000.u too a directory does not take the place of a file, nor a file its."""
    clause = "stat.wstat-name-replaces"
    if what == "file":
        p.make(b"taken")
        directory(p, b"f")
    else:
        p.mkdir(b"taken")
        file(p)
    refused(p, clause, wstat(A, mtime=PAST), name=b"taken")
    p.walk(DIR, B, b"taken")
    seen = look(p, B).qid.type
    p.equal(clause, 0 if what == "file" else 0x80, seen, "the type of what has the name")


@case("stat/wstat-own-name", "stat.wstat-name")
def wstat_own_name(p: Peer) -> None:
    """A file's own name changes nothing and is no error."""
    file(p)
    changes(p, "stat.wstat-name", name=b"f")


@case("stat/wstat-name-plain", "stat.wstat-name-plain",
      each=(b"d/new", b"../new", b"/new", b"new/", b".", b".."))  # fmt: skip
def wstat_name_plain(p: Peer, name: bytes) -> None:
    """A name that is a path is refused, though the directory in it is there."""
    p.mkdir(b"d")
    file(p)
    refused(p, "stat.wstat-name-plain", wstat(A, mtime=PAST), name=name)
    p.true("stat.wstat-name-plain", p.exists(b"f"), "the file under its name")


@case("stat/wstat-name-of-root", "stat.wstat-root-name", start=Start.ATTACHED)
def wstat_name_of_root(p: Peer) -> None:
    """The root is not renamed."""
    p.walk(ROOT, A)
    refused(p, "stat.wstat-root-name", name=b"new")


# Lengths


@case("stat/wstat-length", "stat.wstat-length", each=(0, 1, 5, 6, 10_000))
def wstat_length(p: Peer, length: int) -> None:
    """A new length cuts a file, or makes it longer with zeros."""
    file(p)
    p.must("stat.wstat-length", wstat(A, length=length), m.Rwstat)
    p.equal("stat.wstat-length", length, look(p).length, "the length")
    expected = CONTENT[:length] + bytes(max(0, length - 5))
    p.equal("stat.wstat-length", expected, p.content(b"f"), "the content")


@case("stat/wstat-length-of-directory", "stat.wstat-length")
def wstat_length_of_directory(p: Peer) -> None:
    """The length of a directory can only be 0."""
    directory(p)
    refused(p, "stat.wstat-length", wstat(A, length=0), length=1)


# Modes


@case("stat/wstat-mode", "stat.wstat-mode", each=(0, 0o400, 0o644, 0o755, 0o777))
def wstat_mode(p: Peer, mode: int) -> None:
    """A new mode sets the permissions, as they are asked for."""
    file(p)
    changes(p, "stat.wstat-mode", mode=mode)


@case("stat/wstat-mode-of-directory", "stat.wstat-mode")
def wstat_mode_of_directory(p: Peer) -> None:
    """The mode of a directory is set together with the bit that says what it is."""
    directory(p)
    changes(p, "stat.wstat-mode", mode=Perm.DIR | 0o700)


@case("stat/wstat-directory-bit", "stat.wstat-directory-bit", each=("file", "directory"))
def wstat_directory_bit(p: Peer, what: str) -> None:
    """A file does not become a directory, nor a directory a file."""
    bit = 0 if what == "file" else Perm.DIR
    (file if what == "file" else directory)(p)
    good, bad = wstat(A, mode=bit | 0o755), (bit ^ Perm.DIR) | 0o755
    refused(p, "stat.wstat-directory-bit", good, mode=bad)


@case("stat/wstat-perm-bits", "create.perm-bits", each=("AUTH", "MOUNT", "SYMLINK-on-9P2000"),
      dialects=lambda what: ("9P2000",) if what.startswith("SYMLINK") else OLD)  # fmt: skip
def wstat_perm_bits(p: Peer, what: str) -> None:
    """Bits that the dialect does not have, or that no client sets, are refused."""
    file(p)
    bit = Perm[what.partition("-")[0]]
    refused(p, "create.perm-bits", wstat(A, mode=0o644), mode=bit | 0o644)


# The rest


FIXED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "type": (OLD, {"type": 7}),
    "dev": (OLD, {"dev": 7}),
    "qid": (OLD, {"qid": Qid(0, 7, 7)}),
    "uid": (("9P2000",), {"uid": NOBODY}),
    "atime": (("9P2000",), {"atime": PAST}),
    "muid": (("9P2000",), {"muid": NOBODY}),
    "extension": (U, {"extension": b"text"}),
}


@case("stat/wstat-fixed", "stat.wstat-fixed-fields", each=FIXED, dialects=lambda f: FIXED[f][0])
def wstat_fixed(p: Peer, field: str) -> None:
    """What is not the client's to change is refused."""
    file(p)
    refused(p, "stat.wstat-fixed-fields", wstat(A, mtime=PAST), **FIXED[field][1])


TIMES = (("mtime", OLD), ("atime", U))


@case("stat/wstat-times", "stat.wstat-times", each=TIMES, dialects=lambda item: item[1])
def wstat_times(p: Peer, item: tuple[str, object]) -> None:
    """A time is set to the second, also one long ago and one far ahead."""
    file(p)
    for seconds in (0, PAST, 0x7FFF_FFFF, 0xFFFF_FFFE):
        p.must("stat.wstat-times", wstat(A, **{item[0]: seconds}), m.Rwstat)
        p.equal("stat.wstat-times", seconds, getattr(look(p), item[0]), item[0])


@case("stat/wstat-open-fid", "stat.wstat-open-fid", each=("r", "w", "rw"))
def wstat_open_fid(p: Peer, access: str) -> None:
    """Mode, times and length are changed through an open fid, which goes on."""
    able(p, mode=0o600, mtime=PAST + 3, length=2)
    file(p)
    p.open(A, access)
    changes(p, "stat.wstat-open-fid", mode=0o600, mtime=PAST + 3)
    if access != "r":
        changes(p, "stat.wstat-open-fid", length=2)
    if access != "w":
        reads(p, "stat.wstat-open-fid", A, CONTENT if access == "r" else CONTENT[:2])


@case("stat/wstat-length-not-writable", "stat.wstat-open-fid")
def wstat_length_not_writable(p: Peer) -> None:
    """A file that nobody may write any more is cut through a fid that has it open for writing."""
    able(p, length=1)
    file(p)
    p.open(A, "w")
    p.ok(wstat(A, mode=0o400), m.Rwstat)
    changes(p, "stat.wstat-open-fid", length=1)


@case("stat/wstat-unknown-group", "stat.wstat-group")
def wstat_unknown_group(p: Peer) -> None:
    """A group that does not exist is refused."""
    file(p)
    refused(p, "stat.wstat-group", wstat(A, mtime=PAST), gid=NOBODY)


@case("stat/wstat-owners", "stat.wstat-group", dialects=U,
      each=(("n_uid", USER), ("n_gid", GROUP)))  # fmt: skip
def wstat_owners(p: Peer, item: tuple[str, int]) -> None:
    """A file is given away by number, or that is refused and it stays whose it was."""
    field, number = item
    file(p)
    before = getattr(look(p), field)
    r = p.rpc(wstat(A, **{field: number}))
    seen = getattr(look(p), field)
    if is_error(r):
        p.true("stat.wstat-group", errno(r) in (NUMBERS["EPERM"], None), "EPERM", shown(r))
        p.equal("stat.wstat-group", before, seen, field)
    else:
        p.equal("stat.wstat-group", number, seen, field)
