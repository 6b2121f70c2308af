"""What is built holds everything once: tables and conformance scripts inside the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSIDE = {"spec": "ninep/_spec", "conformance": "ninep/conformance"}
"""Folders of the tree and where the package has them."""


def build(target: str, tree: Path, out: Path) -> Path:
    """Build a wheel or sdist with what is installed here: no network, no other environment."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


def names(wheel: Path) -> list[str]:
    """Return the paths in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def expected() -> set[str]:
    """Return the paths that the package must have, from the tree."""
    files = [p.relative_to(ROOT) for p in (ROOT / "ninep").rglob("*") if p.is_file()]
    paths = {str(p) for p in files if p.parts[1] not in {"_spec", "conformance"}}
    for folder, inside in INSIDE.items():
        found = (p for p in (ROOT / folder).rglob("*") if p.is_file())
        paths |= {f"{inside}/{p.relative_to(ROOT / folder)}" for p in found}
    return {p for p in paths if "__pycache__" not in p}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tree."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and unpack it."""
    sdist = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run([sys.executable, "-m", "tarfile", "-e", str(sdist), str(folder)], check=True)
    (tree,) = folder.iterdir()
    return tree


def test_everything_is_in_the_wheel_once(wheel: Path) -> None:
    """Every file of the package, the tables and the scripts; nothing else but the metadata."""
    content = [name for name in names(wheel) if ".dist-info/" not in name]
    assert sorted(expected()) == sorted(content)
    assert {"ninep/_spec/clauses.toml", "ninep/py.typed"} <= set(content)
    assert "ninep/conformance/kernel/guest/init.sh" in content


def test_no_generic_import_names(wheel: Path) -> None:
    """Nobody gets a top-level `spec`, `conformance` or `tests`."""
    assert {"ninep", "ninep-0.1.0.dist-info"} == {name.split("/")[0] for name in names(wheel)}


def test_links_become_files(unpacked: Path) -> None:
    """The sdist has spec/ and conformance/ at its top and no second copy of them."""
    assert not any(path.is_symlink() for path in unpacked.rglob("*"))
    assert all((unpacked / folder).is_dir() for folder in INSIDE)
    assert not any((unpacked / inside).exists() for inside in INSIDE.values())


def test_the_sdist_builds_the_same_wheel(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    """It does not matter whether a wheel comes from a checkout or from the sdist."""
    again = build("wheel", unpacked, tmp_path)
    assert sorted(names(wheel)) == sorted(names(again))


def test_a_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Unpacked anywhere, the package finds its tables and its scripts."""
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(tmp_path)], check=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ninep", "lab", "list"],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert b"01_lookup" in done.stdout
