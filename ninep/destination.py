"""Where `ninep get` puts a file.

Invariants: a regular file that is replaced has its old content, or else all of the new; whoever
could not read the old content cannot read the new.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def destination(file: str | None, name: str) -> Path | None:
    """Return the local file for a remote one called `name`: `file`, or in it if it is a directory.

    None: that needs a name and `name` is none.
    """
    if file and not file.endswith("/") and not os.path.isdir(file):
        return Path(file)
    return Path(file or "", name) if name not in {"", ".", ".."} else None


@contextlib.contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Open a local file to write it.

    A regular one is replaced at the end, by one with its owner, group, mode and extended attributes
    (an ACL is one).  Where there can be no such file, and anything else (a device, a FIFO, a
    symbolic link) is written in place.

    Errors: OSError
    """
    old = existing(path)
    with contextlib.ExitStack() as stack:
        new = None
        if old is None or stat.S_ISREG(old.st_mode):
            new = stack.enter_context(successor(path, old))
        yield new or stack.enter_context(in_place(path))


def existing(path: Path) -> os.stat_result | None:
    """Return what is known of a file; None if there is none.

    Errors: OSError: who may not write a file may not replace it either
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISREG(found.st_mode) and not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return found


@contextlib.contextmanager
def successor(path: Path, old: os.stat_result | None) -> Iterator[BinaryIO | None]:
    """Open what takes the place of `path` at the end; None: that would not be like the old file."""
    part = path.with_name(f".ninep-{secrets.token_hex(8)}")
    try:
        with part.open("xb") as out:
            if old and not alike(out.fileno(), path, old):
                part.unlink()
                yield None
                return
            yield out
            out.flush()
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def alike(new: int, path: Path, old: os.stat_result) -> bool:
    """Give a new file the owner, group and mode of the old one; say whether it is like it now."""
    with contextlib.suppress(OSError):
        os.fchown(new, old.st_uid, old.st_gid)
        os.fchmod(new, stat.S_IMODE(old.st_mode))
    with contextlib.suppress(OSError):  # an attribute that cannot be read may be one that counts
        return rights(new) == rights(path)
    return False


def rights(file: int | Path) -> object:
    """Return all that says who may do what with a file."""
    known = os.stat(file)
    attributes = {name: os.getxattr(file, name) for name in attribute_names(file)}
    return known.st_uid, known.st_gid, known.st_mode, attributes


def attribute_names(file: int | Path) -> list[str]:
    """Return the names of a file's extended attributes; not every file system has any."""
    try:
        return os.listxattr(file)
    except OSError as exc:
        if exc.errno != errno.ENOTSUP:
            raise
        return []


def in_place(path: Path) -> BinaryIO:
    """Open a file that stays what it is; only a link that leads nowhere gets a new one."""
    create = os.O_CREAT if path.is_symlink() else 0
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | create, 0o666), "wb")
