"""intro(5), fids: numbers that a client gives to files."""

from __future__ import annotations

from ninep import messages as m
from ninep.constants import NOFID, GetattrMask
from ninep.messages import TMessage

from ..check import samples
from ..check.case import Start, case
from ..check.peer import DIR, ROOT, Peer, is_error

FILE, NEW, VALUE = 10, 11, 12
"""Fids; `VALUE` reads the value of an extended attribute."""
LINUX = ("9P2000.L",)
MANY = 100
FAR = (DIR + 0x100, DIR + 0x10000, DIR + 0x1000000, 0xFFFFFFFE, NOFID)
"""Numbers that no fid has; the first differ from one that is in use by high bytes only."""
OF_FILES: dict[str, TMessage] = {
    "Tgetattr": m.Tgetattr(VALUE, GetattrMask.BASIC),
    "Tsetattr": m.Tsetattr(VALUE, 1, 0o600, 0, 0, 0, 0, 0, 0, 0),
    "Tstatfs": m.Tstatfs(VALUE),
    "Treadlink": m.Treadlink(VALUE),
    "Txattrwalk": m.Txattrwalk(VALUE, NEW, b""),
}


@case("fid/unknown", "fid.unknown-fid", each=samples.used_fids(),
      dialects=lambda label: samples.dialects(samples.message_of(label)))  # fmt: skip
def unknown(p: Peer, label: str) -> None:
    """A fid that is not in use is refused wherever a request names one, and changes nothing."""
    name, _, field = label.partition(".")
    p.make(samples.NAME)
    for number in FAR:
        t = samples.message(name, DIR, NEW, **{field: number})
        p.refuses("fid.unknown-fid", t)  # type: ignore[arg-type]  # a request
    p.must("fid.unknown-fid", p.speech.stat(DIR))
    p.true("fid.unknown-fid", p.exists(samples.NAME), "the file still there")
    p.must("fid.unknown-fid", m.Twalk(DIR, NEW, ()), m.Rwalk)


@case("fid/clunked", "fid.unknown-fid")
def clunked(p: Peer) -> None:
    """A fid that was clunked is unknown, and its number free."""
    p.make(b"file", b"abc")
    p.opened(FILE, b"file")
    p.clunk(FILE)
    p.refuses("fid.unknown-fid", m.Tread(FILE, 0, 3))
    p.refuses("fid.unknown-fid", m.Tclunk(FILE))
    p.walk(DIR, FILE, b"file")
    p.equal("fid.unknown-fid", 3, p.stat(FILE).size, "the size of the file that it stands for now")


@case("fid/any-number", "fid.any-number", start=Start.ATTACHED,
      each=(0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE))  # fmt: skip
def any_number(p: Peer, number: int) -> None:
    """Any number but NOFID can be a fid."""
    p.must("fid.any-number", m.Twalk(ROOT, number, ()), m.Rwalk)
    p.must("fid.any-number", p.speech.stat(number))
    p.must("fid.any-number", m.Tclunk(number), m.Rclunk)
    uname, uid = p.user
    p.must("fid.any-number", m.Tattach(number, NOFID, uname, p.aname, uid), m.Rattach)


@case("fid/nofid-attach", "fid.never-nofid", start=Start.ATTACHED)
def nofid_attach(p: Peer) -> None:
    """NOFID is made by no attach."""
    uname, uid = p.user
    good = m.Tattach(NEW, NOFID, uname, p.aname, uid)
    p.refuses("fid.never-nofid", m.Tattach(NOFID, NOFID, uname, p.aname, uid), control=good)
    p.refuses("fid.unknown-fid", p.speech.stat(NOFID))


@case("fid/nofid-xattrwalk", "fid.never-nofid", needs=["xattr"], dialects=LINUX)
def nofid_xattrwalk(p: Peer) -> None:
    """NOFID is made by no Txattrwalk."""
    p.make(b"file")
    p.walk(DIR, FILE, b"file")
    good = m.Txattrwalk(FILE, VALUE, b"")
    p.refuses("fid.never-nofid", m.Txattrwalk(FILE, NOFID, b""), control=good)


@case("fid/xattrwalk-in-use", "fid.in-use", needs=["xattr"], dialects=LINUX)
def xattrwalk_in_use(p: Peer) -> None:
    """A fid in use is not taken for a value, and goes on standing for its file."""
    p.make(b"file", b"abc")
    p.walk(DIR, FILE, b"file")
    good = m.Txattrwalk(FILE, VALUE, b"")
    p.refuses("fid.in-use", m.Txattrwalk(FILE, DIR, b""), control=good)
    p.equal("fid.in-use", 3, p.stat(FILE).size, "the size of the file that the fid stands for")
    p.true("fid.in-use", p.exists(b"file"), "the directory still behind its fid")


@case("fid/value-is-no-file", "fid.is-file", needs=["xattr"], dialects=LINUX, each=OF_FILES)
def value_is_no_file(p: Peer, name: str) -> None:
    """Nothing that is asked of a file is asked of the value of an extended attribute."""
    p.make(b"file", b"abc")
    p.walk(DIR, FILE, b"file")
    mode = p.stat(FILE).mode
    p.ok(m.Txattrwalk(FILE, VALUE, b""))
    p.refuses("fid.is-file", OF_FILES[name])
    p.equal("fid.is-file", mode, p.stat(FILE).mode, "the mode of the file")
    p.must("fid.is-file", m.Tread(VALUE, 0, 100), m.Rread)


@case("fid/walk-open-read-clunk", "fid.arrival-order")
def walk_open_read_clunk(p: Peer) -> None:
    """Requests that build on each other are sent together and work in their order."""
    p.make(b"file", b"abc")
    p.together(
        (1, m.Twalk(DIR, FILE, (b"file",))),
        (2, p.speech.open(FILE, "r")),
        (3, m.Tread(FILE, 0, 3)),
        (4, m.Tclunk(FILE)),
        (5, m.Twalk(DIR, FILE, ())),
        (6, p.speech.stat(FILE)),
    )
    worked(p, 6)
    p.true("fid.arrival-order", p.stat(FILE).directory, "the fid of the last walk")


@case("fid/create-write-clunk-remove", "fid.arrival-order")
def create_write_clunk_remove(p: Peer) -> None:
    """A file is made, written, closed, found again and removed in one go."""
    p.walk(DIR, FILE)
    p.together(
        (1, p.speech.create(FILE, b"made", "rw", 0o644)),
        (2, m.Twrite(FILE, 0, b"abc")),
        (3, m.Tclunk(FILE)),
        (4, m.Twalk(DIR, FILE, (b"made",))),
        (5, m.Tremove(FILE)),
    )
    worked(p, 5)
    p.true("fid.arrival-order", not p.exists(b"made"), "the file removed")


@case("fid/use-before-clunk", "fid.arrival-order")
def use_before_clunk(p: Peer) -> None:
    """What is asked of a fid before it is clunked is answered, what comes after is refused."""
    p.make(b"file", b"abc")
    p.opened(FILE, b"file")
    reads = [(n, m.Tread(FILE, 0, 3)) for n in range(MANY)]
    late = [(200 + n, m.Tread(FILE, 0, 3)) for n in range(5)]
    p.together(*reads, (150, m.Tclunk(FILE)), *late)
    replies = dict(p.replies())
    for tag in range(MANY):
        p.true("fid.arrival-order", not is_error(replies[tag]), "the data", replies[tag])
    for tag in range(200, 205):
        p.true("fid.arrival-order", is_error(replies[tag]), "an error", replies[tag])


@case("fid/one-of-two-walks", "fid.arrival-order", "fid.in-use")
def one_of_two_walks(p: Peer) -> None:
    """Of two walks to one new fid that are sent together the first makes it, the second fails."""
    p.make(b"file", b"abc")
    p.together((1, m.Twalk(DIR, FILE, (b"file",))), (2, m.Twalk(DIR, FILE, ())))
    replies = dict(p.replies())
    errors = [is_error(replies[tag]) for tag in (1, 2)]
    p.equal("fid.in-use", 1, sum(errors), "the number of errors")
    p.equal("fid.arrival-order", [False, True], errors, "which is refused")
    p.true("fid.arrival-order", not p.stat(FILE).directory, "the fid of the first walk")


def worked(p: Peer, last: int) -> None:
    """Demand that each of the requests with tags up to `last` has worked."""
    replies = dict(p.replies())
    for tag in range(1, last + 1):
        r = replies[tag]
        p.true("fid.arrival-order", not is_error(r), f"that request {tag} works", r)


@case("fid/one-client-takes-many", "fid.limit-per-connection")
def one_client_takes_many(p: Peer) -> None:
    """A client that opens very many files leaves others room to attach and to open."""
    p.make(b"file", b"abc")
    for first in range(1000, 2200, 50):
        batch = range(first, first + 50)
        p.together(*((fid, m.Twalk(DIR, fid, (b"file",))) for fid in batch))
        p.replies()
        p.together(*((fid, p.speech.open(fid, "r")) for fid in batch))
        p.replies()
    for _ in range(3):
        q = p.another()
        q.must("fid.limit-per-connection", m.Twalk(DIR, FILE, (b"file",)), m.Rwalk)
        q.must("fid.limit-per-connection", q.speech.open(FILE, "r"))
        q.equal("fid.limit-per-connection", b"abc", q.read(FILE), "what another client reads")
