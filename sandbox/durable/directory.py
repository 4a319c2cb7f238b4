"""The directory of a durable world.

    <directory>/lock         held while somebody has the world open
    <directory>/world.json   everything but memories; published last, atomically
    <directory>/store/       canister states and snapshots (``snapshot.store``)

Rules: ``world.json`` names only snapshots that are durable already; what it does not name
is removed only after it was published. So a killed process leaves the world before or
after its last save, never between. ``world.json`` carries its own BLAKE3: damage is
noticed before anything is believed. A snapshot's memories are read when they are needed.
Stand-ins (mocks) and answers to HTTP outcalls are Python functions and not kept.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakValueDictionary

from sandbox.durable.lock import locked
from sandbox.durable.recordfile import publish_record, read_record
from sandbox.durable.records import StoredCanister, WorldRecord
from sandbox.durable.snapshots import StoredSnapshot
from sandbox.errors import UsageError
from sandbox.execution.canister import CanisterRuntime, Capture, Held
from sandbox.execution.log import CanisterLog
from sandbox.limits import Limits
from sandbox.world.anchor import SavedCanister, SavedWorld
from sandbox.world.mocks import SavedMocks
from sandbox.world.outcalls import SavedOutcalls
from snapshot.content import mutable_bits
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot
from snapshot.store import Store, StoreDamaged, StoreError, collect

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from sandbox.principal import Principal
    from sandbox.world.world import World
    from snapshot.store import Manifest
    from snapshot.store.saving import Saved

WAIT_S: Final = 30.0
# The local id of a canister's present state in the store; no snapshot ever gets there.
_STATE: Final = (1 << 64) - 1
# Each save with changes makes packs; collecting reads all tables, so it is done whenever their
# number passes a multiple of this.
_COLLECT_EVERY: Final = 32


class WorldDirectory:
    """A world's directory, locked; a context manager. A ``Sandbox`` it is given to closes it.

    read_only: nothing is written, several may look at once, and the disk may be read-only.
    wait_s: how long to wait for another process that has the world open.
    waiting: called once when we begin to wait.

    Raises: UsageError when it is in use or not a world; StoreError for a damaged store.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        wait_s: float = WAIT_S,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = Path(path)
        self.is_read_only = read_only
        self._open = ExitStack()
        if not read_only:
            self._make()
        lock = locked(self.path / "lock", shared=read_only, wait_s=wait_s, waiting=waiting)
        self._open.enter_context(lock)
        try:
            self.record = self._read()
            # Of the world saved last; None where that is not known.
            self.limits = self._read_limits()
            store = Store(self.path / "store", read_only=read_only)
            self.store = self._open.enter_context(store)
        except BaseException:
            self._open.close()
            raise
        self._bases: dict[Principal, Saved] = {}
        self._states: dict[Principal, tuple[object, str]] = {}
        self._stored: dict[SnapshotId, tuple[Snapshot, str]] = {}
        self._unread: WeakValueDictionary[str, StoredSnapshot] = WeakValueDictionary()

    @property
    def names(self) -> Mapping[str, Principal]:
        """The canisters' names, as saved last."""
        found: Mapping[str, Principal] = self.record.extra.get("names", {}) if self.record else {}
        return found

    @property
    def snapshots(self) -> tuple[Manifest, ...]:
        """The canisters' snapshots, as saved last, oldest first."""
        named = self.record.snapshots if self.record else ()
        return tuple(item for item in self._manifests if item.stored_id in named)

    @property
    def stored_names(self) -> frozenset[str]:
        """What the world needs of its store: ids of canisters' states and of snapshots."""
        if self.record is None:
            return frozenset()
        states = (item.stored for item in self.record.canisters if item.stored is not None)
        return frozenset((*states, *self.record.snapshots))

    def load_into(self, world: World, *, stays_open: bool = False) -> None:
        """Make a new world what was saved. Requires: nothing has happened in it yet.

        stays_open: this directory is closed after the world, so that snapshots need not be
            read before somebody asks for them.

        On failure: the world is as it was.
        Raises: StoreError.
        """
        record = self.record
        if record is None:
            return
        canisters = {item.state.id: self._canister(world, item) for item in record.canisters}
        snapshots: dict[SnapshotId, Snapshot] = {}
        for name in record.snapshots:
            snapshot = StoredSnapshot(self._manifest(name), self.store, world.machine)
            if not stays_open:
                snapshot.read()
            snapshots[snapshot.id] = snapshot
            self._stored[snapshot.id] = (snapshot, name)
            self._unread[name] = snapshot
        world.rewind(
            SavedWorld(
                canisters=canisters,
                snapshots=(snapshots, record.next_snapshots),
                mocks=SavedMocks((), ()),
                outcalls=SavedOutcalls(),
                **record.rest,
            )
        )

    def save(self, world: World, extra: dict[str, Any]) -> None:
        """Make the world's present state durable.

        extra: what the caller keeps beside it (names of canisters, …).

        On failure: the directory holds the world as it was saved last.
        Raises: UsageError when it was opened for looking only; StoreError.
        """
        if self.is_read_only:
            raise UsageError(f"{self.path} was opened for looking only; nothing can be saved")
        packs_before = self._count_packs()
        saved = world.save()
        canisters = tuple(self._store_canister(item) for item in saved.canisters.values())
        names = tuple(self._store_snapshot(item) for item in saved.snapshots[0].values())
        rest = {name: getattr(saved, name) for name in _REST}
        limits = world.limits.as_dict()
        record = WorldRecord(canisters, names, dict(saved.snapshots[1]), rest, extra, limits)
        publish_record(record, self.path / "world.json", self.store)
        self.record = record
        self._clean({*names, *(item.stored for item in canisters if item.stored)}, packs_before)

    def close(self) -> None:
        """Close files and give the lock back; nothing is saved by this."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    # --- canisters

    def _canister(self, world: World, item: StoredCanister) -> SavedCanister:
        machine, state = world.machine, item.state
        log = CanisterLog(world.limits.log_bytes)
        log.restore(item.log)
        if item.stored is None:
            heap, stable = machine.new_region(), machine.new_region()
        else:
            snapshot, base = self.store.reload(
                self._manifest(item.stored), machine.new_region, machine.mapped_region
            )
            self._bases[state.id] = base
            content = snapshot.content
            module = world.loader.load(content.module)
            state = replace(
                state,
                module=module,
                globals=mutable_bits(module, content.globals),
                chunks=content.chunks,
            )
            heap, stable = content.heap.region, content.stable.region
            self._states[state.id] = (state, item.stored)
        runtime = CanisterRuntime(machine, state, heap, stable, log)
        return SavedCanister(runtime, Capture(state, Held(heap), Held(stable)), log.saved())

    def _store_canister(self, item: SavedCanister) -> StoredCanister:
        state = item.capture.state
        small = replace(state, module=None, globals=(), chunks={})
        if state.module is None:
            return StoredCanister(small, item.log, None)
        known, stored = self._states.get(state.id, (None, ""))
        if known is not state:
            snapshot = Snapshot.taken(SnapshotId.of(state.id, _STATE), 0, "", item.capture)
            base = self.store.save(snapshot, base=self._bases.get(state.id))
            self._bases[state.id] = base
            stored = str(base.manifest.stored_id)
            self._states[state.id] = (state, stored)
        return StoredCanister(small, item.log, stored)

    def _store_snapshot(self, snapshot: Snapshot) -> str:
        # An upload goes on as another object of the same id, so the object decides.
        known, stored = self._stored.get(snapshot.id, (None, ""))
        if known is not snapshot:
            saved = self.store.save(snapshot, base=self._bases.get(snapshot.canister_id))
            stored = str(saved.manifest.stored_id)
            self._stored[snapshot.id] = (snapshot, stored)
        return stored

    def _manifest(self, name: str) -> Manifest:
        """Return what ``world.json`` names. Raises: StoreDamaged."""
        for manifest in self._manifests:
            if manifest.stored_id == name:
                return manifest
        for damage in self.store.damaged:
            if damage.path.stem == name:
                raise damage
        raise StoreDamaged(f"{self.path}: the store has lost {name}, which the world needs")

    @cached_property
    def _manifests(self) -> tuple[Manifest, ...]:
        return self.store.manifests()

    # --- the file

    def _read(self) -> WorldRecord | None:
        record = read_record(self.path / "world.json")
        if record is None and self.is_read_only:
            raise UsageError(f"there is no world in {self.path}")
        return record

    def _read_limits(self) -> Limits | None:
        if self.record is None or not self.record.limits:
            return None
        try:
            return Limits.from_dict(self.record.limits)
        except UsageError as error:
            raise UsageError(f"{self.path} was saved by another version: {error}") from error

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"{self.path} cannot be a world's directory: {reason}") from error

    def _clean(self, named: set[str], packs_before: int) -> None:
        """Forget what no world names any more.

        The world is saved by then: what fails here is garbage that stays, not an error.
        """
        self._stored = {id_: item for id_, item in self._stored.items() if item[1] in named}
        try:
            for manifest in self.store.manifests():
                if str(manifest.stored_id) not in named:
                    self._read_at_last(str(manifest.stored_id))
                    self.store.delete(manifest)
            if self._count_packs() // _COLLECT_EVERY > packs_before // _COLLECT_EVERY:
                collect(self.store)
        except StoreError:
            return

    def _count_packs(self) -> int:
        return sum(1 for _ in self.store.packs_path.iterdir())

    def _read_at_last(self, name: str) -> None:
        """Let a snapshot that somebody still holds keep its content: an anchor may put it back."""
        snapshot = self._unread.pop(name, None)
        if snapshot is not None:
            snapshot.read()


# Not plain records: kept apart (memories), or not kept at all (Python functions, the past).
_APART: Final = frozenset({"canisters", "snapshots", "mocks", "outcalls", "past"})
_REST: Final = tuple(item.name for item in fields(SavedWorld) if item.name not in _APART)
