"""What a 9P2000.L server must answer: files and fids in plain dictionaries, slow and simple.

Nothing here is taken from the server but the messages, the numbers of the tables, and which fid may
be used for what (`ninep.fids.LEGAL`).  Where the manual leaves open which of several errors is
told, `Refused` has them all.
"""

from __future__ import annotations

import stat
from errno import (
    E2BIG,
    EBADF,
    EBUSY,
    EEXIST,
    EFBIG,
    EINVAL,
    EISDIR,
    ELOOP,
    ENAMETOOLONG,
    ENODATA,
    ENOENT,
    ENOSPC,
    ENOTDIR,
    ENOTEMPTY,
    EOPNOTSUPP,
    EPERM,
    ERANGE,
)
from typing import Any

from ninep import messages as m
from ninep.constants import (
    IOHDRSZ,
    NAME_MAX,
    NOFID,
    NONUNAME,
    OFFSET_MAX,
    XATTR_SIZE_MAX,
    GetattrMask,
    LockFlag,
    LockType,
    LopenFlag,
    UnlinkFlag,
    XattrFlag,
)
from ninep.fids import BY_ACCESS, LEGAL, State
from ninep.messages import Message, TMessage
from tests.model.state import (
    ANY,
    BOUNDS,
    DEVICES,
    DIR,
    LINK,
    MADE,
    PIECES,
    REGULAR,
    Client,
    File,
    Habits,
    Handle,
    Judge,
    Name,
    Owner,
    Refused,
    Scan,
    V,
    checked,
    described,
    qid,
    refuse_if,
)
from tests.model.tree import Tree


class Model(Tree):
    """A tree, and the clients that have it attached."""

    def __init__(self, habits: Habits, msize: int, pending: int) -> None:
        """Have an empty tree; a client may have so many bytes of attributes on the way."""
        super().__init__(habits)
        self.msize, self.pending = msize, pending

    def answer(self, client: Client, t: TMessage) -> Message | Refused | Judge:
        """Do what a request asks for, and return what must be replied."""
        do = getattr(self, type(t).__name__.lower())
        try:
            reply: Message | Judge = do(client, t)
        except Refused as refused:
            return refused
        return reply

    # sessions and fids

    def tversion(self, client: Client, t: m.Tversion) -> Message:
        """Begin anew."""
        for fid in list(client.fids):
            self.free(client, fid)
        return m.Rversion(t.msize, t.version)

    def tauth(self, _client: Client, _: m.Tauth) -> Message:
        """Ask for nothing."""
        raise Refused(ENOENT)

    def tflush(self, _client: Client, _: m.Tflush) -> Message:
        """Have nothing to flush."""
        return m.Rflush()

    def tattach(self, client: Client, t: m.Tattach) -> Message:
        """Give the root, or a directory below the export `e`."""
        client.require_free(t.fid)
        refuse_if(t.afid != NOFID, EINVAL)
        export, *below = t.aname.split(b"/")
        refuse_if(export not in {b"", b"e"} or (below and not export), ENOENT)
        file = self.root
        for name in below:
            refuse_if(file.kind != DIR, ENOTDIR)
            refuse_if(name not in file.entries, ENOENT)
            file = file.entries[name].file
        refuse_if(file.kind != DIR, ENOTDIR)
        assert file.place
        client.fids[t.fid] = Handle(file.place, file)
        return m.Rattach(qid(file))

    def twalk(self, client: Client, t: m.Twalk) -> Message:
        """Descend."""
        start = client.legal(t.fid, "walk")
        if t.newfid == t.fid:
            refuse_if(start.state is not State.BOUND, EINVAL)
        else:
            client.require_free(t.newfid)
        at = Handle(start.name, start.root)
        found: list[Any] = []
        for name in t.wname:
            try:
                at = Handle(self.step(at, name), start.root)
            except Refused:
                if not found:
                    raise
                return m.Rwalk(tuple(found))
            found.append(qid(at.file))
        client.fids[t.newfid] = at
        return m.Rwalk(tuple(found))

    def step(self, at: Handle, name: bytes) -> Name:
        """Return what a name means in a directory."""
        refuse_if(at.file.kind != DIR, ENOTDIR)
        if name == b"..":
            refuse_if(not at.inside, ENOENT)
            up = at.name.dir if at.file is not at.root else at.file
            assert up.place
            return up.place
        name = checked(name, EINVAL)
        refuse_if(name not in at.file.entries, ENOENT)
        return at.file.entries[name]

    def free(self, client: Client, fid: int) -> Handle:
        """Take a fid away, and what was locked through it."""
        refuse_if(fid not in client.fids, EBADF)
        handle = client.fids.pop(fid)
        locks = handle.file.locks
        for key in [key for key, (_, by) in locks.items() if by is handle]:
            del locks[key]
        return handle

    def tclunk(self, client: Client, t: m.Tclunk) -> Message:
        """Let go, and set the attribute that was written."""
        handle = self.free(client, t.fid)
        if handle.state is State.XATTR_WRITE:
            self.commit(handle)
        return m.Rclunk()

    def tremove(self, client: Client, t: m.Tremove) -> Message:
        """Let go, and remove the file."""
        handle = self.free(client, t.fid)
        refuse_if(handle.state not in LEGAL["getattr"], EBADF)
        refuse_if(handle.file is handle.root, EBUSY)
        refuse_if(not (handle.inside and handle.name.means), ENOENT)
        refuse_if(handle.file.entries, ENOTEMPTY)
        self.leave(handle.name.dir, handle.name.name)
        return m.Rremove()

    # input and output

    def tlopen(self, client: Client, t: m.Tlopen) -> Message:
        """Open a file."""
        handle = client.legal(t.fid, "open")
        refuse_if(t.flags & 3 == 3, EINVAL)
        refuse_if(t.flags & (3 | LopenFlag.TRUNC) and not handle.inside, ENOENT)
        self.open(handle.file, t.flags)
        self.opened(handle, t.flags)
        return m.Rlopen(qid(handle.file), self.msize - IOHDRSZ)

    def open(self, file: File, flags: int) -> None:
        """Cut a file as an open does, if it can be opened."""
        refuse_if(file.kind == LINK, ELOOP)
        refuse_if(file.kind == DIR and flags & (3 | LopenFlag.TRUNC), EISDIR)
        refuse_if(file.kind != DIR and flags & LopenFlag.DIRECTORY, ENOTDIR)
        refuse_if(file.kind not in {DIR, REGULAR}, EOPNOTSUPP)
        refuse_if(not file.links, ENOENT)
        if flags & LopenFlag.TRUNC:
            file.resize(0)

    def opened(self, handle: Handle, flags: int) -> None:
        """Have a fid open."""
        handle.state = State.DIRECTORY if handle.file.kind == DIR else BY_ACCESS[flags & 3]
        handle.append = bool(flags & LopenFlag.APPEND)

    def tlcreate(self, client: Client, t: m.Tlcreate) -> Message:
        """Make a file, or open what is there."""
        where = client.held(t.fid, "create")
        name = checked(t.name, EEXIST)
        refuse_if(t.flags & 3 == 3, EINVAL)
        refuse_if(where.file.kind != DIR, ENOTDIR)
        there = where.file.entries.get(name)
        if there is None:
            there = self.make(where.file, name, REGULAR, t.mode, t.gid)
        else:
            refuse_if(t.flags & LopenFlag.EXCL, EEXIST)
            refuse_if(there.file.kind == DIR, EISDIR)
            self.open(there.file, t.flags & ~LopenFlag.DIRECTORY)
        handle = client.fids[t.fid] = Handle(there, where.root)
        self.opened(handle, t.flags)
        return m.Rlcreate(qid(there.file), self.msize - IOHDRSZ)

    def tread(self, client: Client, t: m.Tread) -> Message:
        """Read a file, or an attribute."""
        handle = client.legal(t.fid, "read")
        refuse_if(t.offset > OFFSET_MAX, EINVAL)
        whole = handle.value
        if handle.state is not State.XATTR_READ:
            whole = bytes(handle.file.content)
            handle.file.atime = None
        elif not handle.attribute:
            return m.Rread(ANY)  # the names are in any order; `txattrwalk` tells them
        return m.Rread(whole[t.offset :][: min(t.count, self.msize - IOHDRSZ)])

    def twrite(self, client: Client, t: m.Twrite) -> Message:
        """Write a file, or the next part of an attribute."""
        handle, data = client.legal(t.fid, "write"), bytes(t.data)
        refuse_if(t.offset > OFFSET_MAX, EINVAL)
        refuse_if(t.offset + len(data) > OFFSET_MAX, EFBIG)
        if handle.state is State.XATTR_WRITE:
            refuse_if(t.offset != len(handle.value), EINVAL)
            refuse_if(t.offset + len(data) > handle.size, EINVAL)
            handle.value += data
        elif data:
            content = handle.file.content
            at = len(content) if handle.append else t.offset
            content += bytes(max(at - len(content), 0))
            content[at : at + len(data)] = data
            handle.file.drop_set_id()
            handle.file.changed()
        return m.Rwrite(len(data))

    def tfsync(self, client: Client, t: m.Tfsync) -> Message:
        """Have all on stable storage."""
        client.legal(t.fid, "fsync")
        return m.Rfsync()

    def treaddir(self, client: Client, t: m.Treaddir) -> Judge:
        """Go on with a listing, or begin it again."""
        handle = client.legal(t.fid, "readdir")
        names = {name: entry.file for name, entry in handle.file.entries.items()}
        if t.offset == 0:
            up = handle.inside and handle.file is not handle.root
            above = handle.name.dir if up else handle.file
            handle.scan = Scan({b".": handle.file, b"..": above, **names})
        scan = handle.scan
        known = [0, *(cookie for cookie, _ in scan.seen)] if scan else []
        refuse_if(t.offset not in known, EINVAL)
        assert scan
        at = known.index(t.offset)
        return lambda r: self.judge_listing(r, scan, at, min(t.count, self.msize - IOHDRSZ))

    # attributes

    def tgetattr(self, client: Client, t: m.Tgetattr) -> Judge:
        """Tell what is known of a file."""
        file = client.legal(t.fid, "getattr").file

        def judge(r: Message) -> None:
            assert isinstance(r, m.Rgetattr)
            assert r.valid == t.request_mask & GetattrMask.BASIC
            assert (r.mode, r.gid, r.rdev) == (file.kind | file.mode, file.gid, 0)
            if file.kind != DIR:
                assert r.size == len(file.content)
            if self.habits.counted or file.kind != DIR or not file.links:
                assert r.nlink == file.nlink
            assert r.blksize
            assert file.mtime in {None, r.mtime_sec * 10**9 + r.mtime_nsec}
            if file.kind != DIR:  # whoever looks at the tree reads them
                assert file.atime in {None, r.atime_sec * 10**9 + r.atime_nsec}
            self.judge_path(r.qid, file)
            assert (
                r.qid.version == 0
                or file.versions.setdefault(r.qid.version, file.held) == file.held
            )

        return judge

    def tsetattr(self, client: Client, t: m.Tsetattr) -> Message:
        """Change what is asked for."""
        file = client.held(t.fid, "getattr").file
        self.check_setattr(file, t)
        if t.valid & V.GID:
            file.gid = t.gid
        if t.valid & (V.UID | V.GID):
            file.drop_set_id()
        if t.valid & V.MODE:
            file.mode = t.mode & 0o7777
        if t.valid & V.SIZE:
            file.resize(t.size)
        for bit, given, name in (
            (V.ATIME, V.ATIME_SET, "atime"),
            (V.MTIME, V.MTIME_SET, "mtime"),
        ):
            if t.valid & bit:
                time = getattr(t, f"{name}_sec") * 10**9 + getattr(t, f"{name}_nsec")
                setattr(file, name, time if t.valid & given else None)
        return m.Rsetattr()

    def check_setattr(self, file: File, t: m.Tsetattr) -> None:
        """Refuse what no file, or not this one, can have."""
        refuse_if(t.valid & ~sum(V), EINVAL)
        refuse_if(NONUNAME in {t.valid & V.UID and t.uid, t.valid & V.GID and t.gid}, EINVAL)
        refuse_if(t.valid & V.SIZE and t.size > OFFSET_MAX, EINVAL)
        for bits, nsec in (
            (V.ATIME | V.ATIME_SET, t.atime_nsec),
            (V.MTIME | V.MTIME_SET, t.mtime_nsec),
        ):
            refuse_if(t.valid & bits == bits and nsec >= 10**9, EINVAL)
        refuse_if(t.valid & V.MODE and file.kind == LINK, EOPNOTSUPP)
        refuse_if(t.valid & V.SIZE and file.kind == DIR, EISDIR)
        refuse_if(t.valid & V.SIZE and file.kind != REGULAR, EINVAL)

    def tstatfs(self, client: Client, t: m.Tstatfs) -> Message:
        """Tell of the file system."""
        client.legal(t.fid, "getattr")
        return m.Rstatfs(*[ANY] * len(m.Rstatfs.__slots__))

    # names

    def treadlink(self, client: Client, t: m.Treadlink) -> Message:
        """Tell where a symbolic link leads."""
        file = client.legal(t.fid, "getattr").file
        refuse_if(file.kind != LINK, EINVAL)
        file.atime = None
        return m.Rreadlink(bytes(file.content))

    def tmkdir(self, client: Client, t: m.Tmkdir) -> Message:
        """Make a directory."""
        where = client.held(t.dfid, "walk").file
        made = self.make(where, checked(t.name, EEXIST), DIR, t.mode, t.gid)
        return m.Rmkdir(qid(made.file))

    def tsymlink(self, client: Client, t: m.Tsymlink) -> Message:
        """Make a symbolic link."""
        where, name = client.held(t.dfid, "walk").file, checked(t.name, EEXIST)
        refuse_if(b"\0" in t.symtgt, EINVAL)
        refuse_if(not t.symtgt, ENOENT)
        refuse_if(len(t.symtgt) > 4095, ENAMETOOLONG)
        made = self.make(where, name, LINK, 0o777, t.gid)
        made.file.content += t.symtgt
        return m.Rsymlink(qid(made.file))

    def tmknod(self, client: Client, t: m.Tmknod) -> Message:
        """Make a FIFO, a socket, a file; devices are not allowed here."""
        where, name = client.held(t.dfid, "walk").file, checked(t.name, EEXIST)
        kind = stat.S_IFMT(t.mode) or REGULAR
        refuse_if(kind in DEVICES, EPERM)
        refuse_if(kind not in MADE, EINVAL)
        return m.Rmknod(qid(self.make(where, name, kind, t.mode, t.gid).file))

    def tlink(self, client: Client, t: m.Tlink) -> Message:
        """Give a file a further name."""
        where, file = client.held(t.dfid, "walk").file, client.held(t.fid, "walk").file
        name = checked(t.name, EEXIST)
        self.check_new(where, name)
        refuse_if(file.kind == DIR, EPERM)
        refuse_if(not file.links, ENOENT)
        self.enter(where, name, file)
        return m.Rlink()

    def tunlinkat(self, client: Client, t: m.Tunlinkat) -> Message:
        """Take a name away."""
        where, name = client.held(t.dirfid, "walk").file, checked(t.name, EINVAL)
        refuse_if(t.flags & ~UnlinkFlag.REMOVEDIR, EINVAL)
        refuse_if(where.kind != DIR, ENOTDIR)
        refuse_if(name not in where.entries, ENOENT)
        file = where.entries[name].file
        refuse_if(t.flags and file.kind != DIR, ENOTDIR)
        refuse_if(not t.flags and file.kind == DIR, EISDIR)
        refuse_if(file.entries, ENOTEMPTY)
        self.leave(where, name)
        return m.Runlinkat()

    def trename(self, client: Client, t: m.Trename) -> Message:
        """Give the file of a fid another place."""
        handle, where = client.held(t.fid, "walk"), client.held(t.dfid, "walk").file
        name = checked(t.name, EBUSY)
        refuse_if(handle.file is handle.root, EBUSY)
        refuse_if(not handle.name.means and where.kind != DIR, ENOENT, ENOTDIR)
        refuse_if(not handle.name.means, ENOENT)
        self.move(handle.name.dir, handle.name.name, where, name)
        return m.Rrename()

    def trenameat(self, client: Client, t: m.Trenameat) -> Message:
        """Give a name another place."""
        old, new = client.held(t.olddirfid, "walk").file, client.held(t.newdirfid, "walk").file
        oldname, newname = checked(t.oldname, EBUSY), checked(t.newname, EBUSY)
        refuse_if(old.kind != DIR, ENOTDIR)
        refuse_if(oldname not in old.entries and new.kind != DIR, ENOENT, ENOTDIR)
        refuse_if(oldname not in old.entries, ENOENT)
        self.move(old, oldname, new, newname)
        return m.Rrenameat()

    # extended attributes

    def txattrwalk(self, client: Client, t: m.Txattrwalk) -> Message:
        """Let a fid read an attribute, or the names of all."""
        handle = client.legal(t.fid, "getattr")
        client.require_free(t.newfid)
        refuse_if(b"\0" in t.name, EINVAL)
        refuse_if(len(t.name) > NAME_MAX, ERANGE)
        xattrs = handle.file.xattrs
        refuse_if(t.name and t.name not in xattrs, ENODATA)
        value = xattrs[t.name] if t.name else b"".join(name + b"\0" for name in xattrs)
        refuse_if(client.pending + len(value) > self.pending, ENOSPC)
        client.fids[t.newfid] = Handle(
            handle.name,
            handle.root,
            State.XATTR_READ,
            attribute=t.name,
            value=value,
            size=len(value),
        )
        return m.Rxattrwalk(len(value))

    def txattrcreate(self, client: Client, t: m.Txattrcreate) -> Message:
        """Let a fid write an attribute."""
        handle = client.held(t.fid, "xattrcreate")
        refuse_if(b"\0" in t.name, EINVAL)
        refuse_if(not 0 < len(t.name) <= NAME_MAX, ERANGE)
        refuse_if(t.attr_size > XATTR_SIZE_MAX, E2BIG)
        refuse_if(t.flags not in {0, XattrFlag.CREATE, XattrFlag.REPLACE}, EINVAL)
        refuse_if(client.pending + t.attr_size > self.pending, ENOSPC)
        handle.state = State.XATTR_WRITE
        handle.attribute, handle.size, handle.flags = t.name, t.attr_size, t.flags
        return m.Rxattrcreate()

    def commit(self, handle: Handle) -> None:
        """Set the attribute that was written, or remove it."""
        xattrs, name = handle.file.xattrs, handle.attribute
        refuse_if(len(handle.value) != handle.size, EINVAL)
        can = self.habits.attributes
        refuse_if(can is not None and handle.file.kind not in can, EPERM, EOPNOTSUPP)
        refuse_if(handle.flags == XattrFlag.CREATE and name in xattrs, EEXIST)
        refuse_if(handle.flags == XattrFlag.REPLACE and name not in xattrs, ENODATA)
        if handle.flags == XattrFlag.REPLACE and not handle.size:
            del xattrs[name]
        else:
            xattrs[name] = handle.value

    # locks

    def tlock(self, client: Client, t: m.Tlock) -> Message:
        """Lock or unlock, piece by piece."""
        handle = client.legal(t.fid, "lock")
        refuse_if(t.flags & ~sum(LockFlag), EINVAL)
        owner, pieces = self.wanted(client, t)
        locks = handle.file.locks
        if t.type != LockType.UNLCK and self.in_the_way(locks, owner, pieces, t.type):
            return m.Rlock(1)
        for piece in pieces:
            locks.pop((owner, piece), None)
            if t.type != LockType.UNLCK:
                locks[owner, piece] = (t.type, handle)
        return m.Rlock(0)

    def wanted(self, client: Client, t: m.Tlock | m.Tgetlock) -> tuple[Owner, list[int]]:
        """Return who asks, and for what."""
        refuse_if(t.type not in set(LockType) or t.start + t.length > 1 << 64, EINVAL)
        refuse_if(len(t.client_id) > NAME_MAX, EINVAL)
        end = t.start + t.length if t.length else 1 << 64
        pieces = [piece for piece in PIECES if t.start <= BOUNDS[piece] < end]
        return (client.number, t.client_id, t.proc_id), pieces

    def tgetlock(self, client: Client, t: m.Tgetlock) -> Message | Judge:
        """Describe a lock that is in the way."""
        locks = client.legal(t.fid, "lock").file.locks
        owner, pieces = self.wanted(client, t)
        kind = LockType.WRLCK if t.type == LockType.UNLCK else t.type
        barring = self.in_the_way(locks, owner, pieces, kind)
        if not barring:
            return m.Rgetlock(LockType.UNLCK, t.start, t.length, t.proc_id, t.client_id)
        possible = [described(locks, *key) for key in barring]

        def judge(r: Message) -> None:
            assert r in possible

        return judge
