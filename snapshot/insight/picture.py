"""Pictures of an address space: which parts are filled, which changed.

A memory is cut into equal cells; a cell's shade is the share of its OS pages that changed.
``cells`` computes, ``svg`` and ``text`` draw; nothing here reads memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.memory import OS_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.memory import Run

_SHADES: Final = "·░▒▓█"
_EMPTY: Final = " "
# From "filled, unchanged" to "all of it changed"; readable in grey print too.
_COLOURS: Final = ("#d9dee5", "#fdd49e", "#fc8d59", "#e34a33", "#8c0d0d")
_ZERO_COLOUR: Final = "#f7f8fa"
# What the colours of a picture mean, for those who explain it.
LEGEND: Final = (
    (_ZERO_COLOUR, "zero"),
    (_COLOURS[0], "unchanged"),
    (_COLOURS[1], "up to ¼ of it changed"),
    (_COLOURS[2], "up to ½"),
    (_COLOURS[3], "up to ¾"),
    (_COLOURS[4], "more"),
)
_CELL: Final = 10
_MARGIN: Final = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a picture.

    filled, changed: shares of its pages, 0 to 1.
    """

    offset: int
    length: int
    filled: float
    changed: float

    @property
    def level(self) -> int | None:
        """None for zero, 0 for filled and unchanged, 1 to 4 for more and more changed."""
        if self.changed:
            return 1 + min(3, int(self.changed * 4))
        return 0 if self.filled else None


def cells(
    size_bytes: int, filled: Iterable[Run], changed: Iterable[Run], *, count: int = 1_024
) -> tuple[Cell, ...]:
    """Cut an address space into at most ``count`` cells of whole OS pages.

    filled, changed: ascending runs (``Region.extents``, ``MemoryDiff.pages``).
    """
    if not size_bytes:
        return ()
    pages = -(-size_bytes // OS_PAGE)
    length = -(-pages // count) * OS_PAGE
    total = -(-size_bytes // length)
    filled_bytes = _spread(filled, length, total)
    changed_bytes = _spread(changed, length, total)
    return tuple(
        Cell(
            at * length,
            min(length, size_bytes - at * length),
            filled_bytes[at] / length,
            changed_bytes[at] / length,
        )
        for at in range(total)
    )


def text(drawn: Sequence[Cell], *, columns: int = 64) -> str:
    """Draw for a terminal: blank is zero, a dot is unchanged, blocks are changed."""
    lines = []
    for start in range(0, len(drawn), columns):
        row = drawn[start : start + columns]
        shades = "".join(_EMPTY if cell.level is None else _SHADES[cell.level] for cell in row)
        lines.append(f"{row[0].offset:>14,} |{shades:<{columns}}|")
    return "\n".join(lines)


def svg(drawn: Sequence[Cell], *, title: str, columns: int = 64) -> str:
    """Draw as an SVG document; every cell tells its range when pointed at."""
    rows = -(-len(drawn) // columns)
    width, height = columns * _CELL, _MARGIN + rows * _CELL
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">'
        ),
        f"<title>{_escaped(title)}</title>",
        f'<text x="0" y="15" fill="#333">{_escaped(title)}</text>',
    ]
    lines += [_rectangle(at, cell, columns) for at, cell in enumerate(drawn)]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _rectangle(at: int, cell: Cell, columns: int) -> str:
    row, column = divmod(at, columns)
    colour = _ZERO_COLOUR if cell.level is None else _COLOURS[cell.level]
    end = cell.offset + cell.length
    label = f"{cell.offset:#x} to {end:#x}: {cell.changed:.0%} changed, {cell.filled:.0%} in use"
    return (
        f'<rect x="{column * _CELL}" y="{_MARGIN + row * _CELL}" width="{_CELL - 1}" '
        f'height="{_CELL - 1}" fill="{colour}"><title>{label}</title></rect>'
    )


def _spread(runs: Iterable[Run], length: int, total: int) -> list[int]:
    """Return how many bytes of the runs fall into each cell."""
    counts = [0] * total
    for offset, size in runs:
        first, last = offset // length, min(total, -(-(offset + size) // length))
        for at in range(first, last):
            start, end = at * length, (at + 1) * length
            counts[at] += min(end, offset + size) - max(start, offset)
    return counts


def _escaped(title: str) -> str:
    return title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
