"""A region that works anywhere: the content is copied out and in, changes found by comparing.

Costs follow the size of the memory (or of the window). It is the fallback where the kernel
offers nothing better, and the oracle that ``CopyOnWriteRegion`` is tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.memory.region import PreparedCommit, Region
from sandbox.memory.runs import OS_PAGE, joined, page_window
from sandbox.memory.sparse_image import CHUNK, SparseImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.memory.runs import Run, Window
    from sandbox.memory.undo import Mark
    from sandbox.memory.view import View


class CopyingRegion(Region):
    """The portable ``Region``. Tell it windows: it reads every byte it is not told about."""

    def __init__(self, image: SparseImage, size_bytes: int) -> None:
        super().__init__(image, size_bytes)
        self._chunks = image

    def _show(self, view: View, *, fresh: bool) -> None:
        end = self.size_bytes
        wrong = self._chunks.extents(0, end) if fresh else self._differences(view, 0, end)
        self._copy_in(view, wrong)

    def _dirty(self, view: View, reach: int, window: Window | None) -> list[Run]:
        return list(joined(self._differences(view, *page_window(window, reach))))

    def _settle(self, view: View, prepared: PreparedCommit) -> None:
        """Nothing to do: the view holds what was stored."""

    def _restore(self, view: View, reach: int, window: Window | None) -> None:
        self._copy_in(view, self._dirty(view, reach, window))

    def _refresh(self, view: View, runs: Iterable[Run]) -> None:
        self._copy_in(view, runs)

    def _fork(self, at: Mark | None) -> CopyingRegion:
        image = SparseImage()
        return CopyingRegion(image, self._content.copy_to(image, at))

    def _differences(self, view: View, low: int, high: int) -> Iterator[Run]:
        """Yield the OS pages in ``[low, high)`` that differ, comparing whole chunks first."""
        memory = view.reaching(high).memory
        for start in range(low // CHUNK * CHUNK, high, CHUNK):
            first, last = max(low, start), min(high, start + CHUNK)
            seen = memory[first:last].tobytes()
            kept = self._chunks.chunk(start // CHUNK)
            if last - first < CHUNK:
                kept = kept[first - start : last - start]
            if seen == kept:
                continue
            for at in range(0, last - first, OS_PAGE):
                if seen[at : at + OS_PAGE] != kept[at : at + OS_PAGE]:
                    yield first + at, OS_PAGE

    def _copy_in(self, view: View, runs: Iterable[Run]) -> None:
        for offset, length in runs:
            memory = view.reaching(offset + length).memory
            for start in range(offset, offset + length, CHUNK):
                end = min(start + CHUNK, offset + length)
                memory[start:end] = self._chunks.read(start, end - start)
