"""The servers of a run: ours, one of `conformance/adapters/`, a command of the user's own, one that
runs already, or the one that QEMU has inside.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ninep.address import TCP, Address, parse

from ..adapters import Adapter, adapters
from . import commands

OURS, QEMU = "ninep", "qemu"
REMOTE = ("tcp", "unix")
"""Kinds of address that a server may run at."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One server: what people call it, its command, that of its read-only form, the mount's aname.

    Commands are word lists with the placeholders of `commands.fill`.
    """

    name: str
    command: tuple[str, ...]
    readonly: tuple[str, ...] | None = None
    aname: str = ""
    text: str = ""
    """What `--server` was."""
    address: Address | None = None
    """Where it runs already."""


def servings(texts: Sequence[str], readonly: str | None, aname: str) -> list[Serving]:
    """Return the servers that were asked for, ours if none was.  Errors: ValueError"""
    if readonly and len(texts) > 1:
        raise ValueError("--readonly-server is the form of one server, and there are several")
    if readonly and texts and not (texts[0] == OURS or " " in texts[0].strip()):
        raise ValueError(f"--readonly-server is the form of a command, and not of {texts[0]}")
    wanted = dict.fromkeys(texts or [OURS])
    return [replace(serving(text, readonly, aname), text=text) for text in wanted]


def serving(text: str, readonly: str | None, aname: str) -> Serving:
    """Return the server that a name or a command means.  Errors: ValueError"""
    if text == OURS:
        ours = commands.parse(commands.SERVER)
        return Serving(OURS, ours, commands.parse(readonly or commands.READONLY), aname)
    if text == QEMU:
        return Serving(QEMU, (QEMU,))
    if is_address(text):
        return Serving(text, (text,), None, aname, address=parse(text, REMOTE))
    known = {name: adapter for name, adapter in adapters().items() if can_be_named(adapter)}
    if text in known:
        adapter = known[text]
        if lacks := [program for program in adapter.needs if shutil.which(program) is None]:
            raise ValueError(f"--server {text}: the program {lacks[0]} is not installed")
        return Serving(text, adapter.command, None, aname or adapter.aname)
    if " " not in text.strip():
        known_names = " ".join([OURS, *known, QEMU])
        forms = f"a command with {{addr}} and {{root}}, an address, or {known_names}"
        raise ValueError(f"--server {text}: expected {forms}")
    form = commands.parse(readonly) if readonly else None
    command = commands.parse(text)
    name = next((w for w in command if not w.startswith(("{", "-"))), command[0])
    return Serving(name, command, form, aname)


def is_address(text: str) -> bool:
    """Say whether a text is meant as an address, well-formed or not."""
    return TCP.fullmatch(text) is not None or text.startswith(("tcp:", "unix:"))


def can_be_named(adapter: Adapter) -> bool:
    """Say whether a guest can run it: an installed program that needs no file of its own."""
    return bool(adapter.needs) and not adapter.pypi and not adapter.config
