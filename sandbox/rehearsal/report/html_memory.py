"""What changed in the memories, drawn; and how stable memory is laid out, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.rehearsal.report.figures import size
from sandbox.rehearsal.report.html_markup import table, text

if TYPE_CHECKING:
    from sandbox.rehearsal.layout import Layout
    from sandbox.rehearsal.rehearsal import Picture, Rehearsal
    from snapshot.insight import Part

_COLUMNS: Final = 64
_CELL: Final = 10


def memories(outcome: Rehearsal) -> str:
    """Draw what changed in the memories, and how stable memory is laid out."""
    drawn = "".join(_picture(item) for item in outcome.pictures if item.cells)
    parts = [drawn]
    if outcome.layouts and any(layout.kind for layout in outcome.layouts):
        parts.append(_layouts(outcome.layouts))
    return "".join(parts)


def _picture(picture: Picture) -> str:
    rows = -(-len(picture.cells) // _COLUMNS)
    columns = min(_COLUMNS, len(picture.cells))
    cells = []
    for at, cell in enumerate(picture.cells):
        row, column = divmod(at, _COLUMNS)
        level = "" if cell.level is None else f' class="l{cell.level}"'
        where = f"{cell.offset:#x} to {cell.offset + cell.length:#x}: {cell.changed:.0%} changed"
        cells.append(
            f'<rect x="{column * _CELL}" y="{row * _CELL}" width="{_CELL - 1}" '
            f'height="{_CELL - 1}" rx="1.5"{level}><title>{where}</title></rect>'
        )
    # A small memory must not become a wall of giant cells.
    width = f"max-width:{max(columns, 16) * 14}px"
    return (
        f'<div class="card"><h3>{text(picture.name).capitalize()}</h3><p class="soft">'
        f"{size(picture.size_before)} before, {size(picture.size_after)} after; "
        f"{picture.pages_changed:,} OS pages changed; one cell is {size(picture.cells[0].length)}"
        f'</p><svg class="map" style="{width}" viewBox="0 0 {columns * _CELL} {rows * _CELL}" '
        f'role="img" aria-label="changed pages">{"".join(cells)}</svg>{_key()}</div>'
    )


def _key() -> str:
    names = (("empty", "zero"), ("0", "in use"), ("1", "some changed"), ("4", "all changed"))
    items = "".join(
        f'<span><i style="background:var(--c{"-" * (name == "empty")}{name})"></i>{label}</span>'
        for name, label in names
    )
    return f'<div class="key">{items}</div>'


def _layouts(layouts: tuple[Layout, ...]) -> str:
    before, after = layouts[0], layouts[-1]
    old = {part.number: part for part in before.parts}
    new = {part.number: part for part in after.parts}
    rows = [
        ("organised as", before.kind or "unknown", after.kind or "unknown"),
        *(
            (f"memory {number}", _part(old.get(number)), _part(new.get(number)))
            for number in sorted({*old, *new})
        ),
    ]
    head = ("stable memory map", "before", "after")
    return f'<div class="card">{table(head, rows)}</div>'


def _part(part: Part | None) -> str:
    if part is None:
        return "none"
    return f"{part.structure or 'unknown'}, {size(part.size_bytes)}"
