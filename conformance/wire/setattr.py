"""setattr, in 9P2000.L: change permissions, owner, size and times."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NONUNAME, GetattrMask, StMode
from ninep.constants import SetattrValid as Valid

from ..check.case import case
from ..check.peer import DIR, Peer

A, B, C = 10, 11, 12
"""Fids; `A` is the file that is changed."""
FIELDS = tuple(name for name in m.Tsetattr.__slots__ if name not in {"fid", "valid"})
GARBAGE = {
    "mode": 0xFFFFFFFF, "uid": NONUNAME, "gid": NONUNAME, "size": (1 << 64) - 1,
    "atime_sec": (1 << 64) - 1, "atime_nsec": (1 << 64) - 1,
    "mtime_sec": (1 << 64) - 1, "mtime_nsec": (1 << 64) - 1,
}  # fmt: skip
"""What no field should have."""
SEEN = ("mode", "uid", "gid", "size", "atime_sec", "atime_nsec", "mtime_sec", "mtime_nsec")
CONTENT = b"abcde"
OWNER, GROUP = 100_001, 100_002
"""Numbers that need more than 16 bits."""
PAST = 1_000_000
"""A time in 1970 that no clock shows any more."""
SLACK = 2
"""Seconds that the times of two files made in turn may differ more than in truth."""
NSEC = 123_456_789
ATIME_GIVEN, MTIME_GIVEN = Valid.ATIME | Valid.ATIME_SET, Valid.MTIME | Valid.MTIME_SET
TIMES = (("ATIME", "atime", ATIME_GIVEN), ("MTIME", "mtime", MTIME_GIVEN))
NOW, OMIT = (1 << 30) - 1, (1 << 30) - 2
"""Nanoseconds by which utimensat(2) is told something else."""


def change(fid: int, valid: int, **values: int) -> m.Tsetattr:
    """Return the request that changes some fields; those that are not named are 0."""
    return m.Tsetattr(fid, valid, *(values.get(name, 0) for name in FIELDS))


def look(p: Peer, fid: int = A) -> dict[str, int]:
    """Return what a Tsetattr could have changed."""
    r = p.ok(m.Tgetattr(fid, GetattrMask.BASIC), m.Rgetattr)
    return {name: getattr(r, name) for name in SEEN}


def time_of(p: Peer, which: str, fid: int = A) -> tuple[int, int]:
    """Return a time of a file."""
    seen = look(p, fid)
    return seen[f"{which}_sec"], seen[f"{which}_nsec"]


def file(p: Peer, content: bytes = CONTENT) -> None:
    """Make the file that is changed, with permissions and times that are known."""
    p.make(b"f", content)
    p.walk(DIR, A, b"f")
    times = {"atime_sec": PAST, "mtime_sec": PAST + 1}
    p.ok(change(A, Valid.MODE | ATIME_GIVEN | MTIME_GIVEN, mode=0o644, **times))


def changed_alone(p: Peer, clause: str, before: dict[str, int], **wanted: int) -> None:
    """Demand that some attributes have new values and all others their old ones."""
    p.equal(clause, before | wanted, look(p), "the attributes")


def kept(p: Peer, sec: int, nsec: int, seen: tuple[int, int]) -> None:
    """Demand a time, as exact as the file system can keep it."""
    p.equal("setattr.time-given", sec, seen[0], "the seconds")
    rounded = {nsec - nsec % 10**digits for digits in range(10)}
    what = f"{nsec} ns, or as much of it as the file system keeps"
    p.true("setattr.time-given", seen[1] in rounded, what, seen[1])


# What counts


@case("setattr/nothing-valid", "setattr.valid-only")
def nothing_valid(p: Peer) -> None:
    """Without a bit in valid nothing changes, whatever the fields hold."""
    file(p)
    before = look(p)
    p.must("setattr.valid-only", change(A, 0, **GARBAGE), m.Rsetattr)
    changed_alone(p, "setattr.valid-only", before)


@case("setattr/one-field", "setattr.valid-only",
      each=(("MODE", Valid.MODE, {"mode": 0o600}),
            ("ATIME", ATIME_GIVEN, {"atime_sec": 77, "atime_nsec": 0}),
            ("MTIME", MTIME_GIVEN, {"mtime_sec": 88, "mtime_nsec": 0})))  # fmt: skip
def one_field(p: Peer, field: tuple[str, int, dict[str, int]]) -> None:
    """What is valid alone changes alone, whatever the other fields hold."""
    file(p)
    before = look(p)
    p.must("setattr.valid-only", change(A, field[1], **(GARBAGE | field[2])), m.Rsetattr)
    mode = {"mode": StMode.IFREG | 0o600} if "mode" in field[2] else {}
    changed_alone(p, "setattr.valid-only", before, **(field[2] | mode))


@case("setattr/size-alone", "setattr.valid-only")
def size_alone(p: Peer) -> None:
    """With SIZE alone valid, permissions, owner and the time of the last read stay."""
    file(p)
    before = look(p)
    p.must("setattr.valid-only", change(A, Valid.SIZE, **(GARBAGE | {"size": 2})), m.Rsetattr)
    seen = look(p)
    mtime = {name: seen[name] for name in ("mtime_sec", "mtime_nsec")}
    changed_alone(p, "setattr.valid-only", before, size=2, **mtime)


@case("setattr/unknown-bit", "setattr.known-bits",
      each=(("0x200", 0x200), ("0x80000000", 1 << 31)))  # fmt: skip
def unknown_bit(p: Peer, bit: tuple[str, int]) -> None:
    """A bit that stands for no field is refused, and what comes with it is not done."""
    file(p)
    good = change(A, Valid.MODE, mode=0o600)
    p.refuses("setattr.known-bits", change(A, Valid.MODE | bit[1], mode=0o640), control=good)
    p.equal("setattr.known-bits", 0o600, look(p)["mode"] & 0o7777, "the permissions")


@case("setattr/checked-first", "setattr.checked-first",
      each=(("size", Valid.SIZE, {"size": 1 << 63}),
            ("uid", Valid.UID, {"uid": NONUNAME}),
            ("atime", ATIME_GIVEN, {"atime_nsec": 10**9}),
            ("mtime", MTIME_GIVEN, {"mtime_nsec": 10**9})))  # fmt: skip
def checked_first(p: Peer, bad: tuple[str, int, dict[str, int]]) -> None:
    """One value that no file can have keeps all the others from being set."""
    file(p)
    before = look(p)
    p.ok(change(A, Valid.MODE, mode=0o644))
    p.refuses("setattr.checked-first", change(A, Valid.MODE | bad[1], mode=0o600, **bad[2]))
    changed_alone(p, "setattr.checked-first", before)


@case("setattr/checked-first-directory", "setattr.checked-first", "setattr.size-directory")
def checked_first_directory(p: Peer) -> None:
    """A size for a directory keeps its permissions from being set."""
    p.walk(DIR, A)
    p.ok(change(A, Valid.MODE, mode=0o755))
    p.refuses("setattr.size-directory", change(A, Valid.MODE | Valid.SIZE, mode=0o700))
    p.equal("setattr.checked-first", 0o755, look(p)["mode"] & 0o7777, "the permissions")


@case("setattr/owner-before-mode", "setattr.fixed-order", needs=["chown"])
def owner_before_mode(p: Peer) -> None:
    """Set-user-id that is given together with an owner is there afterwards."""
    file(p)
    t = change(A, Valid.UID | Valid.MODE, uid=OWNER, mode=0o4755)
    p.must("setattr.fixed-order", t, m.Rsetattr)
    seen = look(p)
    wanted = (OWNER, 0o4755)
    p.equal("setattr.fixed-order", wanted, (seen["uid"], seen["mode"] & 0o7777), "owner and mode")


@case("setattr/size-before-times", "setattr.fixed-order", each=("unopened", "open"))
def size_before_times(p: Peer, how: str) -> None:
    """A time of the last change that is given together with a size is there afterwards."""
    file(p)
    if how == "open":
        p.open(A, "rw")
    t = change(A, Valid.SIZE | MTIME_GIVEN, size=2, mtime_sec=4242)
    p.must("setattr.fixed-order", t, m.Rsetattr)
    seen = look(p)
    p.equal("setattr.fixed-order", (2, 4242), (seen["size"], seen["mtime_sec"]), "size and mtime")


# Permissions


@case("setattr/mode", "setattr.mode-bits",
      each=(("0000", 0), ("0531", 0o531), ("7777", 0o7777)))  # fmt: skip
def mode(p: Peer, bits: tuple[str, int]) -> None:
    """All twelve permission bits are set as given."""
    file(p)
    p.must("setattr.mode-bits", change(A, Valid.MODE, mode=bits[1]), m.Rsetattr)
    p.equal("setattr.mode-bits", oct(bits[1]), oct(look(p)["mode"] & 0o7777), "the permissions")


@case("setattr/type-bits", "setattr.mode-bits",
      each=(("own", StMode.IFREG), ("another", StMode.IFDIR), ("all", StMode.IFMT)))  # fmt: skip
def type_bits(p: Peer, kind: tuple[str, int]) -> None:
    """Type bits in mode are no error and do not change the type of the file."""
    file(p)
    p.must("setattr.mode-bits", change(A, Valid.MODE, mode=kind[1] | 0o600), m.Rsetattr)
    p.equal("setattr.mode-bits", oct(StMode.IFREG | 0o600), oct(look(p)["mode"]), "the mode")


@case("setattr/mode-of-directory", "setattr.mode-bits")
def mode_of_directory(p: Peer) -> None:
    """The permissions of a directory are set too, the sticky bit with them."""
    p.mkdir(b"d")
    p.walk(DIR, A, b"d")
    p.must("setattr.mode-bits", change(A, Valid.MODE, mode=0o1751), m.Rsetattr)
    p.equal("setattr.mode-bits", oct(StMode.IFDIR | 0o1751), oct(look(p)["mode"]), "the mode")


# Owner and group


@case("setattr/owner", "setattr.owner-bits", "setattr.valid-only", needs=["chown"],
      each=(("UID", Valid.UID, {"uid": OWNER}),
            ("GID", Valid.GID, {"gid": GROUP}),
            ("both", Valid.UID | Valid.GID, {"uid": OWNER, "gid": GROUP})))  # fmt: skip
def owner(p: Peer, what: tuple[str, int, dict[str, int]]) -> None:
    """Owner and group change, each alone or both, and nothing else does."""
    file(p)
    before = look(p)
    p.must("setattr.owner-bits", change(A, what[1], **(GARBAGE | what[2])), m.Rsetattr)
    changed_alone(p, "setattr.owner-bits", before, **what[2])


@case("setattr/no-owner", "setattr.owner-range", needs=["chown"],
      each=(("UID", Valid.UID, "uid"), ("GID", Valid.GID, "gid")))  # fmt: skip
def no_owner(p: Peer, which: tuple[str, int, str]) -> None:
    """NONUNAME is given to no file: chown(2) would take it for no change and report success."""
    file(p)
    good, bad = (change(A, which[1], **{which[2]: n}) for n in (OWNER, NONUNAME))
    p.refuses("setattr.owner-range", bad, control=good)
    p.equal("setattr.owner-range", OWNER, look(p)[which[2]], which[2])


# Size


@case("setattr/size", "setattr.size-bit", each=(0, 1, len(CONTENT), len(CONTENT) + 1, 70_000))
def size(p: Peer, length: int) -> None:
    """A file becomes as long as asked: it keeps its beginning, and what is new is zeros."""
    file(p)
    p.must("setattr.size-bit", change(A, Valid.SIZE, size=length), m.Rsetattr)
    p.equal("setattr.size-bit", length, look(p)["size"], "the size")
    p.open(A)
    start = max(length - 100, 0)
    wanted = (CONTENT + bytes(length))[:length][start:]
    p.equal("setattr.size-bit", wanted, p.read(A, start, 200), f"what is there from {start} on")


@case("setattr/size-cut-and-grown", "setattr.size-bit")
def size_cut_and_grown(p: Peer) -> None:
    """What was cut off is zeros when the file is made longer again, and not what was there."""
    file(p)
    p.must("setattr.size-bit", change(A, Valid.SIZE, size=2), m.Rsetattr)
    p.must("setattr.size-bit", change(A, Valid.SIZE, size=8), m.Rsetattr)
    p.equal("setattr.size-bit", b"ab" + bytes(6), p.content(b"f"), "the content")


@case("setattr/size-beyond-32-bits", "setattr.size-bit")
def size_beyond_32_bits(p: Peer) -> None:
    """A size of 2^32 and more is set or refused, and never cut to its low bits."""
    file(p)
    wanted = (1 << 32) + 2
    r = p.rpc(change(A, Valid.SIZE, size=wanted))
    if not isinstance(r, m.Rsetattr):
        wanted = len(CONTENT)
    p.equal("setattr.size-bit", wanted, look(p)["size"], "the size")


@case("setattr/size-too-large", "setattr.size-range",
      each=(("2^63", 1 << 63), ("2^64-1", (1 << 64) - 1)))  # fmt: skip
def size_too_large(p: Peer, length: tuple[str, int]) -> None:
    """A size that no offset reaches is refused, and the content stays."""
    file(p)
    good, bad = (change(A, Valid.SIZE, size=n) for n in (len(CONTENT), length[1]))
    p.refuses("setattr.size-range", bad, control=good)
    p.equal("setattr.size-range", CONTENT, p.content(b"f"), "the content")


@case("setattr/size-of-directory", "setattr.size-directory", each=("unopened", "open"))
def size_of_directory(p: Peer, how: str) -> None:
    """A directory is not given a size, through an open fid neither."""
    file(p)
    p.walk(DIR, B)
    if how == "open":
        p.open(B)
    good, bad = (change(fid, Valid.SIZE, size=0) for fid in (A, B))
    p.refuses("setattr.size-directory", bad, control=good)
    p.true("setattr.size-directory", p.exists(b"f"), "the directory with what is in it")


@case("setattr/size-after-unlink", "setattr.size-open-fid", each=("w", "rw"))
def size_after_unlink(p: Peer, access: str) -> None:
    """A file that is open for writing can be cut after it has lost its name."""
    file(p)
    p.open(A, access)
    p.remove(b"f")
    p.must("setattr.size-open-fid", change(A, Valid.SIZE, size=2), m.Rsetattr)
    p.equal("setattr.size-open-fid", 2, look(p)["size"], "the size")


@case("setattr/size-by-right-of-open", "setattr.size-open-fid")
def size_by_right_of_open(p: Peer) -> None:
    """A file that was created read-only is cut through the fid that created it, which may write."""
    p.create(A, b"f", "rw", perm=0o444)
    p.write(A, 0, CONTENT)
    t = change(A, Valid.SIZE | Valid.MTIME | Valid.CTIME, size=2)
    p.must("setattr.size-open-fid", t, m.Rsetattr)
    p.equal("setattr.size-open-fid", CONTENT[:2], p.read(A), "the content")


# Times


@case("setattr/time-now", "setattr.time-now", each=TIMES)
def time_now(p: Peer, time: tuple[str, str, int]) -> None:
    """A time without its SET bit becomes the server's, whatever comes with it; the other stays."""
    file(p)
    other = "mtime" if time[1] == "atime" else "atime"
    before = time_of(p, other)
    p.create(B, b"earlier")
    p.must("setattr.time-now", change(A, Valid[time[0]], **GARBAGE), m.Rsetattr)
    p.create(C, b"later")
    first, seen, last = time_of(p, "mtime", B)[0], time_of(p, time[1])[0], time_of(p, "mtime", C)[0]
    near = first - SLACK <= seen <= last + SLACK
    p.true("setattr.time-now", near, f"a time from {first} to {last} s", seen)
    p.equal("setattr.time-now", before, time_of(p, other), f"the {other}")


@case("setattr/time-given", "setattr.time-given", each=TIMES)
def time_given(p: Peer, time: tuple[str, str, int]) -> None:
    """A time with its SET bit becomes that of the message, to the nanosecond if it can."""
    file(p)
    values = {f"{time[1]}_sec": 1_234_567_890, f"{time[1]}_nsec": NSEC}
    p.must("setattr.time-given", change(A, time[2], **values), m.Rsetattr)
    kept(p, 1_234_567_890, NSEC, time_of(p, time[1]))


@case("setattr/both-times-given", "setattr.time-given")
def both_times_given(p: Peer) -> None:
    """Both times can be given at once, and are not mistaken for each other."""
    file(p)
    values = {"atime_sec": 1111, "atime_nsec": 111_111_111, "mtime_sec": 2222, "mtime_nsec": NSEC}
    p.must("setattr.time-given", change(A, ATIME_GIVEN | MTIME_GIVEN, **values), m.Rsetattr)
    kept(p, 1111, 111_111_111, time_of(p, "atime"))
    kept(p, 2222, NSEC, time_of(p, "mtime"))


@case("setattr/one-given-one-now", "setattr.time-given", "setattr.time-now")
def one_given_one_now(p: Peer) -> None:
    """One time can be given while the other becomes the server's."""
    file(p)
    valid = ATIME_GIVEN | Valid.MTIME
    p.must("setattr.time-given", change(A, valid, atime_sec=1111, mtime_sec=2222), m.Rsetattr)
    p.equal("setattr.time-given", 1111, time_of(p, "atime")[0], "atime in seconds")
    p.create(B, b"later")
    seen, last = time_of(p, "mtime")[0], time_of(p, "mtime", B)[0]
    near = last - 60 <= seen <= last + SLACK
    p.true("setattr.time-now", near, f"an mtime shortly before {last} s", seen)


@case("setattr/nanoseconds", "setattr.time-given", each=(0, 1, 999_999_999))
def nanoseconds(p: Peer, nsec: int) -> None:
    """Nanoseconds are kept at the limits of their range."""
    file(p)
    p.must("setattr.time-given", change(A, MTIME_GIVEN, mtime_sec=5, mtime_nsec=nsec), m.Rsetattr)
    kept(p, 5, nsec, time_of(p, "mtime"))


@case("setattr/far-time", "setattr.time-given",
      each=(("1970", 0), ("before-1970", (1 << 64) - 1000), ("2100", 4_102_444_800)))  # fmt: skip
def far_time(p: Peer, time: tuple[str, int]) -> None:
    """A time before 1970 is kept as a negative number, one after 2038 whole."""
    file(p)
    t = change(A, MTIME_GIVEN, mtime_sec=time[1], mtime_nsec=500_000_000)
    p.must("setattr.time-given", t, m.Rsetattr)
    kept(p, time[1], 500_000_000, time_of(p, "mtime"))


@case("setattr/no-time", "setattr.time-range",
      each=(("10^9", 10**9), ("2^64-1", (1 << 64) - 1),
            ("UTIME_NOW", NOW), ("UTIME_OMIT", OMIT)))  # fmt: skip
def no_time(p: Peer, nsec: tuple[str, int]) -> None:
    """Nanoseconds of a second or more are refused, also those that utimensat(2) takes for words."""
    file(p)
    for which, valid in (("atime", ATIME_GIVEN), ("mtime", MTIME_GIVEN)):
        values = {f"{which}_sec": 5, f"{which}_nsec": 999_999_999}
        good = change(A, valid, **values)
        bad = change(A, valid, **(values | {f"{which}_nsec": nsec[1]}))
        p.refuses("setattr.time-range", bad, control=good)
        p.equal("setattr.time-range", 5, time_of(p, which)[0], f"the {which} in seconds")


@case("setattr/set-bit-alone", "setattr.set-alone",
      each=(("ATIME_SET", Valid.ATIME_SET), ("MTIME_SET", Valid.MTIME_SET)))  # fmt: skip
def set_bit_alone(p: Peer, bit: tuple[str, int]) -> None:
    """A SET bit without the bit of its time is no error and changes nothing."""
    file(p)
    before = look(p)
    times = {"atime_sec": 99, "mtime_sec": 99}
    p.must("setattr.set-alone", change(A, bit[1], **times), m.Rsetattr)
    changed_alone(p, "setattr.set-alone", before)


@case("setattr/ctime", "setattr.ctime-accepted",
      each=(("alone", Valid.CTIME, {}),
            ("with-mode", Valid.CTIME | Valid.MODE, {"mode": 0o600}),
            ("with-size", Valid.CTIME | Valid.SIZE | Valid.MTIME, {"size": 2})))  # fmt: skip
def ctime(p: Peer, what: tuple[str, int, dict[str, int]]) -> None:
    """CTIME is no error, and what comes with it is done."""
    file(p)
    wanted = look(p)
    p.must("setattr.ctime-accepted", change(A, what[1], **what[2]), m.Rsetattr)
    seen = look(p)
    wanted["mode"] = StMode.IFREG | what[2].get("mode", 0o644)
    wanted["size"] = what[2].get("size", len(CONTENT))
    pairs = [(wanted[name], seen[name]) for name in ("mode", "size", "uid", "gid", "atime_sec")]
    p.equal("setattr.ctime-accepted", [a for a, _ in pairs], [b for _, b in pairs], "attributes")


# Symbolic links


def link(p: Peer) -> None:
    """Let `A` be a symbolic link, and `B` the file that it leads to."""
    p.make(b"f", CONTENT)
    p.walk(DIR, B, b"f")
    p.ok(change(B, Valid.MODE | ATIME_GIVEN | MTIME_GIVEN, mode=0o644))
    p.ok(m.Tsymlink(DIR, b"link", b"f", NONUNAME))
    p.walk(DIR, A, b"link")


@case("setattr/times-of-symlink", "setattr.symlink-itself", needs=["symlink"])
def times_of_symlink(p: Peer) -> None:
    """Times given to a symbolic link are the link's, and not those of what it leads to."""
    link(p)
    before = look(p, B)
    t = change(A, ATIME_GIVEN | MTIME_GIVEN, atime_sec=1111, mtime_sec=2222)
    p.must("setattr.symlink-itself", t, m.Rsetattr)
    p.equal("setattr.symlink-itself", 2222, time_of(p, "mtime")[0], "mtime of the link")
    p.equal("setattr.symlink-itself", before, look(p, B), "the attributes of the file behind it")


@case("setattr/owner-of-symlink", "setattr.symlink-itself", needs=["symlink", "chown"])
def owner_of_symlink(p: Peer) -> None:
    """Owner and group given to a symbolic link are the link's, and not those of the file."""
    link(p)
    before = look(p, B)
    t = change(A, Valid.UID | Valid.GID, uid=OWNER, gid=GROUP)
    p.must("setattr.symlink-itself", t, m.Rsetattr)
    seen = look(p)
    p.equal("setattr.symlink-itself", (OWNER, GROUP), (seen["uid"], seen["gid"]), "of the link")
    p.equal("setattr.symlink-itself", before, look(p, B), "the attributes of the file behind it")


@case("setattr/mode-of-symlink", "setattr.symlink-mode", needs=["symlink"])
def mode_of_symlink(p: Peer) -> None:
    """Permissions are not given to a symbolic link, and not to what it leads to."""
    link(p)
    t = change(A, Valid.MODE, mode=0o600)
    r = p.rpc(t)
    p.equal("setattr.symlink-mode", 0o644, look(p, B)["mode"] & 0o7777, "of the file behind it")
    p.is_refusal("setattr.symlink-mode", repr(t), r)
