"""Default ACLs of directories."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

VERSION, NOBODY = 2, 0xFFFFFFFF
USER_OBJ, GROUP_OBJ, OTHER = 1, 4, 32


def set_default_acl(path: Path, user: int, group: int, other: int) -> None:
    """Let a directory give new files no more than these permissions; skip where that cannot be."""
    entries = ((USER_OBJ, user), (GROUP_OBJ, group), (OTHER, other))
    acl = struct.pack("<I", VERSION)
    acl += b"".join(struct.pack("<HHI", tag, bits, NOBODY) for tag, bits in entries)
    try:
        os.setxattr(path, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("no ACLs here")
