"""Saving: a snapshot's new chunks into packs, then its manifest, in this order.

Invariants: a manifest is published after everything it names is durable; a chunk that stands
in a pack already is not written again; a memory that a base knows is read only where it
changed since; of a chunk with few changed pages, only those are written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from snapshot import tree
from snapshot.checksum import Roots, checksum_of_roots
from snapshot.content import CHUNK_BYTES, chunks_of, read_chunks
from snapshot.ids import ZERO_ID, ChunkId, StoredId, digest
from snapshot.store import manifest as manifests
from snapshot.store.files import NewFile, refusals
from snapshot.store.manifest import Manifest, Root
from snapshot.store.pack import PackWriter
from snapshot.store.patch import MAX_PAGES, cut, pages_by_chunk
from snapshot.store.proofs import about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sandbox.execution.canister import Held
    from snapshot.record import Snapshot
    from snapshot.store.files import Disk
    from snapshot.store.pack import Entry
    from snapshot.store.packs import Packs
    from snapshot.store.proofs import Proofs
    from snapshot.tree import Buffer, Tree


@dataclass(frozen=True, slots=True)
class KnownMemory:
    """A memory whose tree is in the store, as it was at a mark that is still held."""

    memory: Held
    tree: Tree


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save leaves behind: the manifest, and what makes the next one cheap.

    Keep it and pass it as ``base``; the memories then keep the pages changed since.
    """

    manifest: Manifest
    heap: KnownMemory
    stable: KnownMemory


class KnownChunks(Protocol):
    """What need not be written: ``Packs``, or those of them that stay."""

    def __contains__(self, chunk: ChunkId) -> bool: ...

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        """Take notice of a pack that was just written."""


class ChunkSink:
    """Takes chunks; writes those no pack has into new packs. A context manager.

    version: of the packs; 1 has no patches.
    """

    def __init__(
        self,
        disk: Disk,
        packs: KnownChunks,
        proofs: Proofs,
        temporary: Path,
        target: Path,
        version: int,
    ) -> None:
        self._disk = disk
        self._packs = packs
        self._proofs = proofs
        self._temporary = temporary
        self._target = target
        self._version = version
        self._writer: PackWriter | None = None
        self._new: set[ChunkId] = set()

    def __call__(self, data: Buffer) -> ChunkId:
        """Keep some bytes and return their name."""
        chunk = digest(data)
        self.keep(chunk, data)
        return chunk

    def keep(self, chunk: ChunkId, data: Buffer, base: ChunkId = ZERO_ID, pages: int = 0) -> None:
        """Keep some bytes whose name is known, unless a pack has them.

        base, pages: a chunk that a pack has whole, and where alone this one differs from it.
        """
        if chunk in self._packs or chunk in self._new:
            return
        if self._version == 1 or pages.bit_count() > MAX_PAGES:
            pages = 0
        if self._writer is None:
            self._writer = PackWriter(self._disk, self._temporary, self._version)
        if pages:
            self._writer.add(chunk, cut(data, pages), base, pages)
        else:
            self._writer.add(chunk, data)
        self._new.add(chunk)
        if self._writer.is_full:
            self.publish()

    def publish(self) -> None:
        """Make everything taken so far durable, and what was found in packs already."""
        if self._writer is None:
            # A pack that another process has just renamed may not have its name for good.
            with refusals(self._target):
                self._disk.sync_directory(self._target)
            return
        with self._writer as writer:
            self._writer = None
            path, entries = writer.publish(self._target)
        with refusals(path):
            if self._version >= 3:
                self._proofs.add(path, about(path))
            self._packs.learn(path, entries)
        self._new.clear()

    def __enter__(self) -> ChunkSink:
        return self

    def __exit__(self, *_unused: object) -> None:
        if self._writer is not None:
            self._writer.__exit__()


def save_content(
    snapshot: Snapshot, packs: Packs, sink: ChunkSink, base: Saved | None
) -> tuple[Manifest, KnownMemory, KnownMemory]:
    """Put everything of a snapshot but its manifest into packs; return the manifest."""
    content = snapshot.content
    module = tree.of_bytes(content.module, sink)
    chunks = [(hash_, tree.of_bytes(data, sink)) for hash_, data in sorted(content.chunks.items())]
    heap = _memory_tree(content.heap, packs, sink, base.heap if base else None)
    stable = _memory_tree(content.stable, packs, sink, base.stable if base else None)
    sink.publish()
    roots = Roots(
        module=module,
        globals=content.globals,
        heap=heap,
        stable=stable,
        certified_data=content.certified_data,
        timer_ns=content.timer_ns,
        low_memory_hook=content.low_memory_hook,
        chunk_hashes=tuple(content.chunks),
    )
    manifest = Manifest(
        stored_id=StoredId(""),
        id=snapshot.id,
        taken_on=snapshot.taken_on,
        label=snapshot.label,
        total_size=snapshot.total_size,
        checksum=checksum_of_roots(roots),
        origin=snapshot.origin,
        module_hash=content.module_hash,
        module=_root(module),
        globals=content.globals,
        heap=_root(heap),
        stable=_root(stable),
        certified_data=content.certified_data,
        timer_ns=content.timer_ns,
        low_memory_hook=content.low_memory_hook,
        chunks=tuple((hash_, _root(item)) for hash_, item in chunks),
    )
    return manifest, KnownMemory(content.heap, heap), KnownMemory(content.stable, stable)


def publish_manifest(manifest: Manifest, disk: Disk, temporary: Path, target: Path) -> Manifest:
    """Write the manifest; with its return the snapshot is stored."""
    data = manifests.encode(manifest)
    stored_id = manifests.stored_id(data)
    with NewFile(disk, temporary) as file:
        file.append([data])
        file.publish(target / f"{stored_id}{manifests.SUFFIX}")
    return replace(manifest, stored_id=stored_id)


def _memory_tree(memory: Held, packs: Packs, sink: ChunkSink, known: KnownMemory | None) -> Tree:
    size = memory.mark.size_bytes
    # Collecting garbage may have taken what the base named.
    if (
        known is None
        or known.memory.region is not memory.region
        or not packs.has_all(known.tree.ids())
    ):
        return tree.build(size, tree.named(chunks_of(memory), sink), sink)
    # Perhaps too many, never too few.
    changed = pages_by_chunk(memory.region.changed_between(known.memory.mark, memory.mark))
    chunks = _some_chunks(memory, sorted(changed))
    names = _successors(chunks, changed, known.tree.levels[0], packs, sink)
    return tree.build(size, names, sink, base=known.tree, changed=changed)


def _successors(
    chunks: Iterable[tuple[int, Buffer]],
    changed: Mapping[int, int],
    before: Mapping[int, ChunkId],
    packs: Packs,
    sink: ChunkSink,
) -> Iterator[tuple[int, ChunkId]]:
    """Keep chunks that changed in some pages since they were stored; yield their names."""
    for number, data in chunks:
        chunk = digest(data)
        basis = packs.basis(before[number]) if number in before else None
        if basis is None:
            sink.keep(chunk, data)
        else:
            whole, pages = basis
            sink.keep(chunk, data, whole, pages | changed[number])
        yield number, chunk


def _some_chunks(memory: Held, numbers: Iterable[int]) -> Iterator[tuple[int, Buffer]]:
    count = memory.mark.size_bytes // CHUNK_BYTES
    for number in numbers:
        if number < count:
            yield from read_chunks(memory, number, number + 1)


def _root(item: Tree) -> Root:
    return Root(item.size_bytes, item.root)
