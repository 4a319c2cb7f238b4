"""A snapshot directory, read into a canister without a trace in the directory.

``snapshot.directory.upload`` notes its progress in the directory so that it can be resumed;
a rehearsal reads somebody's only backup, perhaps from a read-only disk, and must not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox.errors import UsageError
from sandbox.messages import Reject
from snapshot import directory as directories
from snapshot.directory.check import read_chunk
from snapshot.directory.layout import BLOBS, PIECE_BYTES, data_ranges, open_regular
from snapshot.transfer import Part, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.handle import Canister
    from sandbox.sandbox import Sandbox
    from snapshot.directory import Checked
    from snapshot.record import Snapshot


def imported(ic: Sandbox, path: Path, canister: Canister) -> Snapshot:
    """Make a directory a snapshot of a canister; holes in its files are passed over.

    Raises: DirectoryRefused, CanisterRejected.
    """
    with ic.entered() as world:
        checked = directories.check(path, world.limits, world.loader.load)
        target = directories.ShelfTarget(world.snapshots, world.existing(canister.id))
        begun = target.begin(checked.metadata)
        if isinstance(begun, Reject):
            raise begun.to_exception()
        for piece, data in _pieces(ic, checked):
            refusal = target.put(begun, piece, data)
            if refusal is not None:
                raise refusal.to_exception()
        found = world.snapshots.get(begun)
    if found is None:
        raise UsageError(f"the snapshot in {path} went away while it was read")
    return found


def _pieces(ic: Sandbox, checked: Checked) -> Iterator[tuple[Piece, bytes]]:
    module, metadata = checked.module, checked.metadata
    for start in range(0, len(module), PIECE_BYTES):
        yield Piece(Part.MODULE, start), module[start : start + PIECE_BYTES]
    for part, size in ((Part.HEAP, metadata.heap_bytes), (Part.STABLE, metadata.stable_bytes)):
        if size:
            yield from _memory(checked.path / BLOBS[part], part, size)
    for hash_ in metadata.chunk_hashes:
        yield Piece(Part.CHUNK), read_chunk(checked.path, hash_, ic.limits)


def _memory(file: Path, part: Part, size: int) -> Iterator[tuple[Piece, bytes]]:
    descriptor = open_regular(file)
    try:
        for offset, length in data_ranges(descriptor, 0, size):
            yield Piece(part, offset), os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
