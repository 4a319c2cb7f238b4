"""All packs of a store: which chunk stands where, and its bytes, verified when read.

The only place where chunk bytes come back from the disk; whatever it returns hashes to its
name. Other processes add and remove packs: ``refresh`` notices.
"""

from __future__ import annotations

import re
import stat
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary

from sandbox.memory import OpenFile
from snapshot.ids import ChunkId, digest
from snapshot.store.errors import ChunkDamaged, ChunkMissing, PackDamaged
from snapshot.store.files import read_exactly
from snapshot.store.pack import SUFFIX, Entry, read_index, walk
from snapshot.store.patch import applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_OPEN_FILES: Final = 64
_NAME: Final = re.compile(f"[0-9a-f]{{64}}{re.escape(SUFFIX)}")


class Place(NamedTuple):
    """Where one copy of a chunk stands, whole or (``pages`` is not 0) as a patch of its base."""

    pack: Path
    offset: int
    length: int
    base: ChunkId
    pages: int


class Packs:
    """The index over a directory of packs; ``close`` it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._whole: dict[ChunkId, list[Place]] = {}
        self._patches: dict[ChunkId, list[Place]] = {}
        self._known: dict[Path, tuple[Entry, ...]] = {}
        self._inodes: dict[Path, int] = {}
        # Those used last, and those that somebody else still uses.
        self._open: OrderedDict[Path, OpenFile] = OrderedDict()
        self._lent: WeakValueDictionary[Path, OpenFile] = WeakValueDictionary()
        self._bad: dict[ChunkId, set[Place]] = {}
        self.damaged: dict[Path, PackDamaged] = {}

    def refresh(self) -> None:
        """Take notice of packs that came and went, or that took a damaged one's place."""
        found = {path: _inode(path) for path in self._directory.iterdir() if _is_pack(path)}
        present = {path: inode for path, inode in found.items() if inode is not None}
        for path, _ in self._inodes.items() - present.items():
            self._forget(path)
        for path, inode in sorted(present.items() - self._inodes.items()):
            self._learn(path, inode, self._entries(path))

    def learn(self, path: Path, entries: Iterable[Entry]) -> None:
        """Take notice of a pack that was just written. Raises: OSError."""
        self._learn(path, path.stat().st_ino, entries)

    def _learn(self, path: Path, inode: int, entries: Iterable[Entry]) -> None:
        if path in self._known:
            self._forget(path)
        self._known[path], self._inodes[path] = tuple(entries), inode
        for chunk, offset, length, base, pages in self._known[path]:
            places = self._patches if pages else self._whole
            places.setdefault(chunk, []).append(Place(path, offset, length, base, pages))

    def __contains__(self, chunk: ChunkId) -> bool:
        """Whether a copy can be read, as far as is known."""
        return self.basis(chunk) is not None

    def basis(self, chunk: ChunkId) -> tuple[ChunkId, int] | None:
        """Return a chunk that stands whole, and the pages in which this one differs from it.

        Itself and no pages where it stands whole; None where it cannot be read.
        """
        if self._good(self._whole, chunk):
            return chunk, 0
        for place in self._good(self._patches, chunk):
            # Of a base only whole copies count: a damaged store may have patches in a circle.
            if self._good(self._whole, place.base):
                return place.base, place.pages
        return None

    def __iter__(self) -> Iterator[tuple[Path, tuple[Entry, ...]]]:
        return iter(sorted(self._known.items()))

    def has_all(self, chunks: Iterable[ChunkId]) -> bool:
        """Whether every one of these can be read, as far as is known."""
        wanted = frozenset(chunks)
        if self._bad:
            return all(chunk in self for chunk in wanted)
        # By their names alone: a 1 GiB memory has 16,000 of them.
        whole, patches = self._whole, self._patches
        return all(
            any(place.base in whole for place in patches.get(chunk, ()))
            for chunk in wanted - whole.keys()
        )

    def places(self, chunk: ChunkId) -> tuple[Place, ...]:
        """Return all copies of a chunk, those that are whole first."""
        return (*self._whole.get(chunk, ()), *self._patches.get(chunk, ()))

    def whole(self, chunk: ChunkId) -> list[Place]:
        """Return the copies that are no patches and of which nothing bad is known."""
        return self._good(self._whole, chunk)

    def patched(self, chunk: ChunkId) -> tuple[Place | None, list[Place]]:
        """Return a patch and the copies of its base; the base is whole."""
        for place in self._good(self._patches, chunk):
            bases = self._good(self._whole, place.base)
            if bases:
                return place, bases
        return None, []

    def standing_in(self, pack: Path) -> Iterator[tuple[ChunkId, Place]]:
        """Yield all that a pack has."""
        for chunk, offset, length, base, pages in self._known[pack]:
            yield chunk, Place(pack, offset, length, base, pages)

    def raw(self, place: Place) -> bytes:
        """Return the bytes of a copy, or of the pages of a patch, as they are.

        Raises: OSError; what the file ends before is missing.
        """
        return read_exactly(self.opened(place.pack).descriptor, place.length, place.offset)

    def opened(self, pack: Path) -> OpenFile:
        """Return a pack's file, always the same while somebody uses it, gone from the store or not.

        Raises: OSError.
        """
        file = self._lent.get(pack)
        if file is None:
            file = self._lent[pack] = OpenFile.at(pack)
        self._open[pack] = file
        self._open.move_to_end(pack)
        if len(self._open) > _OPEN_FILES:
            self._open.popitem(last=False)
        return file

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
        except ChunkDamaged as damage:
            # Not the copy's own fault is a disk that does not answer, or a lost base.
            if damage.__cause__ is None:
                self._bad.setdefault(chunk, set()).add(place)
            raise

    def _read(self, chunk: ChunkId, place: Place) -> bytes:
        try:
            data = self.raw(place)
        except OSError as error:
            raise ChunkDamaged(chunk, place.pack, place.offset, str(error)) from error
        if len(data) < place.length:
            raise ChunkDamaged(chunk, place.pack, place.offset, "the file ends before it")
        if place.pages:
            data = applied(self._read_base(chunk, place), place.pages, data)
        actual = digest(data)
        if actual != chunk:
            reason = f"its bytes hash to {actual.hex()}"
            raise ChunkDamaged(chunk, place.pack, place.offset, reason)
        return data

    def _read_base(self, chunk: ChunkId, place: Place) -> bytes:
        failure: ChunkDamaged | ChunkMissing = ChunkMissing(place.base)
        for whole in self._whole.get(place.base, ()):
            try:
                return self.read(place.base, whole)
            except ChunkDamaged as damage:
                failure = damage
        reason = f"it changes another chunk, and {failure}"
        raise ChunkDamaged(chunk, place.pack, place.offset, reason) from failure

    def _good(self, places: Mapping[ChunkId, list[Place]], chunk: ChunkId) -> list[Place]:
        """Return the copies of which nothing bad is known."""
        copies = places.get(chunk, [])
        bad = self._bad.get(chunk)
        return [place for place in copies if place not in bad] if bad else copies

    def close(self) -> None:
        """Close all files that nobody else uses."""
        self._open.clear()

    def _entries(self, path: Path) -> tuple[Entry, ...]:
        try:
            try:
                return read_index(path)
            except PackDamaged as damage:
                self.damaged[path] = damage
                return tuple(walk(path))
        except OSError as error:
            self.damaged[path] = PackDamaged(path, error.strerror or str(error))
            return ()

    def _forget(self, path: Path) -> None:
        del self._inodes[path]
        for entry in self._known.pop(path):
            self._bad.pop(entry.chunk, None)
            places = self._patches if entry.pages else self._whole
            left = [place for place in places.pop(entry.chunk, ()) if place.pack != path]
            if left:
                places[entry.chunk] = left
        self.damaged.pop(path, None)
        self._lent.pop(path, None)
        self._open.pop(path, None)


def _is_pack(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


def _inode(path: Path) -> int | None:
    """Return which file it is; None for what is none, or cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino if stat.S_ISREG(found.st_mode) else None
