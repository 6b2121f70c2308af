"""An open file or directory of the host.

Reads and writes run in the event loop: the page cache answers in a microsecond, a thread would
take seventy.  What is not in the cache is read in a thread, and so is every fsync.  Of a file
system that has to ask somebody, who may not answer, everything is read and written in a thread.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ninep.backends._linux import Fd, SetId, drop_set_id
from ninep.backends._shared import SIZE_END, error
from ninep.constants import DirentType, QidType
from ninep.messages import Qid

if TYPE_CHECKING:
    from ninep.backends.local import LocalBackend

DIRECTORY = (int(QidType.DIR), int(DirentType.DIR))
SYMLINK = (int(QidType.SYMLINK), int(DirentType.LNK))
REGULAR = (int(QidType.FILE), int(DirentType.REG))
SPECIAL = (int(QidType.FILE), int(DirentType.UNKNOWN))
LOST = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""Errors of an fsync after which the data are gone."""
NOT_CACHED = -1
UNSEEN = -1
ENCODING, SURROGATES = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


class Data:
    """What became of the data of one file, for those that have written some or asked for them.

    Linux tells a failed write-back once to each descriptor that was open then, and to the next one
    nothing.  So whoever writes or asks holds this until it was told: the tree has it no longer than
    one of them is left (`docs/adr/0012-lost-data.md`).
    """

    __slots__ = ("__weakref__", "lost", "told")

    def __init__(self, lost: int = 0) -> None:
        """Take the errno of a loss that has been told; nothing is lost at first."""
        self.lost = lost
        self.told = bool(lost)


class LocalFile:
    """What an open fid reads and writes."""

    __slots__ = ("_data", "_dev", "_fd", "_path", "_remote", "_set_ids", "_tree", "_try_cache")

    def __init__(self, tree: LocalBackend, fd: Fd, dev: int, path: int, *, set_id: bool) -> None:
        """Hold an open descriptor of the file with qid path `path`.

        `set_id` says whether the file has set-id bits, which a write has to take away.
        """
        self._tree = tree
        self._fd = fd
        self._dev = dev
        self._path = path
        self._set_ids = UNSEEN if set_id else SetId.given
        self._data: Data | None = None
        self._remote = tree.is_remote(dev, fd.number)
        self._try_cache = dev not in tree.uncached

    async def read(self, offset: int, count: int) -> bytes | bytearray:
        """Return up to `count` bytes; they come from a thread if they are not in memory.

        Clauses: read.past-end
        """
        if offset + count >= SIZE_END:  # where no byte is: Linux would refuse to read there
            count = SIZE_END - 1 - offset
        if self._remote:
            buffer = bytearray(count)
            del buffer[await self._tree.in_thread(self._dev, self._fill, buffer, offset, 0) :]
            return buffer
        if not self._try_cache:
            return os.pread(self._fd.number, count, offset)
        buffer = bytearray(count)
        number = self._fd.number
        try:
            got = os.preadv(number, (buffer,), offset, os.RWF_NOWAIT)
        except BlockingIOError:
            got = NOT_CACHED
        except OSError as exc:
            if exc.errno != errno.EOPNOTSUPP:
                raise
            self._tree.uncached.add(self._dev)
            self._try_cache = False
            return os.pread(number, count, offset)
        if got == count:
            return buffer
        if got == NOT_CACHED or os.fstat(number).st_size > offset + got:
            got = await self._tree.in_thread(self._dev, self._fill, buffer, offset, max(got, 0))
        del buffer[got:]
        return buffer

    def _fill(self, buffer: bytearray, offset: int, got: int) -> int:
        """Read on after `got` bytes to the end of the buffer or the file; return the total."""
        with memoryview(buffer) as view:
            while got < len(buffer):
                with view[got:] as rest:
                    more = os.preadv(self._fd.number, (rest,), offset + got)
                if not more:
                    break
                got += more
        return got

    async def write(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        """Write at `offset`, or at the end if opened with APPEND; return how much went in."""
        if self._set_ids != SetId.given:
            self._drop_set_id()
        if self._data is None:
            self._data = self._tree.data(self._path)
        if self._remote:
            done = await self._tree.in_thread(self._dev, self._write, data, offset)
        else:
            done = os.pwrite(self._fd.number, data, offset)
        self._tree.changed(self._path)
        return done

    def _write(self, data: bytes | bytearray | memoryview, offset: int) -> int:
        return os.pwrite(self._fd.number, data, offset)

    async def truncate(self, size: int) -> None:
        """Cut or extend to `size` bytes."""
        if size >= SIZE_END:
            raise error(errno.EFBIG)
        if self._set_ids != SetId.given:
            self._drop_set_id()
        self._data = self._data or self._tree.data(self._path)
        os.ftruncate(self._fd.number, size)
        self._tree.changed(self._path)

    def _drop_set_id(self) -> None:
        """Take the set-id bits away; done again only after some file got such bits through us.

        Clauses: write.drops-privilege
        """
        self._set_ids = SetId.given
        if self._tree.privileged:
            drop_set_id(self._fd.number)

    async def fsync(self, datasync: bool) -> None:  # noqa: FBT001  the Protocol's signature
        """Wait until all is on stable storage.  Data once lost stay lost: the error is repeated."""
        data = self._data = self._data or self._tree.data(self._path)
        self._tell(data)
        call = os.fdatasync if datasync else os.fsync
        await self._tree.in_thread(self._dev, self._sync, call, data)
        self._tell(data)

    def _sync(self, call: Callable[[int], None], data: Data) -> None:
        """Note a loss here: it must not be missed because nobody waits for the answer any more."""
        try:
            call(self._fd.number)
        except OSError as exc:
            if exc.errno not in LOST:
                raise
            data.lost = data.lost or exc.errno

    def _tell(self, data: Data) -> None:
        """Raise the error if data were lost; this file knows by itself from then on."""
        if data.lost:
            self._data = data if data.told else Data(data.lost)
            raise error(data.lost)

    async def clunk(self) -> None:
        """Tell of a loss that is known and was not told; nothing is written out for that."""
        if self._data is not None and not self._data.told:
            self._tell(self._data)

    def readdir(self) -> Iterator[tuple[Qid, int, bytes]]:
        """Scan the directory by a descriptor of its own: scans do not disturb each other.

        A mount point shows the path of the directory beneath it, as getdents(2) does.
        """
        tree = self._tree
        fd = Fd(tree.reopen(self._fd.number, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        with os.scandir(fd.number) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    kind, dirent = REGULAR
                elif entry.is_dir(follow_symlinks=False):
                    kind, dirent = DIRECTORY
                else:
                    kind, dirent = SYMLINK if entry.is_symlink() else SPECIAL
                path = tree.path(self._dev, entry.inode())
                yield Qid(kind, 0, path), dirent, entry.name.encode(ENCODING, SURROGATES)
