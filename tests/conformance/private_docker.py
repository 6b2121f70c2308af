"""A Docker engine of our own, for machines that run none: its data in one folder, gone at its end.

Images are built in the machine's network, where packages come from, and containers run in a network
namespace of the engine's own, where it may set up bridges: so the engine is started twice on the
same data.  Where no registry answers, the base image is made with mmdebstrap.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "runc": "runc",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "ip": "iproute2",
}
SHIM = Path(__file__).with_name("runc_shim.py")
NO_NETWORK = [
    "--bridge=none",
    *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
]
OWN_NETWORK = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
LAYER = f"""\
FROM scratch-of-ninep
COPY certificates {CERTIFICATES}
ENV PIP_CERT={CERTIFICATES}
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \\
    && ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s /usr/bin/pip3 /usr/local/bin/pip
"""
"""What the base image has and Debian's packages have not, and whom this machine trusts."""
START = 60.0
"""Seconds within which the engine must answer."""
PULL = 120.0
PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def why_not() -> str | None:
    """Return why no private engine can be started here, or None."""
    if os.geteuid() != 0:
        return "a private Docker engine needs root"
    missing = [package for name, package in PROGRAMS.items() if not which(name)]
    return f"a private Docker engine needs: {' '.join(dict.fromkeys(missing))}" if missing else None


def which(program: str) -> str:
    """Find a program, also outside the user's PATH; empty when there is none."""
    return shutil.which(program, path=PATH) or ""


@contextmanager
def folder() -> Iterator[Path]:
    """Make the folder of an engine; what is still mounted in it at the end is unmounted."""
    with tempfile.TemporaryDirectory(prefix="ninep-docker-") as name:
        path = Path(name)
        runtime = path / "runtime"
        runtime.write_text(f'#!/bin/sh\nexec {sys.executable} {SHIM} {which("runc")} "$@"\n')
        runtime.chmod(0o755)
        config = {"runtimes": {"shim": {"path": str(runtime)}}, "default-runtime": "shim"}
        (path / "daemon.json").write_text(json.dumps(config))
        try:
            yield path
        finally:
            for line in reversed(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()):
                if line.split()[1].startswith(f"{path}/"):
                    subprocess.run(["umount", "-l", line.split()[1]], check=False)


@contextmanager
def running(path: Path, *, own_network: bool) -> Iterator[dict[str, str]]:
    """Run the engine of a folder; yield the environment for its clients."""
    host = f"unix://{path}/socket"
    command = [
        which("dockerd"), "--config-file", str(path / "daemon.json"), "--host", host,
        "--data-root", str(path / "data"), "--exec-root", str(path / "exec"),
        "--pidfile", str(path / "pid"),
    ]  # fmt: skip
    command = [*OWN_NETWORK, *command] if own_network else [*command, *NO_NETWORK]
    env = {**os.environ, "PATH": PATH, "DOCKER_HOST": host}
    with (path / "log").open("ab") as log, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
    ) as engine:  # fmt: skip
        try:
            wait_until_it_answers(engine, env, path / "log")
            yield env
        finally:
            engine.terminate()
            try:
                engine.wait(START)
            except subprocess.TimeoutExpired:
                engine.kill()


def answers(env: dict[str, str] | None = None) -> bool:
    """Tell whether an engine answers to the environment's docker."""
    if not which("docker"):
        return False
    command = [which("docker"), "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, env=env, check=False, capture_output=True).returncode == 0


def wait_until_it_answers(engine: subprocess.Popen[bytes], env: dict[str, str], log: Path) -> None:
    """Return when the engine takes commands."""
    end = time.monotonic() + START
    while not answers(env):
        if engine.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"dockerd did not start: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def get_base_image(dockerfile: Path, env: dict[str, str], scratch: Path) -> None:
    """Pull the image that a Dockerfile begins with, or make one like it from Debian's packages."""
    found = re.search(r"^FROM (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    name = found[1]
    pull = [which("timeout"), str(PULL), which("docker"), "pull", "--quiet", name]
    if subprocess.run(pull, env=env, check=False, capture_output=True).returncode == 0:
        return
    release = name.rpartition("-")[2]
    archive, layer = scratch / "base.tar", scratch / "layer"
    run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", release, archive],
        env,
    )
    run(["docker", "import", archive, "scratch-of-ninep"], env)
    archive.unlink()
    layer.mkdir()
    shutil.copy(CERTIFICATES, layer / "certificates")
    (layer / "Dockerfile").write_text(LAYER)
    run(["docker", "build", "--network", "host", "--tag", name, layer], env)


def run(command: list[str | Path], env: dict[str, str]) -> None:
    """Run a command that says what went wrong."""
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {(done.stdout + done.stderr)[-2000:]}")
