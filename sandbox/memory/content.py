"""The committed content of one memory: an image, its size, and the way back to every mark.

The only module that changes an image. Invariants:
1. Bytes at and past ``size_bytes`` are zero, in the image and at every mark.
2. Before a page changes, its pre-image is in the newest mark's delta (if there is a mark).
   Saved in vain, it is still true, so a change that is given up needs no clean-up.
3. A change is: save pre-images, reserve, store. Only ``store`` alters bytes, and it runs
   under the guard: a change happens whole, or not at all, or poisons the region.
4. ``size_bytes`` and the chain are updated after the bytes, under the same guard.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Final

from sandbox.memory.errors import RegionMisused
from sandbox.memory.runs import (
    OS_PAGE,
    checked_size,
    clipped,
    joined,
    pages_of,
    runs_of,
)
from sandbox.memory.undo import ZERO_PAGE, Mark, UndoChain, split_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.memory.guard import Guard
    from sandbox.memory.image import Image, Piece
    from sandbox.memory.runs import Run

_COPY_BYTES: Final = 1 << 20  # copied at once: large enough to hide the calls, small in memory


class Content:
    """Committed bytes with undo; knows nothing of views."""

    def __init__(self, image: Image, size_bytes: int, guard: Guard) -> None:
        self._image = image
        self._guard = guard
        self._undo = UndoChain()
        self.size_bytes = checked_size(size_bytes)

    def read(self, offset: int, length: int, at: Mark | None) -> bytes:
        """Return a range of the content, now or at a mark."""
        self._check_range(offset, length, self._size_at(at))
        data = self._image.read(offset, length)
        saved = self._undo.pages_at(at, pages_of(offset, length)) if at else {}
        return _overlaid(data, offset, saved) if saved else data

    def extents(self, at: Mark | None) -> Iterator[Run]:
        """Yield the ascending ranges that may not be zero."""
        size = self._size_at(at)
        stored = self._image.extents(0, size)
        if at is None:
            return stored
        saved = self._undo.changed_since(at)
        other = runs_of(page for page, image in saved.items() if image is not ZERO_PAGE)
        return clipped(joined(merge(stored, other)), size)

    def changed_since(self, mark: Mark) -> Iterator[Run]:
        """Yield the runs of today's content that may differ from the mark's."""
        return clipped(runs_of(self._undo.changed_since(mark)), self.size_bytes)

    def changed_between(self, older: Mark, newer: Mark) -> list[Run]:
        """Return the runs whose content may differ between two marks, in either order."""
        return runs_of(self._undo.changed_between(older, newer))

    def mark(self) -> Mark:
        """Add a mark for the content as it is."""
        return self._undo.add(self.size_bytes)

    def kept_bytes(self, mark: Mark) -> int:
        """Return the size of the pre-images between this mark and the next."""
        return self._undo.kept_bytes(mark)

    def release(self, mark: Mark) -> None:
        """Forget a mark and what only it needed."""
        self._undo.remove(mark)

    def prepare(self, pieces: Sequence[Piece], size_bytes: int) -> None:
        """Do everything that may fail before these pieces are stored (invariant 3)."""
        self._save_pre_images([(offset, len(data)) for offset, data in pieces])
        self._image.reserve(pieces, size_bytes)

    def store(self, pieces: Sequence[Piece], size_bytes: int) -> None:
        """Change the content. Requires: prepared, and the caller holds the guard."""
        self._image.store(pieces)
        self.size_bytes = size_bytes

    def write(self, offset: int, data: bytes) -> None:
        """Patch a range inside the current size."""
        self._check_range(offset, len(data), self.size_bytes)
        pieces = [(offset, data)] if data else []
        self.prepare(pieces, self.size_bytes)
        with self._guard:
            self.store(pieces, self.size_bytes)

    def resize(self, size_bytes: int) -> list[Run]:
        """Set the size and return the runs that became zero by it."""
        checked_size(size_bytes)
        dropped = list(self._image.extents(size_bytes, self.size_bytes))
        self._save_pre_images(dropped)
        with self._guard:
            self._image.store((), holes=dropped)
            self.size_bytes = size_bytes
        return dropped

    def rewind(self, mark: Mark) -> list[Run]:
        """Make content and size those of the mark; return the runs that may have changed."""
        target = self._undo.changed_since(mark)
        newest, unchanged = self._undo.still_needed(mark)
        newest.update(self._pages(runs_of(unchanged)))
        pieces, holes = _as_writes(target)
        self._image.reserve(pieces, mark.size_bytes)
        with self._guard:
            self._image.store(pieces, holes)
            self._undo.replace_newest(newest)
            self.size_bytes = mark.size_bytes
        return runs_of(target)

    def copy_to(self, image: Image, at: Mark | None) -> int:
        """Store the content in an empty image, holes staying holes; return its size."""
        size = self._size_at(at)
        for offset, length in self.extents(at):
            for start in range(offset, offset + length, _COPY_BYTES):
                part = min(_COPY_BYTES, offset + length - start)
                pieces = [(start, self.read(start, part, at))]
                image.reserve(pieces, size)
                image.store(pieces)
        return size

    def adapt(self, image: Image, at: Mark | None) -> int:
        """Make an image that holds today's content hold a mark's; return its size."""
        size = self._size_at(at)
        if at is not None:
            pieces, holes = _as_writes(self._undo.changed_since(at))
            image.reserve(pieces, size)
            image.store(pieces, holes)
        return size

    def replace_image(self, image: Image) -> None:
        """Go on with another image. Requires: it holds the same."""
        self._image = image

    def give_back_zeros(self) -> None:
        """Free the pages of the image that hold only zeros; the content is the same after."""
        self._image.give_back_zeros(self.size_bytes)

    @property
    def image_bytes(self) -> int:
        """Memory held by the image alone."""
        return self._image.allocated_bytes

    @property
    def allocated_bytes(self) -> int:
        """Memory held by the image and by pre-images."""
        return self._image.allocated_bytes + self._undo.saved_bytes

    def _size_at(self, at: Mark | None) -> int:
        if at is None:
            return self.size_bytes
        self._undo.position(at)
        return at.size_bytes

    def _check_range(self, offset: int, length: int, size_bytes: int) -> None:
        if offset < 0 or length < 0 or offset + length > size_bytes:
            raise RegionMisused(
                f"bytes {offset} to {offset + length} are not inside a memory of {size_bytes} bytes"
            )

    def _save_pre_images(self, runs: Sequence[Run]) -> None:
        pages = self._undo.unsaved(runs)
        if pages:
            self._undo.save(self._pages(runs_of(pages)))

    def _pages(self, runs: Sequence[Run]) -> dict[int, bytes]:
        return split_pages((offset, self._image.read(offset, length)) for offset, length in runs)


def _overlaid(data: bytes, offset: int, pages: Mapping[int, bytes]) -> bytes:
    """Return data, which stands at ``offset``, with these OS pages put over it."""
    result = bytearray(data)
    end = offset + len(data)
    for page, image in pages.items():
        start = page * OS_PAGE
        first, last = max(start, offset), min(start + OS_PAGE, end)
        result[first - offset : last - offset] = image[first - start : last - start]
    return bytes(result)


def _as_writes(pages: Mapping[int, bytes]) -> tuple[list[Piece], list[Run]]:
    """Return the same as pieces of adjoining pages, and holes for the pages of zeros."""
    holes = runs_of(page for page, image in pages.items() if image is ZERO_PAGE)
    filled = runs_of(page for page, image in pages.items() if image is not ZERO_PAGE)
    pieces: list[Piece] = [
        (offset, b"".join(pages[page] for page in pages_of(offset, length)))
        for offset, length in filled
    ]
    return pieces, holes
