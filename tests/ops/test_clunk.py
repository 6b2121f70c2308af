"""Giving fids up, and removing files with them."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends._memory_inode import MemoryFile
from ninep.backends.memory import MemoryBackend
from ninep.backends.readonly import ReadonlyBackend
from ninep.constants import NOFID, NONUNAME, OpenMode, XattrFlag
from tests.helpers import CODEC, Peer, old_peer, service
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
    READ,
    ROOT,
    WRITE,
    XWRITE,
    fill,
    names,
)  # fmt: skip

CREATE, REPLACE = int(XattrFlag.CREATE), int(XattrFlag.REPLACE)


@pytest.mark.parametrize("fid", [fid for fid in FIDS if fid != XWRITE])
async def test_a_fid_is_free_after_its_clunk(client: Peer, fid: int) -> None:
    """clunk.always-frees, clunk.freed-before-reply (S-035): the second is EBADF, and the number
    can be used at once.
    """
    assert m.Rclunk() == await client.ok(m.Tclunk(fid))
    assert errno.EBADF == await client.errno(m.Tclunk(fid))
    await client.attach(fid)


async def test_lost_data_are_told_at_the_clunk(
    client: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-03: the reply says that data are known to be lost; the fid is free all the same."""

    async def lost(_: object) -> None:
        raise OSError(errno.ENOSPC, "lost")

    monkeypatch.setattr(MemoryFile, "clunk", lost)
    assert errno.ENOSPC == await client.errno(m.Tclunk(WRITE))
    assert errno.EBADF == await client.errno(m.Tclunk(WRITE))


@pytest.mark.parametrize("fid", [FREE, NOFID, NOFID - 1])
@pytest.mark.parametrize("t", [m.Tclunk, m.Tremove])
async def test_unknown_fids(client: Peer, fid: int, t: type[m.Tclunk | m.Tremove]) -> None:
    """fid.unknown-fid: nothing else is freed."""
    assert errno.EBADF == await client.errno(t(fid))
    assert len(FIDS) == len(client.session.fids)


async def test_a_clone_outlives_what_it_was_made_from(client: Peer) -> None:
    """fid.user-inherited: a fid does not depend on the one that it was walked from."""
    for fid in (ROOT, FILE, WRITE, BOTH, DIR):
        await client.ok(m.Tclunk(fid))
    assert b"content" == await client.read(READ)
    await client.walk(OPEN_DIR, FREE, b"..", b"f")


async def test_a_value_is_set_at_the_clunk(client: Peer) -> None:
    """xattr.commit-at-clunk: and not before."""
    await client.ok(m.Twrite(XWRITE, 0, b"1234"))
    assert errno.ENODATA == await client.errno(m.Txattrwalk(FILE, FREE, b"user.b"))
    await client.ok(m.Tclunk(XWRITE))
    assert m.Rxattrwalk(4) == await client.ok(m.Txattrwalk(FILE, FREE, b"user.b"))
    assert b"1234" == await client.read(FREE)


@pytest.mark.parametrize("parts", [(), (b"12",), (b"1", b"23")])
async def test_a_value_that_is_not_complete(client: Peer, parts: tuple[bytes, ...]) -> None:
    """xattr.commit-complete, clunk.always-frees (S-081): nothing is set, the fid is gone."""
    offset = 0
    for part in parts:
        await client.ok(m.Twrite(XWRITE, offset, part))
        offset += len(part)
    assert errno.EINVAL == await client.errno(m.Tclunk(XWRITE))
    assert errno.EBADF == await client.errno(m.Tclunk(XWRITE))
    assert errno.ENODATA == await client.errno(m.Txattrwalk(FILE, FREE, b"user.b"))


COMMITS = [
    (b"user.a", 3, CREATE, errno.EEXIST),
    (b"user.none", 3, REPLACE, errno.ENODATA),
    (b"user.none", 0, REPLACE, errno.ENODATA),
    (b"user.a", 3, REPLACE, 0),
    (b"user.none", 3, CREATE, 0),
    (b"user.none", 3, 0, 0),
]


@pytest.mark.parametrize(("name", "size", "flags", "number"), COMMITS)
async def test_flags_count_at_the_clunk(
    client: Peer, name: bytes, size: int, flags: int, number: int
) -> None:
    """xattr.commit-flags (S-084): the error is the reply to Tclunk, and the fid is gone."""
    await client.walk(FILE, FREE)
    await client.ok(m.Txattrcreate(FREE, name, size, flags))
    assert m.Rwrite(size) == await client.ok(m.Twrite(FREE, 0, b"x" * size))
    assert (m.Rlerror(number) if number else m.Rclunk()) == await client.rpc(m.Tclunk(FREE))
    assert errno.EBADF == await client.errno(m.Tclunk(FREE))


async def test_no_room_for_a_value() -> None:
    """xattr.commit-at-clunk (S-084): the loss is not silent."""
    client = Peer(service(MemoryBackend(4096)))
    await client.begin()
    await client.ok(m.Txattrcreate(0, b"user.a", 5000, 0))
    await client.ok(m.Twrite(0, 0, bytes(5000)))
    assert errno.ENOSPC == await client.errno(m.Tclunk(0))
    await client.attach(0)
    assert m.Rxattrwalk(0) == await client.ok(m.Txattrwalk(0, 1, b""))


@pytest.mark.parametrize("flags", [0, CREATE])
async def test_an_empty_value_is_set(client: Peer, flags: int) -> None:
    """xattr.empty-replace-removes: size 0 is an empty value with other flags."""
    await client.walk(FILE, FREE)
    await client.ok(m.Txattrcreate(FREE, b"user.e", 0, flags))
    await client.ok(m.Tclunk(FREE))
    assert m.Rxattrwalk(0) == await client.ok(m.Txattrwalk(FILE, FREE, b"user.e"))


async def test_an_empty_value_removes(client: Peer) -> None:
    """xattr.empty-replace-removes: as Linux asks for it."""
    await client.walk(FILE, FREE)
    await client.ok(m.Txattrcreate(FREE, b"user.a", 0, REPLACE))
    await client.ok(m.Tclunk(FREE))
    assert errno.ENODATA == await client.errno(m.Txattrwalk(FILE, FREE, b"user.a"))


# removing


@pytest.mark.parametrize("fid", [FILE, READ, WRITE, BOTH])
async def test_removing_a_file(client: Peer, fid: int) -> None:
    """remove.always-frees, unlink.open-survives (S-036): open or not; other fids go on."""
    assert m.Rremove() == await client.ok(m.Tremove(fid))
    assert errno.EBADF == await client.errno(m.Tclunk(fid))
    assert [b"d", b"p", b"s"] == await names(client)
    assert b"content" == await client.read(BOTH if fid == READ else READ)


@pytest.mark.parametrize(("fid", "name"), [(LINK, b"s"), (FIFO, b"p")])
async def test_removing_others(client: Peer, fid: int, name: bytes) -> None:
    """remove.always-frees: a link is removed itself, and not what it points to."""
    await client.ok(m.Tremove(fid))
    assert {b"d", b"f", b"p", b"s"} - {name} == set(await names(client))


async def test_removing_a_directory(client: Peer) -> None:
    """remove.not-empty (S-092): ENOTEMPTY frees the fid too; an empty one is removed."""
    await client.walk(DIR, FREE)
    assert errno.ENOTEMPTY == await client.errno(m.Tremove(DIR))
    assert errno.EBADF == await client.errno(m.Tclunk(DIR))
    await client.ok(m.Tunlinkat(FREE, b"g", 0))
    await client.ok(m.Tremove(FREE))
    assert [b"f", b"p", b"s"] == await names(client)


async def test_removing_the_root(client: Peer) -> None:
    """remove.not-root, remove.always-frees (S-092): EBUSY, and the fid is gone."""
    assert errno.EBUSY == await client.errno(m.Tremove(ROOT))
    assert errno.EBADF == await client.errno(m.Tclunk(ROOT))
    await client.walk(FILE, FREE)


async def test_removing_the_root_of_an_attach_below() -> None:
    """remove.not-root: a directory that was attached is a root, empty or not."""
    client = Peer(service({b"": (tree := MemoryBackend()), b"x": tree}))
    await client.begin()
    await client.ok(m.Tmkdir(0, b"d", 0o755, NONUNAME))
    await client.attach(1, b"x/d")
    assert errno.EBUSY == await client.errno(m.Tremove(1))
    assert [b"d"] == await names(client)


async def test_another_file_with_its_name(client: Peer) -> None:
    """remove.same-file: what has taken the name since is not removed."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    assert errno.ENOENT == await client.errno(m.Tremove(FILE))
    await client.file(b"f", b"another")
    assert errno.ENOENT == await client.errno(m.Tremove(READ))
    assert [b"d", b"f", b"p", b"s"] == await names(client)


async def test_removing_on_a_readonly_export() -> None:
    """session.readonly-refuses, remove.always-frees (S-036)."""
    tree = MemoryBackend()
    writer = Peer(service(tree))
    await writer.begin()
    await fill(writer)
    client = Peer(service(ReadonlyBackend(tree)))
    await client.begin()
    await client.walk(0, 1, b"f")
    assert errno.EROFS == await client.errno(m.Tremove(1))
    assert errno.EBADF == await client.errno(m.Tclunk(1))
    assert [b"d", b"f", b"p", b"s"] == await names(client)


async def test_pipelined(client: Peer) -> None:
    """fid.arrival-order (S-034, S-035): what comes after a clunk finds no fid."""
    requests = (m.Tclunk(READ), m.Tclunk(READ), m.Tread(READ, 0, 1), m.Tremove(READ))
    replies = await client.send(b"".join(CODEC.encode(i, t) for i, t in enumerate(requests)))
    ebadf = m.Rlerror(errno.EBADF)
    assert [(0, m.Rclunk()), (1, ebadf), (2, ebadf), (3, ebadf)] == [*map(CODEC.decode, replies)]


@pytest.mark.parametrize("fid", ATTRIBUTES)
async def test_a_value_is_not_removed(client: Peer, fid: int) -> None:
    """remove.always-frees, fid.is-file: the fid is gone, the file is not touched."""
    assert errno.EBADF == await client.errno(m.Tremove(fid))
    assert errno.EBADF == await client.errno(m.Tclunk(fid))
    assert [b"d", b"f", b"p", b"s"] == await names(client)


async def removing(dialect: str = "9P2000", name: bytes = b"f") -> Peer:
    """Return a client whose fid 1 takes its file with it."""
    found = await old_peer(dialect)
    await found.walk(0, 1)
    await found.ok(m.Tcreate(1, name, 0o644, OpenMode.RDWR | OpenMode.RCLOSE))
    return found


async def gone(peer: Peer, name: bytes = b"f") -> bool:
    """Say whether the tree has no file of a name any more."""
    other = Peer(peer.session.service)
    await other.begin()
    return await other.rpc(m.Twalk(0, 5, (name,))) == m.Rlerror(errno.ENOENT)


@pytest.mark.parametrize("how", ["clunk", "remove", "version", "unknown"])
async def test_removed_on_close(how: str) -> None:
    """open.remove-on-close: with the fid, however that ends."""
    client = await removing()
    assert not await gone(client)
    ends = {
        "clunk": m.Tclunk(1),
        "remove": m.Tremove(1),
        "version": m.Tversion(8192, b"9P2000"),
        "unknown": m.Tversion(8192, b"9P"),
    }
    await client.ok(ends[how])
    assert await gone(client)


async def test_removed_on_close_already() -> None:
    """clunk.always-frees: that the file is gone, or another has its name, is no error."""
    client = await removing()
    await client.walk(0, 2, b"f")
    await client.ok(m.Tremove(2))
    await client.walk(0, 2)
    await client.ok(m.Tcreate(2, b"f", 0o644, 0))
    assert m.Rclunk() == await client.ok(m.Tclunk(1))
    assert not await gone(client)


async def test_only_what_was_asked_for_is_removed() -> None:
    """open.remove-on-close: a clone of the fid, or a further fid, takes nothing with it."""
    client = await removing()
    await client.walk(0, 2, b"f")
    await client.ok(m.Topen(2, 0))
    await client.walk(1, 3)
    for fid in (2, 3):
        await client.ok(m.Tclunk(fid))
    assert not await gone(client)
