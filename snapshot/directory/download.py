"""Writing a snapshot directory: files dfx and icp-cli read, holes left holes, resumable.

A dfx file is complete up to its length, so an interrupted one goes on there. An icp-cli file
has its full length from the start, and ``.download_progress.json`` says up to where it is
complete. Nothing is ever held in memory but one piece.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from snapshot.directory import metadata as metadata_text
from snapshot.directory.errors import DirectoryRefused, TransferFailed
from snapshot.directory.layout import (
    BLOBS,
    CHUNKS,
    HABITS,
    METADATA,
    PIECE_BYTES,
    Dialect,
    Progress,
    chunk_path,
)
from snapshot.transfer import Part, metadata_of, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapshot.content import Content
    from snapshot.record import Snapshot

PROGRESS_FILE: Final = ".download_progress.json"
_LOCK_FILE: Final = ".lock"
_KEYS: Final = {part: part.value for part in BLOBS}
_SYNC_EVERY: Final = 64  # pieces; an icp-cli download goes on from the last sync


def download(
    snapshot: Snapshot,
    directory: str | os.PathLike[str],
    *,
    dialect: Dialect | str = Dialect.DFX,
    resume: bool = False,
    lossy: bool = False,
    progress: Progress = lambda _name, _done, _total: None,
) -> None:
    """Write a snapshot into a directory, which is made when it does not exist.

    resume: go on with an interrupted download of the same snapshot.
    lossy: see ``metadata.encode``.

    On failure: what was written stays, to be resumed.
    Raises: DirectoryRefused (not empty, another snapshot's), NotRepresentable,
        TransferFailed.
    """
    path, dialect = Path(directory), Dialect(dialect)
    text = metadata_text.encode(metadata_of(snapshot), lossy=lossy).encode()
    with _failures(path):
        _prepare(path, text, dialect, resume=resume)
        writer = _Writer(path, dialect, progress)
        for part in BLOBS:
            writer.write(snapshot.content, part)
        _write_chunks(path, snapshot.content, dialect)
        writer.finish()


class _Writer:
    """Writes the three big files and keeps track of how far they are."""

    def __init__(self, directory: Path, dialect: Dialect, progress: Progress) -> None:
        self._directory = directory
        self._habits = HABITS[dialect]
        self._progress = progress
        self._frontiers = self._read_frontiers() if self._habits.preallocates else {}

    def write(self, content: Content, part: Part) -> None:
        """Write one file, or what is missing of it."""
        size = size_of(content, part)
        path = self._directory / BLOBS[part]
        if not size and part is Part.STABLE and not self._habits.empty_stable:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            length = os.fstat(descriptor).st_size
            if length > size:
                raise DirectoryRefused(path, f"it is longer than the {size} bytes it should have")
            done = self._frontiers.get(part, 0) if self._habits.preallocates else length
            if self._habits.preallocates:
                os.ftruncate(descriptor, size)
            self._fill(descriptor, content, part, done)
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
            self._reach(part, size)
            self._progress(BLOBS[part], size, size)
        finally:
            os.close(descriptor)

    def finish(self) -> None:
        """Remove what only an unfinished download needs."""
        if self._habits.preallocates:
            for name in (PROGRESS_FILE, f"{PROGRESS_FILE}.tmp", _LOCK_FILE):
                (self._directory / name).unlink(missing_ok=True)

    def _fill(self, descriptor: int, content: Content, part: Part, done: int) -> None:
        size = size_of(content, part)
        for count, (offset, data) in enumerate(_pieces(content, part, done), start=1):
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)
            self._progress(BLOBS[part], offset + len(data), size)
            if self._habits.preallocates and count % _SYNC_EVERY == 0:
                os.fsync(descriptor)
                self._reach(part, offset + len(data))

    def _reach(self, part: Part, frontier: int) -> None:
        """Remember that a file is complete up to here."""
        if not self._habits.preallocates:
            return
        self._frontiers[part] = frontier
        fields = {
            _KEYS[each]: {"frontier": self._frontiers.get(each, 0), "ahead": list[int]()}
            for each in BLOBS
        }
        temporary = self._directory / f"{PROGRESS_FILE}.tmp"
        with temporary.open("w", encoding="ascii") as file:
            json.dump(fields, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._directory / PROGRESS_FILE)

    def _read_frontiers(self) -> dict[Part, int]:
        path = self._directory / PROGRESS_FILE
        try:
            fields = json.loads(path.read_text(encoding="ascii"))
            # What icp-cli had finished ahead of the frontier is written again: it is the same.
            found = {part: fields[_KEYS[part]]["frontier"] for part in BLOBS}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError) as error:
            raise DirectoryRefused(path, "it is not a download's progress") from error
        if any(type(frontier) is not int or frontier < 0 for frontier in found.values()):
            raise DirectoryRefused(path, "it is not a download's progress")
        return found


def _prepare(path: Path, text: bytes, dialect: Dialect, *, resume: bool) -> None:
    """Make the directory and its metadata.json. Raises: DirectoryRefused, OSError."""
    path.mkdir(parents=True, exist_ok=True)
    if not resume:
        in_the_way = {METADATA, *BLOBS.values()} if HABITS[dialect].preallocates else None
        if any(in_the_way is None or entry.name in in_the_way for entry in path.iterdir()):
            raise DirectoryRefused(path, HABITS[dialect].not_empty.format(path))
    elif (path / METADATA).exists():
        if (path / METADATA).read_bytes() != text:
            raise DirectoryRefused(path / METADATA, "it is another snapshot's")
        return
    elif any((path / name).exists() for name in BLOBS.values()):
        raise DirectoryRefused(path, "there is no metadata.json to say what is to be resumed")
    temporary = path / f"{METADATA}.tmp"
    with temporary.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path / METADATA)


def _pieces(content: Content, part: Part, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) from ``start`` on, leaving out what is known to be zero."""
    if part is Part.MODULE:
        module = content.module
        for offset in range(start, len(module), PIECE_BYTES):
            yield offset, module[offset : offset + PIECE_BYTES]
        return
    held = content.heap if part is Part.HEAP else content.stable
    for first, length in held.region.extents(at=held.mark):
        end = first + length
        for offset in range(max(first, start), end, PIECE_BYTES):
            size = min(PIECE_BYTES, end - offset)
            yield offset, held.region.read(offset, size, at=held.mark)


def _write_chunks(path: Path, content: Content, dialect: Dialect) -> None:
    if content.chunks or HABITS[dialect].chunk_directory:
        (path / CHUNKS).mkdir(exist_ok=True)
    for hash_, data in sorted(content.chunks.items()):
        target = chunk_path(path, hash_)
        if target.exists() and target.read_bytes() == data:
            continue
        temporary = target.with_suffix(".tmp")
        temporary.write_bytes(data)
        temporary.rename(target)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise TransferFailed(f"{place}: {error.strerror or error}") from error
