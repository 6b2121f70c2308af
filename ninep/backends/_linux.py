"""What the local backend needs of Linux that `os` does not offer, or offers with a trap.

A file is addressed by an open descriptor and never by a path.  Calls that have no form for an
`O_PATH` descriptor take its name in /proc instead, which leads to that very file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from functools import cache

from ninep.backends._shared import ACCESS, error, is_set_id, signed
from ninep.constants import LopenFlag

NODE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
"""How to hold a file without opening it."""
HARMLESS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
TRANSLATED = {
    int(LopenFlag.TRUNC): os.O_TRUNC,
    int(LopenFlag.APPEND): os.O_APPEND,
    int(LopenFlag.DSYNC): os.O_DSYNC,
    int(LopenFlag.SYNC): os.O_SYNC,
}
"""`LopenFlag` → the host's number: they differ between machines, but not those of the access mode.
Other flags mean nothing here.
"""
KNOWN_FLAGS = ACCESS | sum(TRANSLATED)

KEEP = -1
"""An owner or group that stays as it is."""
ID_END = 0xFFFFFFFF
AT_FDCWD = -100
UTIME_NOW = (1 << 30) - 1
UTIME_OMIT = (1 << 30) - 2
RENAME_NOREPLACE = 1
NO_FLAGS = frozenset({errno.EINVAL, errno.ENOSYS})
"""What renameat2(2) says where it has no flags; EINVAL also has other causes."""
PROC_FD, STATUS = "/proc/self/fd", "/proc/self/status"
CAP_CHOWN = 0
DEFAULT_ACL = "system.posix_acl_default"
RESERVE = 16
"""Descriptors that no file takes: with them others can still connect."""
NO_ATTRIBUTE = frozenset({errno.ENODATA, errno.EOPNOTSUPP})
REMOTE = frozenset(
    {0x6969, 0xFE534D42, 0xFF534D42, 0x00C36400, 0x01021997, 0x5346414F, 0x0BD00BD0, 0x65735546}
)
"""NFS, SMB (2), Ceph, 9P, AFS, Lustre, FUSE: they ask another process or machine for the data."""
STATFS_SIZE = 512
"""Bytes that are enough for a `struct statfs`; it begins with the type of the file system."""

_libc = ctypes.CDLL(None, use_errno=True)


class Fd:
    """A descriptor of the process, closed when its last holder lets it go.

    Whoever uses the number holds this object, so the number cannot be given to another file while
    a call with it is still running in a thread.
    """

    __slots__ = ("few", "number")

    def __init__(self, number: int) -> None:
        """Own the descriptor `number`.

        Errors: EMFILE (it is one of the last, as the lowest that is free is what a file gets)
        """
        self.number = number
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if number >= most - RESERVE:
            raise error(errno.EMFILE)
        self.few = number >= most - RESERVE - most // 4
        """Whether few are left: only a quarter of all."""

    def __del__(self) -> None:
        """Close it."""
        os.close(self.number)


def magic(number: int) -> bytes:
    """Return the path that leads to what a descriptor holds, and nowhere else."""
    return b"/proc/self/fd/%d" % number


def host_flags(flags: int) -> int:
    """Translate a `LopenFlag` word for `os.open`; what means nothing for an export is left out.

    Errors: EINVAL (no access mode)
    """
    return _translate(flags & KNOWN_FLAGS)


@cache
def _translate(flags: int) -> int:
    if flags & ACCESS == ACCESS:
        raise error(errno.EINVAL)
    host = flags & ACCESS | HARMLESS
    for bit, translated in TRANSLATED.items():
        if flags & bit:
            host |= translated
    return host


def require_proc() -> None:
    """Refuse to work without the names that `magic` returns.

    Errors: ENOSYS
    """
    if not os.path.isdir(PROC_FD):
        raise OSError(errno.ENOSYS, "/proc is needed and not mounted")


def is_remote(number: int) -> bool:
    """Say whether reading what a descriptor holds may take for ever, though no disk is broken.

    A file system that cannot say what it is is somebody's FUSE.

    Source: statfs(2)
    """
    buffer = (ctypes.c_long * (STATFS_SIZE // ctypes.sizeof(ctypes.c_long)))()
    return _libc.fstatfs(number, buffer) != 0 or buffer[0] & ID_END in REMOTE


def capabilities() -> int:
    """Return the capabilities that this process has in effect, a bit for each."""
    with open(STATUS, encoding="ascii") as lines:
        words = next(line for line in lines if line.startswith("CapEff:")).split()
    return int(words[1], 16)


def may_give_away() -> bool:
    """Say whether this process may give files to anybody: as root, or by that capability alone."""
    return bool(capabilities() & 1 << CAP_CHOWN)


def has_default_acl(number: int) -> bool:
    """Say whether a directory has an ACL for new files: Linux applies it, and then no umask."""
    try:
        os.getxattr(magic(number), DEFAULT_ACL)
    except OSError as exc:
        if exc.errno in NO_ATTRIBUTE:
            return False
        raise
    return True


class SetId:
    """What open files must know of set-id bits that come after their open."""

    given = 0
    """How often any file got such a bit through us, in whatever export."""


def chmod(number: int, mode: int) -> None:
    """Change the mode bits of what a descriptor holds; every bit that we set passes here."""
    if is_set_id(mode):
        SetId.given += 1
    os.chmod(magic(number), mode)


def chown(number: int, uid: int, gid: int) -> None:
    """Change owner and group of what a descriptor holds, a symbolic link included.

    Errors: EINVAL (a number that chown(2) takes for `KEEP` or cannot take), EPERM
    """
    if uid >= ID_END or gid >= ID_END:
        raise error(errno.EINVAL)
    os.chown(magic(number), uid, gid)


def set_times(number: int, atime: tuple[int, int] | None, mtime: tuple[int, int] | None) -> None:
    """Set times as (seconds as on the wire, nanoseconds or `UTIME_NOW`); None leaves one alone."""
    words = [*(atime or (0, UTIME_OMIT)), *(mtime or (0, UTIME_OMIT))]
    times = (ctypes.c_long * 4)(*map(signed, words))
    if _libc.utimensat(AT_FDCWD, magic(number), times, 0):
        raise error(ctypes.get_errno())


def rename_if_free(olddir: int, name: bytes, newdir: int, newname: bytes) -> None:
    """Rename from one directory to another, unless something has the new name.

    Where the file system cannot promise that, it is looked up first.

    Errors: EEXIST, and those of rename(2)
    """
    if _libc.renameat2(olddir, name, newdir, newname, RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in NO_FLAGS:
        raise error(number, newname)
    try:
        os.stat(newname, dir_fd=newdir, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, newname, src_dir_fd=olddir, dst_dir_fd=newdir)
    else:
        raise error(errno.EEXIST, newname)


def drop_set_id(number: int) -> None:
    """Take away what lets others run a file as its owner.

    Linux does so when a file is written or cut, unless by root, which a server may be.
    """
    if is_set_id(os.fstat(number).st_mode):
        os.chown(magic(number), KEEP, KEEP)  # takes them away in one step, and changes no owner
