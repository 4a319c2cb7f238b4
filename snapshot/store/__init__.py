"""The durable store: snapshots as verified chunks on disk.

``Store`` saves and loads, ``verify`` re-reads, ``plan_collection`` and ``collect`` free what
nothing names, ``retained`` says which snapshots a rule keeps.
"""

from snapshot.store.errors import (
    ChunkDamaged,
    ChunkMissing,
    ManifestDamaged,
    NotAStore,
    PackDamaged,
    SnapshotUnknown,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
    StoreWriteFailed,
)
from snapshot.store.gc import Collection, collect, plan_collection
from snapshot.store.manifest import Manifest
from snapshot.store.retention import Retained, retained
from snapshot.store.saving import Saved
from snapshot.store.store import Store
from snapshot.store.verify import Finding, Verification, verify

__all__ = [
    "ChunkDamaged",
    "ChunkMissing",
    "Collection",
    "Finding",
    "Manifest",
    "ManifestDamaged",
    "NotAStore",
    "PackDamaged",
    "Retained",
    "Saved",
    "SnapshotUnknown",
    "Store",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreReadOnly",
    "StoreWriteFailed",
    "Verification",
    "collect",
    "plan_collection",
    "retained",
    "verify",
]
