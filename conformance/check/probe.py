"""What the server can do: asked on the wire, with the answer kept as evidence.

A capability is believed to be missing only if the server also refuses what no server has: a
message type and a dialect that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ninep import messages as m
from ninep.constants import (
    NOFID,
    NONUNAME,
    LockFlag,
    LockStatus,
    LockType,
    Perm,
    StMode,
    XattrFlag,
)
from ninep.errors import NUMBERS
from ninep.messages import Message

from .peer import DIR, Peer, is_error, shown

PROBE = 100
"""First of the fids that probes use."""
SOMEBODY = 1001
"""A user other than that of the run."""
NO = m.Rlerror(NUMBERS["EOPNOTSUPP"])
"""Stands for an answer that is a yes and is not kept."""
LARGE = 65536
"""An msize that not every server grants."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the server has something, and the reply that says so."""

    has: bool
    evidence: str
    asked: bool = True
    """False: the question could not even be put."""
    lost: bool = False
    """No reply came, or none that can be read: that it is missing is not known."""


def found(r: Message) -> Finding:
    """Read a reply as a yes or no; a lock that was in another's way and is granted is a no."""
    granted = isinstance(r, m.Rlock) and r.status == LockStatus.SUCCESS
    return Finding(not is_error(r) and not granted, shown(r))


def asked(p: Peer, *names: bytes, fid: int = PROBE) -> int:
    """Walk a fid for a probe."""
    p.walk(DIR, fid, *names)
    return fid


def statfs(p: Peer) -> Message:
    """Ask for the figures of the file system."""
    return p.rpc(m.Tstatfs(DIR))


def symlink(p: Peer) -> Message:
    """Make a symbolic link."""
    return p.rpc(p.speech.symlink(asked(p), b"probe-symlink", b"target"))


def link(p: Peer) -> Message:
    """Make a further name for a file."""
    p.make(b"probe-file")
    return p.rpc(p.speech.link(asked(p, fid=PROBE + 1), b"probe-link", asked(p, b"probe-file")))


def mknod(p: Peer) -> Message:
    """Make a FIFO."""
    return p.rpc(p.speech.mknod(asked(p), b"probe-fifo", StMode.IFIFO))


def rename(p: Peer) -> Message:
    """Rename by the fid of the file."""
    p.make(b"probe-old")
    return p.rpc(m.Trename(asked(p, b"probe-old"), DIR, b"probe-new"))


def renameat(p: Peer) -> Message:
    """Rename by directory and name."""
    p.make(b"probe-old-at")
    return p.rpc(m.Trenameat(DIR, b"probe-old-at", DIR, b"probe-new-at"))


def unlinkat(p: Peer) -> Message:
    """Remove by directory and name."""
    p.make(b"probe-unlink")
    return p.rpc(m.Tunlinkat(DIR, b"probe-unlink", 0))


def xattr(p: Peer) -> Message:
    """Set an extended attribute of the user's namespace, in both steps."""
    p.make(b"probe-xattr")
    r = p.rpc(m.Txattrcreate(asked(p, b"probe-xattr"), b"user.probe", 1, XattrFlag.CREATE))
    if is_error(r):
        return r
    p.rpc(m.Twrite(PROBE, 0, b"1"))
    return p.rpc(m.Tclunk(PROBE))


def lock(p: Peer) -> Message:
    """Lock a file, and be refused what another connection then asks for: some only say yes."""
    p.make(b"probe-lock")
    p.open(asked(p, b"probe-lock"), "rw")
    r = p.rpc(m.Tlock(PROBE, LockType.WRLCK, 0, 0, 0, 1, b"probe"))
    if is_error(r):
        return r
    q = p.another()
    q.open(asked(q, b"probe-lock"), "rw")
    r = q.rpc(m.Tlock(PROBE, LockType.WRLCK, 0, 0, 0, 2, b"probe"))
    if is_error(r):
        return q.rpc(m.Tlock(PROBE, LockType.WRLCK, LockFlag.BLOCK, 0, 0, 2, b"probe"))
    return r


def getlock(p: Peer) -> Message:
    """Ask for a lock."""
    p.make(b"probe-getlock")
    p.open(asked(p, b"probe-getlock"), "rw")
    return p.rpc(m.Tgetlock(PROBE, LockType.WRLCK, 0, 0, 1, b"probe"))


def auth(p: Peer) -> Message:
    """Ask for authentication."""
    return p.rpc(m.Tauth(PROBE, b"", b"", NONUNAME))


def chown(p: Peer) -> Message:
    """Give a file to another group and user, as only root may."""
    p.make(b"probe-chown")
    return p.rpc(m.Tsetattr(asked(p, b"probe-chown"), 6, 0, 1001, 1002, 0, 0, 0, 0, 0))


def long_symlink(p: Peer) -> Message:
    """Make a symbolic link with the longest text that any has: some file systems stop before."""
    return p.rpc(m.Tsymlink(DIR, b"probe-long-symlink", b"t" * 4095, NONUNAME))


def device(p: Peer) -> Message:
    """Make a device node, as only some servers let anyone."""
    return p.rpc(p.speech.mknod(asked(p), b"probe-device", StMode.IFCHR, (1, 3)))


def users(p: Peer) -> Message:
    """Be somebody else, and make a file that belongs to him."""
    p.ok(p.speech.chmod(DIR, p.speech.directory | 0o777))
    p.ok(m.Tattach(PROBE + 1, NOFID, b"", p.aname, SOMEBODY))
    p.walk(PROBE + 1, PROBE + 2, *p.path)
    p.ok(p.speech.create(PROBE + 2, b"probe-his", "rw", 0o644))
    r: Message = p.ok(p.speech.stat(PROBE + 2))
    return r if p.speech.attributes(r).uid == SOMEBODY else NO


def marked(mark: int) -> Callable[[Peer], Message]:
    """Return the probe that makes a file with a mark, and looks whether it has it."""

    def probe(p: Peer) -> Message:
        fid = asked(p)
        r = p.rpc(m.Tcreate(fid, b"probe-%x" % mark, mark | 0o644, 2))
        if is_error(r):
            return r
        stat = p.ok(m.Tstat(fid), m.Rstat)
        return stat if stat.stat.mode & mark else NO

    return probe


def subtree(p: Peer) -> Message:
    """Attach to a directory below the tree."""
    uname, uid = p.user
    return p.rpc(m.Tattach(PROBE, NOFID, uname, b"/".join((p.aname, *p.path)), uid))


OLD, UNIX, LINUX = ("9P2000", "9P2000.u"), ("9P2000.u", "9P2000.L"), ("9P2000.L",)
PROBES: dict[str, tuple[tuple[str, ...], Callable[[Peer], Message]]] = {
    "auth": ((*OLD, *LINUX), auth),
    "statfs": (LINUX, statfs),
    "symlink": (UNIX, symlink),
    "link": (UNIX, link),
    "mknod": (UNIX, mknod),
    "rename": (LINUX, rename),
    "renameat": (LINUX, renameat),
    "unlinkat": (LINUX, unlinkat),
    "xattr": (LINUX, xattr),
    "lock": (LINUX, lock),
    "getlock": (LINUX, getlock),
    "chown": (LINUX, chown),
    "symlink-4095": (LINUX, long_symlink),
    "device": (UNIX, device),
    "users": (UNIX, users),
    "subtree": ((*OLD, *LINUX), subtree),
    "append-only": (OLD, marked(Perm.APPEND)),
    "exclusive": (OLD, marked(Perm.EXCL)),
}
"""Capability → the dialects that can have it, and what to ask.

Two more are found out on the way: `write` by making the run's own directory, `msize-64k` by the
first Rversion.
"""


def nonsense(p: Peer) -> str:
    """Send what no server has; return what it took, or nothing if it refused."""
    r = p.rpc(m.Tversion(8192, b"9P2000.zz"))
    if not isinstance(r, m.Rversion) or r.version == b"9P2000.zz":
        return f"a Tversion for 9P2000.zz was answered by {shown(r)}"
    return ""
