"""Extended attributes: set, get, list, remove, and their sizes."""

from __future__ import annotations

import errno
import os

from ..expect import equal, needs, raises
from ..files import opened, pattern, write
from ..place import Place

NEEDS = ("xattr",)
SHORT = True
LARGEST = 65536
"""Bytes of a value, Linux's limit."""
LONGEST = 255
"""Bytes of a name, Linux's limit."""


def names_of(path: object) -> list[str]:
    """Return the names of user attributes, sorted."""
    return sorted(name for name in os.listxattr(str(path)) if name.startswith("user."))


def check_set_and_get(here: Place) -> None:
    """A value comes back as it was set, zeros and all, and is on the server's side.

    Clauses: xattr.commit-at-clunk
    """
    write(here / "file")
    value = bytes(range(256))
    os.setxattr(here / "file", "user.a", value)
    equal("value", value, os.getxattr(here / "file", "user.a"))
    equal("value on the server's side", value, os.getxattr(here.backing / "file", "user.a"))


def check_replace_value(here: Place) -> None:
    """Setting again replaces, by a shorter and by a longer value."""
    write(here / "file")
    for value in (b"first", b"2", b"the third value"):
        os.setxattr(here / "file", "user.a", value)
        equal("value", value, os.getxattr(here / "file", "user.a"))


def check_create_flag(here: Place) -> None:
    """XATTR_CREATE makes, and is EEXIST on what is there.

    Clauses: xattr.commit-flags
    """
    write(here / "file")
    os.setxattr(here / "file", "user.a", b"1", os.XATTR_CREATE)
    raises(errno.EEXIST, "again", os.setxattr, here / "file", "user.a", b"2", os.XATTR_CREATE)
    equal("value", b"1", os.getxattr(here / "file", "user.a"))


def check_replace_flag(here: Place) -> None:
    """XATTR_REPLACE is ENODATA on what is not there, and replaces what is.

    Clauses: xattr.commit-flags
    """
    write(here / "file")
    raises(errno.ENODATA, "missing", os.setxattr, here / "file", "user.a", b"1", os.XATTR_REPLACE)
    os.setxattr(here / "file", "user.a", b"1")
    os.setxattr(here / "file", "user.a", b"2", os.XATTR_REPLACE)
    equal("value", b"2", os.getxattr(here / "file", "user.a"))


def check_empty_value(here: Place) -> None:
    """An empty value is a value.

    Clauses: xattr.empty-replace-removes
    """
    write(here / "file")
    os.setxattr(here / "file", "user.empty", b"")
    equal("names", ["user.empty"], names_of(here / "file"))
    equal("value", b"", os.getxattr(here / "file", "user.empty"))


def check_missing(here: Place) -> None:
    """Reading and removing what is not there are ENODATA.

    Clauses: xattr.missing-name
    """
    write(here / "file")
    raises(errno.ENODATA, "get", os.getxattr, here / "file", "user.missing")
    raises(errno.ENODATA, "remove", os.removexattr, here / "file", "user.missing")


def check_remove(here: Place) -> None:
    """A removed attribute is neither listed nor readable.

    Clauses: xattr.empty-replace-removes
    """
    write(here / "file")
    os.setxattr(here / "file", "user.a", b"1")
    os.setxattr(here / "file", "user.b", b"2")
    os.removexattr(here / "file", "user.a")
    equal("names", ["user.b"], names_of(here / "file"))
    raises(errno.ENODATA, "get", os.getxattr, here / "file", "user.a")


def check_list_many(here: Place) -> None:
    """50 attributes are listed, each once; a file without any lists none.

    Clauses: xattr.list-with-empty-name
    """
    write(here / "file")
    equal("names before", [], names_of(here / "file"))
    names = [f"user.name-{number:02}" for number in range(50)]
    for name in names:
        os.setxattr(here / "file", name, name.encode())
    equal("names", names, names_of(here / "file"))
    equal("one of the values", b"user.name-33", os.getxattr(here / "file", "user.name-33"))


def check_long_names(here: Place) -> None:
    """A name may have 255 bytes; 256 are ERANGE."""
    write(here / "file")
    name = "user." + "n" * (LONGEST - len("user."))
    os.setxattr(here / "file", name, b"long")
    equal("names", [name], names_of(here / "file"))
    equal("value", b"long", os.getxattr(here / "file", name))
    raises(errno.ERANGE, "256 bytes", os.setxattr, here / "file", name + "n", b"")


@needs("xattr-64k")
def check_large_values(here: Place) -> None:
    """Values of 65,535 and 65,536 bytes come back whole.

    Clauses: xattr.write-sequential, xattr.commit-complete
    """
    write(here / "file")
    for size in (4096, LARGEST - 1, LARGEST):
        os.setxattr(here / "file", "user.large", pattern(size))
        equal("value", pattern(size), os.getxattr(here / "file", "user.large"))
    os.removexattr(here / "file", "user.large")


def check_too_large_value(here: Place) -> None:
    """A value of 65,537 bytes is E2BIG, and changes nothing.

    Clauses: xattr.size-maximum
    """
    write(here / "file")
    os.setxattr(here / "file", "user.a", b"kept")
    raises(errno.E2BIG, "set", os.setxattr, here / "file", "user.a", bytes(LARGEST + 1))
    equal("value", b"kept", os.getxattr(here / "file", "user.a"))


def check_directory(here: Place) -> None:
    """Directories have attributes, too."""
    (here / "dir").mkdir()
    os.setxattr(here / "dir", "user.a", b"of a directory")
    equal("value", b"of a directory", os.getxattr(here / "dir", "user.a"))


def check_symlink(here: Place) -> None:
    """User attributes of a symbolic link itself are EPERM; through it they are its target's.

    Clauses: xattr.special-unopened
    """
    write(here / "file")
    (here / "link").symlink_to("file")
    os.setxattr(here / "link", "user.a", b"1")
    equal("value of the file", b"1", os.getxattr(here / "file", "user.a"))

    def set_on_link() -> None:
        os.setxattr(here / "link", "user.b", b"2", follow_symlinks=False)

    raises(errno.EPERM, "on the link itself", set_on_link)


@needs("root")
def check_trusted(here: Place) -> None:
    """Root may use the trusted namespace."""
    write(here / "file")
    os.setxattr(here / "file", "trusted.a", b"1")
    equal("value", b"1", os.getxattr(here / "file", "trusted.a"))
    os.removexattr(here / "file", "trusted.a")


def check_unknown_namespace(here: Place) -> None:
    """A name without a known namespace is EOPNOTSUPP."""
    write(here / "file")
    raises(errno.EOPNOTSUPP, "set", os.setxattr, here / "file", "nonsense", b"1")


def check_open_file(here: Place) -> None:
    """Attributes work through an open file, and follow a rename.

    Clauses: xattr.walk-any-fid
    """
    with opened(here / "file", os.O_RDWR | os.O_CREAT) as fd:
        os.setxattr(fd, "user.a", b"1")
        os.rename(here / "file", here / "moved")
        equal("value through the open file", b"1", os.getxattr(fd, "user.a"))
        equal("names through the open file", ["user.a"], os.listxattr(fd))
    equal("value by the new name", b"1", os.getxattr(here / "moved", "user.a"))
