"""getattr, in 9P2000.L: the attributes of a file, and the identity that every dialect shows."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NONUNAME, NSEC_MAX, GetattrMask, QidType, SetattrValid, StMode

from ..check.case import case
from ..check.peer import DIR, ROOT, Peer

A, B, C = 10, 11, 12
"""Fids."""
BASIC, ALL = int(GetattrMask.BASIC), int(GetattrMask.ALL)
EVERY_BIT = (1 << 64) - 1
TYPES = {StMode.IFDIR: QidType.DIR, StMode.IFLNK: QidType.SYMLINK}
FIELDS = (
    ("MODE", "mode"),
    ("NLINK", "nlink"),
    ("UID", "uid"),
    ("GID", "gid"),
    ("RDEV", "rdev"),
    ("ATIME", "atime_sec", "atime_nsec"),
    ("MTIME", "mtime_sec", "mtime_nsec"),
    ("CTIME", "ctime_sec", "ctime_nsec"),
    ("INO",),
    ("SIZE", "size"),
    ("BLOCKS",),
)
"""Each bit of BASIC with its fields; a file may take its blocks later than it is written."""
MASKS = (("BASIC", BASIC), ("BASIC+GEN", BASIC | GetattrMask.GEN), ("ALL", ALL))
PLACES = (("file", b"f"), ("directory", b"d"))
MAJOR, MINOR = 0x123, 0xABCDE
TIMES = 0x1B0
"""`SetattrValid`: both times as given."""
MINUTE = 60
"""Seconds that no case takes."""


def getattr_(p: Peer, fid: int, mask: int = BASIC) -> m.Rgetattr:
    """Ask for attributes."""
    return p.ok(m.Tgetattr(fid, mask), m.Rgetattr)


def two_kinds(p: Peer) -> None:
    """Make a file and a directory."""
    p.make(b"f", b"abcde")
    p.mkdir(b"d")


# Through which fid


@case("getattr/through-open-fid", "getattr.any-fid", each=("r", "w", "rw"))
def through_open_fid(p: Peer, access: str) -> None:
    """An open fid gives the same attributes as one that is not open."""
    p.make(b"f", b"abcde")
    p.walk(DIR, A, b"f")
    p.opened(B, b"f", access=access)
    r = p.must("getattr.any-fid", m.Tgetattr(B, BASIC), m.Rgetattr)
    p.equal("getattr.any-fid", attributes(getattr_(p, A)), attributes(r), "the attributes")


@case("getattr/through-open-directory", "getattr.any-fid")
def through_open_directory(p: Peer) -> None:
    """An open directory has attributes as one that is not open."""
    p.opened(A)
    r = p.must("getattr.any-fid", m.Tgetattr(A, BASIC), m.Rgetattr)
    p.equal("getattr.any-fid", attributes(getattr_(p, DIR)), attributes(r), "the attributes")


@case("getattr/change-through-open-fid", "getattr.any-fid", each=("r", "w", "rw"))
def change_through_open_fid(p: Peer, access: str) -> None:
    """Permissions can be changed through an open fid, and every other fid sees it."""
    p.make(b"f")
    p.walk(DIR, A, b"f")
    p.opened(B, b"f", access=access)
    t = m.Tsetattr(B, SetattrValid.MODE, 0o640, 0, 0, 0, 0, 0, 0, 0)
    p.must("getattr.any-fid", t, m.Rsetattr)
    modes = [getattr_(p, fid).mode & 0o7777 for fid in (A, B)]
    p.equal("getattr.any-fid", [0o640, 0o640], modes, "the permissions")


@case("getattr/after-unlink", "getattr.after-unlink")
def after_unlink(p: Peer) -> None:
    """An open file that has lost its name has attributes still, true ones, and no names."""
    p.make(b"f", b"abcde")
    p.opened(A, b"f", access="rw")
    before = getattr_(p, A)
    p.remove(b"f")
    r = p.must("getattr.after-unlink", m.Tgetattr(A, BASIC), m.Rgetattr)
    p.equal("getattr.after-unlink", (before.qid.path, 0), (r.qid.path, r.nlink), "path and nlink")
    p.write(A, 5, b"fgh")
    r = p.must("getattr.after-unlink", m.Tgetattr(A, BASIC), m.Rgetattr)
    p.equal("getattr.after-unlink", 8, r.size, "the size after a write")


def attributes(r: m.Rgetattr) -> dict[str, object]:
    """Return what two replies about one file agree in: all but the time of the last read."""
    return {n: getattr(r, n) for n in r.__slots__ if n not in {"atime_sec", "atime_nsec"}}


# What is valid


@case("getattr/all-of-basic", "getattr.basic-complete", each=MASKS)
def all_of_basic(p: Peer, mask: tuple[str, int]) -> None:
    """If BASIC is asked for, also with more, all of it is valid, for a file and a directory."""
    two_kinds(p)
    for _, name in PLACES:
        p.walk(DIR, A, name)
        valid = getattr_(p, A, mask[1]).valid
        p.equal("getattr.basic-complete", BASIC, valid & BASIC, f"valid & BASIC of {name!r}")
        p.clunk(A)


@case("getattr/one-field", "getattr.asked-valid", each=FIELDS)
def one_field(p: Peer, field: tuple[str, ...]) -> None:
    """A field that is asked for alone is valid, and as when all are asked for."""
    p.make(b"f", b"abcde")
    p.walk(DIR, A, b"f")
    bit, whole = GetattrMask[field[0]], getattr_(p, A)
    r = p.must("getattr.asked-valid", m.Tgetattr(A, bit), m.Rgetattr)
    p.true("getattr.asked-valid", bool(r.valid & bit), f"{field[0]} in valid", hex(r.valid))
    wanted = [getattr(whole, name) for name in field[1:]]
    seen = [getattr(r, name) for name in field[1:]]
    p.equal("getattr.asked-valid", wanted, seen, f"the value of {field[0]}")


@case("getattr/unknown-bits", "getattr.valid-true", "getattr.basic-complete")
def unknown_bits(p: Peer) -> None:
    """Bits that stand for no field are never valid, also if they are asked for."""
    p.make(b"f")
    p.walk(DIR, A, b"f")
    r = p.must("getattr.basic-complete", m.Tgetattr(A, EVERY_BIT), m.Rgetattr)
    p.equal("getattr.valid-true", 0, r.valid & ~ALL, "valid beyond the known bits")


@case("getattr/birth-time", "getattr.valid-true")
def birth_time(p: Peer) -> None:
    """A time of birth that is valid is near the last change of a file just made."""
    p.make(b"f")
    p.walk(DIR, A, b"f")
    r = getattr_(p, A, ALL)
    if r.valid & GetattrMask.BTIME:
        near = abs(r.btime_sec - r.mtime_sec) <= MINUTE
        p.true("getattr.valid-true", near, f"a birth near {r.mtime_sec} s", r.btime_sec)


@case("getattr/change-time", "getattr.valid-true")
def change_time(p: Peer) -> None:
    """The time of the last change is that of the server, also if the other times are set back."""
    p.make(b"f")
    p.walk(DIR, A, b"f")
    p.ok(m.Tsetattr(A, TIMES, 0, 0, 0, 0, 1000, 0, 2000, 0))
    p.create(B, b"later")
    seen, now = getattr_(p, A).ctime_sec, getattr_(p, B).mtime_sec
    p.true("getattr.valid-true", abs(now - seen) <= MINUTE, f"a ctime near {now} s", seen)


@case("getattr/data-version", "getattr.valid-true")
def data_version(p: Peer) -> None:
    """A data_version that is valid changes with the content."""
    p.make(b"f", b"abc")
    p.opened(A, b"f", access="rw")
    before = getattr_(p, A, ALL)
    p.write(A, 3, b"def")
    after = getattr_(p, A, ALL)
    if after.valid & GetattrMask.DATA_VERSION:
        changed = before.data_version != after.data_version
        p.true("getattr.valid-true", changed, "another data_version", after.data_version)


@case("getattr/size-follows-writes", "getattr.valid-true")
def size_follows_writes(p: Peer) -> None:
    """The size is that of the file now, through a fid that was walked before the write too."""
    p.make(b"f", b"abc")
    p.walk(DIR, A, b"f")
    p.equal("getattr.valid-true", 3, getattr_(p, A).size, "the size")
    p.opened(B, b"f", access="w")
    p.write(B, 70_000, b"x")
    p.equal("getattr.valid-true", 70_001, getattr_(p, A).size, "the size after a write")


@case(
    "getattr/qid", "getattr.qid-always", each=(("nothing", 0), ("SIZE", GetattrMask.SIZE), *MASKS)
)
def qid(p: Peer, mask: tuple[str, int]) -> None:
    """The qid is filled whatever was asked for, and is that of a walk to the file."""
    two_kinds(p)
    for _, name in PLACES:
        walked = p.walk(DIR, A, name)[-1]
        r = p.must("getattr.qid-always", m.Tgetattr(A, mask[1]), m.Rgetattr)
        seen = (r.qid.type, r.qid.path)
        p.equal("getattr.qid-always", (walked.type, walked.path), seen, "type and path of the qid")
        p.clunk(A)


# What the fields mean


def check_type(p: Peer, name: bytes, kind: int) -> None:
    """Demand that mode and qid tell one type of file."""
    p.walk(DIR, A, name)
    r = getattr_(p, A)
    p.equal("getattr.mode-type", oct(kind), oct(r.mode & StMode.IFMT), "the type in mode")
    wanted = int(TYPES.get(StMode(kind), QidType.FILE))
    p.equal("getattr.mode-type", wanted, r.qid.type & 0x82, "DIR and SYMLINK in qid.type")


@case("getattr/type", "getattr.mode-type",
      each=(("file", b"f", StMode.IFREG), ("directory", b"d", StMode.IFDIR)))  # fmt: skip
def type_of(p: Peer, kind: tuple[str, bytes, int]) -> None:
    """Mode and qid of a file say that it is one, those of a directory that."""
    two_kinds(p)
    check_type(p, *kind[1:])


@case("getattr/type-of-symlink", "getattr.mode-type", needs=["symlink"])
def type_of_symlink(p: Peer) -> None:
    """Mode and qid of a symbolic link are the link's own, also if it leads to a directory."""
    p.mkdir(b"d")
    p.ok(m.Tsymlink(DIR, b"link", b"d", NONUNAME))
    check_type(p, b"link", StMode.IFLNK)


@case("getattr/type-of-fifo", "getattr.mode-type", needs=["mknod"])
def type_of_fifo(p: Peer) -> None:
    """The mode of a FIFO says so, and its qid is that of no directory and no link."""
    p.ok(m.Tmknod(DIR, b"fifo", StMode.IFIFO | 0o644, 0, 0, NONUNAME))
    check_type(p, b"fifo", StMode.IFIFO)


@case("getattr/device-numbers", "getattr.rdev-encoding", needs=["device"],
      each=(("character", StMode.IFCHR), ("block", StMode.IFBLK)))  # fmt: skip
def device_numbers(p: Peer, kind: tuple[str, int]) -> None:
    """Large device numbers come back packed as Linux takes them apart."""
    p.ok(m.Tmknod(DIR, b"device", kind[1] | 0o600, MAJOR, MINOR, NONUNAME))
    p.walk(DIR, A, b"device")
    r = getattr_(p, A)
    p.equal("getattr.mode-type", oct(kind[1]), oct(r.mode & StMode.IFMT), "the type in mode")
    p.equal("getattr.rdev-encoding", hex(0xABC123DE), hex(r.rdev), "rdev of 0x123, 0xabcde")


@case("getattr/blksize", "getattr.blksize-nonzero", each=PLACES)
def blksize(p: Peer, place: tuple[str, bytes]) -> None:
    """The block size is not 0, whatever kind of file it is."""
    two_kinds(p)
    p.walk(DIR, A, place[1])
    p.true("getattr.blksize-nonzero", getattr_(p, A).blksize > 0, "a blksize above 0", 0)


@case("getattr/nanoseconds", "getattr.nsec-range", each=(("after-1970", 1), ("before-1970", -2)))
def nanoseconds(p: Peer, time: tuple[str, int]) -> None:
    """Nanoseconds are below 10^9, and count on from the second also before 1970."""
    p.make(b"f")
    p.walk(DIR, A, b"f")
    sec = time[1] & EVERY_BIT
    p.rpc(m.Tsetattr(A, TIMES, 0, 0, 0, 0, sec, 500_000_000, sec, 999_999_999))
    r = getattr_(p, A)
    largest = max(r.atime_nsec, r.mtime_nsec, r.ctime_nsec)
    p.true("getattr.nsec-range", largest <= NSEC_MAX, "nanoseconds below 10^9", largest)


# Identity


@case("getattr/files-differ", "getattr.path-identity")
def files_differ(p: Peer) -> None:
    """Any two files that there are, directories too, have two values of qid.path."""
    two_kinds(p)
    p.make(b"f", b"abcde", b"d")
    paths = [p.stat(fid).qid.path for fid in (ROOT, DIR)]
    paths += [q.path for q in (*p.walk(DIR, A, b"f"), *p.walk(DIR, B, b"d", b"f"))]
    p.equal("getattr.path-identity", len(paths), len(set(paths)), f"different among {paths}")


@case("getattr/every-walk-same-path", "getattr.path-identity")
def every_walk_same_path(p: Peer) -> None:
    """Every walk to a file, also on another connection, gives one qid.path."""
    p.make(b"f")
    paths = [p.walk(DIR, A, b"f")[-1].path, p.stat(A).qid.path]
    q = p.another()
    paths += [q.walk(DIR, A, b"f")[-1].path]
    p.clunk(A)
    paths += [p.walk(DIR, A, b"f")[-1].path]
    p.equal("getattr.path-identity", paths[:1] * 4, paths, "qid.path, four times")


@case("getattr/remade-name-differs", "getattr.path-identity")
def remade_name_differs(p: Peer) -> None:
    """A file made under the name of one that was removed is another, while that is held open."""
    p.make(b"f", b"old")
    p.opened(A, b"f")
    old = p.stat(A).qid.path
    p.remove(b"f")
    p.make(b"f", b"new")
    new = p.walk(DIR, B, b"f")[-1].path
    p.true("getattr.path-identity", new != old, "another qid.path", new)


@case("getattr/path-after-rename", "getattr.path-identity", needs=["renameat"],
      dialects=["9P2000.L"])  # fmt: skip
def path_after_rename(p: Peer) -> None:
    """A file keeps its qid.path under a new name, in another directory too."""
    p.make(b"f")
    p.mkdir(b"d")
    old = p.walk(DIR, A, b"f")[-1].path
    p.walk(DIR, B, b"d")
    p.ok(m.Trenameat(DIR, b"f", B, b"g"))
    p.equal("getattr.path-identity", old, p.walk(B, C, b"g")[-1].path, "qid.path after a rename")


@case("getattr/version-after", "getattr.version-changes", each=("write", "truncate"))
def version_after(p: Peer, change: str) -> None:
    """A qid.version that is not 0 is another when the size of the content has changed."""
    p.make(b"f", b"abc")
    p.walk(DIR, A, b"f")
    before = p.stat(A).qid.version
    p.walk(DIR, B, b"f")
    p.ok(p.speech.open(B, "w", truncate=change == "truncate"))
    if change == "write":
        p.write(B, 3, b"defg")
    after = p.stat(A).qid.version
    new = after != before or after == 0
    p.true("getattr.version-changes", new, f"0 or another version than {before}", after)
