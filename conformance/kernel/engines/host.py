"""The running kernel itself, in namespaces that take mounts and processes along when they end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..kernels import Kernel
from ..model import Job
from ..record import Event
from .process import Guest, boot_command, follow, scratch, write_job
from .relay import reachable

NAMESPACE = (
    *("unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
FILESYSTEMS = Path("/proc/filesystems")


class HostEngine:
    """Mount with the kernel that runs this process."""

    name = "host"
    kernel: Kernel | None = None

    def available(self) -> str | None:
        """Return why the running kernel cannot do it, or None."""
        if "9p" not in FILESYSTEMS.read_text(encoding="ascii").split():
            return "the running kernel has no 9p (modprobe 9p), or use --engine uml"
        if shutil.which(NAMESPACE[0]) is None:
            return "unshare is missing: apt-get install util-linux"
        done = subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True)
        if done.returncode:
            return "mounting is not allowed here (needs CAP_SYS_ADMIN), or use --engine uml"
        return None

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Run the bench as a child."""
        with scratch() as folder, reachable(job, "127.0.0.1") as part:
            path = write_job(replace(part, work=str(folder / "work"), disk=None), folder)
            env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
            command = [*NAMESPACE, *boot_command(job, path)]
            follow([Guest(command, env, folder / "console")], on_event)
