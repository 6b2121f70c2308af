"""Creating and opening: flags, modes, and the errors that guard them."""

from __future__ import annotations

import errno
import os

from ..expect import equal, raises
from ..files import opened, read, write, write_all
from ..place import Place

SHORT = True
NEW = os.O_CREAT | os.O_WRONLY
PERMISSIONS = 0o7777


def mode_of(path: object) -> int:
    """Return permission bits."""
    return os.stat(str(path)).st_mode & PERMISSIONS


def check_creates_empty(here: Place) -> None:
    """O_CREAT makes an empty file.

    Clauses: create.fid-becomes-file, create.visible-at-once
    """
    with opened(here / "new", NEW):
        equal("size", 0, os.stat(here / "new").st_size)


def check_mode_and_umask(here: Place) -> None:
    """The mode is what was asked for without the umask's bits.

    Clauses: create.mode-masked
    """
    os.umask(0o027)
    os.close(os.open(here / "file", NEW, 0o666))
    os.mkdir(here / "dir", 0o777)
    equal("mode of the file", 0o640, mode_of(here / "file"))
    equal("mode of the directory", 0o750, mode_of(here / "dir"))
    os.umask(0o022)


def check_excl_existing(here: Place) -> None:
    """O_EXCL on an existing name is EEXIST, whatever the name is.

    Clauses: create.excl-exists
    """
    write(here / "file")
    (here / "dir").mkdir()
    (here / "dangling").symlink_to("nowhere")
    for name in ("file", "dir", "dangling"):
        raises(errno.EEXIST, f"O_EXCL on {name}", os.open, here / name, NEW | os.O_EXCL)


def check_creat_existing_keeps_content(here: Place) -> None:
    """O_CREAT without O_TRUNC leaves an existing file's content and mode alone.

    Clauses: create.existing-opened, open.create-ignored
    """
    write(here / "file", b"content")
    os.chmod(here / "file", 0o600)
    os.close(os.open(here / "file", NEW, 0o644))
    equal("content", b"content", read(here / "file"))
    equal("mode", 0o600, mode_of(here / "file"))


def check_creat_through_dangling_link(here: Place) -> None:
    """O_CREAT through a dangling symbolic link makes the target.

    Clauses: create.no-follow
    """
    (here / "link").symlink_to("target")
    write(here / "link", b"x")
    equal("content of the target", b"x", read(here / "target"))


def check_truncates(here: Place) -> None:
    """O_TRUNC empties the file.

    Clauses: setattr.size-bit, open.truncate-flag
    """
    write(here / "file", b"content")
    os.close(os.open(here / "file", os.O_WRONLY | os.O_TRUNC))
    equal("size", 0, os.stat(here / "file").st_size)


def check_directory_flag_on_file(here: Place) -> None:
    """O_DIRECTORY on a file is ENOTDIR."""
    write(here / "file")
    raises(errno.ENOTDIR, "O_DIRECTORY", os.open, here / "file", os.O_RDONLY | os.O_DIRECTORY)


def check_nofollow_on_link(here: Place) -> None:
    """O_NOFOLLOW on a symbolic link is ELOOP."""
    write(here / "file")
    (here / "link").symlink_to("file")
    raises(errno.ELOOP, "O_NOFOLLOW", os.open, here / "link", os.O_RDONLY | os.O_NOFOLLOW)


def check_write_directory(here: Place) -> None:
    """Opening a directory for writing is EISDIR."""
    (here / "dir").mkdir()
    raises(errno.EISDIR, "O_WRONLY", os.open, here / "dir", os.O_WRONLY)
    raises(errno.EISDIR, "O_CREAT", os.open, here / "dir", NEW)


def check_create_in_missing_directory(here: Place) -> None:
    """Creating below a missing directory is ENOENT, below a file ENOTDIR."""
    write(here / "file")
    raises(errno.ENOENT, "below nothing", os.open, here / "missing/new", NEW)
    raises(errno.ENOTDIR, "below a file", os.open, here / "file/new", NEW)


def check_mkdir_existing(here: Place) -> None:
    """Making a directory under a name that exists is EEXIST.

    Clauses: create.name-taken
    """
    write(here / "file")
    (here / "dir").mkdir()
    raises(errno.EEXIST, "mkdir on a directory", os.mkdir, here / "dir")
    raises(errno.EEXIST, "mkdir on a file", os.mkdir, here / "file")


def check_unreadable_mode_of_new_file(here: Place) -> None:
    """A file made with mode 0 can be written through the descriptor that made it.

    Clauses: open.checked-once
    """
    with opened(here / "file", os.O_CREAT | os.O_RDWR | os.O_EXCL, 0) as fd:
        write_all(fd, b"secret")
        equal("content through the same descriptor", b"secret", os.pread(fd, 10, 0))
    equal("mode", 0, mode_of(here / "file"))


def check_tmpfile_pattern(here: Place) -> None:
    """Create, unlink and go on using the file, as temporary files do.

    Clauses: unlink.open-survives
    """
    with opened(here / "tmp", os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600) as fd:
        os.unlink(here / "tmp")
        write_all(fd, b"still here")
        equal("content", b"still here", os.pread(fd, 100, 0))
    equal("names left", [], os.listdir(here.dir))
