"""open(5): prepare a fid for reading and writing."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import (
    IOHDRSZ,
    NONUNAME,
    LopenFlag,
    OpenMode,
    Perm,
    SetattrValid,
    StMode,
)
from ninep.messages import TMessage

from ..check.case import case
from ..check.peer import DIR, Peer, reply_name, shown
from ..check.speech import wstat
from ..check.tree import names
from ..check.verdict import Broken

L, OLD = ("9P2000.L",), ("9P2000", "9P2000.u")
A, B, NEW = 10, 11, 12
"""Fids."""
SMALL = 4096
"""An msize."""
CLIENTS_OWN = {flag.name: flag.value for flag in (
    LopenFlag.NOCTTY, LopenFlag.NONBLOCK, LopenFlag.DSYNC, LopenFlag.FASYNC, LopenFlag.DIRECT,
    LopenFlag.LARGEFILE, LopenFlag.NOFOLLOW, LopenFlag.NOATIME, LopenFlag.CLOEXEC, LopenFlag.SYNC,
)} | {"low-bits-without-name": 0x3C, "high-bits-without-name": 0xFFE00000}  # fmt: skip
"""Flags that change nothing for the client of a regular file."""
FAILING = {
    "DIRECTORY": ("open.directory-flag", LopenFlag.DIRECTORY | LopenFlag.RDWR),
    "NOACCESS": ("open.access-mode", LopenFlag.NOACCESS),
}
"""Flags with which no file is opened, and the clause that says so."""
CREATES = {
    "CREATE": LopenFlag.CREATE,
    "EXCL": LopenFlag.EXCL,
    "both": LopenFlag.CREATE | LopenFlag.EXCL,
}


Opened = m.Rlopen | m.Ropen | m.Rlcreate | m.Rcreate


def opened(p: Peer, clause: str, t: TMessage) -> Opened:
    """Open or create, which must work; return the reply."""
    r = p.rpc(t)
    if not isinstance(r, Opened):
        raise Broken(clause, reply_name(t), shown(r))
    return r


def reads(p: Peer, clause: str, fid: int, content: bytes) -> None:
    """Demand that an open file's fid reads its content."""
    r = p.must(clause, m.Tread(fid, 0, p.msize - IOHDRSZ), m.Rread)
    p.equal(clause, content, bytes(r.data), f"what fid {fid} reads")


def lists(p: Peer, clause: str, fid: int, expected: list[bytes]) -> None:
    """Demand that an open directory's fid lists some names, and no others."""
    p.must(clause, (m.Treaddir if p.dialect in L else m.Tread)(fid, 0, p.msize - IOHDRSZ))
    p.equal(clause, expected, names(p, fid), f"what fid {fid} lists")


@case("open/access", "open.reply-qid", "read.fid-readable", "write.fid-writable",
      each=("r", "w", "rw"))  # fmt: skip
def access(p: Peer, how: str) -> None:
    """An open gives the qid of the file, and the fid can do what was asked for and no more."""
    p.make(b"file", b"abc")
    wqid = p.walk(DIR, A, b"file")
    qid = opened(p, "open.reply-qid", p.speech.open(A, how)).qid
    p.equal("open.reply-qid", (wqid[-1].type, wqid[-1].path), (qid.type, qid.path), "the qid")
    read, write = m.Tread(A, 0, 3), m.Twrite(A, 0, b"xyz")
    if "r" in how:
        got = bytes(p.must("open.reply-qid", read, m.Rread).data)
        p.equal("open.reply-qid", b"abc", got, "the bytes read")
    else:
        p.refuses("read.fid-readable", read)
    if "w" in how:
        p.must("open.reply-qid", write, m.Rwrite)
    else:
        p.refuses("write.fid-writable", write)
    p.equal("write.fid-writable", b"xyz" if "w" in how else b"abc", p.content(b"file"), "the file")


@case("open/directory", "open.reply-qid")
def directory(p: Peer) -> None:
    """A directory can be opened for reading; it has a directory's qid and can be listed."""
    p.mkdir(b"d")
    p.make(b"file", b"", b"d")
    wqid = p.walk(DIR, A, b"d")
    qid = opened(p, "open.reply-qid", p.speech.open(A, "r")).qid
    p.equal("open.reply-qid", (wqid[-1].type, wqid[-1].path), (qid.type, qid.path), "the qid")
    lists(p, "open.reply-qid", A, [b"file"])


@case("open/iounit", "open.iounit-bound", each=("open", "create"))
def iounit(p: Peer, what: str) -> None:
    """An iounit is 0, or no more than fits; so much is written and read at once."""
    q = p.another(msize=SMALL)
    q.make(b"file")
    q.walk(DIR, A, *([b"file"] if what == "open" else []))
    create = q.speech.create(A, b"created", "w", 0o644)
    t = q.speech.open(A, "w") if what == "open" else create
    unit, limit = opened(q, "open.iounit-bound", t).iounit, q.msize - IOHDRSZ
    q.true("open.iounit-bound", unit <= limit, f"an iounit of {limit} or less", unit)
    if unit:
        count = q.must("open.iounit-bound", m.Twrite(A, 0, b"x" * unit), m.Rwrite).count
        q.equal("open.iounit-bound", unit, count, "the bytes written")
        q.clunk(A)
        q.opened(A, b"file" if what == "open" else b"created")
        back = q.must("open.iounit-bound", m.Tread(A, 0, unit), m.Rread)
        q.equal("open.iounit-bound", unit, len(back.data), "the bytes read")


@case("open/iounit-of-directory", "open.iounit-bound")
def iounit_of_directory(p: Peer) -> None:
    """The iounit of a directory too is 0, or no more than fits."""
    q = p.another(msize=SMALL)
    q.walk(DIR, A)
    unit, limit = opened(q, "open.iounit-bound", q.speech.open(A, "r")).iounit, q.msize - IOHDRSZ
    q.true("open.iounit-bound", unit <= limit, f"an iounit of {limit} or less", unit)


@case("open/already-open", "open.fid-unopened", each=("file", "directory", "created"))
def already_open(p: Peer, what: str) -> None:
    """An open fid is not opened again, and stays as it was opened."""
    p.mkdir(b"directory")
    p.make(b"file", b"abc")
    if what == "created":
        p.create(A, b"created", "rw")
        p.write(A, 0, b"abc")
    else:
        p.opened(A, what.encode())
    p.walk(DIR, B, what.encode())
    p.refuses("open.fid-unopened", p.speech.open(A, "r"), control=p.speech.open(B, "r"))
    if what == "directory":
        lists(p, "open.fid-unopened", A, [])
    else:
        reads(p, "open.fid-unopened", A, b"abc")


@case("open/no-wider-access", "open.fid-unopened", "write.fid-writable")
def no_wider_access(p: Peer) -> None:
    """A fid that was opened for reading does not get to write by a second open."""
    p.make(b"file", b"abc")
    p.opened(A, b"file")
    p.walk(DIR, B, b"file")
    p.refuses("open.fid-unopened", p.speech.open(A, "rw"), control=p.speech.open(B, "rw"))
    p.refuses("write.fid-writable", m.Twrite(A, 0, b"xyz"))
    p.equal("write.fid-writable", b"abc", p.content(b"file"), "the content of the file")


@case("open/failure-leaves-directory", "open.failure-leaves-fid", "open.write-directory")
def failure_leaves_directory(p: Peer) -> None:
    """After a failed open the fid is where it was, walks as before, and opens in another way."""
    p.make(b"file", b"abc")
    p.walk(DIR, A)
    p.refuses("open.write-directory", p.speech.open(A, "rw"))
    p.must("open.failure-leaves-fid", m.Twalk(A, B, (b"file",)), m.Rwalk)
    p.must("open.failure-leaves-fid", p.speech.open(A, "r"))
    lists(p, "open.failure-leaves-fid", A, [b"file"])


@case("open/failure-leaves-file", "open.failure-leaves-fid", "open.directory-flag")
def failure_leaves_file(p: Peer) -> None:
    """After a failed open the fid of a file cannot be read, and opens in another way."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.refuses("open.directory-flag", m.Tlopen(A, LopenFlag.DIRECTORY))
    p.refuses("read.fid-readable", m.Tread(A, 0, 3))
    p.must("open.failure-leaves-fid", m.Tlopen(A, LopenFlag.RDWR), m.Rlopen)
    reads(p, "open.failure-leaves-fid", A, b"abc")


@case("open/unknown-fid", "fid.unknown-fid")
def unknown_fid(p: Peer) -> None:
    """A fid that is not in use is not opened, and not made by that."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.refuses("fid.unknown-fid", p.speech.open(B, "r"), control=p.speech.open(A, "r"))
    p.must("fid.unknown-fid", m.Twalk(DIR, B, (b"file",)), m.Rwalk)


@case("open/several-fids", "open.reply-qid")
def several_fids(p: Peer) -> None:
    """One file is open through several fids at once, each with its own access."""
    p.make(b"file", b"abc")
    for fid, how in ((A, "r"), (B, "w"), (NEW, "rw")):
        p.walk(DIR, fid, b"file")
        p.must("open.reply-qid", p.speech.open(fid, how))
    p.refuses("write.fid-writable", m.Twrite(A, 0, b"x"), control=m.Twrite(B, 0, b"x"))
    p.refuses("read.fid-readable", m.Tread(B, 0, 3), control=m.Tread(NEW, 0, 3))


@case("open/checked-once", "open.checked-once", each=("read", "write"), dialects=L)
def checked_once(p: Peer, what: str) -> None:
    """An open fid goes on when the file's permissions are taken away behind it."""
    p.make(b"file", b"abc")
    p.opened(A, b"file", access="rw")
    p.walk(DIR, B, b"file")
    p.ok(m.Tsetattr(B, SetattrValid.MODE, 0, 0, 0, 0, 0, 0, 0, 0), m.Rsetattr)
    if what == "read":
        r = p.must("open.checked-once", m.Tread(A, 0, 3), m.Rread)
        p.equal("open.checked-once", b"abc", bytes(r.data), "the bytes read")
    else:
        count = p.must("open.checked-once", m.Twrite(A, 0, b"xyz"), m.Rwrite).count
        p.equal("open.checked-once", 3, count, "the bytes written")


@case("open/truncate", "open.truncate-flag", "open.flag-numbers", each=("w", "rw"))
def truncate(p: Peer, how: str) -> None:
    """TRUNC cuts the file to nothing, for everybody and at once."""
    p.make(b"file", b"abc")
    p.opened(B, b"file")
    p.walk(DIR, A, b"file")
    p.must("open.truncate-flag", p.speech.open(A, how, truncate=True))
    p.equal("open.truncate-flag", 0, p.stat(A).size, "the size")
    reads(p, "open.truncate-flag", B, b"")


@case("open/keeps-content", "open.truncate-flag", each=("w", "rw"))
def keeps_content(p: Peer, how: str) -> None:
    """Without TRUNC an open for writing leaves the content alone."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.ok(p.speech.open(A, how))
    p.equal("open.truncate-flag", 3, p.stat(A).size, "the size")
    p.write(A, 0, b"x")
    p.equal("open.truncate-flag", b"xbc", p.content(b"file"), "the content")


@case("open/truncate-of-open-fid", "open.truncate-flag", "open.fid-unopened")
def truncate_of_open_fid(p: Peer) -> None:
    """A second open that fails cuts nothing, though it has TRUNC."""
    p.make(b"file", b"abc")
    p.opened(A, b"file", access="rw")
    p.refuses("open.fid-unopened", p.speech.open(A, "rw", truncate=True))
    p.equal("open.truncate-flag", b"abc", p.content(b"file"), "the content")


@case("open/failed-truncate", "open.truncate-flag", dialects=L, each=FAILING)
def failed_truncate(p: Peer, what: str) -> None:
    """An open that fails for another of its flags cuts nothing."""
    clause, flags = FAILING[what]
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.refuses(clause, m.Tlopen(A, flags | LopenFlag.TRUNC))
    p.equal("open.truncate-flag", b"abc", p.content(b"file"), "the content")


@case("open/write-directory", "open.write-directory",
      each=(("w", False), ("rw", False), ("r-truncate", True)))  # fmt: skip
def write_directory(p: Peer, item: tuple[str, bool]) -> None:
    """A directory is opened neither for writing nor with TRUNC, and keeps what is in it."""
    p.mkdir(b"d")
    p.make(b"file", b"abc", b"d")
    p.walk(DIR, A, b"d")
    p.walk(DIR, B, b"d")
    how = item[0].partition("-")[0]
    bad = p.speech.open(A, how, truncate=item[1])
    p.refuses("open.write-directory", bad, control=p.speech.open(B, "r"))
    p.equal("open.write-directory", b"abc", p.content(b"d", b"file"), "a file in it")


@case("open/append", "open.append-flag", "open.flag-numbers", dialects=L,
      each=("open", "create", "write-only"))  # fmt: skip
def append(p: Peer, what: str) -> None:
    """With APPEND each write goes to the end as it is then, and not to its offset."""
    flags = LopenFlag.APPEND | (LopenFlag.WRONLY if what == "write-only" else LopenFlag.RDWR)
    p.walk(DIR, A)
    if what == "create":
        p.must("open.append-flag", m.Tlcreate(A, b"file", flags, 0o644, NONUNAME), m.Rlcreate)
        p.write(A, 7, b"abc")
    else:
        p.make(b"file", b"abc")
        p.walk(A, A, b"file")
        p.must("open.append-flag", m.Tlopen(A, flags), m.Rlopen)
    p.must("open.append-flag", m.Twrite(A, 0, b"def"), m.Rwrite)
    p.equal("open.append-flag", b"abcdef", p.content(b"file"), "the content")
    p.opened(B, b"file", access="w")
    p.write(B, 6, b"ghi")
    p.must("open.append-flag", m.Twrite(A, 1, b"jkl"), m.Rwrite)
    p.equal("open.append-flag", b"abcdefghijkl", p.content(b"file"), "the content")


@case("open/append-reads", "open.append-flag", dialects=L)
def append_reads(p: Peer) -> None:
    """With APPEND reads go to their offset as ever."""
    p.make(b"file", b"abcdef")
    p.walk(DIR, A, b"file")
    p.ok(m.Tlopen(A, LopenFlag.APPEND | LopenFlag.RDWR), m.Rlopen)
    p.equal("open.append-flag", b"cd", p.read(A, 2, 2), "the bytes read")


@case("open/create-flags", "open.create-ignored", each=CREATES.items())
def create_flags(p: Peer, item: tuple[str, int]) -> None:
    """CREATE and EXCL are no hindrance to opening a file that exists, and leave it as it is."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.must("open.create-ignored", m.Tlopen(A, item[1] | LopenFlag.RDWR), m.Rlopen)
    reads(p, "open.create-ignored", A, b"abc")


@case("open/create-flag-on-directory", "open.create-ignored")
def create_flag_on_directory(p: Peer) -> None:
    """CREATE is no hindrance to opening a directory."""
    p.make(b"file")
    p.walk(DIR, A)
    p.must("open.create-ignored", m.Tlopen(A, LopenFlag.CREATE), m.Rlopen)
    lists(p, "open.create-ignored", A, [b"file"])


@case("open/create-flag-makes-nothing", "open.create-ignored", "open.unlinked-refused")
def create_flag_makes_nothing(p: Peer) -> None:
    """CREATE does not bring a removed file back."""
    gone(p, b"file")
    p.refuses("open.unlinked-refused", m.Tlopen(A, LopenFlag.CREATE | LopenFlag.RDWR))
    p.true("open.create-ignored", not p.exists(b"file"), "no file of that name")


@case("open/clients-own-flags", "open.client-flags-ignored", "open.flag-numbers",
      each=CLIENTS_OWN.items(), dialects=L)  # fmt: skip
def clients_own_flags(p: Peer, item: tuple[str, int]) -> None:
    """A flag that is the client's own business, or no flag at all, changes nothing."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.must("open.client-flags-ignored", m.Tlopen(A, item[1] | LopenFlag.RDWR), m.Rlopen)
    r = p.must("open.client-flags-ignored", m.Tread(A, 1, 2), m.Rread)
    p.equal("open.client-flags-ignored", b"bc", bytes(r.data), "the bytes read")
    p.must("open.client-flags-ignored", m.Twrite(A, 0, b"x"), m.Rwrite)
    p.equal("open.client-flags-ignored", b"xbc", p.content(b"file"), "the content")


@case("open/create-with-clients-own-flags", "open.client-flags-ignored", dialects=L)
def create_with_clients_own_flags(p: Peer) -> None:
    """Tlcreate takes all the flags that are the client's own business, and those without name."""
    flags = LopenFlag.RDWR | sum(CLIENTS_OWN.values()) & ~LopenFlag.DIRECT
    p.walk(DIR, A)
    t = m.Tlcreate(A, b"file", flags | LopenFlag.CREATE, 0o644, NONUNAME)
    p.must("open.client-flags-ignored", t, m.Rlcreate)
    p.must("open.client-flags-ignored", m.Twrite(A, 0, b"abc"), m.Rwrite)


@case("open/directory-flag", "open.directory-flag", "open.flag-numbers", dialects=L)
def directory_flag(p: Peer) -> None:
    """DIRECTORY opens a directory, and no file."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B)
    bad, good = m.Tlopen(A, LopenFlag.DIRECTORY), m.Tlopen(B, LopenFlag.DIRECTORY)
    p.refuses("open.directory-flag", bad, control=good)
    lists(p, "open.directory-flag", B, [b"file"])


@case("open/no-access", "open.access-mode", each=("file", "directory"), dialects=L)
def no_access(p: Peer, what: str) -> None:
    """The access mode 3 opens nothing, and leaves the fid to be opened in another way."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, *([b"file"] if what == "file" else []))
    p.refuses("open.access-mode", m.Tlopen(A, LopenFlag.NOACCESS))
    p.must("open.failure-leaves-fid", m.Tlopen(A, LopenFlag.RDONLY), m.Rlopen)


@case("open/create-without-access", "open.access-mode", "create.failure-leaves-fid", dialects=L)
def create_without_access(p: Peer) -> None:
    """The access mode 3 creates nothing, and the fid stays the directory."""
    p.walk(DIR, A)
    p.walk(DIR, B)
    bad: TMessage = m.Tlcreate(A, b"bad", LopenFlag.NOACCESS, 0o644, NONUNAME)
    good = m.Tlcreate(B, b"good", LopenFlag.RDONLY, 0o644, NONUNAME)
    p.refuses("open.access-mode", bad, control=good)
    p.true("create.failure-leaves-fid", not p.exists(b"bad"), "no file of that name")
    p.must("create.failure-leaves-fid", m.Twalk(A, NEW, (b"good",)), m.Rwalk)


@case("open/symlink", "open.symlink-refused", needs=["symlink"],
      each=("to-file", "to-nothing"))  # fmt: skip
def symlink(p: Peer, what: str) -> None:
    """A symbolic link is not opened, and what it leads to is neither cut nor made."""
    if what == "to-file":
        p.make(b"target", b"abc")
    p.make(b"file")
    p.symlink(b"link", b"target")
    p.walk(DIR, A, b"link")
    p.walk(DIR, B, b"file")
    bad, good = (p.speech.open(fid, "rw", truncate=True) for fid in (A, B))
    p.refuses("open.symlink-refused", bad, control=good)
    if what == "to-file":
        p.equal("open.symlink-refused", b"abc", p.content(b"target"), "what it leads to")
    else:
        p.true("open.symlink-refused", not p.exists(b"target"), "nothing where it leads")


@case("open/special", "open.special-refused", needs=["mknod"],
      each=(("fifo", StMode.IFIFO), ("socket", StMode.IFSOCK)))  # fmt: skip
def special(p: Peer, item: tuple[str, int]) -> None:
    """A FIFO or socket is not opened on the server, and the answer does not wait for a peer."""
    p.mknod(b"special", item[1])
    p.make(b"file")
    p.walk(DIR, A, b"special")
    p.walk(DIR, B, b"file")
    bad, good = (p.speech.open(fid, "rw") for fid in (A, B))
    p.refuses("open.special-refused", bad, control=good)


@case("open/unlinked", "open.unlinked-refused", dialects=L)
def unlinked(p: Peer) -> None:
    """A file whose last name is gone is not opened."""
    gone(p, b"file")
    p.make(b"other")
    p.walk(DIR, NEW, b"other")
    p.refuses("open.unlinked-refused", p.speech.open(A, "r"), control=p.speech.open(NEW, "r"))


@case("open/unlinked-and-replaced", "open.unlinked-refused", dialects=L)
def unlinked_and_replaced(p: Peer) -> None:
    """A fid of a removed file does not open another that has taken its name."""
    gone(p, b"file")
    p.make(b"file", b"another")
    p.refuses("open.unlinked-refused", p.speech.open(A, "rw", truncate=True))
    p.equal("open.unlinked-refused", b"another", p.content(b"file"), "the new file's content")


def gone(p: Peer, name: bytes) -> None:
    """Let `A` be the unopened fid of a file whose only name is removed."""
    p.make(name, b"abc")
    p.walk(DIR, A, name)
    p.walk(DIR, B, name)
    p.ok(m.Tremove(B), m.Rremove)


# What 9P2000 and 9P2000.u have beside that


@case("open/mode-byte", "open.mode-byte", each=(0x04, 0x08, 0x0C, 0x80), dialects=(
    lambda bit: ("9P2000",) if bit == OpenMode.APPEND else OLD))  # fmt: skip
def mode_byte(p: Peer, bit: int) -> None:
    """A bit without a meaning in the mode is refused, by Topen and by Tcreate."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.walk(DIR, B)
    p.walk(DIR, NEW)
    good, bad = m.Tcreate(B, b"good", 0o644, 1), m.Tcreate(NEW, b"bad", 0o644, 1 | bit)
    p.refuses("open.mode-byte", bad, control=good)
    p.true("open.mode-byte", not p.exists(b"bad"), "no file of that name")
    p.refuses("open.mode-byte", m.Topen(A, bit))
    p.must("open.mode-byte", m.Topen(A, OpenMode.CEXEC))


@case("open/exec-reads", "open.exec-reads")
def exec_reads(p: Peer) -> None:
    """A program that is opened to be run can be read, and not written."""
    p.create(B, b"program", "w", 0o755)
    p.write(B, 0, b"#!")
    p.clunk(B)
    p.walk(DIR, A, b"program")
    p.must("open.exec-reads", m.Topen(A, OpenMode.EXEC), m.Ropen)
    reads(p, "open.exec-reads", A, b"#!")
    p.refuses("write.fid-writable", m.Twrite(A, 0, b"x"))


@case("open/exec-permission", "open.exec-reads")
def exec_permission(p: Peer) -> None:
    """What nobody may run is not opened to be run, though it can be read."""
    p.create(B, b"data", "w", 0o644)
    p.create(NEW, b"program", "w", 0o755)
    p.clunk(B, NEW)
    p.walk(DIR, A, b"data")
    p.walk(DIR, B, b"program")
    good = m.Topen(B, OpenMode.EXEC)
    p.refuses("open.exec-reads", m.Topen(A, OpenMode.EXEC), control=good)
    p.must("open.failure-leaves-fid", m.Topen(A, OpenMode.READ), m.Ropen)


RCLOSE = int(OpenMode.RCLOSE)
ENDS = ("clunk", "connection", "version")


@case("open/remove-on-close", "open.remove-on-close", each=ENDS)
def remove_on_close(p: Peer, how: str) -> None:
    """A file opened with ORCLOSE is there as long as its fid, however that ends."""
    p.make(b"file", b"abc")
    q = p.another()
    q.walk(DIR, A, b"file")
    q.must("open.remove-on-close", m.Topen(A, OpenMode.READ | RCLOSE), m.Ropen)
    reads(q, "open.remove-on-close", A, b"abc")
    p.true("open.remove-on-close", p.exists(b"file"), "the file, as long as it is open")
    ended(q, how)
    p.true("open.remove-on-close", not p.exists(b"file"), "no file any more")


def ended(q: Peer, how: str) -> None:
    """Let the fid `A` of a connection end."""
    if how == "clunk":
        q.ok(m.Tclunk(A), m.Rclunk)
    elif how == "version":
        q.version(q.msize, q.dialect)
    else:
        q.hang_up()


@case("open/create-remove-on-close", "open.remove-on-close", each=ENDS)
def create_remove_on_close(p: Peer, how: str) -> None:
    """A file created with ORCLOSE goes with its fid."""
    q = p.another()
    q.walk(DIR, A)
    t = m.Tcreate(A, b"file", 0o644, OpenMode.WRITE | RCLOSE)
    q.must("open.remove-on-close", t, m.Rcreate)
    p.true("open.remove-on-close", p.exists(b"file"), "the file, as long as it is open")
    ended(q, how)
    p.true("open.remove-on-close", not p.exists(b"file"), "no file any more")


@case("open/remove-on-close-renamed", "open.remove-on-close", "rename.fids-follow", dialects=OLD)
def remove_on_close_renamed(p: Peer) -> None:
    """It is the file that goes, by the name it has by then, and not another of its old name."""
    p.walk(DIR, A)
    p.ok(m.Tcreate(A, b"file", 0o644, OpenMode.WRITE | RCLOSE), m.Rcreate)
    p.walk(DIR, B, b"file")
    p.ok(wstat(B, name=b"renamed"))
    p.make(b"file", b"another")
    p.clunk(A)
    p.equal("open.remove-on-close", b"another", p.content(b"file"), "the file that has its name")
    p.true("rename.fids-follow", not p.exists(b"renamed"), "no file any more")


@case("open/remove-on-close-alone", "open.remove-on-close")
def remove_on_close_alone(p: Peer) -> None:
    """Only the fid that was opened with ORCLOSE takes the file with it."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.ok(m.Topen(A, RCLOSE), m.Ropen)
    p.opened(B, b"file")
    p.clunk(B)
    p.true("open.remove-on-close", p.exists(b"file"), "the file after another fid's clunk")
    p.opened(B, b"file")
    p.clunk(A)
    p.true("open.remove-on-close", not p.exists(b"file"), "no file any more")
    reads(p, "open.remove-on-close", B, b"abc")


@case("open/directory-changes", "open.write-directory", dialects=OLD,
      each=("WRITE", "RDWR", "TRUNC", "RCLOSE"))  # fmt: skip
def directory_changes(p: Peer, what: str) -> None:
    """A directory is not opened for writing, not truncated, and not removed at its clunk."""
    mode = OpenMode[what]
    p.mkdir(b"d")
    p.walk(DIR, A, b"d")
    p.walk(DIR, B)
    p.refuses("open.write-directory", m.Topen(A, mode))
    p.refuses("open.write-directory", m.Tcreate(B, b"new", Perm.DIR | 0o755, mode))
    p.true("open.write-directory", not p.exists(b"new"), "no directory of that name")
    p.must("open.write-directory", m.Topen(A, OpenMode.READ), m.Ropen)
    p.clunk(A)
    p.true("open.write-directory", p.exists(b"d"), "the directory after its clunk")


@case("open/append-byte", "open.append-flag", dialects=("9P2000.u",))
def append_byte(p: Peer) -> None:
    """In 9P2000.u a bit of the mode sends every write to the end, as Linux has it."""
    p.make(b"log", b"one")
    p.walk(DIR, A, b"log")
    p.must("open.append-flag", m.Topen(A, OpenMode.WRITE | OpenMode.APPEND), m.Ropen)
    p.must("open.append-flag", m.Twrite(A, 0, b"two"), m.Rwrite)
    p.equal("open.append-flag", b"onetwo", p.content(b"log"), "the file")


@case("open/append-only", "open.append-only", needs=["append-only"], each=("created", "opened"))
def append_only(p: Peer, how: str) -> None:
    """What is written to a file with DMAPPEND goes to its end, and OTRUNC cuts nothing."""
    p.walk(DIR, A)
    p.ok(m.Tcreate(A, b"log", Perm.APPEND | 0o644, OpenMode.RDWR), m.Rcreate)
    p.write(A, 0, b"one")
    if how == "opened":
        p.clunk(A)
        p.walk(DIR, A, b"log")
        p.must("open.append-only", m.Topen(A, OpenMode.RDWR | OpenMode.TRUNC), m.Ropen)
    p.must("open.append-only", m.Twrite(A, 0, b"two"), m.Rwrite)
    p.must("open.append-only", m.Twrite(A, 100, b"three"), m.Rwrite)
    p.equal("open.append-only", b"onetwothree", p.content(b"log"), "the file")


@case("open/append-mark", "open.append-only", needs=["append-only"])
def append_mark(p: Peer) -> None:
    """A file that is given the mark by Twstat is append-only for whoever opens it then."""
    p.make(b"log", b"one")
    p.walk(DIR, A, b"log")
    p.must("open.append-only", wstat(A, mode=Perm.APPEND | 0o644), m.Rwstat)
    p.open(A, "w")
    p.must("open.append-only", m.Twrite(A, 0, b"two"), m.Rwrite)
    p.equal("open.append-only", b"onetwo", p.content(b"log"), "the file")


@case("open/exclusive-use", "open.exclusive-use", needs=["exclusive"],
      each=("created", "opened", "elsewhere"))  # fmt: skip
def exclusive_use(p: Peer, how: str) -> None:
    """A file with DMEXCL is open once, in all connections together, until that fid is clunked."""
    p.walk(DIR, A)
    p.ok(m.Tcreate(A, b"one", Perm.EXCL | 0o644, OpenMode.RDWR), m.Rcreate)
    if how != "created":
        p.clunk(A)
        p.opened(A, b"one")
    q = p.another() if how == "elsewhere" else p
    q.walk(DIR, B, b"one")
    q.refuses("open.exclusive-use", m.Topen(B, OpenMode.READ))
    p.clunk(A)
    q.must("open.exclusive-use", m.Topen(B, OpenMode.READ), m.Ropen)


@case("open/exclusive-ended", "open.exclusive-use", needs=["exclusive"])
def exclusive_ended(p: Peer) -> None:
    """When the connection that had a file with DMEXCL open ends, another may open it."""
    q = p.another()
    q.walk(DIR, A)
    q.ok(m.Tcreate(A, b"one", Perm.EXCL | 0o644, OpenMode.RDWR), m.Rcreate)
    p.walk(DIR, B, b"one")
    p.refuses("open.exclusive-use", m.Topen(B, OpenMode.READ))
    q.hang_up()
    p.must("open.exclusive-use", m.Topen(B, OpenMode.READ), m.Ropen)
