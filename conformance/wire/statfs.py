"""statfs, in 9P2000.L: the figures of the file system that holds a file."""

from __future__ import annotations

from ninep import messages as m

from ..check.case import case
from ..check.peer import DIR, Peer, is_error, shown
from ..check.verdict import Broken

A = 10
"""A fid."""
LONGEST = 4096
"""No path element of Linux is as long."""


def statfs(p: Peer, fid: int = DIR) -> m.Rstatfs:
    """Ask for the figures."""
    return p.ok(m.Tstatfs(fid), m.Rstatfs)


@case("statfs/through-fid", "statfs.any-fid", needs=["statfs"],
      each=("file", "open-file", "open-directory"))  # fmt: skip
def through_fid(p: Peer, kind: str) -> None:
    """The figures come through the fid of a file as well, and through an open fid."""
    p.make(b"f", b"abc")
    p.walk(DIR, A, *([] if "directory" in kind else [b"f"]))
    if "open" in kind:
        p.open(A)
    wanted = statfs(p)
    r = p.must("statfs.any-fid", m.Tstatfs(A), m.Rstatfs)
    seen = (r.type, r.bsize, r.fsid, r.namelen)
    same = (wanted.type, wanted.bsize, wanted.fsid, wanted.namelen)
    p.equal("statfs.any-fid", same, seen, "type, bsize, fsid and namelen as of the directory")


@case("statfs/bsize", "statfs.bsize-nonzero", needs=["statfs"])
def bsize(p: Peer) -> None:
    """The block size is not 0."""
    p.true("statfs.bsize-nonzero", statfs(p).bsize > 0, "a bsize above 0", 0)


@case("statfs/free-of-total", "statfs.figures-agree", needs=["statfs"])
def free_of_total(p: Peer) -> None:
    """No more blocks and files are free than there are."""
    r = statfs(p)
    p.true("statfs.figures-agree", r.bavail <= r.bfree <= r.blocks, "bavail ≤ bfree ≤ blocks", r)
    p.true("statfs.figures-agree", r.ffree <= r.files, "ffree ≤ files", r)


@case("statfs/longest-name", "statfs.namelen-true", needs=["statfs"])
def longest_name(p: Peer) -> None:
    """A name as long as namelen says can be made, and one that is longer cannot."""
    longest = statfs(p).namelen
    p.true("statfs.namelen-true", 0 < longest < LONGEST, "a namelen of some bytes", longest)
    p.walk(DIR, A)
    p.must("statfs.namelen-true", p.speech.create(A, b"n" * longest, "rw", 0o644))
    p.clunk(A)
    p.walk(DIR, A)
    r = p.rpc(p.speech.create(A, b"n" * (longest + 1), "rw", 0o644))
    if not is_error(r):
        raise Broken("statfs.namelen-true", f"an error for {longest + 1} bytes", shown(r))
