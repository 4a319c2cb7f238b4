"""What can go wrong with a store: the type says who is to blame, the fields say where.

After any of these the store is what it was, or holds more that nothing names (``gc``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from snapshot.ids import ChunkId


class StoreError(SandboxError):
    """Root of everything a store raises that is not the caller's mistake."""


class StoreDamaged(StoreError):
    """What is on the disk is not what was written there."""


class ChunkMissing(StoreDamaged):
    """A snapshot names a chunk that no pack has."""

    def __init__(self, chunk: ChunkId) -> None:
        super().__init__(f"chunk {chunk.hex()} is in no pack")
        self.chunk = chunk


class ChunkDamaged(StoreDamaged):
    """A chunk's bytes do not hash to its name any more."""

    def __init__(self, chunk: ChunkId, pack: Path, offset: int, reason: str) -> None:
        super().__init__(f"chunk {chunk.hex()} at byte {offset} of {pack}: {reason}")
        self.chunk = chunk
        self.pack = pack
        self.offset = offset
        self.reason = reason


class PackDamaged(StoreDamaged):
    """A pack's index cannot be read; the chunks still found by walking it are used."""

    def __init__(self, pack: Path, reason: str) -> None:
        super().__init__(f"{pack}: {reason}")
        self.pack = pack
        self.reason = reason


class ManifestDamaged(StoreDamaged):
    """A manifest does not hash to its own name, or says what no manifest can say."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StoreWriteFailed(StoreError):
    """The disk refused: full, failing, gone. Nothing that was acknowledged is lost."""


class StoreReadOnly(StoreError):
    """The store was opened for reading, or may not be written by this user."""


class StoreBusy(StoreError):
    """Another process is saving or loading; collecting garbage has to wait for it."""


class NotAStore(UsageError):
    """There is no store here, or one of a format this version does not know."""


class SnapshotUnknown(UsageError):
    """No stored snapshot has this name, or several have."""
