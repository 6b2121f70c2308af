"""Arguments at the prompt: what is wrong is named, with what was probably meant."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ninep.address import LISTEN, Address, parse
from ninep.constants import NONUNAME

STRING_MAX = 0xFFFF
"""Bytes of a string[s], whose length is a u16."""


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviation and looks for unknown names before anything else.

    argparse alone would take the value of an unknown option for a positional argument, and blame
    that.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what argparse takes."""
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, if every option and command is known."""
        given = sys.argv[1:] if args is None else args
        self._check(given)
        return super().parse_known_args(given, namespace)

    def _check(self, given: Iterable[str]) -> None:
        options = self._option_string_actions
        commands = [n for a in self._actions if isinstance(a.choices, Mapping) for n in a.choices]
        for argument in given:
            if argument == "--":
                return
            if is_option(argument):
                name = argument.partition("=")[0]
                if name not in options and (argument[1] == "-" or argument[:2] not in options):
                    self.error(f"unknown option {name}{meant(name, options)}")
            elif commands:
                if argument not in commands:
                    there_are = f"; there are {', '.join(commands)}"
                    self.error(
                        f"unknown command {argument}{meant(argument, commands) or there_are}"
                    )
                return


def is_option(argument: str) -> bool:
    """Say whether argparse takes an argument for an option; -1 and "-a b" are values."""
    dashed = argument.startswith("-") and not argument[1:2].isdigit()
    return dashed and len(argument) > 1 and " " not in argument.partition("=")[0]


def meant(name: str, known: Iterable[str]) -> str:
    """Ask for the known name that is most like `name`; "" if none is."""
    words = {word.lstrip("-"): word for word in known}  # dashes would make all options alike
    found = get_close_matches(name.lstrip("-"), words, 1)
    return f"; did you mean {words[found[0]]}?" if found else ""


def address(text: str, kinds: tuple[str, ...] = LISTEN) -> Address:
    """Read an address."""
    try:
        return parse(text, kinds)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def count(text: str) -> int:
    """Read how many there may be, at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 1")
    return int(text)


def uid(text: str) -> int:
    """Read a user's number."""
    if not text.isdecimal() or int(text) > NONUNAME:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 0 to {NONUNAME}")
    return int(text)


def seconds(text: str) -> float:
    """Read a time that ends."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds above 0")
    return found


def string(text: str) -> str:
    """Read what is to be a string of 9P."""
    length = len(os.fsencode(text))
    if length > STRING_MAX:
        raise argparse.ArgumentTypeError(f"{length} bytes: 9P has room for {STRING_MAX}")
    return text


def file(text: str) -> str:
    """Read the name of a local file."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name names no file")
    return text


def path(text: str) -> str:
    """Read a path, whose elements are to be strings of 9P."""
    for name in text.split("/"):
        string(name)
    return text
