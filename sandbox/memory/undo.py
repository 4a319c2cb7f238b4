"""Marks and the pre-images that lead back to them; pure bookkeeping, no memory is touched.

Rules, for marks m0 < m1 < … < mn of one region, each owning a *delta*
(OS page number -> that page's content at the mark):

1. delta_i holds the pages first changed between m_i and m_(i+1), for the newest mark
   between m_n and now. It may hold more pages than changed, but what it holds is true.
2. The content of a page at m_i stands in the first delta_j, j >= i, that has the page;
   where none has it, it is the current content.
3. Content is thought of as zero-extended for ever, so growing and shrinking need no rule
   of their own: a mark remembers the size, and a grown page has a zero pre-image.
4. Pages of zeros are all the one object ``ZERO_PAGE``: a sparse memory costs no undo data.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from sandbox.memory.errors import MarkUnknown
from sandbox.memory.runs import OS_PAGE, Run, pages_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ZERO_PAGE: Final = bytes(OS_PAGE)


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A moment in the life of one region, to read from or to rewind to.

    size_bytes: how long the memory was.
    """

    serial: int
    size_bytes: int


class UndoChain:
    """The marks of one region, oldest first, each with its delta."""

    __slots__ = ("_deltas", "_marks", "_serial")

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._deltas: list[dict[int, bytes]] = []
        self._serial = 0

    def add(self, size_bytes: int) -> Mark:
        """Append a mark for now; costs the same for every memory."""
        self._serial += 1
        mark = Mark(self._serial, size_bytes)
        self._marks.append(mark)
        self._deltas.append({})
        return mark

    def remove(self, mark: Mark) -> None:
        """Forget a mark; what older marks need of its delta moves to its older neighbour.

        Costs the smaller of the two deltas.
        """
        at = self.position(mark)
        if at > 0:
            # Until the mark goes, both may be one and the same: that tells older marks no lie.
            self._deltas[at - 1] = _merged(self._deltas[at - 1], self._deltas[at])
        # On one line: an interrupt comes before or after, and what is repeated does no harm.
        del self._marks[at], self._deltas[at]

    def position(self, mark: Mark) -> int:
        """Return the mark's place in the chain.

        Raises: MarkUnknown.
        """
        at = bisect_left(self._marks, mark.serial, key=attrgetter("serial"))
        if at == len(self._marks) or self._marks[at] is not mark:
            raise MarkUnknown("this mark was released or belongs to another memory")
        return at

    def kept_bytes(self, mark: Mark) -> int:
        """Return what the mark's own delta holds, zero pages counted as any."""
        return OS_PAGE * len(self._deltas[self.position(mark)])

    def unsaved(self, runs: Iterable[Run]) -> list[int]:
        """Return the pages of these runs whose pre-image the newest mark still lacks."""
        if not self._deltas:
            return []
        newest = self._deltas[-1]
        return [page for run in runs for page in pages_of(*run) if page not in newest]

    def save(self, pre_images: Mapping[int, bytes]) -> None:
        """Give the newest mark the pre-images of pages that are about to change."""
        self._deltas[-1].update(pre_images)

    def pages_at(self, mark: Mark, pages: range) -> dict[int, bytes]:
        """Return those of the pages that have another content at the mark, with it."""
        found: dict[int, bytes] = {}
        for delta in reversed(self._deltas[self.position(mark) :]):
            common = pages if len(pages) < len(delta) else delta
            found.update({page: delta[page] for page in common if page in delta and page in pages})
        return found

    def changed_since(self, mark: Mark) -> dict[int, bytes]:
        """Return every page that may have changed since the mark, with its content there."""
        found: dict[int, bytes] = {}
        for delta in reversed(self._deltas[self.position(mark) :]):
            found.update(delta)
        return found

    def changed_between(self, older: Mark, newer: Mark) -> set[int]:
        """Return every page whose content may differ between two marks.

        By rule 2, a page that no delta from ``older`` up to ``newer`` has is the same at both.
        """
        first, last = sorted((self.position(older), self.position(newer)))
        return set().union(*self._deltas[first:last])

    def still_needed(self, mark: Mark) -> tuple[dict[int, bytes], set[int]]:
        """Say what the newest delta must hold once the content is that of ``mark``.

        Rule 2 for the marks after ``mark`` then still holds: pages that changed between
        ``mark`` and the newest mark, with their content at the newest, and no others.
        The result is the part already known, and the pages whose *current* content is it.
        """
        newest = self._deltas[-1]
        pages: set[int] = set().union(*self._deltas[self.position(mark) : -1])
        return {page: newest[page] for page in pages & newest.keys()}, pages - newest.keys()

    def replace_newest(self, delta: dict[int, bytes]) -> None:
        """Make this the newest mark's delta."""
        self._deltas[-1] = delta

    @property
    def saved_bytes(self) -> int:
        """Memory held by pre-images; walks all of them."""
        kept = (image for delta in self._deltas for image in delta.values())
        return OS_PAGE * sum(image is not ZERO_PAGE for image in kept)


def split_pages(runs: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """Return the OS pages of whole-page data, by page number; zero pages shared (rule 4)."""
    pages: dict[int, bytes] = {}
    for offset, data in runs:
        for at in range(0, len(data), OS_PAGE):
            page = data[at : at + OS_PAGE]
            pages[(offset + at) // OS_PAGE] = ZERO_PAGE if page == ZERO_PAGE else page
    return pages


def _merged(older: dict[int, bytes], newer: dict[int, bytes]) -> dict[int, bytes]:
    """Return both, the older one's pages winning, by copying from the smaller."""
    if len(newer) < len(older):
        for page, image in newer.items():
            older.setdefault(page, image)
        return older
    newer.update(older)
    return newer
