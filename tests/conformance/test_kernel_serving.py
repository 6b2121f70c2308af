"""Which servers a run has."""

from __future__ import annotations

import pytest

from ninep.conformance.kernel import commands
from ninep.conformance.kernel.serving import Serving, servings

COMMAND = "srv -l {endpoint} {root}"


def test_ours_by_default() -> None:
    """Without a word it is our own, with its read-only form."""
    (one,) = servings([], None, "")
    assert (one.name, one.command) == ("ninep", commands.parse(commands.SERVER))
    assert one.readonly == commands.parse(commands.READONLY)


def test_names_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name stands for an adapter, with its aname; that of a command is its program."""
    monkeypatch.setattr("shutil.which", str)
    found = servings(["diod", COMMAND, COMMAND, f"{COMMAND} -x"], None, "")
    assert [one.name for one in found] == ["diod", "srv", "srv"]
    assert [one.text for one in found] == ["diod", COMMAND, f"{COMMAND} -x"]
    assert [one.aname for one in found] == ["{root}", "", ""]
    assert {one.readonly for one in found} == {None}
    (one,) = servings([COMMAND], "srv -r {addr} {root}", "x")
    assert (one.name, one.aname) == ("srv", "x")
    assert one.readonly == ("srv", "-r", "{addr}", "{root}")


@pytest.mark.parametrize(
    ("texts", "readonly", "said"),
    [
        (["diod"], None, "the program diod is not installed"),
        (["ganesha"], None, "or ninep diod"),
        (["srv {root}"], None, "needs"),
        ([COMMAND, "ninep"], COMMAND, "there are several"),
    ],
)
def test_what_is_none(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], readonly: str | None, said: str
) -> None:
    """What cannot be run here is refused, with what there is."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ValueError, match=said):
        servings(texts, readonly, "")


def test_host_and_port() -> None:
    """Adapters want them apart."""
    filled = commands.fill(("{host}", "{port}"), addr="tcp://127.0.0.1:5640", root="", python="")
    assert filled == ["127.0.0.1", "5640"]


def test_the_one_inside_qemu() -> None:
    """It has a name and no command."""
    assert servings(["qemu"], None, "") == [Serving("qemu", ("qemu",), text="qemu")]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5640", "tcp://127.0.0.1:5640"),
        ("tcp://[::1]:564", "tcp://[::1]:564"),
        ("unix:///run/9p.sock", "unix:///run/9p.sock"),
    ],
)
def test_one_that_runs_already(text: str, address: str) -> None:
    """An address is a server, with the aname of the mount."""
    (one,) = servings([text], None, "data")
    assert (one.name, str(one.address), one.aname) == (text, address, "data")


@pytest.mark.parametrize("text", ["tcp://host", "unix://", "1.2.3.4:99999", "tcp:x"])
def test_an_address_that_is_none(text: str) -> None:
    """What is meant as an address and is none is refused as that."""
    with pytest.raises(ValueError, match="is no address"):
        servings([text], None, "")
