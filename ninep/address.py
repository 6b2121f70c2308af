"""Addresses: `tcp://HOST:PORT`, `unix:///path`, `fd://N`, `exec:COMMAND`.

`HOST:PORT` alone means tcp; IPv6 addresses stand in brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT = "tcp://127.0.0.1:5640"
TCP = re.compile(r"(?:tcp://)?(?:\[(?P<v6>[^]]+)\]|(?P<host>[^][:/]+)):(?P<port>\d{1,5})")
FORMS = "tcp://HOST:PORT, unix:///path/to.sock or fd://N"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to connect."""

    kind: str
    """tcp, unix, fd or exec"""
    host: str = ""
    port: int = 0
    path: str = ""
    """Socket path, or the command line of exec."""
    fd: int = -1

    def __str__(self) -> str:
        """Write the address as it is given at the prompt."""
        if self.kind == "tcp":
            return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else self._plain()
        if self.kind == "fd":
            return f"fd://{self.fd}"
        return f"unix://{self.path}" if self.kind == "unix" else f"exec:{self.path}"

    def _plain(self) -> str:
        return f"tcp://{self.host}:{self.port}"


def parse(text: str) -> Address:
    """Read an address.

    Errors: ValueError, saying what was wrong and which forms there are
    """
    if text.startswith("unix://") and len(text) > len("unix://"):
        return Address("unix", path=text.removeprefix("unix://"))
    if text.startswith("fd://") and text.removeprefix("fd://").isdecimal():
        return Address("fd", fd=int(text.removeprefix("fd://")))
    if text.startswith("exec:") and text.removeprefix("exec:").strip():
        return Address("exec", path=text.removeprefix("exec:"))
    found = TCP.fullmatch(text)
    if found and int(found["port"]) <= 0xFFFF:  # noqa: PLR2004  the largest port
        return Address("tcp", host=found["v6"] or found["host"], port=int(found["port"]))
    msg = f"{text!r} is no address: expected {FORMS}"
    raise ValueError(msg)
