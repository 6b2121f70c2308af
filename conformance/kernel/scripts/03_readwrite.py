"""Reading and writing: content, positions, truncation, holes, synchronisation."""

from __future__ import annotations

import errno
import hashlib
import os

from ..expect import equal, raises, true
from ..files import opened, pattern, read, read_all, write, write_all
from ..place import Place

SHORT = True
READ_WRITE = os.O_RDWR | os.O_CREAT
LARGE = 2 << 20
"""Bytes of the file that is checked by its hash."""
ODD = 70_001
"""Bytes in one write: more than one message at 64 KiB, and a multiple of nothing."""


def check_read_back(here: Place) -> None:
    """What was written is what is read.

    Clauses: write.count-true, read.whole-count
    """
    data = pattern(10_000)
    write(here / "file", data)
    equal("content", data, read(here / "file"))
    equal("size", len(data), os.stat(here / "file").st_size)
    with opened(here / "file", os.O_RDWR) as fd:
        os.fsync(fd)
    equal("content on the server's side", data, read(here.backing / "file"))


def check_large_sequential(here: Place) -> None:
    """A file of 2 MiB keeps its checksum, written and read in odd pieces.

    Clauses: write.count-true, read.whole-count
    """
    data = pattern(LARGE)
    with opened(here / "file", READ_WRITE) as fd:
        for start in range(0, LARGE, ODD):
            write_all(fd, data[start : start + ODD])
        os.lseek(fd, 0, os.SEEK_SET)
        equal("sha256", hashlib.sha256(data).hexdigest(), hashlib.sha256(read_all(fd)).hexdigest())


def check_sizes_around_a_message(here: Place) -> None:
    """Sizes around the usual message sizes are read back whole.

    Clauses: read.count-kept, read.whole-count, open.iounit-bound
    """
    for size in (1, 4095, 4096, 4097, 65_511, 65_512, 65_513, 65_536, 131_071, 131_072, 131_097):
        data = pattern(size)
        write(here / "file", data)
        true(f"{size} bytes come back equal", read(here / "file") == data)


def check_eof_reads_nothing(here: Place) -> None:
    """Reading at and behind the end gives 0 bytes.

    Clauses: read.past-end
    """
    write(here / "file", b"12345")
    with opened(here / "file", os.O_RDONLY) as fd:
        equal("at the end", b"", os.pread(fd, 10, 5))
        equal("far behind the end", b"", os.pread(fd, 10, 5_000_000))
        equal("across the end", b"45", os.pread(fd, 10, 3))


def check_pread_pwrite(here: Place) -> None:
    """pread and pwrite use their offset and leave the position alone."""
    with opened(here / "file", READ_WRITE) as fd:
        write_all(fd, b"0123456789")
        os.pwrite(fd, b"AB", 3)
        equal("pread", b"AB5", os.pread(fd, 3, 3))
        equal("position", 10, os.lseek(fd, 0, os.SEEK_CUR))


def check_overwrite_middle(here: Place) -> None:
    """Writing in the middle changes nothing else."""
    data = bytearray(pattern(200_000))
    write(here / "file", bytes(data))
    with opened(here / "file", os.O_WRONLY) as fd:
        os.pwrite(fd, b"x" * 70_000, 60_000)
    data[60_000:130_000] = b"x" * 70_000
    true("the content is equal", read(here / "file") == bytes(data))


def check_vectors(here: Place) -> None:
    """writev and readv move the pieces in order."""
    with opened(here / "file", READ_WRITE) as fd:
        equal("writev", 9, os.writev(fd, [b"one", b"two", b"six"]))
        os.lseek(fd, 0, os.SEEK_SET)
        parts = [bytearray(4), bytearray(10)]
        equal("readv", 9, os.readv(fd, parts))
        equal("pieces", [b"onet", b"wosix\0\0\0\0\0"], [bytes(part) for part in parts])


def check_append(here: Place) -> None:
    """O_APPEND writes at the end, wherever the position is.

    Clauses: open.append-flag
    """
    write(here / "file", b"start ")
    with opened(here / "file", os.O_WRONLY | os.O_APPEND) as fd:
        os.lseek(fd, 0, os.SEEK_SET)
        write_all(fd, b"end")
    equal("content", b"start end", read(here / "file"))


def check_append_two_descriptors(here: Place) -> None:
    """Two descriptors with O_APPEND never overwrite each other.

    Clauses: open.append-flag
    """
    write(here / "log")
    append = os.O_WRONLY | os.O_APPEND
    with opened(here / "log", append) as one, opened(here / "log", append) as two:
        for number in range(10):
            write_all(one, b"one%d " % number)
            write_all(two, b"two%d " % number)
    wanted = b"".join(b"one%d two%d " % (n, n) for n in range(10))
    equal("content", wanted, read(here / "log"))


def check_truncate_shrinks_and_grows(here: Place) -> None:
    """truncate cuts, and grows with zeros.

    Clauses: setattr.size-bit
    """
    write(here / "file", b"0123456789")
    os.truncate(here / "file", 4)
    equal("content after cutting", b"0123", read(here / "file"))
    os.truncate(here / "file", 8)
    equal("content after growing", b"0123\0\0\0\0", read(here / "file"))


def check_ftruncate(here: Place) -> None:
    """ftruncate works through an open descriptor, and the size is seen at once.

    Clauses: setattr.size-bit, setattr.size-open-fid
    """
    with opened(here / "file", READ_WRITE) as fd:
        write_all(fd, b"0123456789")
        os.ftruncate(fd, 3)
        equal("fstat", 3, os.fstat(fd).st_size)
        equal("stat", 3, os.stat(here / "file").st_size)
        os.ftruncate(fd, 100_000)
        equal("the zeros", bytes(99_997), os.pread(fd, 100_000, 3))


def check_hole_reads_zeros(here: Place) -> None:
    """A hole left by writing behind the end reads as zeros.

    Clauses: write.past-end
    """
    with opened(here / "file", READ_WRITE) as fd:
        os.pwrite(fd, b"end", 1_000_000)
        equal("size", 1_000_003, os.fstat(fd).st_size)
        equal("the hole", bytes(1000), os.pread(fd, 1000, 500_000))
        equal("the data", b"end", os.pread(fd, 10, 1_000_000))


def check_seek_end(here: Place) -> None:
    """lseek from the end knows the size."""
    with opened(here / "file", READ_WRITE) as fd:
        write_all(fd, b"0123456789")
        equal("SEEK_END", 7, os.lseek(fd, -3, os.SEEK_END))
        equal("what follows", b"789", os.read(fd, 10))


def check_wrong_direction(here: Place) -> None:
    """Reading a write-only and writing a read-only descriptor is EBADF."""
    write(here / "file", b"x")
    with opened(here / "file", os.O_WRONLY) as fd:
        raises(errno.EBADF, "read", os.read, fd, 1)
    with opened(here / "file", os.O_RDONLY) as fd:
        raises(errno.EBADF, "write", os.write, fd, b"y")


def check_read_directory(here: Place) -> None:
    """read on a directory is EISDIR."""
    with opened(here.dir, os.O_RDONLY) as fd:
        raises(errno.EISDIR, "read", os.read, fd, 10)


def check_sync(here: Place) -> None:
    """fsync and fdatasync of a file and of a directory succeed, and the data is there.

    Clauses: fsync.data-stable, fsync.directory-allowed
    """
    with opened(here / "file", READ_WRITE) as fd:
        write_all(fd, b"kept")
        os.fsync(fd)
        os.fdatasync(fd)
        equal("content on the server's side", b"kept", read(here.backing / "file"))
    with opened(here.dir, os.O_RDONLY | os.O_DIRECTORY) as fd:
        os.fsync(fd)
        os.fdatasync(fd)


def check_synchronous_flags(here: Place) -> None:
    """Files opened with O_SYNC and O_DSYNC can be written.

    Clauses: open.client-flags-ignored
    """
    for flag in (os.O_SYNC, os.O_DSYNC):
        with opened(here / "file", READ_WRITE | flag) as fd:
            write_all(fd, b"data")
        equal("content", b"data", read(here / "file"))


def check_sendfile(here: Place) -> None:
    """sendfile copies from a file to a file."""
    data = pattern(100_000)
    write(here / "from", data)
    with opened(here / "from", os.O_RDONLY) as source, opened(here / "to", READ_WRITE) as target:
        sent = 0
        while count := os.sendfile(target, source, sent, len(data)):
            sent += count
    equal("bytes sent", len(data), sent)
    true("the copy is equal", read(here / "to") == data)


def check_copy_file_range(here: Place) -> None:
    """copy_file_range copies from a file to a file of the same mount."""
    data = pattern(100_000)
    write(here / "from", data)
    with opened(here / "from", os.O_RDONLY) as source, opened(here / "to", READ_WRITE) as target:
        while os.copy_file_range(source, target, len(data)):
            pass
    true("the copy is equal", read(here / "to") == data)


def check_mtime_follows_write(here: Place) -> None:
    """Writing advances the modification time."""
    write(here / "file", b"1")
    os.utime(here / "file", ns=(0, 0))
    with opened(here / "file", os.O_WRONLY) as fd:
        write_all(fd, b"2")
    true("mtime is no longer 0", os.stat(here / "file").st_mtime_ns > 0)
