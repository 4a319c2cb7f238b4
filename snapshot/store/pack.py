"""Packs: files of many chunks, never changed once they have their name.

    header   8 bytes   "CSBXPACK"
             4         version, u32: 3
             4         0
             16        the mark, random bytes
    chunks   those of 65,536 bytes, one after the other, from byte 4,096 on; zeros before
    records  one per patch or shorter chunk:
             16        the mark
             4         length of the bytes, u32
             32        name of the chunk
             32        name of the base of a patch, or zeros
             4         the pages of a patch, u32, or 0
             length    the bytes
    index    one entry per chunk and record, in the same order:
             32        name
             8         where the bytes start, u64
             4         length, u32
             32        base, as in the record
             4         pages, as in the record
    trailer  8         where the index starts, u64
             8         number of entries, u64
             32        BLAKE3 of the index; the file's name is ``<this in hex>.pack``
             8         "CSBXEND3"

Numbers are little-endian. A chunk stands at a multiple of 4,096, and neighbours in a memory
are neighbours in the file: a memory is mapped from its packs in few pieces. A pack that lost
its end is walked: what is whole in it is still found. In the place of a chunk a record may
have a patch (``snapshot.store.patch``): then ``length`` bytes are the pages it replaces.

Versions 1 and 2 have a header of 16 bytes and records alone, which begin with "CHNK" or "CHN2"
in the place of the mark, and end with "CSBXEND."; 1 has no patches, so neither base nor pages.
"""

from __future__ import annotations

import os
import secrets
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
_MARKED_HEADER: Final = struct.Struct("<8sII16s")
_CHUNKS_START: Final = 4_096
_TRAILER: Final = struct.Struct("<QQ32s8s")
_MAGIC: Final = b"CSBXPACK"
MAX_CHUNK_BYTES: Final = 65_536
_BATCH_BYTES: Final = 1 << 20
# Small enough that collecting garbage can rewrite one, large enough that a 4 GiB heap is
# sixteen files. With its index a pack is never twice as long.
PACK_BYTES: Final = 256 << 20
# Records wait in memory for the chunks that stand before them.
_WAITING_BYTES: Final = 32 << 20
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
    """What differs between the versions of a pack.

    end: the last bytes.
    mark: how records begin; of version 3, each pack has a mark of its own, which no canister
        knows, so that nothing in a memory can pass for a record.
    """

    header: struct.Struct
    end: bytes
    mark: bytes
    record: struct.Struct
    entry: struct.Struct
    fields: int


_PATCHES: Final = struct.Struct("<32sQI32sI")
_LAYOUTS: Final = {
    1: _Layout(_HEADER, b"CSBXEND.", b"CHNK", struct.Struct("<4sI32s"), struct.Struct("<32sQI"), 3),
    2: _Layout(_HEADER, b"CSBXEND.", b"CHN2", struct.Struct("<4sI32s32sI"), _PATCHES, 5),
    3: _Layout(_MARKED_HEADER, b"CSBXEND3", b"", struct.Struct("<16sI32s32sI"), _PATCHES, 5),
}


class _Record(NamedTuple):
    """What waits for its place in a pack."""

    chunk: ChunkId
    data: Buffer
    base: ChunkId
    pages: int


class PackWriter:
    """Writes one pack; a context manager that leaves nothing behind unless published.

    version: 1; 2, which can hold patches; 3, of which memories can be mapped.
    """

    def __init__(self, disk: Disk, temporary: Path, version: int) -> None:
        self._file = NewFile(disk, temporary)
        self._layout = _LAYOUTS[version]
        self._mark = self._layout.mark or secrets.token_bytes(16)
        self._has_chunks_first = version >= 3
        self._entries: list[Entry] = []
        self._records: list[_Record] = []
        self._records_bytes = 0
        fields = (_MAGIC, version, 0, self._mark)[: 4 if self._has_chunks_first else 3]
        self._waiting: list[Buffer] = [self._layout.header.pack(*fields)]
        self._waiting_bytes = self._length = self._layout.header.size

    def add(self, chunk: ChunkId, data: Buffer, base: ChunkId = ZERO_ID, pages: int = 0) -> None:
        """Put in a chunk, or a patch that makes it of its base."""
        if not self._has_chunks_first:
            self._add_record(_Record(chunk, data, base, pages))
        elif len(data) == MAX_CHUNK_BYTES and not pages:
            if not self._entries:
                self._write(bytes(_CHUNKS_START - self._length))
            self._entries.append(Entry(chunk, self._length, len(data)))
            self._write(data)
        else:
            self._records.append(_Record(chunk, data, base, pages))
            self._records_bytes += self._layout.record.size + len(data)

    @property
    def is_full(self) -> bool:
        """Whether it is time for another pack."""
        return (
            self._length + self._records_bytes >= PACK_BYTES
            or self._records_bytes >= _WAITING_BYTES
            or len(self._entries) + len(self._records) >= MAX_ENTRIES
        )

    def publish(self, directory: Path) -> tuple[Path, tuple[Entry, ...]]:
        """Finish the pack and return its path and contents."""
        for record in self._records:
            self._add_record(record)
        layout = self._layout
        index = b"".join(layout.entry.pack(*entry[: layout.fields]) for entry in self._entries)
        name = digest(index)
        self._waiting += (index, _TRAILER.pack(self._length, len(self._entries), name, layout.end))
        self._flush()
        path = directory / f"{name.hex()}{SUFFIX}"
        self._file.publish(path)
        return path, tuple(self._entries)

    def _add_record(self, item: _Record) -> None:
        about = (self._mark, len(item.data), item.chunk, item.base, item.pages)
        self._write(self._layout.record.pack(*about[: self._layout.fields]))
        self._entries.append(Entry(item.chunk, self._length, len(item.data), item.base, item.pages))
        self._write(item.data)

    def _write(self, data: Buffer) -> None:
        self._waiting.append(data)
        self._length += len(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._flush()

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
    """Yield the entries of what is whole, by reading all of the pack but its end.

    Of version 3 also names that nobody asks for: of what a damaged record has become.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The first record says which version it is, also where the header is overwritten.
        first = read_exactly(descriptor, 4, _HEADER.size)
        layout = next((it for it in _LAYOUTS.values() if it.mark == first), None)
        if layout is not None:
            yield from _walk_records(descriptor, layout, layout.mark, _HEADER.size)
            return
        yield from _walk_chunks(descriptor, read_exactly(descriptor, 16, _HEADER.size))
    finally:
        os.close(descriptor)


def _walk_chunks(descriptor: int, mark: bytes) -> Iterator[Entry]:
    """Yield what a pack of version 3 has: chunks, then records."""
    records = list(_walk_records(descriptor, _LAYOUTS[3], mark, _MARKED_HEADER.size))
    for offset in range(_CHUNKS_START, 2 * PACK_BYTES, MAX_CHUNK_BYTES):
        data = b"" if records else read_exactly(descriptor, MAX_CHUNK_BYTES, offset)
        if len(data) < MAX_CHUNK_BYTES:
            break
        yield Entry(digest(data), offset, MAX_CHUNK_BYTES)
        # An overwritten mark, of zeros for example, is one that a canister can have guessed.
        if len(set(mark)) > 1:
            end = offset + MAX_CHUNK_BYTES
            records = list(_walk_records(descriptor, _LAYOUTS[3], mark, end))
    yield from records


def _walk_records(descriptor: int, layout: _Layout, mark: bytes, offset: int) -> Iterator[Entry]:
    size = os.fstat(descriptor).st_size
    record = layout.record
    while len(head := read_exactly(descriptor, record.size, offset)) == record.size:
        found, length, chunk, *patch = record.unpack(head)
        offset += record.size
        entry = Entry(ChunkId(chunk), offset, length, *patch)
        if found != mark or not _is_possible(entry, size):
            return
        yield entry
        offset += length


def _indexed(path: Path, descriptor: int) -> tuple[Entry, ...]:
    size = os.fstat(descriptor).st_size
    if size < _HEADER.size + _TRAILER.size:
        raise PackDamaged(path, f"only {size} bytes are left of it")
    magic, version, zero = _HEADER.unpack(read_exactly(descriptor, _HEADER.size, 0))
    layout = _LAYOUTS.get(version)
    if magic != _MAGIC or zero or layout is None or size < layout.header.size + _TRAILER.size:
        raise PackDamaged(path, "its header is overwritten")
    trailer = read_exactly(descriptor, _TRAILER.size, size - _TRAILER.size)
    start, count, name, magic = _TRAILER.unpack(trailer)
    if magic != layout.end or start + count * layout.entry.size + _TRAILER.size != size:
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
    fits = 0 < entry.length <= MAX_CHUNK_BYTES and entry.offset + entry.length <= end
    return fits and (not entry.pages or entry.length == size_of(entry.pages))
