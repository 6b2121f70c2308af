"""User Mode Linux: a kernel as a process, with the host's tree as its root and no privilege."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from .. import kernels
from ..kernels import Kernel
from ..model import Job
from ..record import Event
from . import guests
from .guests import MEMORY, PATH, Wire, missing, unseen, which

PROGRAMS = {"busybox": "busybox-static", "mkfs.ext4": "e2fsprogs", "mount": "mount"}
SHIM = Path(__file__).with_name("xstate.c")
CPUINFO = Path("/proc/cpuinfo")


def wide_registers() -> bool:
    """Tell whether the CPU has AMX, whose register state UML before 6.13 cannot carry.

    There the guest's first process dies with "ptrace set fp regs failed, errno = 14".
    """
    return "amx_tile" in CPUINFO.read_text(encoding="utf-8", errors="replace").split()


class UmlEngine:
    """Boot a User Mode Linux: the one that is installed, unless another is given."""

    name = "uml"
    disk = "/dev/ubda"
    patience = 1.0

    def __init__(self, kernel: Kernel | None = None) -> None:
        """Take a kernel."""
        self.kernel = kernel or next(iter(kernels.installed()), None)

    def available(self) -> str | None:
        """Return what is missing, with the package that has it, or None."""
        if self.kernel is None:
            return "linux is missing: apt-get install user-mode-linux"
        if problem := missing(PROGRAMS) or unseen(tempfile.gettempdir()):
            return problem
        if wide_registers() and which("cc") is None:
            return (
                "cc is missing (this CPU has AMX, UML needs a shim): apt-get install gcc libc6-dev"
            )
        return None

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Boot guests that share the job and follow them to their end."""
        guests.run(self, job, on_event)

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the processes' environment; memory files and sockets stay in the folder."""
        env = {"PATH": PATH, "HOME": str(folder), "TMPDIR": str(folder)}
        if wide_registers():
            library = folder / "xstate.so"
            command = ["-O2", "-shared", "-fPIC", "-o", str(library), str(SHIM)]
            guests.call([str(which("cc")), *command])
            env["LD_PRELOAD"] = str(library)
        return env

    def command(self, folder: Path, wire: Wire | None) -> list[str]:
        """Return the kernel's command line."""
        assert self.kernel is not None  # noqa: S101 - `available` was asked
        files = "".join(f"{path}\n" for path in self.kernel.modules)
        (folder / "modules").write_text(files, encoding="utf-8")
        (folder / "umldir").mkdir()
        root = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"]
        consoles = ["con=null", "con0=null,fd:2", "con1=null,fd:1", "ssl=null", "quiet"]
        return [
            str(self.kernel.path),
            f"mem={MEMORY}M",
            *root,
            f"init={folder}/init",
            f"uml_dir={folder}/umldir",
            *consoles,
            "selinux=0",
            "seccomp=auto",
            f"ubd0={folder}/disk",
            f"LAB={folder}",
            f"MODULES={folder}/modules",
            "LOWER=/",
            "TTY=tty1",
            *card(wire),
        ]


def card(wire: Wire | None) -> list[str]:
    """Return what makes a network card at the end of a wire."""
    if wire is None:
        return []
    return [f"vec0:transport=fd,fd={wire.fd},depth=64,gro=0", f"CARD=vec0/{wire.address}"]
