"""A region: one memory of one canister, its committed content and the view of an instance.

``Region`` says what every memory can do and does what does not depend on how a view is
kept; ``CopyOnWriteRegion`` and ``CopyingRegion`` add how (the abstract methods at the end).

Invariants, besides those of ``Content``:
1. There is at most one view. Outside of a message, it shows the committed content.
2. ``prepare_commit`` does all that may fail and changes nothing; ``finish_commit`` then
   makes the content new. It is entirely old before and entirely new after; if the kernel
   fails in between (it should not: the pages are allocated), the region is poisoned.
3. A view that could not be made to show the content is dropped (``is_attached`` turns
   false); the content is untouched by that.
4. A forked child, a closed and a poisoned region refuse everything but ``close``,
   ``detach`` and ``size_bytes``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.memory.content import Content
from sandbox.memory.errors import MarkUnknown, RegionMisused
from sandbox.memory.guard import Guard
from sandbox.memory.runs import OS_PAGE, checked_size, clipped, pages_of, runs_of
from sandbox.memory.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from sandbox.memory.image import Image, Piece
    from sandbox.memory.runs import Run, Window
    from sandbox.memory.undo import Mark


@dataclass(frozen=True, slots=True, eq=False)
class PreparedCommit:
    """A commit that only has to be finished.

    view: it reaches as far as the memory has grown.
    dirty: runs the view changed, none past size_bytes.
    """

    size_bytes: int
    view: View
    dirty: list[Run]
    pieces: list[Piece]

    @property
    def dirty_pages(self) -> int:
        """OS pages that will be stored."""
        return sum(length for _, length in self.dirty) // OS_PAGE


class Region(ABC):
    """One canister memory (heap or stable memory). A context manager; ``close`` ends it.

    Not for two threads at once. In what follows, a *window* ``(low, high)`` is the caller's
    knowledge that only these bytes can have been written; a large memory under
    ``CopyingRegion`` needs it, ``CopyOnWriteRegion`` hardly. ``grown_to`` is how long the
    memory has become in the running message, when it has grown.
    """

    def __init__(self, image: Image, size_bytes: int) -> None:
        self._guard = Guard()
        self._image = image
        self._content = Content(image, size_bytes, self._guard)
        self._view: View | None = None
        self._leaving: deque[Mark] = deque()
        self._is_rewritten = False

    # --- the view --------------------------------------------------------------------

    def attach(
        self, address: int, capacity_bytes: int, *, fresh: bool = False, is_rewritten: bool = False
    ) -> None:
        """Make ``[address, address + capacity)`` show the committed content.

        capacity_bytes: a heap's current size; for stable memory all that was reserved.
        fresh: the memory reads zero everywhere (spares ``CopyingRegion`` reading it).
        is_rewritten: most messages write the same pages, as they do in a heap.
        Requires: readable and writable memory; what lies past ``size_bytes`` reads zero.
        On failure: the memory at the address may be gone, drop the instance.
        Raises: RegionMisused (attached already, too small), RegionRefused.
        """
        self._guard.check()
        if self._view is not None:
            raise RegionMisused("this canister memory already has a view")
        if capacity_bytes < self.size_bytes:
            raise RegionMisused(f"{self.size_bytes} bytes do not fit a view of {capacity_bytes}")
        view = View.at(address, checked_size(capacity_bytes))
        self._is_rewritten = is_rewritten
        self._show(view, fresh=fresh)
        self._view = view

    def detach(self) -> None:
        """Forget the view without touching it: its memory may be gone already."""
        self._view = None

    @property
    def is_attached(self) -> bool:
        """Say whether there is a view."""
        return self._view is not None

    # --- the two ends of a message ---------------------------------------------------

    def dirty_runs(
        self, *, window: Window | None = None, grown_to: int | None = None
    ) -> tuple[Run, ...]:
        """Return what the view may have changed since it last showed the content.

        Whole OS pages, ascending. Perhaps too many, never too few.
        """
        view = self._attached()
        reach = max(self.size_bytes, checked_size(grown_to or 0))
        return tuple(self._dirty(view, reach, window))

    def dirty_bytes(self, *, window: Window | None = None, grown_to: int | None = None) -> int:
        """Return the length of all dirty runs together."""
        return sum(length for _, length in self.dirty_runs(window=window, grown_to=grown_to))

    def commit(self, size_bytes: int, *, window: Window | None = None) -> int:
        """Make what the view shows the committed content; return the OS pages stored.

        size_bytes: the memory's size now, not less than before. A heap may have grown in
            place; its view then includes the new part.

        Raises: RegionMisused, RegionRefused (content and view as before: roll back),
            RegionPoisoned.
        """
        return self.finish_commit(self.prepare_commit(size_bytes, window=window))

    def prepare_commit(self, size_bytes: int, *, window: Window | None = None) -> PreparedCommit:
        """Do the part of ``commit`` that may fail; nothing changes yet.

        With several memories, prepare all of them before finishing the first.
        """
        view = self._attached()
        if checked_size(size_bytes) < self.size_bytes:
            raise RegionMisused(
                f"a memory of {self.size_bytes} bytes cannot be committed with {size_bytes}"
            )
        self._let_go()
        grown = view.reaching(size_bytes)
        dirty = self._changed(view, size_bytes, window)
        pieces: list[Piece] = [
            (offset, grown.memory[offset : offset + length]) for offset, length in dirty
        ]
        self._content.prepare(pieces, size_bytes)
        return PreparedCommit(size_bytes, grown, dirty, pieces)

    def finish_commit(self, prepared: PreparedCommit) -> int:
        """Do the rest of ``commit``; return the OS pages stored.

        Requires: neither region nor view was used since ``prepare_commit``.
        """
        view = self._attached()
        with self._guard:
            self._content.store(prepared.pieces, prepared.size_bytes)
            self._settle(view, prepared)
            self._view = prepared.view
        return prepared.dirty_pages

    def roll_back(self, *, window: Window | None = None, grown_to: int | None = None) -> None:
        """Make the view show the committed content again; a grown part reads zero again.

        Raises: RegionRefused; the view is then dropped.
        """
        view = self._attached()
        reach = max(self.size_bytes, checked_size(grown_to or 0))
        self._view = None
        self._restore(view, reach, window)
        self._view = view

    # --- the committed content -------------------------------------------------------

    @property
    def size_bytes(self) -> int:
        """The committed size, a multiple of 65,536."""
        return self._content.size_bytes

    def read(self, offset: int, length: int, *, at: Mark | None = None) -> bytes:
        """Return bytes of the committed content, or of the content at a mark.

        Raises: RegionMisused (outside the size), MarkUnknown.
        """
        self._guard.check()
        return self._content.read(offset, length, at)

    def extents(self, *, at: Mark | None = None) -> Iterator[Run]:
        """Yield the ascending ranges that may not be zero; cost follows those, not the size."""
        self._guard.check()
        return self._content.extents(at)

    def write(self, offset: int, data: bytes) -> None:
        """Patch the committed content inside its size.

        Requires: no message is running (the view has no uncommitted change).
        Raises: RegionMisused, RegionRefused (nothing changed), RegionPoisoned.
        """
        self._guard.check()
        self._content.write(offset, data)
        self._show_changes(runs_of(pages_of(offset, len(data))))

    def resize(self, size_bytes: int) -> None:
        """Set the committed size; dropped bytes read zero when the memory grows again.

        A view that is too small for the new size is dropped (attach again).
        Requires, Raises: as ``write``.
        """
        self._guard.check()
        self._show_changes(self._content.resize(size_bytes))

    # --- marks -----------------------------------------------------------------------

    def mark(self) -> Mark:
        """Remember the committed content; costs the same for every size."""
        self._guard.check()
        self._let_go()
        return self._content.mark()

    def release(self, mark: Mark) -> None:
        """Forget a mark; the others are unaffected.

        Raises: MarkUnknown.
        """
        self._guard.check()
        self._content.release(mark)

    def release_later(self, mark: Mark) -> None:
        """Release a mark at the next safe moment (a mark, a commit, a measurement).

        For finalisers: they may run anywhere, even inside a change of this very region.
        """
        self._leaving.append(mark)

    def rewind(self, mark: Mark) -> None:
        """Make content and size exactly those of the mark; costs the pages changed since.

        This mark, and all others, older and newer, stay valid. A view that is too small
        is dropped (attach again).
        Requires, Raises: as ``write``; MarkUnknown.
        """
        self._guard.check()
        self._show_changes(self._content.rewind(mark))

    def kept_bytes(self, mark: Mark) -> int:
        """Return how much is kept to lead from the mark after this one, or now, back to it."""
        return self._content.kept_bytes(mark)

    def changed_since(self, mark: Mark) -> Iterator[Run]:
        """Yield the runs of the committed content that may differ from the mark's.

        Where one is longer than the other, zeros stand for the rest; runs past today's
        size are left out (compare ``size_bytes`` and ``mark.size_bytes``).
        """
        self._guard.check()
        return self._content.changed_since(mark)

    def changed_between(self, one: Mark, other: Mark) -> list[Run]:
        """Return the runs of OS pages whose content may differ between two marks.

        Perhaps too many, never too few; runs may lie past the smaller size, where the shorter
        content counts as zeros.
        """
        self._guard.check()
        return self._content.changed_between(one, other)

    # --- the whole -------------------------------------------------------------------

    def fork(self, *, at: Mark | None = None) -> Self:
        """Return an independent region of the same kind with this content; holes stay holes."""
        self._guard.check()
        return self._fork(at)

    @property
    def allocated_bytes(self) -> int:
        """Physical memory held by content and undo data (not by the view)."""
        self._guard.check()
        self._let_go()
        return self._content.allocated_bytes

    @property
    def image_bytes(self) -> int:
        """Physical memory held by the committed content alone; asked for with every message."""
        return self._content.image_bytes

    def give_back_zeros(self) -> None:
        """Free pages that hold only zeros: reading a hole through a view makes such pages.

        Reads all of the content that is not a hole.
        """
        self._guard.check()
        self._content.give_back_zeros()

    def _let_go(self) -> None:
        # An interrupt may come before any line: what is released twice is gone all the same.
        while self._leaving:
            with suppress(MarkUnknown):
                self._content.release(self._leaving[0])
            self._leaving.popleft()

    def close(self) -> None:
        """Give the memory back; safe to repeat, also in a forked child."""
        self._guard.close()
        self._view = None
        self._image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _fault: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.close()

    # --- how a view is kept ----------------------------------------------------------

    @abstractmethod
    def _show(self, view: View, *, fresh: bool) -> None:
        """Make the view show the content; before, it held anything."""

    @abstractmethod
    def _dirty(self, view: View, reach: int, window: Window | None) -> list[Run]:
        """Return the runs of OS pages in ``[0, reach)`` that may differ from the content.

        reach: it may be past the view, where the memory grew in place.
        """

    def _changed(self, view: View, reach: int, window: Window | None) -> list[Run]:
        """Return what a commit has to store: of the dirty runs, all that may differ."""
        return self._dirty(view, reach, window)

    @abstractmethod
    def _settle(self, view: View, prepared: PreparedCommit) -> None:
        """Let ``prepared.view`` show the content that was just stored from it."""

    @abstractmethod
    def _restore(self, view: View, reach: int, window: Window | None) -> None:
        """Make ``[0, reach)`` show the content again; zeros, where the memory grew."""

    @abstractmethod
    def _refresh(self, view: View, runs: Sequence[Run]) -> None:
        """Let the view show the content that just changed in these runs of OS pages."""

    @abstractmethod
    def _fork(self, at: Mark | None) -> Self:
        """Return a region of this kind with a copy of the content."""

    def _attached(self) -> View:
        self._guard.check()
        if self._view is None:
            raise RegionMisused("this canister memory has no view")
        return self._view

    def _show_changes(self, runs: Sequence[Run]) -> None:
        view, self._view = self._view, None  # dropped, should it fail (invariant 3)
        if view is not None and self.size_bytes <= view.capacity_bytes:
            self._refresh(view, list(clipped(runs, view.capacity_bytes)))
            self._view = view
