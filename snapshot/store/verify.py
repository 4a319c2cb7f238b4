"""Verifying: read a store again, all of it or a sample, and name every fault with its place.

A finding says what is wrong, where, and which snapshots it hurts. Nothing is changed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snapshot.store.errors import ChunkDamaged, ChunkMissing, StoreDamaged
from snapshot.store.loading import read_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from snapshot.ids import ChunkId, StoredId
    from snapshot.store.manifest import Manifest
    from snapshot.store.packs import Packs, Place
    from snapshot.store.store import Store


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    path: the file; None for a chunk that is in none. offset: the byte in it, where known.
    hurts: the stored snapshots that cannot be loaded because of it.
    """

    problem: str
    path: Path | None = None
    offset: int | None = None
    hurts: tuple[StoredId, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what was found."""

    snapshots: int
    packs: int
    chunks: int
    bytes_read: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with what was looked at."""
        return not self.findings


def verify(
    store: Store,
    *,
    sample: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Check every manifest, table and pack index, and the bytes of chunks.

    sample: the share of chunks whose bytes are read, chosen by ``seed``.
    progress: told (chunks done, chunks to do).
    """
    with store.reading():
        listed = store.manifests()
        findings = [Finding(damage.reason, damage.path) for damage in store.damaged]
        findings += [
            Finding(damage.reason, path) for path, damage in sorted(store.packs.damaged.items())
        ]
        users, broken = _users(listed, store.packs)
        findings += broken
        missing = sorted(chunk for chunk in users if not store.packs.places(chunk))
        findings += [Finding(str(ChunkMissing(chunk)), hurts=users[chunk]) for chunk in missing]
        checked = _Chunks(store.packs, users, progress)
        # What a snapshot needs and nothing can be made of is looked at in any sample.
        lost = (chunk for chunk in users if chunk not in store.packs)
        checked.read(list(dict.fromkeys((*_sampled(store.packs, sample, seed), *lost))))
        return Verification(
            snapshots=len(listed),
            packs=sum(1 for _ in store.packs),
            chunks=checked.count,
            bytes_read=checked.bytes_read,
            findings=tuple(findings + checked.findings),
        )


class _Chunks:
    """Reads copies of chunks and collects what is wrong with them."""

    def __init__(
        self,
        packs: Packs,
        users: dict[ChunkId, tuple[StoredId, ...]],
        progress: Callable[[int, int], None],
    ) -> None:
        self._packs = packs
        self._users = users
        self._progress = progress
        self.findings: list[Finding] = []
        self.count = 0
        self.bytes_read = 0

    def read(self, chunks: list[ChunkId]) -> None:
        """Read all copies of these chunks."""
        for chunk in chunks:
            places = [at for at in self._packs.places(chunk) if not self._is_left(chunk, at)]
            damaged = [damage for place in places if (damage := self._damage(chunk, place))]
            hurts = self._users.get(chunk, ()) if len(damaged) == len(places) else ()
            self.findings += [
                Finding(damage.reason, damage.pack, damage.offset, hurts) for damage in damaged
            ]
            self.count += 1
            self._progress(self.count, len(chunks))

    def _is_left(self, chunk: ChunkId, place: Place) -> bool:
        """Whether this is a patch that nothing needs any more, so that its base was collected."""
        is_orphan = place.pages != 0 and all(at.pages for at in self._packs.places(place.base))
        return is_orphan and (chunk not in self._users or chunk in self._packs)

    def _damage(self, chunk: ChunkId, place: Place) -> ChunkDamaged | None:
        try:
            self.bytes_read += len(self._packs.read(chunk, place))
        except ChunkDamaged as damage:
            return damage
        return None


def references(manifest: Manifest, packs: Packs) -> Iterator[ChunkId]:
    """Yield every chunk and table a snapshot needs. Raises: StoreDamaged."""
    for _, root in manifest.roots():
        yield from read_tree(root, packs).ids()


def _users(
    listed: tuple[Manifest, ...], packs: Packs
) -> tuple[dict[ChunkId, tuple[StoredId, ...]], list[Finding]]:
    """Return which snapshots need each chunk, and the trees that cannot be followed."""
    users: dict[ChunkId, tuple[StoredId, ...]] = {}
    broken: list[Finding] = []
    for manifest in listed:
        for what, root in manifest.roots():
            try:
                names = set(read_tree(root, packs).ids())
            except StoreDamaged as damage:
                problem = f"the {what} cannot be followed: {damage}"
                broken.append(Finding(problem, hurts=(manifest.stored_id,)))
                continue
            for name in names:
                if manifest.stored_id not in users.get(name, ()):
                    users[name] = (*users.get(name, ()), manifest.stored_id)
    return users, broken


def _sampled(packs: Packs, share: float, seed: int) -> list[ChunkId]:
    """Return chunks in the order they stand on the disk."""
    listed = list(dict.fromkeys(entry.chunk for _, entries in packs for entry in entries))
    if share >= 1:
        return listed
    chosen = random.Random(seed).sample(range(len(listed)), round(share * len(listed)))  # noqa: S311  # no secret depends on it
    return [listed[at] for at in sorted(chosen)]
