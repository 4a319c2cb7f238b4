"""Files that commands write: an error names the file, and no half of one is left."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.cli.exits import NotWritten

if TYPE_CHECKING:
    from pathlib import Path


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file, text in UTF-8.

    On failure: when the disk is full, what was written of it is removed.
    Raises: OSError when it cannot be opened; NotWritten.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    file = path.open("wb")
    try:
        with file:
            file.write(data)
    except OSError as error:
        with suppress(OSError):
            if path.is_file():
                path.unlink()
        raise NotWritten(f"{path} could not be written: {error.strerror}") from error
