"""Collecting garbage: plan what nothing names, then delete it.

Rules: planning changes nothing; collecting is alone in the store; it refuses as long as
something that is named cannot be read, since what that names would be taken for garbage; what
a patch changes lives as long as the patch. A pack with live chunks is rewritten only when much
of it is dead; the new pack is durable before the old one goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from snapshot.store.errors import StoreDamaged, StoreReadOnly, StoreWriteFailed
from snapshot.store.files import exclusive_lock
from snapshot.store.pack import SUFFIX
from snapshot.store.verify import references

if TYPE_CHECKING:
    from collections.abc import Iterable
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
        return _planned(store)


def collect(store: Store) -> Collection:
    """Delete what nothing names; return what was done.

    On failure: no snapshot is affected; calling again goes on.
    Raises: StoreBusy, StoreReadOnly, StoreDamaged, StoreWriteFailed.
    """
    if store.is_read_only:
        raise StoreReadOnly(f"{store.path} was opened for reading only")
    with exclusive_lock(store.lock_path):
        store.packs.refresh()
        plan = _planned(store)
        live = _live(store)
        _rewrite(store, plan.rewritten, live)
        try:
            for path in (*plan.removed, *plan.rewritten, *plan.temporary):
                store.disk.remove(path)
            store.disk.sync_directory(store.packs_path)
        except OSError as refusal:
            raise StoreWriteFailed(f"{store.path}: {refusal.strerror}") from refusal
        store.packs.refresh()
    return plan


def _planned(store: Store) -> Collection:
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
    return Collection(tuple(removed), tuple(rewritten), temporary, freed, kept)


def _live(store: Store) -> set[ChunkId]:
    live: set[ChunkId] = set()
    packs = store.packs
    for manifest in store.manifests():
        live.update(references(manifest, packs))
    missing = [chunk for chunk in live if not packs.places(chunk)]
    if missing:
        raise StoreDamaged(
            f"not collecting, {len(missing)} chunks are missing, {missing[0].hex()} among them"
        )
    # Of what was named so far only: a base stands whole somewhere.
    live.update(place.base for chunk in tuple(live) for place in packs.places(chunk) if place.pages)
    return live


def _dead_bytes(entries: Iterable[Entry], live: set[ChunkId]) -> int:
    return sum(entry.length for entry in entries if entry.chunk not in live)


def _rewrite(store: Store, paths: tuple[Path, ...], live: set[ChunkId]) -> None:
    """Copy the live chunks of these packs, each verified, into new ones."""
    leaving = set(paths)
    entries = [entry for path, listed in store.packs if path in leaving for entry in listed]
    with store.sink(_Staying(store.packs, leaving)) as sink:
        # What stands whole first: a patch may need just that copy.
        for entry in sorted(entries, key=attrgetter("pages")):
            if entry.chunk in live:
                data = store.packs.fetch(entry.chunk)
                sink.keep(entry.chunk, data, entry.base, entry.pages)
        sink.publish()


class _Staying:
    """The packs that will still be there: a chunk whole in none of them has to be written."""

    def __init__(self, packs: Packs, leaving: set[Path]) -> None:
        self._packs = packs
        self._leaving = leaving
        self._copied: set[ChunkId] = set()

    def __contains__(self, chunk: ChunkId) -> bool:
        return chunk in self._copied or any(
            place.pack not in self._leaving and not place.pages
            for place in self._packs.places(chunk)
        )

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        """Take notice of a pack that was just written."""
        assert path.suffix == SUFFIX
        self._copied.update(entry.chunk for entry in entries)
