"""Packs: files of many chunks, never changed once they have their name.

    header   8 bytes   "CSBXPACK"
             4         version, u32: 1 or 2
             4         0
    records  one per chunk:
             4         "CHNK", of version 2 "CHN2"
             4         length of the chunk, u32
             32        name of the chunk
             36        of version 2 only: base and pages, as in the index
             length    the chunk
    index    one entry per record, in the same order:
             32        name
             8         where the chunk's bytes start, u64
             4         length, u32
             32        of version 2 only: name of the base of a patch, or zeros
             4         of version 2 only: the pages of a patch, u32, or 0
    trailer  8         where the index starts, u64
             8         number of entries, u64
             32        BLAKE3 of the index; the file's name is ``<this in hex>.pack``
             8         "CSBXEND."

Numbers are little-endian. A pack that lost its end is walked record by record: what is
whole in it is still found. In the place of a chunk version 2 may have a patch
(``snapshot.store.patch``): then ``length`` bytes are the pages it replaces.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from snapshot.ids import ZERO_ID, ChunkId, digest
from snapshot.store.errors import PackDamaged
from snapshot.store.files import NewFile, read_exactly
from snapshot.store.patch import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snapshot.store.files import Disk
    from snapshot.tree import Buffer

_HEADER: Final = struct.Struct("<8sII")
_TRAILER: Final = struct.Struct("<QQ32s8s")
_MAGIC: Final = b"CSBXPACK"
_END_MAGIC: Final = b"CSBXEND."
MAX_CHUNK_BYTES: Final = 65_536
_BATCH_BYTES: Final = 1 << 20
# Of a full pack of chunks there are 4,000: an index that is longer is read by nobody.
MAX_ENTRIES: Final = 1 << 20
SUFFIX: Final = ".pack"


class Entry(NamedTuple):
    """Where a chunk's bytes stand in its pack, or those of the pages a patch replaces.

    base, pages: of a patch, the whole chunk that it changes, and where; pages 0: no patch.
    """

    chunk: ChunkId
    offset: int
    length: int
    base: ChunkId = ZERO_ID
    pages: int = 0


class _Layout(NamedTuple):
    """What differs between the versions of a pack."""

    magic: bytes
    record: struct.Struct
    entry: struct.Struct
    fields: int


_LAYOUTS: Final = {
    1: _Layout(b"CHNK", struct.Struct("<4sI32s"), struct.Struct("<32sQI"), 3),
    2: _Layout(b"CHN2", struct.Struct("<4sI32s32sI"), struct.Struct("<32sQI32sI"), 5),
}


class PackWriter:
    """Writes one pack; a context manager that leaves nothing behind unless published.

    version: 1, or 2, which alone can hold patches.
    """

    def __init__(self, disk: Disk, temporary: Path, version: int) -> None:
        self._file = NewFile(disk, temporary)
        self._layout = _LAYOUTS[version]
        self._entries: list[Entry] = []
        self._waiting: list[Buffer] = [_HEADER.pack(_MAGIC, version, 0)]
        self._waiting_bytes = self.length = _HEADER.size

    def add(self, chunk: ChunkId, data: Buffer, base: ChunkId = ZERO_ID, pages: int = 0) -> None:
        """Append a chunk, or a patch that makes it of its base."""
        about = (self._layout.magic, len(data), chunk, base, pages)[: self._layout.fields]
        head = self._layout.record.pack(*about)
        self._entries.append(Entry(chunk, self.length + len(head), len(data), base, pages))
        self._waiting += (head, data)
        self.length += len(head) + len(data)
        self._waiting_bytes += len(head) + len(data)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._flush()

    def publish(self, directory: Path) -> tuple[Path, tuple[Entry, ...]]:
        """Finish the pack and return its path and contents."""
        layout = self._layout
        index = b"".join(layout.entry.pack(*entry[: layout.fields]) for entry in self._entries)
        name = digest(index)
        self._waiting += (index, _TRAILER.pack(self.length, len(self._entries), name, _END_MAGIC))
        self._flush()
        path = directory / f"{name.hex()}{SUFFIX}"
        self._file.publish(path)
        return path, tuple(self._entries)

    def _flush(self) -> None:
        self._file.append(self._waiting)
        self._waiting, self._waiting_bytes = [], 0

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._file.__exit__()


def read_index(path: Path) -> tuple[Entry, ...]:
    """Return a pack's entries.

    Raises: PackDamaged when the end of the pack is not what was written; OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _indexed(path, descriptor)
    finally:
        os.close(descriptor)


def walk(path: Path) -> Iterator[Entry]:
    """Yield the entries of the records that are whole, by reading their headers."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size, offset = os.fstat(descriptor).st_size, _HEADER.size
        # The first record says which version it is, also where the header is overwritten.
        first = read_exactly(descriptor, 4, offset)
        for magic, record, _, _ in _LAYOUTS.values():
            if magic != first:
                continue
            while len(head := read_exactly(descriptor, record.size, offset)) == record.size:
                found, length, chunk, *patch = record.unpack(head)
                offset += record.size
                entry = Entry(ChunkId(chunk), offset, length, *patch)
                if found != magic or not _is_possible(entry, size):
                    return
                yield entry
                offset += length
    finally:
        os.close(descriptor)


def _indexed(path: Path, descriptor: int) -> tuple[Entry, ...]:
    size = os.fstat(descriptor).st_size
    if size < _HEADER.size + _TRAILER.size:
        raise PackDamaged(path, f"only {size} bytes are left of it")
    magic, version, zero = _HEADER.unpack(read_exactly(descriptor, _HEADER.size, 0))
    layout = _LAYOUTS.get(version)
    if magic != _MAGIC or zero or layout is None:
        raise PackDamaged(path, "its header is overwritten")
    trailer = read_exactly(descriptor, _TRAILER.size, size - _TRAILER.size)
    start, count, name, magic = _TRAILER.unpack(trailer)
    if magic != _END_MAGIC or start + count * layout.entry.size + _TRAILER.size != size:
        raise PackDamaged(path, "its end is missing or overwritten")
    if count > MAX_ENTRIES:
        raise PackDamaged(path, f"its index of {count:,} entries is none of ours")
    index = read_exactly(descriptor, count * layout.entry.size, start)
    if digest(index) != name or path.name != f"{name.hex()}{SUFFIX}":
        raise PackDamaged(path, "its index does not hash to its name")
    entries = tuple(Entry(*fields) for fields in layout.entry.iter_unpack(index))
    if not all(_is_possible(entry, start) for entry in entries):
        raise PackDamaged(path, "its index names chunks that cannot be")
    return entries


def _is_possible(entry: Entry, end: int) -> bool:
    """Whether an entry can be one of a pack whose records end there."""
    fits = entry.length <= MAX_CHUNK_BYTES and entry.offset + entry.length <= end
    return fits and (not entry.pages or entry.length == size_of(entry.pages))
