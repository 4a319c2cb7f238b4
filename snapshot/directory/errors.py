"""Why a snapshot directory is not read or not written; the sandbox is then as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import SandboxError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class DirectoryRefused(UsageError):
    """The directory, or a file in it, is not what a snapshot directory holds.

    path: the file or directory at fault.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class TransferFailed(SandboxError):
    """The disk refused in the middle of a transfer; it can be resumed."""


class NotRepresentable(UsageError):
    """The snapshot holds what metadata.json has no words for."""
