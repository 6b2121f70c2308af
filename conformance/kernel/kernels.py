"""Kernels that can boot here: the installed one, those in the cache, a file of the user's own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..table import load
from . import modules

ENGINES = ("uml", "qemu")
TABLE = Path(__file__).with_name("kernels.toml")
INSTALLED = (Path("linux"), Path("/usr/lib/uml/modules"))
"""User Mode Linux as Debian's package has it: the program, and a folder of modules by release."""
MANIFEST = "manifest.json"
BOOTS = "boots.json"
UML_MARK = b"uml_dir="
"""An option that no other kernel has."""
BZIMAGE = slice(0x202, 0x206)
VERSION_AT = slice(0x20E, 0x210)
SETUP = 0x200


class KernelError(Exception):
    """No such kernel, or it is of no use here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kernel of Debian's archive; `kernels.toml` says what the columns mean."""

    name: str
    engine: str
    suite: str
    find: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that is here: the file, and the modules to load, in order."""

    engine: str
    release: str
    path: Path
    modules: tuple[Path, ...] = ()
    origin: str = ""
    source: str = ""
    """Its name in `kernels.toml`, if it came from there."""
    wanted: tuple[str, ...] = ()
    """The modules that were looked for when it was fetched."""

    @property
    def name(self) -> str:
        """Name it as `--kernel` takes it."""
        return f"{self.engine}:{self.release}"

    @property
    def build(self) -> str:
        """Return what tells this kernel and its modules from others of the same release.

        A file that cannot be read cannot be booted either: nothing.
        """
        digest = hashlib.sha256()
        try:
            for path in (self.path, *self.modules):
                digest.update(path.read_bytes())
        except OSError:
            return ""
        return digest.hexdigest()[:16]

    @property
    def own(self) -> bool:
        """Tell whether it is a file of the user's."""
        return self.origin == str(self.path)

    @property
    def order(self) -> tuple[tuple[int, ...], int]:
        """Return what kernels are sorted by: release, then engine."""
        return numbers(self.release), ENGINES.index(self.engine)

    @property
    def preference(self) -> tuple[int, tuple[int, ...]]:
        """Return what the one to boot is chosen by, the greatest: engine, then release."""
        return -ENGINES.index(self.engine), numbers(self.release)


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers in a release or a version, to compare them by."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def sources() -> list[Source]:
    """Return the table."""
    return [Source(**row) for row in load(TABLE)["source"]]


def cache() -> Path | None:
    """Return the folder that kernels are kept in; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "ninep" / "kernels" if os.path.isabs(base) else None


def here() -> list[Kernel]:
    """Return the kernels that can be booted without fetching any, oldest first."""
    found = {kernel.name: kernel for kernel in [*cached(), *installed()]}
    return sorted(found.values(), key=lambda kernel: kernel.order)


def installed() -> list[Kernel]:
    """Return Debian's User Mode Linux, if it is installed."""
    program, tree = INSTALLED
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin")
    if found is None:
        return []
    path = Path(found)
    release = uml_release(path)
    files = modules.closure(modules.index(tree / release), modules.WANTED["uml"])
    return [Kernel("uml", release, path, tuple(files), "package user-mode-linux, installed")]


def cached() -> list[Kernel]:
    """Return what was fetched."""
    folder = cache()
    return [read(path.parent) for path in sorted(folder.glob(f"*/{MANIFEST}"))] if folder else []


def read(folder: Path) -> Kernel:
    """Return the kernel of a folder of the cache.  Errors: KernelError"""
    files = tuple(sorted((folder / "modules").glob("*.ko")))
    names = ("engine", "release", "origin", "source")
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        wanted = tuple(data.get("wanted", ()))
        known = {name: str(data[name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise KernelError(
            f"{folder / MANIFEST} is damaged: remove {folder} and fetch the kernel again"
        ) from None
    return Kernel(path=folder / "kernel", modules=files, wanted=wanted, **known)


def own(path: Path, tree: Path | None) -> Kernel:
    """Return a kernel of the user's own, with modules from a folder if one is given.

    Errors: KernelError
    """
    if tree is not None and not tree.is_dir():
        raise KernelError(f"--modules {tree}: there is no such folder")
    if path.exists() and not path.is_file():
        raise KernelError(f"{path} is no kernel that boots here: expected a regular file")
    try:
        data = path.read_bytes()
        engine, release = recognised(path, data)
        known = modules.index(tree) if tree else {}
        files = modules.closure(known, modules.WANTED[engine])
    except OSError as exc:
        raise KernelError(f"{path}: {exc.strerror}") from None
    except modules.ModuleError as exc:
        raise KernelError(f"{path}: {exc}") from None
    return Kernel(engine, release, path.absolute(), tuple(files), str(path.absolute()))


def recognised(path: Path, data: bytes) -> tuple[str, str]:
    """Return what boots a file, and its release.  Errors: KernelError"""
    if data[BZIMAGE] == b"HdrS":
        at = SETUP + int.from_bytes(data[VERSION_AT], "little")
        return "qemu", data[at : at + 256].split(b"\0")[0].split(b" ")[0].decode("ascii", "replace")
    if data[:4] == b"\x7fELF" and UML_MARK in data:
        return "uml", uml_release(path)
    raise KernelError(f"{path} is no kernel that boots here: expected a bzImage, or UML's linux")


def uml_release(path: Path) -> str:
    """Ask a User Mode Linux for its release.  Errors: KernelError"""
    try:
        done = subprocess.run(
            [str(path.absolute()), "--version"], check=True, capture_output=True, text=True,
            timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as exc:
        raise KernelError(f"{path} does not run: {exc}") from None
    return done.stdout.strip()


# Selection


def select(words: Iterable[str], known: Sequence[Kernel], tree: Path | None) -> list[Kernel]:
    """Return the kernels that words mean, each once, in the order of the words.

    A word is `all`, `newest`, a release or its beginning, any of these behind `uml:` or `qemu:`,
    or a file.  Without an engine the one kernel that is meant is the newest User Mode Linux, if
    there is one.  Errors: KernelError
    """
    found: dict[str, Kernel] = {}
    for word in words:
        for kernel in meant(word, known, tree):
            before = found.setdefault(kernel.name, kernel)
            if before.path != kernel.path:
                raise KernelError(
                    f"{before.path} and {kernel.path} are both {kernel.name}: run one after the"
                    " other with --json, then ninep lab diff (or give them a CONFIG_LOCALVERSION)"
                )
    if tree is not None and not any(kernel.own for kernel in found.values()):
        raise KernelError(
            f"--modules {tree}: only a kernel given as a file takes its modules there"
        )
    return list(found.values())


def meant(word: str, known: Sequence[Kernel], tree: Path | None) -> list[Kernel]:
    """Return the kernels that one word means.  Errors: KernelError"""
    if "/" in word or Path(word).is_file():
        return [own(Path(word), tree)]
    engine, _, name = word.rpartition(":")
    if engine and engine not in ENGINES:
        raise KernelError(f"--kernel {word}: no engine {engine!r}; there are: {' '.join(ENGINES)}")
    able = [kernel for kernel in known if engine in ("", kernel.engine)]
    hits = able if name in ("all", "newest") else [k for k in able if called(k.release, name)]
    if hits and (name == "newest" or not (engine or name == "all")):
        hits = [max(hits, key=lambda kernel: kernel.preference)]
    if not hits:
        names = " ".join(kernel.name for kernel in known) or "none"
        raise KernelError(
            f"--kernel {word}: no such kernel here, there is {names};"
            " ninep lab kernels says what can be fetched"
        )
    return hits


def called(release: str, name: str) -> bool:
    """Tell whether a name is a release or its beginning."""
    return (release + ".").startswith(name + ".")


def named(words: Iterable[str], table: Sequence[Source]) -> list[Source]:
    """Return the sources that words mean: a name, an engine and a name, or all.

    Errors: KernelError
    """
    found: dict[Source, None] = {}
    for word in words:
        engine, _, name = word.rpartition(":")
        hits = [s for s in table if name in (s.name, "all") and engine in ("", s.engine)]
        if not hits:
            names = " ".join(dict.fromkeys(source.name for source in table))
            raise KernelError(f"--fetch {word}: there are all {names}, each with uml: or qemu:")
        found |= dict.fromkeys(hits)
    return list(found)


# Boot times


def booted(kernel: Kernel, seconds: float) -> None:
    """Remember how long a kernel took from its start to the bench."""
    folder = cache()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        times = boot_times() | {kernel.name: round(seconds, 1)}
        (folder / BOOTS).write_text(json.dumps(times, indent=1), encoding="utf-8")
    except OSError:
        return  # a cache that cannot be written to remembers nothing


def boot_times() -> dict[str, float]:
    """Return the last boot time of each kernel, in seconds, by name."""
    folder = cache()
    if folder is None:
        return {}
    try:
        times = json.loads((folder / BOOTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return times if isinstance(times, dict) else {}
