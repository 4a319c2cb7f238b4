"""A checksum over the whole of a canister's state: same state, same checksum.

What goes in, each part preceded by its name and length: module hash, types and bits of the
globals, certified data, timer, low-memory hook, chunk store, and for both memories the size
and the BLAKE3 of every 64 KiB chunk that is not all zero. Left out is what a snapshot
leaves out: cycles, settings, status, version, log.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from snapshot.ids import digest, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.canister import Capture, Held
    from sandbox.state import CanisterState

# 64 KiB: an entry costs 40 bytes, so a 4 GiB memory has a list of 2.6 MB at most
# (design section 7); at 4 KiB it would be 42 MB.
CHUNK_BYTES: Final = 65_536
_ZERO_CHUNK: Final = bytes(CHUNK_BYTES)
_NUMBER: Final = struct.Struct("<Q")


def checksum(capture: Capture) -> str:
    """Return the checksum of a captured state, as 64 hex digits."""
    return digest_of(_pieces(capture))


def chunk_digests(memory: Held) -> Iterator[tuple[int, bytes]]:
    """Yield (chunk index, BLAKE3) of a memory's chunks that are not zero, ascending."""
    for index, data in chunks(memory):
        yield index, digest(data)


def chunks(memory: Held) -> Iterator[tuple[int, bytes]]:
    """Yield (index, bytes) of the 64 KiB chunks that are not all zero, ascending."""
    done = -1
    for offset, length in memory.region.extents(at=memory.mark):
        first, last = offset // CHUNK_BYTES, (offset + length - 1) // CHUNK_BYTES
        for index in range(max(first, done + 1), last + 1):
            data = memory.region.read(index * CHUNK_BYTES, CHUNK_BYTES, at=memory.mark)
            if data != _ZERO_CHUNK:
                yield index, data
        done = last


def _pieces(capture: Capture) -> Iterator[bytes]:
    for name, data in _small_parts(capture.state):
        yield f"{name} {len(data)}\n".encode()
        yield data
    for name, memory in (("heap", capture.heap), ("stable memory", capture.stable)):
        yield f"{name} {memory.mark.size_bytes}\n".encode()
        for index, hash_ in chunk_digests(memory):
            yield _NUMBER.pack(index) + hash_


def _small_parts(state: CanisterState) -> Iterator[tuple[str, bytes]]:
    module = state.module
    yield "module", module.module_hash if module else b""
    if module is not None:
        slots = [slot for slot in module.shape.globals if slot.mutable]
        for slot, bits in zip(slots, state.globals, strict=True):
            yield f"global {slot.index} {slot.type}", bits.to_bytes(16, "little")
    yield "certified data", state.certified_data
    yield "timer", _NUMBER.pack(state.timer_ns)
    yield "low memory hook", str(state.low_memory_hook).encode()
    for hash_ in sorted(state.chunks):
        yield "chunk", hash_
