"""Loading: a stored snapshot's memories out of the packs into new regions, verified.

Zero chunks are not written, so what was sparse stays sparse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.errors import SandboxError
from sandbox.execution.canister import Held
from snapshot import tree
from snapshot.content import CHUNK_BYTES, Content
from snapshot.record import Snapshot
from snapshot.store.errors import StoreDamaged
from snapshot.store.saving import KnownMemory, Saved
from snapshot.tree import TreeDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.memory import Region
    from snapshot.store.manifest import Manifest, Root
    from snapshot.store.packs import Packs
    from snapshot.tree import Tree

_WRITE_CHUNKS: Final = 16  # written at once: 1 MiB


def load_saved(
    manifest: Manifest, packs: Packs, new_region: Callable[[int], Region]
) -> tuple[Snapshot, Saved]:
    """Return a snapshot and the base for its successor.

    On failure: no region is left behind.
    Raises: ChunkMissing, ChunkDamaged, StoreDamaged.
    """
    module = read_bytes(manifest.module, packs)
    chunks = {hash_: read_bytes(root, packs) for hash_, root in manifest.chunks}
    heap_tree, stable_tree = read_tree(manifest.heap, packs), read_tree(manifest.stable, packs)
    heap = _filled(heap_tree, packs, new_region)
    try:
        stable = _filled(stable_tree, packs, new_region)
    except SandboxError:
        heap.region.close()
        raise
    content = Content(
        module=module,
        globals=manifest.globals,
        heap=heap,
        stable=stable,
        certified_data=manifest.certified_data,
        timer_ns=manifest.timer_ns,
        low_memory_hook=manifest.low_memory_hook,
        chunks=chunks,
    )
    snapshot = Snapshot(
        manifest.id, manifest.taken_on, manifest.label, manifest.origin, lambda: content
    )
    saved = Saved(manifest, KnownMemory(heap, heap_tree), KnownMemory(stable, stable_tree))
    return snapshot, saved


def read_tree(root: Root, packs: Packs) -> Tree:
    """Return a tree, its tables read and verified. Raises: StoreDamaged."""
    try:
        return tree.read(root.size_bytes, root.chunk, packs.fetch)
    except TreeDamaged as damage:
        raise StoreDamaged(f"tree {root.chunk.hex()}: {damage}") from damage


def read_bytes(root: Root, packs: Packs) -> bytes:
    """Return the bytes of a tree. Raises: StoreDamaged."""
    content = bytearray(root.size_bytes)
    for index, data in _chunks(read_tree(root, packs), packs):
        content[index * CHUNK_BYTES : index * CHUNK_BYTES + len(data)] = data
    return bytes(content)


def _filled(wanted: Tree, packs: Packs, new_region: Callable[[int], Region]) -> Held:
    region = new_region(wanted.size_bytes)
    try:
        for offset, data in _pieces(wanted, packs):
            region.write(offset, data)
        return Held(region)
    except SandboxError:
        region.close()
        raise


def _pieces(wanted: Tree, packs: Packs) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of neighbouring chunks together."""
    first, waiting = 0, list[bytes]()
    for index, data in _chunks(wanted, packs):
        if waiting and (index != first + len(waiting) or len(waiting) == _WRITE_CHUNKS):
            yield first * CHUNK_BYTES, b"".join(waiting)
            waiting = []
        if not waiting:
            first = index
        waiting.append(data)
    if waiting:
        yield first * CHUNK_BYTES, b"".join(waiting)


def _chunks(wanted: Tree, packs: Packs) -> Iterator[tuple[int, bytes]]:
    for index, name in sorted(wanted.levels[0].items()):
        data = packs.fetch(name)
        if len(data) != tree.chunk_size(wanted.size_bytes, index):
            raise StoreDamaged(f"chunk {name.hex()} of {len(data)} bytes cannot stand here")
        yield index, data
