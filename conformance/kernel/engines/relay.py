"""A relay on the host: what a guest's network card can reach of a server that runs already."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..guest import tap
from ..model import Job
from . import EngineError


@contextmanager
def reachable(job: Job, host: str) -> Iterator[Job]:
    """Provide the job with the address where a guest finds the server, if that runs elsewhere.

    `host` is what the guest calls this machine's loopback.  Errors: EngineError
    """
    if not job.remote:
        yield job
        return
    try:
        tap.connect(job.remote).close()
    except OSError as problem:
        raise EngineError(f"no server answers at {job.remote}: {problem}") from None
    command = [sys.executable, "-I", "-S", tap.__file__, job.remote, os.devnull]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            port = process.stdout.readline().strip()
            yield replace(job, remote=f"tcp://{host}:{port}")
        finally:
            process.kill()
