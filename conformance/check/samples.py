"""A message of every kind, made from the tables: for families of cases about all of them.

A new message in `spec/messages.toml` is in every such family by itself.
"""

from __future__ import annotations

from typing import Any

from ninep import messages as m
from ninep.constants import NOFID, NONUNAME
from ninep.messages import Message, Qid
from ninep.spec import Field, spec

from .speech import UNTOUCHED

SPEC = spec()
REQUESTS = tuple(one.name for one in SPEC.messages.values() if one.is_request)
REPLIES = tuple(one.name for one in SPEC.messages.values() if not one.is_request)
NAME = b"sample"
MSIZE = 8192
QID = Qid(0, 0, 0)
RECORDS = {"qid": QID, "stat": UNTOUCHED}
BY_TYPE = {"string": NAME, "data": NAME, "uid": NONUNAME, "gid": NONUNAME}


def dialects(name: str, field: str = "") -> tuple[str, ...]:
    """Return the dialects that have a message, and that field of it if one is named."""
    message = SPEC.messages[name]
    within = [f for f in message.fields if f.name == field]
    return tuple(d for d in message.dialects if all(f.within(d) for f in within))


def elsewhere(name: str) -> tuple[str, ...]:
    """Return the dialects that do not have a message."""
    return tuple(d for d in SPEC.standard if d not in dialects(name))


def message(name: str, fid: int, newfid: int, /, **given: Any) -> Message:
    """Return a well-formed message: `fid` wherever a fid is named, `newfid` where one is made.

    `given` are fields that are to have other values.
    """
    made = {f.name: value(name, f, fid, newfid) for f in SPEC.messages[name].fields}
    found: Message = getattr(m, name)(**made | given)
    return found


def value(name: str, f: Field, fid: int, newfid: int) -> Any:
    """Return what stands in one field."""
    if f.name == "afid":
        return newfid if name == "Tauth" else NOFID
    if f.type == "fid":
        return newfid if makes(name, f) else fid
    if name == "Tversion":
        return MSIZE if f.name == "msize" else NAME
    one = RECORDS.get(f.type, BY_TYPE.get(f.type, 0))
    return (one,) if f.count else one


def makes(name: str, f: Field) -> bool:
    """Say whether a field is a fid that the request is to make."""
    return f.name in ("newfid", "afid") or (name == "Tattach" and f.name == "fid")


def used_fids() -> list[str]:
    """Return `message.field` for every fid that a request is to work on."""
    return [
        f"{name}.{f.name}"
        for name in REQUESTS
        for f in SPEC.messages[name].fields
        if f.type == "fid" and not makes(name, f)
    ]


def counted() -> list[str]:
    """Return `message.field` for every field of a request that has its length in front."""
    return [
        f"{name}.{f.name}"
        for name in REQUESTS
        for f in SPEC.messages[name].fields
        if f.type in ("string", "data")
    ]


def shortest(name: str, dialect: str, whole: int) -> int:
    """Return how short a message of `whole` bytes may be where older senders end it sooner."""
    last = SPEC.messages[name].fields_in(dialect)[-1:]
    return whole - sum(SPEC.resolve(f.type).size or 0 for f in last if f.absent is not None)


def message_of(name: str) -> str:
    """Return the message in a label `message.field`."""
    return name.partition(".")[0]
