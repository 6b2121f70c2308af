"""The shape of the tree: imports, generated files, citations of clauses, mirrored tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ninep.session import DIALECTS
from ninep.spec import spec

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ninep"
CLAUSES = spec().clauses

MAY_IMPORT = {
    "spec": "",
    "address": "",
    "constants": "",
    "messages": "",
    "schema": "spec",
    "errors": "spec messages",
    "compile": "schema errors",
    "codec": "spec messages schema errors compile",
    "calls": "messages",
    "backend": "constants messages",
    "names": "constants errors",
    "listing": "messages errors",
    "users": "",
    "dialects": "spec constants messages errors",
    "perm": "constants messages backend",
    "policy": "constants errors perm users",
    "limits": "",
    "locks": "constants errors",
    "logs": "",
    "fids": "constants messages errors backend listing",
    "tags": "spec constants messages errors limits",
    "session": (
        "constants messages errors codec backend listing dialects fids policy limits locks"
    ),
    "ops": (
        "spec constants messages errors backend names listing users dialects perm locks fids"
        " session"
    ),
    "dispatch": "messages errors session ops",
    "generate": "spec schema",
    "turns": "",
    "listener": "turns",
    "backends": "constants messages errors backend perm users policy",
    "server": (
        "address constants messages errors backend fids policy limits tags session ops dispatch"
        " turns listener"
    ),
    "dial": "address errors",
    "channel": "constants messages errors codec calls",
    "client": "spec address constants messages errors codec names dial channel",
    "arguments": "address constants",
    "destination": "",
    "sandbox": "",
    "conformance": (
        "spec address arguments constants messages schema errors codec client destination"
    ),
    "conformance/mutants": (
        "spec constants messages schema errors codec backend policy backends session dispatch"
        " server"
    ),
    "cli": (
        "spec address constants messages errors users limits logs session backend backends server"
        " client conformance arguments destination sandbox policy"
    ),
}
"""Module or folder of ninep/, and which others it may import.  A row names only rows above it.

What judges a server shares nothing with ours; the mutants are ours, with one thing wrong in each.
"""

FACADES = {"__init__", "__main__"}
"""They import what they hand on."""

ONLY_IN = {
    "asyncio": {
        *("backends", "listener", "server", "dial", "channel", "client", "cli"),
        "conformance/mutants",
    },
    "socket": {
        *("listener", "server", "dial", "sandbox", "cli"),
        *("conformance", "conformance/mutants"),
    },
    "os": {
        *("users", "backends", "listener", "server", "client", "arguments", "destination"),
        *("sandbox", "cli"),
        "conformance",
    },
}
"""Modules of the standard library, and the only rows that may use them."""

PURE = {"os": {"strerror"}}
"""What everybody may use of them, because it touches nothing outside."""

GENERATED = ("messages", "constants", "calls")
UNMIRRORED = {*GENERATED, *FACADES, "backend"}
"""Generated files are tested by what they hold; `backend` is Protocols, tested in each backend."""

RAISED = {"Violation", "FrameError", "CodecError"}
CITATION = re.compile(r"(?<![\w./-])[a-z]+\.[a-z0-9]+(?:-[a-z0-9L]+)+(?![\w/-])")


@cache
def modules() -> dict[Path, ast.Module]:
    """Parse every module of the package once; those of conformance/ only in their own folder."""
    found = [p for p in PACKAGE.rglob("*.py") if "conformance" not in p.parts]
    found += (ROOT / "conformance").rglob("*.py")
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(found)}


def row(path: Path) -> str:
    """Return the row of the table that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    folder = "/".join(parts[:2])
    return parts[1] if parts[0] == "ninep" else folder if folder in MAY_IMPORT else parts[0]


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the full names of what a module imports; relative imports stay in their folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rows_imported(tree: ast.Module) -> set[str]:
    """Return the rows that a module imports from."""
    ours = {name.split(".")[1] for name in imports(tree) if name.startswith("ninep.")}
    return ours & set(MAY_IMPORT)


def test_the_table_has_no_cycle() -> None:
    """A row names only rows above it."""
    above: set[str] = set()
    for name, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= above, name
        above.add(name)


def test_every_module_has_a_row() -> None:
    """A new module says where it belongs, and a row that no module has goes."""
    assert set(MAY_IMPORT) == {row(path) for path in modules()} - FACADES


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_imports_point_down(name: str) -> None:
    """A module imports what its row allows, and its own folder."""
    allowed = {name, *MAY_IMPORT[name].split()}
    wrong = {
        str(path.relative_to(ROOT)): up
        for path, tree in modules().items()
        if row(path) == name and (up := rows_imported(tree) - allowed)
    }
    assert wrong == {}


@pytest.mark.parametrize("library", ONLY_IN)
def test_input_and_output_stay_outside(library: str) -> None:
    """What can touch the world is used only where the table says so."""
    wrong = [
        f"{path.relative_to(ROOT)}: {use}"
        for path, tree in modules().items()
        if row(path) not in ONLY_IN[library] | FACADES
        for use in uses(tree, library) - PURE.get(library, set())
    ]
    assert wrong == []


def uses(tree: ast.Module, library: str) -> set[str]:
    """Return the names of a library that a module uses."""
    nodes = list(ast.walk(tree))
    names = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == library
        for alias in node.names
    }
    return names | {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == library
    }


@pytest.mark.parametrize("name", GENERATED)
def test_banner(name: str) -> None:
    """A generated file says so in its docstring, and what it is made from."""
    docstring = ast.get_docstring(modules()[PACKAGE / f"{name}.py"]) or ""
    assert "GENERATED" in docstring
    assert "ninep.generate" in docstring
    assert "spec/" in docstring


def sources() -> Iterator[tuple[Path, str]]:
    """Yield the files that people write, with their text."""
    for path in modules():
        if path.stem not in GENERATED and path.is_relative_to(PACKAGE):
            yield path, path.read_text(encoding="utf-8")


def citations() -> dict[str, str]:
    """Return every id that the code cites: in docstrings, comments, tables and raised errors."""
    pages = {clause.page for clause in CLAUSES.values()}
    return {
        found: str(path.relative_to(ROOT))
        for path, text in sources()
        for found in CITATION.findall(text)
        if found.partition(".")[0] in pages
    }


def raised() -> Iterator[tuple[str, Path]]:
    """Yield the ids that errors are raised with."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(found)), *_]):
                    if name in RAISED:
                        yield found, path


def test_cited_clauses_exist() -> None:
    """What looks like a clause's id is one."""
    unknown = {found: where for found, where in citations().items() if found not in CLAUSES}
    unknown |= {found: path.name for found, path in raised() if found not in CLAUSES}
    assert unknown == {}


def test_clauses_are_cited() -> None:
    """Each MUST that has an errno, in a dialect we serve, is named where the code keeps it."""
    cited = citations()
    enforced = [
        c.id
        for c in CLAUSES.values()
        if c.level == "MUST" and c.errno and c.role == "server"
        if set(DIALECTS).intersection(c.applies_in(spec()))
    ]
    assert [found for found in enforced if found not in cited] == []


def test_tests_mirror_the_code() -> None:
    """Each module of ninep/ has its tests under the same name."""
    ours = [path for path, _ in sources() if path.stem not in UNMIRRORED]
    wanted = [path.relative_to(PACKAGE) for path in ours if not path.stem.startswith("_")]
    missing = [
        str(path)
        for path in wanted
        if not (ROOT / "tests" / path.parent / f"test_{path.name}").exists()
    ]
    assert missing == []


PATHS = re.compile(
    r"access|chdir|l?chown|chmod|chroot|(get|set|list|remove)xattr|link|listdir|l?stat|makedirs"
    r"|mkdir|mkfifo|mknod|open|readlink|remove|rename|replace|rmdir|scandir|statvfs|symlink"
    r"|truncate|unlink|utime|walk"
)
"""Calls of `os` that take a path, or a descriptor instead."""
OF_THE_PROCESS = {"ninep/backends/local.py: os.open(root"}
"""Where a path is one: what is exported is named by who starts the server."""


def test_names_never_become_paths() -> None:
    """A file tree of the host has names looked up in a directory's descriptor, or has its number.

    S-026, S-045: an absolute path would not care for the directory; `check_name` refuses it.
    """
    wrong = [
        text
        for path, tree in modules().items()
        if path.is_relative_to(PACKAGE / "backends")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and takes_path(node)
        for text in [f"{path.relative_to(ROOT)}: {ast.unparse(node)}"]
        if not text.startswith(tuple(OF_THE_PROCESS))
    ]
    assert wrong == []


def takes_path(call: ast.Call) -> bool:
    """Say whether a call leads to a file by a path."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not PATHS.fullmatch(function.attr):
        return False
    if not isinstance(function.value, ast.Name) or function.value.id != "os":
        return False
    relative = {word.arg for word in call.keywords if word.arg and word.arg.endswith("dir_fd")}
    whole = {"src_dir_fd", "dst_dir_fd"} if function.attr in {"link", "rename"} else {"dir_fd"}
    first = ast.unparse(call.args[0])
    return relative != whole and not first.startswith("magic(") and not first.endswith(".number")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("os.open(name, flags)", True),
        ("os.open(name, flags, dir_fd=fd.number)", False),
        ("os.rename(old, new, src_dir_fd=fd.number)", True),
        ("os.chmod(path, 0)", True),
        ("os.chmod(magic(number), 0)", False),
        ("os.scandir(fd.number)", False),
        ("os.fstat(number)", False),
    ],
)
def test_paths_are_seen(text: str, *, wrong: bool) -> None:
    """The rule above can fail."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert wrong == takes_path(call)
