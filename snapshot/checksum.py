"""A checksum over the whole of a canister's state: same state, same checksum.

What goes in, each part preceded by its name and length: module, types and bits of the
globals, certified data, timer, low-memory hook, chunk store (by SHA-256), and for module and
memories the size and the root of the chunk tree (``snapshot.tree``). Left out is what a
snapshot leaves out: cycles, settings, status, version, log.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from snapshot import tree
from snapshot.content import chunks_of
from snapshot.ids import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from snapshot.content import Content, GlobalValue
    from snapshot.tree import Tree

_NUMBER: Final = struct.Struct("<Q")
_NOT_RECORDED: Final = b"not recorded"


@dataclass(frozen=True, slots=True)
class Roots:
    """A content with its big parts replaced by their trees."""

    module: Tree
    globals: tuple[GlobalValue, ...]
    heap: Tree
    stable: Tree
    certified_data: bytes
    timer_ns: int | None
    low_memory_hook: str | None
    chunk_hashes: tuple[bytes, ...]


def checksum(content: Content) -> str:
    """Return the checksum of a state, as 64 hex digits; reads all that is not zero."""
    heap, stable = content.heap, content.stable
    return checksum_of_roots(
        Roots(
            module=tree.of_bytes(content.module),
            globals=content.globals,
            heap=tree.build(heap.mark.size_bytes, tree.named(chunks_of(heap))),
            stable=tree.build(stable.mark.size_bytes, tree.named(chunks_of(stable))),
            certified_data=content.certified_data,
            timer_ns=content.timer_ns,
            low_memory_hook=content.low_memory_hook,
            chunk_hashes=tuple(content.chunks),
        )
    )


def checksum_of_roots(roots: Roots) -> str:
    """Return the same checksum where the trees are known already."""
    return digest_of(_pieces(_parts(roots)))


def _pieces(parts: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    for name, data in parts:
        yield f"{name} {len(data)}\n".encode()
        yield data


def _parts(roots: Roots) -> Iterator[tuple[str, bytes]]:
    for name, root in (("module", roots.module), ("heap", roots.heap), ("stable", roots.stable)):
        yield name, _NUMBER.pack(root.size_bytes) + root.root
    for value in roots.globals:
        yield f"global {value.type}", value.bits.to_bytes(16, "little")
    yield "certified data", roots.certified_data
    timer = roots.timer_ns
    yield "timer", _NOT_RECORDED if timer is None else _NUMBER.pack(timer)
    hook = roots.low_memory_hook
    yield "low memory hook", _NOT_RECORDED if hook is None else hook.encode()
    for hash_ in sorted(roots.chunk_hashes):
        yield "chunk", hash_
