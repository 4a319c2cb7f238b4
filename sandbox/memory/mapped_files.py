"""Somebody's files as the base of a memory: mapped where they lie, read and never written.

Opening them costs nothing, however long they are: pages come from the page cache when they
are touched, and what changes goes to the memory's own file (``LayeredImage``). The files must
stay as they are meanwhile: a view shows what their owner writes, and one who shortens a file
takes the pages away under a canister that runs. Deleting them does no harm.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from sandbox.memory.errors import RegionRefused
from sandbox.memory.file_image import FileImage, data_runs
from sandbox.memory.kernel import map_private, punch_hole
from sandbox.memory.runs import OS_PAGE, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox.memory.parts import FilePart, OpenFile
    from sandbox.memory.runs import Run


# A process has 65,530 mappings (``layered_image``), and as a rule 1,024 descriptors.
MAX_OPEN: Final = 32
MAX_FILES: Final = 256
_open: WeakSet[MappedFiles] = WeakSet()
_files: WeakSet[OpenFile] = WeakSet()
_SHORTENED: Final = "somebody has shortened a file that a canister memory is mapped from"


class MappedFiles(FileImage):
    """The ``FileImage`` that is only read. Its own file are the zeros where no part is.

    Memory it holds: what reading these zeros has made. The page cache is the system's.
    """

    def __init__(self, parts: Sequence[FilePart]) -> None:
        """Stand on parts of files.

        parts: ascending, none over another; whole OS pages, which the files have.

        Raises: RegionRefused, where too many are open, or a file system does not map.
        """
        if len(_open) >= MAX_OPEN:
            raise RegionRefused(f"{MAX_OPEN} memories are mapped from files already")
        files = {part.file for part in parts}
        if len(_files) + sum(file not in _files for file in files) > MAX_FILES:
            raise RegionRefused(f"{MAX_FILES} files are mapped already")
        for file in files:
            _try_to_map(file)
        super().__init__()
        _open.add(self)
        _files.update(files)
        self._parts = tuple(parts)
        self._ends = [part.start + part.length for part in parts]
        numbers = (n for part in parts for n in (part.start, part.length, part.offset))
        assert all(number % OS_PAGE == 0 for number in numbers), "a memory has whole pages"

    @property
    def mappings(self) -> int:
        """How many of the process's mappings a view needs at most."""
        return 2 * len(self._parts) + 1

    def read(self, offset: int, length: int) -> bytes:
        """Return a range; zeros where no file is."""
        found = bytearray(length)
        for part, start, end in self._within(offset, offset + length):
            at = start
            while at < end:
                # The kernel stops after 2 GiB.
                data = os.pread(part.file.descriptor, end - at, part.offset + at - part.start)
                if not data:
                    raise RegionRefused(_SHORTENED)
                found[at - offset : at - offset + len(data)] = data
                at += len(data)
        return bytes(found)

    def extents(self, start: int, end: int) -> Iterator[Run]:
        """Yield the ranges of the parts that have pages in their files."""
        for part, first, last in self._within(start, end):
            shift, file = part.offset - part.start, part.file.descriptor
            if os.fstat(file).st_size < last + shift:
                raise RegionRefused(_SHORTENED)
            yield from joined(_whole_pages(data_runs(file, first + shift, last + shift), shift))

    def map_into(self, address: int, start: int, end: int) -> None:
        """Make ``[address + start, address + end)`` a private view. Raises: RegionRefused."""
        super().map_into(address, start, end)
        for part, first, last in self._within(start, end):
            offset = part.offset + first - part.start
            map_private(address + first, last - first, part.file.descriptor, offset)

    def give_back_zeros(self, end: int) -> None:
        """Free what reading between the parts has made; nothing else is held."""
        if end:
            punch_hole(self.descriptor, 0, end)

    def close(self) -> None:
        """Let go of the files; views that still map them keep them."""
        super().close()
        _open.discard(self)
        self._parts, self._ends = (), []

    def _within(self, start: int, end: int) -> Iterator[tuple[FilePart, int, int]]:
        """Yield the parts that reach into ``[start, end)``, and from where to where."""
        for part in self._parts[bisect_right(self._ends, start) :]:
            if max(start, part.start) >= end:
                return
            yield part, max(start, part.start), min(end, part.start + part.length)


def _try_to_map(file: OpenFile) -> None:
    """Ask now: when a view is made, it is too late to copy the memory instead."""
    try:
        mmap.mmap(file.descriptor, OS_PAGE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()
    except (OSError, ValueError) as refusal:  # the latter of a file that is too short
        raise RegionRefused(f"the file system does not map files: {refusal}") from refusal


def _whole_pages(runs: Iterable[Run], shift: int) -> Iterator[Run]:
    """Yield runs of a file as those of a memory; a file system may have smaller blocks."""
    for offset, length in runs:
        first = (offset - shift) // OS_PAGE * OS_PAGE
        yield first, -(-(offset - shift + length) // OS_PAGE) * OS_PAGE - first
