"""Changes of a stable memory told by the memory inside it that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapshot.insight.diff import MemoryDiff
    from snapshot.insight.stable import Part, StableLayout


@dataclass(frozen=True, slots=True)
class PartChange:
    """One inner memory and how much of it changed. part: None for headers and free space."""

    part: Part | None
    bytes_in_changed_pages: int
    changes: int


def changes_by_part(found: MemoryDiff, layout: StableLayout) -> tuple[PartChange, ...]:
    """Sort a difference's pages and changes by the parts of a layout; untouched ones are left out.

    layout: of the state after, or of the one before (``recognise``).
    """
    rows = [_counted(found, part.pieces, part) for part in layout.parts]
    pages = sum(length for _, length in found.pages) - sum(
        row.bytes_in_changed_pages for row in rows
    )
    changes = len(found.changes) - sum(row.changes for row in rows)
    rows.append(PartChange(None, pages, changes))
    return tuple(row for row in rows if row.bytes_in_changed_pages or row.changes)


def part_names(row: PartChange) -> tuple[str, str]:
    """Return how people call a part, and the structure in it."""
    if row.part is None:
        return "outside", "headers and free space"
    return f"memory {row.part.number}", row.part.structure


def _counted(found: MemoryDiff, pieces: tuple[tuple[int, int], ...], part: Part) -> PartChange:
    pages = changes = 0
    for start, length in pieces:
        end = start + length
        pages += sum(
            max(0, min(end, offset + size) - max(start, offset)) for offset, size in found.pages
        )
        changes += sum(start <= change.offset < end for change in found.changes)
    return PartChange(part, pages, changes)
