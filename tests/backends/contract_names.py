"""What every file tree must do: link, unlink, rename."""

from __future__ import annotations

import errno
import stat

from ninep.backend import Backend, Node
from ninep.constants import (
    SetattrValid,
)

from .helpers import (
    NOBODY,
    RDONLY,
    attributes,
    change,
    content,
    create,
    mkdir,
    mkfifo,
    names,
    refused,
)

LONG = b"n" * 256


class NamesContract:
    """Giving and taking names."""

    async def test_link(self, root: Node) -> None:
        """Two names, one file."""
        node, file = await create(root, b"f", b"abc")
        await root.link(b"g", node)
        again = await root.walk(b"g")
        assert node.qid.path == again.qid.path
        assert 2 == (await attributes(again)).nlink
        await file.write(0, b"X")
        assert b"Xbc" == await content(again)

    async def test_link_refused(self, root: Node) -> None:
        """Not directories, not what has no name left."""
        node, _ = await create(root, b"f")
        await root.unlink(b"f", directory=False)
        for target, number in ((await mkdir(root, b"d"), errno.EPERM), (node, errno.ENOENT)):
            with refused(number):
                await root.link(b"x", target)

    async def test_link_of_symlink(self, root: Node) -> None:
        """A link to a symbolic link is to the link itself."""
        await create(root, b"f")
        await root.link(b"m", await root.symlink(b"l", b"f", NOBODY, NOBODY))
        assert b"f" == await (await root.walk(b"m")).readlink()

    async def test_unlink(self, root: Node) -> None:
        """A name that was removed is gone, for files and for directories."""
        await create(root, b"f")
        await mkdir(root, b"d")
        await root.unlink(b"f", directory=False)
        await root.unlink(b"d", directory=True)
        assert [] == await names(root)
        for name in (b"f", b"d"):
            with refused(errno.ENOENT):
                await root.walk(name)

    async def test_unlink_refused(self, root: Node) -> None:
        """What is named must be of the kind that was said, empty, and there."""
        await create(root, b"f")
        await mkdir(root, b"d", b"sub")
        for name, directory, number in (
            (b"f", True, errno.ENOTDIR),
            (b"d", False, errno.EISDIR),
            (b"d", True, errno.ENOTEMPTY),
            (b"x", True, errno.ENOENT),
            (b"x", False, errno.ENOENT),
        ):
            with refused(number):
                await root.unlink(name, directory)

    async def test_unlinked_file_lives(self, root: Node) -> None:
        """Without a name, a file can be used where it is open, but not opened."""
        node, file = await create(root, b"f", b"abc")
        await root.unlink(b"f", directory=False)
        await file.write(3, b"def")
        await node.setattr(change(SetattrValid.SIZE | SetattrValid.MODE, size=5, mode=0o600))
        assert b"abcde" == await file.read(0, 10)
        st = await attributes(node)
        assert (0, 5, 0o600) == (st.nlink, st.size, stat.S_IMODE(st.mode))
        with refused(errno.ENOENT):
            await node.open(RDONLY)

    async def test_removed_directory(self, root: Node) -> None:
        """A directory that was removed holds nothing and takes nothing."""
        node = await mkdir(root, b"d")
        file = await node.open(RDONLY)
        await root.unlink(b"d", directory=True)
        await create(root, b"f")
        assert [] == list(file.readdir())
        for call in (
            node.walk(b"x"), create(node, b"x"), mkdir(node, b"x"), mkfifo(node, b"x"),
            node.symlink(b"x", b"t", NOBODY, NOBODY), root.rename(b"f", node, b"x"),
        ):  # fmt: skip
            with refused(errno.ENOENT):
                await call

    async def test_unlink_only(self, root: Node) -> None:
        """With `only`, the name must still mean that node."""
        old, _ = await create(root, b"f")
        await root.unlink(b"f", directory=False)
        new, _ = await create(root, b"f")
        with refused(errno.ENOENT):
            await root.unlink(b"f", directory=False, only=old)
        await root.unlink(b"f", directory=False, only=new)
        with refused(errno.ENOENT):
            await root.unlink(b"f", directory=False, only=new)

    async def test_root_stays(self, root: Node) -> None:
        """The root can be neither removed nor renamed."""
        with refused(errno.EBUSY):
            await root.parent.unlink(root.name, directory=True, only=root)
        with refused(errno.EBUSY):
            await root.parent.rename(root.name, root, b"x", only=root)

    async def test_rename(self, root: Node) -> None:
        """A node follows its file to another name and directory, with all that is below."""
        above = await mkdir(root, b"a")
        moved = await mkdir(above, b"d")
        below, _ = await create(moved, b"f", b"abc")
        await above.rename(b"d", root, b"e", only=moved)
        assert (b"e", root, moved) == (moved.name, moved.parent, below.parent)
        assert moved is await root.walk(b"e")
        assert below is await moved.walk(b"f")
        assert [] == await names(above)
        assert b"abc" == await content(below)

    async def test_rename_over(self, root: Node) -> None:
        """What was in the place is gone from there, but lives while it is in use."""
        source, _ = await create(root, b"f", b"new")
        victim, file = await create(root, b"g", b"old")
        await root.rename(b"f", root, b"g")
        assert source is await root.walk(b"g")
        assert (b"old", 0) == (await file.read(0, 9), (await attributes(victim)).nlink)
        with refused(errno.ENOENT):
            await victim.parent.unlink(victim.name, directory=False, only=victim)

    async def test_rename_unknown_over_known(self, root: Node) -> None:
        """The name means the new file although only the old one was in use."""
        await create(root, b"f", b"new")
        victim, _ = await create(root, b"g", b"old")
        await root.rename(b"f", root, b"g")
        assert b"new" == await content(await root.walk(b"g"))
        assert victim is not await root.walk(b"g")

    async def test_rename_directory_over_empty(self, root: Node) -> None:
        """An empty directory may be replaced by another."""
        source = await mkdir(root, b"d")
        await mkdir(source, b"sub")
        await mkdir(root, b"e")
        await root.rename(b"d", root, b"e")
        assert source is await root.walk(b"e")
        assert [b"e"] == await names(root)

    async def test_rename_refused(self, root: Node) -> None:
        """Errors are those of rename(2)."""
        directory = await mkdir(root, b"d")
        below = await mkdir(directory, b"sub")
        node, _ = await create(root, b"f")
        await mkdir(root, b"empty")
        for name, newdir, newname, number in (
            (b"x", root, b"y", errno.ENOENT),
            (b"d", below, b"x", errno.EINVAL),
            (b"d", directory, b"x", errno.EINVAL),
            (b"empty", root, b"d", errno.ENOTEMPTY),
            (b"f", root, b"empty", errno.EISDIR),
            (b"empty", root, b"f", errno.ENOTDIR),
            (b"f", node, b"x", errno.ENOTDIR),
            (b"f", root, LONG, errno.ENAMETOOLONG),
        ):
            with refused(number):
                await root.rename(name, newdir, newname)
        with refused(errno.ENOTEMPTY):
            await directory.rename(b"sub", root, b"d")
        assert [b"d", b"empty", b"f"] == await names(root)

    async def test_rename_to_itself(self, root: Node) -> None:
        """Between two names of one file nothing happens: both stay, and both nodes."""
        node, _ = await create(root, b"f")
        await root.link(b"g", node)
        other = await root.walk(b"g")
        await root.rename(b"f", root, b"g")
        await root.rename(b"f", root, b"f")
        assert [b"f", b"g"] == await names(root)
        assert (b"f", b"g") == (node.name, other.name)
        assert (node, other) == (await root.walk(b"f"), await root.walk(b"g"))

    async def test_rename_to_a_free_name(self, root: Node) -> None:
        """Unless it may replace, a rename takes no name that something has."""
        node, _ = await create(root, b"f", b"abc")
        await create(root, b"g", b"other")
        await mkdir(root, b"d")
        for taken in (b"g", b"d"):
            with refused(errno.EEXIST):
                await root.rename(b"f", root, taken, only=node, replace=False)
        await root.rename(b"f", root, b"free", only=node, replace=False)
        assert b"free" == node.name
        assert b"abc" == await content(await root.walk(b"free"))
        assert b"other" == await content(await root.walk(b"g"))
        with refused(errno.ENOENT):
            await root.rename(b"missing", root, b"new", replace=False)

    async def test_rename_only(self, root: Node) -> None:
        """With `only`, a name that means another file by now is not renamed."""
        old, _ = await create(root, b"f")
        await root.rename(b"f", root, b"g")
        await create(root, b"f")
        with refused(errno.ENOENT):
            await root.rename(b"f", root, b"h", only=old)

    async def test_other_tree(self, root: Node) -> None:
        """Links and renames do not lead into another tree."""
        stranger = await self.another().attach()
        await create(root, b"f")
        for call in (root.rename(b"f", stranger, b"f"), root.link(b"g", stranger)):
            with refused(errno.EXDEV):
                await call

    def another(self) -> Backend:
        """Return a tree of the same class."""
        raise NotImplementedError

    async def test_deep(self, root: Node) -> None:
        """A path may be longer than any string for it, and is removed again."""
        node = await mkdir(root, *[b"d" * 255] * 300)
        with refused(errno.ENOENT):
            await node.walk(b"x")
        while node.parent is not node:
            above = node.parent
            await above.unlink(node.name, directory=True, only=node)
            node = above
        assert [] == await names(root)
