"""Packs: files of many chunks, never changed once they have their name.

    header   8 bytes   "CSBXPACK"
             4         version, u32 = 1
             4         0
    records  one per chunk:
             4         "CHNK"
             4         length of the chunk, u32
             32        name of the chunk
             length    the chunk
    index    one entry per record, in the same order:
             32        name
             8         where the chunk's bytes start, u64
             4         length, u32
    trailer  8         where the index starts, u64
             8         number of entries, u64
             32        BLAKE3 of the index; the file's name is ``<this in hex>.pack``
             8         "CSBXEND."

Numbers are little-endian. A pack that lost its end is walked record by record: what is
whole in it is still found.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from snapshot.ids import ChunkId, digest
from snapshot.store.errors import PackDamaged
from snapshot.store.files import NewFile, read_exactly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snapshot.store.files import Disk
    from snapshot.tree import Buffer

HEADER: Final = struct.pack("<8sII", b"CSBXPACK", 1, 0)
_RECORD: Final = struct.Struct("<4sI32s")
_ENTRY: Final = struct.Struct("<32sQI")
_TRAILER: Final = struct.Struct("<QQ32s8s")
_RECORD_MAGIC: Final = b"CHNK"
_END_MAGIC: Final = b"CSBXEND."
MAX_CHUNK_BYTES: Final = 65_536
_BATCH_BYTES: Final = 1 << 20
SUFFIX: Final = ".pack"


class Entry(NamedTuple):
    """Where a chunk's bytes stand in its pack."""

    chunk: ChunkId
    offset: int
    length: int


class PackWriter:
    """Writes one pack; a context manager that leaves nothing behind unless published."""

    def __init__(self, disk: Disk, temporary: Path) -> None:
        self._file = NewFile(disk, temporary)
        self._entries: list[Entry] = []
        self._waiting: list[Buffer] = [HEADER]
        self._waiting_bytes = self.length = len(HEADER)

    def add(self, chunk: ChunkId, data: Buffer) -> None:
        """Append a chunk."""
        self._entries.append(Entry(chunk, self.length + _RECORD.size, len(data)))
        self._waiting += (_RECORD.pack(_RECORD_MAGIC, len(data), chunk), data)
        self.length += _RECORD.size + len(data)
        self._waiting_bytes += _RECORD.size + len(data)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._flush()

    def publish(self, directory: Path) -> tuple[Path, tuple[Entry, ...]]:
        """Finish the pack and return its path and contents."""
        index = b"".join(_ENTRY.pack(*entry) for entry in self._entries)
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
        size, offset = os.fstat(descriptor).st_size, len(HEADER)
        while True:
            head = read_exactly(descriptor, _RECORD.size, offset)
            if len(head) < _RECORD.size:
                return
            magic, length, chunk = _RECORD.unpack(head)
            offset += _RECORD.size
            if magic != _RECORD_MAGIC or length > MAX_CHUNK_BYTES or offset + length > size:
                return
            yield Entry(ChunkId(chunk), offset, length)
            offset += length
    finally:
        os.close(descriptor)


def _indexed(path: Path, descriptor: int) -> tuple[Entry, ...]:
    size = os.fstat(descriptor).st_size
    if size < len(HEADER) + _TRAILER.size:
        raise PackDamaged(path, f"only {size} bytes are left of it")
    head = read_exactly(descriptor, len(HEADER), 0)
    trailer = read_exactly(descriptor, _TRAILER.size, size - _TRAILER.size)
    start, count, name, magic = _TRAILER.unpack(trailer)
    if magic != _END_MAGIC or start + count * _ENTRY.size + _TRAILER.size != size:
        raise PackDamaged(path, "its end is missing or overwritten")
    index = read_exactly(descriptor, count * _ENTRY.size, start)
    if digest(index) != name or path.name != f"{name.hex()}{SUFFIX}":
        raise PackDamaged(path, "its index does not hash to its name")
    if head != HEADER:
        raise PackDamaged(path, "its header is overwritten")
    entries = _ENTRY.iter_unpack(index)
    return tuple(Entry(ChunkId(chunk), offset, length) for chunk, offset, length in entries)
