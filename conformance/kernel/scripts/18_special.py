"""Nodes that are no files: fifos, sockets, devices."""

from __future__ import annotations

import os
import socket
import stat

from ..children import Holder, run_many
from ..expect import Skipped, equal, needs, true
from ..files import opened, read
from ..place import Place

SHORT = True
NULL = os.makedev(1, 3)


def check_fifo(here: Place) -> None:
    """mkfifo makes a fifo with the mode asked for.

    Clauses: create.mknod-type
    """
    os.mkfifo(here / "fifo", 0o640)
    mode = os.stat(here / "fifo").st_mode
    true("a fifo", stat.S_ISFIFO(mode))
    equal("mode", 0o640, mode & 0o7777)
    true("a fifo on the server's side", stat.S_ISFIFO(os.stat(here.backing / "fifo").st_mode))


def check_fifo_between_processes(here: Place) -> None:
    """Two processes talk through a fifo.

    Clauses: open.special-refused
    """
    os.mkfifo(here / "fifo")

    def send() -> None:
        with opened(here / "fifo", os.O_WRONLY) as fd:
            os.write(fd, b"through the fifo")

    heard = run_many([send, lambda: read(here / "fifo").decode()])
    equal("what arrived", "through the fifo", heard[1])


def check_socket(here: Place) -> None:
    """A unix socket can be bound, seen, connected to, and removed.

    Clauses: create.mknod-type
    """
    os.chdir(here.dir)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        server.listen()
        true("a socket", stat.S_ISSOCK(os.stat("socket").st_mode))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("socket")
            peer = server.accept()[0]
            with peer:
                peer.sendall(b"hello")
                equal("what arrived", b"hello", client.recv(10))
    os.unlink("socket")
    os.chdir("/")


def make_device(here: Place, name: str, mode: int, number: int) -> None:
    """Make a device node; a server may refuse that with EPERM."""
    try:
        os.mknod(here / name, mode, number)
    except PermissionError:
        raise Skipped("the server makes no device nodes (EPERM)") from None


@needs("root")
def check_device(here: Place) -> None:
    """A device node keeps its numbers and reaches the client's device.

    Clauses: create.mknod-type, create.device-privilege
    """
    make_device(here, "null", stat.S_IFCHR | 0o666, NULL)
    info = os.stat(here / "null")
    true("a character device", stat.S_ISCHR(info.st_mode))
    equal("device numbers", (1, 3), (os.major(info.st_rdev), os.minor(info.st_rdev)))
    with opened(here / "null", os.O_RDWR) as fd:
        equal("bytes written to it", 5, os.write(fd, b"12345"))
        equal("bytes read from it", b"", os.read(fd, 5))


@needs("root")
def check_large_device_numbers(here: Place) -> None:
    """Device numbers with a large minor come back whole.

    Clauses: create.mknod-range
    """
    number = os.makedev(259, 70_000)
    make_device(here, "disk", stat.S_IFBLK | 0o600, number)
    info = os.stat(here / "disk")
    true("a block device", stat.S_ISBLK(info.st_mode))
    equal("device numbers", (259, 70_000), (os.major(info.st_rdev), os.minor(info.st_rdev)))


def check_mknod_regular(here: Place) -> None:
    """mknod makes a regular file as well.

    Clauses: create.mknod-type
    """
    os.mknod(here / "file", stat.S_IFREG | 0o600)
    true("a regular file", stat.S_ISREG(os.stat(here / "file").st_mode))
    equal("content", b"", read(here / "file"))


def check_rename_and_remove(here: Place) -> None:
    """A fifo that somebody has open can be renamed and removed."""
    os.mkfifo(here / "fifo")
    with Holder(lambda: os.open(here / "fifo", os.O_RDWR)):
        os.rename(here / "fifo", here / "moved")
        true("still a fifo", stat.S_ISFIFO(os.stat(here / "moved").st_mode))
        os.unlink(here / "moved")
    equal("names left", [], os.listdir(here.dir))
