"""Snapshot directories as dfx and icp-cli write and read them.

``download`` writes one; ``check`` looks one over, ``upload`` makes a snapshot of it.
"""

from snapshot.directory.check import Checked, check
from snapshot.directory.download import download
from snapshot.directory.errors import DirectoryRefused, NotRepresentable, TransferFailed
from snapshot.directory.layout import Dialect, Progress
from snapshot.directory.target import ShelfTarget
from snapshot.directory.upload import Target, upload

__all__ = [
    "Checked",
    "Dialect",
    "DirectoryRefused",
    "NotRepresentable",
    "Progress",
    "ShelfTarget",
    "Target",
    "TransferFailed",
    "check",
    "download",
    "upload",
]
