"""open(5), and what 9P2000.L has beside it: make files, directories, links and special files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ninep import messages as m
from ninep.constants import (
    NAME_MAX,
    NOFID,
    NONUNAME,
    GetattrMask,
    LopenFlag,
    OpenMode,
    Perm,
    StMode,
)
from ninep.messages import RMessage, TMessage

from ..check.case import Case, Declared, Run, case
from ..check.peer import DIR, Peer, errno, is_error
from .open import lists, opened, reads

L = ("9P2000.L",)
A, B, NEW = 10, 11, 12
SOURCE = 20
"""Fids; `SOURCE` is the file that hard links are made of."""
KINDS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "file": ((), ()),
    "directory": ((), ()),
    "symlink": (("symlink",), L),
    "fifo": (("mknod",), L),
    "link": (("link",), L),
}
"""What can be made: the capabilities and the dialects that it takes."""
EXCL = LopenFlag.RDWR | LopenFlag.EXCL
OTHER_USER, OTHER_GROUP = 1001, 1002


def each_kind(
    name: str, *clauses: str, kinds: Iterable[str] = KINDS, also: Sequence[str] = ()
) -> Callable[[Run], Declared]:
    """Declare a case for each kind of file, with the capabilities that it and `also` take."""

    def declare(function: Run) -> Declared:
        made: list[Case] = []
        for kind in kinds:
            needs, dialects = KINDS[kind]
            one = case(name, *clauses, needs=[*needs, *also], dialects=dialects, each=(kind,))
            made += one(function).cases
        return Declared(function, tuple(made))

    return declare


def making(p: Peer, kind: str, dfid: int, name: bytes, gid: int = NONUNAME) -> TMessage:
    """Return the request that makes a kind of file in a directory."""
    requests: dict[str, TMessage] = {
        "symlink": m.Tsymlink(dfid, name, b"target", gid),
        "fifo": m.Tmknod(dfid, name, StMode.IFIFO | 0o644, 0, 0, gid),
        "link": m.Tlink(dfid, SOURCE, name),
    }
    if p.dialect == "9P2000.L":
        requests["file"] = m.Tlcreate(dfid, name, LopenFlag.RDWR, 0o644, gid)
        requests["directory"] = m.Tmkdir(dfid, name, 0o755, gid)
    else:
        requests["file"] = p.speech.create(dfid, name, "rw", 0o644)
        requests["directory"] = p.speech.mkdir(dfid, name, 0o755)
    return requests[kind]


def source(p: Peer) -> None:
    """Make the file that hard links are made of."""
    p.make(b"source")
    p.walk(DIR, SOURCE, b"source")


def mode(p: Peer, *path: bytes) -> int:
    """Return the whole mode of a file below the case's directory, its type included."""
    return attributes(p, *path).mode


def attributes(p: Peer, *path: bytes) -> m.Rgetattr:
    """Return the attributes of a file below the case's directory."""
    p.walk(DIR, NEW, *path)
    r = p.ok(m.Tgetattr(NEW, GetattrMask.BASIC), m.Rgetattr)
    p.clunk(NEW)
    return r


@case("create/fid-becomes-file", "create.fid-becomes-file", each=("r", "w", "rw"))
def fid_becomes_file(p: Peer, how: str) -> None:
    """After a create the fid is the new file, empty, and open for what was asked for."""
    p.walk(DIR, A)
    qid = opened(p, "create.fid-becomes-file", p.speech.create(A, b"new", how, 0o644)).qid
    there = p.stat(A)
    p.equal("create.fid-becomes-file", (False, 0), (there.directory, there.size), "kind and size")
    p.equal("create.fid-becomes-file", (0, there.qid.path), (qid.type, qid.path), "the qid")
    write, read = m.Twrite(A, 0, b"abc"), m.Tread(A, 0, 3)
    if "w" in how:
        p.must("create.fid-becomes-file", write, m.Rwrite)
    else:
        p.refuses("write.fid-writable", write)
    if "r" in how:
        got = bytes(p.must("create.fid-becomes-file", read, m.Rread).data)
        p.equal("create.fid-becomes-file", b"abc" if "w" in how else b"", got, "the bytes read")
    else:
        p.refuses("read.fid-readable", read)


@case("create/no-directory-any-more", "create.fid-becomes-file", "create.fid-unopened")
def no_directory_any_more(p: Peer) -> None:
    """After a create nothing is walked to or created through the fid: it is no directory now."""
    p.make(b"other")
    p.walk(DIR, A)
    p.ok(p.speech.create(A, b"new", "rw", 0o644))
    for fid, bad in ((B, m.Twalk(A, B, (b"other",))), (A, p.speech.create(A, b"x", "rw", 0o644))):
        r = p.rpc(bad)
        p.true("create.fid-becomes-file", is_error(r), "an error", r)
        p.true("create.fid-becomes-file", fid == A or not in_use(p, B), "no fid made")
    p.true("create.fid-unopened", not p.exists(b"x"), "no second file")


def in_use(p: Peer, fid: int) -> bool:
    """Say whether a fid stands for something."""
    return not is_error(p.rpc(p.speech.stat(fid)))


@case("create/directory-untouched", "create.fid-becomes-file")
def directory_untouched(p: Peer) -> None:
    """A create moves its own fid alone: others of the same directory stay there, not open."""
    p.walk(DIR, A)
    p.walk(DIR, B)
    p.ok(p.speech.create(A, b"new", "rw", 0o644))
    p.must("create.fid-becomes-file", m.Twalk(B, NEW, (b"new",)), m.Rwalk)
    p.must("create.fid-becomes-file", p.speech.open(B, "r"))
    lists(p, "create.fid-becomes-file", B, [b"new"])


@case("create/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """Nothing is created through a fid that is not in use."""
    p.walk(DIR, A)
    bad, good = (p.speech.create(fid, b"new%d" % fid, "rw", 0o644) for fid in (B, A))
    p.refuses("fid.unknown-fid", bad, control=good)
    p.true("fid.unknown-fid", not in_use(p, B), "no fid made")


@each_kind("create/visible-at-once", "create.visible-at-once")
def visible_at_once(p: Peer, kind: str) -> None:
    """When the reply is seen, a walk on any connection finds the name that it missed before."""
    source(p)
    q = p.another()
    q.refuses("walk.missing-name", m.Twalk(DIR, A, (b"new",)))
    p.walk(DIR, A)
    r: RMessage = p.ok(making(p, kind, A, b"new"))
    r2 = q.must("create.visible-at-once", m.Twalk(DIR, A, (b"new",)), m.Rwalk)
    p.equal("create.visible-at-once", 1, len(r2.wqid), "the number of qids")
    qid = getattr(r, "qid", None) or p.stat(SOURCE).qid
    expected, seen = (qid.type, qid.path), (r2.wqid[0].type, r2.wqid[0].path)
    p.equal("create.visible-at-once", expected, seen, "qid.type and qid.path")


@each_kind("create/name-taken", "create.name-taken", kinds=("directory", "symlink", "fifo", "link"))
def name_taken(p: Peer, kind: str) -> None:
    """Nothing is made under a name that is taken, whatever has it, and that stays."""
    source(p)
    p.make(b"file", b"abc")
    p.mkdir(b"directory")
    p.make(b"inside", b"", b"directory")
    for name in (b"file", b"directory"):
        p.walk(DIR, A)
        p.walk(DIR, B)
        bad, good = making(p, kind, A, name), making(p, kind, B, b"good-" + name)
        p.refuses("create.name-taken", bad, control=good)
        p.clunk(A, B)
    p.equal("create.name-taken", b"abc", p.content(b"file"), "the content of the file")
    p.true("create.name-taken", p.exists(b"directory", b"inside"), "the directory as it was")


@case("create/excl", "create.excl-exists", each=("file", "directory"))
def excl(p: Peer, what: str) -> None:
    """With EXCL nothing that exists is opened, and the fid stays the directory."""
    p.make(b"file", b"abc")
    p.mkdir(b"directory")
    p.walk(DIR, A)
    p.walk(DIR, B)
    bad, good = (m.Tlcreate(fid, name, EXCL, 0o600, NONUNAME) for fid, name in (
        (A, what.encode()), (B, b"good")))  # fmt: skip
    p.refuses("create.excl-exists", bad, control=good)
    p.must("create.failure-leaves-fid", m.Twalk(A, NEW, (what.encode(),)), m.Rwalk)
    p.equal("create.excl-exists", b"abc", p.content(b"file"), "the content of the file")


@case("create/excl-dangling-symlink", "create.excl-exists", needs=["symlink"])
def excl_dangling_symlink(p: Peer) -> None:
    """With EXCL a symbolic link that leads nowhere is something that exists."""
    p.ok(m.Tsymlink(DIR, b"link", b"target", NONUNAME), m.Rsymlink)
    p.walk(DIR, A)
    p.refuses("create.excl-exists", m.Tlcreate(A, b"link", EXCL, 0o644, NONUNAME))
    p.true("create.excl-exists", not p.exists(b"target"), "nothing where the link leads")


@case("create/existing-file", "create.existing-opened")
def existing_file(p: Peer) -> None:
    """Without EXCL a file that exists is opened as it is, or else refused with EEXIST."""
    p.make(b"file", b"abc")
    before = attributes(p, b"file")
    p.walk(DIR, A)
    r = p.rpc(m.Tlcreate(A, b"file", LopenFlag.RDWR, 0o4700, NONUNAME))
    if is_error(r):
        p.equal("create.existing-opened", 17, errno(r), "the number of the error, EEXIST")
    else:
        p.equal("create.existing-opened", before.qid.path, p.stat(A).qid.path, "qid.path")
        reads(p, "create.existing-opened", A, b"abc")
    after = attributes(p, b"file")
    p.equal("create.existing-opened", (before.mode, before.size), (after.mode, after.size), "mode")


@case(
    "create/existing-directory", "create.existing-opened", "create.failure-leaves-fid", dialects=L
)
def existing_directory(p: Peer) -> None:
    """Without EXCL a directory is not opened in the place of a new file."""
    p.mkdir(b"d")
    p.walk(DIR, A)
    p.walk(DIR, B)
    bad, good = (m.Tlcreate(fid, name, LopenFlag.RDONLY, 0o644, NONUNAME) for fid, name in (
        (A, b"d"), (B, b"good")))  # fmt: skip
    p.refuses("create.existing-opened", bad, control=good)
    p.must("create.failure-leaves-fid", m.Twalk(A, NEW, (b"d",)), m.Rwalk)


@case("create/no-follow", "create.no-follow", needs=["symlink"], each=("to-file", "to-nothing"))
def no_follow(p: Peer, what: str) -> None:
    """A symbolic link under the name is not followed: what it leads to is neither made nor cut."""
    if what == "to-file":
        p.make(b"target", b"abc")
    p.ok(m.Tsymlink(DIR, b"link", b"target", NONUNAME), m.Rsymlink)
    p.walk(DIR, A)
    p.walk(DIR, B)
    bad, good = (m.Tlcreate(fid, name, LopenFlag.RDWR | LopenFlag.TRUNC, 0o644, NONUNAME)
                 for fid, name in ((A, b"link"), (B, b"good")))  # fmt: skip
    p.refuses("create.no-follow", bad, control=good)
    if what == "to-file":
        p.equal("create.no-follow", b"abc", p.content(b"target"), "what the link leads to")
    else:
        p.true("create.no-follow", not p.exists(b"target"), "nothing where the link leads")


@each_kind("create/dot-names", "create.dot-names")
def dot_names(p: Peer, kind: str) -> None:
    """Neither . nor .. is made, and the directory stays as it was."""
    source(p)
    p.mkdir(b"d")
    p.walk(DIR, A, b"d")
    p.walk(A, B)
    for name in (b".", b".."):
        p.refuses("create.dot-names", making(p, kind, A, name))
    p.ok(making(p, kind, B, b"good"))
    p.open(A)
    lists(p, "create.dot-names", A, [b"good"])


@each_kind("create/in-a-file", "create.directory-only")
def in_a_file(p: Peer, kind: str) -> None:
    """Nothing is made in what is no directory."""
    source(p)
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B)
    bad, good = making(p, kind, A, b"new"), making(p, kind, B, b"new")
    p.refuses("create.directory-only", bad, control=good)
    p.equal("create.directory-only", b"abc", p.content(b"file"), "the content of the file")


@each_kind("create/in-a-removed-directory", "create.removed-directory")
def in_a_removed_directory(p: Peer, kind: str) -> None:
    """Nothing is made in a directory that was removed, nor in one that has taken its name."""
    source(p)
    p.mkdir(b"d")
    for fid in (A, B):
        p.walk(DIR, fid, b"d")
    p.ok(m.Tremove(B), m.Rremove)
    p.walk(DIR, B)
    p.refuses("create.removed-directory", making(p, kind, A, b"x"), making(p, kind, B, b"x"))


@case("create/failure-leaves-directory", "create.failure-leaves-fid", "names.too-long")
def failure_leaves_directory(p: Peer) -> None:
    """After a failed create the fid is the directory as before: it walks, and can create."""
    p.make(b"file", b"abc")
    p.walk(DIR, A)
    p.refuses("names.too-long", p.speech.create(A, b"n" * (NAME_MAX + 1), "w", 0o644))
    p.must("create.failure-leaves-fid", m.Twalk(A, B, (b"file",)), m.Rwalk)
    p.refuses("read.fid-readable", m.Tread(A, 0, 64))
    p.must("create.failure-leaves-fid", p.speech.create(A, b"good", "w", 0o644))
    p.true("create.failure-leaves-fid", p.exists(b"good"), "the file that was created then")


@each_kind("create/fids-stay", "create.others-leave-fid",
           kinds=("directory", "symlink", "fifo", "link"))  # fmt: skip
def fids_stay(p: Peer, kind: str) -> None:
    """What makes no open file leaves the fid on the directory, not open."""
    source(p)
    before, linked = p.stat(DIR).qid.path, p.stat(SOURCE).qid.path
    p.walk(DIR, A)
    p.ok(making(p, kind, A, b"new"))
    p.equal("create.others-leave-fid", before, p.stat(A).qid.path, "qid.path of the directory fid")
    p.equal("create.others-leave-fid", linked, p.stat(SOURCE).qid.path, "qid.path of the source")
    p.must("create.others-leave-fid", p.speech.open(A, "r"))
    p.must("create.others-leave-fid", p.speech.open(SOURCE, "rw"))


@case("create/open-fid", "create.fid-unopened")
def open_fid(p: Peer) -> None:
    """Nothing is created through an open directory, which goes on listing."""
    p.walk(DIR, A)
    p.open(A)
    p.walk(DIR, B)
    bad, good = (p.speech.create(fid, name, "rw", 0o644) for fid, name in (
        (A, b"bad"), (B, b"good")))  # fmt: skip
    p.refuses("create.fid-unopened", bad, control=good)
    lists(p, "create.fid-unopened", A, [b"good"])


@case(
    "create/mode-of-file", "create.mode-masked", each=("0000", "0666", "4711", "100644"), dialects=L
)
def mode_of_file(p: Peer, octal: str) -> None:
    """A new file has the permissions that were asked for, and no umask takes any."""
    wanted = int(octal, 8)
    p.walk(DIR, A)
    t = m.Tlcreate(A, b"new", LopenFlag.RDWR, wanted, NONUNAME)
    p.must("create.mode-masked", t, m.Rlcreate)
    p.equal("create.mode-masked", oct(StMode.IFREG | wanted & 0o7777), oct(mode(p, b"new")), "mode")
    p.must("create.mode-masked", m.Twrite(A, 0, b"x"), m.Rwrite)


@case("create/mode-of-directory", "create.mode-masked", each=("0700", "1777", "40750"), dialects=L)
def mode_of_directory(p: Peer, octal: str) -> None:
    """A new directory has the permissions that were asked for; it may inherit set-group-id."""
    wanted = int(octal, 8)
    p.must("create.mode-masked", m.Tmkdir(DIR, b"new", wanted, NONUNAME), m.Rmkdir)
    seen = mode(p, b"new") & ~StMode.ISGID
    p.equal("create.mode-masked", oct(StMode.IFDIR | wanted & 0o7777), oct(seen), "mode")


@case(
    "create/mode-of-fifo", "create.mode-masked", needs=["mknod"], each=("0622", "0200"), dialects=L
)
def mode_of_fifo(p: Peer, octal: str) -> None:
    """What Tmknod makes has the permissions that were asked for."""
    wanted = StMode.IFIFO | int(octal, 8)
    p.must("create.mode-masked", m.Tmknod(DIR, b"new", wanted, 0, 0, NONUNAME), m.Rmknod)
    p.equal("create.mode-masked", oct(wanted), oct(mode(p, b"new")), "mode")


@each_kind("create/group", "create.gid-applied", kinds=("file", "directory", "symlink", "fifo"),
           also=["chown"])  # fmt: skip
def group(p: Peer, kind: str) -> None:
    """The new file belongs to the group that was given."""
    p.walk(DIR, A)
    p.must("create.gid-applied", making(p, kind, A, b"new", OTHER_GROUP))
    p.equal("create.gid-applied", OTHER_GROUP, attributes(p, b"new").gid, "gid")


@each_kind("create/owner", "create.gid-applied", kinds=("file", "directory", "symlink", "fifo"),
           also=["chown"])  # fmt: skip
def owner(p: Peer, kind: str) -> None:
    """The new file belongs to the user who attached the fid."""
    p.ok(m.Tsetattr(DIR, 1, 0o777, 0, 0, 0, 0, 0, 0, 0), m.Rsetattr)
    p.ok(m.Tattach(SOURCE, NOFID, b"", p.aname, OTHER_USER), m.Rattach)
    p.walk(SOURCE, A, *p.path)
    p.must("create.gid-applied", making(p, kind, A, b"new"))
    p.equal("create.gid-applied", OTHER_USER, attributes(p, b"new").uid, "uid")


@case("create/mknod-type", "create.mknod-type", needs=["mknod"], dialects=L,
      each=(("none", 0), ("regular", StMode.IFREG), ("fifo", StMode.IFIFO),
            ("socket", StMode.IFSOCK)))  # fmt: skip
def mknod_type(p: Peer, item: tuple[str, int]) -> None:
    """The type bits of mode say what is made; none stand for a regular file."""
    p.must("create.mknod-type", m.Tmknod(DIR, b"new", item[1] | 0o644, 0, 0, NONUNAME), m.Rmknod)
    wanted = (item[1] or StMode.IFREG) | 0o644
    p.equal("create.mknod-type", oct(wanted), oct(mode(p, b"new")), "mode")
    p.equal("create.mknod-type", 0, attributes(p, b"new").rdev, "rdev")


@case("create/device", "create.mknod-type", needs=["mknod"], dialects=L,
      each=(("character", StMode.IFCHR), ("block", StMode.IFBLK)))  # fmt: skip
def device(p: Peer, item: tuple[str, int]) -> None:
    """A device node has the type and numbers that were asked for, or is refused with EPERM."""
    r = p.rpc(m.Tmknod(DIR, b"new", item[1] | 0o600, 5, 0x12345, NONUNAME))
    if is_error(r):
        p.equal("create.mknod-type", 1, errno(r), "the number of the error, EPERM")
        p.true("create.mknod-type", not p.exists(b"new"), "nothing of that name")
        return
    there = attributes(p, b"new")
    p.equal("create.mknod-type", oct(item[1] | 0o600), oct(there.mode), "mode")
    p.equal("create.mknod-type", 0x12300545, there.rdev & 0xFFFFFFFF, "rdev, as Linux reads it")


@case("create/mknod-range", "create.mknod-range", needs=["mknod"], dialects=L,
      each=(("directory", StMode.IFDIR, 0), ("symlink", StMode.IFLNK, 0), ("unknown", 0o170000, 0),
            ("major", StMode.IFCHR, 1 << 12), ("minor", StMode.IFCHR, 1 << 20)))  # fmt: skip
def mknod_range(p: Peer, item: tuple[str, int, int]) -> None:
    """Tmknod makes no directory, link or unknown type, and no device that cannot be."""
    what, kind, number = item
    major, minor = (0, number) if what == "minor" else (number, 0)
    bad = m.Tmknod(DIR, b"bad", kind | 0o644, major, minor, NONUNAME)
    good = m.Tmknod(DIR, b"good", StMode.IFIFO | 0o644, 0, 0, NONUNAME)
    p.refuses("create.mknod-range", bad, control=good)
    p.true("create.mknod-range", not p.exists(b"bad"), "nothing of that name")


# Tcreate, of 9P2000 and 9P2000.u


@case("create/name-new", "create.name-new", each=("file", "directory"))
def name_new(p: Peer, what: str) -> None:
    """A name that exists is refused, whichever kind of file has it or is asked for."""
    p.make(b"file", b"abc")
    p.mkdir(b"d")
    taken = b"file" if what == "file" else b"d"
    for fid, perm, mode in ((A, 0o644, OpenMode.RDWR), (B, Perm.DIR | 0o755, OpenMode.READ)):
        p.walk(DIR, fid)
        p.refuses("create.name-new", m.Tcreate(fid, taken, perm, mode))
        p.must("create.failure-leaves-fid", m.Twalk(fid, NEW, (b"file",)), m.Rwalk)
        p.clunk(NEW)
    p.equal("create.name-new", b"abc", p.content(b"file"), "the file")


@case("create/directory-bit", "create.directory-bit", "create.fid-becomes-file")
def directory_bit(p: Peer) -> None:
    """With DMDIR a directory is made, and the fid is that directory, open for reading."""
    p.walk(DIR, A)
    t = m.Tcreate(A, b"d", Perm.DIR | 0o755, OpenMode.READ)
    qid = p.must("create.directory-bit", t, m.Rcreate).qid
    p.equal("create.directory-bit", 0x80, qid.type, "the type of the qid")
    stat = p.ok(m.Tstat(A), m.Rstat).stat
    p.equal("create.directory-bit", Perm.DIR | 0o755, stat.mode, "the mode")
    p.equal("create.fid-becomes-file", b"d", stat.name, "the name")
    p.equal("create.directory-bit", b"", bytes(p.must("create.directory-bit", m.Tread(A, 0, 4000),
            m.Rread).data), "what is read of the new directory")  # fmt: skip
    p.make(b"inner", b"", b"d")
    p.true("create.directory-bit", p.exists(b"d", b"inner"), "a file in it")


INHERITED = (
    ("file", 0o750, 0o666, 0o640), ("program", 0o750, 0o777, 0o751),
    ("file-in-777", 0o777, 0o666, 0o666), ("directory", 0o750, Perm.DIR | 0o777, 0o750),
    ("fewer", 0o777, 0o600, 0o600),
)  # fmt: skip
"""Label, permissions of the directory, perm, permissions that come of it."""


@case("create/permission-inherited", "create.permission-inherited", each=INHERITED)
def permission_inherited(p: Peer, item: tuple[str, int, int, int]) -> None:
    """A new file has no permissions for reading and writing that its directory does not have."""
    _, above, perm, expected = item
    p.mkdir(b"d")
    p.walk(DIR, A, b"d")
    p.ok(p.speech.chmod(A, Perm.DIR | above))
    p.ok(m.Tcreate(A, b"new", perm, OpenMode.READ), m.Rcreate)
    p.equal("create.permission-inherited", oct(expected), oct(p.stat(A).mode), "the permissions")


@case("create/permissions-of-u", "create.perm-bits", dialects=("9P2000.u",))
def permissions_of_u(p: Peer) -> None:
    """In 9P2000.u the client has applied the umask: the permissions are those of perm."""
    p.mkdir(b"d", perm=0o700)
    p.walk(DIR, A, b"d")
    p.ok(m.Tcreate(A, b"new", Perm.SETVTX | 0o666, OpenMode.READ), m.Rcreate)
    mode = p.ok(m.Tstat(A), m.Rstat).stat.mode
    p.equal("create.perm-bits", Perm.SETVTX | 0o666, mode, "the mode")


EXTENSIONS = {
    "symlink-empty": (Perm.SYMLINK, b""),
    "device-nothing": (Perm.DEVICE, b""),
    "device-kind": (Perm.DEVICE, b"x 1 3"),
    "device-number": (Perm.DEVICE, b"c 1"),
    "device-text": (Perm.DEVICE, b"c one 3"),
    "link-nothing": (Perm.LINK, b""),
    "link-text": (Perm.LINK, b"file"),
    "link-sign": (Perm.LINK, b"-1"),
}


@case("create/extension-unreadable", "create.special-extension", each=EXTENSIONS, needs=["symlink"])
def extension_unreadable(p: Peer, what: str) -> None:
    """Nothing is made where the extension does not say what it is to be."""
    bit, extension = EXTENSIONS[what]
    p.walk(DIR, A)
    p.refuses("create.special-extension", m.Tcreate(A, b"new", bit | 0o644, 0, extension))
    p.true("create.special-extension", not p.exists(b"new"), "nothing of that name")
    p.symlink(b"good", b"target")


@case("create/hard-link", "create.special-extension", needs=["link"], dialects=("9P2000.u",),
      each=("digits", "newline"))  # fmt: skip
def hard_link(p: Peer, how: str) -> None:
    """The extension of a hard link is the fid of the file; Linux ends it with a newline."""
    p.make(b"file", b"abc")
    (qid,) = p.walk(DIR, A, b"file")
    p.walk(DIR, B)
    extension = b"%d" % A + (b"\n" if how == "newline" else b"")
    t = m.Tcreate(B, b"link", Perm.LINK | 0o644, 0, extension)
    made = p.must("create.special-extension", t, m.Rcreate).qid
    (walked,) = p.walk(DIR, NEW, b"link")
    paths = qid.path, made.path, walked.path
    p.equal("create.special-extension", (qid.path,) * 3, paths, "the paths of the qids")
    p.equal("create.special-extension", b"abc", p.content(b"link"), "the content")


STRANGE = {
    "AUTH": Perm.AUTH, "MOUNT": Perm.MOUNT, "directory-and-append": Perm.DIR | Perm.APPEND,
    "directory-and-exclusive": Perm.DIR | Perm.EXCL, "without-a-name": 0o1000,
    "symlink-and-directory": Perm.SYMLINK | Perm.DIR, "symlink-and-fifo":
    Perm.SYMLINK | Perm.NAMEDPIPE, "SYMLINK": Perm.SYMLINK, "SETUID": Perm.SETUID,
}  # fmt: skip


@case("create/perm-bits", "create.perm-bits", each=STRANGE,
      dialects=lambda what: ("9P2000",) if what in Perm.__members__ and STRANGE[what] < Perm.AUTH
      else ("9P2000", "9P2000.u"))  # fmt: skip
def perm_bits(p: Peer, what: str) -> None:
    """Bits that the dialect does not have, or that do not go together, make nothing."""
    p.walk(DIR, A)
    p.walk(DIR, B)
    bad = m.Tcreate(A, b"bad", STRANGE[what] | 0o644, OpenMode.READ, b"target")
    p.refuses("create.perm-bits", bad, control=m.Tcreate(B, b"good", 0o644, OpenMode.READ))
    p.true("create.perm-bits", not p.exists(b"bad"), "nothing of that name")
