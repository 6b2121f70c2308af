"""The tables agree with each other and with the manual's synopsis lines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ninep.spec import TABLES, Field, Message, SpecError, load, spec

SPEC = spec()
PAIRS = [(m, d) for m in SPEC.messages.values() for d in m.dialects]


def width(type_name: str) -> str:
    """Return the bracketed size of a type as a synopsis writes it."""
    wire = SPEC.resolve(type_name)
    if wire.size:
        return f"[{wire.size}]"
    if wire.name == "qid":
        return "[13]"
    return "[s]"


def rendered(f: Field) -> str:
    """Write one field as a synopsis does."""
    if f.type == "data":
        return f"count[4] {f.name}[count]"
    if f.length:
        return f"{f.length}[2] {f.name}[{f.length}]"
    if f.count:
        return f"{f.count}[2] {f.count}*({f.name}{width(f.type)})"
    return f"{f.name}{width(f.type)}"


@pytest.mark.parametrize(("message", "dialect"), PAIRS, ids=lambda v: getattr(v, "name", v))
def test_fields_render_to_the_synopsis(message: Message, dialect: str) -> None:
    """Two transcriptions of one layout agree."""
    fields = "".join(f" {rendered(f)}" for f in message.fields_in(dialect))
    assert message.synopsis[dialect] == f"size[4] {message.name} tag[2]{fields}"


def test_every_number_is_a_message_or_registered() -> None:
    """Each of the 256 type numbers is accounted for."""
    registered = {n for r in SPEC.registry for n in range(r.first, r.last + 1)}
    assert set(range(256)) == registered | set(SPEC.by_code)


def test_a_reply_has_the_number_after_its_request() -> None:
    """T and R names belong together, except for the two error replies."""
    for m in SPEC.messages.values():
        if m.is_request:
            assert SPEC.reply_to(m).name == "R" + m.name[1:]


EDITS = [
    ("messages.toml", 'name = "ecode", type = "u32"', 'name = "ecode", type = "u33"', "u33"),
    ("messages.toml", "code     = 12\n", "code     = 8\n", "one code"),
    ("messages.toml", 'max = "MAXWELEM"', 'max = "MAXWALK"', "MAXWALK"),
    ("messages.toml", 'flush    = "abandon"', 'flush    = "forget"', "forget"),
    ("messages.toml", "code     = 9\n", "code     = 239\n", "no reply"),
    ("messages.toml", 'dialects = ["9P2000.L"]', 'dialects = ["9P2001"]', "9P2001"),
    ("messages.toml", "[Tstatfs]", "[Tstatfs", "messages.toml"),
    ("messages.toml", "code     = 12\n", "cod      = 12\n", "column"),
    ("clauses.toml", 'level = "MUST"', 'level = "OUGHT"', "OUGHT"),
    ("clauses.toml", 'errno = "EBADF"', 'errno = "EBAD"', "EBAD"),
    ("clauses.toml", 'on = ["Twalk"]', 'on = ["Tstroll"]', "Tstroll"),
    ("clauses.toml", 'role = "client"', 'role = "nobody"', "nobody"),
    ("clauses.toml", 'role = "client"', 'observable = "kernel"', "why"),
    ("clauses.toml", 'role = "client"', 'observable = "dream"', "dream"),
    ("clauses.toml", 'role = "client"', 'tolerates = ["ENO"]', "ENO"),
    ("constants.toml", 'errno = "ENOENT"', 'errno = "ENO"', "ENO"),
]


@pytest.mark.parametrize(("table", "old", "new", "complaint"), EDITS)
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, table: str, old: str, new: str, complaint: str
) -> None:
    """What dangles or collides is named when the tables are loaded."""
    tables = shutil.copytree(TABLES, tmp_path / "spec")
    text = (tables / table).read_text(encoding="utf-8")
    squeezed = " ".join(old.split())
    lines = [line if squeezed not in " ".join(line.split()) else new_line(line, old, new)
             for line in text.splitlines()]  # fmt: skip
    assert lines != text.splitlines()
    (tables / table).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SpecError, match=complaint):
        load(tables)


def new_line(line: str, old: str, new: str) -> str:
    """Replace in a line whose columns may be aligned with blanks."""
    return " ".join(line.split()).replace(" ".join(old.split()), new.strip())


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    """An absent file is a SpecError that says which."""
    with pytest.raises(SpecError, match=r"messages\.toml"):
        load(tmp_path)
