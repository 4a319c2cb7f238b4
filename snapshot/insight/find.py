"""Searching memories: bytes, text, principals and integers, wherever they are not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError
from sandbox.principal import Principal
from snapshot.insight.memories import filled, read_padded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.canister import Held
    from snapshot.content import Content

_CONTEXT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Hit:
    """One place. memory: ``heap`` or ``stable memory``. context: some bytes from before it on."""

    memory: str
    offset: int
    context: bytes
    context_offset: int


def needle(
    *,
    raw: bytes | None = None,
    text: str | None = None,
    principal: Principal | str | None = None,
    integer: int | None = None,
    width_bits: int = 64,
) -> bytes:
    """Return the bytes to look for: exactly one of the first four is given.

    integer: little-endian in ``width_bits``; negative ones in two's complement.
    Raises: UsageError.
    """
    given = [item for item in (raw, text, principal, integer) if item is not None]
    if len(given) != 1:
        raise UsageError("say one thing to look for: bytes, text, a principal or an integer")
    if integer is not None:
        return _integer(integer, width_bits)
    if text is not None:
        try:
            return _not_empty(text.encode())
        except UnicodeEncodeError as error:
            raise UsageError(f"{text!r} cannot be written as UTF-8; give its bytes") from error
    if principal is not None:
        try:
            return _not_empty(bytes(Principal(principal)))
        except ValueError as error:
            raise UsageError(str(error)) from error
    assert raw is not None
    return _not_empty(raw)


def find(content: Content, wanted: bytes, *, alignment: int = 1) -> Iterator[Hit]:
    """Yield where the bytes stand, the heap first, ascending; overlapping ones too.

    alignment: only offsets that are multiples of it.
    """
    for name, memory in (("heap", content.heap), ("stable memory", content.stable)):
        for offset in find_in(memory, wanted):
            if offset % alignment == 0:
                start = max(0, offset - _CONTEXT_BYTES)
                length = offset - start + len(wanted) + _CONTEXT_BYTES
                yield Hit(name, offset, read_padded(memory, start, length), start)


def find_in(memory: Held, wanted: bytes) -> Iterator[int]:
    """Yield the offsets of some bytes in a memory.

    Requires: they are not all zero; zeros are everywhere.
    """
    if not any(wanted):
        raise UsageError("zeros are everywhere: there must be a byte that is not zero")
    around, last = len(wanted) - 1, -1
    for offset, data in filled(memory):
        # What stands at the edge of this piece may begin before it and end behind it.
        start = max(0, offset - around)
        end = min(memory.mark.size_bytes, offset + len(data) + around)
        for hit in _hits(read_padded(memory, start, end - start), start, wanted):
            if hit > last:
                yield hit
                last = hit


def _hits(data: bytes, offset: int, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield offset + at
        at = data.find(wanted, at + 1)


def _integer(value: int, width_bits: int) -> bytes:
    if width_bits not in (8, 16, 32, 64, 128):
        raise UsageError(f"an integer has 8, 16, 32, 64 or 128 bits, not {width_bits}")
    if not -(1 << (width_bits - 1)) <= value < 1 << width_bits:
        raise UsageError(f"{value} does not fit {width_bits} bits")
    return (value % (1 << width_bits)).to_bytes(width_bits // 8, "little")


def _not_empty(wanted: bytes) -> bytes:
    if not wanted:
        raise UsageError("there is nothing to look for")
    return wanted
