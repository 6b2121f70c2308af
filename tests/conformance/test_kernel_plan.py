"""Which scripts run in which cells."""

from __future__ import annotations

from ninep.conformance.kernel.catalog import Script
from ninep.conformance.kernel.model import Cell, Planned
from ninep.conformance.kernel.plan import (
    all_cells,
    by_address,
    by_device,
    chosen_plan,
    default_plan,
    longest_first,
)


def script(name: str, *needs: str, short: bool = False, deadline: float = 0.0) -> Script:
    """Make a script without checks."""
    return Script(name, name, needs, short, False, deadline, False, None, ())


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
    plan = chosen_plan(SCRIPTS[:1], ["tcp", "unix", "tcp"], [], [4096, 65536], [])
    assert [planned.cell for planned in plan] == [
        Cell("tcp", "none", 4096),
        Cell("tcp", "none", 65536),
        Cell("unix", "none", 4096),
        Cell("unix", "none", 65536),
    ]
    assert {planned.scripts for planned in plan} == {("01_a",)}


def test_all_cells() -> None:
    """Everything is every value of every part, in which one script stands."""
    plan = all_cells(SCRIPTS[:1])
    assert len({planned.cell.name for planned in plan}) == len(plan) == 4 * 3 * 3 * 3
    assert Cell("fd", "readahead", 65536, "any") in [planned.cell for planned in plan]
    assert {planned.cell.needs for planned in plan} == {(), ("kernel>=6.4",)}


def test_longest_first() -> None:
    """Scripts that may take long begin before the others, which keep their order."""
    long = [script("05_e", deadline=60.0), script("06_f", deadline=90.0)]
    known = {script.name: script for script in [*SCRIPTS, *long]}
    cells = (Planned(Cell(), tuple(known)), Planned(Cell("unix"), ("01_a", "05_e")))
    assert longest_first(cells, known.__getitem__) == (
        Planned(Cell(), ("06_f", "05_e", "01_a", "02_b", "03_c", "04_d")),
        Planned(Cell("unix"), ("05_e", "01_a")),
    )


def test_a_device_has_no_transport() -> None:
    """Cells that differ in it alone become one, with the scripts of all."""
    cells = (
        Planned(Cell(), ("a", "b")),
        Planned(Cell("unix"), ("b", "c")),
        Planned(Cell(cache="mmap"), ("d",)),
    )
    assert by_device(cells) == (
        Planned(Cell("virtio"), ("a", "b", "c")),
        Planned(Cell("virtio", "mmap"), ("d",)),
    )


def test_no_path_leads_out_of_a_guest() -> None:
    """For a server elsewhere a unix cell is a tcp cell; the others stay."""
    cells = (
        Planned(Cell(), ("a", "b")),
        Planned(Cell("unix"), ("b", "c")),
        Planned(Cell("fd"), ("d",)),
    )
    assert by_address(cells) == (Planned(Cell(), ("a", "b", "c")), Planned(Cell("fd"), ("d",)))
