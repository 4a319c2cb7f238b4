"""The snapshots of a sandbox, in memory: by the IC's rules, in the replica's order of checks.

Taking costs a mark in each memory, loading costs the pages changed since. A refusal changes
nothing. Snapshots are values: an upload replaces its snapshot by one with more in it.
Source: reference/management_canister.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from sandbox.execution.modules import InstalledModule, ModuleLoader
from sandbox.limits import MAINNET, Limits
from sandbox.messages import Reject
from sandbox.principal import Principal
from snapshot import rejects, transfer
from snapshot.applying import apply
from snapshot.ids import SnapshotId
from snapshot.record import Origin, Snapshot, Source

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from snapshot.transfer import Metadata, Piece

Saved = tuple[Mapping[SnapshotId, Snapshot], Mapping[Principal, int]]


class SnapshotShelf:
    """All snapshots of one sandbox.

    max_per_canister: 10 on the IC. With 1 and ``replaces`` the next one takes the place of
        the last (the original proposal). All three can be changed at any time.
    waits_for_checkpoint: as on the replica, a snapshot loads on another canister only after
        ``checkpoint``; otherwise a clone works at once.
    load_module: for snapshots from elsewhere; None compiles them anew, or takes them from
        the cache on disk.
    """

    def __init__(
        self,
        max_per_canister: int,
        *,
        replaces: bool = False,
        waits_for_checkpoint: bool = False,
        limits: Limits = MAINNET,
        load_module: Callable[[bytes], InstalledModule] | None = None,
    ) -> None:
        self.waits_for_checkpoint = waits_for_checkpoint
        self.max_per_canister = max_per_canister
        self.replaces = replaces
        self._limits = limits
        self._limits_text = str(limits)
        self._load_module = load_module
        self._snapshots: dict[SnapshotId, Snapshot] = {}
        self._next: dict[Principal, int] = {}
        self._unwritten: set[SnapshotId] = set()

    def take(
        self,
        runtime: CanisterRuntime,
        label: str,
        *,
        replaced: SnapshotId | None = None,
    ) -> Snapshot | Reject:
        """Save the canister's state.

        Requires: the caller was found to be a controller.
        """
        canister = runtime.state.id
        refusal = self.no_room(canister, replaced)
        if refusal is not None:
            return refusal
        if runtime.state.module is None:
            return rejects.empty_canister(canister)
        snapshot = Snapshot.taken(
            self._next_id(canister),
            runtime.machine.now_ns(),
            label,
            runtime.capture(),
            self._limits_text,
        )
        return self._add(snapshot, replaced)

    def load(
        self,
        runtime: CanisterRuntime,
        id_: SnapshotId,
        *,
        is_controller_of: Callable[[Principal], bool],
        caller: Principal,
    ) -> Reject | None:
        """Make the canister's state the snapshot's; the snapshot stays.

        is_controller_of: whether the caller controls a canister (needed for a foreign snapshot).
        """
        canister = runtime.state.id
        snapshot = self._snapshots.get(id_)
        if snapshot is None:
            return rejects.not_found(id_, canister)
        is_foreign = snapshot.canister_id != canister
        if is_foreign and not is_controller_of(snapshot.canister_id):
            return rejects.not_owners_controller(id_, canister, caller)
        if is_foreign and self.waits_for_checkpoint and id_ in self._unwritten:
            return rejects.not_loadable_yet(id_, canister)
        return apply(runtime, snapshot, self._load_module or loader_of(runtime))

    def checkpoint(self) -> None:
        """Do what the replica does every 500 rounds: snapshots so far load anywhere."""
        self._unwritten.clear()

    def of(self, canister: Principal) -> tuple[Snapshot, ...]:
        """Return a canister's snapshots, oldest first."""
        if not self._snapshots:  # asked for with every message
            return ()
        found = (item for item in self._snapshots.values() if item.canister_id == canister)
        return tuple(sorted(found, key=lambda item: item.id))

    def get(self, id_: SnapshotId) -> Snapshot | None:
        """Return a snapshot by id."""
        return self._snapshots.get(id_)

    def owned(self, id_: SnapshotId, canister: Principal) -> Snapshot | Reject:
        """Return a canister's snapshot, or why it has none with this id."""
        snapshot = self._snapshots.get(id_)
        if snapshot is None:
            return rejects.not_found(id_, canister)
        if snapshot.canister_id != canister:
            return rejects.not_owned(id_, canister)
        return snapshot

    def delete(self, id_: SnapshotId, canister: Principal) -> Reject | None:
        """Forget a snapshot and the pages only it needed."""
        found = self.owned(id_, canister)
        if isinstance(found, Reject):
            return found
        del self._snapshots[id_]
        return None

    def forget_canister(self, canister: Principal) -> None:
        """Delete all snapshots of a deleted canister."""
        for item in self.of(canister):
            del self._snapshots[item.id]

    def no_room(self, canister: Principal, replaced: SnapshotId | None) -> Reject | None:
        """Say why the canister cannot have one more, in place of ``replaced`` if given."""
        if replaced is not None:
            found = self.owned(replaced, canister)
            return found if isinstance(found, Reject) else None
        if len(self.of(canister)) >= self.max_per_canister and not self.replaces:
            return rejects.too_many(canister, self.max_per_canister)
        return None

    # --- in pieces

    def read_metadata(self, id_: SnapshotId, canister: Principal) -> Metadata | Reject:
        """Answer ``read_canister_snapshot_metadata``."""
        found = self.owned(id_, canister)
        return found if isinstance(found, Reject) else transfer.metadata_of(found)

    def read_data(self, id_: SnapshotId, canister: Principal, piece: Piece) -> bytes | Reject:
        """Answer ``read_canister_snapshot_data``."""
        found = self.owned(id_, canister)
        return found if isinstance(found, Reject) else transfer.read_part(found, piece)

    def upload_metadata(
        self,
        runtime: CanisterRuntime,
        metadata: Metadata,
        *,
        label: str = "",
        replaced: SnapshotId | None = None,
    ) -> Snapshot | Reject:
        """Do ``upload_canister_snapshot_metadata``: begin a snapshot that is all zero.

        Requires: the caller was found to be a controller.
        """
        state = runtime.state
        refusal = self.refuse_upload(runtime, metadata, replaced)
        if refusal is not None:
            return refusal
        snapshot = transfer.begin_upload(
            self._next_id(state.id),
            metadata,
            now_ns=runtime.machine.now_ns(),
            origin=Origin(Source.UPLOADED, state.version, limits=self._limits_text),
            new_region=runtime.machine.new_region,
            label=label,
        )
        return self._add(snapshot, replaced)

    def refuse_upload(
        self, runtime: CanisterRuntime, metadata: Metadata, replaced: SnapshotId | None
    ) -> Reject | None:
        """Say why an upload cannot begin."""
        state = runtime.state
        is_64 = state.module is not None and state.module.is_64
        refusal = transfer.refusal_of(metadata, self._limits, is_64=is_64)
        return refusal or self.no_room(state.id, replaced)

    def upload_data(
        self, id_: SnapshotId, canister: Principal, piece: Piece, data: bytes
    ) -> Reject | None:
        """Do ``upload_canister_snapshot_data``."""
        found = self.owned(id_, canister)
        if isinstance(found, Reject):
            return found
        changed = transfer.with_part(found, piece, data, self._limits)
        if isinstance(changed, Reject):
            return changed
        self._snapshots[id_] = changed
        return None

    def adopt(
        self,
        runtime: CanisterRuntime,
        snapshot: Snapshot,
        *,
        label: str | None = None,
        replaced: SnapshotId | None = None,
    ) -> Snapshot | Reject:
        """Put a snapshot from elsewhere (a store, a patch) among this canister's, with a new id."""
        canister = runtime.state.id
        refusal = self.no_room(canister, replaced)
        if refusal is not None:
            return refusal
        own = snapshot.renamed(self._next_id(canister), snapshot.label if label is None else label)
        return self._add(own, replaced)

    # --- anchors

    def saved(self) -> Saved:
        """Return which snapshots there are; they live as long as this is kept."""
        return MappingProxyType(dict(self._snapshots)), MappingProxyType(dict(self._next))

    def restore(self, saved: Saved) -> None:
        """Put back what ``saved`` returned."""
        self._snapshots, self._next = dict(saved[0]), dict(saved[1])

    # --- inside

    def _next_id(self, canister: Principal) -> SnapshotId:
        return SnapshotId.of(canister, self._next.get(canister, 0))

    def _add(self, snapshot: Snapshot, replaced: SnapshotId | None) -> Snapshot:
        canister = snapshot.canister_id
        if replaced is None and self.replaces and len(self.of(canister)) >= self.max_per_canister:
            replaced = self.of(canister)[0].id
        self._next[canister] = snapshot.id.local + 1
        self._snapshots[snapshot.id] = snapshot
        self._unwritten.add(snapshot.id)
        if replaced is not None:
            del self._snapshots[replaced]
        return snapshot


def loader_of(runtime: CanisterRuntime) -> Callable[[bytes], InstalledModule]:
    """Return what turns module bytes into modules; compiled ones come from the cache."""
    return ModuleLoader(runtime.machine.compiler).load
