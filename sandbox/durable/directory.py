"""The directory of a durable world.

    <directory>/lock         held while somebody has the world open
    <directory>/world.json   everything but memories; published last, atomically
    <directory>/store/       canister states and snapshots (``snapshot.store``)

Rules: ``world.json`` names only snapshots that are durable already; what it does not name
is removed only after it was published. So a killed process leaves the world before or
after its last save, never between. Stand-ins (mocks) and answers to HTTP
outcalls are Python functions and not kept.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.anchor import SavedCanister, SavedWorld
from sandbox.canister import CanisterRuntime, Capture, Held
from sandbox.durable.plain import decode, encode
from sandbox.durable.records import KNOWN, StoredCanister, WorldRecord
from sandbox.errors import UsageError
from sandbox.log import CanisterLog
from sandbox.mocks import SavedMocks
from sandbox.outcalls import SavedOutcalls
from snapshot.content import mutable_bits
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot
from snapshot.store import Store, StoreBusy, collect
from snapshot.store.files import NewFile, exclusive_lock

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from sandbox.principal import Principal
    from sandbox.world import World
    from snapshot.store.saving import Saved

_WAIT_S: Final = 30.0
_POLL_S: Final = 0.05
# The local id of a canister's present state in the store; no snapshot ever gets there.
_STATE: Final = (1 << 64) - 1
# Each save with changes makes a pack; collecting reads all tables, so it is done now and then.
_MANY_PACKS: Final = 32


class WorldDirectory:
    """A world's directory, locked; a context manager.

    waiting: called once when another process has it and we wait (at most 30 s).

    Raises: UsageError when it is in use or not a world; StoreError for a damaged store.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, waiting: Callable[[], None] = lambda: None
    ) -> None:
        self.path = Path(path)
        self._open = ExitStack()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be a world's directory: {error}") from error
        self._lock(waiting)
        try:
            self.store = self._open.enter_context(Store(self.path / "store"))
            self.record = self._read()
        except BaseException:
            self._open.close()
            raise
        self._bases: dict[Principal, Saved] = {}
        self._states: dict[Principal, tuple[object, str]] = {}
        self._stored: dict[SnapshotId, str] = {}

    def load_into(self, world: World) -> None:
        """Make a new world what was saved. Requires: nothing has happened in it yet."""
        record = self.record
        if record is None:
            return
        canisters = {item.state.id: self._canister(world, item) for item in record.canisters}
        snapshots = {}
        for name in record.snapshots:
            snapshot = self.store.load(self.store.find(name), world.machine.new_region)
            snapshot.installed = world.loader.load(snapshot.content.module)
            snapshots[snapshot.id] = snapshot
            self._stored[snapshot.id] = name
        world.rewind(
            SavedWorld(
                canisters=canisters,
                snapshots=(snapshots, record.next_snapshots),
                mocks=SavedMocks((), ()),
                outcalls=SavedOutcalls((), (), frozenset()),
                **record.rest,
            )
        )

    def save(self, world: World, extra: dict[str, Any]) -> None:
        """Make the world's present state durable.

        extra: what the caller keeps beside it (names of canisters, …).

        On failure: the directory holds the world as it was saved last.
        """
        saved = world.save()
        canisters = tuple(self._store_canister(item) for item in saved.canisters.values())
        names = tuple(self._store_snapshot(item) for item in saved.snapshots[0].values())
        rest = {name: getattr(saved, name) for name in _REST}
        record = WorldRecord(canisters, names, dict(saved.snapshots[1]), rest, extra)
        self._publish(record)
        self.record = record
        self._clean({*names, *(item.stored for item in canisters if item.stored)})

    def close(self) -> None:
        """Close files and give the lock back; nothing is saved by this."""
        self._open.close()

    # --- canisters

    def _canister(self, world: World, item: StoredCanister) -> SavedCanister:
        machine, state = world.machine, item.state
        log = CanisterLog(world.limits.log_bytes)
        log.restore(item.log)
        if item.stored is None:
            heap, stable = machine.new_region(), machine.new_region()
        else:
            manifest = self.store.find(item.stored)
            snapshot, base = self.store.reload(manifest, machine.new_region)
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
        if snapshot.id not in self._stored:
            saved = self.store.save(snapshot, base=self._bases.get(snapshot.canister_id))
            self._stored[snapshot.id] = str(saved.manifest.stored_id)
        return self._stored[snapshot.id]

    # --- the file

    def _publish(self, record: WorldRecord) -> None:
        data = json.dumps({"format": 1, "world": encode(record, KNOWN)}).encode()
        with NewFile(self.store.disk, self.store.temporary_path) as file:
            file.append([data])
            file.publish(self.path / "world.json")

    def _read(self) -> WorldRecord | None:
        path = self.path / "world.json"
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
        if not isinstance(data, dict) or data.get("format") != 1:
            raise UsageError(f"{path} is not a world of this version of the sandbox")
        record = decode(data.get("world"), KNOWN)
        if not isinstance(record, WorldRecord):
            raise UsageError(f"{path} does not hold a world")
        return record

    def _clean(self, named: set[str]) -> None:
        """Forget what no world names any more. A failure here loses nothing."""
        for manifest in self.store.manifests():
            if str(manifest.stored_id) not in named:
                self.store.delete(manifest)
        if len(list(self.store.packs_path.iterdir())) < _MANY_PACKS:
            return
        try:
            collect(self.store)
        except StoreBusy:  # somebody reads it; a later save collects
            return

    def _lock(self, waiting: Callable[[], None]) -> None:
        deadline, told = time.monotonic() + _WAIT_S, False
        while True:
            try:
                self._open.enter_context(exclusive_lock(self.path / "lock"))
            except StoreBusy as busy:
                if time.monotonic() > deadline:
                    raise UsageError(
                        f"{self.path} is in use by another process; try again when it is done"
                    ) from busy
                if not told:
                    waiting()
                    told = True
                time.sleep(_POLL_S)
            else:
                return


# Not plain records: kept apart (memories), or Python functions and not kept at all.
_APART: Final = frozenset({"canisters", "snapshots", "mocks", "outcalls"})
_REST: Final = tuple(item.name for item in fields(SavedWorld) if item.name not in _APART)
