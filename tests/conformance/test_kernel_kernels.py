"""Kernels: which are here, what a word means, what is fetched, what a guest is given."""

from __future__ import annotations

import fcntl
import gzip
import json
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ninep.conformance.kernel import fetch, kernels, listing, modules
from ninep.conformance.kernel.engines.initramfs import initramfs
from ninep.conformance.kernel.kernels import Kernel, KernelError, Source

HERE = [
    Kernel("qemu", "5.10.0-46-amd64", Path("/a")),
    Kernel("uml", "5.10.46", Path("/b")),
    Kernel("qemu", "6.1.0-50-amd64", Path("/c")),
    Kernel("uml", "6.12.113", Path("/d")),
    Kernel("qemu", "7.3.4+deb13-amd64", Path("/e")),
]
UML, QEMU = (Source("6.1", name, "bookworm", "linux-(6.1.[0-9]+)", ("linux-{found}", "libc6"))
             for name in ("uml", "qemu"))  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep kernels in a folder of the test's own; none is installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kernels, "INSTALLED", (tmp_path / "linux", tmp_path / "modules"))
    return tmp_path / "cache" / "ninep" / "kernels"


# Modules


def module(path: Path, *needed: str) -> Path:
    """Write a module that says what it depends on."""
    data = b"\x7fELF\0license=GPL\0depends=" + ",".join(needed).encode() + b"\0name=x\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".xz":
        data = lzma.compress(data)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_order(tmp_path: Path) -> None:
    """What a module needs comes before it, each once, however compressed; the rest is left out."""
    for name, needed in {"9p.ko": ("9pnet", "netfs"), "9pnet_fd.ko.xz": ("9pnet",),
                         "9pnet.ko.gz": (), "netfs.ko": ("fs-cache",), "fs_cache.ko": (),
                         "other.ko": ()}.items():  # fmt: skip
        module(tmp_path / "net" / name, *needed)
    files = modules.closure(modules.index(tmp_path), ["9p", "9pnet_fd", "built_in"])
    assert [path.name.partition(".")[0] for path in files] == [
        "9pnet", "fs_cache", "netfs", "9p", "9pnet_fd",
    ]  # fmt: skip
    copies = modules.copy(files, tmp_path / "copies")
    assert [path.name for path in copies][::4] == ["00-9pnet.ko", "04-9pnet_fd.ko"]
    assert all(path.read_bytes().startswith(b"\x7fELF") for path in copies)


def test_modules_that_need_each_other_end(tmp_path: Path) -> None:
    """A circle is no endless walk."""
    module(tmp_path / "a.ko", "b")
    module(tmp_path / "b.ko", "a")
    assert len(modules.closure(modules.index(tmp_path), ["a"])) == 2


@pytest.mark.parametrize(("name", "said"), [("a.ko.zst", "decompress .zst"), ("a.ko.xz", "a.ko")])
def test_modules_that_cannot_be_read(tmp_path: Path, name: str, said: str) -> None:
    """They are named."""
    (tmp_path / name).write_bytes(b"\xfd7zXZ\0nothing")
    with pytest.raises(modules.ModuleError, match=said):
        modules.closure(modules.index(tmp_path), ["a"])


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_initramfs(tmp_path: Path) -> None:
    """Another program unpacks the archive."""
    first, second = module(tmp_path / "00-a.ko"), module(tmp_path / "01-b.ko", "a")
    data = initramfs(b"#!/bin/sh\n", b"\x7fELF busybox", [first, second])
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["busybox", "cpio", "-i", "-d"], cwd=out, input=data, check=True)
    assert (out / "modules/list").read_text() == "/modules/00-a.ko\n/modules/01-b.ko\n"
    assert (out / "modules/01-b.ko").read_bytes() == second.read_bytes()
    assert (out / "bin/sh").readlink() == Path("busybox")
    assert os.access(out / "init", os.X_OK)
    assert (out / "proc").is_dir()


# What a word means


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["all"], [k.name for k in HERE]),
        (["uml:all"], ["uml:5.10.46", "uml:6.12.113"]),
        (["5.10"], ["uml:5.10.46"]),
        (["7.3"], ["qemu:7.3.4+deb13-amd64"]),
        (["uml:5.10"], ["uml:5.10.46"]),
        (["newest"], ["uml:6.12.113"]),
        (["qemu:newest", "6.1"], ["qemu:7.3.4+deb13-amd64", "qemu:6.1.0-50-amd64"]),
        (["qemu:6.1.0-50-amd64", "6.1"], ["qemu:6.1.0-50-amd64"]),
    ],
)
def test_select(words: list[str], expected: list[str]) -> None:
    """Names, beginnings of releases, engines; each kernel once."""
    assert [k.name for k in kernels.select(words, HERE, None)] == expected


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("6.2", "no such kernel here, there is qemu:5.10"),
        ("xen:6.1", "no engine 'xen'"),
        ("/no/such/file", "No such file"),
    ],
)
def test_what_means_nothing(word: str, said: str) -> None:
    """It is an error that says what there is."""
    with pytest.raises(KernelError, match=said):
        kernels.select([word], HERE, None)


@pytest.mark.parametrize(
    ("words", "tree", "said"),
    [
        (["{tmp}"], None, "expected a regular file"),
        (["{tmp}/a", "{tmp}/b"], None, "a and .*b are both qemu:6.20.1: run one after the other"),
        (["{tmp}/a"], "nowhere", "--modules .*nowhere: there is no such folder"),
        (["6.1"], ".", "--modules .: only a kernel given as a file"),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, words: list[str], tree: str | None, said: str
) -> None:
    """No file, two that reports could not tell apart, modules that nobody would look for."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(bzimage(b"6.20.1"))
    named = [word.replace("{tmp}", str(tmp_path)) for word in words]
    with pytest.raises(KernelError, match=said):
        kernels.select(named, HERE, Path(tree) if tree else None)
    same = [str(tmp_path / "a"), str(tmp_path / "a")]
    assert len(kernels.select(same, HERE, None)) == 1


def bzimage(version: bytes) -> bytes:
    """Return the beginning of a kernel for QEMU."""
    image = bytearray(0x400)
    image[0x202:0x206], image[0x20E:0x210] = b"HdrS", (0x100).to_bytes(2, "little")
    image[0x300 : 0x300 + len(version)] = version
    return bytes(image)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A FIFO, which nobody may ever write to, and a device without an end are not read."""
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(KernelError, match="expected a regular file"):
            kernels.own(path, None)


def test_a_file(tmp_path: Path) -> None:
    """A bzImage says its release; its modules come from a folder; other files are refused."""
    module(tmp_path / "tree/9p.ko", "9pnet")
    module(tmp_path / "tree/9pnet.ko")
    (tmp_path / "bzImage").write_bytes(bzimage(b"6.20.1-rc1+ (me@box)"))
    (kernel,) = kernels.select([str(tmp_path / "bzImage")], [], tmp_path / "tree")
    assert kernel.name == "qemu:6.20.1-rc1+"
    assert [path.name for path in kernel.modules] == ["9pnet.ko", "9p.ko"]
    linux = tmp_path / "linux"
    linux.write_bytes(b"#!/bin/sh\necho 6.20.2\n")
    linux.chmod(0o755)
    with pytest.raises(KernelError, match="expected a bzImage, or UML's linux"):
        kernels.own(linux, None)
    assert kernels.uml_release(linux) == "6.20.2"
    linux.write_bytes(b"#!/no/such/interpreter\n")
    with pytest.raises(KernelError, match="does not run"):
        kernels.uml_release(linux)


def test_named() -> None:
    """What to fetch is named as it is in the table."""
    table = [UML, QEMU]
    assert kernels.named(["all", "6.1"], table) == table
    assert kernels.named(["qemu:6.1"], table) == [QEMU]
    with pytest.raises(KernelError, match=r"there are all 6\.1"):
        kernels.named(["6.7"], table)


def test_the_table_can_be_read() -> None:
    """Each row has an engine that boots it; each series is there for both where Debian has both."""
    table = kernels.sources()
    assert {source.engine for source in table} == set(kernels.ENGINES)
    assert {("5.10", e) for e in kernels.ENGINES} <= {(s.name, s.engine) for s in table}


# Fetching


class FakeApt:
    """An archive with two kernels and no network."""

    def __init__(self, folder: Path) -> None:
        """Unpack into a folder."""
        self.folder = folder
        self.suites = {"bookworm"}
        self.fetched = 0

    def names(self) -> list[str]:
        """Name the packages."""
        return ["linux-6.1.9", "linux-6.1.10", "linux-6.1.11", "libc6"]

    def version(self, name: str, suite: str) -> str:
        """Know all but the newest, which another suite has."""
        return "" if name.endswith("11") else f"{name}-{suite}"

    def unpacked(self, names: list[str], suite: str) -> Path:
        """Unpack a kernel with two modules."""
        del names, suite
        self.fetched += 1
        tree = self.folder / f"{self.fetched}" / "tree"
        module(tree / "usr/lib/uml/modules/6.1.10/kernel/9p.ko.xz", "9pnet")
        module(tree / "usr/lib/uml/modules/6.1.10/kernel/9pnet.ko.xz")
        (tree / "usr/bin").mkdir(parents=True)
        (tree / "usr/bin/linux.uml").write_bytes(b"kernel")
        return tree

    def tool(self, name: str, suite: str) -> Path:
        """There is nothing to patch."""
        raise AssertionError((name, suite))


def test_fetch(cache: Path, tmp_path: Path) -> None:
    """The newest that the suite has is unpacked, once; what is there is told by the next call."""
    apt, said = FakeApt(tmp_path), list[str]()
    cache.mkdir(parents=True)
    for _ in range(2):
        fetch.add(apt, UML, cache, said.append)  # type: ignore[arg-type]
    assert apt.fetched == 1
    origin = "bookworm: linux-6.1.10 libc6 linux-6.1.10-bookworm"
    assert said == [
        f"6.1 (uml): fetching {origin}", "6.1 (uml): Linux 6.1.10", f"6.1 (uml): {origin} is there",
    ]  # fmt: skip
    (kernel,) = kernels.here()
    assert (kernel.name, kernel.origin, kernel.source) == ("uml:6.1.10", origin, "6.1")
    assert [path.name for path in kernel.modules] == ["00-9pnet.ko", "01-9p.ko"]
    assert kernel.path.read_bytes() == b"kernel"


def test_a_newer_one_takes_its_place(cache: Path, tmp_path: Path) -> None:
    """The same release from another package replaces what was there."""
    apt = FakeApt(tmp_path)
    cache.mkdir(parents=True)
    fetch.add(apt, UML, cache, print)  # type: ignore[arg-type]
    manifest = cache / "uml-6.1.10" / kernels.MANIFEST
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**data, "origin": "older"}), encoding="utf-8")
    fetch.add(apt, UML, cache, print)  # type: ignore[arg-type]
    assert apt.fetched == 2
    assert [kernel.origin for kernel in kernels.cached()] != ["older"]


def test_one_without_a_module_that_is_wanted_now(cache: Path, tmp_path: Path) -> None:
    """The same package is fetched again when it was searched for fewer modules."""
    apt = FakeApt(tmp_path)
    cache.mkdir(parents=True)
    fetch.add(apt, UML, cache, print)  # type: ignore[arg-type]
    manifest = cache / "uml-6.1.10" / kernels.MANIFEST
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**data, "wanted": ["9p"]}), encoding="utf-8")
    fetch.add(apt, UML, cache, print)  # type: ignore[arg-type]
    assert apt.fetched == 2
    assert [kernel.wanted for kernel in kernels.cached()] == [modules.WANTED["uml"]]


def test_what_the_archive_lacks() -> None:
    """A suite without the package is named."""
    with pytest.raises(KernelError, match=r"bookworm has no package like"):
        fetch.resolve(UML, ["linux-6.1.11"], lambda _: "")


def test_one_at_a_time(cache: Path) -> None:
    """Two do not fetch into one cache."""
    cache.mkdir(parents=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(KernelError, match="another ninep"), fetch.the_lock():
            pass


def test_what_a_killed_fetch_left_goes(cache: Path) -> None:
    """The next one removes it, and leaves the kernels."""
    (cache / "fetch-abc/tree").mkdir(parents=True)
    (cache / "uml-6.1").mkdir()
    with fetch.the_lock():
        assert sorted(path.name for path in cache.iterdir()) == ["lock", "uml-6.1"]


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no cache then: nothing is remembered, and a fetch says what to set."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    kernels.booted(HERE[0], 1.0)
    assert (kernels.cached(), kernels.boot_times()) == ([], {})
    with pytest.raises(KernelError, match="set XDG_CACHE_HOME"), fetch.the_lock():
        pass


def test_a_damaged_cache(cache: Path) -> None:
    """The manifest that cannot be read is named, with what to do."""
    (cache / "uml-6.1").mkdir(parents=True)
    (cache / "uml-6.1" / kernels.MANIFEST).write_text("{}", encoding="utf-8")
    with pytest.raises(KernelError, match=r"uml-6.1/manifest.json is damaged: remove"):
        kernels.cached()


def test_a_cache_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason and the folder are said; boot times are forgotten without a word."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(KernelError, match=r"cannot write to .*Not a directory"), fetch.the_lock():
        pass
    kernels.booted(HERE[0], 1.0)
    assert kernels.boot_times() == {}


@pytest.mark.parametrize(
    ("machine", "programs", "said"),
    [
        ("aarch64", "", "this is aarch64"),
        ("x86_64", "apt-get", "apt-get is missing"),
        ("x86_64", "", "archive-keyring"),
    ],
)
def test_tools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: str, programs: str, said: str
) -> None:
    """What is missing is named before anything is fetched."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("shutil.which", lambda name: None if name in programs.split() else name)
    monkeypatch.setattr(fetch, "KEYRING", tmp_path / "debian-archive-keyring.gpg")
    with pytest.raises(KernelError, match=said):
        fetch.check_tools()


def test_mirrors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both forms of apt's files are read; what is off or another project's is not taken."""
    monkeypatch.setattr(fetch, "CONFIGURED", (tmp_path / "sources.list", tmp_path))
    monkeypatch.setattr(fetch, "codename", lambda: "bookworm")
    with pytest.raises(KernelError, match="no mirror of Debian is configured for bookworm"):
        fetch.configured()
    (tmp_path / "sources.list").write_text(
        "# deb http://off bookworm main\ndeb-src http://src bookworm main\n"
        "deb [signed-by=/a b=c] http://main bookworm main\ndeb http://other stable main\n"
    )
    assert fetch.configured() == ("http://main", "http://main-security")
    (tmp_path / "a.sources").write_text(
        "Types: deb deb-src\nURIs: http://safe\nSuites: bookworm-security\n\n"
        "Types: deb-src\nURIs: http://src\nSuites: bookworm\n"
    )
    assert fetch.configured() == ("http://main", "http://safe")


def test_a_program_that_fails() -> None:
    """What apt complains about is what is said."""
    with pytest.raises(KernelError, match="sh failed: E: no network"):
        fetch.run(["sh", "-c", "echo W: noise >&2; echo 'E: no network' >&2; exit 1"])
    with pytest.raises(KernelError, match="sh failed: odd"):
        fetch.run(["sh", "-c", "echo odd >&2; exit 1"])


# The list


def test_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels with boot time and origin, those that can be fetched, what the engines lack."""
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/bin/{name}")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")  # noqa: S108  a name alone
    kernel = Kernel("qemu", "6.1.0", Path("/c"), origin="bookworm: linux")
    kernels.booted(kernel, 4.26)
    lines = listing.listed([kernel], [UML], kernels.boot_times(), {"host": "no 9p", "docker": None})
    assert lines == [
        "kernel      boots in  from",
        "qemu:6.1.0     4.3 s  bookworm: linux",
        "",
        "not fetched: ninep lab kernels --fetch uml:6.1",
        "--engine host: no 9p",
        "--engine docker: works here",
    ]
    assert "apt-get install user-mode-linux" in listing.listed([], [], {}, {})[1]
