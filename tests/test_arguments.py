"""Arguments that are wrong, and what is said of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from ninep.arguments import Parser, address, file, path, seconds, string, uid


@pytest.fixture
def parser() -> Parser:
    """Return a parser with an option and a command that has more."""
    top = Parser(prog="top")
    top.add_argument("--loud", action="store_true")
    sub = top.add_subparsers(required=True, metavar="COMMAND").add_parser("play")
    sub.add_argument("what", nargs="?", choices=["on", "off"])
    sub.add_argument("-v", "--volume")
    return top


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--lowd play", "top: error: unknown option --lowd; did you mean --loud?"),
        ("plaj", "top: error: unknown command plaj; did you mean play?"),
        ("frobnicate", "top: error: unknown command frobnicate; there are play"),
        ("play --kernel nope", "top play: error: unknown option --kernel\n"),
        ("play --volum 5", "unknown option --volum; did you mean --volume?"),
        ("play --volum=5", "unknown option --volum; did you mean --volume?"),
        ("play -x", "unknown option -x\n"),
        ("--good play", "unknown option --good\n"),
        ("play nope", "argument what: invalid choice: 'nope'"),
    ],
)
def test_unknown_names(
    parser: Parser, given: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is unknown is named, with what is most like it; exit 2."""
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(given.split())
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("given", ["--loud play on --volume -1", "play -v5", "play -- on"])
def test_known_names(parser: Parser, given: str) -> None:
    """A number is a value, a short option may have its value behind it, -- ends the options."""
    parser.parse_args(given.split())


def test_a_value_with_a_space(parser: Parser) -> None:
    """It is no option, whatever it begins with."""
    assert parser.parse_args(["play", "-v", "-a b"]).volume == "-a b"


def test_arguments_of_the_process(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are taken unless others are given."""
    monkeypatch.setattr("sys.argv", ["top", "play", "off"])
    assert parser.parse_args().what == "off"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (address, "nowhere"),
        (address, "exec:true"),
        (uid, "-1"),
        (uid, "4294967296"),
        (uid, "root"),
        (seconds, "0"),
        (seconds, "-1"),
        (seconds, "soon"),
        (seconds, "nan"),
        (seconds, "inf"),
        (string, "x" * 65536),
        (path, "/a/" + "x" * 65536),
        (file, ""),
    ],
)
def test_values_that_cannot_be(read: Callable[[str], object], text: str) -> None:
    """They are refused with what was expected."""
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [(uid, "4294967295", 0xFFFFFFFF), (seconds, "0.5", 0.5), (string, "x/y", "x/y"),
     (path, "x" * 65535 + "/y", "x" * 65535 + "/y")],
)  # fmt: skip
def test_values(read: Callable[[str], object], text: str, value: object) -> None:
    """The largest that there are."""
    assert value == read(text)
