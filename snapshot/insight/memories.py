"""Reading two memories side by side where they can differ, one where it is not zero."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Final

from sandbox.memory import OS_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.execution.canister import Held
    from sandbox.memory import Run

_WINDOW_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """A range as both memories have it; the shorter one is zero behind its end."""

    offset: int
    before: bytes
    after: bytes


def windows(before: Held, after: Held) -> Iterator[Window]:
    """Yield what may differ, ascending, in pieces of at most 1 MiB."""
    for offset, length in _candidates(before, after):
        for start in range(offset, offset + length, _WINDOW_BYTES):
            size = min(_WINDOW_BYTES, offset + length - start)
            yield Window(start, read_padded(before, start, size), read_padded(after, start, size))


def filled(memory: Held) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of what may not be zero, in pieces of at most 1 MiB."""
    for offset, length in memory.region.extents(at=memory.mark):
        for start in range(offset, offset + length, _WINDOW_BYTES):
            size = min(_WINDOW_BYTES, offset + length - start)
            yield start, memory.region.read(start, size, at=memory.mark)


def read_padded(memory: Held, offset: int, length: int) -> bytes:
    """Return a range, zeros behind the end of the memory."""
    inside = max(0, min(length, memory.mark.size_bytes - offset))
    data = memory.region.read(offset, inside, at=memory.mark) if inside else b""
    return data.ljust(length, b"\0")


def joined(runs: Iterable[Run], gap_bytes: int = 0) -> Iterator[Run]:
    """Yield ascending runs with those at most ``gap_bytes`` apart made one."""
    current: tuple[int, int] | None = None
    for offset, length in runs:
        if current is None:
            current = offset, offset + length
        elif offset <= current[1] + gap_bytes:
            current = current[0], max(current[1], offset + length)
        else:
            yield current[0], current[1] - current[0]
            current = offset, offset + length
    if current is not None:
        yield current[0], current[1] - current[0]


def _candidates(before: Held, after: Held) -> list[Run]:
    if before.region is after.region:
        return list(joined(before.region.changed_between(before.mark, after.mark)))
    runs = merge(before.region.extents(at=before.mark), after.region.extents(at=after.mark))
    whole = (
        (offset // OS_PAGE * OS_PAGE, -(-(offset % OS_PAGE + length) // OS_PAGE) * OS_PAGE)
        for offset, length in runs
    )
    return list(joined(whole))
