"""Committed bytes as a memfd: anonymous memory that has a file descriptor to map.

Rules:
1. The file never becomes shorter, since an old view that still maps it would then fault;
   what is dropped is punched out instead, which gives the memory back all the same.
2. ``reserve`` allocates the pages (fallocate), so that a full machine is noticed before
   the first byte is written: content unchanged, holes have merely become zero pages.
"""

from __future__ import annotations

import os
import weakref
from errno import ENXIO
from typing import TYPE_CHECKING, Final

from sandbox.memory.errors import RegionRefused
from sandbox.memory.image import zeros_in
from sandbox.memory.kernel import map_private, memfd, punch_hole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox.memory.image import Piece
    from sandbox.memory.runs import Run

_MOST_RESERVED: Final = 1_024


class FileImage:
    """The ``Image`` that can be mapped: ``descriptor`` is a file of at least ``length``."""

    def __init__(self) -> None:
        self.descriptor = memfd()
        self.length = 0
        # Ranges that have pages for certain: a message mostly stores where the last one did.
        self._reserved: set[Run] = set()
        self._close = weakref.finalize(self, os.close, self.descriptor)

    def lengthen(self, length: int) -> None:
        """Let the file be at least this long; costs no memory.

        Raises: RegionRefused (an ``ulimit -f``, for example).
        """
        if length <= self.length:
            return
        try:
            os.ftruncate(self.descriptor, length)
        except OSError as refusal:
            raise _refused(refusal) from refusal
        self.length = length

    def read(self, offset: int, length: int) -> bytes:
        """Return a range; zeros in holes and past the end of the file."""
        data = os.pread(self.descriptor, length, offset)
        while len(data) < length:
            # The kernel stops at the end of the file, and after 2 GiB.
            more = os.pread(self.descriptor, length - len(data), offset + len(data))
            data += more or bytes(length - len(data))
        return data

    def reserve(self, pieces: Iterable[Piece], size_bytes: int) -> None:
        """Allocate the file's pages under these pieces."""
        self.lengthen(size_bytes)
        try:
            for offset, data in pieces:
                run = offset, len(data)
                if run not in self._reserved:
                    os.posix_fallocate(self.descriptor, *run)
                    self._reserved.add(run)
        except OSError as refusal:
            raise _refused(refusal) from refusal
        if len(self._reserved) > _MOST_RESERVED:
            self._reserved.clear()

    def store(self, pieces: Iterable[Piece], holes: Sequence[Run] = ()) -> None:
        """Write the pieces, punch the holes."""
        for offset, data in pieces:
            written = os.pwrite(self.descriptor, data, offset)
            while written < len(data):
                rest = memoryview(data)[written:]
                written += os.pwrite(self.descriptor, rest, offset + written)
        for offset, length in holes:
            self._reserved.clear()
            punch_hole(self.descriptor, offset, length)

    def extents(self, start: int, end: int) -> Iterator[Run]:
        """Yield the ranges that have pages; reading a hole through a view may make one."""
        return data_runs(self.descriptor, start, end)

    def map_into(self, address: int, start: int, end: int) -> None:
        """Make ``[address + start, address + end)`` a private view. Raises: RegionRefused."""
        if start < end:
            map_private(address + start, end - start, self.descriptor, start)

    def show(self, address: int, reach: int) -> None:
        """Let a view follow what was stored; it does by itself once private pages are gone."""

    @property
    def mappings(self) -> int:
        """How many of the process's mappings a view needs at most."""
        return 1

    def give_back_zeros(self, end: int) -> None:
        """Punch out the pages that hold only zeros."""
        self.store((), zeros_in(self, end))

    @property
    def allocated_bytes(self) -> int:
        """Memory held by the file's pages."""
        return os.fstat(self.descriptor).st_blocks * 512

    def close(self) -> None:
        """Close the descriptor; views that still map the file keep its memory."""
        self._close()


def data_runs(descriptor: int, start: int, end: int) -> Iterator[Run]:
    """Yield the ranges of a file within ``[start, end)`` that are no holes."""
    while start < end:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError as ending:
            if ending.errno == ENXIO:
                return
            raise
        if start < end:
            stop = min(os.lseek(descriptor, start, os.SEEK_HOLE), end)
            yield start, stop - start
            start = stop


def _refused(refusal: OSError) -> RegionRefused:
    """Translate the operating system's refusal."""
    return RegionRefused(f"the operating system refused memory: {refusal}")
