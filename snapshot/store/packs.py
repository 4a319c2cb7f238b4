"""All packs of a store: which chunk stands where, and its bytes, verified when read.

The only place where chunk bytes come back from the disk; whatever it returns hashes to its
name. Other processes add and remove packs: ``refresh`` notices.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from snapshot.ids import ChunkId, digest
from snapshot.store.errors import ChunkDamaged, ChunkMissing, PackDamaged
from snapshot.store.files import read_exactly
from snapshot.store.pack import SUFFIX, Entry, read_index, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_OPEN_FILES: Final = 64


class Place(NamedTuple):
    """Where one copy of a chunk stands."""

    pack: Path
    offset: int
    length: int


class Packs:
    """The index over a directory of packs; ``close`` it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._places: dict[ChunkId, list[Place]] = {}
        self._known: dict[Path, tuple[Entry, ...]] = {}
        self._open: OrderedDict[Path, int] = OrderedDict()
        self._bad: dict[ChunkId, set[Place]] = {}
        self.damaged: dict[Path, PackDamaged] = {}

    def refresh(self) -> None:
        """Take notice of packs that came and went."""
        present = {path for path in self._directory.iterdir() if path.suffix == SUFFIX}
        for path in self._known.keys() - present:
            self._forget(path)
        for path in sorted(present - self._known.keys()):
            self.learn(path, self._entries(path))

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        """Take notice of one pack, also of one that took a damaged one's place."""
        if path in self._known:
            self._forget(path)
        self._known[path] = tuple(entries)
        for chunk, offset, length in self._known[path]:
            self._places.setdefault(chunk, []).append(Place(path, offset, length))

    def __contains__(self, chunk: ChunkId) -> bool:
        """Whether a copy stands in a pack, of which nothing bad is known."""
        places = self._places.get(chunk)
        if places is None or chunk not in self._bad:
            return places is not None
        return not self._bad[chunk].issuperset(places)

    def __iter__(self) -> Iterator[tuple[Path, tuple[Entry, ...]]]:
        return iter(sorted(self._known.items()))

    def has_all(self, chunks: Iterable[ChunkId]) -> bool:
        """Whether every one of these stands in a pack."""
        # As sets, not one by one: a 1 GiB memory has 16,000 of them.
        wanted = frozenset(chunks)
        return self._places.keys() >= wanted and not self._bad.keys() & wanted

    def places(self, chunk: ChunkId) -> tuple[Place, ...]:
        """Return all copies of a chunk."""
        return tuple(self._places.get(chunk, ()))

    def fetch(self, chunk: ChunkId) -> bytes:
        """Return a chunk's bytes from the first copy that is whole.

        Raises: ChunkMissing, ChunkDamaged.
        """
        failure: ChunkDamaged | ChunkMissing = ChunkMissing(chunk)
        for place in self.places(chunk):
            try:
                return self.read(chunk, place)
            except ChunkDamaged as damage:
                failure = damage
        raise failure

    def read(self, chunk: ChunkId, place: Place) -> bytes:
        """Return one copy's bytes.

        A damaged copy counts no more: what is saved from now on writes the chunk anew.
        Raises: ChunkDamaged.
        """
        try:
            return self._read(chunk, place)
        except ChunkDamaged:
            self._bad.setdefault(chunk, set()).add(place)
            raise

    def _read(self, chunk: ChunkId, place: Place) -> bytes:
        try:
            data = read_exactly(self._descriptor(place.pack), place.length, place.offset)
        except OSError as error:
            raise ChunkDamaged(chunk, place.pack, place.offset, str(error)) from error
        if len(data) < place.length:
            raise ChunkDamaged(chunk, place.pack, place.offset, "the file ends before it")
        actual = digest(data)
        if actual != chunk:
            reason = f"its bytes hash to {actual.hex()}"
            raise ChunkDamaged(chunk, place.pack, place.offset, reason)
        return data

    def close(self) -> None:
        """Close all files."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _entries(self, path: Path) -> tuple[Entry, ...]:
        try:
            return read_index(path)
        except PackDamaged as damage:
            self.damaged[path] = damage
        except OSError as error:
            self.damaged[path] = PackDamaged(path, error.strerror or str(error))
            return ()
        return tuple(walk(path))

    def _forget(self, path: Path) -> None:
        for entry in self._known.pop(path):
            self._bad.pop(entry.chunk, None)
            left = [place for place in self._places[entry.chunk] if place.pack != path]
            if left:
                self._places[entry.chunk] = left
            else:
                del self._places[entry.chunk]
        self.damaged.pop(path, None)
        if path in self._open:
            os.close(self._open.pop(path))

    def _descriptor(self, path: Path) -> int:
        if path not in self._open:
            self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._open) > _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(path)
        return self._open[path]
