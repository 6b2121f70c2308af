"""Descending a tree: how far, to what, and what the fids stand for afterwards."""

from __future__ import annotations

import errno

import pytest

from ninep import messages as m
from ninep.backends.memory import MemoryBackend
from ninep.constants import MAXWELEM, NOFID, NONUNAME, QidType, UnlinkFlag
from ninep.messages import TMessage
from tests.helpers import CODEC, Peer, service
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
    WRITE,
    XREAD,
    entries_of,
    names,
)  # fmt: skip

OPEN = (READ, WRITE, BOTH, OPEN_DIR)
REMOVEDIR = int(UnlinkFlag.REMOVEDIR)
CLOSED = (ROOT, FILE, DIR, LINK, FIFO)


async def paths(peer: Peer, *fids: int) -> list[int]:
    """Return the identities of the files of some fids."""
    return [(await peer.getattr(fid)).qid.path for fid in fids]


async def test_every_name_has_its_qid(client: Peer) -> None:
    """walk.full-binds, getattr.qid-always: the last is that of newfid."""
    directory, file = await client.walk(ROOT, FREE, b"d", b"g")
    assert (QidType.DIR, QidType.FILE) == (directory.type, file.type)
    assert [directory.path, file.path] == await paths(client, DIR, FREE)
    assert file == (await client.getattr(FREE)).qid


@pytest.mark.parametrize("fid", [f for f in FIDS if f not in ATTRIBUTES])
async def test_no_names_clone(client: Peer, fid: int) -> None:
    """walk.no-names-clones, walk.from-open-fid (S-050): whatever the file, open or not."""
    assert () == await client.walk(fid, FREE)
    await client.ok(m.Tclunk(fid))
    assert errno.EBADF == await client.errno(m.Tread(FREE, 0, 1))
    await client.getattr(FREE)


@pytest.mark.parametrize("fid", CLOSED)
async def test_a_clone_onto_itself(client: Peer, fid: int) -> None:
    """walk.no-names-clones: newfid may be fid."""
    before = await paths(client, fid)
    assert () == await client.walk(fid, fid)
    assert before == await paths(client, fid)


async def test_names_from_an_open_directory(client: Peer) -> None:
    """walk.from-open-fid: the result is not open, the listing goes on."""
    await client.walk(OPEN_DIR, FREE, b"g")
    await client.ok(m.Tlopen(FREE, RDONLY))
    assert b"inner" == await client.read(FREE)
    await client.ok(m.Treaddir(OPEN_DIR, 0, 1000))


@pytest.mark.parametrize("fid", OPEN)
@pytest.mark.parametrize("wname", [(), (b"g",)])
async def test_an_open_fid_stays(client: Peer, fid: int, wname: tuple[bytes, ...]) -> None:
    """walk.open-fid: it is not moved and not closed."""
    assert errno.EINVAL == await client.errno(m.Twalk(fid, fid, wname))
    assert errno.EINVAL == await client.errno(m.Tlopen(fid, RDONLY))


async def test_newfid_may_be_fid(client: Peer) -> None:
    """walk.newfid-unused: then fid moves."""
    (qid,) = await client.walk(DIR, DIR, b"g")
    assert [qid.path] == await paths(client, DIR)


@pytest.mark.parametrize("newfid", [FILE, READ, XREAD, NOFID])
async def test_newfid_in_use(client: Peer, newfid: int) -> None:
    """walk.newfid-unused, fid.in-use, fid.never-nofid (S-032): both fids stay as they were."""
    before = await paths(client, ROOT, FILE, READ)
    assert errno.EBADF == await client.errno(m.Twalk(ROOT, newfid, (b"d",)))
    assert before == await paths(client, ROOT, FILE, READ)
    assert b"value" == await client.read(XREAD)


@pytest.mark.parametrize("fid", ATTRIBUTES)
@pytest.mark.parametrize("wname", [(), (b"g",)])
async def test_values_are_no_files(client: Peer, fid: int, wname: tuple[bytes, ...]) -> None:
    """walk.fid-is-file: nothing is walked from the value of an extended attribute."""
    assert errno.EBADF == await client.errno(m.Twalk(fid, FREE, wname))
    assert errno.EBADF == await client.errno(m.Tclunk(FREE))


FIRST = [
    (ROOT, b"none", errno.ENOENT),  # walk.missing-name
    (ROOT, b"NONE", errno.ENOENT),
    (FILE, b"x", errno.ENOTDIR),  # walk.directory-only
    (LINK, b"x", errno.ENOTDIR),
    (FIFO, b"..", errno.ENOTDIR),
    (READ, b"..", errno.ENOTDIR),
    (ROOT, b".", errno.EINVAL),  # walk.single-dot
    (ROOT, b"", errno.EINVAL),  # names.not-empty
    (ROOT, b"/", errno.EINVAL),  # names.no-slash
    (ROOT, b"d/g", errno.EINVAL),
    (ROOT, b"/etc/passwd", errno.EINVAL),
    (ROOT, b"f\0", errno.EINVAL),  # names.no-nul
    (ROOT, b"\0", errno.EINVAL),
    (ROOT, b"x" * 255, errno.ENOENT),
    (ROOT, b"x" * 256, errno.ENAMETOOLONG),  # names.too-long
    (ROOT, b"x" * 4097, errno.ENAMETOOLONG),
]


@pytest.mark.parametrize(("fid", "name", "number"), FIRST)
async def test_the_first_name_fails(client: Peer, fid: int, name: bytes, number: int) -> None:
    """walk.first-name (S-045, S-046, S-049): an error with its cause, and newfid is not made."""
    before = await paths(client, fid)
    for wname in ((name,), (name, b"..")):
        assert number == await client.errno(m.Twalk(fid, FREE, wname))
    assert errno.EBADF == await client.errno(m.Tclunk(FREE))
    assert before == await paths(client, fid)


LATER = [
    ((b"d", b"none"), 1),
    ((b"d", b"..", b"none", b"d"), 2),
    ((b"d", b"g", b"x"), 2),
    ((b"f", b".."), 1),
    ((b"s", b"f"), 1),
    ((b"s", b".."), 1),
    ((b"p", b"x"), 1),
    ((b"d", b"."), 1),
    ((b"d", b""), 1),
    ((b"d", b"a/b"), 1),
    ((b"d", b"a\0b"), 1),
    ((b"d", b"x" * 256), 1),
]


@pytest.mark.parametrize(("wname", "found"), LATER)
@pytest.mark.parametrize("newfid", [FREE, ROOT])
async def test_a_later_name_fails(
    client: Peer, wname: tuple[bytes, ...], found: int, newfid: int
) -> None:
    """walk.partial-result (S-031, S-048, S-049): newfid is not made, and fid stays."""
    before = await paths(client, ROOT)
    assert found == len(await client.walk(ROOT, newfid, *wname))
    assert before == await paths(client, ROOT)
    assert errno.EBADF == await client.errno(m.Tclunk(FREE))


async def test_a_walk_after_one_that_failed(client: Peer) -> None:
    """walk.first-name: the same newfid may be tried again."""
    assert errno.ENOENT == await client.errno(m.Twalk(ROOT, FREE, (b"none",)))
    assert 1 == len(await client.walk(ROOT, FREE, b"d", b"none"))
    assert 2 == len(await client.walk(ROOT, FREE, b"d", b"g"))


async def test_a_link_is_not_followed(client: Peer) -> None:
    """walk.symlink-unfollowed (S-048): its own qid."""
    (qid,) = await client.walk(ROOT, FREE, b"s")
    assert QidType.SYMLINK == qid.type
    assert m.Rreadlink(b"f") == await client.ok(m.Treadlink(FREE))


@pytest.mark.parametrize("count", [1, 2, 16])
async def test_dotdot_at_the_root(client: Peer, count: int) -> None:
    """walk.dotdot-at-root (S-047): it counts as found and leads nowhere else."""
    root = (await client.getattr(ROOT)).qid
    assert (root,) * count == await client.walk(ROOT, FREE, *[b".."] * count)


async def test_dotdot_from_below(client: Peer) -> None:
    """walk.dotdot-in-tree: the parent as it is now, after a move too."""
    await client.ok(m.Tmkdir(ROOT, b"e", 0o755, NONUNAME))
    await client.ok(m.Trenameat(ROOT, b"d", ROOT, b"e2"))
    (above,) = await client.walk(DIR, 50, b"..")
    await client.ok(m.Trename(DIR, ROOT, b"e3"))
    await client.walk(ROOT, 51, b"e")
    await client.ok(m.Trename(DIR, 51, b"moved"))
    (now,) = await client.walk(DIR, 52, b"..")
    assert await paths(client, ROOT, 51) == [above.path, now.path]


async def test_moved_out_of_the_attached_tree() -> None:
    """walk.dotdot-in-tree, session.stay-inside (S-047, S-089): what was moved out of the attached
    tree while a fid held it has no way to what is around it now.
    """
    wide = await deep_client()
    narrow = Peer(wide.session.service)
    await narrow.begin(b"x/a")
    await narrow.walk(0, 4, b"b", b"c")
    await narrow.walk(4, 5, b"..", b"..")
    await wide.ok(m.Trenameat(1, b"b", 0, b"out"))
    assert errno.ENOENT == await narrow.errno(m.Twalk(4, 6, (b"..",)))
    assert (await wide.getattr(3)).qid == (await narrow.getattr(4)).qid
    await wide.ok(m.Trenameat(0, b"out", 1, b"back"))
    assert 2 == len(await narrow.walk(4, 6, b"..", b".."))


CHANGES: list[TMessage] = [
    m.Tlopen(5, 1), m.Tlopen(5, 2), m.Tlopen(5, 0o1000), m.Tlcreate(4, b"new", 2, 0o644, NONUNAME),
    m.Tsymlink(4, b"new", b"text", NONUNAME), m.Tmknod(4, b"new", 0o10644, 0, 0, NONUNAME),
    m.Tmkdir(4, b"new", 0o755, NONUNAME), m.Tmkdir(7, b"new", 0o755, NONUNAME),
    m.Tlink(4, 6, b"new"), m.Tlink(0, 5, b"new"),
    m.Trename(4, 0, b"new"), m.Trename(4, 4, b"new"), m.Trename(6, 4, b"new"),
    m.Trenameat(4, b"f", 0, b"new"), m.Trenameat(0, b"kept", 4, b"new"),
    m.Trenameat(4, b"f", 4, b"new"), m.Tunlinkat(4, b"f", 0), m.Tunlinkat(4, b"c", REMOVEDIR),
    m.Tremove(5), m.Tremove(7), m.Tsetattr(5, 1, 0o600, 0, 0, 0, 0, 0, 0, 0),
    m.Txattrcreate(5, b"user.a", 0, 0),
]  # fmt: skip
"""4, 5, 7 are a directory that was moved out, a file and a directory in it; 6 is a file inside."""


async def moved_out() -> tuple[Peer, Peer]:
    """Return a client of all, and one of x/a whose fids 4, 5, 7 are b, b/f, b/c: now x/out."""
    wide = await deep_client()
    narrow = Peer(wide.session.service)
    await narrow.begin(b"x/a")
    await wide.file(b"f", b"content", directory=2)
    await wide.file(b"kept", directory=1)
    for fid, *wname in ((4, b"b"), (5, b"b", b"f"), (6, b"kept"), (7, b"b", b"c"), (8, b"b", b"f")):
        await narrow.walk(0, fid, *wname)
    await narrow.ok(m.Tlopen(8, 2))
    await wide.ok(m.Trenameat(1, b"b", 0, b"out"))
    return wide, narrow


@pytest.mark.parametrize("t", CHANGES, ids=repr)
async def test_nothing_is_changed_outside_the_attached_tree(t: TMessage) -> None:
    """attach.moved-out: neither in what was moved out nor below it; back inside all goes again."""
    wide, narrow = await moved_out()
    before = await wide.getattr(2)
    assert errno.ENOENT == await narrow.errno(t)
    assert [b"a", b"out"] == await names(wide)
    assert ([b"kept"], [b"c", b"f"]) == (await names(wide, b"a"), await names(wide, b"out"))
    assert before == await wide.getattr(2)
    if not isinstance(t, m.Tremove):
        await wide.ok(m.Trenameat(0, b"out", 1, b"b"))
        assert m.Rlerror(errno.ENOENT) != await narrow.rpc(t)


async def test_what_was_moved_out_is_read() -> None:
    """attach.moved-out: walked, opened, listed without a directory above, and written to by a fid
    that was open before.
    """
    _, narrow = await moved_out()
    await narrow.ok(m.Twrite(8, 0, b"C"))
    await narrow.walk(4, FREE, b"f")
    await narrow.ok(m.Tlopen(FREE, RDONLY))
    assert b"Content" == await narrow.read(FREE)
    await narrow.ok(m.Tlopen(4, RDONLY))
    own = (await narrow.getattr(4)).qid.path
    assert [own, own] == [e.qid.path for e in (await entries_of(narrow, 4))[:2]]


async def deep_client() -> Peer:
    """Return a client whose fids 1, 2, 3 are a, a/b, a/b/c, in a tree called x."""
    tree = MemoryBackend()
    peer = Peer(service({b"": tree, b"x": tree}))
    await peer.begin()
    for fid, name in ((0, b"a"), (1, b"b"), (2, b"c")):
        await peer.ok(m.Tmkdir(fid, name, 0o755, NONUNAME))
        await peer.walk(fid, fid + 1, name)
    return peer


async def test_sixteen_names_and_no_more(client: Peer) -> None:
    """frame.count-limit (S-044): MAXWELEM names are walked, one more is EINVAL."""
    assert MAXWELEM == len(await client.walk(ROOT, FREE, *[b"d", b".."] * (MAXWELEM // 2)))
    data = bytearray(CODEC.encode(1, m.Twalk(ROOT, 50, (b"..",) * MAXWELEM)))
    data[15:17] = (MAXWELEM + 1).to_bytes(2, "little")
    data += b"\2\0.."
    data[:4] = len(data).to_bytes(4, "little")
    assert [(1, m.Rlerror(errno.EINVAL))] == [
        CODEC.decode(r) for r in await client.send(bytes(data))
    ]
    assert errno.EBADF == await client.errno(m.Tclunk(50))


async def test_the_clone_of_an_unlinked_file(client: Peer) -> None:
    """walk.from-open-fid: Linux asks for the attributes of what has no name through a clone."""
    await client.ok(m.Tunlinkat(ROOT, b"f", 0))
    await client.walk(READ, FREE)
    assert 0 == (await client.getattr(FREE)).nlink


async def test_all_is_one_stream(client: Peer) -> None:
    """fid.arrival-order (S-034): a number means what it means when its request arrives."""
    requests = [
        m.Tread(READ, 0, 10), m.Tclunk(READ), m.Tread(READ, 0, 10), m.Twalk(DIR, READ, (b"g",)),
        m.Tlopen(READ, RDONLY), m.Tread(READ, 0, 10), m.Tclunk(READ), m.Tclunk(READ),
    ]  # fmt: skip
    data = b"".join(CODEC.encode(tag, t) for tag, t in enumerate(requests))
    replies = [CODEC.decode(r)[1] for r in await client.send(bytes(data))]
    ebadf = m.Rlerror(errno.EBADF)
    assert [m.Rread(b"content"), m.Rclunk(), ebadf] == replies[:3]
    assert [m.Rread(b"inner"), m.Rclunk(), ebadf] == replies[5:]
