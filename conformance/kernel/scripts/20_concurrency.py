"""Many processes at once on one mount."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ..children import run_many
from ..expect import equal, true
from ..files import opened, pattern, read, write, write_all
from ..place import Place

PROCESSES = 8
FILES = 6
RECORD = 40


def check_own_files(here: Place) -> None:
    """8 processes each create, read, rename and remove files in one directory.

    Clauses: tag.reply-same-tag
    """

    def work(number: int) -> Callable[[], int]:
        def task() -> int:
            for at in range(FILES):
                name = f"{number}-{at}"
                write(here / name, name.encode() * 100)
                os.rename(here / name, here / f"{name}.done")
                if read(here / f"{name}.done") != name.encode() * 100:
                    return at
            os.unlink(here / f"{number}-0.done")
            return FILES

        return task

    done = run_many([work(number) for number in range(PROCESSES)])
    equal("files each process got right", [FILES] * PROCESSES, done)
    wanted = {f"{n}-{at}.done" for n in range(PROCESSES) for at in range(1, FILES)}
    equal("names left", wanted, set(os.listdir(here.dir)))


def check_one_creator(here: Place) -> None:
    """Of 8 processes that make one name with O_EXCL, exactly one succeeds.

    Clauses: create.excl-exists
    """

    def make() -> bool:
        try:
            os.close(os.open(here / "one", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    equal("successes", 1, sum(run_many([make] * PROCESSES)))


def check_one_mkdir(here: Place) -> None:
    """Of 8 processes that make one directory, exactly one succeeds.

    Clauses: create.name-taken
    """

    def make() -> bool:
        try:
            os.mkdir(here / "one")
        except FileExistsError:
            return False
        return True

    equal("successes", 1, sum(run_many([make] * PROCESSES)))


def check_one_unlinker(here: Place) -> None:
    """Of 8 processes that remove one name, exactly one succeeds, the others see ENOENT.

    Clauses: unlink.missing-name
    """
    write(here / "one")

    def remove() -> int:
        try:
            os.unlink(here / "one")
        except OSError as failure:
            return failure.errno or 0
        return 0

    equal("results", [0] + [errno.ENOENT] * (PROCESSES - 1), sorted(run_many([remove] * PROCESSES)))


def check_one_file_many_writers(here: Place) -> None:
    """8 processes write their own parts of one file, and none is lost."""
    size = 20_000
    write(here / "file", bytes(size * PROCESSES))
    data = pattern(size * PROCESSES)

    def work(number: int) -> Callable[[], None]:
        def task() -> None:
            with opened(here / "file", os.O_WRONLY) as fd:
                for at in range(number * size, (number + 1) * size, 5000):
                    os.pwrite(fd, data[at : at + 5000], at)

        return task

    run_many([work(number) for number in range(PROCESSES)])
    true("the content is equal", read(here / "file") == data)


def check_many_appenders(here: Place) -> None:
    """8 processes append records to one file, and each record is there once and whole.

    Clauses: open.append-flag
    """
    write(here / "log")

    def work(number: int) -> Callable[[], None]:
        def task() -> None:
            with opened(here / "log", os.O_WRONLY | os.O_APPEND) as fd:
                for at in range(FILES):
                    write_all(
                        fd, f"process {number} record {at}".ljust(RECORD - 1).encode() + b"\n"
                    )

        return task

    run_many([work(number) for number in range(PROCESSES)])
    lines = [line.strip() for line in read(here / "log").decode().splitlines()]
    wanted = sorted(f"process {n} record {at}" for n in range(PROCESSES) for at in range(FILES))
    equal("records", wanted, sorted(lines))


def check_listing_meanwhile(here: Place) -> None:
    """Listings while others create and remove never fail and keep what stays.

    Clauses: readdir.stable-entries
    """
    for number in range(20):
        write(here / f"stays-{number:02}")

    def churn() -> int:
        for at in range(FILES):
            write(here / f"{os.getpid()}-{at}")
            os.unlink(here / f"{os.getpid()}-{at}")
        return 0

    def watch() -> int:
        listings = [os.listdir(here.dir) for _ in range(FILES)]
        return min(len([n for n in names if n.startswith("stays")]) for names in listings)

    equal("names that stayed, at least", [0, 0, 20, 20], run_many([churn, churn, watch, watch]))
