"""Large memories, mapped from the packs that hold them: nothing is read before it is used.

What stands in a pack as it stands in the memory becomes one part of the memory, stale chunks
in between included: what has changed since is written over them, of a patch only its pages. The
other chunks are left to be read. Packs that are used so are proven (``snapshot.store.proofs``),
so a chunk that somebody damaged is found as if it was read.
"""

from __future__ import annotations

from functools import cache
from heapq import nlargest
from typing import TYPE_CHECKING, Final, NamedTuple

from sandbox.errors import SandboxError
from sandbox.memory import OS_PAGE, FilePart, RegionRefused
from snapshot.content import CHUNK_BYTES
from snapshot.store.errors import ChunkDamaged
from snapshot.store.patch import pages_in
from snapshot.store.proofs import about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from typing import TypeAlias

    from sandbox.memory import OpenFile, Region
    from snapshot.store.packs import Packs, Place
    from snapshot.store.proofs import Proofs
    from snapshot.tree import Tree

    MapFiles: TypeAlias = Callable[[Sequence[FilePart], int], Region]
    """Makes a memory of (parts of files, size in bytes). Raises: RegionRefused."""

# Reading so much takes 10 ms, and commits to a memory of its own are faster ever after.
_WORTH_MAPPING: Final = 8 << 20
# Each is a mapping of every view of the memory; what is in others is read.
_MAX_RUNS: Final = 128
# Each page of a patch is written on its own: 8,000 take as long as reading 128 MiB, and so many
# runs of own pages no memory may have (``sandbox.memory.layered_image``).
_MAX_PATCHED_PAGES: Final = 4_096


class _Standing(NamedTuple):
    """Where a chunk of the memory can be mapped; a patch is then written over its base."""

    number: int
    whole: Place
    patch: Place | None

    @property
    def shift(self) -> tuple[int, Path]:
        """The same for all chunks that one part of a pack can show."""
        return self.whole.offset - self.number * CHUNK_BYTES, self.whole.pack


class _Run(NamedTuple):
    """Chunks that one part of a pack can show, and others between them; none of zeros."""

    chunks: list[_Standing]

    @property
    def pack(self) -> Path:
        """Where the chunks stand."""
        return self.chunks[0].whole.pack

    @property
    def numbers(self) -> range:
        """The chunks' numbers, with those in between."""
        return range(self.chunks[0].number, self.chunks[-1].number + 1)

    def part(self, file: OpenFile) -> FilePart:
        """Return what of the pack is to be mapped."""
        start, length = self.numbers.start * CHUNK_BYTES, len(self.numbers) * CHUNK_BYTES
        return FilePart(start, length, file, self.chunks[0].whole.offset)


def map_memory(
    wanted: Tree, packs: Packs, proofs: Proofs, map_files: MapFiles
) -> tuple[Region, AbstractSet[int]] | None:
    """Return a memory in which some chunks stand, and the numbers of those.

    The others may hold anything, but where the tree has no chunk there are zeros.
    None where nothing can be mapped, or so little that reading is better.
    """
    if len(wanted.levels[0]) * CHUNK_BYTES < _WORTH_MAPPING:
        return None
    runs = _disjoint(_runs(_standing(wanted, packs)))
    proven = cache(lambda pack: _proven(pack, packs, proofs))
    # The files stay open from here on: what is mapped is what was compared with its proof.
    chosen = [(run, file) for run in runs if (file := proven(run.pack)) is not None]
    if not _is_worth_it([chunk for run, _ in chosen for chunk in run.chunks]):
        return None
    try:
        region = map_files([run.part(file) for run, file in chosen], wanted.size_bytes)
    except (OSError, RegionRefused):  # the platform, or too many mapped already
        return None
    try:
        present = set[int]()
        for number, _, patch in (chunk for run, _ in chosen for chunk in run.chunks):
            if patch is not None:
                if proven(patch.pack) is None or (data := _read(patch, packs)) is None:
                    continue
                for at, page in pages_in(data, patch.pages):
                    region.write(number * CHUNK_BYTES + at, page)
            present.add(number)
    except SandboxError:
        region.close()
        raise
    return region, present


def _is_worth_it(chunks: Sequence[_Standing]) -> bool:
    patched = sum(patch.pages.bit_count() for _, _, patch in chunks if patch is not None)
    return len(chunks) * CHUNK_BYTES >= _WORTH_MAPPING and patched <= _MAX_PATCHED_PAGES


def _standing(wanted: Tree, packs: Packs) -> Iterator[_Standing | None]:
    """Yield for each chunk, in order, where it can be mapped; None where it cannot."""
    for number, chunk in sorted(wanted.levels[0].items()):
        places = packs.whole(chunk)
        patch = None
        if not places:
            patch, places = packs.patched(chunk)
        if places and places[0].length == CHUNK_BYTES and not places[0].offset % OS_PAGE:
            yield _Standing(number, places[0], patch)
        else:
            yield None


def _runs(standing: Iterable[_Standing | None]) -> list[_Run]:
    """Return the runs, as long as they can be.

    standing: of every chunk that is not zero, in order. A 1 GiB memory has 16,000.
    """
    found: dict[tuple[int, Path, int], _Run] = {}
    for at, chunk in enumerate(standing):
        if chunk is None:
            continue
        key = *chunk.shift, chunk.number - at  # as many zeros before
        if key not in found:
            found[key] = _Run([])
        found[key].chunks.append(chunk)
    return list(found.values())


def _disjoint(runs: Iterable[_Run]) -> list[_Run]:
    """Return the longest runs, none of which reaches into another, in order."""
    chosen = list[_Run]()
    for run in nlargest(4 * _MAX_RUNS, runs, key=lambda run: len(run.chunks)):
        mine = run.numbers
        others = (other.numbers for other in chosen)
        if all(mine.stop <= other.start or other.stop <= mine.start for other in others):
            chosen.append(run)
    return sorted(chosen[:_MAX_RUNS], key=lambda run: run.numbers.start)


def _read(patch: Place, packs: Packs) -> bytes | None:
    """Return the pages of a patch; None where they cannot be read, and why is told later."""
    try:
        data = packs.raw(patch)
    except OSError:
        return None
    return data if len(data) == patch.length else None


def _proven(pack: Path, packs: Packs, proofs: Proofs) -> OpenFile | None:
    """Return a pack's file if its chunks are right; reads it where there is no proof yet."""
    try:
        file = packs.opened(pack)
        if proofs.holds(pack, file):
            return file
        seen = about(file.descriptor)
    except OSError:
        return None
    if proofs.is_refuted(pack, seen):
        return None
    if not _is_right(pack, packs):
        proofs.refute(pack, seen)
        return None
    proofs.add(pack, seen)
    return file


def _is_right(pack: Path, packs: Packs) -> bool:
    """Read and verify all of a pack."""
    places = list(packs.standing_in(pack))
    # A patch without its base cannot be verified, and the base may come back.
    if not all(packs.whole(place.base) for _, place in places if place.pages):
        return False
    try:
        for chunk, place in places:
            packs.read(chunk, place)
    except ChunkDamaged:
        return False
    return True
