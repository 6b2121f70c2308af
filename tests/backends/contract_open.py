"""What every file tree must do: make, open, read and write files."""

from __future__ import annotations

import errno
from itertools import islice

import pytest

from ninep.backend import Node
from ninep.constants import (
    DirentType,
    LopenFlag,
    QidType,
    StMode,
)

from .helpers import (
    APPEND,
    EXCL,
    NOBODY,
    RDONLY,
    RDWR,
    TRUNC,
    WRONLY,
    attributes,
    content,
    create,
    mkdir,
    mkfifo,
    names,
    refused,
)

LONG = b"n" * 256


class OpenContract:
    """Making, opening, reading and writing files."""

    async def test_open_truncates(self, root: Node) -> None:
        """TRUNC empties the file and changes its version."""
        node, _ = await create(root, b"f", b"abc")
        before = node.qid
        await node.open(WRONLY | TRUNC)
        assert 0 == (await attributes(node)).size
        assert before.version != node.qid.version

    async def test_create_truncates_nothing(self, root: Node) -> None:
        """create.mode-masked: a new file has the mode that was asked for, with TRUNC too."""
        node, _ = await create(root, b"f", mode=0o6755, flags=RDWR | TRUNC)
        assert StMode.IFREG | 0o6755 == (await attributes(node)).mode

    async def test_open_access(self, root: Node) -> None:
        """What was not asked for at the open is not to be had."""
        node, _ = await create(root, b"f", b"abc")
        for offset in (0, (1 << 63) - 1):
            with refused(errno.EBADF):
                await (await node.open(WRONLY)).read(offset, 1)
        reader = await node.open(RDONLY)
        with refused(errno.EBADF):
            await reader.write(0, b"x")
        with refused(errno.EINVAL):
            await reader.truncate(0)

    async def test_open_no_access(self, root: Node) -> None:
        """Access mode 3 is none."""
        node, _ = await create(root, b"f")
        with refused(errno.EINVAL):
            await node.open(3)

    async def test_open_directory(self, root: Node) -> None:
        """A directory opens for reading, but cannot be read, and not for writing."""
        file = await root.open(RDONLY | LopenFlag.DIRECTORY)
        for offset in (0, (1 << 63) - 1):
            with refused(errno.EISDIR):
                await file.read(offset, 10)
        for flags in (WRONLY, RDWR, RDONLY | TRUNC):
            with refused(errno.EISDIR):
                await root.open(flags)

    async def test_open_as_directory(self, root: Node) -> None:
        """DIRECTORY opens nothing else, and scans nothing else."""
        node, file = await create(root, b"f")
        with refused(errno.ENOTDIR):
            await node.open(RDONLY | LopenFlag.DIRECTORY)
        with refused(errno.ENOTDIR):
            list(file.readdir())

    async def test_open_symlink(self, root: Node) -> None:
        """A symbolic link is not followed."""
        await create(root, b"f")
        link = await root.symlink(b"l", b"f", NOBODY, NOBODY)
        with refused(errno.ELOOP):
            await link.open(RDONLY)

    @pytest.mark.parametrize("kind", [StMode.IFIFO, StMode.IFSOCK])
    async def test_open_special(self, root: Node, kind: StMode) -> None:
        """A FIFO or socket is the client's own business."""
        node = await root.mknod(b"p", kind | 0o644, 0, 0, NOBODY, NOBODY)
        for flags in (RDONLY, WRONLY):
            with refused(errno.EOPNOTSUPP):
                await node.open(flags)

    async def test_create(self, root: Node) -> None:
        """A new file is empty, open, and has the mode that was given, whatever the umask."""
        node, file = await create(root, b"f", mode=0o666)
        await file.write(0, b"abc")
        assert b"abc" == await file.read(0, 10)
        assert node is await root.walk(b"f")
        assert StMode.IFREG | 0o666 == (await attributes(node)).mode

    async def test_create_existing(self, root: Node) -> None:
        """Without EXCL, what is there is opened: the mode stays, TRUNC counts."""
        node, _ = await create(root, b"f", b"abc", 0o600)
        again, file = await create(root, b"f", mode=0o644)
        assert node is again
        assert b"abc" == await file.read(0, 10)
        await create(root, b"f", flags=RDWR | TRUNC)
        st = await attributes(node)
        assert (StMode.IFREG | 0o600, 0) == (st.mode, st.size)

    async def test_create_exclusive(self, root: Node) -> None:
        """With EXCL, a name in use is EEXIST, be it a dangling link."""
        await root.symlink(b"l", b"/nowhere/at/all", NOBODY, NOBODY)
        for name in (b"d", b"l"):
            await mkdir(root, b"d") if name == b"d" else None
            with refused(errno.EEXIST):
                await create(root, name, flags=RDWR | EXCL)

    async def test_create_over_others(self, root: Node) -> None:
        """What is there and cannot be opened is an error, and a link is not followed."""
        await root.symlink(b"l", b"target", NOBODY, NOBODY)
        await mkdir(root, b"d")
        await mkfifo(root, b"p")
        for name, number in ((b"l", errno.ELOOP), (b"d", errno.EISDIR), (b"p", errno.EOPNOTSUPP)):
            with refused(number):
                await create(root, name)
        assert [b"d", b"l", b"p"] == await names(root)

    async def test_create_in_file(self, root: Node) -> None:
        """A file holds no files."""
        node, _ = await create(root, b"f")
        for call in (create(node, b"x"), mkdir(node, b"x"), mkfifo(node, b"x")):
            with refused(errno.ENOTDIR):
                await call

    async def test_mkdir(self, root: Node) -> None:
        """A new directory is empty and has its mode, set-group-id and sticky bit too."""
        node = await root.mkdir(b"d", 0o3777, NOBODY, NOBODY)
        assert StMode.IFDIR | 0o3777 == (await attributes(node)).mode
        assert [] == await names(node)

    async def test_make_existing(self, root: Node) -> None:
        """A name in use is EEXIST."""
        node, _ = await create(root, b"f")
        for call in (
            mkdir(root, b"f"),
            root.symlink(b"f", b"t", NOBODY, NOBODY),
            mkfifo(root, b"f"),
            root.mknod(b"f", 0, 0, 0, NOBODY, NOBODY),
            root.link(b"f", node),
        ):
            with refused(errno.EEXIST):
                await call

    async def test_version_of_directory(self, root: Node) -> None:
        """What is made or removed in a directory changes its version."""
        versions = [root.qid.version]
        await create(root, b"f")
        versions.append((await attributes(root)).qid.version)
        await root.rename(b"f", root, b"g")
        versions.append((await attributes(root)).qid.version)
        await root.unlink(b"g", directory=False)
        versions.append((await attributes(root)).qid.version)
        assert 4 == len(set(versions))

    async def test_symlink(self, root: Node) -> None:
        """The text of a link comes back as it was given."""
        for name, target in ((b"a", b"../..//x"), (b"b", b"/etc/passwd"), (b"c", b"t" * 4095)):
            node = await root.symlink(name, target, NOBODY, NOBODY)
            assert (QidType.SYMLINK, target) == (node.qid.type, await node.readlink())
            assert len(target) == (await attributes(node)).size

    async def test_symlink_refused(self, root: Node) -> None:
        """A text must be there, without NUL, and shorter than a path may be."""
        for target, number in (
            (b"", errno.ENOENT),
            (b"a\0b", errno.EINVAL),
            (b"t" * 4096, errno.ENAMETOOLONG),
        ):
            with refused(number):
                await root.symlink(b"l", target, NOBODY, NOBODY)

    async def test_readlink_of_file(self, root: Node) -> None:
        """What is no link has no text."""
        for node in (root, (await create(root, b"f"))[0]):
            with refused(errno.EINVAL):
                await node.readlink()

    @pytest.mark.parametrize("kind", [0, StMode.IFREG, StMode.IFIFO, StMode.IFSOCK])
    async def test_mknod(self, root: Node, kind: int) -> None:
        """A node has the type and the mode that were given; no type is a regular file."""
        node = await root.mknod(b"n", kind | 0o2766, 0, 0, NOBODY, NOBODY)
        assert (kind or StMode.IFREG) | 0o2766 == (await attributes(node)).mode

    @pytest.mark.parametrize("kind", [StMode.IFDIR, StMode.IFLNK, 0o130000])
    async def test_mknod_other_types(self, root: Node, kind: int) -> None:
        """Directories and links are not made this way."""
        with refused(errno.EINVAL):
            await root.mknod(b"n", kind | 0o644, 0, 0, NOBODY, NOBODY)

    @pytest.mark.parametrize(("major", "minor"), [(1 << 12, 0), (0, 1 << 20), (2**32 - 1, 0)])
    async def test_mknod_impossible_device(self, root: Node, major: int, minor: int) -> None:
        """Device numbers that do not exist are EINVAL."""
        with refused(errno.EINVAL):
            await root.mknod(b"n", StMode.IFCHR | 0o600, major, minor, NOBODY, NOBODY)
        assert [] == await names(root)

    # files

    async def test_read_and_write(self, root: Node) -> None:
        """Data are found where they were written; a hole is zeros; after the end is nothing."""
        _, file = await create(root, b"f", b"abc")
        assert 2 == await file.write(5, memoryview(b"xy"))
        assert b"bc\0\0x" == await file.read(1, 5)
        assert b"y" == await file.read(6, 100)
        assert b"" == await file.read(7, 100)
        for offset in (1 << 40, (1 << 63) - 2, (1 << 63) - 1):
            assert b"" == await file.read(offset, 100)
        assert b"" == await file.read(0, 0)

    async def test_write_nothing(self, root: Node) -> None:
        """A write of no bytes changes no size."""
        node, file = await create(root, b"f")
        assert 0 == await file.write(1000, b"")
        assert 0 == (await attributes(node)).size

    async def test_append(self, root: Node) -> None:
        """With APPEND, each write goes to the end, whatever the offset."""
        node, _ = await create(root, b"f", b"abc")
        file = await node.open(WRONLY | APPEND)
        await file.write(0, b"d")
        await file.write(0, b"e")
        assert b"abcde" == await content(node)

    async def test_write_far_away(self, root: Node) -> None:
        """An offset beyond what a file can have is refused, and nothing is written."""
        node, file = await create(root, b"f")
        with pytest.raises(OSError, match=r"too large|Invalid"):
            await file.write((1 << 63) - 2, b"abcd")
        assert 0 == (await attributes(node)).size

    async def test_truncate(self, root: Node) -> None:
        """An open file is cut and extended."""
        node, file = await create(root, b"f", b"abcdef")
        await file.truncate(2)
        await file.truncate(3)
        assert b"ab\0" == await content(node)

    async def test_fsync(self, root: Node) -> None:
        """Files and directories can be made to last."""
        _, file = await create(root, b"f", b"abc")
        for opened in (file, await root.open(RDONLY)):
            await opened.fsync(datasync=False)
            await opened.fsync(datasync=True)

    async def test_readdir(self, root: Node) -> None:
        """Each entry has its name, its type, and the path that a walk gives; no dots."""
        await create(root, b"f")
        await mkdir(root, b"d")
        await root.symlink(b"l", b"t", NOBODY, NOBODY)
        kinds = {b"f": DirentType.REG, b"d": DirentType.DIR, b"l": DirentType.LNK}
        found = {name: (qid, kind) for qid, kind, name in (await root.open(RDONLY)).readdir()}
        assert kinds == {name: kind for name, (_, kind) in found.items()}
        for name, (qid, _) in found.items():
            walked = (await root.walk(name)).qid
            assert (walked.type, walked.path) == (qid.type, qid.path)

    async def test_readdir_twice(self, root: Node) -> None:
        """A scan does not depend on another that was abandoned, or still goes on."""
        for number in range(100):
            await create(root, b"%03d" % number)
        file = await root.open(RDONLY)
        first = file.readdir()
        begun = list(islice(first, 10))
        assert 100 == len(list(file.readdir()))
        assert 90 == len(list(first))
        assert 10 == len(begun)
