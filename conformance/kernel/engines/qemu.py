"""QEMU: a stock kernel in an emulated machine, with the host's tree over virtio-9p as its root.

Without a /dev/kvm that works the machine is emulated instruction by instruction (TCG).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from .. import modules
from ..kernels import Kernel
from ..model import DEVICES, EXPORT, Job
from ..record import Event
from . import EngineError, guests
from .guests import MEMORY, PATH, Wire, missing, unseen, which
from .initramfs import initramfs
from .relay import reachable

QEMU = "qemu-system-x86_64"
PROGRAMS = {
    QEMU: "qemu-system-x86",
    "busybox": "busybox-static",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
}
KVM = Path("/dev/kvm")
CPUINFO = Path("/proc/cpuinfo")
EMULATED = 5.0
"""How many times slower than User Mode Linux an emulated machine may be."""
LOOPBACK = "10.0.2.2"
"""What a guest calls the loopback of this machine."""
USER, ADDRESS = "user", "10.0.2.15"
"""QEMU's own network, and the guest's address there."""
CMDLINE = "console=ttyS0 quiet panic=-1 mitigations=off apparmor=0 audit=0 selinux=0"


def accelerator() -> str:
    """Return the fastest way to run the machine that works here."""
    flags = set(CPUINFO.read_text(encoding="utf-8", errors="replace").split())
    return "kvm" if flags & {"vmx", "svm"} and os.access(KVM, os.R_OK | os.W_OK) else "tcg"


class QemuEngine:
    """Boot a stock kernel."""

    name = "qemu"
    disk = "/dev/vda"

    def __init__(self, kernel: Kernel | None = None) -> None:
        """Take a kernel."""
        self.kernel = kernel
        self.patience = 1.0 if accelerator() == "kvm" else EMULATED
        self.remote = False

    def available(self) -> str | None:
        """Return what is missing, with the package that has it, or None."""
        if self.kernel is None:
            return "no kernel for QEMU is here: ninep lab kernels --fetch 6.12"
        return missing(PROGRAMS) or unseen(tempfile.gettempdir())

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Boot guests that share the job and follow them to their end."""
        assert self.kernel is not None  # noqa: S101 - `available` was asked
        if job.remote and self.kernel.source and modules.NETWORK not in self.kernel.wanted:
            again = f"ninep lab kernels --fetch qemu:{self.kernel.source}"
            raise EngineError(f"{self.kernel.name} came without a network card's driver: {again}")
        with reachable(job, LOOPBACK) as part:
            self.remote = bool(part.remote)
            guests.run(self, part, on_event)

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the emulator's environment."""
        return {"PATH": PATH, "HOME": str(folder), "TMPDIR": str(folder)}

    def command(self, folder: Path, wire: Wire | None) -> list[str]:
        """Return the emulator's command line."""
        assert self.kernel is not None  # noqa: S101 - `available` was asked
        busybox = Path(str(which("busybox"))).read_bytes()
        init = (folder / "init").read_bytes()
        (folder / "initramfs").write_bytes(initramfs(init, busybox, self.kernel.modules))
        devices = [share(tag, f"{folder}/{EXPORT}", "multidevs=remap") for tag in DEVICES.values()]
        variables = f"LAB={folder} MODULES=/modules/list LOWER=/host TTY=ttyS1"
        network: list[str] = []
        if self.remote:
            variables += f" CARD=eth0/{ADDRESS}"
            network = card(USER)
        elif wire:
            variables += f" CARD=eth0/{wire.address}"
            network = card(f"socket,fd={wire.fd}", wire.fd)
        return [
            QEMU,
            *("-M", "q35", "-accel", accelerator(), "-m", str(MEMORY), "-smp", "1"),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.kernel.path), "-initrd", f"{folder}/initramfs"),
            *("-append", f"{CMDLINE} {variables}"),
            *("-chardev", f"file,id=console,path={folder}/console,append=on"),
            *("-serial", "chardev:console", "-serial", "stdio"),
            *("-drive", f"file={folder}/disk,if=virtio,format=raw,cache=unsafe"),
            *share("hostroot", "/", "readonly=on,multidevs=remap"),
            *share("lab", str(folder.parent), "multidevs=remap"),
            *chain(*devices),
            *network,
        ]


def card(network: str, number: int = 0) -> list[str]:
    """Return the arguments that put a card into a network, with an address of that number."""
    mac = f"52:54:00:00:{number >> 8:02x}:{number & 0xFF:02x}"
    device = f"virtio-net-pci,netdev=net,mac={mac},romfile="
    return ["-netdev", f"{network},id=net", "-device", device]


def share(tag: str, path: str, options: str) -> list[str]:
    """Return the arguments that give the guest a folder under a tag."""
    return [
        *("-fsdev", f"local,id={tag},path={path},security_model=none,{options}"),
        *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]
