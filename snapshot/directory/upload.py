"""Reading a snapshot directory into an uploaded snapshot, piece by piece, resumable.

The directory is looked over first (``check``); only then does the snapshot begin. How far
the upload is stands in a file of the dialect: dfx's ``<snapshot id>.json``, icp-cli's
``.upload_progress.json``. Holes of the files are passed over: the snapshot is zero there.
Source: reference/snapshot_directory_format.md section 3.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from errno import EACCES, EPERM, EROFS
from typing import TYPE_CHECKING, Any, Final, Protocol

from sandbox.messages import Reject
from snapshot.directory.check import Checked, read_chunk
from snapshot.directory.errors import DirectoryRefused, TransferFailed
from snapshot.directory.layout import (
    BLOBS,
    PIECE_BYTES,
    Dialect,
    Progress,
    data_ranges,
    open_regular,
)
from snapshot.ids import SnapshotId
from snapshot.transfer import Part, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.limits import Limits
    from snapshot.transfer import Metadata

_SAVE_EVERY: Final = 16  # pieces
_SUFFIX: Final = {Dialect.DFX: "_progress", Dialect.ICP_CLI: "_offset"}


class Target(Protocol):
    """Where an upload goes: a shelf, or a canister on a network."""

    def begin(self, metadata: Metadata) -> SnapshotId | Reject:
        """Begin a snapshot that is all zero."""

    def put(self, id_: SnapshotId, piece: Piece, data: bytes) -> Reject | None:
        """Put some bytes in."""


@dataclass(slots=True)
class _State:
    """How far an upload is: for each file the bytes done, and the chunks."""

    id: SnapshotId
    done: dict[Part, int] = field(default_factory=lambda: dict.fromkeys(BLOBS, 0))
    chunks: set[str] = field(default_factory=set)


def upload(
    checked: Checked,
    target: Target,
    limits: Limits,
    *,
    dialect: Dialect | str = Dialect.DFX,
    resume: SnapshotId | None = None,
    progress: Progress = lambda _name, _done, _total: None,
) -> SnapshotId | Reject:
    """Make a snapshot of a directory and return its id.

    resume: the snapshot an interrupted upload had begun.

    On failure: the snapshot stays, incomplete, to be resumed or deleted.
    Raises: DirectoryRefused (nothing to resume, a file changed), TransferFailed.
    """
    progress_file = _ProgressFile(checked.path, Dialect(dialect))
    if resume is None:
        begun = target.begin(checked.metadata)
        if isinstance(begun, Reject):
            return begun
        state = _State(begun)
    else:
        state = progress_file.read(resume)
    progress_file.write(state)
    refusal = _send(checked, target, limits, state, progress_file, progress)
    if refusal is not None:
        return refusal
    progress_file.finish(state)
    return state.id


def _send(
    checked: Checked,
    target: Target,
    limits: Limits,
    state: _State,
    progress_file: _ProgressFile,
    progress: Progress,
) -> Reject | None:
    for part in BLOBS:
        total = _size(checked.metadata, part)
        for count, (offset, data) in enumerate(_pieces(checked, part, state.done[part])):
            refusal = target.put(state.id, Piece(part, offset), data)
            if refusal is not None:
                return refusal
            state.done[part] = offset + len(data)
            progress(BLOBS[part], state.done[part], total)
            if count % _SAVE_EVERY == 0:
                progress_file.write(state)
        state.done[part] = total
        progress_file.write(state)
        progress(BLOBS[part], total, total)
    for hash_ in checked.metadata.chunk_hashes:
        if hash_.hex() in state.chunks:
            continue
        data = read_chunk(checked.path, hash_, limits)
        refusal = target.put(state.id, Piece(Part.CHUNK), data)
        if refusal is not None:
            return refusal
        state.chunks.add(hash_.hex())
        progress_file.write(state)
    return None


def _pieces(checked: Checked, part: Part, start: int) -> Iterator[tuple[int, bytes]]:
    if part is Part.MODULE:
        for offset in range(start, len(checked.module), PIECE_BYTES):
            yield offset, checked.module[offset : offset + PIECE_BYTES]
        return
    size = _size(checked.metadata, part)
    if not size:
        return
    path = checked.path / BLOBS[part]
    descriptor = open_regular(path)
    try:
        for offset, length in data_ranges(descriptor, start, size):
            data = os.pread(descriptor, length, offset)
            if len(data) != length:
                raise DirectoryRefused(path, "it became shorter while it was read")
            yield offset, data
    except OSError as error:
        raise TransferFailed(f"{path}: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def _size(metadata: Metadata, part: Part) -> int:
    sizes = {
        Part.MODULE: metadata.module_bytes,
        Part.HEAP: metadata.heap_bytes,
        Part.STABLE: metadata.stable_bytes,
    }
    return sizes[part]


class _ProgressFile:
    """The dialect's note of how far an upload is."""

    def __init__(self, directory: Path, dialect: Dialect) -> None:
        self._directory = directory
        self._dialect = dialect

    def write(self, state: _State) -> None:
        """Replace the note; where nothing can be written, nothing can be resumed.

        Raises: TransferFailed.
        """
        path = self._path(state.id)
        temporary = path.with_name(f"{path.name}.tmp")
        is_dfx = self._dialect is Dialect.DFX
        fields: dict[str, Any] = {"snapshot_id": str(state.id), "metadata_uploaded": True}
        fields |= {f"{part.value}{_SUFFIX[self._dialect]}": state.done[part] for part in BLOBS}
        listed = sorted(state.chunks)
        fields["wasm_chunks_uploaded"] = dict.fromkeys(listed, True) if is_dfx else listed
        try:
            temporary.write_text(json.dumps(fields, indent=2), encoding="ascii")
            temporary.rename(path)
        except OSError as error:
            if error.errno not in (EROFS, EACCES, EPERM):
                raise TransferFailed(f"{path}: {error.strerror or error}") from error

    def read(self, wanted: SnapshotId) -> _State:
        """Return how far the upload of a snapshot is. Raises: DirectoryRefused."""
        path = self._path(wanted)
        if not path.exists():
            raise DirectoryRefused(
                self._directory,
                f"Cannot resume uploading to snapshot {wanted} because the progress file was not "
                f"found in directory '{self._directory}'",
            )
        try:
            return self._state(json.loads(path.read_text(encoding="ascii")), wanted)
        except (ValueError, KeyError, TypeError) as error:
            raise DirectoryRefused(path, f"it is not an upload's progress: {error}") from error

    def finish(self, state: _State) -> None:
        """Do what the dialect does at the end: icp-cli removes its file, dfx leaves it."""
        if self._dialect is Dialect.ICP_CLI:
            self._path(state.id).unlink(missing_ok=True)

    def _state(self, fields: dict[str, Any], wanted: SnapshotId) -> _State:
        if SnapshotId.parse(fields["snapshot_id"]) != wanted:
            raise ValueError(f"it is about snapshot {fields['snapshot_id']}")
        done = {part: fields[f"{part.value}{_SUFFIX[self._dialect]}"] for part in BLOBS}
        if any(type(count) is not int or count < 0 for count in done.values()):
            raise ValueError("an offset is not a count")
        return _State(wanted, done, set(fields["wasm_chunks_uploaded"]))

    def _path(self, id_: SnapshotId) -> Path:
        if self._dialect is Dialect.DFX:
            return self._directory / f"{id_}.json"
        return self._directory / ".upload_progress.json"
