"""Parts of files that a memory can begin as, on any platform."""

from __future__ import annotations

import os
import weakref
from typing import NamedTuple


class OpenFile:
    """A file that stays open for as long as something refers to this."""

    def __init__(self, descriptor: int) -> None:
        """Open the file once more; the caller may close the descriptor."""
        self.descriptor = os.dup(descriptor)
        weakref.finalize(self, os.close, self.descriptor)


class FilePart(NamedTuple):
    """``length`` bytes of a file, from ``offset`` on, that stand at ``start`` in a memory."""

    start: int
    length: int
    file: OpenFile
    offset: int
