"""Server commands: words with placeholders, filled for one address and one exported directory.

`{addr}`      tcp://127.0.0.1:5640 or unix:///run/lab/9p.sock
`{endpoint}`  the same without its scheme, for servers that want it so
`{host}`      the host of a tcp address, and `{port}` its port
`{root}`      the exported directory
`{python}`    the interpreter that runs the lab
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

READONLY = "{python} -m ninep serve {root} --listen {addr}"
SERVER = f"{READONLY} --rw --devices --set-id --trusted"
KNOWN = ("addr", "endpoint", "host", "port", "root", "python")
ADDRESS = ("{addr}", "{endpoint}", "{port}")


def parse(template: str) -> tuple[str, ...]:
    """Split a command; ValueError says what is wrong with it."""
    try:
        words = tuple(shlex.split(template))
    except ValueError as problem:
        raise ValueError(f"the server command {template!r}: {problem}") from None
    if not words:
        raise ValueError("the server command is empty")
    if "{root}" not in template or not any(name in template for name in ADDRESS):
        raise ValueError("the server command needs {root} and {addr} (or {endpoint})")
    return words


def fill(words: Iterable[str], *, addr: str, root: str, python: str) -> list[str]:
    """Put the values in; a value with blanks stays one word."""
    endpoint = addr.partition("://")[2]
    host, _, port = endpoint.rpartition(":")
    values = {"addr": addr, "endpoint": endpoint, "host": host, "port": port}
    values |= {"root": root, "python": python}
    return [replace(word, values) for word in words]


def replace(word: str, values: dict[str, str]) -> str:
    """Replace the known placeholders and leave any other brace alone."""
    for name in KNOWN:
        word = word.replace("{" + name + "}", values[name])
    return word
