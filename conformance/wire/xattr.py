"""Txattrwalk and Txattrcreate: read and set extended attributes, each in two steps."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NAME_MAX, NOFID, NONUNAME, XATTR_SIZE_MAX, StMode, XattrFlag
from ninep.messages import Message

from ..check.case import case
from ..check.peer import DIR, Peer, is_error, shown
from ..check.verdict import Unjudged

A, B, C, FILE, VALUE, NEW = 10, 11, 12, 20, 21, 22
"""Fids; the last three are the helpers' own."""
L = ("9P2000.L",)
NEEDS = ("xattr",)
NAME, OTHER = b"user.ninep", b"user.other"
LONGEST = b"user." + b"n" * (NAME_MAX - 5)
CREATE, REPLACE = int(XattrFlag.CREATE), int(XattrFlag.REPLACE)
EMPTY_FLAGS = (("none", 0), ("CREATE", CREATE))


def put(
    p: Peer, value: bytes, flags: int = 0, name: bytes = NAME, file: bytes = b"file"
) -> Message:
    """Set an attribute; return the first error reply, or the Rclunk."""
    p.walk(DIR, NEW, file)
    r = p.rpc(m.Txattrcreate(NEW, name, len(value), flags))
    if value and not is_error(r):
        r = p.rpc(m.Twrite(NEW, 0, value))
    end = p.rpc(m.Tclunk(NEW))
    return r if is_error(r) else end


def have(p: Peer, value: bytes = b"old", name: bytes = NAME, file: bytes = b"file") -> None:
    """Make a file with an attribute, or set the attribute of one: a step that must work."""
    if not p.exists(file):
        p.make(file)
    r = put(p, value, 0, name, file)
    if is_error(r):
        raise Unjudged(f"to set {name!r} was answered by {shown(r)}")


def shows(p: Peer, clause: str, expected: bytes, name: bytes = NAME, file: bytes = b"file") -> None:
    """Demand that an attribute has a value."""
    p.walk(DIR, FILE, file)
    size = p.must(clause, m.Txattrwalk(FILE, VALUE, name), m.Rxattrwalk).size
    p.equal(clause, len(expected), size, "the size of the value")
    data = p.must(clause, m.Tread(VALUE, 0, size), m.Rread).data if size else b""
    p.equal(clause, expected, bytes(data), "the value")
    p.clunk(FILE, VALUE)


def lacks(p: Peer, clause: str, name: bytes = NAME, file: bytes = b"file") -> None:
    """Demand that there is no such attribute."""
    p.walk(DIR, FILE, file)
    r = p.rpc(m.Txattrwalk(FILE, VALUE, name))
    p.true(clause, is_error(r), "no such attribute", shown(r))
    p.clunk(FILE)


def listed(p: Peer, clause: str, file: bytes = b"file") -> bytes:
    """Return the list of names as it is on the wire."""
    p.walk(DIR, FILE, file)
    size = p.must(clause, m.Txattrwalk(FILE, VALUE, b""), m.Rxattrwalk).size
    data = p.must(clause, m.Tread(VALUE, 0, size), m.Rread).data if size else b""
    p.equal(clause, size, len(data), "the length of the list")
    p.clunk(FILE, VALUE)
    return bytes(data)


# Txattrwalk


@case("xattr/long-value", "xattr.value-read", needs=NEEDS, dialects=L)
def long_value(p: Peer) -> None:
    """A value of 2,000 bytes comes back as it was set, in one read and in several."""
    value = bytes(n * n % 251 for n in range(2000))
    have(p, value)
    shows(p, "xattr.value-read", value)
    p.walk(DIR, FILE, b"file")
    p.ok(m.Txattrwalk(FILE, VALUE, NAME))
    parts = [p.read(VALUE, at, 300) for at in range(0, len(value), 300)]
    p.equal("xattr.value-read", value, b"".join(parts), "the value, 300 bytes at a time")


@case("xattr/value", "xattr.value-read", needs=NEEDS, dialects=L)
def value(p: Peer) -> None:
    """The value of an attribute is read as it was set, whole and in parts."""
    have(p, bytes(range(200)))
    shows(p, "xattr.value-read", bytes(range(200)))
    p.walk(DIR, A, b"file")
    p.must("xattr.value-read", m.Txattrwalk(A, B, NAME), m.Rxattrwalk)
    for offset in (0, 50, 199):
        data = p.must("xattr.value-read", m.Tread(B, offset, 1), m.Rread).data
        p.equal("xattr.value-read", bytes([offset]), bytes(data), f"the byte at {offset}")


@case("xattr/of-a-directory", "xattr.value-read", needs=NEEDS, dialects=L)
def of_a_directory(p: Peer) -> None:
    """A directory has attributes as a file has."""
    p.mkdir(b"d")
    r = put(p, b"value", file=b"d")
    p.true("xattr.value-read", not is_error(r), "Rxattrcreate, Rwrite and Rclunk", shown(r))
    shows(p, "xattr.value-read", b"value", file=b"d")


@case("xattr/each-file-its-own", "xattr.value-read", needs=NEEDS, dialects=L)
def each_file_its_own(p: Peer) -> None:
    """An attribute is that of one file, and one of several of the file."""
    p.make(b"plain")
    have(p, b"one")
    have(p, b"two", name=OTHER)
    shows(p, "xattr.value-read", b"one")
    shows(p, "xattr.value-read", b"two", name=OTHER)
    lacks(p, "xattr.value-read", file=b"plain")


@case("xattr/fid-stays", "xattr.value-read", needs=NEEDS, dialects=L)
def fid_stays(p: Peer) -> None:
    """The fid that an attribute was asked of is the file's and not open, as before."""
    have(p)
    p.walk(DIR, A, b"file")
    p.must("xattr.value-read", m.Txattrwalk(A, B, NAME), m.Rxattrwalk)
    p.must("xattr.value-read", m.Tclunk(B), m.Rclunk)
    p.must("xattr.value-read", p.speech.open(A, "r"))
    shows(p, "xattr.value-read", b"old")


@case("xattr/open-fid", "xattr.walk-any-fid", needs=NEEDS, dialects=L, each=("r", "w", "rw"))
def open_fid(p: Peer, access: str) -> None:
    """An attribute can be asked of an open fid, whatever that is open for."""
    have(p)
    p.opened(A, b"file", access=access)
    size = p.must("xattr.walk-any-fid", m.Txattrwalk(A, B, NAME), m.Rxattrwalk).size
    p.equal("xattr.walk-any-fid", 3, size, "the size of the value")


@case("xattr/open-directory-fid", "xattr.walk-any-fid", needs=NEEDS, dialects=L)
def open_directory_fid(p: Peer) -> None:
    """The list of attributes can be asked of an open directory's fid."""
    p.walk(DIR, A)
    p.open(A)
    p.must("xattr.walk-any-fid", m.Txattrwalk(A, B, b""), m.Rxattrwalk)


@case("xattr/list", "xattr.list-with-empty-name", needs=NEEDS, dialects=L)
def list_names(p: Peer) -> None:
    """The list has each name once, with a NUL byte behind it."""
    have(p)
    have(p, name=OTHER)
    found = listed(p, "xattr.list-with-empty-name")
    p.equal("xattr.list-with-empty-name", b"\0", found[-1:], "the last byte of the list")
    ours = sorted(n for n in found.split(b"\0") if n.startswith(b"user."))
    p.equal("xattr.list-with-empty-name", [NAME, OTHER], ours, "the names of ours in the list")


@case("xattr/list-of-none", "xattr.list-with-empty-name", needs=NEEDS, dialects=L)
def list_of_none(p: Peer) -> None:
    """A new file has a list, without names of the user's."""
    p.make(b"file")
    found = listed(p, "xattr.list-with-empty-name")
    p.true("xattr.list-with-empty-name", b"user." not in found, "no name of the user's", found)


@case("xattr/missing", "xattr.missing-name", needs=NEEDS, dialects=L)
def missing(p: Peer) -> None:
    """An attribute that is missing is ENODATA, and newfid is not made."""
    have(p)
    p.walk(DIR, A, b"file")
    control = m.Txattrwalk(A, B, NAME)
    p.refuses("xattr.missing-name", m.Txattrwalk(A, C, OTHER), control)
    p.must("xattr.missing-name", m.Txattrwalk(A, C, NAME), m.Rxattrwalk)


@case("xattr/unsupported", "xattr.unsupported-name", needs=NEEDS, dialects=L)
def unsupported(p: Peer) -> None:
    """To ask for a kind of attribute that nobody has is EOPNOTSUPP, or ENODATA."""
    have(p)
    p.walk(DIR, A, b"file")
    control = m.Txattrwalk(A, B, NAME)
    p.refuses("xattr.unsupported-name", m.Txattrwalk(A, C, b"nonsense.name"), control)


@case("xattr/unsupported-set", "xattr.unsupported-name", needs=NEEDS, dialects=L)
def unsupported_set(p: Peer) -> None:
    """To set a kind of attribute that nobody has is EOPNOTSUPP, unless the server takes any."""
    have(p)
    r = put(p, b"value", name=b"nonsense.name")
    if is_error(r):
        p.is_refusal("xattr.unsupported-name", "nonsense.name", r)
    else:
        shows(p, "xattr.unsupported-name", b"value", name=b"nonsense.name")


@case("xattr/newfid-in-use", "xattr.walk-newfid-unused", needs=NEEDS, dialects=L)
def newfid_in_use(p: Peer) -> None:
    """A newfid that is in use is refused and stays what it was."""
    have(p)
    p.make(b"other", b"other")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B, b"other")
    control = m.Txattrwalk(A, C, NAME)
    p.refuses("xattr.walk-newfid-unused", m.Txattrwalk(A, B, NAME), control)
    r: m.RMessage = p.must("xattr.walk-newfid-unused", p.speech.stat(B))
    p.equal("xattr.walk-newfid-unused", 5, p.speech.attributes(r).size, "the size of its file")


@case("xattr/newfid-is-fid", "xattr.walk-newfid-unused", needs=NEEDS, dialects=L)
def newfid_is_fid(p: Peer) -> None:
    """The fid that an attribute is asked of does not become its value."""
    have(p)
    p.walk(DIR, A, b"file")
    control = m.Txattrwalk(A, B, NAME)
    p.refuses("xattr.walk-newfid-unused", m.Txattrwalk(A, A, NAME), control)
    p.must("xattr.walk-newfid-unused", p.speech.stat(A))


@case("xattr/newfid-is-nofid", "xattr.walk-newfid-unused", "fid.never-nofid", needs=NEEDS,
      dialects=L)  # fmt: skip
def newfid_is_nofid(p: Peer) -> None:
    """NOFID does not become a value."""
    have(p)
    p.walk(DIR, A, b"file")
    p.refuses("fid.never-nofid", m.Txattrwalk(A, NOFID, NAME), control=m.Txattrwalk(A, B, NAME))


@case("xattr/read-at-the-end", "xattr.read-clamped", needs=NEEDS, dialects=L,
      each=(("across", 4, b"ef"), ("at", 6, b""), ("behind", 7, b""),
            ("far", 1 << 40, b"")))  # fmt: skip
def read_at_the_end(p: Peer, item: tuple[str, int, bytes]) -> None:
    """A read across or behind the end of a value returns what there is."""
    have(p, b"abcdef")
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrwalk(A, B, NAME))
    data = p.must("xattr.read-clamped", m.Tread(B, item[1], 100), m.Rread).data
    p.equal("xattr.read-clamped", item[2], bytes(data), "what is read")


@case("xattr/value-is-not-written", "write.fid-writable", "xattr.value-read", needs=NEEDS,
      dialects=L)  # fmt: skip
def value_is_not_written(p: Peer) -> None:
    """The fid of a value that is read is not written to."""
    have(p)
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrwalk(A, B, NAME))
    p.refuses("write.fid-writable", m.Twrite(B, 0, b"new"), control=m.Tread(B, 0, 3))
    p.clunk(B)
    shows(p, "xattr.value-read", b"old")


@case("xattr/value-as-it-was", "xattr.value-snapshot", needs=NEEDS, dialects=L)
def value_as_it_was(p: Peer) -> None:
    """A value that is set meanwhile does not change what is being read."""
    have(p)
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrwalk(A, B, NAME))
    have(p, b"newer")
    data = p.must("xattr.value-snapshot", m.Tread(B, 0, 3), m.Rread).data
    p.equal("xattr.value-snapshot", b"old", bytes(data), "the value")


# Special files


@case("xattr/of-a-fifo", "xattr.special-unopened", needs=("xattr", "mknod"), dialects=L,
      each=(("value", NAME), ("list", b"")))  # fmt: skip
def of_a_fifo(p: Peer, item: tuple[str, bytes]) -> None:
    """A question about a FIFO's attributes is answered, though nobody has the other side open."""
    p.ok(m.Tmknod(DIR, b"fifo", StMode.IFIFO | 0o644, 0, 0, NONUNAME))
    p.walk(DIR, A, b"fifo")
    p.rpc(m.Txattrwalk(A, B, item[1]))


@case("xattr/of-a-symlink", "xattr.special-unopened", needs=("xattr", "symlink"), dialects=L)
def of_a_symlink(p: Peer) -> None:
    """A symbolic link does not have the attributes of what it leads to."""
    have(p)
    p.ok(m.Tsymlink(DIR, b"link", b"file", NONUNAME))
    shows(p, "xattr.special-unopened", b"old")
    lacks(p, "xattr.special-unopened", file=b"link")


@case("xattr/set-on-a-symlink", "xattr.special-unopened", needs=("xattr", "symlink"), dialects=L)
def set_on_a_symlink(p: Peer) -> None:
    """What is set on a symbolic link is not set on what it leads to."""
    p.make(b"file")
    p.ok(m.Tsymlink(DIR, b"link", b"file", NONUNAME))
    put(p, b"value", file=b"link")
    lacks(p, "xattr.special-unopened")


# Txattrcreate


@case("xattr/set-of-open-fid", "xattr.create-fid-unopened", needs=NEEDS, dialects=L,
      each=("file", "directory", "value-read", "value-written"))  # fmt: skip
def set_of_open_fid(p: Peer, what: str) -> None:
    """A fid that is open, or a value's, does not become that of an attribute that is set."""
    have(p)
    p.walk(DIR, B, b"file")
    if what == "file":
        p.opened(A, b"file")
    elif what == "directory":
        p.walk(DIR, A)
        p.open(A)
    elif what == "value-read":
        p.ok(m.Txattrwalk(B, A, NAME))
    else:
        p.walk(B, A)
        p.ok(m.Txattrcreate(A, OTHER, 3, 0))
    control = m.Txattrcreate(B, OTHER, 3, 0)
    p.refuses("xattr.create-fid-unopened", m.Txattrcreate(A, NAME, 3, 0), control)


@case("xattr/set-takes-the-fid", "xattr.create-fid-unopened", "fid.is-file", "walk.fid-is-file",
      "read.fid-readable", needs=NEEDS, dialects=L)  # fmt: skip
def set_takes_the_fid(p: Peer) -> None:
    """A fid with which an attribute is set is the value, and neither file nor readable."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.must("xattr.create-fid-unopened", m.Txattrcreate(A, NAME, 3, 0), m.Rxattrcreate)
    p.refuses("fid.is-file", p.speech.stat(A), control=p.speech.stat(DIR))
    p.refuses("walk.fid-is-file", m.Twalk(A, B, ()), control=m.Twalk(DIR, C, (b"file",)))
    p.refuses("read.fid-readable", m.Tread(A, 0, 3))


@case("xattr/refused-leaves-the-fid", "xattr.create-fid-unopened", needs=NEEDS, dialects=L)
def refused_leaves_the_fid(p: Peer) -> None:
    """After a refused Txattrcreate the fid is the file's as before."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.refuses("xattr.name-range", m.Txattrcreate(A, b"", 3, 0))
    p.must("xattr.create-fid-unopened", p.speech.open(A, "r"))
    p.must("xattr.create-fid-unopened", m.Tread(A, 0, 3), m.Rread)


@case("xattr/name-length", "xattr.name-range", needs=NEEDS, dialects=L,
      each=(("empty", b""), ("too-long", LONGEST + b"n")))  # fmt: skip
def name_length(p: Peer, item: tuple[str, bytes]) -> None:
    """Under an empty name, and one that is too long, nothing is set."""
    p.make(b"file")
    for fid in (A, B):
        p.walk(DIR, fid, b"file")
    control = m.Txattrcreate(A, LONGEST, 3, 0)
    p.refuses("xattr.name-range", m.Txattrcreate(B, item[1], 3, 0), control)


@case("xattr/longest-name", "xattr.name-range", needs=NEEDS, dialects=L)
def longest_name(p: Peer) -> None:
    """A name of 255 bytes is set, read and listed; one that is longer is not asked for."""
    p.make(b"file")
    r = put(p, b"old", name=LONGEST)
    p.true("xattr.name-range", not is_error(r), "Rxattrcreate, Rwrite and Rclunk", shown(r))
    shows(p, "xattr.name-range", b"old", name=LONGEST)
    found = listed(p, "xattr.name-range")
    p.true("xattr.name-range", LONGEST + b"\0" in found, "the whole name in the list", found)
    p.walk(DIR, A, b"file")
    control = m.Txattrwalk(A, B, LONGEST)
    p.refuses("xattr.name-range", m.Txattrwalk(A, C, LONGEST + b"n"), control)


@case("xattr/name-with-nul", "xattr.name-no-nul", needs=NEEDS, dialects=L, each=("walk", "create"))
def name_with_nul(p: Peer, how: str) -> None:
    """A name does not end at a NUL byte in it."""
    have(p)
    for fid in (A, B):
        p.walk(DIR, fid, b"file")
    name = NAME + b"\0x"
    if how == "walk":
        p.refuses("xattr.name-no-nul", m.Txattrwalk(A, C, name), m.Txattrwalk(A, NEW, NAME))
    else:
        control = m.Txattrcreate(A, NAME, 3, 0)
        p.refuses("xattr.name-no-nul", m.Txattrcreate(B, name, 3, 0), control)


@case("xattr/size", "xattr.size-maximum", needs=NEEDS, dialects=L,
      each=(XATTR_SIZE_MAX + 1, 1 << 32, (1 << 64) - 1))  # fmt: skip
def size(p: Peer, number: int) -> None:
    """A value of 64 KiB may be announced, and no larger one."""
    p.make(b"file")
    for fid in (A, B):
        p.walk(DIR, fid, b"file")
    p.must("xattr.size-maximum", m.Txattrcreate(A, NAME, XATTR_SIZE_MAX, 0))
    p.refuses("xattr.size-maximum", m.Txattrcreate(B, NAME, number, 0))


@case("xattr/unknown-flags", "xattr.known-flags", needs=NEEDS, dialects=L,
      each=(CREATE | REPLACE, 4, 0x80000000))  # fmt: skip
def unknown_flags(p: Peer, flags: int) -> None:
    """With flags that are not defined nothing is set."""
    have(p, name=OTHER)
    r = put(p, b"value", flags)
    p.is_refusal("xattr.known-flags", f"flags {flags:#x}", r)
    lacks(p, "xattr.known-flags")


@case("xattr/in-parts", "xattr.write-sequential", needs=NEEDS, dialects=L)
def in_parts(p: Peer) -> None:
    """A value can be written in parts, one behind the other."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, NAME, 6, 0))
    for offset, part in ((0, b"a"), (1, b"bcd"), (4, b"ef")):
        count = p.must("xattr.write-sequential", m.Twrite(A, offset, part), m.Rwrite).count
        p.equal("xattr.write-sequential", len(part), count, "the bytes written")
    p.must("xattr.write-sequential", m.Tclunk(A), m.Rclunk)
    shows(p, "xattr.write-sequential", b"abcdef")


@case("xattr/part-out-of-place", "xattr.write-sequential", needs=NEEDS, dialects=L,
      each=(("gap", 3, b"d"), ("again", 0, b"x"), ("too-much", 2, b"cde"),
            ("far", 1 << 32, b"x")))  # fmt: skip
def part_out_of_place(p: Peer, item: tuple[str, int, bytes]) -> None:
    """A part that leaves a gap, overlaps or is too much is refused, and can be sent right then."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, NAME, 4, 0))
    control = m.Twrite(A, 0, b"ab")
    p.refuses("xattr.write-sequential", m.Twrite(A, item[1], item[2]), control)
    p.must("xattr.write-sequential", m.Twrite(A, 2, b"cd"), m.Rwrite)
    p.must("xattr.write-sequential", m.Tclunk(A), m.Rclunk)
    shows(p, "xattr.write-sequential", b"abcd")


# The clunk


@case("xattr/takes-effect-at-clunk", "xattr.commit-at-clunk", needs=NEEDS, dialects=L)
def takes_effect_at_clunk(p: Peer) -> None:
    """A value is there after the clunk, for every connection, and the old one until then."""
    have(p)
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, NAME, 5, 0))
    p.write(A, 0, b"newer")
    shows(p, "xattr.commit-at-clunk", b"old")
    p.must("xattr.commit-at-clunk", m.Tclunk(A), m.Rclunk)
    shows(p.another(), "xattr.commit-at-clunk", b"newer")


@case("xattr/fid-is-gone", "xattr.commit-at-clunk", "fid.unknown-fid", needs=NEEDS, dialects=L,
      each=("set", "refused"))  # fmt: skip
def fid_is_gone(p: Peer, how: str) -> None:
    """After the clunk the fid is free, whether the value was set or not."""
    have(p)
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, NAME, 1, CREATE if how == "refused" else 0))
    p.write(A, 0, b"x")
    r = p.rpc(m.Tclunk(A))
    wanted = how == "refused"
    p.equal("xattr.commit-at-clunk", wanted, is_error(r), f"whether {shown(r)} is an error")
    p.refuses("fid.unknown-fid", p.speech.stat(A))
    p.must("xattr.commit-at-clunk", m.Twalk(DIR, A, (b"file",)), m.Rwalk)


@case("xattr/incomplete", "xattr.commit-complete", needs=NEEDS, dialects=L,
      each=(("nothing", b""), ("less", b"new")))  # fmt: skip
def incomplete(p: Peer, item: tuple[str, bytes]) -> None:
    """A value of which less was written than announced is not set, and the old one stays."""
    have(p)
    p.walk(DIR, A, b"file")
    p.ok(m.Txattrcreate(A, NAME, 4, 0))
    p.write(A, 0, item[1])
    p.refuses("xattr.commit-complete", m.Tclunk(A))
    shows(p, "xattr.commit-complete", b"old")


@case("xattr/flags", "xattr.commit-flags", needs=NEEDS, dialects=L,
      each=(("none-makes", 0, b""), ("CREATE-makes", CREATE, b""), ("none-changes", 0, b"old"),
            ("REPLACE-changes", REPLACE, b"old")))  # fmt: skip
def flags_do(p: Peer, item: tuple[str, int, bytes]) -> None:
    """CREATE makes an attribute, REPLACE changes one, and without flags both are done."""
    p.make(b"file")
    if item[2]:
        have(p, item[2])
    r = put(p, b"newer", item[1])
    p.true("xattr.commit-flags", not is_error(r), "Rxattrcreate, Rwrite and Rclunk", shown(r))
    shows(p, "xattr.commit-flags", b"newer")


@case("xattr/create-existing", "xattr.create-existing", needs=NEEDS, dialects=L)
def create_existing(p: Peer) -> None:
    """With CREATE an attribute that exists is not changed."""
    have(p)
    p.is_refusal("xattr.create-existing", "CREATE", put(p, b"newer", CREATE))
    shows(p, "xattr.create-existing", b"old")


@case("xattr/replace-missing", "xattr.replace-missing", needs=NEEDS, dialects=L)
def replace_missing(p: Peer) -> None:
    """With REPLACE an attribute that is missing is not made."""
    have(p, name=OTHER)
    p.is_refusal("xattr.replace-missing", "REPLACE", put(p, b"newer", REPLACE))
    lacks(p, "xattr.replace-missing")


@case("xattr/remove-missing", "xattr.replace-missing", needs=NEEDS, dialects=L)
def remove_missing(p: Peer) -> None:
    """An attribute that is missing is not removed."""
    have(p, name=OTHER)
    p.is_refusal("xattr.replace-missing", "no bytes, REPLACE", put(p, b"", REPLACE))


@case("xattr/remove", "xattr.empty-replace-removes", needs=NEEDS, dialects=L)
def remove(p: Peer) -> None:
    """No bytes with REPLACE remove the attribute from file and list, and no other."""
    have(p)
    have(p, name=OTHER)
    r = put(p, b"", REPLACE)
    p.true("xattr.empty-replace-removes", not is_error(r), "Rxattrcreate, Rclunk", shown(r))
    lacks(p, "xattr.empty-replace-removes")
    found = listed(p, "xattr.empty-replace-removes")
    p.true("xattr.empty-replace-removes", NAME not in found, "no such name in the list", found)
    shows(p, "xattr.empty-replace-removes", b"old", name=OTHER)


@case("xattr/empty-value", "xattr.empty-value-set", needs=NEEDS, dialects=L, each=EMPTY_FLAGS)
def empty_value(p: Peer, item: tuple[str, int]) -> None:
    """No bytes without REPLACE set an empty value."""
    have(p, name=OTHER)
    r = put(p, b"", item[1])
    p.true("xattr.empty-value-set", not is_error(r), "Rxattrcreate and Rclunk", shown(r))
    shows(p, "xattr.empty-value-set", b"")


@case("xattr/value-emptied", "xattr.empty-value-set", needs=NEEDS, dialects=L)
def value_emptied(p: Peer) -> None:
    """No bytes with flags 0 leave an attribute that exists an empty value."""
    have(p)
    r = put(p, b"")
    p.true("xattr.empty-value-set", not is_error(r), "Rxattrcreate and Rclunk", shown(r))
    shows(p, "xattr.empty-value-set", b"")


@case("xattr/lost", "xattr.lost-uncommitted", needs=NEEDS, dialects=L, each=("version", "hang-up"))
def lost(p: Peer, how: str) -> None:
    """A whole value that waits for its clunk is not set if the session ends."""
    have(p, name=OTHER)
    q = p.another()
    q.walk(DIR, A, b"file")
    q.ok(m.Txattrcreate(A, NAME, 3, 0))
    q.write(A, 0, b"new")
    if how == "version":
        q.version(q.msize, q.dialect)
    else:
        q.hang_up()
    lacks(p, "xattr.lost-uncommitted")
