"""The protocol as data: `spec/*.toml` read into frozen objects.

Everything else that knows a layout, a number or a rule of 9P takes it from here.  A table that
contradicts itself (an unknown type, a clause on an unknown message, two messages with one code) is
refused when it is loaded.

Source: `spec/README.md` says what each column means.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "_spec"
LEVELS = ("MUST", "SHOULD", "MAY")
ROLES = ("server", "client")
OBSERVABLE = ("wire", "kernel", "out-of-band", "untestable")
BASES = ("layout", "stated", "implied", "linux-client-relies", "de-facto", "our-choice")


class SpecError(ValueError):
    """The tables are not usable as they stand."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message or record, in wire order."""

    name: str
    type: str
    doc: str
    dialects: tuple[str, ...] = ()
    """Dialects that have the field; empty: all that have the message."""
    count: str | None = None
    """Name of the u16 that says how often the field follows."""
    max: str | None = None
    """Constant that bounds `count`."""
    length: str | None = None
    """Name of the u16 in front of a record that has its own size too."""
    lenient: tuple[int, ...] = ()
    """Wrong values of `length` that a reader must put up with."""
    absent: int | None = None
    """Value of a last field that older senders leave out."""
    holds: str | None = None
    """What a `data` field is a sequence of."""
    binds: bool = False
    """The request changes what this fid stands for."""

    def within(self, dialect: str) -> bool:
        """Say whether `dialect` has this field."""
        return not self.dialects or dialect in self.dialects


@dataclass(frozen=True, slots=True)
class WireType:
    """A type of the wire: an integer, counted bytes, a record, or another type's name."""

    name: str
    doc: str
    size: int | None = None
    """Bytes of an integer."""
    prefix: str | None = None
    """Integer type in front that counts the bytes that follow."""
    fields: tuple[Field, ...] = ()
    alias: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Where somebody's wire differs, or did."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message type."""

    name: str
    code: int
    dialects: tuple[str, ...]
    source: str
    doc: str
    synopsis: dict[str, str]
    """The manual's line, by dialect; transcribed apart from `fields`."""
    fields: tuple[Field, ...]
    flush: str = "wait"
    """What Tflush does to it while it runs: "wait" for its end, or "abandon" it."""
    history: tuple[History, ...] = ()

    @property
    def is_request(self) -> bool:
        """T-messages have even codes."""
        return self.code % 2 == 0

    def fields_in(self, dialect: str) -> tuple[Field, ...]:
        """Return the fields that `dialect` has, in wire order."""
        return tuple(f for f in self.fields if f.within(dialect))


@dataclass(frozen=True, slots=True)
class Reserved:
    """Message numbers that none of the three dialects uses."""

    first: int
    last: int
    status: str
    doc: str = ""
    name: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A version string and what is known of it."""

    name: str
    status: str
    doc: str
    source: str = ""
    error: str | None = None
    """The R-message that reports errors."""
    msize_min: int = 0
    """Smallest msize, in bytes, with which every message that must fit does."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with a name."""

    name: str
    value: int
    doc: str = ""
    source: str = ""
    dialects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Constants that belong together: alternatives (enum) or bits (flag)."""

    name: str
    kind: str
    doc: str
    values: tuple[Constant, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule of the protocol."""

    id: str
    level: str
    basis: str
    text: str
    source: str
    on: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    errno: str | None = None
    """What our server answers when the rule is broken; None: no error of its own."""
    deviation: str = ""
    role: str = "server"
    """Whose duty it is: server or client."""
    observable: str = "wire"
    """Where a breach can be seen: wire, kernel, out-of-band, untestable."""
    why: str = ""
    """Why it cannot be seen on the wire."""
    exact: bool = False
    """No other error than `errno` will do."""
    tolerates: tuple[str, ...] = ()
    """Other errors that are as good."""
    drop: bool = False
    """A server may also answer a breach by closing the connection."""

    @property
    def page(self) -> str:
        """The manual page it is filed under."""
        return self.id.partition(".")[0]

    def applies_in(self, spec: Spec) -> tuple[str, ...]:
        """Return the dialects in which it holds: its own, or those of the messages it is on."""
        on = {d for name in self.on for d in spec.messages[name].dialects}
        own = self.dialects or on or spec.standard
        return tuple(d for d in spec.standard if d in own)


@dataclass(frozen=True, slots=True)
class Spec:
    """All tables."""

    types: dict[str, WireType]
    messages: dict[str, Message]
    registry: tuple[Reserved, ...]
    dialects: dict[str, Dialect]
    scalars: dict[str, Constant]
    groups: dict[str, Group]
    errstrs: dict[str, str]
    clauses: dict[str, Clause]
    by_code: dict[int, Message] = field(init=False)

    def __post_init__(self) -> None:
        """Index the messages and refuse what contradicts itself."""
        object.__setattr__(self, "by_code", {m.code: m for m in self.messages.values()})
        for complaint in _complaints(self):
            raise SpecError(complaint)

    @property
    def standard(self) -> tuple[str, ...]:
        """The dialects whose messages are declared here."""
        return tuple(d.name for d in self.dialects.values() if d.status == "standard")

    def messages_of(self, dialect: str) -> list[Message]:
        """Return the messages of `dialect` in order of code."""
        return sorted((m for m in self.messages.values() if dialect in m.dialects), key=_code)

    def reply_to(self, request: Message) -> Message:
        """Return the R-message that answers a T-message."""
        return self.by_code[request.code + 1]

    def resolve(self, type_name: str) -> WireType:
        """Follow the names of a type to the type that has a layout."""
        wire = self.types[type_name]
        return self.resolve(wire.alias) if wire.alias else wire


def _code(message: Message) -> int:
    return message.code


def _complaints(spec: Spec) -> list[str]:
    """Say everything that dangles or collides, in people's words."""
    found = []
    if len(spec.by_code) != len(spec.messages):
        found.append("messages.toml: two messages have one code")
    for owner, f in _all_fields(spec):
        if f.type not in spec.types:
            found.append(f"{owner}.{f.name}: no type {f.type!r} in types.toml")
        if f.max is not None and f.max not in spec.scalars:
            found.append(f"{owner}.{f.name}: no constant {f.max!r} in constants.toml")
    found += _message_complaints(spec)
    found += _clause_complaints(spec)
    return found


def _message_complaints(spec: Spec) -> list[str]:
    found = []
    for m in spec.messages.values():
        found += [f"{m.name}: unknown dialect {d!r}" for d in m.dialects if d not in spec.dialects]
        if m.flush not in {"wait", "abandon"}:
            found.append(f"{m.name}: flush must be wait or abandon, not {m.flush!r}")
        if m.is_request and m.code + 1 not in spec.by_code:
            found.append(f"{m.name}: no reply with code {m.code + 1}")
    return found


def _clause_complaints(spec: Spec) -> list[str]:
    found = []
    errnos = {c.name for c in spec.groups["Errno"].values}
    for c in spec.clauses.values():
        found += [f"{c.id}: no message {name!r}" for name in c.on if name not in spec.messages]
        if c.errno is not None and c.errno not in errnos:
            found.append(f"{c.id}: no errno {c.errno!r} in constants.toml")
        if c.level not in LEVELS or c.basis not in BASES:
            found.append(f"{c.id}: level {c.level!r}, basis {c.basis!r} are not among the known")
        if c.role not in ROLES or c.observable not in OBSERVABLE:
            found.append(f"{c.id}: role {c.role!r}, observable {c.observable!r}: not known")
        if (c.observable == "wire") != (not c.why):
            found.append(f"{c.id}: `why` is for what cannot be seen on the wire, and only for that")
        found += [f"{c.id}: no errno {e!r}" for e in c.tolerates if e not in errnos]
    found += [f"errstr {t!r}: no errno {e!r}" for t, e in spec.errstrs.items() if e not in errnos]
    return found


def _all_fields(spec: Spec) -> list[tuple[str, Field]]:
    owners: list[WireType | Message] = [*spec.types.values(), *spec.messages.values()]
    return [(owner.name, f) for owner in owners for f in owner.fields]


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    """Turn the lists of a row into tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}


def _field(row: dict[str, Any]) -> Field:
    return Field(**_frozen(row))


def _type(name: str, row: dict[str, Any]) -> WireType:
    fields = tuple(_field(f) for f in row.pop("fields", ()))
    return WireType(name, alias=row.pop("is", None), fields=fields, **row)


def _message(name: str, row: dict[str, Any]) -> Message:
    dialects = tuple(row.pop("dialects"))
    synopsis = row.pop("synopsis")
    if isinstance(synopsis, str):
        synopsis = dict.fromkeys(dialects, synopsis)
    return Message(
        name,
        dialects=dialects,
        synopsis=synopsis,
        fields=tuple(_field(f) for f in row.pop("fields", ())),
        history=tuple(History(**h) for h in row.pop("history", ())),
        **row,
    )


def _constant(row: dict[str, Any]) -> Constant:
    return Constant(**_frozen(row))


def _group(row: dict[str, Any]) -> Group:
    return Group(values=tuple(_constant(v) for v in row.pop("values")), **row)


def _clauses(table: dict[str, Any]) -> dict[str, Clause]:
    return {
        f"{page}.{words}": Clause(
            f"{page}.{words}",
            **_frozen(row),
        )
        for page, rows in table.items()
        for words, row in rows.items()
    }


def _read(tables: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads((tables / name).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        msg = f"{tables / name}: {exc}"
        raise SpecError(msg) from exc


def load(tables: Path = TABLES) -> Spec:
    """Read the tables of a folder.

    Errors: SpecError (a file is missing, is no TOML, or names something that is not there)
    """
    messages = _read(tables, "messages.toml")
    constants = _read(tables, "constants.toml")
    try:
        return Spec(
            registry=tuple(Reserved(**r) for r in messages.pop("registry", ())),
            dialects={d["name"]: Dialect(**d) for d in messages.pop("dialect")},
            types={k: _type(k, v) for k, v in _read(tables, "types.toml").items()},
            messages={k: _message(k, v) for k, v in messages.items()},
            scalars={c["name"]: _constant(c) for c in constants["scalar"]},
            groups={g["name"]: _group(g) for g in constants["group"]},
            errstrs={e["text"]: e["errno"] for e in constants.get("errstr", ())},
            clauses=_clauses(_read(tables, "clauses.toml")),
        )
    except (KeyError, TypeError, AttributeError) as exc:
        msg = f"{tables}: a row lacks a column or has an unknown one: {exc}"
        raise SpecError(msg) from exc


@cache
def spec() -> Spec:
    """Return the tables that this package carries."""
    return load()
