"""What every file tree must do: names, attributes, extended attributes."""

from __future__ import annotations

import errno

import pytest

from ninep.backend import Backend, Node
from ninep.constants import (
    NONUNAME,
    V9FS_MAGIC,
    GetattrMask,
    QidType,
    SetattrValid,
    StMode,
    XattrFlag,
)

from .helpers import (
    BASIC,
    NOBODY,
    RDWR,
    at_once,
    attributes,
    change,
    content,
    create,
    mkdir,
    mkfifo,
    refused,
)

NO_NAMES = (b"", b".", b"..", b"/", b"a/b", b"/etc/passwd", b"a\0b")
LONG = b"n" * 256


class NodeContract:
    """What can be asked of a node."""

    # attach, walk

    async def test_root(self, backend: Backend, root: Node) -> None:
        """The root is one node for all, called /, its own parent, and a directory."""
        assert root is await backend.attach()
        assert root is root.parent
        assert (b"/", QidType.DIR) == (root.name, root.qid.type)

    async def test_walk_gives_the_same_node(self, root: Node) -> None:
        """While a node is in use, its name gives it again."""
        made = await mkdir(root, b"d")
        found = await root.walk(b"d")
        assert made is found
        assert (b"d", root, root.tree) == (found.name, found.parent, found.tree)

    async def test_walk_again_after_letting_go(self, root: Node) -> None:
        """A file is the same, by its qid, when no node of it was in use meanwhile."""
        path = (await create(root, b"f"))[0].qid.path
        assert path == (await root.walk(b"f")).qid.path

    async def test_identity(self, root: Node) -> None:
        """All names of a file have one identity, and no other file has it."""
        node, _ = await create(root, b"f")
        await root.link(b"g", node)
        assert node.identity == (await root.walk(b"g")).identity
        assert node.identity != (await create(root, b"h"))[0].identity

    async def test_walk_absent(self, root: Node) -> None:
        """A name that is not there is ENOENT."""
        with refused(errno.ENOENT):
            await root.walk(b"absent")

    async def test_walk_in_file(self, root: Node) -> None:
        """Nothing is below a file or a symbolic link."""
        await mkdir(root, b"d")
        link = await root.symlink(b"l", b"d", NOBODY, NOBODY)
        for node in ((await create(root, b"f"))[0], link):
            with refused(errno.ENOTDIR):
                await node.walk(b"x")

    async def test_walk_does_not_follow(self, root: Node) -> None:
        """A walk to a symbolic link ends at the link."""
        await mkdir(root, b"d")
        await root.symlink(b"l", b"d", NOBODY, NOBODY)
        assert QidType.SYMLINK == (await root.walk(b"l")).qid.type

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_no_name(self, root: Node, name: bytes) -> None:
        """What is a path, or no name at all, is EINVAL wherever a name is due."""
        node, _ = await create(root, b"f")
        for call in (
            root.walk(name),
            root.create(name, RDWR, 0o644, NOBODY, NOBODY),
            root.mkdir(name, 0o755, NOBODY, NOBODY),
            root.symlink(name, b"t", NOBODY, NOBODY),
            root.mknod(name, StMode.IFIFO, 0, 0, NOBODY, NOBODY),
            root.link(name, node),
            root.unlink(name, directory=False),
            root.rename(name, root, b"x"),
            root.rename(b"f", root, name),
        ):
            with refused(errno.EINVAL):
                await call

    async def test_long_name(self, root: Node) -> None:
        """255 bytes are a name, 256 are too many; any bytes do."""
        name = bytes(range(1, 256)).replace(b"/", b"") + b"\xff"
        await mkdir(root, name)
        assert name == (await root.walk(name)).name
        for call in (root.walk(LONG), mkdir(root, LONG), create(root, LONG)):
            with refused(errno.ENAMETOOLONG):
                await call

    async def test_hot_calls_do_not_await(self, root: Node) -> None:
        """Walk, getattr, open, read and write have their results at once."""
        await create(root, b"f", b"old")
        node = at_once(root.walk(b"f"))
        file = at_once(node.open(RDWR))
        assert 3 == at_once(file.write(0, b"new"))
        assert b"new" == at_once(file.read(0, 10))
        assert 3 == at_once(node.getattr(BASIC)).size

    # getattr, setattr, statfs

    async def test_getattr(self, root: Node) -> None:
        """All basic attributes of a file are there."""
        node, _ = await create(root, b"f", b"x" * 1000, 0o640)
        st = await attributes(node)
        assert (BASIC, StMode.IFREG | 0o640, 1, 1000) == (st.valid, st.mode, st.nlink, st.size)
        assert node.qid == st.qid
        assert st.blksize > 0
        assert max(st.atime_nsec, st.mtime_nsec, st.ctime_nsec) < 10**9

    async def test_getattr_valid(self, root: Node) -> None:
        """No more is called valid than was asked for and is kept."""
        assert GetattrMask.MODE == (await root.getattr(GetattrMask.MODE)).valid
        assert BASIC == (await root.getattr(BASIC | GetattrMask.GEN)).valid

    async def test_getattr_directory(self, root: Node) -> None:
        """A directory has the type in its mode, and a link from each directory in it."""
        node = await mkdir(root, b"d")
        before = (await attributes(node)).nlink
        await mkdir(node, b"sub")
        st = await attributes(node)
        assert (StMode.IFDIR | 0o755, before + 1) == (st.mode, st.nlink)

    async def test_setattr_mode(self, root: Node) -> None:
        """The mode takes all twelve bits and no type; only what is valid counts."""
        node, _ = await create(root, b"f")
        await node.setattr(change(SetattrValid.MODE, mode=StMode.IFDIR | 0o6751, size=9))
        st = await attributes(node)
        assert (StMode.IFREG | 0o6751, 0) == (st.mode, st.size)

    async def test_setattr_size(self, root: Node) -> None:
        """A size cuts, or extends with zeros; the content has a new time."""
        node, _ = await create(root, b"f", b"abcdef")
        before = (await attributes(node)).qid
        await node.setattr(change(SetattrValid.SIZE, size=2))
        await node.setattr(change(SetattrValid.SIZE, size=4))
        assert b"ab\0\0" == await content(node)
        assert before.version != (await attributes(node)).qid.version

    async def test_setattr_size_of_others(self, root: Node) -> None:
        """Only regular files have a size to set."""
        link = await root.symlink(b"l", b"t", NOBODY, NOBODY)
        for node, number in (
            (root, errno.EISDIR),
            (link, errno.EINVAL),
            (await mkfifo(root, b"p"), errno.EINVAL),
        ):
            with refused(number):
                await node.setattr(change(SetattrValid.SIZE, size=0))

    async def test_setattr_checks_first(self, root: Node) -> None:
        """A directory that is given a size keeps its mode, which came with it."""
        node = await root.mkdir(b"d", 0o755, NOBODY, NOBODY)
        with refused(errno.EISDIR):
            await node.setattr(change(SetattrValid.MODE | SetattrValid.SIZE, mode=0o700, size=0))
        assert StMode.IFDIR | 0o755 == (await attributes(node)).mode

    @pytest.mark.parametrize("size", [1 << 63, (1 << 64) - 1])
    async def test_setattr_size_impossible(self, root: Node, size: int) -> None:
        """A size that no file can have is EFBIG."""
        node, file = await create(root, b"f", b"abc")
        with refused(errno.EFBIG):
            await node.setattr(change(SetattrValid.SIZE, size=size))
        with refused(errno.EFBIG):
            await file.truncate(size)
        assert 3 == (await attributes(node)).size

    async def test_setattr_times(self, root: Node) -> None:
        """Times are set to the nanosecond, also before 1970, each for itself."""
        node, _ = await create(root, b"f")
        before = await attributes(node)
        bits = SetattrValid.MTIME | SetattrValid.MTIME_SET
        await node.setattr(change(bits, mtime_sec=(1 << 64) - 5, mtime_nsec=7, atime_sec=1))
        st = await attributes(node)
        assert ((1 << 64) - 5, 7) == (st.mtime_sec, st.mtime_nsec)
        assert (before.atime_sec, before.atime_nsec) == (st.atime_sec, st.atime_nsec)

    async def test_setattr_times_to_now(self, root: Node) -> None:
        """A time without a value is now; a value without its time is nothing."""
        node, _ = await create(root, b"f")
        now = (await attributes(node)).mtime_sec
        both = SetattrValid.ATIME | SetattrValid.ATIME_SET | SetattrValid.MTIME
        await node.setattr(change(both | SetattrValid.MTIME_SET, atime_sec=1, mtime_sec=2))
        await node.setattr(change(SetattrValid.MTIME | SetattrValid.ATIME_SET, atime_sec=9))
        st = await attributes(node)
        assert 1 == st.atime_sec
        assert now <= st.mtime_sec

    async def test_setattr_size_before_times(self, root: Node) -> None:
        """A time that comes with a size is not lost to it."""
        node, _ = await create(root, b"f", b"abc")
        bits = SetattrValid.SIZE | SetattrValid.MTIME | SetattrValid.MTIME_SET
        await node.setattr(change(bits, size=1, mtime_sec=77))
        assert 77 == (await attributes(node)).mtime_sec

    async def test_setattr_ctime_alone(self, root: Node) -> None:
        """The time of the last change cannot be set, and that is no error."""
        node, _ = await create(root, b"f", b"abc")
        before = await attributes(node)
        await node.setattr(change(SetattrValid.CTIME))
        assert before == await attributes(node)

    async def test_setattr_nobody(self, root: Node) -> None:
        """The number that stands for nobody owns no file."""
        for bit in (SetattrValid.UID, SetattrValid.GID):
            with refused(errno.EINVAL):
                await root.setattr(change(bit, uid=NONUNAME, gid=NONUNAME))

    async def test_setattr_symlink(self, root: Node) -> None:
        """Times of a symbolic link are its own; it has no mode to set."""
        await create(root, b"f")
        link = await root.symlink(b"l", b"f", NOBODY, NOBODY)
        await link.setattr(change(SetattrValid.MTIME | SetattrValid.MTIME_SET, mtime_sec=5))
        assert 5 == (await attributes(link)).mtime_sec
        assert 5 != (await attributes(await root.walk(b"f"))).mtime_sec
        with refused(errno.EOPNOTSUPP):
            await link.setattr(change(SetattrValid.MODE, mode=0o600))

    async def test_version(self, root: Node) -> None:
        """Each write gives a version not seen before, however fast they follow."""
        node, file = await create(root, b"f")
        versions = set()
        for _ in range(100):
            await file.write(0, b"same")
            versions.add((await attributes(node)).qid.version)
        assert 100 == len(versions)
        assert 0 not in versions

    async def test_version_stays(self, root: Node) -> None:
        """A file that is only read keeps its version, under all of its names."""
        node, file = await create(root, b"f", b"abc")
        await root.link(b"g", node)
        before = (await attributes(node)).qid
        await file.read(0, 3)
        assert before == (await attributes(node)).qid == (await root.walk(b"g")).qid

    async def test_statfs(self, root: Node) -> None:
        """The figures can be divided by and do not contradict each other."""
        st = await root.statfs()
        assert (V9FS_MAGIC, 255) == (st.type, st.namelen)
        assert st.bsize > 0
        assert st.blocks >= st.bfree >= st.bavail

    # extended attributes

    async def test_xattr(self, root: Node) -> None:
        """Attributes are set, read, listed and removed."""
        node, _ = await create(root, b"f")
        await node.setxattr(b"user.a", b"\0\xff", 0)
        await node.setxattr(b"user.b", b"", 0)
        assert (b"\0\xff", b"") == (await node.getxattr(b"user.a"), await node.getxattr(b"user.b"))
        assert [b"", b"user.a", b"user.b"] == sorted((await node.listxattr()).split(b"\0"))
        await node.removexattr(b"user.a")
        assert b"user.b\0" == await node.listxattr()

    async def test_xattr_flags(self, root: Node) -> None:
        """CREATE sets what is not there, REPLACE what is."""
        for flags, number in (
            (XattrFlag.REPLACE, errno.ENODATA),
            (XattrFlag.CREATE, None),
            (XattrFlag.CREATE, errno.EEXIST),
            (XattrFlag.REPLACE, None),
            (4, errno.EINVAL),
        ):
            if number is None:
                await root.setxattr(b"user.a", b"v", flags)
                continue
            with refused(number):
                await root.setxattr(b"user.a", b"v", flags)

    async def test_xattr_absent(self, root: Node) -> None:
        """What is not there is ENODATA."""
        for call in (root.getxattr(b"user.a"), root.removexattr(b"user.a")):
            with refused(errno.ENODATA):
                await call

    async def test_xattr_refused(self, root: Node) -> None:
        """Names and values have a size."""
        for name, value, number in (
            (b"", b"", errno.ERANGE),
            (b"user." + LONG, b"", errno.ERANGE),
            (b"user.\0", b"", errno.EINVAL),
            (b"user.a", bytes(65537), errno.E2BIG),
        ):
            with refused(number):
                await root.setxattr(name, value, 0)
