"""results.json: its shape, and that it is all the other reports need."""

from __future__ import annotations

import functools
import json
import operator
from typing import Any, get_type_hints

import pytest

from ninep.conformance.check import results
from ninep.conformance.check.model import UsageError
from ninep.conformance.check.verdict import Broken

from .judged import HOSTILE, data, result

SHAPES = {
    "results": results.Result,
    "clauses": results.ClauseData,
    "dialects": results.DialectData,
}


def written(text: str = "Rlerror ENOENT") -> dict[str, Any]:
    """Write results and read them again as any program would."""
    found: dict[str, Any] = json.loads(results.to_json(data(text)))
    return found


def test_shape() -> None:
    """Every record has the fields that are documented, and no others."""
    whole = written()
    assert whole.keys() == get_type_hints(results.Results).keys()
    for name, shape in SHAPES.items():
        assert all(row.keys() == get_type_hints(shape).keys() for row in whole[name])
    failed = whole["results"][1]
    assert failed["broken"][0].keys() == get_type_hints(results.Breach).keys()
    assert failed["trace"][0].keys() == get_type_hints(results.Step).keys()


def test_a_run() -> None:
    """The head has what one needs to compare runs."""
    whole = written()
    head = {key: whole[key] for key in ("schema", "address", "seed", "exit_code", "rtt", "counts")}
    assert head == {
        "schema": 1,
        "address": "tcp://[::1]:5640",
        "seed": 7,
        "exit_code": 1,
        "rtt": 0.0002,
        "counts": {"fail": 1, "error": 1, "warn": 1, "pass": 1, "n-a": 1},
    }
    assert whole["started"] == "2027-01-15T08:00:00+00:00"


def test_a_failure() -> None:
    """A failure has clause, expected, observed, where it differs, and how to see it again."""
    failed = written()["results"][1]
    assert failed["broken"] == [
        {
            "clause": "walk.partial-result",
            "expected": "the number of qids: 2",
            "observed": "Rlerror ENOENT",
            "byte": 3,
            "tolerated": False,
        }
    ]
    assert failed["judged"] == {"walk.partial-result": "fail"}
    again = "ninep check 'tcp://[::1]:5640' --only 'walk/partial[2]' --dialect 9P2000.L"
    assert failed["reproduce"] == again


def test_a_trace() -> None:
    """Each message has its direction, its bytes and its words; the last one is the end."""
    trace = written()["results"][1]["trace"]
    assert [(s["direction"], s["size"], s["decoded"]) for s in trace] == [
        ("sent", 11, "Tclunk tag=1 fid=7"),
        ("received", 11, "Rlerror tag=1 ecode=9 (EBADF)"),
        ("received", 0, "the server closed the connection"),
    ]
    assert trace[0]["hex"] == "0b00000078010007000000"


def test_clauses_without_a_verdict_say_why() -> None:
    """Every clause of a server is there, and either judged or excused."""
    rows = written()["clauses"]
    assert all((row["verdict"] is None) == bool(row["why"]) for row in rows)
    verdicts = {row["id"]: row["verdict"] for row in rows}
    assert verdicts["walk.partial-result"] == "fail"
    assert verdicts["version.tag-echoed"] == "warn"
    assert verdicts["walk.symlink-unfollowed"] is None


def test_capabilities() -> None:
    """A capability has what was declared, what was found and on what evidence."""
    assert written()["dialects"][1]["capabilities"][1] == {
        "name": "write",
        "has": True,
        "declared": None,
        "evidence": "Rmkdir",
    }


def test_hostile_text_is_plain_ascii() -> None:
    """What a server says can be written and read anywhere."""
    assert results.to_json(data(HOSTILE)).isascii()


def test_read() -> None:
    """What was written is what is read."""
    assert results.read(results.to_json(data())) == data()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("seconds",), "x", ".seconds is 'x'"),
        (("clauses", 1, "source"), ..., r".clauses\[1\].source is missing"),
        (("counts",), {"pass": None}, ".counts.pass is None"),
        (("seed",), [], r".seed is \[\]"),
        (("dialects", 0), 5, r".dialects\[0\] is 5"),
    ],
)
def test_damaged_results(path: tuple[Any, ...], value: object, said: str) -> None:
    """What is missing or of another type is named by its place."""
    whole = json.loads(results.to_json(data()))
    *above, last = path
    part = functools.reduce(operator.getitem, above, whole)
    if value is ...:
        del part[last]
    else:
        part[last] = value
    with pytest.raises(UsageError, match=said):
        results.read(json.dumps(whole))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"suite": []}', "no results of ninep check"),
        ("{", "no JSON"),
        ("[]", "no results of ninep check"),
        ('{"suite": {"name": "ninep lab"}}', "no results of ninep check"),
        ('{"suite": {"name": "ninep check"}, "schema": 99}', "schema 99"),
    ],
)
def test_what_is_no_results_file(text: str, said: str) -> None:
    """Another file, or one of another schema, is refused with the reason."""
    with pytest.raises(UsageError, match=said):
        results.read(text)


def test_what_is_only_noted_is_a_warning() -> None:
    """A clause fails where the case broke off at it, not where another was noted on the way."""
    fails = Broken("walk.partial-result", "2 qids", "3")
    noted = Broken("error.rlerror-in-L", "Rlerror", "Rerror")
    one = result("walk/partial[2]", "fail", "", fails, noted)
    assert one.judged() == {"walk.partial-result": "fail", "error.rlerror-in-L": "warn"}
