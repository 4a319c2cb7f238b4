"""Snapshots of a durable world: known by their manifests, read when somebody needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapshot.record import Snapshot

if TYPE_CHECKING:
    from sandbox.execution.machine import Machine
    from snapshot.store import Manifest, Store


class StoredSnapshot(Snapshot):
    """A snapshot whose memories stay on disk until its content is asked for.

    Opening a world with ten snapshots of a large canister costs ten manifests.
    Requires: the store is open and still holds the snapshot when its content is first read.
    """

    def __init__(self, manifest: Manifest, store: Store, machine: Machine) -> None:
        super().__init__(
            manifest.id,
            manifest.taken_on,
            manifest.label,
            manifest.origin,
            lambda: store.load(manifest, machine.new_region, machine.mapped_region).content,
        )
        self._total_size = manifest.total_size
        # Fills the cached property: the manifest has it already.
        self.checksum = manifest.checksum

    def read(self) -> None:
        """Read the content now, verified. Raises: StoreDamaged."""
        assert self.content.module is not None

    @property
    def total_size(self) -> int:
        """Bytes, as the replica accounts them."""
        return self._total_size
