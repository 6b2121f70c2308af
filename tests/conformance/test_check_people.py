"""Text for people: lines, pages of failures, sums."""

from __future__ import annotations

import pytest

from ninep.conformance.check import people
from ninep.conformance.check.results import Result
from ninep.conformance.text import plain

from .judged import HOSTILE, L, data


def page(result: Result, *, everything: bool = False) -> str:
    """Return the page of a result."""
    clauses = {c["id"]: c for c in data()["clauses"]}
    return "\n".join(people.failure([result], clauses, plain, everything=everything))


def test_header() -> None:
    """The address, each dialect, the timing and the number of cases."""
    assert people.header(data()) == [
        "server   tcp://[::1]:5640",
        "dialect  9P2000    no: Rlerror ENOENT",
        "dialect  9P2000.L  msize 65536",
        "timing   round trip 0.20 ms, a reply has 2.0 s, seed 7",
        "cases    6",
        "",
    ]


def test_lines() -> None:
    """A line has verdict, case, dialect and reason."""
    lines = [people.result_line(result, plain).split(maxsplit=3) for result in data()["results"]]
    came = "got Rlerror ENOENT"
    assert lines == [
        ["PASS", "walk/clone", L],
        [
            "FAIL",
            "walk/partial[2]",
            L,
            f"walk.partial-result: expected the number of qids: 2; {came}",
        ],
        ["ERROR", "walk/dot", L, "Rlerror ENOENT"],
        ["N-A", "walk/to-symlink", L, "no symlink: Rlerror ENOENT"],
        ["WARN", "version/other-tag", L, f"version.tag-echoed: expected 5; {came}"],
    ]


def test_a_failure() -> None:
    """The page has clause, level, basis, source, both sides, the difference, bytes and command."""
    text = page(data()["results"][1])
    for expected in (
        "FAIL  walk/partial[2]  in 9P2000.L",
        "walk.partial-result  MUST, stated",
        "walk(5)",
        "expected  the number of qids: 2",
        "got       Rlerror ENOENT",
        "first difference at byte 3",
        "1.1 ms → Tclunk tag=1 fid=7",
        "0b000000 78 0100 07000000",
        "2.2 ms ← Rlerror tag=1 ecode=9 (EBADF)",
        "again: ninep check 'tcp://[::1]:5640' --only 'walk/partial[2]' --dialect 9P2000.L",
    ):
        assert expected in text


def test_long_traces_are_cut() -> None:
    """Only the last messages are shown, unless all are asked for."""
    result = data()["results"][1]
    result["trace"] *= 10
    assert "… 18 messages before these: -v shows them" in page(result)
    assert "before these" not in page(result, everything=True)


def test_long_messages_are_cut() -> None:
    """What is not shown of a message is counted, also what was not kept."""
    step = data()["results"][1]["trace"][0]
    step["size"] = 1000
    assert people.step_hex(step, 64).endswith("07000000 … (989 more bytes)")


def test_what_says_the_same_shares_a_page() -> None:
    """One defect that many cases show does not fill the screen, unless all is asked for."""
    results = data()["results"]
    results.append({**results[1], "case": "walk/partial[3]"})
    fail, error, warn = people.pages_worth(results, everything=False)
    assert [r["verdict"] for r in (*fail, *error, *warn)] == ["fail", "fail", "error", "warn"]
    assert len(list(people.pages_worth(results, everything=True))) == 4
    clauses = {c["id"]: c for c in data()["clauses"]}
    lines = people.failure(fail, clauses, plain, everything=False)
    assert lines[-2:] == ["  the same in: walk/partial[3] in 9P2000.L", ""]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ((2, 10, 100), ""),
        ((10, 90, 100), ""),
        ((10, 50, 100), "  10 s left"),
        ((60, 10, 100), "  9 min left"),
    ],
)
def test_time_left(run: tuple[float, int, int], said: str) -> None:
    """It is said when it is known and not over at once."""
    assert people.time_left(*run) == said


def test_summary() -> None:
    """What is missing with its evidence, a table of pages, sums, the meaning of the exit code."""
    assert people.summary(data(), plain)[:-2] == [
        "not found in 9P2000.L",
        "  xattr      Rlerror ENOENT",
        "",
        "page       pass    warn    fail   error     n-a",
        "version       ·       1       ·       ·       ·",
        "walk          1       ·       1       1       1",
        "",
        *people.clause_sums(data()),
    ]
    assert people.summary(data(), plain)[-2:] == [
        "results  1 fail, 1 error, 1 warn, 1 pass, 1 n-a  in 1.5 s",
        "verdict  does not conform, or is not known to (exit 1)",
    ]


def test_nothing_acts_on_a_terminal() -> None:
    """Whatever a server says is shown and not obeyed."""
    hostile = data(HOSTILE)
    lines = [*people.header(hostile), *people.summary(hostile, plain)]
    lines += [people.result_line(result, plain) for result in hostile["results"]]
    lines += [line for r in hostile["results"] for line in page(r).split("\n")]
    assert [line for line in lines if not line.isprintable()] == []
