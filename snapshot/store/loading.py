"""Loading: a stored snapshot's memories out of the packs into new regions.

What is read is verified; what is mapped stands in packs that are proven. Zero chunks are not
written, so what was sparse stays sparse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.errors import SandboxError
from sandbox.execution.canister import Held
from snapshot import tree
from snapshot.content import CHUNK_BYTES, Content
from snapshot.record import Snapshot
from snapshot.store.errors import StoreDamaged
from snapshot.store.mapping import map_memory
from snapshot.store.saving import KnownMemory, Saved
from snapshot.tree import TreeDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from sandbox.memory import Region
    from snapshot.store.manifest import Manifest, Root
    from snapshot.store.mapping import MapFiles
    from snapshot.store.packs import Packs
    from snapshot.store.proofs import Proofs
    from snapshot.tree import Tree

_WRITE_CHUNKS: Final = 16  # written at once: 1 MiB


@dataclass(frozen=True, slots=True)
class Loader:
    """Where memories come from, and how new ones are made.

    map_files: None to read everything.
    """

    packs: Packs
    proofs: Proofs
    new_region: Callable[[int], Region]
    map_files: MapFiles | None

    def memory(self, wanted: Tree) -> Held:
        """Return a memory with the content of a tree."""
        mapped = None
        if self.map_files is not None:
            mapped = map_memory(wanted, self.packs, self.proofs, self.map_files)
        region, present = mapped or (self.new_region(wanted.size_bytes), frozenset())
        try:
            for offset, data in _pieces(wanted, present, self.packs):
                region.write(offset, data)
            return Held(region)
        except SandboxError:
            region.close()
            raise


def load_saved(manifest: Manifest, loader: Loader) -> tuple[Snapshot, Saved]:
    """Return a snapshot and the base for its successor.

    On failure: no region is left behind.
    Raises: ChunkMissing, ChunkDamaged, StoreDamaged.
    """
    packs = loader.packs
    module = read_bytes(manifest.module, packs)
    chunks = {hash_: read_bytes(root, packs) for hash_, root in manifest.chunks}
    heap_tree, stable_tree = read_tree(manifest.heap, packs), read_tree(manifest.stable, packs)
    heap = loader.memory(heap_tree)
    try:
        stable = loader.memory(stable_tree)
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


def _pieces(wanted: Tree, present: AbstractSet[int], packs: Packs) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of what is not present, neighbouring chunks together."""
    first, waiting = 0, list[bytes]()
    for index, data in _chunks(wanted, packs, present):
        if waiting and (index != first + len(waiting) or len(waiting) == _WRITE_CHUNKS):
            yield first * CHUNK_BYTES, b"".join(waiting)
            waiting = []
        if not waiting:
            first = index
        waiting.append(data)
    if waiting:
        yield first * CHUNK_BYTES, b"".join(waiting)


def _chunks(
    wanted: Tree, packs: Packs, present: AbstractSet[int] = frozenset()
) -> Iterator[tuple[int, bytes]]:
    for index, name in sorted(wanted.levels[0].items()):
        if index in present:
            continue
        data = packs.fetch(name)
        if len(data) != tree.chunk_size(wanted.size_bytes, index):
            raise StoreDamaged(f"chunk {name.hex()} of {len(data)} bytes cannot stand here")
        yield index, data
