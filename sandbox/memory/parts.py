"""Parts of files that a memory can begin as, on any platform."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from pathlib import Path


class OpenFile:
    """A file that stays open for as long as something refers to this."""

    def __init__(self, descriptor: int) -> None:
        """Open the file once more; the caller may close the descriptor."""
        self.descriptor = os.dup(descriptor)
        weakref.finalize(self, os.close, self.descriptor)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Open a file by its name. Raises: OSError."""
        # O_NONBLOCK: a pipe put in the file's place must not hang us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return cls(descriptor)
        finally:
            os.close(descriptor)


class FilePart(NamedTuple):
    """``length`` bytes of a file, from ``offset`` on, that stand at ``start`` in a memory."""

    start: int
    length: int
    file: OpenFile
    offset: int
