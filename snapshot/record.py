"""A snapshot as users hold it: the record of the proposal, over a captured state."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from snapshot.checksum import checksum

if TYPE_CHECKING:
    from sandbox.canister import Capture
    from sandbox.principal import Principal
    from snapshot.ids import SnapshotId

CHUNK_ACCOUNTED_BYTES = 1 << 20  # every chunk of the chunk store counts as 1 MiB
_GLOBAL_BYTES = 32  # what the replica accounts per global


class Snapshot:
    """One saved state of a canister; it stays what it is whatever the canister does.

    id: as on the IC; ``str(snapshot.id)`` is its hex form.
    taken_on: ns since 1970, the sandbox's clock. label: yours, may be empty.
    total_size: bytes, as the replica accounts them.
    checksum: BLAKE3 over the whole state, computed when first asked for.
    """

    def __init__(self, id_: SnapshotId, taken_on: int, label: str, capture: Capture) -> None:
        self.id = id_
        self.taken_on = taken_on
        self.label = label
        self.capture = capture
        self.total_size = _total_size(capture)

    @property
    def canister_id(self) -> Principal:
        """The canister it was taken of."""
        return self.id.canister

    @property
    def canister_version(self) -> int:
        """The canister's version when it was taken."""
        return self.capture.state.version

    @cached_property
    def checksum(self) -> str:
        """BLAKE3 over module, globals, both memories, certified data, timer, chunk store."""
        return checksum(self.capture)

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Snapshot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        return f"<Snapshot {self.id}{label}, {self.total_size:,} bytes>"


def _total_size(capture: Capture) -> int:
    """Source: reference/management_canister.md section 3.5 (a taken snapshot)."""
    state = capture.state
    module = state.module
    assert module is not None, "an empty canister has no snapshots"
    instruction_counter = 1
    return (
        capture.heap.mark.size_bytes
        + capture.stable.mark.size_bytes
        + _GLOBAL_BYTES * (len(module.shape.globals) + instruction_counter)
        + len(module.raw)
        + CHUNK_ACCOUNTED_BYTES * len(state.chunks)
        + len(state.certified_data)
    )
