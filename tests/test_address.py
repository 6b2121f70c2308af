"""Addresses as they are given at the prompt."""

from __future__ import annotations

import pytest

from ninep.address import Address, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp://127.0.0.1:5640", Address("tcp", "127.0.0.1", 5640)),
        ("localhost:0", Address("tcp", "localhost", 0)),
        ("[::1]:564", Address("tcp", "::1", 564)),
        ("tcp://[::1]:564", Address("tcp", "::1", 564)),
        ("unix:///run/9p.sock", Address("unix", path="/run/9p.sock")),
        ("fd://3", Address("fd", fd=3)),
        ("exec:u9fs -a none", Address("exec", path="u9fs -a none")),
    ],
)
def test_parse(text: str, expected: Address) -> None:
    """Each form is read, and written so that it can be read again."""
    assert expected == parse(text)
    assert expected == parse(str(expected))


@pytest.mark.parametrize(
    "text",
    ["", "tcp://", "5640", "host", "host:", "host:port", "::1:564", "tcp://h:65536", "h:1:2",
     "unix://", "fd://x", "fd://", "exec: ", "http://h:1", "tcp://[::1]564"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """It is refused, and the forms are named."""
    with pytest.raises(ValueError, match="expected tcp://HOST:PORT"):
        parse(text)
