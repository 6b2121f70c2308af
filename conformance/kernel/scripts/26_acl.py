"""POSIX ACLs, where the mount has them on: kept, inherited, obeyed."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..children import run_as
from ..expect import Skipped, equal, needs, raises
from ..files import read, write
from ..place import Place

SHORT = True
NEEDS = ("root", "socket", "xattr", "users")
OWNER, USER, GROUP, SOME, MASK, OTHER = 1, 2, 4, 8, 16, 32
"""Whom an entry means: the owner, a user by number, the group, a group by number, …"""
NOBODY = 0xFFFFFFFF
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
ALICE, BOB = 4242, 4243
Entry = tuple[int, int, int]
"""Whom it means, permissions, number of user or group."""


@contextmanager
def with_acls(here: Place) -> Iterator[Path]:
    """Provide the check's directory on a mount that has ACLs on."""
    with here.mounted("posixacl") as (at, options):
        if "posixacl" not in options.split(","):
            raise Skipped("this kernel's client is built without POSIX ACLs")
        yield at


def acl(*entries: Entry) -> bytes:
    """Return an ACL as Linux keeps it in an extended attribute."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def for_alice(permissions: int, mask: int = 7, owner: int = 7) -> bytes:
    """Return an ACL that gives one user something, the owner more, everybody else nothing."""
    return acl(
        (OWNER, owner, NOBODY),
        (USER, permissions, ALICE),
        (GROUP, 0, NOBODY),
        (MASK, mask, NOBODY),
        (OTHER, 0, NOBODY),
    )


def check_kept(here: Place) -> None:
    """An ACL is read as it was set, shows in the mode, is listed, and can be removed.

    Clauses: xattr.value-read
    """
    with with_acls(here) as at:
        write(at / "file")
        os.setxattr(at / "file", ACCESS, for_alice(6, mask=6))
        equal("the ACL", for_alice(6, mask=6), os.getxattr(at / "file", ACCESS))
        equal("the mode", 0o760, os.stat(at / "file").st_mode & 0o777)
        equal("the names", [ACCESS], os.listxattr(at / "file"))
        os.removexattr(at / "file", ACCESS)
        equal("the names when it is gone", [], os.listxattr(at / "file"))


def check_obeyed(here: Place) -> None:
    """An entry lets one user in, no other, and no further than the mask."""
    os.chmod(here.dir, 0o755)
    with with_acls(here) as at:
        write(at / "file", b"content")
        os.chmod(at / "file", 0o600)
        for user in (ALICE, BOB):
            raises(errno.EACCES, "before", run_as, user, lambda: os.open(at / "file", os.O_RDONLY))
        os.setxattr(at / "file", ACCESS, for_alice(6, mask=4))
        equal("what the user reads", "content", run_as(ALICE, lambda: read(at / "file").decode()))
        writes = (ALICE, lambda: os.open(at / "file", os.O_WRONLY))
        raises(errno.EACCES, "writing, beyond the mask", run_as, *writes)
        reads = (BOB, lambda: os.open(at / "file", os.O_RDONLY))
        raises(errno.EACCES, "another user", run_as, *reads)


@needs("coherent")
def check_inherited(here: Place) -> None:
    """A default ACL becomes the ACL of what is made below, and a directory's default, too.

    Clauses: create.mode-masked
    """
    with with_acls(here) as at:
        (at / "dir").mkdir()
        os.setxattr(at / "dir", DEFAULT, for_alice(7))
        write(at / "dir/file")
        os.mkdir(at / "dir/below", 0o750)
        of_file = for_alice(7, mask=4, owner=6)
        equal("the file's", of_file, os.getxattr(at / "dir/file", ACCESS))
        equal("the directory's", for_alice(7, mask=5), os.getxattr(at / "dir/below", ACCESS))
        equal("its default", for_alice(7), os.getxattr(at / "dir/below", DEFAULT))


def check_chmod(here: Place) -> None:
    """chmod changes the mask, and not what the entry says."""
    with with_acls(here) as at:
        write(at / "file")
        os.setxattr(at / "file", ACCESS, for_alice(7))
        os.chmod(at / "file", 0o740)
        equal("the ACL", for_alice(7, mask=4), os.getxattr(at / "file", ACCESS))


def check_on_the_server(here: Place) -> None:
    """What is set through the mount is what the server's own file has."""
    with with_acls(here) as at:
        write(at / "file")
        os.setxattr(at / "file", ACCESS, for_alice(5, mask=5))
        if not keeps_acls(here.backing):
            raise Skipped("needs an export whose ACLs can be seen from here")
        equal("behind the mount", for_alice(5, mask=5), os.getxattr(here.backing / "file", ACCESS))


def keeps_acls(folder: Path) -> bool:
    """Tell whether an ACL can be set and seen: not where the export is a 9P mount without them."""
    write(folder / "probe")
    try:
        os.setxattr(folder / "probe", ACCESS, for_alice(1))
        return os.getxattr(folder / "probe", ACCESS) == for_alice(1)
    except OSError:
        return False
