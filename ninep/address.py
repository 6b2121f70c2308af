"""Addresses: `tcp://HOST:PORT`, `unix:///path`, `fd://N`, `exec:COMMAND`.

`HOST:PORT` alone means tcp; IPv6 addresses stand in brackets.  What leaves `parse` can be used: a
host that no resolver would take and a command with an open quote are refused here.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

DEFAULT = "tcp://127.0.0.1:5640"
TCP = re.compile(r"(?:tcp://)?(?:\[(?P<v6>[^]]+)\]|(?P<host>[^][:/]+)):(?P<port>\d{1,5})")
FORMS = {
    "tcp": "tcp://HOST:PORT",
    "unix": "unix:///path/to.sock",
    "fd": "fd://N",
    "exec": "exec:COMMAND",
}
LISTEN = ("tcp", "unix", "fd")
"""Kinds of address that a server listens on."""
CONNECT = (*LISTEN, "exec")
"""Kinds of address that a client connects to."""
FD = re.compile(r"//(\d{1,10})")
FD_MAX = (1 << 31) - 1
PORT_MAX = 0xFFFF


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


def parse(text: str, kinds: tuple[str, ...] = LISTEN) -> Address:
    """Read an address of one of these kinds.

    Errors: ValueError, saying what was wrong and which forms there are
    """
    try:
        found = _read(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is no address: {exc}") from None
    if found is None or found.kind not in kinds:
        *forms, last = (FORMS[kind] for kind in kinds)
        raise ValueError(f"{text!r} is no address: expected {', '.join(forms)} or {last}")
    return found


def _read(text: str) -> Address | None:
    kind, _, rest = text.partition(":")
    path = rest.removeprefix("//")
    if kind == "exec" and shlex.split(rest):
        return Address("exec", path=rest)
    if kind == "unix" and path and path != rest:
        return Address("unix", path=path)
    number = FD.fullmatch(rest)
    if kind == "fd" and number and int(number[1]) <= FD_MAX:
        return Address("fd", fd=int(number[1]))
    found = TCP.fullmatch(text)
    if found and int(found["port"]) > PORT_MAX:
        raise ValueError(f"the largest port is {PORT_MAX}")
    if found:
        return Address("tcp", host=found["v6"] or _host(found["host"]), port=int(found["port"]))
    return None


def _host(name: str) -> str:
    """Return a name that a resolver can be asked for."""
    try:
        name.encode("idna")
    except UnicodeError:
        raise ValueError("each part of a host name has 1 to 63 characters") from None
    return name
