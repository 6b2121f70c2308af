"""Containers: two servers, and a privileged third whose kernel mounts them, for each cell.

The same as docker-compose.yml, driven through the docker SDK, so that the results come here.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from .. import commands
from ..kernels import Kernel
from ..model import Job, Planned
from ..record import Event
from . import EngineError

PORT = 5640
LISTEN = ("--listen", f"tcp://0.0.0.0:{PORT}")
SERVERS = {
    "server": (
        "serve",
        "/export",
        "--rw",
        "--devices",
        "--set-id",
        "--trusted",
        "--export",
        "data=/export,rw",
        *LISTEN,
    ),
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
            Fleet(docker.from_env(), on_event).run(job)
        except docker.errors.DockerException as problem:
            raise EngineError(f"Docker: {problem}") from problem


class Fleet:
    """Cells as containers: each has servers, a kernel, a network and a volume of its own.

    As many run at once as were asked for, or as this machine has cores: the engine may be another
    one's (DOCKER_HOST), and a fleet behind one address.
    """

    def __init__(self, client: Any, on_event: Callable[[Event], None]) -> None:
        """Pass on what happens in all of them, one event at a time."""
        self.client = client
        self.on_event = on_event
        self.lock = threading.Lock()
        self.kernels: set[Any] = set()
        self.ended = False

    def run(self, job: Job) -> None:
        """Run every cell; one that breaks does not stop the others.  Errors: EngineError"""
        images = {target: image(self.client, target) for target in IMAGES}
        left = [number for number, planned in enumerate(job.cells) if planned.scripts]
        with ThreadPoolExecutor(job.jobs or os.cpu_count()) as pool:
            cells = [pool.submit(self.cell, job.cells[n], n, images) for n in left]
            try:
                troubles = [trouble for cell in cells if (trouble := cell.result())]
            except BaseException:
                self.stop()
                raise
        if troubles:
            raise EngineError("; ".join(troubles))

    def cell(self, planned: Planned, number: int, images: Mapping[str, str]) -> str:
        """Run one cell; return what went wrong beside its scripts."""

        def tell(event: Event) -> None:
            with self.lock:
                self.on_event({**event, "cell": number} if "cell" in event else event)

        try:
            with ExitStack() as stack:
                containers = Containers(self.client, stack, images)
                for name, command in SERVERS.items():
                    containers.serve(name, command)
                kernel = containers.kernel(arguments(planned))
                if not self.began(kernel):
                    return ""
                code = containers.follow(kernel, tell)
        except EngineError as problem:
            return f"{planned.cell.name}: {problem}"
        return f"{planned.cell.name}: the lab ended with exit code {code}" if code else ""

    def began(self, kernel: Any) -> bool:
        """Note a kernel's container; False if everything is to end."""
        with self.lock:
            self.kernels.add(kernel)
            return not self.ended

    def stop(self) -> None:
        """End all kernels, so that nobody waits for them."""
        with self.lock:
            self.ended = True
            for kernel in self.kernels:
                with suppress(Exception):  # it may be gone, or its engine
                    kernel.kill()


def arguments(planned: Planned) -> list[str]:
    """Return the arguments that make another lab plan the same cell."""
    scripts = [word for name in planned.scripts for word in ("--script", name)]
    return ["--events", *planned.cell.arguments, *scripts]


def image(client: Any, target: str) -> str:
    """Return the tag of an image, which is built if it is not there.  Errors: EngineError"""
    tag = IMAGES[target]
    if not client.images.list(tag):
        if not (CHECKOUT / "Dockerfile").exists():
            raise EngineError(f"there is no image {tag}: build it in a checkout of ninep")
        client.images.build(path=str(CHECKOUT), target=target, tag=tag, rm=True)
    return tag


class Containers:
    """The containers of one cell, with their network and volume; a stack removes them all."""

    def __init__(self, client: Any, stack: ExitStack, images: Mapping[str, str]) -> None:
        """Make what they share."""
        self.client = client
        self.stack = stack
        self.name = f"ninep-lab-{secrets.token_hex(4)}"
        self.images = images
        self.network = client.networks.create(self.name, internal=True)
        stack.callback(self.network.remove)
        self.volume = client.volumes.create(self.name, driver_opts=TMPFS)
        stack.callback(self.volume.remove)

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

    def kernel(self, command: list[str]) -> Any:
        """Start the kernel's container."""
        environment = {"SERVER": f"{self.name}-server", "READONLY": f"{self.name}-readonly"}
        return self.start(
            "kernel", self.images["kernel"], command, privileged=True, environment=environment
        )

    def follow(self, kernel: Any, on_event: Callable[[Event], None]) -> int:
        """Run the kernel's container to its end; return its exit code unless that is a verdict."""
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
