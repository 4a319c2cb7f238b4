"""Patches: a chunk kept as the pages in which it differs from another that is kept whole.

A chunk has sixteen pages of 4 KiB; a set of them is a number, bit n for page n. What a patch
makes of its base is trusted only after it hashes to the chunk's name, so nothing here checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from snapshot.content import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.memory.runs import Run
    from snapshot.tree import Buffer

PAGE_BYTES: Final = 4_096
# A patch of more pages would save less than half, and reading it costs two chunks.
MAX_PAGES: Final = CHUNK_BYTES // PAGE_BYTES // 2


def pages_by_chunk(runs: Iterable[Run]) -> dict[int, int]:
    """Return the pages that these byte ranges touch, as a set for each chunk's number."""
    touched: dict[int, int] = {}
    for offset, length in runs:
        end = offset + length
        for number in range(offset // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
            start = number * CHUNK_BYTES
            first = max(offset - start, 0) // PAGE_BYTES
            last = -(-min(end - start, CHUNK_BYTES) // PAGE_BYTES)
            touched[number] = touched.get(number, 0) | (1 << last) - (1 << first)
    return touched


def size_of(pages: int) -> int:
    """Return how many bytes a patch of these pages has; -1 for pages that no chunk has."""
    return PAGE_BYTES * pages.bit_count() if 0 <= pages < 1 << CHUNK_BYTES // PAGE_BYTES else -1


def cut(data: Buffer, pages: int) -> bytes:
    """Return these pages of a chunk, one after the other."""
    whole = memoryview(data)
    return b"".join(whole[at : at + PAGE_BYTES] for at in _offsets(pages))


def pages_in(patch: bytes, pages: int) -> Iterator[tuple[int, bytes]]:
    """Yield the pages of a patch, each with its place in the chunk."""
    for number, at in enumerate(_offsets(pages)):
        yield at, patch[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]


def applied(base: bytes, pages: int, patch: bytes) -> bytes:
    """Return the chunk that ``patch``, cut at the same pages, makes of its base."""
    whole = bytearray(base)
    for at, page in pages_in(patch, pages):
        whole[at : at + PAGE_BYTES] = page
    return bytes(whole)


def _offsets(pages: int) -> Iterator[int]:
    for at in range(0, CHUNK_BYTES, PAGE_BYTES):
        if pages & 1:
            yield at
        pages >>= 1
