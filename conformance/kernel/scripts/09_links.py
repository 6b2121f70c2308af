"""Hard and symbolic links."""

from __future__ import annotations

import errno
import os
import stat

from ..expect import equal, raises, true
from ..files import read, write
from ..place import Place

SHORT = True
LONGEST_TARGET = 4095
"""Bytes of a symbolic link's target on Linux."""
OTHER_FIELDS = 64
"""Bytes of a message beside the target."""


def check_hard_link(here: Place) -> None:
    """A hard link is another name of the same inode, and the link count tells.

    Clauses: getattr.path-identity
    """
    write(here / "a", b"content")
    os.link(here / "a", here / "b")
    equal("inode", os.stat(here / "a").st_ino, os.stat(here / "b").st_ino)
    equal("link counts", (2, 2), (os.stat(here / "a").st_nlink, os.stat(here / "b").st_nlink))
    write(here / "b", b"changed")
    equal("content through the first name", b"changed", read(here / "a"))


def check_unlink_one_link(here: Place) -> None:
    """Removing one name leaves the other."""
    write(here / "a", b"content")
    os.link(here / "a", here / "b")
    os.unlink(here / "a")
    equal("link count", 1, os.stat(here / "b").st_nlink)
    equal("content", b"content", read(here / "b"))


def check_link_errors(here: Place) -> None:
    """A link to a directory is EPERM, onto a name EEXIST, of nothing ENOENT.

    Clauses: link.no-directory, create.name-taken
    """
    write(here / "a")
    write(here / "b")
    (here / "dir").mkdir()
    raises(errno.EPERM, "of a directory", os.link, here / "dir", here / "new")
    raises(errno.EEXIST, "onto a name", os.link, here / "a", here / "b")
    raises(errno.ENOENT, "of nothing", os.link, here / "missing", here / "new")


def check_link_of_symlink(here: Place) -> None:
    """A hard link of a symbolic link is that symbolic link.

    Clauses: link.symlink-itself
    """
    (here / "link").symlink_to("nowhere")
    os.link(here / "link", here / "other", follow_symlinks=False)
    equal("target", "nowhere", os.readlink(here / "other"))
    equal("link count", 2, os.lstat(here / "link").st_nlink)


def check_symlink(here: Place) -> None:
    """A symbolic link keeps its target and leads there.

    Clauses: readlink.exact-text
    """
    write(here / "target", b"content")
    (here / "link").symlink_to("target")
    equal("target", "target", os.readlink(here / "link"))
    equal("content through it", b"content", read(here / "link"))
    equal("size is the target's length", len("target"), os.lstat(here / "link").st_size)


def check_symlink_to_directory(here: Place) -> None:
    """A path may go through a symbolic link, up again too."""
    (here / "dir").mkdir()
    write(here / "dir/file", b"inside")
    write(here / "beside", b"outside")
    (here / "link").symlink_to("dir")
    (here / "dir/up").symlink_to("../beside")
    equal("content", b"inside", read(here / "link/file"))
    equal("content above", b"outside", read(here / "link/up"))


def check_dangling(here: Place) -> None:
    """A dangling link has an lstat and no stat.

    Clauses: walk.symlink-unfollowed
    """
    (here / "link").symlink_to("nowhere")
    true("lstat sees a link", stat.S_ISLNK(os.lstat(here / "link").st_mode))
    raises(errno.ENOENT, "stat", os.stat, here / "link")
    raises(errno.ENOENT, "open", os.open, here / "link", os.O_RDONLY)


def check_loop(here: Place) -> None:
    """Links in a circle are ELOOP."""
    (here / "a").symlink_to("b")
    (here / "b").symlink_to("a")
    raises(errno.ELOOP, "stat", os.stat, here / "a")


def check_long_targets(here: Place) -> None:
    """Targets of up to 4,095 bytes (or what a message holds) come back whole.

    Clauses: readlink.exact-text
    """
    longest = min(LONGEST_TARGET, (here.msize or 2 * LONGEST_TARGET) - OTHER_FIELDS)
    for length in (1, 59, 60, 61, 255, 256, 1023, longest):
        target = ("t" * 99 + "/") * 41
        os.symlink(target[:length], here / f"link{length}")
        equal("target", target[:length], os.readlink(here / f"link{length}"))


def check_odd_targets(here: Place) -> None:
    """Targets are text to the server: absolute, with dots, with any bytes.

    Clauses: link.symlink-text
    """
    for number, target in enumerate(
        (b"/", b"/etc/passwd", b"..", b"././/x/", b"\xff\xfe", b"a\nb")
    ):
        os.symlink(target, here.raw(b"link%d" % number))
        equal("target", target, os.readlink(here.raw(b"link%d" % number)))


def check_absolute_target(here: Place) -> None:
    """An absolute target is looked up on the client, not in the export.

    Clauses: walk.symlink-unfollowed
    """
    (here / "link").symlink_to("/proc/self/stat")
    true("it leads to the client's own file", read(here / "link").startswith(b"%d " % os.getpid()))


def check_symlink_errors(here: Place) -> None:
    """A symbolic link onto a name is EEXIST, readlink of a file EINVAL.

    Clauses: create.name-taken, readlink.symlink-only
    """
    write(here / "file")
    raises(errno.EEXIST, "symlink", os.symlink, "target", here / "file")
    raises(errno.EINVAL, "readlink", os.readlink, here / "file")


def check_remove_symlink(here: Place) -> None:
    """unlink removes the link and not its target; rmdir of it is ENOTDIR."""
    (here / "dir").mkdir()
    (here / "link").symlink_to("dir")
    raises(errno.ENOTDIR, "rmdir", os.rmdir, here / "link")
    os.unlink(here / "link")
    equal("names left", ["dir"], os.listdir(here.dir))
