"""ACLs of files, and default ACLs of directories."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

VERSION, NOBODY = 2, 0xFFFFFFFF
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 1, 2, 4, 16, 32
NAMED = 4321


def set_default_acl(path: Path, user: int, group: int, other: int) -> None:
    """Let a directory give new files no more than these permissions; skip where that cannot be."""
    entries = ((USER_OBJ, user), (GROUP_OBJ, group), (OTHER, other))
    acl = struct.pack("<I", VERSION)
    acl += b"".join(struct.pack("<HHI", tag, bits, NOBODY) for tag, bits in entries)
    try:
        os.setxattr(path, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("no ACLs here")


def set_acl(
    path: Path, *, user: int, group: int, other: int, named: int, kind: str = "access"
) -> None:
    """Give one user more by name; skip where that cannot be."""
    entries = (
        (USER_OBJ, user, NOBODY),
        (USER, named, NAMED),
        (GROUP_OBJ, group, NOBODY),
        (MASK, named | group, NOBODY),
        (OTHER, other, NOBODY),
    )
    acl = struct.pack("<I", VERSION) + b"".join(struct.pack("<HHI", *e) for e in entries)
    try:
        os.setxattr(path, f"system.posix_acl_{kind}", acl)
    except OSError:
        pytest.skip("no ACLs here")
