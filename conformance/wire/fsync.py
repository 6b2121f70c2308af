"""Tfsync: have what was written on stable storage."""

from __future__ import annotations

from ninep import messages as m

from ..check.case import case
from ..check.peer import DIR, Peer, shown
from ..check.verdict import Broken, Gone

A, B = 10, 11
"""Fids."""
TAG = 77
L = ("9P2000.L",)


@case("fsync/datasync", "fsync.any-datasync", dialects=L, each=(0, 1, 2, 0xFFFFFFFF))
def datasync(p: Peer, number: int) -> None:
    """After a write a sync succeeds, with any number as datasync, and the content is as written."""
    p.create(A, b"file")
    p.write(A, 0, b"abc")
    p.must("fsync.any-datasync", m.Tfsync(A, number), m.Rfsync)
    p.equal("fsync.any-datasync", b"abc", p.content(b"file"), "what the file holds")


@case("fsync/any-access", "fsync.any-datasync", dialects=L, each=("r", "w"))
def any_access(p: Peer, access: str) -> None:
    """A file can be synced whatever it was opened for."""
    p.make(b"file", b"abc")
    p.opened(A, b"file", access=access)
    p.must("fsync.any-datasync", m.Tfsync(A, 0), m.Rfsync)


@case("fsync/fid-goes-on", "fsync.any-datasync", dialects=L)
def fid_goes_on(p: Peer) -> None:
    """A fid that was synced is open as before."""
    p.create(A, b"file")
    p.must("fsync.any-datasync", m.Tfsync(A, 0), m.Rfsync)
    p.must("fsync.any-datasync", m.Twrite(A, 0, b"abc"), m.Rwrite)
    p.must("fsync.any-datasync", m.Tfsync(A, 0), m.Rfsync)


@case("fsync/directory", "fsync.directory-allowed", dialects=L, each=(0, 1))
def directory(p: Peer, number: int) -> None:
    """An open directory in which something was made can be synced."""
    p.walk(DIR, A)
    p.open(A)
    p.make(b"file")
    p.must("fsync.directory-allowed", m.Tfsync(A, number), m.Rfsync)


@case("fsync/unopened-file", "fsync.fid-open", dialects=L)
def unopened_file(p: Peer) -> None:
    """The fid of a file that is not open is not synced."""
    p.make(b"file")
    p.walk(DIR, A, b"file")
    p.opened(B, b"file")
    p.refuses("fsync.fid-open", m.Tfsync(A, 0), control=m.Tfsync(B, 0))


@case("fsync/unopened-directory", "fsync.fid-open", dialects=L)
def unopened_directory(p: Peer) -> None:
    """The fid of a directory that is not open is not synced."""
    p.walk(DIR, A)
    p.open(A)
    p.refuses("fsync.fid-open", m.Tfsync(DIR, 0), control=m.Tfsync(A, 0))


@case("fsync/xattr-fid", "fsync.fid-open", needs=["xattr"], dialects=L)
def xattr_fid(p: Peer) -> None:
    """The value of an extended attribute is no open file."""
    p.create(A, b"file")
    p.ok(m.Txattrwalk(A, B, b""))
    p.refuses("fsync.fid-open", m.Tfsync(B, 0), control=m.Tfsync(A, 0))


@case("fsync/short-form", "fsync.short-form", dialects=L)
def short_form(p: Peer) -> None:
    """A Tfsync that ends behind fid, as older clients send it, is served."""
    p.create(A, b"file")
    p.ok(m.Tfsync(A, 0))
    try:
        r = p.reply(p.link.illegal(p.raw(m.Tfsync.code, TAG, (A,))))
    except Gone as exc:
        raise Broken("fsync.short-form", "Rfsync", str(exc)) from None
    p.true("fsync.short-form", isinstance(r, m.Rfsync), "Rfsync", shown(r))


@case("fsync/short-form-unopened", "fsync.short-form", "fsync.fid-open", dialects=L)
def short_form_unopened(p: Peer) -> None:
    """A Tfsync that ends behind fid is refused where the whole one is."""
    p.create(A, b"file")
    p.ok(m.Tfsync(A, 0))
    p.refuses_bytes("fsync.short-form", p.raw(m.Tfsync.code, TAG, (DIR,)))
