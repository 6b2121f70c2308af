"""Which scripts run in which cells."""

from __future__ import annotations

from ninep.conformance.kernel.catalog import Script
from ninep.conformance.kernel.model import Cell, Planned
from ninep.conformance.kernel.plan import chosen_plan, default_plan


def script(name: str, *needs: str, short: bool = False) -> Script:
    """Make a script without checks."""
    return Script(name, name, needs, short, 0.0, None, ())


SCRIPTS = [
    script("01_a", short=True),
    script("02_b", "cache=none"),
    script("03_c", "cache=mmap"),
    script("04_d", "root"),
]


def test_default_plan() -> None:
    """All over tcp, the short ones over unix, and a cell for each other cache that is needed."""
    assert default_plan(SCRIPTS) == (
        Planned(Cell(), ("01_a", "02_b", "04_d")),
        Planned(Cell(transport="unix"), ("01_a",)),
        Planned(Cell(cache="mmap"), ("03_c",)),
    )


def test_default_plan_has_no_empty_cells() -> None:
    """A cell in which nothing runs is not mounted."""
    assert default_plan(SCRIPTS[3:]) == (Planned(Cell(), ("04_d",)),)


def test_chosen_plan_is_the_product() -> None:
    """What was asked for is combined; what was not keeps its default; repetition is harmless."""
    plan = chosen_plan(SCRIPTS[:1], ["tcp", "unix", "tcp"], [], [4096, 65536])
    assert [planned.cell for planned in plan] == [
        Cell("tcp", "none", 4096),
        Cell("tcp", "none", 65536),
        Cell("unix", "none", 4096),
        Cell("unix", "none", 65536),
    ]
    assert {planned.scripts for planned in plan} == {("01_a",)}
