"""Programs on the mount."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

from ..expect import equal, needs, raises
from ..files import write
from ..place import Place

SHORT = True


def output(*command: str | Path) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@needs("program:busybox")
def check_binary(here: Place) -> None:
    """A program copied to the mount runs."""
    shutil.copy(str(shutil.which("busybox")), here / "busybox")
    equal("what it prints", "from the mount", output(here / "busybox", "echo", "from the mount"))


def check_script(here: Place) -> None:
    """A shell script on the mount runs, with its own directory as working directory."""
    write(here / "script", b"#!/bin/sh\ncat beside\n")
    write(here / "beside", b"beside it")
    os.chmod(here / "script", 0o755)
    done = subprocess.run(["./script"], cwd=here.dir, check=True, capture_output=True)
    equal("what it prints", b"beside it", done.stdout)


def check_not_executable(here: Place) -> None:
    """A file without any x bit is EACCES, for root too."""
    write(here / "script", b"#!/bin/sh\n")
    os.chmod(here / "script", 0o644)
    raises(errno.EACCES, "exec", subprocess.run, [here / "script"])


def check_replace_running(here: Place) -> None:
    """A program may be replaced by rename and by unlink while another copy of it runs."""
    write(here / "script", b"#!/bin/sh\necho ready\nread line\necho first $line\n")
    os.chmod(here / "script", 0o755)
    pipe = subprocess.PIPE
    with subprocess.Popen([here / "script"], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        equal("the first one prints", "ready\n", process.stdout.readline())
        write(here / "new", b"#!/bin/sh\necho second\n")
        os.chmod(here / "new", 0o755)
        os.rename(here / "new", here / "script")
        equal("the new one prints", "second", output(here / "script"))
        equal("the old one prints", "first done\n", process.communicate("done\n")[0])
