"""Tunlinkat: remove a name; and what becomes of an open file that has none."""

from __future__ import annotations

from collections.abc import Callable

from ninep import messages as m
from ninep.constants import NONUNAME, LockType, SetattrValid, UnlinkFlag
from ninep.messages import TMessage

from ..check.case import Declared, Run, case
from ..check.peer import DIR, Peer
from ..check.tree import listing

A, B = 10, 11
"""Fids."""
L = ("9P2000.L",)
NEEDS = ("unlinkat",)
REMOVEDIR = UnlinkFlag.REMOVEDIR
REMOVALS: dict[str, tuple[tuple[str, ...], TMessage]] = {
    "Tunlinkat": (NEEDS, m.Tunlinkat(DIR, b"file", 0)),
    "Tremove": ((), m.Tremove(B)),
}
"""Ways to remove a file, whose fid `B` is: what the server must have, and the request."""


def both(name: str) -> Callable[[Run], Declared]:
    """Declare a case on open files without a name for each way to remove one."""

    def declare(function: Run) -> Declared:
        made = [
            case(f"unlink/{name}", "unlink.open-survives", needs=needs, dialects=L, each=[how])(
                function
            )
            for how, (needs, _) in REMOVALS.items()
        ]
        return Declared(function, tuple(c for one in made for c in one.cases))

    return declare


@case("unlink/file", "unlink.name-gone", needs=NEEDS, dialects=L)
def file(p: Peer) -> None:
    """A file is removed, and its neighbour stays."""
    p.make(b"file")
    p.make(b"other")
    p.must("unlink.name-gone", m.Tunlinkat(DIR, b"file", 0), m.Runlinkat)
    p.equal("unlink.name-gone", [b"other"], listing(p), "the names in the directory")


@case("unlink/empty-directory", "unlink.name-gone", needs=NEEDS, dialects=L)
def empty_directory(p: Peer) -> None:
    """With REMOVEDIR an empty directory is removed."""
    p.mkdir(b"d")
    p.must("unlink.name-gone", m.Tunlinkat(DIR, b"d", REMOVEDIR), m.Runlinkat)
    p.equal("unlink.name-gone", [], listing(p), "the names in the directory")


@case("unlink/symlink", "unlink.name-gone", needs=("unlinkat", "symlink"), dialects=L,
      each=(b"file", b"nowhere"))  # fmt: skip
def symlink(p: Peer, target: bytes) -> None:
    """A symbolic link is removed itself, wherever it leads to."""
    p.make(b"file")
    p.ok(m.Tsymlink(DIR, b"link", target, NONUNAME))
    p.must("unlink.name-gone", m.Tunlinkat(DIR, b"link", 0), m.Runlinkat)
    p.equal("unlink.name-gone", [b"file"], listing(p), "the names in the directory")


@case("unlink/symlink-to-directory", "unlink.flag-on-file", "unlink.name-gone",
      needs=("unlinkat", "symlink"), dialects=L)  # fmt: skip
def symlink_to_directory(p: Peer) -> None:
    """A symbolic link to a directory is no directory: it goes without REMOVEDIR alone."""
    p.mkdir(b"d")
    for name in (b"link", b"other"):
        p.ok(m.Tsymlink(DIR, name, b"d", NONUNAME))
    control = m.Tunlinkat(DIR, b"other", 0)
    p.refuses("unlink.flag-on-file", m.Tunlinkat(DIR, b"link", REMOVEDIR), control)
    p.equal("unlink.flag-on-file", [b"d", b"link"], listing(p), "the names in the directory")
    p.must("unlink.name-gone", m.Tunlinkat(DIR, b"link", 0), m.Runlinkat)
    p.equal("unlink.name-gone", [b"d"], listing(p), "the names in the directory")


@case("unlink/one-of-two-names", "unlink.name-gone", needs=("unlinkat", "link"), dialects=L)
def one_of_two_names(p: Peer) -> None:
    """A file that has another name keeps that, and what it holds."""
    p.make(b"file", b"abc")
    p.walk(DIR, A, b"file")
    p.ok(m.Tlink(DIR, A, b"link"))
    p.must("unlink.name-gone", m.Tunlinkat(DIR, b"file", 0), m.Runlinkat)
    p.equal("unlink.name-gone", [b"link"], listing(p), "the names in the directory")
    p.equal("unlink.name-gone", b"abc", p.content(b"link"), "what the file holds")


@case("unlink/directory-fid-stays", "unlink.name-gone", needs=NEEDS, dialects=L)
def directory_fid_stays(p: Peer) -> None:
    """The fid of the directory is the directory's before and after, and not open."""
    p.make(b"file")
    p.make(b"other")
    p.walk(DIR, A)
    p.must("unlink.name-gone", m.Tunlinkat(A, b"file", 0), m.Runlinkat)
    p.must("unlink.name-gone", m.Twalk(A, B, (b"other",)), m.Rwalk)
    p.must("unlink.name-gone", p.speech.open(A, "r"))


@case("unlink/full-directory", "remove.not-empty", "unlink.name-gone", needs=NEEDS, dialects=L)
def full_directory(p: Peer) -> None:
    """With REMOVEDIR a directory that is not empty stays, and all that is in it."""
    p.mkdir(b"d")
    p.mkdir(b"empty")
    p.make(b"file", b"", b"d")
    control = m.Tunlinkat(DIR, b"empty", REMOVEDIR)
    p.refuses("remove.not-empty", m.Tunlinkat(DIR, b"d", REMOVEDIR), control)
    p.equal("unlink.name-gone", [b"d"], listing(p), "the names in the directory")
    p.equal("unlink.name-gone", [b"file"], listing(p, b"d"), "the names below")


@case("unlink/unknown-flags", "unlink.known-flags", needs=NEEDS, dialects=L,
      each=(0x1, 0x100, 0x400, 0x1000, 0x80000000))  # fmt: skip
def unknown_flags(p: Peer, flags: int) -> None:
    """A flag that is not defined is refused, and nothing is removed."""
    p.make(b"file")
    p.make(b"other")
    control = m.Tunlinkat(DIR, b"other", 0)
    p.refuses("unlink.known-flags", m.Tunlinkat(DIR, b"file", flags), control)
    p.equal("unlink.known-flags", [b"file"], listing(p), "the names in the directory")


@case("unlink/unknown-flag-with-removedir", "unlink.known-flags", needs=NEEDS, dialects=L)
def unknown_flag_with_removedir(p: Peer) -> None:
    """A flag that is not defined is refused beside REMOVEDIR too."""
    p.mkdir(b"d")
    p.mkdir(b"other")
    control = m.Tunlinkat(DIR, b"other", REMOVEDIR)
    p.refuses("unlink.known-flags", m.Tunlinkat(DIR, b"d", REMOVEDIR | 1), control)
    p.equal("unlink.known-flags", [b"d"], listing(p), "the names in the directory")


@case("unlink/dots", "unlink.dot-names", needs=NEEDS, dialects=L,
      each=(("dot", b".", 0), ("dot-dir", b".", REMOVEDIR), ("dotdot", b"..", 0),
            ("dotdot-dir", b"..", REMOVEDIR)))  # fmt: skip
def dots(p: Peer, item: tuple[str, bytes, int]) -> None:
    """Neither . nor .. is removed, though the directory is empty."""
    _, name, flags = item
    p.mkdir(b"d")
    p.mkdir(b"other")
    p.walk(DIR, A, b"d")
    control = m.Tunlinkat(DIR, b"other", REMOVEDIR)
    p.refuses("unlink.dot-names", m.Tunlinkat(A, name, flags), control)
    p.equal("unlink.dot-names", [b"d"], listing(p), "the names in the directory")


@case("unlink/in-a-file", "unlink.directory-only", needs=NEEDS, dialects=L)
def in_a_file(p: Peer) -> None:
    """In a file there is no name to be removed."""
    p.make(b"file")
    p.make(b"other")
    p.make(b"victim")
    p.walk(DIR, A, b"file")
    control = m.Tunlinkat(DIR, b"other", 0)
    p.refuses("unlink.directory-only", m.Tunlinkat(A, b"victim", 0), control)
    p.equal("unlink.directory-only", [b"file", b"victim"], listing(p), "the names there are")


@case("unlink/in-a-symlink", "unlink.directory-only", needs=("unlinkat", "symlink"), dialects=L)
def in_a_symlink(p: Peer) -> None:
    """A symbolic link to a directory has no names in it."""
    p.mkdir(b"d")
    p.make(b"victim", b"", b"d")
    p.make(b"other")
    p.ok(m.Tsymlink(DIR, b"link", b"d", NONUNAME))
    p.walk(DIR, A, b"link")
    control = m.Tunlinkat(DIR, b"other", 0)
    p.refuses("unlink.directory-only", m.Tunlinkat(A, b"victim", 0), control)
    p.equal("unlink.directory-only", [b"victim"], listing(p, b"d"), "the names in the directory")


@case("unlink/directory-without-flag", "unlink.directory-flag", needs=NEEDS, dialects=L)
def directory_without_flag(p: Peer) -> None:
    """Without REMOVEDIR a directory stays, though it is empty."""
    p.mkdir(b"d")
    p.make(b"file")
    control = m.Tunlinkat(DIR, b"file", 0)
    p.refuses("unlink.directory-flag", m.Tunlinkat(DIR, b"d", 0), control)
    p.equal("unlink.directory-flag", [b"d"], listing(p), "the names in the directory")


@case("unlink/file-with-flag", "unlink.flag-on-file", needs=NEEDS, dialects=L)
def file_with_flag(p: Peer) -> None:
    """With REMOVEDIR a file stays."""
    p.make(b"file")
    p.mkdir(b"d")
    control = m.Tunlinkat(DIR, b"d", REMOVEDIR)
    p.refuses("unlink.flag-on-file", m.Tunlinkat(DIR, b"file", REMOVEDIR), control)
    p.equal("unlink.flag-on-file", [b"file"], listing(p), "the names in the directory")


@case("unlink/missing-name", "unlink.missing-name", needs=NEEDS, dialects=L,
      each=(("file", 0), ("directory", REMOVEDIR)))  # fmt: skip
def missing_name(p: Peer, item: tuple[str, int]) -> None:
    """A name that does not exist is not removed: with or without REMOVEDIR it is missing."""
    p.make(b"file")
    control = m.Tunlinkat(DIR, b"file", 0)
    p.refuses("unlink.missing-name", m.Tunlinkat(DIR, b"missing", item[1]), control)


@case("unlink/removed-twice", "unlink.missing-name", needs=NEEDS, dialects=L)
def removed_twice(p: Peer) -> None:
    """A name that was removed through another connection is missing."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    control = m.Tunlinkat(DIR, b"file", 0)
    p.another().ok(control)
    p.refuses("unlink.missing-name", m.Tunlinkat(DIR, b"file", 0), control=p.speech.stat(DIR))


@case("unlink/in-a-removed-directory", "unlink.missing-name", needs=NEEDS, dialects=L)
def in_a_removed_directory(p: Peer) -> None:
    """In a directory that was removed no name exists."""
    p.mkdir(b"d")
    p.make(b"file")
    p.walk(DIR, A, b"d")
    control = m.Tunlinkat(DIR, b"d", REMOVEDIR)
    p.refuses("unlink.missing-name", m.Tunlinkat(A, b"file", 0), control)
    p.equal("unlink.missing-name", [b"file"], listing(p), "the names in the directory")


# Open files without a name


def open_and_nameless(p: Peer, how: str = "Tremove") -> None:
    """Let `A` be a file that is open for reading and writing and has lost its name."""
    p.make(b"file", b"abcdef")
    p.opened(A, b"file", access="rw")
    p.walk(DIR, B, b"file")
    p.ok(REMOVALS[how][1])
    p.true("unlink.open-survives", not p.exists(b"file"), "no such name")


@both("open-file-is-read")
def open_file_is_read(p: Peer, how: str) -> None:
    """An open file that was removed still reads as before."""
    open_and_nameless(p, how)
    data = p.must("unlink.open-survives", m.Tread(A, 0, 10), m.Rread).data
    p.equal("unlink.open-survives", b"abcdef", bytes(data), "what the fid reads")


@both("open-file-is-written")
def open_file_is_written(p: Peer, how: str) -> None:
    """What is written to an open file that was removed can be read from it, and makes no name."""
    open_and_nameless(p, how)
    p.must("unlink.open-survives", m.Twrite(A, 3, b"DEF!"), m.Rwrite)
    data = p.must("unlink.open-survives", m.Tread(A, 0, 10), m.Rread).data
    p.equal("unlink.open-survives", b"abcDEF!", bytes(data), "what the fid reads")
    p.equal("unlink.open-survives", [], listing(p), "the names in the directory")


@both("open-file-has-attributes")
def open_file_has_attributes(p: Peer, how: str) -> None:
    """An open file that was removed tells its attributes."""
    open_and_nameless(p, how)
    r: m.RMessage = p.must("unlink.open-survives", p.speech.stat(A))
    p.equal("unlink.open-survives", 6, p.speech.attributes(r).size, "the size of the file")


@case("unlink/open-file-is-cut", "unlink.open-survives", dialects=L)
def open_file_is_cut(p: Peer) -> None:
    """An open file that was removed can be given another size."""
    open_and_nameless(p)
    t = m.Tsetattr(A, SetattrValid.SIZE, 0, 0, 0, 2, 0, 0, 0, 0)
    p.must("unlink.open-survives", t, m.Rsetattr)
    data = p.must("unlink.open-survives", m.Tread(A, 0, 10), m.Rread).data
    p.equal("unlink.open-survives", b"ab", bytes(data), "what the fid reads")


@case("unlink/open-file-changes-mode", "unlink.open-survives", dialects=L)
def open_file_changes_mode(p: Peer) -> None:
    """An open file that was removed can be given another mode."""
    open_and_nameless(p)
    t = m.Tsetattr(A, SetattrValid.MODE, 0o600, 0, 0, 0, 0, 0, 0, 0)
    p.must("unlink.open-survives", t, m.Rsetattr)
    r: m.RMessage = p.must("unlink.open-survives", p.speech.stat(A))
    p.equal("unlink.open-survives", 0o600, p.speech.attributes(r).mode, "the mode of the file")


@case("unlink/open-file-is-synced", "unlink.open-survives", dialects=L)
def open_file_is_synced(p: Peer) -> None:
    """An open file that was removed can be synced."""
    open_and_nameless(p)
    p.must("unlink.open-survives", m.Tfsync(A, 0), m.Rfsync)


@case("unlink/open-file-is-locked", "unlink.open-survives", needs=("lock",), dialects=L)
def open_file_is_locked(p: Peer) -> None:
    """An open file that was removed can be locked."""
    open_and_nameless(p)
    t = m.Tlock(A, LockType.WRLCK, 0, 0, 0, 1, b"client")
    p.equal("unlink.open-survives", 0, p.must("unlink.open-survives", t, m.Rlock).status, "status")


@case("unlink/open-file-of-another", "unlink.open-survives", dialects=L)
def open_file_of_another(p: Peer) -> None:
    """What one connection removes goes on for another that has it open."""
    p.make(b"file", b"abcdef")
    q = p.another()
    q.opened(A, b"file")
    p.walk(DIR, B, b"file")
    p.ok(m.Tremove(B))
    data = q.must("unlink.open-survives", m.Tread(A, 0, 10), m.Rread).data
    p.equal("unlink.open-survives", b"abcdef", bytes(data), "what the fid reads")


@case("unlink/name-made-anew", "unlink.open-survives", dialects=L)
def name_made_anew(p: Peer) -> None:
    """A file made under the same name is another: the open fid still reads the one removed."""
    open_and_nameless(p)
    p.make(b"file", b"new")
    data = p.must("unlink.open-survives", m.Tread(A, 0, 10), m.Rread).data
    p.equal("unlink.open-survives", b"abcdef", bytes(data), "what the fid reads")
    p.must("unlink.open-survives", m.Twrite(A, 0, b"XXX"), m.Rwrite)
    p.equal("unlink.open-survives", b"new", p.content(b"file"), "what the new file holds")
