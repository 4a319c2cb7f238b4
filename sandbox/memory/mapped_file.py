"""Somebody's file as the base of a memory: mapped where it lies, read and never written.

Opening it costs nothing, however long it is: pages come from the page cache when they are
touched, and what changes goes to the memory's own file (``LayeredImage``). The file must
stay as it is meanwhile: a view shows what its owner writes, and one who shortens it takes the
pages away under a canister that runs.
"""

from __future__ import annotations

import os
import weakref

from sandbox.memory.file_image import FileImage
from sandbox.memory.kernel import map_private, memfd
from sandbox.memory.runs import OS_PAGE


class MappedFile(FileImage):
    """The ``FileImage`` that is only read. Behind the file's end there are zeros."""

    def __init__(self, descriptor: int) -> None:
        """Stand on a file; the caller may close the descriptor.

        Requires: its length is a multiple of OS pages.
        """
        self.descriptor = os.dup(descriptor)
        self._close = weakref.finalize(self, os.close, self.descriptor)
        self._growing = memfd()  # zeros, for what lies behind the file's end
        weakref.finalize(self, os.close, self._growing)
        self._file_bytes = self.length = os.fstat(descriptor).st_size
        assert self.length % OS_PAGE == 0, "a memory has whole pages"

    def map_into(self, address: int, start: int, end: int) -> None:
        """Make ``[address + start, address + end)`` a private view. Raises: RegionRefused."""
        # A page behind the end of a file cannot be read, so zeros are mapped there.
        split = min(end, max(start, self._file_bytes))
        if start < split:
            map_private(address + start, split - start, self.descriptor, start)
        if split < end:
            map_private(address + split, end - split, self._growing, split)

    @property
    def allocated_bytes(self) -> int:
        """Memory held: none, the page cache is the system's."""
        return 0
