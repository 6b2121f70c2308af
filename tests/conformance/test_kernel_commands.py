"""Server commands with placeholders."""

from __future__ import annotations

import pytest

from ninep.conformance.kernel.commands import READONLY, SERVER, fill, parse


def test_fill() -> None:
    """Placeholders are filled, other braces stay, blanks in a value split nothing."""
    words = parse("serve --at {addr} --plain={endpoint} {root} '{other} x'")
    filled = fill(words, addr="tcp://127.0.0.1:5640", root="/a b", python="py")
    assert filled == [
        "serve",
        "--at",
        "tcp://127.0.0.1:5640",
        "--plain=127.0.0.1:5640",
        "/a b",
        "{other} x",
    ]


def test_defaults() -> None:
    """Our own server is read-only unless it is told otherwise."""
    assert parse(SERVER) == (*parse(READONLY), "--rw", "--devices", "--set-id", "--trusted")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("", "empty"),
        ("serve {root}", "addr"),
        ("serve {addr}", "root"),
        ("serve '{root} {addr}", "quotation"),
    ],
)
def test_useless_commands(template: str, reason: str) -> None:
    """A command that cannot work is refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        parse(template)
