"""Containers: two servers, and a privileged third whose kernel mounts them.

The same as docker-compose.yml, driven through the docker SDK, so that the results come here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .. import commands
from ..catalog import load_all
from ..kernels import Kernel
from ..model import Job
from ..plan import default_plan
from ..record import Event
from . import EngineError

PORT = 5640
LISTEN = ("--listen", f"tcp://0.0.0.0:{PORT}")
SERVERS = {
    "server": ("serve", "/export", "--rw", "--devices", "--export", "data=/export,rw", *LISTEN),
    "readonly": ("serve", "/export", "--export", "data=/export", *LISTEN),
}
"""What runs in the servers' containers: one tree, once writable, once not."""
IMAGES = {"server": "ninep-server", "kernel": "ninep-kernel"}
"""Tag of each target of the Dockerfile."""
UNPRIVILEGED: dict[str, Any] = {
    "user": "1000:1000",
    "entrypoint": ["python-files", "-m", "ninep"],
    "cap_drop": ["ALL"],
    "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SYS_ADMIN"],
    "read_only": True,
}
"""How a server runs: not as root, and able to do with the files of others what a server must; the
last capability is for attributes of the trusted namespace.
"""
TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "mode=0755"}
"""A volume that has attribute values of 64 KiB and is gone with the run."""
CHECKOUT = Path(__file__).resolve().parents[3]


class DockerEngine:
    """Run the servers and the kernel in containers of their own."""

    name = "docker"
    kernel: Kernel | None = None

    def available(self) -> str | None:
        """Return what is missing, the SDK or the engine, or None."""
        try:
            import docker  # noqa: PLC0415  an extra that only this engine needs
        except ImportError:
            return "the docker SDK is missing: pip install 'ninep[docker]'"
        try:
            docker.from_env().ping()
        except docker.errors.DockerException as problem:
            return f"no Docker engine answers: {problem}"
        return None

    def run(self, job: Job, on_event: Callable[[Event], None]) -> None:
        """Start the containers, pass on what the lab in them says, remove them."""
        import docker  # noqa: PLC0415

        if job.server != commands.parse(commands.SERVER):
            raise EngineError("--server has no meaning with --engine docker: it serves ninep")
        try:
            with ExitStack() as stack:
                containers = Containers(docker.from_env(), stack)
                for name, command in SERVERS.items():
                    containers.serve(name, command)
                code = containers.follow(arguments(job), on_event)
        except docker.errors.DockerException as problem:
            raise EngineError(f"Docker: {problem}") from problem
        if code:
            raise EngineError(f"the lab in the container ended with exit code {code}")


def arguments(job: Job) -> list[str]:
    """Return the arguments that make another lab plan the same job."""
    names = dict.fromkeys(name for planned in job.cells for name in planned.scripts)
    found = ["--events", *(word for name in names for word in ("--script", name))]
    if job.cells == default_plan([script for script in load_all() if script.name in names]):
        return found
    for planned in job.cells:
        found += planned.cell.arguments
    return found


class Containers:
    """The containers of one run, with their network and volume; a stack removes them all."""

    def __init__(self, client: Any, stack: ExitStack) -> None:
        """Make what they share."""
        self.client = client
        self.stack = stack
        self.name = f"ninep-lab-{secrets.token_hex(4)}"
        self.images = {target: self.image(target) for target in IMAGES}
        self.network = client.networks.create(self.name, internal=True)
        stack.callback(self.network.remove)
        self.volume = client.volumes.create(self.name, driver_opts=TMPFS)
        stack.callback(self.volume.remove)

    def image(self, target: str) -> str:
        """Return the tag of an image, which is built if it is not there."""
        tag = IMAGES[target]
        if not self.client.images.list(tag):
            if not (CHECKOUT / "Dockerfile").exists():
                raise EngineError(f"there is no image {tag}: build it in a checkout of ninep")
            self.client.images.build(path=str(CHECKOUT), target=target, tag=tag, rm=True)
        return tag

    def start(self, name: str, image: str, command: list[str], **options: Any) -> Any:
        """Start a container that is removed with the rest."""
        container = self.client.containers.run(
            image, command, name=f"{self.name}-{name}", network=self.name, detach=True, **options
        )
        self.stack.callback(container.remove, force=True)
        return container

    def serve(self, name: str, command: tuple[str, ...]) -> None:
        """Start a server and wait until it listens."""
        volumes = {self.name: {"bind": "/export", "mode": "rw"}}
        container = self.start(
            name, self.images["server"], list(command), volumes=volumes, **UNPRIVILEGED
        )
        if not any(b"listening on" in line for line in container.logs(stream=True, follow=True)):
            raise EngineError(f"the {name} container ended: {container.logs().decode()[-500:]}")

    def follow(self, command: list[str], on_event: Callable[[Event], None]) -> int:
        """Run the kernel's container to its end; return its exit code unless that is a verdict."""
        environment = {"SERVER": f"{self.name}-server", "READONLY": f"{self.name}-readonly"}
        kernel = self.start(
            "kernel", self.images["kernel"], command, privileged=True, environment=environment
        )
        for line in lines(kernel.logs(stream=True, follow=True, stdout=True, stderr=False)):
            if line.startswith(b"{"):
                on_event(json.loads(line))
        status: int = kernel.wait()["StatusCode"]
        return status if status > 1 else 0


def lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into lines."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
