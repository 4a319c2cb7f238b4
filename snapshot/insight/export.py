"""Writing a range of a module or memory into a file; holes stay holes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError
from snapshot.transfer import Part, read_range, size_of

if TYPE_CHECKING:
    from os import PathLike

    from snapshot.content import Content

_PIECE_BYTES: Final = 1 << 20


def export(
    content: Content,
    part: Part,
    path: str | PathLike[str],
    *,
    offset: int = 0,
    length: int | None = None,
) -> int:
    """Write a range into a new file and return its length.

    length: None is all from ``offset`` on.
    Raises: UsageError (outside the part, the file exists or cannot be written).
    """
    if part is Part.CHUNK:
        raise UsageError("a chunk of the chunk store is not a range of memory")
    size = size_of(content, part)
    end = size if length is None else offset + length
    if not 0 <= offset <= end <= size:
        raise UsageError(f"bytes {offset} to {end} are not inside the {part}, of {size} bytes")
    try:
        _write(content, part, path, offset, end)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    return end - offset


def _write(content: Content, part: Part, path: str | PathLike[str], offset: int, end: int) -> None:
    with open(path, "xb") as file:  # noqa: PTH123  # a path of any kind
        for start, stop in _filled(content, part, offset, end):
            for at in range(start, stop, _PIECE_BYTES):
                data = read_range(content, part, at, min(_PIECE_BYTES, stop - at))
                assert isinstance(data, bytes), "the range was checked"
                file.seek(at - offset)
                file.write(data)
        file.flush()
        os.ftruncate(file.fileno(), end - offset)


def _filled(content: Content, part: Part, offset: int, end: int) -> list[tuple[int, int]]:
    """Return (start, stop) of what may not be zero."""
    if part is Part.MODULE:
        return [(offset, end)]
    held = content.heap if part is Part.HEAP else content.stable
    runs = held.region.extents(at=held.mark)
    clipped = ((max(start, offset), min(start + length, end)) for start, length in runs)
    return [(start, stop) for start, stop in clipped if start < stop]
