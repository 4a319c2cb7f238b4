"""Committed bytes as plain Python objects: a dictionary of 64 KiB chunks.

A chunk that is absent is zero, so untouched memory costs nothing. ``reserve`` creates
the missing chunks as zeros (content unchanged); ``store`` then only copies in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.memory.errors import RegionRefused
from sandbox.memory.image import zeros_in
from sandbox.memory.runs import WASM_PAGE, Run, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox.memory.image import Piece

# The Wasm page: coarse enough that comparing a memory is bound by memcmp, not by Python.
CHUNK: Final = WASM_PAGE
ZERO_CHUNK: Final = bytes(CHUNK)


class SparseImage:
    """The ``Image`` that works on every platform."""

    def __init__(self) -> None:
        self._chunks: dict[int, bytearray] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Return a range; zeros where nothing was stored."""
        return b"".join(
            self.chunk(number)[first:last] for number, first, last in _parts(offset, length)
        )

    def chunk(self, number: int) -> bytearray | bytes:
        """Return chunk ``number`` itself; not to be changed, not to be kept."""
        return self._chunks.get(number, ZERO_CHUNK)

    def reserve(self, pieces: Iterable[Piece], size_bytes: int) -> None:  # noqa: ARG002
        """Create the chunks these pieces touch."""
        try:
            for offset, data in pieces:
                for number, _, _ in _parts(offset, len(data)):
                    if number not in self._chunks:
                        self._chunks[number] = bytearray(CHUNK)
        except MemoryError as refusal:
            raise RegionRefused("out of memory for the committed content") from refusal

    def store(self, pieces: Iterable[Piece], holes: Sequence[Run] = ()) -> None:
        """Copy the pieces into place; drop chunks that holes leave all zero."""
        for offset, data in pieces:
            source, taken = memoryview(data), 0
            for number, first, last in _parts(offset, len(source)):
                target = memoryview(self._chunks[number])
                target[first:last] = source[taken : taken + last - first]
                taken += last - first
        for offset, length in holes:
            self._clear(offset, length)

    def _clear(self, offset: int, length: int) -> None:
        for number, first, last in _parts(offset, length):
            chunk = self._chunks.get(number)
            if chunk is None:
                continue
            chunk[first:last] = bytes(last - first)
            if chunk == ZERO_CHUNK:
                del self._chunks[number]

    def extents(self, start: int, end: int) -> Iterator[Run]:
        """Yield the ranges covered by chunks."""
        numbers = sorted(self._chunks)
        for offset, length in joined((number * CHUNK, CHUNK) for number in numbers):
            first, last = max(offset, start), min(offset + length, end)
            if first < last:
                yield first, last - first

    def give_back_zeros(self, end: int) -> None:
        """Drop the chunks that hold only zeros."""
        self.store((), zeros_in(self, end))

    @property
    def allocated_bytes(self) -> int:
        """Memory held by the chunks."""
        return CHUNK * len(self._chunks)

    def close(self) -> None:
        """Drop the chunks."""
        self._chunks = {}


def _parts(offset: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Split a range at chunk borders: (chunk number, first, last byte + 1 inside it)."""
    end = offset + length
    while offset < end:
        number, first = divmod(offset, CHUNK)
        last = min(CHUNK, first + end - offset)
        yield number, first, last
        offset += last - first
