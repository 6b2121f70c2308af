"""construct structs → fast Python functions.

construct interprets its objects: 8 to 30 µs a message.  Here they are walked once, at import, and
turned into source for one decoder and one encoder each: adjacent integers become one
`struct.Struct`, lengths are checked against the end of the frame, nothing is built but the message
itself.  construct stays the judge: tests compare both on every message.

The generated functions raise CodecError and nothing else, whatever the bytes or values.
`docs/adr/0002-codec-compiled-from-construct.md`
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from construct import Computed, Construct, FormatField, Int16ul, Prefixed, Select

from ninep.errors import CodecError
from ninep.schema import Bounded, Outer, Record

Decoder = Callable[[Any, int, int], Any]
"""(buffer, offset of the first field, end of the frame) → message"""
Encoder = Callable[[int, Any], bytes]
"""(tag, message) → the whole frame"""
Unpacker = Callable[[Any, int, int], tuple[Any, int]]
"""(buffer, offset, end) → (record, offset of what follows)"""

HEADER = "IBH"
BAD_VALUES = (struct.error, TypeError, ValueError, AttributeError, OverflowError)


def decoder(body: Record, classes: Mapping[str, type]) -> Decoder:
    """Compile the decoder of a message's body."""
    source = _Decode(classes)
    value = source.record(body, "end")
    source.close_run("end", last=True)
    source.emit(f"return {value}")
    compiled: Decoder = source.compile(f"decode_{body.title}", "b, o, end")
    return compiled


def encoder(code: int, body: Record) -> Encoder:
    """Compile the encoder of a message: header, body, in one go."""
    source = _Encode()
    source.run = [(char, name) for char, name in zip(HEADER, ("size", code, "tag"), strict=True)]
    source.record(body, "m")
    compiled: Encoder = source.finish(f"encode_{body.title}", "tag, m")
    return compiled


def packer(layout: Construct) -> Callable[[Any], bytes]:
    """Compile the encoder of a part of a message (a dirent, a string)."""
    source = _Encode()
    source.value(layout, "m")
    packed: Callable[[Any], bytes] = source.finish("pack", "m")
    return packed


def unpacker(record: Record, classes: Mapping[str, type]) -> Unpacker:
    """Compile the decoder of a record among others (a dirent)."""
    source = _Decode(classes)
    value = source.record(record, "end")
    source.close_run("end")
    source.emit(f"return {value}, o")
    compiled: Unpacker = source.compile(f"unpack_{record.title}", "b, o, end")
    return compiled


class _Source:
    """Lines of a function and the names it uses."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = dict(names)
        self.indent = 1
        self.serial = 0
        self.run: list[tuple[str, Any]] = []

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def fresh(self) -> str:
        self.serial += 1
        return f"v{self.serial}"

    def layout(self, method: str) -> tuple[str, int]:
        """Take the pending run of integers; return the name of its pack or unpack, and its size."""
        packed = struct.Struct("<" + "".join(char for char, _ in self.run))
        name = f"{method}_{self.fresh()}"
        self.names[name] = getattr(packed, method)
        return name, packed.size

    def compile(self, name: str, arguments: str) -> Any:
        text = "\n".join([f"def {name}({arguments}):", *self.lines])
        exec(compile(text, f"<compiled {name}>", "exec"), self.names)  # noqa: S102  our own text
        return self.names[name]


def _short(needed: int, left: int) -> CodecError:
    return CodecError("frame.short-body", f"{needed} bytes needed, {left} left")


def _trailing(left: int) -> CodecError:
    return CodecError("frame.trailing-bytes", f"{left} bytes after the last field")


def _over(count: int, limit: int) -> CodecError:
    return CodecError("frame.count-limit", f"{count} items, at most {limit}")


def _differs(length: int, seen: int) -> CodecError:
    return CodecError("frame.length-lies", f"length {length} in front of a record of {seen}")


def is_kept(layout: Prefixed) -> bool:
    """Say whether bytes are copied out of the buffer: strings are, data stay a view into it."""
    return layout.lengthfield is Int16ul


class _Decode(_Source):
    """Emits a decoder.  `o` is where to read, `end` where the frame ends."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        super().__init__({
            "short": _short, "trailing": _trailing, "over": _over, "differs": _differs, **classes,
        })  # fmt: skip

    def close_run(self, end: str, *, last: bool = False) -> None:
        """Read the pending integers; with `last`, nothing may follow them."""
        if self.run:
            unpack, size = self.layout("unpack_from")
            self.emit(f"if o + {size} > {end}: raise short({size}, {end} - o)")
            targets = "".join(f"{target}, " for _, target in self.run)
            self.emit(f"{targets}= {unpack}(b, o)")
            self.emit(f"o += {size}")
            self.run = []
        if last:
            self.emit(f"if o != {end}: raise trailing({end} - o)")

    def record(self, record: Record, end: str) -> str:
        values = {
            sub.name: self.value(sub.subcon, end) for sub in record.subcons if sub.name is not None
        }
        arguments = ", ".join(f"{name}={value}" for name, value in values.items())
        cls = self.names[record.title]
        if getattr(cls, "_fields", cls.__slots__)[: len(values)] == tuple(values):
            arguments = ", ".join(values.values())
        return f"{record.title}({arguments})"

    def value(self, layout: Construct, end: str) -> str:
        match layout:
            case FormatField():
                name = self.fresh()
                self.run.append((layout.fmtstr[-1], name))
                return name
            case Record():
                return self.record(layout, end)
            case Bounded():
                return self.array(layout, end)
            case Outer():
                return self.outer(layout, end)
            case Select():
                return self.optional(layout, end)
            case Prefixed():
                return self.prefixed(layout, end)
        msg = f"no way to compile {layout!r}"
        raise TypeError(msg)

    def prefixed(self, layout: Prefixed, end: str) -> str:
        length = self.value(layout.lengthfield, end)
        self.close_run(end)
        stop = self.fresh()
        self.emit(f"{stop} = o + {length}")
        self.emit(f"if {stop} > {end}: raise short({length}, {end} - o)")
        if isinstance(layout.subcon, Record):
            value = self.record(layout.subcon, stop)
            self.close_run(stop, last=True)
            return value
        value = self.fresh()
        part = f"b[o:{stop}]"
        self.emit(f"{value} = {f'bytes({part})' if is_kept(layout) else part}")
        self.emit(f"o = {stop}")
        return value

    def array(self, layout: Bounded, end: str) -> str:
        count = self.fresh()
        self.run.append(("H", count))
        self.close_run(end)
        self.emit(f"if {count} > {layout.limit}: raise over({count}, {layout.limit})")
        items = self.fresh()
        self.emit(f"{items} = []")
        self.emit(f"for _ in range({count}):")
        self.indent += 1
        item = self.value(layout.item, end)
        self.close_run(end)
        self.emit(f"{items}.append({item})")
        self.indent -= 1
        return f"tuple({items})"

    def outer(self, layout: Outer, end: str) -> str:
        length = self.fresh()
        self.run.append(("H", length))
        self.close_run(end)
        start = self.fresh()
        self.emit(f"{start} = o")
        value = self.value(layout.subcon, end)
        self.close_run(end)
        forgiven = "".join(f" and {length} != {n}" for n in layout.lenient)
        self.emit(f"if {length} != o - {start}{forgiven}: raise differs({length}, o - {start})")
        return value

    def optional(self, layout: Select, end: str) -> str:
        integer, computed = layout.subcons
        self.close_run(end)
        name = self.fresh()
        assert isinstance(computed, Computed)
        self.emit(f"if o == {end}: {name} = {computed.func}")
        self.emit("else:")
        self.indent += 1
        self.emit(f"{name} = {self.integer(integer, end)}")
        self.indent -= 1
        return name

    def integer(self, layout: FormatField, end: str) -> str:
        name = self.value(layout, end)
        self.close_run(end)
        return name


class _Encode(_Source):
    """Emits an encoder: lengths first, then one pack for each run of integers, then a join."""

    def __init__(self) -> None:
        super().__init__({"BAD_VALUES": BAD_VALUES, "CodecError": CodecError, "over": _over})
        self.indent = 2
        self.fixed = 0
        self.lengths: list[str] = []
        self.parts: list[str] = []

    def close_run(self) -> None:
        if self.run:
            pack, size = self.layout("pack")
            self.parts.append(f"{pack}({', '.join(str(value) for _, value in self.run)})")
            self.fixed += size
            self.run = []

    def finish(self, name: str, arguments: str) -> Any:
        self.close_run()
        self.emit(f"size = {' + '.join([str(self.fixed), *self.lengths])}")
        joined = f"b''.join(({', '.join(self.parts)},))"
        self.emit(f"return {self.parts[0] if len(self.parts) == 1 else joined}")
        self.lines.insert(0, "    try:")
        self.lines.append("    except BAD_VALUES as exc:")
        self.lines.append("        raise CodecError('frame.value-range', f'{m!r:.500}: {exc}')")
        return self.compile(name, arguments)

    def record(self, record: Record, value: str) -> None:
        for sub in record.subcons:
            if sub.name is not None:
                self.value(sub.subcon, f"{value}.{sub.name}")

    def value(self, layout: Construct, value: str) -> None:
        match layout:
            case FormatField():
                self.run.append((layout.fmtstr[-1], value))
            case Record():
                name = self.fresh()
                self.emit(f"{name} = {value}")
                self.record(layout, name)
            case Bounded():
                self.array(layout, value)
            case Outer():
                self.counted(Int16ul, f"{self.inner(layout.subcon)}({value})")
            case Select():
                self.value(layout.subcons[0], value)
            case Prefixed() if isinstance(layout.subcon, Record):
                self.counted(layout.lengthfield, f"{self.inner(layout.subcon)}({value})")
            case Prefixed():
                self.counted(layout.lengthfield, value)
            case _:
                msg = f"no way to compile {layout!r}"
                raise TypeError(msg)

    def counted(self, lengthfield: FormatField, value: str) -> None:
        content, length = self.fresh(), self.fresh()
        self.emit(f"{content} = {value}")
        self.emit(f"{length} = len({content})")
        self.run.append((lengthfield.fmtstr[-1], length))
        self.close_run()
        self.lengths.append(length)
        self.parts.append(content)

    def array(self, layout: Bounded, value: str) -> None:
        items, content = self.fresh(), self.fresh()
        self.emit(f"{items} = {value}")
        self.emit(f"if len({items}) > {layout.limit}: raise over(len({items}), {layout.limit})")
        self.emit(f"{content} = b''.join([{self.inner(layout.item)}(x) for x in {items}])")
        self.run.append(("H", f"len({items})"))
        self.close_run()
        self.lengths.append(f"len({content})")
        self.parts.append(content)

    def inner(self, layout: Construct) -> str:
        """Compile the encoder of a part whose length must be known first; return its name."""
        name = f"pack_{self.fresh()}"
        self.names[name] = packer(layout)
        return name
