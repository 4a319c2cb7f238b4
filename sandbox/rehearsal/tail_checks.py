"""Stage 3, stable memory: what a structure that became smaller leaves behind its end (L07).

Cells and vectors say in their header how far their data go. A correct program never reads
past that; who looks into the memory, or makes the structure larger without writing, does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.findings import Fact
from sandbox.rehearsal.layout import name_of
from sandbox.rehearsal.registry import findings_of
from snapshot.insight import recognise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.execution.capture import Held
    from sandbox.rehearsal.findings import Finding
    from snapshot.insight import Part

# Enough to know that there is something; all of it would be counted byte by byte.
_MOST_BYTES: Final = 1 << 18


def check_tails(before: Held, after: Held) -> list[Finding]:
    """Compare two stable memories behind the ends of their structures."""
    return findings_of("L07", _tails(before, after))


def _tails(before: Held, after: Held) -> Iterator[Fact]:
    old = {part.number: part for part in recognise(before).parts}
    for part in recognise(after).parts:
        was = old.get(part.number)
        if was is None or was.used_bytes is None or part.used_bytes is None:
            continue
        end = min(was.used_bytes, part.used_bytes + _MOST_BYTES)
        if name_of(was) != name_of(part) or end <= part.used_bytes:
            continue
        stale, fresh = (
            _read(memory, it, part.used_bytes, end) for memory, it in ((before, was), (after, part))
        )
        left = sum(a == b != 0 for a, b in zip(stale, fresh, strict=True))
        if left:
            more = " or more" * (end < was.used_bytes)
            said = f"{part.used_bytes:,} bytes, and {left:,}{more} of before behind them"
            yield Fact(
                f"memory id {part.number}: {name_of(part)}", f"{was.used_bytes:,} bytes", said
            )


def _read(memory: Held, part: Part, start: int, end: int) -> bytes:
    """Read a range of a part, which lies in pieces; zeros where it has none."""
    found, at = bytearray(), 0
    size = memory.mark.size_bytes
    for offset, length in part.pieces:
        first, last = max(start, at), min(end, at + length)
        if first < last:
            place = offset + first - at
            there = max(0, min(last - first, size - place))
            found += memory.region.read(place, there, at=memory.mark) if there else b""
            found += bytes(last - first - there)
        at += length
    return bytes(found) + bytes(end - start - len(found))
