"""What is changed behind the client's back, by another client or on the server itself.

Without a cache it is seen at once.  In the other modes some of it may be seen later, and until
then what was there before is seen, whole; a new mount sees all.  docs/lab.md has what kernels did.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from ..expect import equal, needs, one_of
from ..files import opened, read, write, write_through
from ..place import Place

SHORT = True
NAMES = {"content", "attributes", "new name", "removed name", "replaced", "list"}
AT_ONCE = {
    "none": {*NAMES, "open file"},
    "readahead": NAMES,
    "mmap": NAMES,
    "loose": {"list"},
}
"""What each mode promises to show at once."""


def seen(
    here: Place,
    what: str,
    look: Callable[[], object],
    change: Callable[[], object],
    new: object,
    *others: object,
) -> None:
    """Look, change something behind the mount, look again; and once more on a new mount.

    What a mode does not promise may be as before, or one of `others`.
    """
    old = look()
    change()
    promised = here.is_control or what in AT_ONCE[here.cache]
    if promised:
        equal(f"{what} after the change", new, look())
    else:
        one_of(f"{what} after the change", (old, new, *others), look())
    here.remount()
    equal(f"{what} on a new mount", new, look())


def size_of(path: Path) -> object:
    """Return the size of a file, or the number of the error."""
    try:
        return os.stat(path).st_size
    except OSError as failure:
        return failure.errno


def content_of(path: Path) -> object:
    """Return the content of a file, or the number of the error."""
    try:
        return read(path)
    except OSError as failure:
        return failure.errno


def check_content(here: Place) -> None:
    """The content of a file that is opened again.

    Clauses: write.seen-at-once
    """
    write_through(here / "file", b"before")
    seen(
        here,
        "content",
        lambda: read(here / "file"),
        lambda: write(here.backing / "file", b"after it"),
        b"after it",
    )


def check_open_file(here: Place) -> None:
    """The content of a file that stays open.

    Clauses: write.seen-at-once
    """
    write_through(here / "file", b"before")
    with opened(here / "file", os.O_RDONLY) as fd:
        old = os.pread(fd, 100, 0)
        write(here.backing / "file", b"BEFORE")
        new = os.pread(fd, 100, 0)
    promised = here.is_control or "open file" in AT_ONCE[here.cache]
    one_of("content", (b"BEFORE",) if promised else (old, b"BEFORE"), new)


def check_attributes(here: Place) -> None:
    """Size, mode and time of modification."""
    write_through(here / "file", b"before")

    def look() -> object:
        info = os.stat(here / "file")
        return [info.st_size, oct(info.st_mode), int(info.st_mtime)]

    def change() -> None:
        write(here.backing / "file", b"after it")
        os.chmod(here.backing / "file", 0o600)
        os.utime(here.backing / "file", (1, 2))

    seen(here, "attributes", look, change, [8, "0o100600", 2])


def check_new_name(here: Place) -> None:
    """A name that was missing."""
    file = here.backing / "file"
    seen(here, "new name", lambda: size_of(here / "file"), lambda: write(file, b"content"), 7)


def check_removed_name(here: Place) -> None:
    """A name that is removed."""
    write_through(here / "file", b"content")
    file = here.backing / "file"
    gone = errno.ENOENT
    seen(here, "removed name", lambda: size_of(here / "file"), lambda: os.unlink(file), gone)


def check_replaced(here: Place) -> None:
    """A name that leads to another file now; one that is kept may lead to what is gone."""
    write_through(here / "file", b"before")
    write(here.backing / "other", b"after it")
    seen(
        here,
        "replaced",
        lambda: content_of(here / "file"),
        lambda: os.rename(here.backing / "other", here.backing / "file"),
        b"after it",
        errno.ENOENT,
    )


def check_listing(here: Place) -> None:
    """The names of a directory.

    Clauses: create.visible-at-once
    """
    write(here / "a")

    def change() -> None:
        write(here.backing / "b")
        os.unlink(here.backing / "a")

    seen(here, "list", lambda: os.listdir(here.dir), change, ["b"])


@needs("second-mount")
def check_own_changes(here: Place) -> None:
    """What is written here is seen by another mount once it is synchronised, in every mode.

    Clauses: fsync.data-stable
    """
    with opened(here / "file", os.O_RDWR | os.O_CREAT) as fd:
        os.write(fd, b"content")
        os.fsync(fd)
        equal("content on the server", b"content", read(here.backing / "file"))
        equal("content on the other mount", b"content", read(here.second / "file"))
