"""The model's file tree: names come, go and move; and what replies tell of files is judged."""

from __future__ import annotations

from collections.abc import Iterator
from errno import (
    EEXIST,
    EINVAL,
    EISDIR,
    ENOENT,
    ENOTDIR,
    ENOTEMPTY,
)
from typing import Any

from ninep import messages as m
from ninep.constants import (
    NONUNAME,
    LockType,
)
from ninep.messages import Message
from tests.model.state import (
    DIR,
    DIRENT,
    QID_TYPES,
    Client,
    File,
    Habits,
    Handle,
    Name,
    Owner,
    Scan,
    dirents,
    refuse_if,
)


class Tree:
    """Files by name, and the fids that clients have of them."""

    def __init__(self, habits: Habits) -> None:
        """Have an empty tree."""
        self.habits = habits
        self.clients: dict[int, Client] = {}
        self.root = File(DIR, 0o755, habits.gid, links=1)
        self.root.place = Name(self.root, b"/", self.root)

    def handles(self) -> Iterator[Handle]:
        """Yield what all fids of all clients stand for."""
        for client in self.clients.values():
            yield from client.fids.values()

    def judge_listing(self, r: Message, scan: Scan, at: int, count: int) -> None:
        """Take a part of a listing that goes on behind `at` entries."""
        before = scan.seen[:at]
        left = scan.due.keys() | scan.may
        left -= {name for _, name in before}
        if isinstance(r, m.Rlerror):
            assert r.ecode == EINVAL
            assert any(DIRENT + len(name) > count for name in left)
            return
        assert isinstance(r, m.Rreaddir)
        assert len(r.data) <= count
        entries = dirents(r.data)
        scan.seen = before + [(entry.offset, entry.name) for entry in entries]
        cookies = [cookie for cookie, _ in scan.seen]
        assert cookies == sorted(set(cookies) - {0})
        assert len({name for _, name in scan.seen}) == len(scan.seen)
        assert {entry.name for entry in entries} <= left
        assert entries or not left & scan.due.keys()
        for entry in entries:
            self.judge_entry(entry, scan.due.get(entry.name))

    def judge_entry(self, entry: m.Dirent, file: File | None) -> None:
        """Look at an entry whose file has been the same all the time."""
        if file is not None:
            assert entry.type in {0, file.kind >> 12}
            assert entry.qid.type in {0, QID_TYPES.get(file.kind, 0)}
            self.judge_path(entry.qid, file)

    def make(self, where: File, name: bytes, kind: int, mode: int, gid: int) -> Name:
        """Make a file."""
        self.check_new(where, name)
        group = self.habits.gid if gid == NONUNAME else gid
        return self.enter(where, name, File(kind, mode & 0o7777, group))

    def check_new(self, where: File, name: bytes) -> None:
        """Refuse what cannot be a new name."""
        refuse_if(where.kind != DIR, ENOTDIR)
        refuse_if(name in where.entries, EEXIST)
        refuse_if(not where.links, ENOENT)

    def enter(self, where: File, name: bytes, file: File) -> Name:
        """Give a file a name."""
        where.entries[name] = file.place = Name(where, name, file)
        file.links += 1
        self.came_or_went(where, name)
        return file.place

    def leave(self, where: File, name: bytes) -> Name:
        """Take a name away."""
        gone = where.entries.pop(name)
        gone.file.links -= 1
        self.came_or_went(where, name)
        return gone

    def came_or_went(self, where: File, name: bytes) -> None:
        """Tell all listings that are under way."""
        where.changed()
        for handle in self.handles():
            if handle.file is where and handle.scan:
                handle.scan.due.pop(name, None)
                handle.scan.may.add(name)

    def move(self, old: File, oldname: bytes, new: File, newname: bytes) -> None:
        """Do what rename(2) does."""
        name, victim = old.entries[oldname], new.entries.get(newname)
        file = name.file
        refuse_if(new.kind != DIR, ENOTDIR)
        refuse_if(not new.links, ENOENT)
        if victim and victim.file is file:
            return
        refuse_if(Handle(Name(new, b"", File(0, 0, 0)), file).inside, EINVAL)
        if victim:
            above = Handle(name, victim.file).inside
            refuse_if(above and file.kind != DIR, EISDIR, ENOTEMPTY)
            refuse_if(victim.file.kind == DIR and file.kind != DIR, EISDIR)
            refuse_if(victim.file.kind != DIR and file.kind == DIR, ENOTDIR)
            refuse_if(victim.file.entries, ENOTEMPTY)
            self.leave(new, newname)
        self.leave(old, oldname)
        self.enter(new, newname, file)
        name.dir, name.name = new, newname
        new.entries[newname] = file.place = name

    def in_the_way(
        self, locks: dict[Any, tuple[int, Handle]], owner: Owner, pieces: list[int], kind: int
    ) -> set[tuple[Owner, int]]:
        """Return the pieces of others that bar a lock."""
        return {
            (other, piece)
            for (other, piece), (held, _) in locks.items()
            if other != owner and piece in pieces and LockType.WRLCK in (held, kind)
        }

    def judge(self, expected: Any, actual: Any) -> None:
        """Compare what a reply holds with what it should."""
        if isinstance(expected, File):
            assert actual.type == QID_TYPES.get(expected.kind, 0)
            self.judge_path(actual, expected)
        elif isinstance(expected, tuple):
            assert len(expected) == len(actual)
            for one, other in zip(expected, actual, strict=True):
                self.judge(one, other)
        elif isinstance(expected, Message):
            assert type(expected) is type(actual), (expected, actual)
            for name in type(expected).__slots__:
                self.judge(getattr(expected, name), getattr(actual, name))
        else:
            assert expected == actual

    def judge_path(self, seen: m.Qid, file: File) -> None:
        """A file has one path, and no two files that there are have the same."""
        if file.path is None:
            assert seen.path not in {other.path for other in self.files() if other is not file}
            file.path = seen.path
        assert file.path == seen.path

    def files(self) -> set[File]:
        """Return the files that a name or a fid leads to."""
        return {self.root, *(file for _, file in self.tree(self.root))} | {
            handle.file for handle in self.handles()
        }

    def tree(self, where: File, above: bytes = b"") -> Iterator[tuple[bytes, File]]:
        """Yield all that has a name, with its path."""
        for name, entry in where.entries.items():
            yield above + name, entry.file
            yield from self.tree(entry.file, above + name + b"/")
