"""Snapshots in pieces, as the management canister hands them out and takes them in.

Reading: ``metadata_of``, then ``read_part``. Writing: ``begin_upload``, then ``with_part``, in
any order and as often as one likes; there is no last step, loading checks the whole. All of
it on values: a refusal is a ``Reject`` and nothing has changed.
Source: reference/management_canister.md sections 3.9 and 3.10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from sandbox.execution.canister import Held
from sandbox.memory import WASM_PAGE
from sandbox.messages import Reject
from snapshot import rejects
from snapshot.content import Content, GlobalValue
from snapshot.record import Origin, Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.limits import Limits
    from sandbox.memory import Region
    from snapshot.ids import SnapshotId

MAX_SLICE_BYTES: Final = 2_000_000
MAX_GLOBALS: Final = 1_000
MAX_CERTIFIED_BYTES: Final = 32
HEAP_32_BYTES: Final = 4 << 30
HEAP_64_BYTES: Final = 6 << 30


class Part(StrEnum):
    """What a piece belongs to; the names are those of the Candid variant."""

    MODULE = "wasm_module"
    HEAP = "wasm_memory"
    STABLE = "stable_memory"
    CHUNK = "wasm_chunk"


_PLACE: Final = {
    Part.MODULE: "wasm module",
    Part.HEAP: "main memory",
    Part.STABLE: "stable memory",
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """``read_canister_snapshot_metadata``'s answer, and what an upload begins with.

    An upload ignores source, taken_on, chunk_hashes and canister_version.
    timer_ns: 0 when inactive, None for Candid's null.
    """

    module_bytes: int
    globals: tuple[GlobalValue, ...]
    heap_bytes: int
    stable_bytes: int
    certified_data: bytes = b""
    timer_ns: int | None = 0
    low_memory_hook: str | None = None
    source: Source | None = Source.UPLOADED
    taken_on: int = 0
    chunk_hashes: tuple[bytes, ...] = ()
    canister_version: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Where some bytes belong: a range of a part, or a chunk by its SHA-256.

    size_bytes is for reading; when writing, the bytes say it, and a chunk's hash too.
    """

    part: Part
    offset: int = 0
    size_bytes: int = 0
    chunk_hash: bytes = b""


def metadata_of(snapshot: Snapshot) -> Metadata:
    """Return what ``read_canister_snapshot_metadata`` answers."""
    content = snapshot.content
    return Metadata(
        module_bytes=len(content.module),
        globals=content.globals,
        heap_bytes=content.heap.mark.size_bytes,
        stable_bytes=content.stable.mark.size_bytes,
        certified_data=content.certified_data,
        timer_ns=content.timer_ns,
        low_memory_hook=content.low_memory_hook,
        source=snapshot.origin.source,
        taken_on=snapshot.taken_on,
        chunk_hashes=tuple(sorted(content.chunks)),
        canister_version=snapshot.canister_version,
    )


def read_part(snapshot: Snapshot, piece: Piece) -> bytes | Reject:
    """Return what ``read_canister_snapshot_data`` answers."""
    if piece.part is Part.CHUNK:
        return _read_chunk(snapshot.content, piece.chunk_hash)
    if piece.size_bytes > MAX_SLICE_BYTES:
        return rejects.slice_too_large(piece.size_bytes, MAX_SLICE_BYTES)
    return read_range(snapshot.content, piece.part, piece.offset, piece.size_bytes)


def read_range(content: Content, part: Part, offset: int, size: int) -> bytes | Reject:
    """Return a range of module or memory, of any size."""
    if offset < 0 or size < 0 or offset + size > size_of(content, part):
        return rejects.invalid_slice(_PLACE[part], offset, size)
    if part is Part.MODULE:
        return content.module[offset : offset + size]
    held = content.heap if part is Part.HEAP else content.stable
    return held.region.read(offset, size, at=held.mark)


def size_of(content: Content, part: Part) -> int:
    """Return how many bytes module or memory have."""
    if part is Part.MODULE:
        return len(content.module)
    return (content.heap if part is Part.HEAP else content.stable).mark.size_bytes


def refusal_of(metadata: Metadata, limits: Limits, *, is_64: bool) -> Reject | None:
    """Say which limit uploaded metadata breaks, the first in the replica's order.

    is_64: whether the canister's present module has a 64-bit heap; an empty one has not.
    """
    heap_limit = HEAP_64_BYTES if is_64 else HEAP_32_BYTES
    faults = (
        ("WasmModuleEmpty", metadata.module_bytes == 0),
        ("WasmModuleTooLarge", metadata.module_bytes > limits.module_bytes),
        ("WasmMemoryNotPageAligned", metadata.heap_bytes % WASM_PAGE),
        ("WasmMemoryTooLarge", metadata.heap_bytes > heap_limit),
        ("StableMemoryNotPageAligned", metadata.stable_bytes % WASM_PAGE),
        ("StableMemoryTooLarge", metadata.stable_bytes > limits.stable_memory_bytes),
        ("ExportedGlobalsTooLarge", len(metadata.globals) > MAX_GLOBALS),
        ("CertifiedDataTooLarge", len(metadata.certified_data) > MAX_CERTIFIED_BYTES),
    )
    return next((rejects.invalid_metadata(fault) for fault, is_broken in faults if is_broken), None)


def begin_upload(
    id_: SnapshotId,
    metadata: Metadata,
    *,
    now_ns: int,
    origin: Origin,
    new_region: Callable[[int], Region],
    label: str = "",
) -> Snapshot:
    """Return the snapshot an upload begins with: all zero, to be filled by ``with_part``.

    Requires: ``refusal_of`` found nothing.
    """
    content = Content(
        module=bytes(metadata.module_bytes),
        globals=metadata.globals,
        heap=Held(new_region(metadata.heap_bytes)),
        stable=Held(new_region(metadata.stable_bytes)),
        certified_data=metadata.certified_data,
        timer_ns=metadata.timer_ns,
        low_memory_hook=metadata.low_memory_hook,
    )
    return Snapshot(id_, now_ns, label, origin, lambda: content)


def with_part(snapshot: Snapshot, piece: Piece, data: bytes, limits: Limits) -> Snapshot | Reject:
    """Return an uploaded snapshot with some bytes put in.

    The old snapshot stays what it was, at the cost of the pages that differ.
    """
    if snapshot.origin.source is not Source.UPLOADED:
        return rejects.immutable()
    content = snapshot.content
    if piece.part is Part.CHUNK:
        changed = _with_chunk(content, data, limits)
    elif piece.offset + len(data) > size_of(content, piece.part):
        changed = rejects.invalid_slice(_PLACE[piece.part], piece.offset, len(data))
    elif piece.part is Part.MODULE:
        # Copies the module for each piece: nothing at 2 MB, a second in all at 100 MiB.
        end = piece.offset + len(data)
        module = content.module[: piece.offset] + data + content.module[end:]
        changed = replace(content, module=module)
    elif piece.part is Part.HEAP:
        changed = replace(content, heap=written(content.heap, piece.offset, data))
    else:
        changed = replace(content, stable=written(content.stable, piece.offset, data))
    return changed if isinstance(changed, Reject) else with_content(snapshot, changed)


def with_content(snapshot: Snapshot, content: Content) -> Snapshot:
    """Return the snapshot with another content."""
    return Snapshot(
        snapshot.id, snapshot.taken_on, snapshot.label, snapshot.origin, lambda: content
    )


def written(memory: Held, offset: int, data: bytes) -> Held:
    """Return a memory of a snapshot with some bytes changed; ``memory`` stays what it was.

    Requires: nothing but snapshots uses the region.
    """
    # Another upload, undone by an anchor, may have moved the region on.
    memory.region.rewind(memory.mark)
    memory.region.write(offset, data)
    return Held(memory.region)


def _read_chunk(content: Content, hash_: bytes) -> bytes | Reject:
    if len(hash_) != sha256().digest_size:
        return rejects.chunk_store(f"Bytes {list(hash_)} are not a valid WasmChunkHash")
    found = content.chunks.get(hash_)
    if found is None:
        return rejects.chunk_store(f"WasmChunkHash {list(hash_)} not found")
    return found


def _with_chunk(content: Content, data: bytes, limits: Limits) -> Content | Reject:
    hash_ = sha256(data).digest()
    if hash_ in content.chunks:
        return content
    if len(data) > limits.chunk_bytes:
        return rejects.chunk_store(
            f"Wasm chunk size {len(data)} exceeds the maximum chunk size of {limits.chunk_bytes}"
        )
    if len(content.chunks) >= limits.chunk_store_chunks:
        size = limits.chunk_store_chunks * limits.chunk_bytes
        return rejects.chunk_store(
            f"Wasm chunk store has already reached maximum capacity of {size} bytes or the "
            f"maximum number of entries, {limits.chunk_store_chunks}"
        )
    return replace(content, chunks={**content.chunks, hash_: data})
