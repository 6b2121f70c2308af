"""Names in directories: made, removed, renamed, linked."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.backends.local import LocalBackend
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NONUNAME, QidType, StMode, UnlinkFlag
from ninep.messages import TMessage
from ninep.policy import Policy
from tests.helpers import Peer, service
from tests.populated import (
    ATTRIBUTES,
    BOTH,
    DIR,
    FIDS,
    FIFO,
    FILE,
    FREE,
    LINK,
    OPEN_DIR,
    RDONLY,
    READ,
    ROOT,
    fill,
    names,
)  # fmt: skip

REMOVEDIR = int(UnlinkFlag.REMOVEDIR)
REG, FIFO_TYPE = int(StMode.IFREG), int(StMode.IFIFO)
CHR = int(StMode.IFCHR)
TREE = [b"d", b"f", b"p", b"s"]


def mkdir(fid: int, name: bytes, mode: int = 0o755) -> m.Tmkdir:
    """Return a Tmkdir that leaves the group to the server."""
    return m.Tmkdir(fid, name, mode, NONUNAME)


def mknod(fid: int, name: bytes, mode: int = FIFO_TYPE | 0o644, number: int = 0) -> m.Tmknod:
    """Return a Tmknod that leaves the group to the server."""
    return m.Tmknod(fid, name, mode, number, number, NONUNAME)


def symlink(fid: int, name: bytes, target: bytes = b"to") -> m.Tsymlink:
    """Return a Tsymlink that leaves the group to the server."""
    return m.Tsymlink(fid, name, target, NONUNAME)


def link(fid: int, name: bytes) -> m.Tlink:
    """Return a Tlink of the file."""
    return m.Tlink(fid, FILE, name)


def rename(fid: int, name: bytes) -> m.Trename:
    """Return a Trename of the file."""
    return m.Trename(FILE, fid, name)


def rename_to(fid: int, name: bytes) -> m.Trenameat:
    """Return a Trenameat of the file."""
    return m.Trenameat(ROOT, b"f", fid, name)


def rename_from(fid: int, name: bytes) -> m.Trenameat:
    """Return a Trenameat that moves something."""
    return m.Trenameat(fid, name, ROOT, b"moved")


def unlink(fid: int, name: bytes) -> m.Tunlinkat:
    """Return a Tunlinkat of a file."""
    return m.Tunlinkat(fid, name, 0)


MAKE = (mkdir, mknod, symlink, link)
MOVE = (rename, rename_to, rename_from)
ALL = (*MAKE, *MOVE, unlink)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("name", "number"),
    [
        (b"", errno.EINVAL),
        (b"/", errno.EINVAL),
        (b"a/b", errno.EINVAL),
        (b"/etc", errno.EINVAL),
        (b"a\x00b", errno.EINVAL),
        (b"\x00", errno.EINVAL),
        (b"x" * 256, errno.ENAMETOOLONG),
        (b"x" * 4097, errno.ENAMETOOLONG),
    ],
)
async def test_what_is_no_name(
    client: Peer, make: Callable[..., TMessage], name: bytes, number: int
) -> None:
    """names.not-empty, names.no-slash, names.no-nul, names.too-long (S-045, S-046)."""
    for t in (make(ROOT, name), make(DIR, name)):
        assert number == await client.errno(t)
    assert (TREE, [b"g"]) == (await names(client), await names(client, b"d"))


@pytest.mark.parametrize("name", [b".", b".."])
@pytest.mark.parametrize(
    ("make", "number"),
    [(make, errno.EEXIST) for make in MAKE]  # create.dot-names
    + [(make, errno.EBUSY) for make in MOVE]  # rename.dot-names
    + [(unlink, errno.EINVAL)],  # unlink.dot-names
)
async def test_dots(client: Peer, make: Callable[..., TMessage], number: int, name: bytes) -> None:
    """create.dot-names, rename.dot-names, unlink.dot-names (S-091)."""
    assert number == await client.errno(make(DIR, name))
    assert (TREE, [b"g"]) == (await names(client), await names(client, b"d"))


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("fid", "number"),
    [*((fid, errno.EBADF) for fid in (FREE, *ATTRIBUTES))]  # fid.unknown-fid, walk.fid-is-file
    + [(fid, errno.ENOTDIR) for fid in (FILE, LINK, FIFO, READ)],  # create.directory-only, …
)
async def test_what_is_no_directory(
    client: Peer, make: Callable[..., TMessage], fid: int, number: int
) -> None:
    """create.directory-only, rename.directory-only, unlink.directory-only, walk.fid-is-file."""
    assert number == await client.errno(make(fid, b"new"))
    assert TREE == await names(client)


@pytest.mark.parametrize("make", [*MAKE, rename, rename_to])
async def test_in_a_removed_directory(client: Peer, make: Callable[..., TMessage]) -> None:
    """create.removed-directory: nothing is made there, or moved to it."""
    await client.ok(m.Tunlinkat(DIR, b"g", 0))
    await client.ok(m.Tunlinkat(ROOT, b"d", REMOVEDIR))
    for fid in (DIR, OPEN_DIR):
        assert errno.ENOENT == await client.errno(make(fid, b"new"))
    assert [b"f", b"p", b"s"] == await names(client)


@pytest.mark.parametrize("make", [mkdir, mknod, symlink, link])
@pytest.mark.parametrize("name", TREE)
async def test_a_name_that_is_taken(
    client: Peer, make: Callable[..., TMessage], name: bytes
) -> None:
    """create.name-taken (S-064): whatever has it."""
    assert errno.EEXIST == await client.errno(make(ROOT, name))


@pytest.mark.parametrize("make", MAKE)
@pytest.mark.parametrize("fid", [ROOT, DIR, OPEN_DIR])
async def test_what_is_made_is_there_and_no_fid_moves(
    client: Peer, make: Callable[..., TMessage], fid: int
) -> None:
    """create.visible-at-once, create.others-leave-fid: through an open directory too."""
    before = [(await client.getattr(f)).qid.path for f in FIDS if f not in ATTRIBUTES]
    r = await client.ok(make(fid, b"new"))
    (qid,) = await client.walk(fid, FREE, b"new")
    assert before == [(await client.getattr(f)).qid.path for f in FIDS if f not in ATTRIBUTES]
    assert getattr(r, "qid", qid) == qid


@pytest.mark.parametrize("make", ALL)
async def test_readonly(make: Callable[..., TMessage]) -> None:
    """session.readonly-refuses."""
    tree = MemoryBackend()
    writer = Peer(service(tree))
    await writer.begin()
    await fill(writer)
    client = Peer(service(ReadonlyBackend(tree)))
    await client.begin()
    await client.walk(ROOT, FILE, b"f")
    assert errno.EROFS == await client.errno(make(ROOT, b"s"))
    assert TREE == await names(client)


# making


@pytest.mark.parametrize("mode", [0, 0o755, 0o7777, 0o177777, REG | 0o700])
async def test_the_mode_of_a_directory(client: Peer, mode: int) -> None:
    """create.mode-masked: the permissions exactly, the type bits do not count."""
    await client.ok(mkdir(DIR, b"new", mode))
    await client.walk(DIR, FREE, b"new")
    assert StMode.IFDIR | mode & 0o7777 == (await client.getattr(FREE)).mode


KINDS = [(0, REG), (REG, REG), *((int(k), int(k)) for k in (StMode.IFIFO, StMode.IFSOCK,
         StMode.IFCHR, StMode.IFBLK))]  # fmt: skip


@pytest.mark.parametrize(("asked", "kind"), KINDS)
async def test_the_type_of_a_node(client: Peer, asked: int, kind: int) -> None:
    """create.mknod-type, create.mode-masked: without a type it is a regular file."""
    await client.ok(mknod(DIR, b"new", asked | 0o6751, 3))
    await client.walk(DIR, FREE, b"new")
    st = await client.getattr(FREE)
    device = 3 << 8 | 3 if kind in {CHR, int(StMode.IFBLK)} else 0
    assert (kind | 0o6751, device) == (st.mode, st.rdev)


@pytest.mark.parametrize(
    ("mode", "number"),
    [
        (int(StMode.IFDIR), 0),
        (int(StMode.IFLNK), 0),
        (61440, 0),
        (CHR, 1 << 31),
        (CHR, 1 << 12),
        (int(StMode.IFBLK), 4294967295),
    ],
)
async def test_nodes_that_cannot_be(client: Peer, mode: int, number: int) -> None:
    """create.mknod-range (S-061)."""
    assert errno.EINVAL == await client.errno(mknod(DIR, b"new", mode | 0o644, number))
    assert [b"g"] == await names(client, b"d")


@pytest.mark.parametrize("kind", [CHR, int(StMode.IFBLK)])
async def test_devices_are_an_option(client: Peer, kind: int) -> None:
    """create.device-privilege (S-061): EPERM unless the server was told to allow them."""
    client.session.service.policy = Policy()
    assert errno.EPERM == await client.errno(mknod(DIR, b"new", kind | 0o644, 3))
    await client.ok(mknod(DIR, b"pipe"))
    assert [b"g", b"pipe"] == await names(client, b"d")


async def test_set_id_bits_are_an_option(client: Peer) -> None:
    """create.set-id-privilege: EPERM unless the server was told to allow them, and nothing made."""
    client.session.service.policy = Policy()
    before = await names(client)
    assert errno.EPERM == await client.errno(mknod(DIR, b"new", REG | 0o4755))
    await client.walk(DIR, FREE)
    create = m.Tlcreate(FREE, b"new", 2, 0o2755, NONUNAME)
    assert errno.EPERM == await client.errno(create)
    assert before == await names(client)
    await client.ok(mkdir(DIR, b"new", 0o2775))


async def test_devices_on_a_readonly_export() -> None:
    """session.readonly-refuses: EROFS, whatever the server was told about devices."""
    client = Peer(service(ReadonlyBackend(MemoryBackend())))
    client.session.service.policy = Policy()
    await client.begin()
    assert errno.EROFS == await client.errno(mknod(ROOT, b"new", CHR | 0o644, 3))


async def test_owners(client: Peer) -> None:
    """create.gid-applied: the user of the fid, and the group that was asked for."""
    await client.attach(FREE, n_uname=1000)
    requests: list[TMessage] = [
        m.Tmkdir(FREE, b"1", 0o755, 55), m.Tsymlink(FREE, b"2", b"x", 55),
        m.Tmknod(FREE, b"3", FIFO_TYPE, 0, 0, 55),
    ]  # fmt: skip
    for fid, t in enumerate(requests, 100):
        await client.ok(t)
        await client.walk(FREE, fid, getattr(t, "name"))  # noqa: B009  mypy knows no common class
        st = await client.getattr(fid)
        assert (1000, 55) == (st.uid, st.gid)


TEXTS = [b"x", b"/", b"/etc/passwd", b"../../x", b"a//b", b"\xff\n", b".", b"x" * 4095]


@pytest.mark.parametrize("text", TEXTS)
async def test_the_text_of_a_link(client: Peer, text: bytes) -> None:
    """link.symlink-text, readlink.exact-text (S-062): stored as given, whole and unchanged."""
    r = await client.ok(symlink(DIR, b"new", text))
    assert (qid := (await client.walk(DIR, FREE, b"new"))[0]) == getattr(r, "qid", None)
    assert QidType.SYMLINK == qid.type
    assert m.Rreadlink(text) == await client.ok(m.Treadlink(FREE))


@pytest.mark.parametrize(
    ("text", "number"),
    [(b"", errno.ENOENT), (b"a\0", errno.EINVAL), (b"x" * 4096, errno.ENAMETOOLONG)],
)
async def test_texts_that_cannot_be(client: Peer, text: bytes, number: int) -> None:
    """link.symlink-empty, link.symlink-nul, link.symlink-too-long (S-062)."""
    assert number == await client.errno(symlink(DIR, b"new", text))
    assert [b"g"] == await names(client, b"d")


@pytest.mark.parametrize("fid", [FILE, DIR, ROOT, FIFO, READ, OPEN_DIR])
async def test_reading_what_is_no_link(client: Peer, fid: int) -> None:
    """readlink.symlink-only (S-063)."""
    assert errno.EINVAL == await client.errno(m.Treadlink(fid))


# linking


async def test_a_further_name(client: Peer) -> None:
    """getattr.path-identity: both names are one file."""
    await client.ok(link(DIR, b"hard"))
    await client.walk(DIR, FREE, b"hard")
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    await client.ok(m.Tlopen(FREE, RDONLY))
    assert (b"content", 1) == (await client.read(FREE), (await client.getattr(FREE)).nlink)


async def test_a_further_name_of_a_link(client: Peer) -> None:
    """link.symlink-itself (S-064)."""
    await client.ok(m.Tlink(DIR, LINK, b"hard"))
    await client.walk(DIR, FREE, b"hard")
    assert m.Rreadlink(b"f") == await client.ok(m.Treadlink(FREE))


@pytest.mark.parametrize("fid", [DIR, OPEN_DIR, ROOT])
async def test_a_further_name_of_a_directory(client: Peer, fid: int) -> None:
    """link.no-directory (S-064)."""
    assert errno.EPERM == await client.errno(m.Tlink(DIR, fid, b"hard"))


async def test_a_further_name_of_nothing(client: Peer) -> None:
    """S-064: what has no name left gets none, and what is no file neither."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    assert errno.ENOENT == await client.errno(m.Tlink(DIR, READ, b"hard"))
    for fid in (FREE, *ATTRIBUTES):
        assert errno.EBADF == await client.errno(m.Tlink(DIR, fid, b"hard"))


async def test_trees_are_apart() -> None:
    """link.same-tree (S-064): no link or rename leads from one export into another."""
    client = Peer(service({b"": MemoryBackend(), b"other": MemoryBackend()}))
    await client.begin()
    await fill(client)
    await client.attach(FREE, b"other")
    for t in (link(FREE, b"x"), rename(FREE, b"x"), rename_to(FREE, b"x")):
        assert errno.EXDEV == await client.errno(t)
    assert TREE == await names(client)


async def test_exports_of_one_directory_are_apart(tmp_path: Path) -> None:
    """link.same-tree: two exports are two trees, also where they show the same files."""
    client = Peer(service({b"": LocalBackend(tmp_path), b"again": LocalBackend(tmp_path)}))
    await client.begin()
    await fill(client)
    await client.attach(FREE, b"again")
    for t in (link(FREE, b"x"), rename(FREE, b"x"), rename_to(FREE, b"x")):
        assert errno.EXDEV == await client.errno(t)
    assert TREE == await names(client)


async def test_a_readonly_view_is_no_back_door() -> None:
    """link.same-tree, session.readonly-refuses: one tree under two exports, one read-only."""
    tree = MemoryBackend()
    client = Peer(service({b"": tree, b"ro": ReadonlyBackend(tree)}))
    await client.begin()
    await fill(client)
    await client.attach(FREE, b"ro")
    await client.walk(FREE, 778, b"d")
    for t in (link(778, b"x"), rename(778, b"x"), rename_to(778, b"x")):
        assert await client.errno(t) in {errno.EXDEV, errno.EROFS}
    assert errno.EROFS == await client.errno(rename_from(FREE, b"f"))
    assert (TREE, [b"g"]) == (await names(client), await names(client, b"d"))


# renaming


@pytest.mark.parametrize("make", [rename, rename_to])
@pytest.mark.parametrize("where", [ROOT, DIR, OPEN_DIR])
async def test_renaming(client: Peer, make: Callable[..., TMessage], where: int) -> None:
    """rename.fids-follow: every fid of the file goes on standing for it."""
    path = (await client.getattr(FILE)).qid.path
    await client.ok(make(where, b"new"))
    (qid,) = await client.walk(where, FREE, b"new")
    assert [path] * 3 == [qid.path, (await client.getattr(FILE)).qid.path, *[path]]
    assert b"content" == await client.read(READ)
    await client.ok(m.Tlopen(FILE, RDONLY))
    assert errno.ENOENT == await client.errno(m.Twalk(ROOT, 778, (b"f",)))


async def test_all_below_follows(client: Peer) -> None:
    """rename.fids-follow (S-089): fids below a directory that was moved, by name and by `..`."""
    await client.ok(mkdir(ROOT, b"e"))
    await client.walk(DIR, FREE, b"g")
    await client.walk(ROOT, 778, b"e")
    await client.ok(m.Trenameat(ROOT, b"d", 778, b"d2"))
    await client.ok(m.Tlopen(FREE, RDONLY))
    assert b"inner" == await client.read(FREE)
    up = await client.walk(DIR, 779, b"..", b"..")
    assert [(await client.getattr(f)).qid.path for f in (778, ROOT)] == [q.path for q in up]
    await client.ok(mkdir(DIR, b"new"))
    assert [b"g", b"new"] == await names(client, b"e", b"d2")


async def test_replacing(client: Peer) -> None:
    """rename.replaces-target, rename.victim-kept: the victim's fids never show the new file."""
    await client.file(b"v", b"victim")
    for fid in (FREE, 778):
        await client.walk(ROOT, fid, b"v")
    await client.ok(m.Tlopen(778, RDONLY))
    await client.ok(rename(ROOT, b"v"))
    victim, file = await client.getattr(FREE), await client.getattr(FILE)
    assert (True, 0, 1) == (victim.qid.path != file.qid.path, victim.nlink, file.nlink)
    assert b"victim" == await client.read(778)
    assert errno.ENOENT == await client.errno(m.Tlopen(FREE, RDONLY))


@pytest.mark.parametrize("make", [rename, rename_to])
async def test_to_its_own_name(client: Peer, make: Callable[..., TMessage]) -> None:
    """rename.replaces-target: with both names on one file nothing happens."""
    await client.ok(m.Tlink(ROOT, FILE, b"hard"))
    await client.ok(make(ROOT, b"f"))
    await client.ok(make(ROOT, b"hard"))
    assert sorted([*TREE, b"hard"]) == await names(client)


MISMATCH = [
    (m.Trenameat(ROOT, b"f", ROOT, b"d"), errno.EISDIR),  # rename.kind-match
    (m.Trenameat(ROOT, b"d", ROOT, b"f"), errno.ENOTDIR),
    (m.Trename(DIR, ROOT, b"f"), errno.ENOTDIR),
    (m.Trename(LINK, ROOT, b"d"), errno.EISDIR),
    (m.Trenameat(ROOT, b"d", DIR, b"in"), errno.EINVAL),  # rename.into-itself
    (m.Trename(DIR, DIR, b"in"), errno.EINVAL),
    (m.Trenameat(ROOT, b"none", ROOT, b"x"), errno.ENOENT),  # rename.old-missing
    (m.Trename(ROOT, DIR, b"x"), errno.EBUSY),  # rename.not-root
    (m.Trename(ROOT, ROOT, b"x"), errno.EBUSY),
    (m.Trename(FREE, ROOT, b"x"), errno.EBADF),  # fid.unknown-fid
    (m.Trenameat(ROOT, b"f", FREE, b"x"), errno.EBADF),
]


@pytest.mark.parametrize(("t", "number"), MISMATCH, ids=repr)
async def test_renames_that_cannot_be(client: Peer, t: TMessage, number: int) -> None:
    """rename.kind-match, rename.into-itself, rename.old-missing, rename.not-root."""
    assert number == await client.errno(t)
    assert (TREE, [b"g"]) == (await names(client), await names(client, b"d"))


async def test_over_a_directory(client: Peer) -> None:
    """rename.kind-match: an empty one is replaced by a directory, another is not."""
    await client.ok(mkdir(ROOT, b"e"))
    assert errno.ENOTEMPTY == await client.errno(m.Trenameat(ROOT, b"e", ROOT, b"d"))
    await client.ok(m.Trenameat(ROOT, b"d", ROOT, b"e"))
    assert [b"g"] == await names(client, b"e")


@pytest.mark.parametrize("again", [False, True])
async def test_what_has_lost_its_name(client: Peer, again: bool) -> None:
    """rename.old-missing: a Trename of an unlinked file never moves what took its name."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    if again:
        await client.file(b"f")
    assert errno.ENOENT == await client.errno(rename(ROOT, b"new"))
    assert [b"d", *([b"f"] if again else []), b"p", b"s"] == await names(client)


async def test_an_open_file_is_renamed(client: Peer) -> None:
    """rename.fids-follow: Trename takes an open fid too."""
    await client.ok(m.Trename(BOTH, DIR, b"new"))
    await client.ok(m.Twrite(BOTH, 0, b"C"))
    assert b"Content" == await client.read(READ)


# removing


UNLINKS = [
    (ROOT, b"f", 0, 0),
    (ROOT, b"s", 0, 0),
    (ROOT, b"p", 0, 0),
    (OPEN_DIR, b"g", 0, 0),
    (ROOT, b"none", 0, errno.ENOENT),  # unlink.missing-name
    (ROOT, b"none", REMOVEDIR, errno.ENOENT),
    (ROOT, b"d", 0, errno.EISDIR),  # unlink.directory-flag
    (ROOT, b"f", REMOVEDIR, errno.ENOTDIR),  # unlink.flag-on-file
    (ROOT, b"s", REMOVEDIR, errno.ENOTDIR),
    (ROOT, b"d", REMOVEDIR, errno.ENOTEMPTY),  # remove.not-empty
    (ROOT, b"f", 1, errno.EINVAL),  # unlink.known-flags
    (ROOT, b"f", 0x100, errno.EINVAL),
    (ROOT, b"d", 0xFFFFFFFF, errno.EINVAL),
]


@pytest.mark.parametrize(("fid", "name", "flags", "number"), UNLINKS)
async def test_unlinking(client: Peer, fid: int, name: bytes, flags: int, number: int) -> None:
    """unlink.known-flags, unlink.directory-flag, unlink.flag-on-file (S-091)."""
    r = await client.rpc(m.Tunlinkat(fid, name, flags))
    assert (m.Rlerror(number) if number else m.Runlinkat()) == r
    left = {*await names(client), *await names(client, b"d")}
    assert {*TREE, b"g"} - (set() if number else {name}) == left


async def test_unlinking_an_empty_directory(client: Peer) -> None:
    """unlink.flag-on-file: with REMOVEDIR; its fids go on, without a name."""
    await client.ok(unlink(DIR, b"g"))
    await client.ok(m.Tunlinkat(ROOT, b"d", REMOVEDIR))
    assert [b"f", b"p", b"s"] == await names(client)
    assert 0 == (await client.getattr(DIR)).nlink


async def test_deep_trees(client: Peer) -> None:
    """S-051: a path longer than any limit of the system is made, walked and removed."""
    name = b"x" * 255
    await client.walk(DIR, FREE)
    for _ in range(300):
        await client.ok(mkdir(FREE, name))
        await client.walk(FREE, FREE, name)
    for _ in range(300):
        await client.walk(FREE, FREE, b"..")
        await client.ok(m.Tunlinkat(FREE, name, REMOVEDIR))
    assert [b"g"] == await names(client, b"d")
