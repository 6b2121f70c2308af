"""Addresses as they are given at the prompt."""

from __future__ import annotations

import pytest

from ninep.address import CONNECT, LISTEN, Address, parse


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
    assert expected == parse(text, CONNECT)
    assert expected == parse(str(expected), CONNECT)


@pytest.mark.parametrize(
    "text",
    ["", "tcp://", "5640", "host", "host:", "host:port", "::1:564", "h:1:2",
     "unix://", "unix:/s", "fd://x", "fd://", "fd:3/", "fd://99999999999", "exec: ", "exec:u9fs",
     "http://h:1", "tcp://[::1]564", "fd://" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    """It is refused, and the forms are named."""
    with pytest.raises(ValueError, match=r"expected tcp://HOST:PORT, unix:\S+ or fd://N$"):
        parse(text)


@pytest.mark.parametrize(("kinds", "last"), [(LISTEN, "or fd://N"), (CONNECT, "or exec:COMMAND")])
def test_the_forms_fit_the_use(kinds: tuple[str, ...], last: str) -> None:
    """A command can be connected to, and not listened on."""
    with pytest.raises(ValueError, match=f"{last}$"):
        parse("nowhere", kinds)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tcp://h:65536", "the largest port is 65535"),
        ("foo..bar:5640", "1 to 63 characters"),
        (f"tcp://{'x' * 70}.com:0", "1 to 63 characters"),
        ("exec:foo 'bar", "No closing quotation"),
        ("exec:foo \\", "No escaped character"),
    ],
)
def test_what_cannot_be_used(text: str, says: str) -> None:
    """A form that is right with something in it that no resolver or shell would take."""
    with pytest.raises(ValueError, match=f"is no address: .*{says}"):
        parse(text, CONNECT)
