"""Bytes ↔ messages: `size[4] type[1] tag[2]` and the body, for each dialect.

This module owns the header; bodies are read and written by functions compiled from the construct
schemas.  What leaves a decoder is a message or a `CodecError`, whatever the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache

from ninep import messages
from ninep.compile import Decoder, Encoder, decoder, encoder, packer, unpacker
from ninep.errors import CodecError, FrameError
from ninep.messages import Buffer, Dirent, Message
from ninep.schema import frame, wire_type
from ninep.spec import Spec, spec

HEADER = 7
"""Bytes of `size[4] type[1] tag[2]`."""
read_size = struct.Struct("<I").unpack_from


class Codec:
    """Encodes and decodes the messages of one dialect."""

    def __init__(self, tables: Spec, dialect: str, classes: Mapping[str, type]) -> None:
        """Compile what `tables` declare for `dialect`; `classes` are message classes by name."""
        self.dialect = dialect
        self.decoders: list[Decoder | None] = [None] * 256
        self.encoders: dict[type, Encoder] = {}
        for m in tables.messages_of(dialect):
            body = frame(tables, m, dialect).subcon.body.subcon
            self.decoders[m.code] = decoder(body, classes)
            self.encoders[classes[m.name]] = encoder(m.code, body)
        self.pack_stat = packer(wire_type(tables, "stat", dialect))
        self.pack_dirent = packer(wire_type(tables, "dirent", dialect))
        self.unpack_dirent = unpacker(wire_type(tables, "dirent", dialect), classes)

    def decode_body(self, buffer: Buffer, start: int, end: int) -> Message:
        """Decode the frame that fills `buffer[start:end]`, whose size has been checked.

        A field of type data is a view into `buffer`.

        Clauses: frame.unknown-type, frame.other-dialect, error.fallback-number, frame.short-body,
                 frame.trailing-bytes
        """
        decode = self.decoders[buffer[start + 4]]
        if decode is None:
            raise CodecError("frame.unknown-type", f"{buffer[start + 4]} in {self.dialect}")
        message: Message = decode(buffer, start + HEADER, end)
        return message

    def decode(self, data: Buffer) -> tuple[int, Message]:
        """Return tag and message of one whole frame.

        Errors: FrameError (size disagrees with the bytes), CodecError (unknown type, wrong body)
        """
        if len(data) < HEADER or read_size(data)[0] != len(data):
            raise FrameError("frame.size-minimum", f"{len(data)} bytes: {bytes(data[:HEADER])!r}")
        return data[5] | data[6] << 8, self.decode_body(data, 0, len(data))

    def encode(self, tag: int, message: Message) -> bytes:
        """Return the whole frame of a message.

        Errors: CodecError (a value does not fit its field; no such message in this dialect)
        """
        encode = self.encoders.get(type(message))
        if encode is None:
            raise CodecError("frame.unknown-type", f"{message!r:.200} in {self.dialect}")
        return encode(tag, message)

    def dirents(self, data: Buffer) -> list[Dirent]:
        """Return the entries of an Rreaddir.  Errors: CodecError (cut or malformed)"""
        entries, at = [], 0
        while at < len(data):
            entry, at = self.unpack_dirent(data, at, len(data))
            entries.append(entry)
        return entries


@cache
def codec(dialect: str) -> Codec:
    """Return the codec of a dialect, compiled at first use."""
    return Codec(spec(), dialect, vars(messages))
