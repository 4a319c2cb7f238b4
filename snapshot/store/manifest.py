"""Manifests: what a stored snapshot is made of; one JSON file each, named by its BLAKE3.

A manifest names roots of chunk trees (``snapshot.tree``); everything small stands in it as
it is. The fields are specified in docs/snapshot-format.md. Reading checks the hash first, so
a fault of the disk is told from a manifest that was written by somebody else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.errors import UsageError
from snapshot.content import CHUNK_BYTES, GlobalValue
from snapshot.ids import ChunkId, SnapshotId, StoredId, digest
from snapshot.record import Origin, Source
from snapshot.store.errors import ManifestDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.principal import Principal

FORMAT: Final = 1
SUFFIX: Final = ".json"
_MAX_BYTES: Final = 512 << 30  # no canister memory is larger than 500 GiB
_MAX_BLOB_BYTES: Final = 512 << 20  # no module, and no chunk of a chunk store, comes near
_HOOKS: Final = frozenset({None, "condition_not_satisfied", "ready", "executed"})


@dataclass(frozen=True, slots=True)
class Root:
    """The chunk tree of some bytes, by its root; chunks and tables are found from there."""

    size_bytes: int
    chunk: ChunkId


@dataclass(frozen=True, slots=True)
class Manifest:
    """One stored snapshot.

    stored_id: its name in the store. total_size: as the replica accounts it.
    """

    stored_id: StoredId
    id: SnapshotId
    taken_on: int
    label: str
    total_size: int
    checksum: str
    origin: Origin
    module_hash: bytes
    module: Root
    globals: tuple[GlobalValue, ...]
    heap: Root
    stable: Root
    certified_data: bytes
    timer_ns: int | None
    low_memory_hook: str | None
    chunks: tuple[tuple[bytes, Root], ...]

    @property
    def canister_id(self) -> Principal:
        """The canister it belongs to."""
        return self.id.canister

    def roots(self) -> Iterator[tuple[str, Root]]:
        """Yield the trees it names, each with what it is."""
        yield from (("module", self.module), ("heap", self.heap), ("stable memory", self.stable))
        for hash_, root in self.chunks:
            yield f"chunk {hash_.hex()} of the chunk store", root


def encode(manifest: Manifest) -> bytes:
    """Return the file's bytes; ``stored_id`` is not among them, it is their hash."""
    origin = manifest.origin
    fields = {
        "format": FORMAT,
        "id": str(manifest.id),
        "taken_on": manifest.taken_on,
        "label": manifest.label,
        "total_size": manifest.total_size,
        "checksum": manifest.checksum,
        "source": str(origin.source),
        "canister_version": origin.canister_version,
        "notes": list(origin.notes),
        "module_hash": manifest.module_hash.hex(),
        "module": _root_fields(manifest.module),
        "globals": [{value.type: f"{value.bits:#x}"} for value in manifest.globals],
        "heap": _root_fields(manifest.heap),
        "stable_memory": _root_fields(manifest.stable),
        "certified_data": manifest.certified_data.hex(),
        "timer_ns": manifest.timer_ns,
        "low_memory_hook": manifest.low_memory_hook,
        "chunks": [_root_fields(root) | {"sha256": hash_.hex()} for hash_, root in manifest.chunks],
    }
    if origin.limits:  # left out where unknown, so that an older manifest keeps its name
        fields["limits"] = origin.limits
    return (json.dumps(fields, indent=1) + "\n").encode()


def stored_id(data: bytes) -> StoredId:
    """Return the name of a manifest with these bytes."""
    return StoredId(digest(data).hex())


def read(path: Path) -> Manifest:
    """Read a manifest file.

    Raises: ManifestDamaged; OSError.
    """
    data = path.read_bytes()
    name = stored_id(data)
    if path.name != f"{name}{SUFFIX}":
        raise ManifestDamaged(path, f"its bytes hash to {name}")
    try:
        return _decode(name, json.loads(data))
    except (KeyError, TypeError, ValueError, UsageError, RecursionError) as error:
        raise ManifestDamaged(path, f"it is no manifest of format {FORMAT}: {error}") from error


def _decode(name: StoredId, fields: dict[str, Any]) -> Manifest:
    if fields["format"] != FORMAT:
        raise ValueError(f"format {fields['format']}")
    hook, timer = fields["low_memory_hook"], fields["timer_ns"]
    if hook not in _HOOKS:
        raise ValueError(f"low memory hook {hook!r}")
    return Manifest(
        stored_id=name,
        id=SnapshotId.parse(_text(fields["id"])),
        taken_on=_count(fields["taken_on"]),
        label=_text(fields["label"]),
        total_size=_count(fields["total_size"]),
        checksum=_text(fields["checksum"]),
        origin=Origin(
            Source(fields["source"]),
            _count(fields["canister_version"]),
            tuple(_text(note) for note in fields["notes"]),
            _text(fields.get("limits", "")),
        ),
        module_hash=bytes.fromhex(fields["module_hash"]),
        module=_root(fields["module"]),
        globals=tuple(_global(entry) for entry in fields["globals"]),
        heap=_root(fields["heap"], is_memory=True),
        stable=_root(fields["stable_memory"], is_memory=True),
        certified_data=bytes.fromhex(fields["certified_data"]),
        timer_ns=None if timer is None else _count(timer),
        low_memory_hook=hook,
        chunks=tuple((bytes.fromhex(entry["sha256"]), _root(entry)) for entry in fields["chunks"]),
    )


def _root_fields(root: Root) -> dict[str, int | str]:
    return {"size": root.size_bytes, "root": root.chunk.hex()}


def _root(fields: dict[str, Any], *, is_memory: bool = False) -> Root:
    size, chunk = _count(fields["size"]), bytes.fromhex(fields["root"])
    most = _MAX_BYTES if is_memory else _MAX_BLOB_BYTES
    if len(chunk) != 32 or size > most or (is_memory and size % CHUNK_BYTES):
        raise ValueError(f"a tree of {size} bytes with root {chunk.hex()}")
    return Root(size, ChunkId(chunk))


def _global(fields: dict[str, str]) -> GlobalValue:
    ((type_, bits),) = fields.items()
    value = GlobalValue(type_, int(bits, 16))
    if not value.is_in_range:
        raise ValueError(f"global {fields}")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError(f"{value!r} is not a count")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
