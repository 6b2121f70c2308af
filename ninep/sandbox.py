"""What a server gives up before it serves, so that a fault in it, or in Python, reaches little.

Four fences, each where the kernel has it:

* no new privileges: no program that it could run would give it any;
* capabilities: of root's powers those that files need, and no other, for ever;
* Landlock: the files below the exports, and to read, Python's own and the list of users;
* seccomp: the system calls of `sandbox.toml`: no program, process, connection, mount, signal.

They hold for threads that are started later, so this comes before the first one.

Source: prctl(2), capabilities(7), landlock(7), seccomp(2)
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("sandbox.toml")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that the server works in, by an open descriptor."""

    descriptor: int
    writable: bool


def enter(trees: Iterable[Tree], sockets: Iterable[str], powers: Container[str] = ()) -> list[str]:
    """Give up what is not needed; return what this kernel lacks for that.

    `trees` are exported; `sockets` are the paths of unix sockets, which are removed in the end;
    `powers` are those of `POWERS` that the server cannot do without.

    Errors: OSError (a fence that this kernel has could not be put up)
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise OSError(errno.EINVAL, "there are threads already, which would stay outside")
    drop_privileges(powers)
    folders = {os.path.dirname(path) or "." for path in sockets}
    lacks = (restrict_files(trees, folders, powers), restrict_calls(powers))
    return [text for text in lacks if text]


def called(result: int, what: str) -> int:
    """Return the result of a call, or raise what it failed with."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


# Privileges

PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT = 38, 23, 24, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITIES = struct.Struct("<IIIIII")
"""effective, permitted, inheritable of the lower half, then of the upper."""
VERSION_3 = struct.pack("<Ii", 0x20080522, 0)
KEPT = frozenset({0, 1, 2, 3, 4, 31})
"""CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETFCAP."""
DEVICES, TRUSTED, AS_CLIENT = "devices", "trusted", "as-client"
POWERS = {DEVICES: {27}, TRUSTED: {21}, AS_CLIENT: {6, 7}}
"""What a server may be told to do that takes more: MKNOD; SYS_ADMIN; SETGID and SETUID."""


def drop_privileges(powers: Container[str]) -> None:
    """Have no new privileges, and of those that there are only what files need."""
    called(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    kept = KEPT.union(*(numbers for power, numbers in POWERS.items() if power in powers))
    for number in range(64):
        if number not in kept and _libc.prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1:
            _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # who may not has nothing to drop
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    data = ctypes.create_string_buffer(CAPABILITIES.size)
    called(_libc.capget(VERSION_3, data), "capget")
    mask = sum(1 << number for number in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    had = CAPABILITIES.unpack(data.raw)
    has = [word & half for word, half in zip(had, (low, low, 0, high, high, 0), strict=True)]
    called(_libc.capset(VERSION_3, CAPABILITIES.pack(*has)), "capset")


# Files

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Of landlock(7); the numbers are those of every machine."""
RULESET, BENEATH = struct.Struct("<QQQ"), struct.Struct("<Qi")
GET_VERSION = 1
PATH_BENEATH = 1
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
READ, ON_FILES = READ_FILE | READ_DIR, READ_FILE | WRITE_FILE
REMOVE = 1 << 5
MAKE_DEVICE = 1 << 6 | 1 << 11
RIGHTS = {2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
"""All rights that there are to take away, from some version of Landlock on."""
NEVER = 1 << 0 | 1 << 15
"""To run a file, and ioctl(2) on a device: nobody needs them."""
RENAMES = 2
"""The version from which on files can be moved between directories."""
NETWORK, SCOPES = (4, 3), (6, 3)
"""Version, and all that can be taken away of it: bind and connect; signals and abstract sockets."""
PYTHON = ("stdlib", "platstdlib", "purelib", "platlib")
USERS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf")


def restrict_files(trees: Iterable[Tree], folders: Iterable[str], powers: Container[str]) -> str:
    """Leave nothing but exports, and to read what Python and the C library need."""
    version = _libc.syscall(CREATE_RULESET, None, 0, GET_VERSION)
    if version < RENAMES:
        return "Landlock, version 2 or newer"
    rights = max(bits for since, bits in RIGHTS.items() if since <= version)
    network, scopes = (bits if version >= since else 0 for since, bits in (NETWORK, SCOPES))
    attributes = RULESET.pack(rights, network, scopes)
    ruleset = called(_libc.syscall(CREATE_RULESET, attributes, len(attributes), 0), "Landlock")
    try:
        whole = rights & ~NEVER & ~(0 if DEVICES in powers else MAKE_DEVICE)
        for tree in trees:
            allow(ruleset, tree.descriptor, whole if tree.writable else READ)
        for path, some in (beneath() | dict.fromkeys(folders, REMOVE)).items():
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                allow(ruleset, descriptor, some if os.path.isdir(path) else some & ON_FILES)
            finally:
                os.close(descriptor)
        called(_libc.syscall(RESTRICT_SELF, ruleset, 0), "Landlock")
    finally:
        os.close(ruleset)
    return ""


def allow(ruleset: int, descriptor: int, rights: int) -> None:
    """Allow something beneath a directory, or with a file."""
    rule = BENEATH.pack(rights, descriptor)
    called(_libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), "Landlock")


def beneath() -> dict[str, int]:
    """Return what is needed beside the exports: modules that are loaded late, names of users."""
    paths = [*(sysconfig.get_path(name) for name in PYTHON), str(TABLE.parent), *USERS]
    found = {path: READ for path in paths if os.path.exists(path)}
    return found | {os.devnull: ON_FILES}


# System calls

PR_SET_SECCOMP, MODE_FILTER = 22, 2
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the table and audit number, by the machine's name."""
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of the filter: BPF_LD|W|ABS, BPF_JMP|JEQ|K, |JGE|K, |JSET|K, BPF_RET|K."""
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Offsets in struct seccomp_data."""
ALLOWED, REFUSED = 0x7FFF0000, 0x00050000
INSTRUCTION = struct.Struct("<HBBI")
Program = list[tuple[int, int, int, int]]


def restrict_calls(powers: Container[str]) -> str:
    """Leave the system calls of the table."""
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 1 << 32:
        return f"seccomp: there is no table for {platform.machine()}"
    code = b"".join(INSTRUCTION.pack(*one) for one in program(*machine, powers))
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("@HP", len(code) // INSTRUCTION.size, ctypes.addressof(buffer))
    if _libc.prctl(PR_SET_SECCOMP, MODE_FILTER, filter_, 0, 0) < 0:
        if ctypes.get_errno() == errno.EINVAL:
            return "seccomp"
        called(-1, "seccomp")
    return ""


def program(column: int, architecture: int, powers: Container[str]) -> Program:
    """Return the filter for a machine."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    eperm, enosys = REFUSED | errno.EPERM, REFUSED | errno.ENOSYS
    made: Program = [
        (LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, eperm),
        (LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, table["known"] + 1), (RETURN, 0, 0, enosys),
    ]  # fmt: skip
    groups = [*table["allowed"].values()]
    groups += [group for power, group in table["granted"].items() if power in powers]
    allowed = [numbers[column] for group in groups for numbers in group.values()]
    absent = [one["number"][column] for one in table["absent"]]
    for numbers, answer in ((allowed, ALLOWED), (absent, enosys)):
        for number in numbers:
            if number >= 0:
                made += [(EQUAL, 0, 1, number), (RETURN, 0, 0, answer)]
    for one in table["limited"]:
        made += limited(one, one["number"][column], eperm)
    return [*made, (RETURN, 0, 0, eperm)]


def limited(one: dict[str, Any], number: int, refused: int) -> Program:
    """Return the part of the filter for a call that depends on an argument."""
    tests = [(EQUAL, value) for value in one.get("values", ())]
    tests += [(ANY_BIT, one["bits"])] if "bits" in one else []
    made: Program = [(LOAD, 0, 0, ARGUMENTS + 8 * one["arg"])]
    for kind, value in tests:
        made += [(kind, 0, 1, value), (RETURN, 0, 0, ALLOWED)]
    made.append((RETURN, 0, 0, refused))
    return [(EQUAL, 0, len(made), number), *made]


# What holds

HELD = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})


def fork() -> None:
    """Start a process, which ends at once."""
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def read_file(path: str) -> None:
    """Read a directory."""
    os.listdir(path)


def write_file(path: str) -> None:
    """Make a file for a moment, without a name."""
    os.close(os.open(path, os.O_TMPFILE | os.O_RDWR))


FILES: dict[str, tuple[str, Callable[[str], None]]] = {
    "read a directory elsewhere": ("/", read_file),
    "write a file elsewhere": ("/tmp", write_file),  # noqa: S108  it is not written
}
"""What is never done outside the exports: where it is tried, and how."""
TRIES: dict[str, Callable[[], object]] = {
    "run a program": lambda: os.execv("/", ["none"]),  # noqa: S606
    "start a process": fork,
    "open a connection": lambda: socket.socket().close(),
    "trace a process": lambda: called(_libc.ptrace(0, 0, 0, 0), "ptrace"),
    "mount a file system": lambda: called(_libc.umount2(b"/", 0xFF), "umount2"),
    "leave a namespace": lambda: called(_libc.unshare(1 << 28), "unshare"),
    "become another user": lambda: called(_libc.setresuid(-1, -1, -1), "setresuid"),
    "send a signal": lambda: called(_libc.kill(os.getppid(), 0), "kill"),
    "open a file by its handle": lambda: called(_libc.open_by_handle_at(-1, None, 0), "open"),
}
"""What a server never does, in a form that does no harm where it can be done."""


def held(trees: Iterable[Tree]) -> dict[str, str]:
    """Try all that the sandbox forbids; return what came of it, "" where it was done.

    Of files only what does not lie in one of the trees is tried.
    """
    roots = {identity(tree.descriptor) for tree in trees}
    tries = dict(TRIES)
    for name, (path, attempt) in FILES.items():
        above = {identity(path), identity("/")}
        if not above & roots:
            tries[name] = partial(attempt, path)
    return {name: outcome(attempt) for name, attempt in tries.items()}


def identity(file: str | int) -> tuple[int, int]:
    """Return what tells a file from others."""
    found = os.stat(file)
    return found.st_dev, found.st_ino


def outcome(attempt: Callable[[], object]) -> str:
    """Return the name of the error that forbade it, "" if nothing did."""
    try:
        attempt()
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, "") if exc.errno in HELD else ""
    return ""
