"""Matching what scripts need with what a cell offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ninep.conformance.kernel.needs import Facts, unmet, valid

ALL = Facts(
    transport="tcp",
    cache="none",
    access="client",
    kernel=(6, 1),
    root=True,
    read_only=True,
    xattr_max=65536,
    repository=True,
    disk=True,
    server=True,
    neighbour=True,
    ours=True,
    which=lambda program: f"/bin/{program}",
)
NOTHING = Facts(
    transport="unix",
    cache="loose",
    access="any",
    kernel=(5, 10),
    root=False,
    read_only=False,
    xattr_max=0,
    repository=False,
    disk=False,
    server=False,
    neighbour=False,
    ours=False,
    which=lambda _: None,
)
NEEDS = [
    ("root", "needs root"),
    ("server", "needs a server that the lab starts"),
    ("neighbour", "needs a second guest, and a server in the first"),
    ("disk", "needs a disk that may be filled: a guest's, not this machine's"),
    ("ours", "needs options that our server has"),
    ("users", "with access=any the server sees one user only"),
    ("read-only", "needs a read-only form of the server (--readonly-server)"),
    ("xattr", "needs extended attributes below the export"),
    ("xattr-64k", "needs attribute values of 65536 bytes below the export"),
    ("repository", "needs a git checkout of the project"),
    ("coherent", "with cache=loose the client does not ask the server again"),
    ("cache=none", "needs cache=none"),
    ("transport=tcp", "needs transport=tcp"),
    ("program:git", "needs the program git"),
    ("kernel>=5.11", "needs Linux 5.11 or newer, this is 5.10"),
]


@pytest.mark.parametrize(("need", "reason"), NEEDS)
def test_needs(need: str, reason: str) -> None:
    """Each need is met where it is offered, and says why where it is not."""
    assert valid(need)
    assert unmet([need], ALL) is None
    assert unmet([need], NOTHING) == reason


def test_first_unmet_need_is_the_reason() -> None:
    """Of several unmet needs the first one is named."""
    assert unmet(["second-mount", "root", "xattr"], NOTHING) == "needs root"


def test_kernel_is_compared_by_number() -> None:
    """6.12 is newer than 6.4."""
    assert unmet(["kernel>=6.4"], replace(ALL, kernel=(6, 12))) is None


@pytest.mark.parametrize("need", ["roots", "cache", "kernel>=6", "program:", "xattr-32k"])
def test_unknown_needs(need: str) -> None:
    """A misspelled need is not valid."""
    assert not valid(need)
