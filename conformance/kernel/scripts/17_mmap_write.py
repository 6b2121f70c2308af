"""Shared mappings that write, on a mount with cache=mmap."""

from __future__ import annotations

import mmap
import os
import sqlite3
from pathlib import Path

from ..children import run
from ..expect import equal, true
from ..files import is_database, opened, or_cached, pattern, read, write
from ..place import Place

NEEDS = ("cache=mmap",)
SIZE = 100_000
COHERENT = (6, 4)
"""Before, cache=mmap kept pages for mappings alone, and read(2) went to the server."""


def check_msync(here: Place) -> None:
    """msync brings what was written in the mapping to the server."""
    write(here / "file", bytes(SIZE))
    with opened(here / "file", os.O_RDWR) as fd, mmap.mmap(fd, SIZE) as view:
        view[:] = pattern(SIZE)
        view.flush()
        true("the server has the content", read(here.backing / "file") == pattern(SIZE))


def check_unmap_and_close(here: Place) -> None:
    """After munmap, fsync and close the file has what was written in the mapping."""
    write(here / "file", bytes(SIZE))
    with opened(here / "file", os.O_RDWR) as fd:
        with mmap.mmap(fd, SIZE) as view:
            view[50_000:50_006] = b"middle"
        os.fsync(fd)
    equal("content", b"middle", read(here / "file")[50_000:50_006])
    equal("content at the server", b"middle", read(here.backing / "file")[50_000:50_006])


def check_read_sees_mapping(here: Place) -> None:
    """read sees what was written in the mapping: at once since Linux 6.4, before after msync."""
    write(here / "file", b"0123456789")
    with opened(here / "file", os.O_RDWR) as fd, mmap.mmap(fd, 10) as view:
        view[:2] = b"AB"
        if here.kernel < COHERENT:
            view.flush()
        equal("read", b"AB23456789", os.pread(fd, 100, 0))


def check_mapping_sees_write(here: Place) -> None:
    """A mapping made after a write shows what was written."""
    write(here / "file", b"0123456789")
    with opened(here / "file", os.O_RDWR) as fd:
        os.pwrite(fd, b"YZ", 8)
        with mmap.mmap(fd, 10) as view:
            equal("mapping", b"01234567YZ", view[:])


def check_two_processes(here: Place) -> None:
    """Two processes share a mapping of one open file."""
    write(here / "file", bytes(100))
    with opened(here / "file", os.O_RDWR) as fd, mmap.mmap(fd, 100) as view:

        def change() -> None:
            view[10:15] = b"child"

        run(change)
        equal("what the other process wrote", b"child", view[10:15])
        view.flush()
    equal("content", b"child", read(here / "file")[10:15])


def check_size_stays(here: Place) -> None:
    """A mapping that ends within a page does not lengthen the file."""
    write(here / "file", b"short")
    with opened(here / "file", os.O_RDWR) as fd, mmap.mmap(fd, 5) as view:
        view[:] = b"SHORT"
        view.flush()
    equal("content at the server", b"SHORT", read(here.backing / "file"))


def check_sqlite_wal(here: Place) -> None:
    """SQLite in WAL mode, which needs shared mappings, keeps a database whole."""

    def look(at: Path) -> None:
        is_database(at)
        (at / "again").mkdir()
        use_database(at / "again", "delete")  # which needs no mapping

    with or_cached(here, look):
        use_database(here.dir, "wal")


def use_database(at: Path, mode: str) -> None:
    """Write a database, open it anew and judge it."""
    base = sqlite3.connect(at / "base.db", isolation_level=None)
    equal("journal mode", (mode,), base.execute(f"pragma journal_mode={mode}").fetchone())
    base.execute("create table t (n integer)")
    base.execute("begin")
    base.executemany("insert into t values (?)", [(number,) for number in range(100)])
    base.execute("commit")
    base.close()
    base = sqlite3.connect(at / "base.db")
    equal("sum", (4950,), base.execute("select sum(n) from t").fetchone())
    equal("integrity", ("ok",), base.execute("pragma integrity_check").fetchone())
    base.close()
