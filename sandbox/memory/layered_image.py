"""Committed bytes of which most are another memory's too: a shared file under an own one.

The base is a file nobody writes any more; a page that changes moves to the own file for good.
Forks of one memory share its base, so a fork costs what was changed, not what there is.

A view maps the base, and over it every run of own pages: two kernel mappings per run, of
which a process may have 65,530 in all. ``reserve`` therefore joins runs when there are many,
by copying the base's pages between them (the content is the same; the view follows later).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import merge
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from sandbox.memory.file_image import FileImage
from sandbox.memory.kernel import map_private
from sandbox.memory.mapped_files import MappedFiles
from sandbox.memory.runs import OS_PAGE, Run, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox.memory.image import Piece

# 160 live canisters (``World``) with two memories each then stay below the kernel's limit.
_MAX_RUNS: Final = 96
# What a memory from files does not map it has to copy, so a few may have many runs.
_MAX_TORN: Final = 4
_RUNS_OF_TORN: Final = 4_096
_RUNS_OF_FILES: Final = 256
# Every commit walks all mappings: so many of them, summed up over the commits, have taken as
# long as joining the runs of 1 GiB takes. It is done then, whatever the image is allowed.
_WORTH_JOINING: Final = 4_000_000
_FIRST_GAP: Final = 4 * OS_PAGE
_COPY_BYTES: Final = 1 << 20
_torn: WeakSet[LayeredImage] = WeakSet()


class SharedBase:
    """A file that is never written again, and the images that stand on it."""

    def __init__(self, file: FileImage) -> None:
        self.file = file
        self.users: WeakSet[LayeredImage] = WeakSet()

    def leave(self, user: LayeredImage) -> None:
        """Close the file with its last user."""
        self.users.discard(user)
        if not self.users:
            self.file.close()


class LayeredImage:
    """The ``Image`` of a memory that shares pages; see ``FileImage`` for what is the same."""

    def __init__(self, base: SharedBase) -> None:
        self._base = base
        self._max_runs = _MAX_RUNS
        if isinstance(base.file, MappedFiles):
            if len(_torn) < _MAX_TORN:
                self._max_runs = _RUNS_OF_TORN
                _torn.add(self)
            elif not base.users:  # of these there are few, of forks any number
                self._max_runs = _RUNS_OF_FILES
        self._own = FileImage()
        self._runs = _RunSet()
        self._carried = 0
        self._unmapped = _RunSet()  # own, but a view may still map the base there
        base.users.add(self)

    def fork(self) -> LayeredImage:
        """Return an image with the same content: the base shared, the own pages copied.

        Raises: RegionRefused.
        """
        copy = LayeredImage(self._base)
        for offset, length in self._runs:
            copy.store((), holes=[(offset, length)])
        for offset, length in self._own_extents(0, self._runs.end):
            for start in range(offset, offset + length, _COPY_BYTES):
                part = min(_COPY_BYTES, offset + length - start)
                pieces = [(start, self._own.read(start, part))]
                copy.reserve(pieces, start + part)
                copy.store(pieces)
        return copy

    def lengthen(self, length: int) -> None:
        """Let both files be at least this long. Raises: RegionRefused."""
        self._base.file.lengthen(length)
        self._own.lengthen(length)

    def read(self, offset: int, length: int) -> bytes:
        """Return a range."""
        own = list(self._runs.within(offset, offset + length))
        if own == [(offset, length)]:
            return self._own.read(offset, length)
        data = self._base.file.read(offset, length)
        if not own:
            return data
        mixed = bytearray(data)
        for start, size in own:
            mixed[start - offset : start - offset + size] = self._own.read(start, size)
        return bytes(mixed)

    def reserve(self, pieces: Iterable[Piece], size_bytes: int) -> None:
        """Allocate own pages under these pieces, complete with what they do not cover."""
        self.lengthen(size_bytes)
        pieces = list(pieces)
        for offset, data in pieces:
            end = offset + len(data)
            for page in {offset // OS_PAGE * OS_PAGE, (end - 1) // OS_PAGE * OS_PAGE}:
                if offset > page or end < page + OS_PAGE:
                    self._move(page, OS_PAGE)
        self._own.reserve(pieces, size_bytes)
        if self._carried > _WORTH_JOINING:
            self._max_runs = _MAX_RUNS
            _torn.discard(self)
        if len(self._runs) > self._max_runs:
            self._join_runs()
            self._carried = 0

    def store(self, pieces: Iterable[Piece], holes: Sequence[Run] = ()) -> None:
        """Write the pieces and make the holes zero, in own pages. Requires: reserved."""
        pieces = list(pieces)
        self._own.store(pieces, holes)
        for offset, data in pieces:
            first = offset // OS_PAGE * OS_PAGE
            self._make_own(first, -(-(offset + len(data)) // OS_PAGE) * OS_PAGE)
        for offset, length in holes:
            self._make_own(offset, offset + length)

    def extents(self, start: int, end: int) -> Iterator[Run]:
        """Yield the ranges that have pages."""
        shared = (
            part
            for offset, length in self._base.file.extents(start, end)
            for part in self._runs.without(offset, offset + length)
        )
        return joined(merge(shared, self._own_extents(start, end)))

    @property
    def mappings(self) -> int:
        """How many of the process's mappings a view needs at most."""
        return self._base.file.mappings + 2 * len(self._runs)

    def give_back_zeros(self, end: int) -> None:
        """Give back own pages, and those of the base: it is the same for all its users."""
        self._own.give_back_zeros(end)
        self._base.file.give_back_zeros(end)

    @property
    def allocated_bytes(self) -> int:
        """Memory held by own pages, and this image's share of the base."""
        shared = self._base.file.allocated_bytes // max(1, len(self._base.users))
        return self._own.allocated_bytes + shared

    def map_into(self, address: int, start: int, end: int) -> None:
        """Make ``[address + start, address + end)`` a private view. Raises: RegionRefused."""
        self._base.file.map_into(address, start, end)
        for offset, length in self._runs.within(start, end):
            map_private(address + offset, length, self._own.descriptor, offset)
        if not start:
            self._unmapped = _RunSet()

    def show(self, address: int, reach: int) -> None:
        """Let a view of ``reach`` bytes follow what became own since it last did.

        Requires: the view has no change that is not stored.
        """
        for offset, length in self._unmapped.within(0, reach):
            map_private(address + offset, length, self._own.descriptor, offset)
        self._unmapped = _RunSet()
        self._carried += len(self._runs)

    def close(self) -> None:
        """Give own pages back; the base goes with its last user."""
        self._own.close()
        self._base.leave(self)
        _torn.discard(self)

    def _own_extents(self, start: int, end: int) -> Iterator[Run]:
        for first, length in self._runs.within(start, end):
            yield from self._own.extents(first, first + length)

    def _join_runs(self) -> None:
        """Copy what lies in the narrow gaps between runs, until few runs are left."""
        gap = _FIRST_GAP
        while len(self._runs) > self._max_runs // 2:
            for first, last in self._runs.gaps(gap):
                self._move(first, last - first)
            gap *= 4

    def _move(self, offset: int, length: int) -> None:
        """Make a range own, its content unchanged."""
        for start, size in list(self._runs.without(offset, offset + length)):
            for first, part in list(self._base.file.extents(start, start + size)):
                for at in range(first, first + part, _COPY_BYTES):
                    piece = (at, self._base.file.read(at, min(_COPY_BYTES, first + part - at)))
                    self._own.reserve([piece], at + len(piece[1]))
                    self._own.store([piece])
            self._make_own(start, start + size)

    def _make_own(self, start: int, end: int) -> None:
        for first, length in list(self._runs.without(start, end)):
            self._unmapped.add(first, first + length)
        self._runs.add(start, end)


class _RunSet:
    """Ranges that do not touch, ascending; few (``_MAX_RUNS``), so lists will do."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Run]:
        return self.within(0, self.end)

    @property
    def end(self) -> int:
        """The end of the last range."""
        return self._ends[-1] if self._ends else 0

    def add(self, start: int, end: int) -> None:
        """Put in a range, joining it with those it touches."""
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def within(self, start: int, end: int) -> Iterator[Run]:
        """Yield the parts of the ranges inside ``[start, end)``."""
        if start >= end:
            return
        for at in range(bisect_right(self._ends, start), bisect_left(self._starts, end)):
            first, last = max(start, self._starts[at]), min(end, self._ends[at])
            yield first, last - first

    def without(self, start: int, end: int) -> Iterator[Run]:
        """Yield the parts of ``[start, end)`` in no range."""
        for first, length in self.within(start, end):
            if start < first:
                yield start, first - start
            start = first + length
        if start < end:
            yield start, end - start

    def gaps(self, widest: int) -> list[tuple[int, int]]:
        """Return the (start, end) of the gaps between ranges that are no wider."""
        between = zip(self._ends, self._starts[1:], strict=False)
        return [(start, end) for start, end in between if end - start <= widest]
