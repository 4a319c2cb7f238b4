"""Where things stand in a snapshot directory, and how the two dialects differ.

Source: reference/snapshot_directory_format.md sections 1 and 3.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from snapshot.directory.errors import DirectoryRefused
from snapshot.transfer import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

METADATA: Final = "metadata.json"
CHUNKS: Final = "wasm_chunk_store"
BLOBS: Final = {
    Part.MODULE: "wasm_module.bin",
    Part.HEAP: "wasm_memory.bin",
    Part.STABLE: "stable_memory.bin",
}
PIECE_BYTES: Final = 2_000_000  # what dfx and icp-cli transfer at once

# Told (file, bytes done, bytes to do).
Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Told (file name, bytes done, bytes in all)."""


class Dialect(StrEnum):
    """Whose directories to write."""

    DFX = "dfx"
    ICP_CLI = "icp-cli"


@dataclass(frozen=True, slots=True)
class Habits:
    """What a dialect does.

    empty_stable: stable_memory.bin is made when there is nothing to put in.
    chunk_directory: wasm_chunk_store is made without chunks too.
    preallocates: files have their full length from the start, and a file says how far they are.
    """

    empty_stable: bool
    chunk_directory: bool
    preallocates: bool
    not_empty: str


HABITS: Final = {
    Dialect.DFX: Habits(
        empty_stable=False,
        chunk_directory=False,
        preallocates=False,
        not_empty="Directory '{}' is not empty (to resume an aborted download, use `--resume`)",
    ),
    Dialect.ICP_CLI: Habits(
        empty_stable=True,
        chunk_directory=True,
        preallocates=True,
        not_empty=(
            "Directory {} is not empty. Use --resume to continue a previous download or choose "
            "an empty directory."
        ),
    ),
}


def chunk_path(directory: Path, hash_: bytes) -> Path:
    """Return where a chunk of the chunk store stands."""
    return directory / CHUNKS / f"{hash_.hex()}.bin"


def open_regular(path: Path) -> int:
    """Open a file for reading; a link, a pipe or a device is refused.

    Raises: DirectoryRefused.
    """
    try:
        # O_NONBLOCK: a pipe put in the file's place must not hang us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DirectoryRefused(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DirectoryRefused(path, "it is not a regular file")
    return descriptor


def data_ranges(descriptor: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (offset, length) of what is not a hole, in pieces of at most ``PIECE_BYTES``."""
    while start < end:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        stop = min(os.lseek(descriptor, start, os.SEEK_HOLE), end)
        while start < stop:
            length = min(PIECE_BYTES, stop - start)
            yield start, length
            start += length
