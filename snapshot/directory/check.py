"""Looking a snapshot directory over before anything is taken in from it.

Everything that can be known beforehand is checked here: the text of metadata.json, that
every file is there, is a plain file and has the right length, that chunks hash to their
names, that the module is one and the globals are its own.
Source: reference/snapshot_directory_format.md section 1.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused
from snapshot.content import fits
from snapshot.directory import metadata as metadata_text
from snapshot.directory.errors import DirectoryRefused
from snapshot.directory.layout import BLOBS, METADATA, chunk_path, open_regular
from snapshot.transfer import Part, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.execution.modules import InstalledModule
    from sandbox.limits import Limits
    from snapshot.transfer import Metadata


@dataclass(frozen=True, slots=True)
class Checked:
    """A directory that was found in order. module: its bytes, read once."""

    path: Path
    metadata: Metadata
    module: bytes


_GZIP: Final = b"\x1f\x8b"


def check(
    directory: str | os.PathLike[str],
    limits: Limits,
    load_module: Callable[[bytes], InstalledModule],
) -> Checked:
    """Look a directory over.

    Raises: DirectoryRefused, naming the file and what is wrong with it.
    """
    path = Path(directory)
    if not path.is_dir():
        raise DirectoryRefused(path, "it is not a directory")
    metadata = read_metadata(path)
    # The IC asks whether the *target's* module is 64-bit; a directory is judged by its own.
    refusal = refusal_of(metadata, limits, is_64=True)
    if refusal is not None:
        raise DirectoryRefused(path / METADATA, refusal.message)
    sizes = {
        Part.MODULE: metadata.module_bytes,
        Part.HEAP: metadata.heap_bytes,
        Part.STABLE: metadata.stable_bytes,
    }
    for part, size in sizes.items():
        _check_length(path / BLOBS[part], size)
    for hash_ in metadata.chunk_hashes:
        read_chunk(path, hash_, limits)
    module = _read(path / BLOBS[Part.MODULE], metadata.module_bytes)
    _check_module(path, module, metadata, load_module)
    return Checked(path, metadata, module)


def read_metadata(path: Path) -> Metadata:
    """Return what metadata.json says. Raises: DirectoryRefused."""
    file = path / METADATA
    return metadata_text.decode(_read(file, metadata_text.MAX_BYTES + 1), file)


def read_chunk(path: Path, hash_: bytes, limits: Limits) -> bytes:
    """Return a chunk of the chunk store. Raises: DirectoryRefused."""
    file = chunk_path(path, hash_)
    data = _read(file, limits.chunk_bytes + 1)
    if len(data) > limits.chunk_bytes:
        raise DirectoryRefused(file, f"it is longer than {limits.chunk_bytes} bytes")
    if sha256(data).digest() != hash_:
        raise DirectoryRefused(file, "its bytes do not hash to its name")
    return data


def _check_length(file: Path, size: int) -> None:
    if not size and not file.exists() and not file.is_symlink():
        return  # dfx leaves out an empty stable memory
    descriptor = open_regular(file)
    try:
        length = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if length != size:
        raise DirectoryRefused(file, f"it has {length} bytes, but {METADATA} says {size}")


def _read(file: Path, most: int) -> bytes:
    descriptor = open_regular(file)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(most)


def _check_module(
    path: Path,
    raw: bytes,
    metadata: Metadata,
    load_module: Callable[[bytes], InstalledModule],
) -> None:
    file = path / BLOBS[Part.MODULE]
    if not raw.startswith((b"\0asm", _GZIP)):
        raise DirectoryRefused(file, "it does not begin as a Wasm module does")
    try:
        module = load_module(raw)
    except ModuleRefused as refusal:
        raise DirectoryRefused(file, f"it is not a canister module: {refusal}") from refusal
    if not fits(module, metadata.globals):
        wanted = ", ".join(slot.type for slot in module.shape.globals) or "none"
        found = ", ".join(value.type for value in metadata.globals) or "none"
        reason = f"the module's globals are {wanted:.200}, but these are {found:.200}"
        raise DirectoryRefused(path / METADATA, reason)
