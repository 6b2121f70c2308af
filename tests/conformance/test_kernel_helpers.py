"""What scripts stand on: expectations, files, other processes."""

from __future__ import annotations

import errno
import importlib
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from ninep.conformance.kernel import children, expect, files
from ninep.conformance.kernel.apart import Apart
from ninep.conformance.kernel.model import Side
from ninep.conformance.kernel.neighbour import Neighbour, beside
from ninep.conformance.kernel.place import Place
from ninep.conformance.kernel.tapped import Tapped

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def place(tmp_path: Path, side: Side = "control") -> Place:
    """Make a place in a local directory."""
    tapped = Tapped(tmp_path)
    apart = Apart(tmp_path, lambda _: None, lambda: None, lambda: None)
    return Place(
        tmp_path,
        tmp_path,
        tmp_path,
        side,
        "none",
        (6, 1),
        lambda: None,
        lambda: nullcontext(tapped),
        lambda: nullcontext(apart),
        lambda *options: nullcontext((tmp_path, ",".join(options))),
        lambda: nullcontext(Neighbour(tmp_path, beside)),
    )


def test_equal() -> None:
    """A difference shows both values, long ones cut."""
    expect.equal("size", 1, 1)
    with pytest.raises(expect.Failed, match=r"size: expected 1, got '2'"):
        expect.equal("size", 1, "2")
    with pytest.raises(expect.Failed, match=r"… \(1002 characters\)"):
        expect.equal("text", "", "x" * 1000)


def test_raises(tmp_path: Path) -> None:
    """The right errno passes; another one, and success, fail with names."""
    missing = tmp_path / "missing"
    expect.raises(errno.ENOENT, "stat", os.stat, missing)
    with pytest.raises(expect.Failed, match="stat: expected EEXIST or EPERM, got ENOENT"):
        expect.raises((errno.EEXIST, errno.EPERM), "stat", os.stat, missing)
    with pytest.raises(expect.Failed, match="open: expected EROFS, got success"):
        expect.raises(errno.EROFS, "open", os.open, tmp_path, os.O_RDONLY)


def test_manifest_sees_every_difference(tmp_path: Path) -> None:
    """Content, mode, time, target and name each make two trees differ."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.write(tmp_path / name / "file", b"content")
        (tmp_path / name / "link").symlink_to("file")
        for path in (tmp_path / name / "file", tmp_path / name):
            os.utime(path, ns=(1, 2))
        os.utime(tmp_path / name / "link", ns=(1, 2), follow_symlinks=False)
    files.same_tree("equal", tmp_path / "a", tmp_path / "b")
    changed = tmp_path / "b/file"
    os.utime(changed, ns=(1, 3))
    with pytest.raises(expect.Failed, match=r"file: expected .* and 0 other differences"):
        files.same_tree("time", tmp_path / "a", tmp_path / "b")
    files.same_tree("rounded", tmp_path / "a", tmp_path / "b", step=10)
    os.chmod(changed, 0o600)
    with pytest.raises(expect.Failed, match="0o100600"):
        files.same_tree("mode", tmp_path / "a", tmp_path / "b", step=10)


def test_same_time(tmp_path: Path) -> None:
    """The control keeps nanoseconds; the client may round down to seconds, and up to 1970."""
    control, mount = place(tmp_path), place(tmp_path, "mount")
    files.same_time(control, "mtime", 1_500_000_000, 1_500_000_000)
    files.same_time(mount, "mtime", 1_500_000_000, 1_500_000_000)
    files.same_time(mount, "mtime", 1_500_000_000, 1_000_000_000)
    files.same_time(mount, "mtime", -5, 0)
    with pytest.raises(expect.Failed):
        files.same_time(control, "mtime", 1_500_000_000, 1_000_000_000)
    with pytest.raises(expect.Failed):
        files.same_time(mount, "mtime", 1_500_000_000, 2_000_000_000)


def test_getdents(tmp_path: Path) -> None:
    """The dots are listed, and names that are not text."""
    files.write(os.fsencode(tmp_path) + b"/\xff")
    assert sorted(files.getdents(tmp_path)) == [b".", b"..", b"\xff"]


def test_utimensat(tmp_path: Path) -> None:
    """UTIME_OMIT leaves a time alone."""
    files.write(tmp_path / "file")
    os.utime(tmp_path / "file", ns=(1, 2))
    files.utimensat(tmp_path / "file", (0, files.UTIME_OMIT), (3, 4))
    info = os.stat(tmp_path / "file")
    assert (info.st_atime_ns, info.st_mtime_ns) == (1, 3_000_000_004)


def test_children() -> None:
    """A child's value comes back, its OSError keeps its errno, its failure its text."""
    assert children.run(lambda: [1, "x"]) == [1, "x"]
    with pytest.raises(FileNotFoundError):
        children.run(lambda: os.stat("/no/such/file").st_size)
    with pytest.raises(expect.Failed, match="no"):
        children.run(lambda: expect.true("no", condition=False))


def test_run_many() -> None:
    """Children run at the same time and answer in order."""
    assert children.run_many([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]


def test_holder(tmp_path: Path) -> None:
    """A holder stays until the block ends, and reports a start that failed."""
    with children.Holder(lambda: None) as holder:
        os.kill(holder.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(holder.pid, 0)
    with pytest.raises(expect.Failed, match="No such file"):
        children.Holder(lambda: os.open(tmp_path / "missing", os.O_RDONLY))


def test_pattern_is_stable() -> None:
    """The same size gives the same bytes."""
    assert files.pattern(1000) == files.pattern(1000)
    assert len(set(files.pattern(1000))) > len(b"few")


def breaks() -> None:
    """Be a function that meets an error of the system."""
    raise FileNotFoundError(errno.ENOENT, "nothing there")


def test_a_process_of_the_neighbour(tmp_path: Path) -> None:
    """It runs functions of modules, keeps an error's number, and is gone when the context ends."""
    with place(tmp_path).neighbour() as other:
        with other.process() as there:
            pid = there.run(os.getpid)
            there.run(os.mkdir, str(other.dir / "made"))
            expect.raises(errno.ENOENT, "breaks", there.run, breaks)
            there.begin(children.run, "no function")
            assert there.ended(10.0)
            with pytest.raises(expect.Failed, match="TypeError"):
                there.result()
        with other.process() as again:
            assert again.run(os.getpid) != pid
    assert os.listdir(tmp_path) == ["made"]
    assert os.waitpid(pid, os.WNOHANG)[0] == pid


@pytest.mark.parametrize("left", [0, 1_000_000, 4 << 20])
def test_a_full_disk_that_loses_or_adds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """A server that throws away what had room, or keeps what had none, fails 25_full."""
    full = importlib.import_module("ninep.conformance.kernel.scripts.25_full")

    def refused(file: Path, data: bytes) -> None:
        file.write_bytes(data[:left])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(full, "full", lambda *_, **__: nullcontext())
    monkeypatch.setattr(full, "write_to_the_end", refused)
    tapped = nullcontext(Tapped(tmp_path))
    here = replace(place(tmp_path, "mount"), tapped=lambda: tapped)
    for check in (full.check_write, full.check_in_its_place):
        with pytest.raises(expect.Failed, match=f"{left} bytes are 1400832 to 1564672"):
            check(here)
