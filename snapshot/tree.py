"""Chunk trees: any number of bytes named by one hash, rebuilt only where they changed.

Level 0 are the chunks, 64 KiB each (the last may be shorter), each named by its BLAKE3.
A *table* on level k+1 lists the names of 512 nodes of level k, 32 bytes each, trailing zero
names left out; it is named by the BLAKE3 of its bytes. A chunk of zeros, and a table without
names, has the zero name and is stored nowhere. The root is the only node of the top level:

    chunks     level 0   a1 00 00 c4 | 00 00 … | 9e …
    tables     level 1       7b      |   00    |  52     one per 32 MiB
    root       level 2              e8                   reaches 16 GiB; level 3: 8 TiB

Equal bytes have equal roots, so the root is a checksum too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from snapshot.content import CHUNK_BYTES, is_zero
from snapshot.ids import ZERO_ID, ChunkId, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FAN_OUT: Final = 512
_ID_BYTES: Final = len(ZERO_ID)
Buffer: TypeAlias = bytes | memoryview
Sink: TypeAlias = "Callable[[Buffer], ChunkId]"
"""Keeps some bytes and returns their name."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A chunk tree in memory: for every level the names by node number, zero names left out."""

    size_bytes: int
    levels: tuple[Mapping[int, ChunkId], ...]

    @property
    def root(self) -> ChunkId:
        """The name of the whole."""
        return self.levels[-1].get(0, ZERO_ID)

    def ids(self) -> Iterator[ChunkId]:
        """Yield the names of all chunks and tables."""
        for level in self.levels:
            yield from level.values()


EMPTY: Final = Tree(0, ({},))


class TreeDamaged(Exception):
    """A table does not hold what a table of its place can hold."""


def build(
    size_bytes: int,
    chunks: Iterable[tuple[int, ChunkId]],
    sink: Sink = digest,
    *,
    base: Tree = EMPTY,
    changed: Iterable[int] | None = None,
) -> Tree:
    """Return the tree over some chunks, giving every new table to ``sink``.

    chunks: (number, name) of those that are not zero, any order.
    base, changed: an earlier tree, and the only chunk numbers that may differ from it; then
        ``chunks`` need only hold those.
    """
    count = -(-size_bytes // CHUNK_BYTES)
    names = dict(base.levels[0])
    touched = {index for index in names if index >= count} | set(changed or ())
    for index in touched:
        names.pop(index, None)
    for index, name in chunks:
        touched.add(index)
        names[index] = name
    levels: list[Mapping[int, ChunkId]] = [names]
    while count > 1:
        depth = len(levels)
        old = base.levels[depth] if depth < len(base.levels) else None
        count = -(-count // FAN_OUT)
        below, touched = levels[-1], {index // FAN_OUT for index in touched}
        if old is None:
            touched |= {index // FAN_OUT for index in below}
        levels.append(_level(below, dict(old or {}), touched, sink))
    return Tree(size_bytes, tuple(levels))


def named(
    chunks: Iterable[tuple[int, Buffer]], sink: Sink = digest
) -> Iterator[tuple[int, ChunkId]]:
    """Give the bytes of chunks to ``sink``; yield (number, name)."""
    return ((index, sink(data)) for index, data in chunks)


def of_bytes(data: bytes | bytearray, sink: Sink = digest) -> Tree:
    """Return the tree of bytes in memory."""
    whole = memoryview(data).toreadonly()
    parts = (whole[at : at + CHUNK_BYTES] for at in range(0, len(whole), CHUNK_BYTES))
    chunks = ((index, part) for index, part in enumerate(parts) if not is_zero(part))
    return build(len(whole), named(chunks, sink), sink)


def read(size_bytes: int, root: ChunkId, fetch: Callable[[ChunkId], bytes]) -> Tree:
    """Return the tree with this root, its tables fetched by name.

    Raises: TreeDamaged when a table is longer than its place allows.
    """
    counts = [-(-size_bytes // CHUNK_BYTES)]
    while counts[-1] > 1:
        counts.append(-(-counts[-1] // FAN_OUT))
    level = {} if root == ZERO_ID else {0: root}
    if level and not counts[-1]:
        raise TreeDamaged("an empty memory has chunks")
    levels: list[Mapping[int, ChunkId]] = [level]
    for count in reversed(counts[:-1]):
        level = {}
        for index, name in levels[0].items():
            level.update(_children(index, fetch(name), count))
        levels.insert(0, level)
    return Tree(size_bytes, tuple(levels))


def chunk_size(size_bytes: int, index: int) -> int:
    """Return how long a chunk is."""
    return min(CHUNK_BYTES, size_bytes - index * CHUNK_BYTES)


def _level(
    below: Mapping[int, ChunkId], names: dict[int, ChunkId], touched: Iterable[int], sink: Sink
) -> dict[int, ChunkId]:
    """Return a level of tables: ``names`` with the touched tables made anew."""
    for index in touched:
        first = index * FAN_OUT
        listed = [below.get(child, ZERO_ID) for child in range(first, first + FAN_OUT)]
        while listed and listed[-1] == ZERO_ID:
            listed.pop()
        if listed:
            names[index] = sink(b"".join(listed))
        else:
            names.pop(index, None)
    return names


def _children(index: int, table: bytes, count: int) -> dict[int, ChunkId]:
    first = index * FAN_OUT
    allowed = min(FAN_OUT, count - first)
    length, rest = divmod(len(table), _ID_BYTES)
    if rest or not 0 < length <= allowed:
        raise TreeDamaged(f"a table of {len(table)} bytes cannot stand here")
    names = (ChunkId(table[at : at + _ID_BYTES]) for at in range(0, len(table), _ID_BYTES))
    return {first + at: name for at, name in enumerate(names) if name != ZERO_ID}
