"""Reaching a server, and what becomes of one that was started for it."""

from __future__ import annotations

import sys

import pytest

from ninep import connect
from ninep import dial as dial_module
from ninep.address import Address
from ninep.dial import dial
from ninep.errors import ConnectionLost


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("true", "closed the connection without speaking 9P; .* ended with exit status 0"),
        ("sh -c 'exit 7'", "without speaking 9P; the command has ended with exit status 7"),
        ("sh -c 'kill -9 $$'", "without speaking 9P; the command has ended with signal 9"),
        ("sh -c 'echo hello there; cat >/dev/null'", "a reply of 1819043176 bytes.* exit status 0"),
    ],
)
async def test_a_command_that_is_no_server(command: str, says: str) -> None:
    """The reason says that no 9P was spoken, and how the command ended."""
    with pytest.raises(ConnectionLost, match=says):
        async with connect(f"exec:{command}"):
            pass


async def test_a_server_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What exec: started is killed if it stays when its client leaves."""
    monkeypatch.setattr(dial_module, "PATIENCE", 0.01)
    with pytest.raises(ConnectionLost, match="gone; the command had to be killed"):
        async with dial(
            Address("exec", path=f'{sys.executable} -c "import time; time.sleep(600)"')
        ):
            raise ConnectionLost("gone")


async def test_no_such_command() -> None:
    """It is an error of the system, and nothing is left open."""
    with pytest.raises(FileNotFoundError):
        async with connect("exec:/nonexistent/command"):
            pass
