"""Writing the few pieces of the binary format that the rewriting adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.wasm.module import ExternKind, MemoryType, SectionId

if TYPE_CHECKING:
    from collections.abc import Sequence


def encode_u(value: int) -> bytes:
    """Return a number as unsigned LEB128."""
    assert value >= 0
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_i(value: int) -> bytes:
    """Return a number as signed LEB128."""
    encoded = bytearray()
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)


def encode_name(name: str) -> bytes:
    """Return a string with its length in front."""
    raw = name.encode()
    return encode_u(len(raw)) + raw


def encode_section(section_id: SectionId, entries: Sequence[bytes], count: int) -> bytes:
    """Return a section that is a vector of ``count`` entries.

    entries: the encoded entries; one item may hold several.
    """
    content = encode_u(count) + b"".join(entries)
    return bytes((section_id,)) + encode_u(len(content)) + content


def encode_memory_import(module: str, name: str, memory: MemoryType) -> bytes:
    """Return the import entry of a private memory of ordinary pages."""
    assert not memory.is_shared
    limits = memory.limits
    flags = (limits.maximum is not None) | memory.is_64 << 2
    entry = encode_name(module) + encode_name(name) + bytes((ExternKind.MEMORY, flags))
    entry += encode_u(limits.minimum)
    return entry if limits.maximum is None else entry + encode_u(limits.maximum)


def encode_export(name: str, kind: ExternKind, index: int) -> bytes:
    """Return an export entry."""
    return encode_name(name) + bytes((kind,)) + encode_u(index)
