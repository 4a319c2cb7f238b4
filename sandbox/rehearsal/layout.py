"""How a stable memory is laid out, as far as a rehearsal compares it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from snapshot.insight import Part, recognise

if TYPE_CHECKING:
    from sandbox.execution.canister import Held
    from sandbox.handle import Canister

# "MGR", version, allocated buckets, pages per bucket (stable-structures memory_manager.rs).
_MANAGER: Final = struct.Struct("<3sBHH")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a stable memory is organised as. kind: empty when nothing was recognised.

    parts: the memories inside it. bucket_pages: 0 unless a MemoryManager rules it.
    has_data: whether the first Wasm page is other than zero. head: its first bytes.
    """

    size_bytes: int
    kind: str
    parts: tuple[Part, ...]
    bucket_pages: int
    has_data: bool
    head: bytes

    @property
    def is_managed(self) -> bool:
        """Whether a MemoryManager rules it."""
        return self.bucket_pages > 0


def kind_of(part: Part) -> str:
    """Return which structure a memory holds, with its bounds and without its version.

    stable-structures bring a structure to their newest version when they first write to it.
    """
    kind = name_of(part)
    return f"{kind} with bounds {part.bounds}" if any(part.bounds) else kind


def name_of(part: Part) -> str:
    """Return the name of the structure alone."""
    return part.structure.partition(" (")[0]


def layout_of(canister: Canister, stable: Held) -> Layout:
    """Recognise the layout of a canister's stable memory. stable: it, held now."""
    memory = canister.stable_memory
    first = memory[:65_536]
    found = recognise(stable)
    is_managed = first[:3] == b"MGR"
    bucket_pages = _MANAGER.unpack(first[: _MANAGER.size])[3] if is_managed else 0
    return Layout(len(memory), found.kind, found.parts, bucket_pages, any(first), first[:8])
