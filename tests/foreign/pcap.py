"""A capture file of one TCP connection, made of frames."""

from __future__ import annotations

import struct
from collections.abc import Iterable

CLIENT, SERVER = (b"\x7f\0\0\1", 40000), (b"\x7f\0\0\1", 564)
MAGIC, RAW_IPV4 = 0xA1B2C3D4, 228
TCP = 6


def capture(frames: Iterable[bytes]) -> bytes:
    """Return a capture in which each frame is a segment; T-messages go to port 564."""
    sent = {CLIENT: 1, SERVER: 1}
    out = [struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 1 << 18, RAW_IPV4)]
    for i, frame in enumerate(frames):
        source, target = (CLIENT, SERVER) if frame[4] % 2 == 0 else (SERVER, CLIENT)
        packet = segment(source, target, sent[source], sent[target], frame)
        sent[source] += len(frame)
        out += [struct.pack("<IIII", i, 0, len(packet), len(packet)), packet]
    return b"".join(out)


def segment(
    source: tuple[bytes, int], target: tuple[bytes, int], seq: int, ack: int, data: bytes
) -> bytes:
    """Return an IPv4 packet with a TCP segment; checksums are left 0."""
    tcp = struct.pack(">HHIIBBHHH", source[1], target[1], seq, ack, 5 << 4, 0x18, 65535, 0, 0)
    length = 20 + len(tcp) + len(data)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, TCP, 0, source[0], target[0])
    return ip + tcp + data
