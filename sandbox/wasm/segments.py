"""Reading element and data segments: where they go, not what they hold.

Element items are stepped over, since tables need no capture (``table.set`` and its kin are
refused); data bytes stay where they are and are known by their span.
"""

from __future__ import annotations

from sandbox.wasm.module import ConstExpr, DataSegment, ElementSegment
from sandbox.wasm.reader import Reader, malformed
from sandbox.wasm.types import read_const_expr, read_reference_type

# Bits of an element segment's flags; a data segment's 0, 1, 2 follow the first two.
_NOT_ACTIVE, _EXPLICIT, _EXPRESSIONS = 0x01, 0x02, 0x04
_MAX_ITEMS = 10_000_000  # wasmparser's limit on the size of a table, hence of a segment


def read_element_segment(reader: Reader) -> ElementSegment:
    """Read one element segment of any of the eight forms."""
    offset = reader.position
    flags = reader.u32()
    if flags > 7:
        raise malformed(f"invalid flags byte in element segment: {flags}", offset)
    table: int | None = None
    where: ConstExpr | None = None
    if not flags & _NOT_ACTIVE:
        table = reader.u32() if flags & _EXPLICIT else 0
        where = read_const_expr(reader)
    if flags & (_NOT_ACTIVE | _EXPLICIT):
        _read_element_kind(reader, has_expressions=bool(flags & _EXPRESSIONS))
    count = reader.count("element items", _MAX_ITEMS)
    read_item = read_const_expr if flags & _EXPRESSIONS else Reader.u32
    for _ in range(count):
        read_item(reader)
    if where is not None:
        return ElementSegment("active", table, where, count)
    return ElementSegment("declared" if flags & _EXPLICIT else "passive", None, None, count)


def read_data_segment(reader: Reader) -> DataSegment:
    """Read one data segment of any of the three forms."""
    offset = reader.position
    flags = reader.u32()
    if flags > 2:
        raise malformed(f"invalid flags byte in data segment: {flags}", offset)
    if flags & _NOT_ACTIVE:
        return DataSegment("passive", None, None, _read_span(reader))
    memory = reader.u32() if flags & _EXPLICIT else 0
    where = read_const_expr(reader)
    return DataSegment("active", memory, where, _read_span(reader))


def _read_element_kind(reader: Reader, *, has_expressions: bool) -> None:
    if has_expressions:
        read_reference_type(reader)
        return
    offset = reader.position
    if reader.byte() != 0:
        raise malformed("invalid element kind", offset)


def _read_span(reader: Reader) -> tuple[int, int]:
    size = reader.u32()
    start = reader.skip(size)
    return start, start + size
