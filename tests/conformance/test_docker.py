"""`docker compose up --build --exit-code-from kernel`: server and kernel in containers.

An engine that runs here is used.  Otherwise NINEP_TEST_DOCKER=1 starts a private one, which takes
minutes; NINEP_TEST_DOCKER=0 leaves these tests out in any case.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import private_docker

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SWITCH = "NINEP_TEST_DOCKER"
LIMIT = 1500.0
"""Seconds for one command of compose."""
BUILD_IN_HOST_NETWORK = """\
services:
  server: { build: { network: host } }
  kernel: { build: { network: host } }
"""


class Compose:
    """Compose for one project of our own."""

    def __init__(self, env: dict[str, str]) -> None:
        """Find the plugin or the older program."""
        self.env = {**env, "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}
        self.project = f"ninep-test-{os.getpid()}"
        plugin = [private_docker.which("docker"), "compose"]
        found = subprocess.run([*plugin, "version"], check=False, capture_output=True)
        self.program = plugin if found.returncode == 0 else [private_docker.which("docker-compose")]

    def __call__(self, *arguments: str, override: Path | None = None) -> tuple[int, str]:
        """Run a command; return its exit status and what it said."""
        files = [FILE, *([override] if override else [])]
        named = [word for file in files for word in ("-f", str(file))]
        done = subprocess.run(
            [*self.program, "-p", self.project, *named, *arguments],
            env=self.env, cwd=ROOT, check=False, text=True, errors="replace", timeout=LIMIT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout


def why_not() -> str | None:
    """Return why there is no verdict here, or None."""
    switch = os.environ.get(SWITCH)
    docker = private_docker.which("docker")
    plugin = subprocess.run(
        [docker or "false", "compose", "version"], check=False, capture_output=True
    )
    if switch == "0":
        return f"{SWITCH}=0"
    if plugin.returncode and not private_docker.which("docker-compose"):
        return "docker compose is not installed"
    if private_docker.answers():
        return None
    if switch != "1":
        return (
            f"no Docker engine answers, and {SWITCH}=1 is not set, which would start a private one"
        )
    return private_docker.why_not()


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Provide an engine that has the images, or can build them."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    if private_docker.answers():
        yield from cleaned(Compose(dict(os.environ)))
        return
    override = tmp_path_factory.mktemp("compose") / "network.yml"
    override.write_text(BUILD_IN_HOST_NETWORK)
    with private_docker.folder() as folder:
        with private_docker.running(folder, own_network=False) as env:
            private_docker.get_base_image(ROOT / "Dockerfile", env, folder)
            status, said = Compose(env)("build", override=override)
            assert status == 0, said
        with private_docker.running(folder, own_network=True) as env:
            yield from cleaned(Compose(env))


def cleaned(compose: Compose) -> Iterator[Compose]:
    """Remove the containers, the network and the volume at the end."""
    try:
        yield compose
    finally:
        compose("down", "--volumes", "--remove-orphans")


def test_verdict(compose: Compose) -> None:
    """Every script passes through a kernel's mount of another container's server."""
    status, said = compose("up", "--build", "--exit-code-from", "kernel")
    assert status == 0, said[-20_000:]
    assert " 0 failed" in said
    assert "type 9p" in said or " 9p rw," in said


MUTANT = """\
services:
  server:
    entrypoint: [python-files, -m, ninep.conformance.mutants.serve]
    command: [setattr-size-needs-name, /export, "tcp://0.0.0.0:5640"]
  kernel: { command: [--script, unlinked] }
"""


def test_verdict_of_a_failure(compose: Compose, tmp_path: Path) -> None:
    """A server with one thing wrong: exit status 1, and the clause is named."""
    override = tmp_path / "mutant.yml"
    override.write_text(MUTANT)
    status, said = compose("up", "--exit-code-from", "kernel", override=override)
    assert status == 1, said[-20_000:]
    assert "[setattr.size-open-fid]" in said


def test_images(compose: Compose) -> None:
    """Both are there; how large they are is printed."""
    command = [
        str(private_docker.which("docker")),
        "images",
        "--format",
        "{{.Repository}} {{.Size}}",
    ]
    done = subprocess.run(command, env=compose.env, check=True, capture_output=True, text=True)
    ours = [line for line in done.stdout.splitlines() if line.startswith("ninep-")]
    print("\n".join(ours))
    assert {"ninep-server", "ninep-kernel"} == {line.split()[0] for line in ours}


def test_without_privilege(compose: Compose) -> None:
    """User Mode Linux runs in a container that may nothing, with the server inside."""
    status, said = compose("run", "--rm", "uml", "--script", "lookup", "--script", "statfs")
    assert status == 0, said[-20_000:]
    assert " 0 failed" in said


def test_nobody_is_root() -> None:
    """Only the kernel's container is privileged; the servers are not root."""
    services = yaml_services()
    assert ["kernel"] == [name for name, text in services.items() if "privileged: true" in text]
    assert "&unprivileged" in services["server"]
    assert "*unprivileged" in services["readonly"]


def yaml_services() -> dict[str, str]:
    """Return the text of each service."""
    text = FILE.read_text(encoding="utf-8").partition("services:\n")[2].partition("\nnetworks:")[0]
    parts = re.split(r"(?m)^  (\w+):\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_lab(compose: Compose) -> None:
    """`ninep lab --engine docker` starts the same containers and reports what comes out of them."""
    command = [sys.executable, "-m", "ninep", "lab", "--engine", "docker", "--script", "13_xattr"]
    done = subprocess.run(
        command, env=compose.env, check=False, text=True, timeout=LIMIT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:]
    assert " 0 failed" in done.stdout


def test_what_the_lab_returns_comes_through(compose: Compose) -> None:
    """The exit status is the lab's own: here, that no script has such a name."""
    status, said = compose("run", "--rm", "kernel", "--script", "no-such-script")
    assert status == 2, said[-20_000:]
    assert "no script is named no-such-script" in said
