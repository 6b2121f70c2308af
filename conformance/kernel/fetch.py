"""Get kernels from Debian's archive through apt, with a state of its own.

The machine's mirror and keyring are used; its configuration, its package lists and what is
installed are not touched.  A kernel appears in the cache whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import kernels, modules
from .kernels import KernelError, Source

CONFIGURED = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SECURITY = "-security"
PART = "fetch-"
"""Begins the names of folders in which a fetch is under way."""
LIBC = "usr/lib/x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"
IMAGES = ("usr/bin/linux.uml", "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
"""Where packages have the kernel."""
TREES = ("usr/lib/uml/modules/*", "lib/modules/*", "usr/lib/modules/*")
"""Where packages have a release's modules."""
Say = Callable[[str], None]


def fetch(wanted: Sequence[Source], say: Say) -> None:
    """Fetch kernels into the cache; one of the same version that is there stays.

    Errors: KernelError
    """
    check_tools()
    with the_lock() as folder, tempfile.TemporaryDirectory(dir=folder, prefix=PART) as name:
        apt = Apt(Path(name), {source.suite for source in wanted} | {codename()})
        say(f"asking the archive ({', '.join(sorted(apt.suites))})")
        apt.update()
        for source in wanted:
            add(apt, source, folder, say)


def check_tools() -> None:
    """Find out early what is missing.  Errors: KernelError"""
    if platform.machine() != "x86_64":
        raise KernelError(f"kernels are fetched for x86_64, and this is {platform.machine()}")
    for program, package in {"apt-get": "apt", "dpkg-deb": "dpkg"}.items():
        if shutil.which(program) is None:
            raise KernelError(
                f"{program} is missing: kernels come from Debian's archive ({package})"
            )
    if not KEYRING.exists():
        raise KernelError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")


@contextmanager
def the_lock() -> Iterator[Path]:
    """Hold the cache alone.  Errors: KernelError (somebody else does, or it cannot be made)"""
    folder = kernels.cache()
    if folder is None:
        raise KernelError("there is no home to keep kernels in: set XDG_CACHE_HOME to a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as exc:
        raise KernelError(f"cannot write to {folder}: {exc.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KernelError(f"another ninep fetches into {folder}") from None
        for left in folder.glob(f"{PART}*"):  # of one that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield folder


def add(apt: Apt, source: Source, folder: Path, say: Say) -> None:
    """Fetch one kernel.  Errors: KernelError"""
    names = resolve(source, apt.names(), lambda name: apt.version(name, source.suite))
    origin = f"{source.suite}: {' '.join(names)} {apt.version(names[0], source.suite)}"
    label = f"{source.name} ({source.engine})"
    wanted = modules.WANTED[source.engine]
    if any((kernel.origin, kernel.wanted) == (origin, wanted) for kernel in kernels.cached()):
        say(f"{label}: {origin} is there")
        return
    say(f"{label}: fetching {origin}")
    tree = apt.unpacked(names, source.suite)
    made = assemble(tree, source, origin, folder, apt)
    say(f"{label}: Linux {made}")


def resolve(source: Source, names: Iterable[str], version: Callable[[str], str]) -> list[str]:
    """Return the packages of a source: the newest whose suite has a version.

    Errors: KernelError
    """
    hits = [hit for name in names if (hit := re.fullmatch(source.find, name))]
    for hit in sorted(hits, key=lambda hit: kernels.numbers(hit[0]), reverse=True):
        if version(hit[0]):
            found = hit[1] if hit.re.groups else ""
            return [name.replace("{found}", found) for name in source.packages]
    raise KernelError(f"{source.suite} has no package like {source.find}")


def assemble(tree: Path, source: Source, origin: str, folder: Path, apt: Apt) -> str:
    """Make the cache's folder from unpacked packages; return the release.  Errors: KernelError"""
    image, release_tree = the_one(tree, IMAGES), the_one(tree, TREES)
    release = release_tree.name
    final = folder / f"{source.engine}-{release}"
    part = tree.parent / "part"
    part.mkdir()
    shutil.copy(image, part / "kernel")
    try:
        wanted = modules.WANTED[source.engine]
        modules.copy(modules.closure(modules.index(release_tree), wanted), part / "modules")
    except modules.ModuleError as exc:
        raise KernelError(str(exc)) from None
    if (tree / LIBC / LOADER).exists():
        shutil.copytree(tree / LIBC, part / "lib")
        point_at(part / "kernel", final / "lib", apt.tool("patchelf", codename()))
    data = {"engine": source.engine, "release": release, "origin": origin, "source": source.name,
            "wanted": wanted}  # fmt: skip
    (part / kernels.MANIFEST).write_text(json.dumps(data, indent=1), encoding="utf-8")
    if final.exists():
        final.rename(tree.parent / "replaced")
    part.rename(final)
    return release


def the_one(tree: Path, globs: Sequence[str]) -> Path:
    """Return the one thing that is there.  Errors: KernelError"""
    found = [path for glob in globs for path in sorted(tree.glob(glob))]
    if not found:
        raise KernelError(f"the package has none of {' '.join(globs)}")
    return found[0]


def point_at(program: Path, lib: Path, patchelf: Path) -> None:
    """Have a program use the libc in a folder: it starts itself again, so ld.so will not do."""
    run([str(patchelf), "--set-interpreter", f"{lib}/{LOADER}", "--set-rpath", str(lib),
         str(program)])  # fmt: skip


def codename() -> str:
    """Return the name of this machine's own release.  Errors: KernelError"""
    try:
        words = platform.freedesktop_os_release()
    except OSError as exc:
        raise KernelError(f"what release this is cannot be told: {exc}") from None
    return words.get("VERSION_CODENAME", "")


def run(command: list[str], folder: Path | None = None) -> str:
    """Run a program to its end, in a folder; return what it printed.  Errors: KernelError"""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace", cwd=folder
    )
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise KernelError(f"{command[0]} failed: {' '.join(words) or done.stderr.strip()[-300:]}")
    return done.stdout


class Apt:
    """apt with lists, cache and sources in a folder of ours."""

    def __init__(self, folder: Path, suites: set[str]) -> None:
        """Write the sources.  Errors: KernelError (no mirror is configured)"""
        self.folder = folder
        self.suites = suites
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        mirrors = configured()
        lines = []
        for suite in sorted(suites):
            uri = mirrors[suite.endswith(SECURITY)]
            lines.append(f"deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main")
        (folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = {
            "Dir::Etc::sourcelist": f"{folder}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": f"{folder}/lists",
            "Dir::Cache": f"{folder}/cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
        }
        self.options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]

    def update(self) -> None:
        """Get the package lists.  Errors: KernelError"""
        run(["apt-get", *self.options, "--error-on=any", "update"])

    def names(self) -> list[str]:
        """Return the names of all packages of all suites."""
        return run(["apt-cache", *self.options, "pkgnames"]).split()

    def version(self, name: str, suite: str) -> str:
        """Return a package's version in a suite, nothing if it is not there."""
        for line in run(["apt-cache", *self.options, "madison", name]).splitlines():
            _, version, where = (part.strip() for part in line.split("|"))
            if f" {suite}/main " in f" {where} ":
                return version
        return ""

    def unpacked(self, names: Sequence[str], suite: str) -> Path:
        """Download packages and return a folder with what is in them.  Errors: KernelError"""
        tree = Path(tempfile.mkdtemp(dir=self.folder)) / "tree"
        debs = tree.parent / "debs"
        debs.mkdir(parents=True)
        wanted = [f"{name}={self.version(name, suite)}" for name in names]
        run(["apt-get", *self.options, "download", *wanted], debs)
        for deb in sorted(debs.glob("*.deb")):
            run(["dpkg-deb", "-x", str(deb), str(tree)])
        return tree

    def tool(self, name: str, suite: str) -> Path:
        """Return a program: this machine's, or one unpacked for now.  Errors: KernelError"""
        found = shutil.which(name)
        return Path(found) if found else self.unpacked([name], suite) / "usr/bin" / name


def configured() -> tuple[str, str]:
    """Return the mirrors that this machine uses: of the archive, and of its security updates.

    Errors: KernelError
    """
    archive, security = "", ""
    for uri, suites in entries():
        if any(suite.endswith(SECURITY) for suite in suites):
            security = security or uri
        elif codename() in suites:
            archive = archive or uri
    if not archive:
        raise KernelError(f"no mirror of Debian is configured for {codename()} in {CONFIGURED[0]}")
    return archive, security or archive.rstrip("/") + SECURITY


def entries() -> Iterator[tuple[str, list[str]]]:
    """Yield each configured mirror with its suites, from both forms of apt's files."""
    single, folder = CONFIGURED
    for path in [single, *sorted(folder.glob("*.list"))]:
        for line in read(path).splitlines():
            words = re.sub(r"\[[^]]*\]", "", line.partition("#")[0]).split()
            if words[:1] == ["deb"] and len(words) > 2:  # noqa: PLR2004  deb, address, suite
                yield words[1], words[2:3]
    for path in sorted(folder.glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", read(path)):
            fields = dict(re.findall(r"(?m)^([\w-]+):\s*(.*)$", stanza))
            if "deb" in fields.get("Types", "").split():
                for uri in fields.get("URIs", "").split():
                    yield uri, fields.get("Suites", "").split()


def read(path: Path) -> str:
    """Return a file's text, nothing if it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
