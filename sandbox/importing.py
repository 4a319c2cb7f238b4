"""A snapshot directory, read into a canister without a trace in the directory.

``snapshot.directory.upload`` notes its progress in the directory so that it can be resumed;
this reads somebody's only backup, or files under version control, perhaps from a read-only
disk, and must not.
Large memories are mapped where they lie: nothing is copied until a canister changes it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from sandbox.execution.capture import Held
from sandbox.memory import FilePart, OpenFile, RegionRefused
from sandbox.messages import Reject
from snapshot import directory as directories
from snapshot.content import Content
from snapshot.directory.check import read_chunk
from snapshot.directory.layout import BLOBS, data_ranges, open_regular
from snapshot.ids import SnapshotId
from snapshot.record import Origin, Snapshot, Source
from snapshot.transfer import Part

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.execution.machine import Machine
    from sandbox.handle import Canister
    from sandbox.memory import Region
    from sandbox.sandbox import Sandbox

# Copying so much takes 20 ms, and commits to a memory of its own are faster ever after.
_WORTH_MAPPING: Final = 64 << 20


def imported(ic: Sandbox, path: Path, canister: Canister, label: str = "") -> Snapshot:
    """Make a directory a snapshot of a canister; its files must stay as they are meanwhile.

    Raises: DirectoryRefused, CanisterRejected.
    """
    with ic.entered() as world:
        checked = directories.check(path, world.limits, world.loader.load)
        runtime, metadata = world.existing(canister.id), checked.metadata
        content = Content(
            module=checked.module,
            globals=metadata.globals,
            heap=_memory(world.machine, path / BLOBS[Part.HEAP], metadata.heap_bytes),
            stable=_memory(world.machine, path / BLOBS[Part.STABLE], metadata.stable_bytes),
            certified_data=metadata.certified_data,
            timer_ns=metadata.timer_ns,
            low_memory_hook=metadata.low_memory_hook,
            chunks={it: read_chunk(path, it, world.limits) for it in metadata.chunk_hashes},
        )
        origin = Origin(Source.UPLOADED, runtime.state.version)
        snapshot = Snapshot(
            SnapshotId.of(canister.id, 0), world.clock.now_ns, label, origin, lambda: content
        )
        found = world.snapshots.adopt(runtime, snapshot)
        if isinstance(found, Reject):
            raise found.to_exception()
        return found


def _memory(machine: Machine, file: Path, size_bytes: int) -> Held:
    if not size_bytes:
        return Held(machine.new_region())
    descriptor = open_regular(file)
    try:
        return Held(_region(machine, descriptor, size_bytes))
    finally:
        os.close(descriptor)


def _region(machine: Machine, descriptor: int, size_bytes: int) -> Region:
    if size_bytes >= _WORTH_MAPPING:
        try:
            part = FilePart(0, size_bytes, OpenFile(descriptor), 0)
            return machine.mapped_region([part], size_bytes)
        except RegionRefused:
            pass  # a kernel without what it takes: copied, then
    region = machine.new_region(size_bytes)
    for offset, length in data_ranges(descriptor, 0, size_bytes):
        region.write(offset, os.pread(descriptor, length, offset))
    return region
