"""The committed bytes of one memory, as a region needs them kept.

Two implementations: ``FileImage`` (a memfd that views map) and ``SparseImage`` (plain
Python bytes, anywhere). An image has no length: it is zero wherever nothing was stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from sandbox.memory.runs import joined, zero_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox.memory.runs import Run

Piece: TypeAlias = tuple[int, bytes | memoryview]
"""(offset_bytes, what shall stand there)"""
_READ_BYTES: Final = 1 << 20  # at once: large enough to hide the calls, small in memory


class Image(Protocol):
    """Bytes that are changed in two steps: ``reserve`` may fail, ``store`` must not."""

    def read(self, offset: int, length: int) -> bytes:
        """Return a range; zeros where nothing was stored."""

    def reserve(self, pieces: Iterable[Piece], size_bytes: int) -> None:
        """Get everything ``store`` will need for these pieces; the content is unchanged.

        size_bytes: how long the memory will be.
        Raises: RegionRefused.
        """

    def store(self, pieces: Iterable[Piece], holes: Sequence[Run] = ()) -> None:
        """Write the pieces and make the holes zero.

        holes: whole OS pages; their memory is given back.
        Requires: the pieces were reserved.
        On failure: any part of it may have happened; the caller poisons the region.
        """

    def extents(self, start: int, end: int) -> Iterator[Run]:
        """Yield the ascending ranges within ``[start, end)`` that may not be zero."""

    def give_back_zeros(self, end: int) -> None:
        """Free what before ``end`` holds only zeros; the content is the same."""

    @property
    def allocated_bytes(self) -> int:
        """Physical memory held."""

    def close(self) -> None:
        """Give everything back; safe to repeat."""


def zeros_in(image: Image, end: int) -> tuple[Run, ...]:
    """Return the OS pages before ``end`` that an image has, though they hold only zeros."""
    holes: list[Run] = []
    for start, length in image.extents(0, end):
        for offset in range(start, start + length, _READ_BYTES):
            part = min(_READ_BYTES, start + length - offset)
            holes += zero_runs(offset, image.read(offset, part))
    return tuple(joined(holes))
