"""Where `ninep get` puts a file.

Invariant: a regular file has its old content, or else all of the new.
"""

from __future__ import annotations

import contextlib
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

    A regular one is replaced at the end, by one with its owner and mode; anything else (a device, a
    FIFO, a symbolic link) is written through.

    Errors: OSError
    """
    old = path.lstat() if os.path.lexists(path) else None
    if old and not stat.S_ISREG(old.st_mode):
        with path.open("wb") as out:
            yield out
        return
    if old:
        os.close(os.open(path, os.O_WRONLY))  # who may not write it may not replace it either
    part = path.with_name(f".ninep-{secrets.token_hex(8)}")
    with part.open("xb") as out:
        try:
            if old:
                with contextlib.suppress(PermissionError):
                    os.fchown(out.fileno(), old.st_uid, old.st_gid)
                os.fchmod(out.fileno(), stat.S_IMODE(old.st_mode))
            yield out
            out.flush()
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
