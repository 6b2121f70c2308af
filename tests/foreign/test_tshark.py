"""Wireshark's dissector, which shares no line with us, reads our bytes as we mean them."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from ninep import messages as m
from ninep.codec import codec
from ninep.constants import NOFID, NONUNAME, NOTAG
from ninep.messages import Message, Qid, TMessage
from ninep.spec import spec
from tests.foreign.pcap import capture
from tests.helpers import MSIZE, Peer, service

CODEC = codec("9P2000.L")
KNOWN_WRONG = {"Tgetlock", "Rgetlock"}
"""The dissector (4.0) expects a flags[4] in them that no implementation sends."""
UNREAD = "9p.message_data"
"""What the dissector shows as bytes and does not interpret."""

NAMES = {
    "aname": "9p.aname", "afid": "9p.afid", "attr_size": "9p.size", "bavail": "9p.bavail",
    "bfree": "9p.bfree", "blksize": "9p.blksize", "blocks": "9p.blocks", "bsize": "9p.blksize",
    "client_id": "9p.wname", "count": "9p.count", "data": "9p.count",
    "data_version": "9p.dataversion", "datasync": UNREAD, "dfid": "9p.dfid", "dirfid": "9p.dfid",
    "ecode": UNREAD, "ffree": "9p.ffree", "fid": "9p.fid", "files": "9p.files",
    "fsid": "9p.fsid", "gen": "9p.gen", "gid": "9p.gid", "iounit": "9p.iounit",
    "length": "9p.lock.length", "major": "9p.mknod.major", "minor": "9p.mknod.minor",
    "mode": "9p.statmode", "msize": "9p.maxsize", "n_uname": "9p.uid", "name": "9p.wname",
    "namelen": "9p.namelen", "newfid": "9p.newfid", "newname": "9p.wname",
    "newdirfid": "9p.newfid", "nlink": "9p.nlink", "offset": "9p.offset",
    "olddirfid": "9p.dfid", "oldname": "9p.wname", "oldtag": "9p.oldtag",
    "proc_id": "9p.lock.procid", "rdev": "9p.rdev", "request_mask": "9p.getattr.flags",
    "size": "9p.size", "start": "9p.lock.start", "status": "9p.lock.status",
    "symtgt": "9p.wname", "target": "9p.wname", "uid": "9p.uid", "uname": "9p.uname",
    "version": "9p.version", "wname": "9p.wname",
}  # fmt: skip
"""The dissector's name for a field of ours;"""
EXCEPTIONS = {
    ("Tauth", "n_uname"): UNREAD, ("Tlopen", "flags"): "9p.statmode",
    ("Tlcreate", "flags"): "9p.lcreate.flags",
    ("Tlcreate", "name"): "9p.filename", ("Txattrcreate", "flags"): "9p.xattr.flag",
    ("Tlock", "flags"): "9p.lock.flag", ("Tlock", "type"): "9p.lock.type",
    ("Tunlinkat", "flags"): "9p.unlinkat.flags", ("Rstatfs", "type"): "9p.fstype",
    ("Rgetattr", "valid"): "9p.getattr.flags", ("Tsetattr", "valid"): "9p.setattr.flags",
    ("Tmkdir", "dfid"): "9p.fid", ("Tmknod", "dfid"): "9p.fid", ("Tsymlink", "dfid"): "9p.fid",
}  # fmt: skip
"""but for these."""
BITS = ("9p.dm.", "9p.lflags.", "9p.getattr.", "9p.setattr.", "9p.qidtype.")
"""Single bits of a word that is shown whole as well."""
COUNTS = {"wname": "9p.nwalk", "wqid": "9p.nqid"}


def expected(message: Message) -> Iterator[tuple[str, object]]:
    """Yield the dissector's name and the value of each field, in wire order."""
    name = type(message).__name__
    for f in spec().messages[name].fields_in("9P2000.L"):
        value = getattr(message, f.name)
        if f.name.endswith("_sec"):
            nsec = getattr(message, f.name.replace("_sec", "_nsec"))
            yield f"9p.{f.name.removesuffix('_sec')}", value | nsec << 64
        elif isinstance(value, Qid):
            yield from qid(value)
        elif isinstance(value, tuple):
            yield COUNTS[f.name], len(value)
            for item in value:
                yield from qid(item) if isinstance(item, Qid) else [(NAMES[f.name], item)]
        elif not f.name.endswith("_nsec"):
            shown = len(value) if f.name == "data" else value
            yield EXCEPTIONS.get((name, f.name), NAMES.get(f.name, f.name)), shown


def qid(value: Qid) -> list[tuple[str, object]]:
    """Return the parts of a qid under the dissector's names."""
    return [("9p.qidtype", value.type), ("9p.qidvers", value.version), ("9p.qidpath", value.path)]


def dissected(proto: ET.Element) -> Iterator[tuple[str, object]]:
    """Yield name and value of each field that the dissector found, in wire order."""
    for field in proto.iter("field"):
        name = field.get("name", "")
        if not name or name in {"9p.msglen", "9p.msgtype", "9p.tag", "9p.paramsz"}:
            continue
        if name.startswith(BITS) and not name.endswith(".flags"):
            continue
        raw = bytes.fromhex(field.get("unmaskedvalue") or field.get("value") or "")
        text = name in {"9p.wname", "9p.filename", "9p.uname", "9p.aname", "9p.version"}
        yield name, raw if text else int.from_bytes(raw, "little")


def same(message: Message, proto: ET.Element) -> None:
    """Compare one message with what the dissector made of it."""
    seen = list(dissected(proto))
    if isinstance(message, m.Tflush):
        assert seen.pop() == (UNREAD, message.oldtag)  # it shows these two bytes twice
    assert list(expected(message)) == seen, message


async def session() -> list[bytes]:
    """Return the frames, in order, of a session that has every message of 9P2000.L."""
    peer = Peer(service())
    frames = []
    for tag, t in enumerate(requests()):
        request = CODEC.encode(NOTAG if isinstance(t, m.Tversion) else tag, t)
        frames += [request, *await peer.send(request)]
    return [*frames, CODEC.encode(9, m.Rauth(Qid(8, 7, 6)))]


def requests() -> list[TMessage]:
    """Return requests that all succeed, but for Tauth."""
    return [
        m.Tversion(MSIZE, b"9P2000.L"),
        m.Tauth(7, b"glenda", b"tree", 1001),
        m.Tattach(0, NOFID, b"glenda", b"", 1001),
        m.Twalk(0, 1, ()),
        m.Tlcreate(1, b"file", 0x8042, 0o640, NONUNAME),
        m.Twrite(1, 3, b"abc"),
        m.Tread(1, 1, 100),
        m.Tfsync(1, 1),
        m.Tlock(1, 1, 1, 5, 6, 7, b"client"),
        m.Tgetlock(1, 2, 5, 6, 7, b"client"),
        m.Tgetattr(1, 0x3FFF),
        m.Tsetattr(1, 0x1F9, 0o100600, 1, 2, 4096, 11, 12, 13, 14),
        m.Tstatfs(1),
        m.Tclunk(1),
        m.Tmkdir(0, b"dir", 0o755, NONUNAME),
        m.Twalk(0, 2, (b"dir",)),
        m.Tsymlink(2, b"link", b"../file", NONUNAME),
        m.Twalk(0, 3, (b"dir", b"link")),
        m.Treadlink(3),
        m.Tmknod(2, b"fifo", 0o10644, 3, 4, NONUNAME),
        m.Twalk(0, 4, (b"file",)),
        m.Tlink(2, 4, b"second"),
        m.Trename(4, 2, b"moved"),
        m.Trenameat(2, b"second", 0, b"third"),
        m.Txattrcreate(4, b"user.x", 5, 1),
        m.Twrite(4, 0, b"value"),
        m.Tclunk(4),
        m.Twalk(0, 4, (b"third",)),
        m.Txattrwalk(4, 5, b"user.x"),
        m.Tread(5, 0, 5),
        m.Tunlinkat(2, b"fifo", 0),
        m.Twalk(2, 6, ()),
        m.Tlopen(6, 0x10000),
        m.Treaddir(6, 0, 1000),
        m.Tflush(77),
        m.Tremove(4),
    ]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
async def test_every_message_is_dissected_as_meant(tmp_path: Path) -> None:
    """A session with every T- and R-message of 9P2000.L, field by field."""
    frames = await session()
    messages = [CODEC.decode(frame)[1] for frame in frames]
    names = {type(message).__name__ for message in messages}
    assert names == {message.name for message in spec().messages_of("9P2000.L")}
    protos = await dissect(frames, tmp_path)
    assert len(frames) == len(protos)
    for message, proto in zip(messages, protos, strict=True):
        if type(message).__name__ not in KNOWN_WRONG:
            same(message, proto)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize(
    "message", [m.Tgetlock(1, 2, 5, 6, 7, b"cl"), m.Rgetlock(1, 5, 6, 7, b"cl")], ids=repr
)
async def test_the_dissectors_known_defect(message: Message, tmp_path: Path) -> None:
    """It reads flags[4] in front of start: when this fails it has been mended, so drop it here."""
    (proto,) = await dissect([CODEC.encode(1, message)], tmp_path)
    assert ("9p.lock.flag", 5) in list(dissected(proto))


async def dissect(frames: list[bytes], folder: Path) -> list[ET.Element]:
    """Return what tshark makes of each frame."""
    file = folder / "session.pcap"
    file.write_bytes(capture(frames))
    command = ["tshark", "-r", str(file), "-d", "tcp.port==564,9p", "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, check=True)
    root = ET.fromstring(done.stdout)  # noqa: S314  our own tshark's output
    return [p for p in root.iter("proto") if p.get("name") == "9p"]
