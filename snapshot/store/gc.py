"""Collecting garbage: plan what nothing names, then delete it.

Rules: planning changes nothing; collecting is alone in the store; it refuses as long as
something that is named cannot be read, since what that names would be taken for garbage; what
a patch changes lives as long as the patch. A pack with live chunks is rewritten only when much
of it is dead; the new pack is durable before the old one goes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from snapshot.store.errors import ChunkDamaged, StoreDamaged, StoreReadOnly, StoreWriteFailed
from snapshot.store.files import exclusive_lock
from snapshot.store.verify import references

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

    from snapshot.ids import ChunkId
    from snapshot.store.pack import Entry
    from snapshot.store.packs import Packs
    from snapshot.store.store import Store

# Rewriting a pack for less would cost more writing than it frees.
_DEAD_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Collection:
    """What is to go.

    removed: packs nothing needs. rewritten: packs that live chunks are copied out of first.
    temporary: files that were never published. kept_dead_bytes: garbage not worth the work.
    """

    removed: tuple[Path, ...]
    rewritten: tuple[Path, ...]
    temporary: tuple[Path, ...]
    freed_bytes: int
    kept_dead_bytes: int


def plan_collection(store: Store) -> Collection:
    """Say what ``collect`` would do.

    Raises: StoreDamaged when a manifest, a pack or a table cannot be read.
    """
    with store.reading():
        return _planned(store)[0]


def collect(store: Store) -> Collection:
    """Delete what nothing names; return what was done.

    On failure: no snapshot is affected; calling again goes on.
    Raises: StoreBusy, StoreReadOnly, StoreDamaged, StoreWriteFailed.
    """
    if store.is_read_only:
        raise StoreReadOnly(f"{store.path} was opened for reading only")
    with exclusive_lock(store.lock_path):
        store.packs.refresh()
        plan, live = _planned(store)
        # First what nothing needs: on a full disk that makes the room for the rest.
        _remove(store, (*plan.removed, *plan.temporary))
        _rewrite(store, plan.rewritten, live)
        _remove(store, plan.rewritten)
        store.packs.refresh()
        store.proofs.keep(path for path, _ in store.packs)
    return plan


def _remove(store: Store, paths: Iterable[Path]) -> None:
    try:
        for path in paths:
            store.disk.remove(path)
        store.disk.sync_directory(store.packs_path)
    except OSError as refusal:
        raise StoreWriteFailed(f"{store.path}: {refusal.strerror}") from refusal


def _planned(store: Store) -> tuple[Collection, dict[ChunkId, None]]:
    """Return what is to go, and what must not."""
    if store.damaged:
        raise StoreDamaged(f"not collecting, a manifest is damaged: {store.damaged[0]}")
    if store.packs.damaged:
        damage = next(iter(store.packs.damaged.values()))
        raise StoreDamaged(f"not collecting, a pack is damaged: {damage}")
    live = _live(store)
    removed: list[Path] = []
    rewritten: list[Path] = []
    freed = kept = 0
    for path, entries in store.packs:
        dead = _dead_bytes(entries, live)
        size = path.stat().st_size
        if all(entry.chunk not in live for entry in entries):
            removed.append(path)
            freed += size
        elif dead > _DEAD_SHARE * size:
            rewritten.append(path)
            freed += dead
        else:
            kept += dead
    tmp = store.temporary_path
    temporary = tuple(sorted(tmp.iterdir())) if tmp.exists() else ()
    freed += sum(path.stat().st_size for path in temporary)
    return Collection(tuple(removed), tuple(rewritten), temporary, freed, kept), live


def _live(store: Store) -> dict[ChunkId, None]:
    """Return what snapshots need, bases of patches included.

    In the order of the newest one's memories, then of the others: so it is written anew, and
    memories can be mapped.
    """
    packs = store.packs
    live: dict[ChunkId, None] = {}
    missing: list[ChunkId] = []
    for manifest in reversed(store.manifests()):
        for chunk in references(manifest, packs):
            basis = packs.basis(chunk)
            if basis is None:
                missing.append(chunk)
            else:
                live.update({basis[0]: None, chunk: None})
    if missing:
        raise StoreDamaged(
            f"not collecting, {len(missing)} chunks are missing, {missing[0].hex()} among them"
        )
    return live


def _dead_bytes(entries: Iterable[Entry], live: Container[ChunkId]) -> int:
    return sum(entry.length for entry in entries if entry.chunk not in live)


def _rewrite(store: Store, paths: tuple[Path, ...], live: Iterable[ChunkId]) -> None:
    """Copy the live chunks of these packs, each verified, into new ones, in their order."""
    packs, leaving = store.packs, set(paths)
    listed = {entry.chunk for path, entries in packs if path in leaving for entry in entries}
    with store.sink(_NothingKnown()) as sink:
        for chunk in live:
            if chunk in listed and not _stays(packs, chunk, leaving):
                data = packs.fetch(chunk)
                # As it stands; the base of a patch is live, and stays or is copied whole.
                basis = packs.basis(chunk)
                assert basis is not None, "what was fetched can be read"
                sink.keep(chunk, data, *basis)
        sink.publish()


def _stays(packs: Packs, chunk: ChunkId, leaving: set[Path]) -> bool:
    """Whether the copy that is counted on has a twin in a pack that stays, and it can be read.

    A chunk may stand whole here and as a patch there, or as patches of several bases, of which
    only one is live; and a damaged copy may stay while the good one goes.
    """
    for place in packs.places(chunk):
        stands_on = (place.base, place.pages) if place.pages else (chunk, 0)
        if place.pack not in leaving and packs.basis(chunk) == stands_on:
            with suppress(ChunkDamaged):
                packs.read(chunk, place)
                return True
    return False


class _NothingKnown:
    """The packs a collection looks at: what is to be copied was decided before."""

    def __contains__(self, chunk: ChunkId) -> bool:
        return False

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        """Take no notice."""
