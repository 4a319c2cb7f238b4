"""What a stable memory is organised as: stable-structures' memory manager, Motoko's regions.

Sources: dfinity/stable-structures ``memory_manager.rs`` (layout version 1) and the magic
bytes of its structures; caffeinelabs/motoko ``rts/motoko-rts/src/region.rs``, ``compile.ml``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from snapshot.insight.memories import read_padded

if TYPE_CHECKING:
    from sandbox.execution.canister import Held
    from sandbox.memory import Run

_PAGE: Final = 65_536

# "MGR", version, allocated buckets, pages per bucket, 32 reserved, 255 sizes in pages,
# then one owner per bucket.
_MANAGER: Final = struct.Struct("<3sBHH32x255Q")
_MAX_BUCKETS: Final = 32_768
_FREE: Final = 255
_STRUCTURES: Final = {
    b"BTR": "BTreeMap",
    b"SCL": "Cell",
    b"SVC": "Vec",
    b"SMH": "MinHeap",
    b"GLI": "Log index",
    b"GLD": "Log data",
    b"MGR": "MemoryManager",
}
# Where a structure's header says how many entries it has.
_ENTRIES_AT: Final = {b"BTR": 20, b"SVC": 4, b"SMH": 4, b"GLI": 32}
# The header of a vector: entries, the largest entry, whether all are so large.
_VECTOR: Final = struct.Struct("<4xQI?")
# Where the data of a vector and of a cell begin.
_VECTOR_BYTES, _CELL_BYTES = 64, 8
# Where, and as what, it says how large keys and values are.
_BOUNDS_AT: Final = {b"BTR": (4, "<II"), b"SVC": (12, "<IB"), b"SMH": (12, "<IB")}

# "MOREGION", version, pages per block, where blocks begin, blocks, regions; then for each
# block: region + 1, rank in the region, pages used.
_REGIONS: Final = struct.Struct("<8sIHQIQ")
_BLOCK: Final = struct.Struct("<QHB")

# The last word of a Motoko stable memory while stable variables stand in it.
_MOTOKO_VERSIONS: Final = {
    1: "stable variables before stable memory's first word (classical)",
    2: "stable variables and regions (classical)",
    3: "graph copy",
    4: "graph copy and regions",
    5: "stable heap",
    6: "stable heap and regions",
    7: "graph copy, second version",
    8: "graph copy, second version, and regions",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One memory inside a stable memory, or one Motoko region.

    pieces: where it lies, in its own order. structure: what begins in it, empty if unknown.
    entries: how many that says it has; None where it has no such number.
    bounds: what its header says of the sizes of keys and values; empty where nothing.
    used_bytes: how far its data go, header and all; None where its header does not say.
    """

    number: int
    size_bytes: int
    pieces: tuple[Run, ...]
    structure: str = ""
    entries: int | None = None
    bounds: tuple[int, ...] = ()
    used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StableLayout:
    """What was recognised. kind: empty when nothing was."""

    kind: str
    parts: tuple[Part, ...] = ()
    note: str = ""


def recognise(memory: Held) -> StableLayout:
    """Say how a stable memory is organised; a damaged header is not recognised."""
    note = _motoko_note(memory)
    magic = read_padded(memory, 0, 8)
    if magic == b"MOREGION":
        return StableLayout("Motoko regions", _motoko_regions(memory), note)
    if magic.startswith(b"MGR\1"):
        return StableLayout("stable-structures MemoryManager", _managed(memory), note)
    structure = structure_at(memory, 0)
    return StableLayout(f"stable-structures {structure}" if structure else "", (), note)


def structure_at(memory: Held, offset: int) -> str:
    """Return which of stable-structures' structures begins here; empty for none."""
    magic = read_padded(memory, offset, 4)
    name = _STRUCTURES.get(magic[:3])
    # Versions are small; text that happens to begin like a magic goes on with a letter.
    return f"{name} (version {magic[3]})" if name and magic[3] < 16 else ""


def _entries_at(memory: Held, offset: int) -> int | None:
    place = _ENTRIES_AT.get(read_padded(memory, offset, 3))
    if place is None:
        return None
    (count,) = struct.unpack("<Q", read_padded(memory, offset + place, 8))
    return int(count)


def _bounds_at(memory: Held, offset: int) -> tuple[int, ...]:
    found = _BOUNDS_AT.get(read_padded(memory, offset, 3))
    if found is None:
        return ()
    place, format_ = found
    return struct.unpack(format_, read_padded(memory, offset + place, struct.calcsize(format_)))


def _used_at(memory: Held, offset: int) -> int | None:
    magic = read_padded(memory, offset, 3)
    if magic == b"SCL":
        (length,) = struct.unpack("<I", read_padded(memory, offset + 4, 4))
        return _CELL_BYTES + int(length)
    if magic in (b"SVC", b"SMH"):
        count, largest, is_fixed = _VECTOR.unpack(read_padded(memory, offset, _VECTOR.size))
        width = 0 if is_fixed else next(it for it in (1, 2, 4) if largest < 1 << 8 * it)
        return _VECTOR_BYTES + int(count) * (int(largest) + width)
    return None


def _managed(memory: Held) -> tuple[Part, ...]:
    header = _MANAGER.unpack(read_padded(memory, 0, _MANAGER.size))
    _, _, bucket_count, bucket_pages, *sizes = header
    if bucket_count > _MAX_BUCKETS or not bucket_pages:
        return ()
    owners = read_padded(memory, _MANAGER.size, bucket_count)
    length = bucket_pages * _PAGE
    pieces: dict[int, list[Run]] = {}
    for bucket, owner in enumerate(owners):
        if owner != _FREE:
            pieces.setdefault(owner, []).append((_PAGE + bucket * length, length))
    return tuple(
        Part(
            number,
            sizes[number] * _PAGE,
            tuple(runs),
            structure_at(memory, runs[0][0]),
            _entries_at(memory, runs[0][0]),
            _bounds_at(memory, runs[0][0]),
            _used_at(memory, runs[0][0]),
        )
        for number, runs in sorted(pieces.items())
    )


def _motoko_regions(memory: Held) -> tuple[Part, ...]:
    header = _REGIONS.unpack(read_padded(memory, 0, _REGIONS.size))
    _, _, block_pages, base, block_count, _ = header
    if block_count > _MAX_BUCKETS or not block_pages:
        return ()
    table = read_padded(memory, _REGIONS.size, block_count * _BLOCK.size)
    blocks: dict[int, list[tuple[int, int, int]]] = {}
    for block, (owner, rank, pages) in enumerate(_BLOCK.iter_unpack(table)):
        if owner:
            start = base + block * block_pages * _PAGE
            blocks.setdefault(owner - 1, []).append((rank, start, pages * _PAGE))
    return tuple(
        Part(
            region,
            sum(length for _, _, length in listed),
            tuple((start, length) for _, start, length in sorted(listed)),
        )
        for region, listed in sorted(blocks.items())
    )


def _motoko_note(memory: Held) -> str:
    size = memory.mark.size_bytes
    if not size:
        return ""
    (version,) = struct.unpack("<I", read_padded(memory, size - 4, 4))
    found = _MOTOKO_VERSIONS.get(version, "")
    return f"perhaps Motoko: {found}" if found else ""
