"""Uploading into a sandbox's own shelf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.messages import Reject

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from snapshot.ids import SnapshotId
    from snapshot.shelf import SnapshotShelf
    from snapshot.transfer import Metadata, Piece


@dataclass(frozen=True, slots=True)
class ShelfTarget:
    """One canister's place on the shelf. replaced: the snapshot to be replaced, if any."""

    shelf: SnapshotShelf
    runtime: CanisterRuntime
    label: str = ""
    replaced: SnapshotId | None = None

    def begin(self, metadata: Metadata) -> SnapshotId | Reject:
        """Begin a snapshot that is all zero."""
        begun = self.shelf.upload_metadata(
            self.runtime, metadata, label=self.label, replaced=self.replaced
        )
        return begun if isinstance(begun, Reject) else begun.id

    def put(self, id_: SnapshotId, piece: Piece, data: bytes) -> Reject | None:
        """Put some bytes in."""
        return self.shelf.upload_data(id_, self.runtime.state.id, piece, data)
