"""An OCI runtime that asks for no capability which this machine does not hold, and then is runc.

    python runc_shim.py RUNC ARGUMENTS...

Where root lacks a capability, "privileged" containers cannot be started otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
    SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
    WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # noqa: SIM905  words are easier to read than a list of strings
"""In the order of their numbers."""


def held() -> set[str]:
    """Return the names of the capabilities that this machine's bounding set has."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    mask = int(status.partition("CapBnd:")[2].split()[0], 16)
    return {f"CAP_{name}" for number, name in enumerate(NAMES) if mask >> number & 1}


def restrict(path: Path, key: str | None) -> None:
    """Drop from a process's description what is not held; `key` says where the description is."""
    if not path.exists():
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    process = config if key is None else config.get(key) or {}
    sets = process.get("capabilities") or {}
    for name, wanted in sets.items():
        sets[name] = sorted(set(wanted or ()) & held())
    path.write_text(json.dumps(config), encoding="utf-8")


def main() -> None:
    """Restrict what the arguments name, and go on as runc."""
    runc, *arguments = sys.argv[1:]
    for option, value in pairwise(arguments):
        if option in {"--bundle", "-b"}:
            restrict(Path(value) / "config.json", "process")
        elif option in {"--process", "-p"}:
            restrict(Path(value), None)
    os.execv(runc, [runc, *arguments])  # noqa: S606


if __name__ == "__main__":
    main()
