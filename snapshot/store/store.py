"""The store: a directory of packs and manifests that several processes may use at once.

    <store>/format         one line: "canister-sandbox snapshot store, format 3"
    <store>/lock           empty; held shared to save and load, exclusively to collect
    <store>/packs/         chunks (``snapshot.store.pack``)
    <store>/snapshots/     manifests (``snapshot.store.manifest``)
    <store>/proven/        which packs need not be read again (``snapshot.store.proofs``)
    <store>/tmp/           files on their way

Every byte is specified in docs/snapshot-format.md.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from snapshot.store import manifest as manifests
from snapshot.store.errors import (
    ManifestDamaged,
    NotAStore,
    SnapshotUnknown,
    StoreReadOnly,
    StoreWriteFailed,
)
from snapshot.store.files import Disk, NewFile, shared_lock
from snapshot.store.loading import Loader, load_saved
from snapshot.store.packs import Packs
from snapshot.store.proofs import Proofs
from snapshot.store.saving import ChunkSink, Saved, publish_manifest, save_content

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from sandbox.memory import Region
    from snapshot.record import Snapshot
    from snapshot.store.manifest import Manifest
    from snapshot.store.mapping import MapFiles
    from snapshot.store.saving import KnownChunks

# A store keeps the format it was made with; the number is also the version of its packs.
_FORMATS: Final = {b"canister-sandbox snapshot store, format %d\n" % n: n for n in (1, 2, 3)}
_DIRECTORIES: Final = ("packs", "snapshots", "tmp")
_PROVEN: Final = "proven"


class Store:
    """Snapshots that outlive the process; a context manager.

    path: made when it does not exist, unless ``read_only``.
    read_only: nothing is written, not even a lock file; the disk may be read-only too.
    disk: for tests that let it fail.

    Raises: NotAStore, StoreReadOnly, StoreWriteFailed.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, read_only: bool = False, disk: Disk | None = None
    ) -> None:
        self.path = Path(path)
        self.is_read_only = read_only
        self.disk = disk or Disk()
        if not read_only:
            self._make()
        self.format = self._read_format()
        self.packs = Packs(self.packs_path)
        self.proofs = Proofs(
            self.path / _PROVEN, self.temporary_path, self.disk, can_write=not read_only
        )

    @property
    def packs_path(self) -> Path:
        """Where the packs are."""
        return self.path / "packs"

    @property
    def manifests_path(self) -> Path:
        """Where the manifests are."""
        return self.path / "snapshots"

    @property
    def temporary_path(self) -> Path:
        """Where files are before they are published."""
        return self.path / "tmp"

    @property
    def lock_path(self) -> Path:
        """The lock file."""
        return self.path / "lock"

    def save(self, snapshot: Snapshot, *, base: Saved | None = None) -> Saved:
        """Store a snapshot; when this returns, it is durable.

        base: an earlier save of the same canister, to read only what changed since.

        On failure: nothing that was stored is lost; the same call repeated goes on from
            the packs that were finished.
        Raises: StoreWriteFailed, StoreReadOnly.
        """
        with self.writing():
            with self.sink(self.packs) as sink:
                manifest, heap, stable = save_content(snapshot, self.packs, sink, base)
            manifest = publish_manifest(
                manifest, self.disk, self.temporary_path, self.manifests_path
            )
        # Worked out on the way: nobody has to read the state for it again, or can any more.
        snapshot.checksum = manifest.checksum
        return Saved(manifest, heap, stable)

    def load(
        self,
        manifest: Manifest,
        new_region: Callable[[int], Region],
        map_files: MapFiles | None = None,
    ) -> Snapshot:
        """Return a stored snapshot, its memories in new regions; every byte is verified.

        map_files: makes large memories of parts of the packs, which are then not read but
            proven (``snapshot.store.proofs``), and must stay as they are.

        Raises: StoreDamaged (ChunkMissing, ChunkDamaged, …); nothing is left behind then.
        """
        return self.reload(manifest, new_region, map_files)[0]

    def reload(
        self,
        manifest: Manifest,
        new_region: Callable[[int], Region],
        map_files: MapFiles | None = None,
    ) -> tuple[Snapshot, Saved]:
        """Load a snapshot together with what makes saving its successor cheap."""
        with self.reading():
            return load_saved(manifest, Loader(self.packs, self.proofs, new_region, map_files))

    def manifests(self) -> tuple[Manifest, ...]:
        """Return all snapshots that can be read, oldest first; ``damaged`` has the others."""
        return tuple(self._listed()[0])

    @property
    def damaged(self) -> tuple[ManifestDamaged, ...]:
        """The manifests that cannot be read."""
        return tuple(self._listed()[1])

    def find(self, name: str) -> Manifest:
        """Return the one snapshot with this name.

        name: a stored id or the start of it (four digits or more), a snapshot id in hex, or
            a label; among several with one id or label, the one taken last.

        Raises: SnapshotUnknown.
        """
        return find(self.manifests(), name)

    def delete(self, manifest: Manifest) -> None:
        """Forget a snapshot; ``gc`` then frees its chunks."""
        with self.writing():
            path = self.manifests_path / f"{manifest.stored_id}{manifests.SUFFIX}"
            try:
                self.disk.remove(path)
                self.disk.sync_directory(self.manifests_path)
            except FileNotFoundError:
                raise SnapshotUnknown(f"there is no snapshot {manifest.stored_id}") from None
            except OSError as refusal:
                raise StoreWriteFailed(f"{path}: {refusal.strerror}") from refusal

    def sink(self, known: KnownChunks) -> ChunkSink:
        """Return what writes those chunks into packs that ``known`` lacks."""
        return ChunkSink(
            self.disk, known, self.proofs, self.temporary_path, self.packs_path, self.format
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep packs where they are, and know them all."""
        with shared_lock(self.lock_path, may_make=not self.is_read_only):
            self.packs.refresh()
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """As ``reading``, where writing is allowed. Raises: StoreReadOnly."""
        if self.is_read_only:
            raise StoreReadOnly(f"{self.path} was opened for reading only")
        with self.reading():
            yield

    def close(self) -> None:
        """Close all files."""
        self.packs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _listed(self) -> tuple[list[Manifest], list[ManifestDamaged]]:
        found: list[Manifest] = []
        damaged: list[ManifestDamaged] = []
        for path in sorted(self.manifests_path.iterdir()):
            try:
                found.append(manifests.read(path))
            except ManifestDamaged as damage:
                damaged.append(damage)
            except FileNotFoundError:  # another process deleted it
                continue
            except OSError as error:
                damaged.append(ManifestDamaged(path, error.strerror or str(error)))
        return sorted(found, key=lambda item: (item.taken_on, item.id, item.stored_id)), damaged

    def _make(self) -> None:
        """Make what is missing; a crash in between leaves what the next call completes."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            entries = {entry.name for entry in self.path.iterdir()}
            if "format" not in entries and not entries <= {*_DIRECTORIES, _PROVEN, "lock"}:
                raise NotAStore(f"{self.path} is not empty and not a snapshot store")
            for name in _DIRECTORIES:
                (self.path / name).mkdir(exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise NotAStore(f"{self.path} is not a directory") from error
        except OSError as refusal:
            raise StoreReadOnly(f"{self.path}: {refusal.strerror}") from refusal
        if "format" not in entries:
            with NewFile(self.disk, self.temporary_path) as file:
                file.append([max(_FORMATS)])
                file.publish(self.path / "format")

    def _read_format(self) -> int:
        try:
            line = (self.path / "format").read_bytes()
        except OSError as error:
            raise NotAStore(f"{self.path} is not a snapshot store: {error.strerror}") from error
        if line not in _FORMATS:
            raise NotAStore(f"{self.path} is a store of an unknown format: {line[:80]!r}")
        for directory in (self.packs_path, self.manifests_path):
            if not directory.is_dir():
                raise NotAStore(f"{directory} is missing")
        return _FORMATS[line]


def find(listed: tuple[Manifest, ...], name: str) -> Manifest:
    """Return the one of these snapshots that has this name. See ``Store.find``."""
    wanted = name.lower()
    by_prefix = [item for item in listed if item.stored_id.startswith(wanted)]
    if len(wanted) >= 4 and len(by_prefix) == 1:
        return by_prefix[0]
    named = [item for item in listed if str(item.id) == wanted or item.label == name]
    if named:
        return named[-1]
    if len(wanted) >= 4 and by_prefix:
        several = ", ".join(item.stored_id[:12] for item in by_prefix)
        raise SnapshotUnknown(f"{name!r} could be any of {several}")
    raise SnapshotUnknown(f"there is no stored snapshot {name!r}")
