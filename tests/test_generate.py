"""The generated files: in step with the tables, and all there is to do for a new message."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ninep import generate
from ninep.codec import Codec
from ninep.errors import CodecError
from ninep.schema import frame
from ninep.spec import TABLES, Spec, load

ROOT = Path(__file__).parents[1]
T, R = 240, 241
PAIR = f"""
[Tfrob]
code     = {T}
dialects = ["9P2000.L"]
source   = "tests/test_generate.py"
doc      = "Ask for something that nobody has"
synopsis = "size[4] Tfrob tag[2] fid[4] name[s] qid[13] count[4] data[count]"
flush    = "abandon"
fields   = [
  {{ name = "fid",  type = "fid",    doc = "what is meant" }},
  {{ name = "name", type = "string", doc = "what it is called | by us" }},
  {{ name = "qid",  type = "qid",    doc = "what it is" }},
  {{ name = "data", type = "data",   doc = "what it holds" }},
]

[Rfrob]
code     = {R}
dialects = ["9P2000.L"]
source   = "tests/test_generate.py"
doc      = "Return nothing that anybody wants."
synopsis = "size[4] Rfrob tag[2] nqid[2] nqid*(qid[13])"
fields   = [
  {{ name = "qid", type = "qid", count = "nqid", doc = "what there is" }},
]
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make tables with one pair of messages more, and everything that is generated from them."""
    top = tmp_path_factory.mktemp("frob")
    spec = shutil.copytree(TABLES, top / "spec")
    table = (spec / "messages.toml").read_text(encoding="utf-8")
    first = table.index("[[registry]]")
    table = table[:first] + PAIR.lstrip() + "\n" + without(table[first:])
    (spec / "messages.toml").write_text(table, encoding="utf-8")
    assert 0 == generate.main(["--spec", str(spec), "--out", str(top)])
    return top


def without(registry: str) -> str:
    """Cut the two numbers out of the range of free numbers that holds them."""
    found = re.search(r"first  = (\d+)\nlast   = 255\n", registry)
    assert found
    assert int(found[1]) <= T
    return registry.replace(found[0], f"first  = {found[1]}\nlast   = {T - 1}\n")


@pytest.fixture(scope="module")
def spec(tree: Path) -> Spec:
    """Return the tables with the new pair."""
    return load(tree / "spec")


@pytest.fixture(scope="module")
def messages(tree: Path) -> ModuleType:
    """Import the generated messages by path."""
    return imported(tree, "messages")


def imported(tree: Path, name: str) -> ModuleType:
    """Import a generated file by path."""
    loader = importlib.util.spec_from_file_location(f"frob_{name}", tree / "ninep" / f"{name}.py")
    assert loader
    assert loader.loader
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    return module


def frob(messages: ModuleType) -> Any:
    """Return a Tfrob."""
    return messages.Tfrob(5, b"name", messages.Qid(0x80, 7, 9), b"some data")


def test_nothing_is_stale() -> None:
    """What is checked in says what the tables say."""
    command = [sys.executable, "-m", "ninep.generate", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "", "") == (ran.returncode, ran.stdout, ran.stderr)


def test_a_new_message_has_a_class(messages: ModuleType) -> None:
    """One entry in the table: a class with its fields, its number and its documents."""
    t = frob(messages)
    assert isinstance(t, messages.TMessage)
    assert (T, R, ("fid", "name", "qid", "data")) == (t.code, messages.Rfrob.code, t.__slots__)
    for text in ("Ask for something that nobody has.", "count[4] data[count]", "what it is called"):
        assert text in (messages.Tfrob.__doc__ or "")
    assert "Tfrob(fid=5, name=b'name'," in repr(t)


def test_a_new_message_goes_over_the_wire(spec: Spec, messages: ModuleType) -> None:
    """The codec that is compiled from the new table encodes it and reads it back."""
    codec = Codec(spec, "9P2000.L", vars(messages))
    for message in (frob(messages), messages.Rfrob((messages.Qid(0, 1, 2),) * 3)):
        assert (77, message) == codec.decode(codec.encode(77, message))
    with pytest.raises(CodecError, match="unknown-type"):
        Codec(spec, "9P2000", vars(messages)).encode(77, frob(messages))


def test_construct_agrees(spec: Spec, messages: ModuleType) -> None:
    """construct builds the same bytes from the schema, and parses them to the same values."""
    data = Codec(spec, "9P2000.L", vars(messages)).encode(77, frob(messages))
    layout = frame(spec, spec.messages["Tfrob"], "9P2000.L")
    qid = {"type": 0x80, "version": 7, "path": 9}
    body = {"fid": 5, "name": b"name", "qid": qid, "data": b"some data"}
    assert data == layout.build({"tag": 77, "body": body})
    parsed = layout.parse(data)
    seen = parsed.body
    assert (T, 77, 5, b"name") == (parsed.code, parsed.tag, seen.fid, seen.name)
    assert ((0x80, 7, 9), b"some data") == (
        (seen.qid.type, seen.qid.version, seen.qid.path), seen.data,
    )  # fmt: skip


def test_the_bytes_are_those_of_the_synopsis(spec: Spec, messages: ModuleType) -> None:
    """size[4] Tfrob tag[2] fid[4] name[s] qid[13] count[4] data[count], written out."""
    wire = "31000000 f0 4d00 05000000 0400 6e616d65 80 07000000 0900000000000000 09000000"
    data = Codec(spec, "9P2000.L", vars(messages)).encode(77, frob(messages))
    assert bytes.fromhex(wire.replace("31", f"{len(data):02x}", 1)) + b"some data" == data


async def test_a_new_message_can_be_called(tree: Path) -> None:
    """A client has a coroutine for it, with its fields as arguments."""
    calls = imported(tree, "calls")
    sent = []

    class Client(calls.Calls):  # type: ignore[misc, name-defined]  # imported by path
        async def rpc(self, t: Any, reply: Any) -> Any:
            sent.append((t, reply))

    m = imported(tree, "messages")
    vars(calls)["m"] = m
    await Client().tfrob(5, b"name", m.Qid(0x80, 7, 9), b"some data")
    assert [(frob(m), m.Rfrob)] == sent
    assert "-> m.Rfrob:" in (tree / "ninep" / "calls.py").read_text(encoding="utf-8")


def test_a_new_message_is_documented(tree: Path) -> None:
    """It has its section, its fields and the way that Tflush treats it."""
    text = (tree / "docs" / "messages.md").read_text(encoding="utf-8")
    section = text.partition("## Tfrob\n")[2].partition("\n## ")[0]
    assert "Ask for something that nobody has. Number 240; 9P2000.L." in section
    assert "| name | string | what it is called \\| by us. |" in section
    assert "Tflush may abandon it" in section
    assert "| nqid\\*(qid) | qid | what there is. |" in text


def test_everything_else_is_as_before(tree: Path) -> None:
    """One entry changes nothing of the others."""
    for name in ("constants.py", "messages.py", "calls.py"):
        ours = (ROOT / "ninep" / name).read_text(encoding="utf-8").splitlines()
        theirs = (tree / "ninep" / name).read_text(encoding="utf-8").splitlines()
        added = [line for line in theirs if "frob" in line.lower()]
        assert set(ours) <= set(theirs)
        assert (name == "constants.py") == (added == [])


def test_the_check_tells_what_is_stale(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check names each file that differs or is missing, writes nothing and exits with 1."""
    out = tree / "out"
    arguments = ["--spec", str(tree / "spec"), "--out", str(out)]
    assert 1 == generate.main(["--check", *arguments])
    assert 4 == capsys.readouterr().out.count("stale: ")
    assert not out.exists()
    assert (0, 0) == (generate.main(arguments), generate.main(["--check", *arguments]))
    assert 4 == capsys.readouterr().out.count("wrote: ")
    (out / "docs" / "messages.md").write_text("changed", encoding="utf-8")
    assert 1 == generate.main(["--check", *arguments])
    assert "stale: docs/messages.md\n" == capsys.readouterr().out


def test_the_matrix_in_the_readme(tmp_path: Path) -> None:
    """A README that is there gets the support matrix between its markers, and keeps the rest."""
    readme = tmp_path / "README.md"
    readme.write_text("\n".join(["# Before", *generate.MATRIX, "after\n"]), encoding="utf-8")
    assert 0 == generate.main(["--out", str(tmp_path)])
    lines = readme.read_text(encoding="utf-8").splitlines()
    assert ("# Before", "after") == (lines[0], lines[-1])
    assert "| Twalk | served | served | served |" in lines
    assert "| Topen | served | served | – |" in lines
