"""The guest kernel's log: what it complained about while a script ran."""

from __future__ import annotations

import os
import re

COMPLAINT = re.compile(
    r"WARNING:|BUG:|BUG at|Oops|general protection|refcount_t|blocked for more than|"
    r"soft lockup|unable to handle|inconsistent lock|Call Trace"
)
RECORD = 8192
"""Bytes that hold any one record of /dev/kmsg."""


class KernelLog:
    """Reads /dev/kmsg from where it stood; silent where that is not allowed."""

    def __init__(self, whence: int = os.SEEK_END) -> None:
        """Open the log at its end, or elsewhere."""
        try:
            self.kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.kmsg, 0, whence)
        except OSError:
            self.kmsg = -1

    def news(self) -> list[str]:
        """Return all lines since the last call."""
        lines: list[str] = []
        while self.kmsg >= 0:
            try:
                record = os.read(self.kmsg, RECORD)
            except BlockingIOError:
                break
            except BrokenPipeError:
                lines.append("(older lines were overwritten)")
                continue
            lines.append(record.decode(errors="replace").partition(";")[2].partition("\n")[0])
        return lines


def all_complaints() -> list[str]:
    """Return what the kernel has complained about since it was started."""
    return [line for line in KernelLog(os.SEEK_SET).news() if COMPLAINT.search(line)]
