"""Runs: byte ranges ``(offset_bytes, length_bytes)``, and what is computed with them.

A list of runs is ascending and does not overlap. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.memory.errors import RegionMisused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Run: TypeAlias = tuple[int, int]
"""(offset_bytes, length_bytes)"""
Window: TypeAlias = tuple[int, int]
"""(first byte, first byte after it)"""

OS_PAGE: Final = mmap.PAGESIZE
WASM_PAGE: Final = 65_536


def checked_size(size_bytes: int) -> int:
    """Return the size if a Wasm memory can have it.

    Raises: RegionMisused.
    """
    if size_bytes < 0 or size_bytes % WASM_PAGE:
        raise RegionMisused(f"a memory is a multiple of {WASM_PAGE} bytes long, not {size_bytes}")
    return size_bytes


def pages_of(offset: int, length: int) -> range:
    """Return the numbers of the OS pages a byte range touches."""
    return range(offset // OS_PAGE, -(-(offset + length) // OS_PAGE))


def runs_of(pages: Iterable[int]) -> list[Run]:
    """Return the runs that cover these OS pages (any order, no repeats)."""
    return list(joined((page * OS_PAGE, OS_PAGE) for page in sorted(pages)))


def joined(runs: Iterable[Run], gap_bytes: int = 0) -> Iterator[Run]:
    """Yield the runs with neighbours made one.

    runs: ascending by offset; they may overlap.
    gap_bytes: neighbours at most this far apart are joined too.
    """
    start = end = -1
    for offset, length in runs:
        if start >= 0 and offset <= end + gap_bytes:
            end = max(end, offset + length)
            continue
        if start >= 0:
            yield start, end - start
        start, end = offset, offset + length
    if start >= 0:
        yield start, end - start


def zero_runs(offset: int, data: bytes) -> list[Run]:
    """Return the OS pages of some data that hold only zeros, as runs.

    offset: where the data stands; a multiple of the OS page, as is its length.
    """
    if data.count(0) != len(data):
        zero = bytes(OS_PAGE)
        starts = range(0, len(data), OS_PAGE)
        zeros = (at for at in starts if data[at : at + OS_PAGE] == zero)
        return list(joined((offset + at, OS_PAGE) for at in zeros))
    return [(offset, len(data))]


def clipped(runs: Iterable[Run], end: int) -> Iterator[Run]:
    """Yield what of the runs lies before ``end``."""
    for offset, length in runs:
        if offset < end:
            yield offset, min(length, end - offset)


def page_window(window: Window | None, end: int) -> Window:
    """Return the window widened to OS pages and kept within ``[0, end)``.

    end: a multiple of the OS page.
    """
    if window is None:
        return 0, end
    first, last = window
    return max(0, first) // OS_PAGE * OS_PAGE, min(-(-last // OS_PAGE) * OS_PAGE, end)
