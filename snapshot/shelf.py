"""The snapshots of a sandbox, in memory: take, load, list, delete, by the IC's rules.

Taking costs a mark in each memory, loading costs the pages changed since. The checks come
in the replica's order; a refusal changes nothing.
Source: reference/management_canister.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sandbox.canister import CanisterRuntime, Capture, Held
from sandbox.messages import Reject, reject
from sandbox.principal import Principal
from snapshot.content import mutable_bits
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot

_NOT_FOUND_HELP = (
    "Use the `list_canister_snapshot` API to see which snapshots are present. "
    "See documentation: "
    "https://internetcomputer.org/docs/current/references/execution-errors#canister-snapshot-not-found"
)
_LIMIT_HELP = (
    "Consider deleting an unnecessary snapshot of the specified canister before creating a new "
    "one. See documentation: canister-snapshot-limit-exceeded"
)
Saved = tuple[Mapping[SnapshotId, Snapshot], Mapping[Principal, int]]


class SnapshotShelf:
    """All snapshots of one sandbox.

    max_per_canister: 10 on the IC. With 1 and ``replaces`` the next one takes the place of
        the last (the original proposal).
    """

    def __init__(self, max_per_canister: int, *, replaces: bool = False) -> None:
        self._max = max_per_canister
        self._replaces = replaces
        self._snapshots: dict[SnapshotId, Snapshot] = {}
        self._next: dict[Principal, int] = {}

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
        if replaced is not None:
            refusal = self._owned(replaced, canister)
            if refusal is not None:
                return refusal
        elif len(self.of(canister)) >= self._max and not self._replaces:
            return reject(
                "IC0406",
                f"Canister {canister} has reached the maximum number of snapshots allowed: "
                f"{self._max}.\n{_LIMIT_HELP}",
            )
        if runtime.state.module is None:
            return reject("IC0406", f"Failed to create snapshot for empty canister {canister}:")
        return self._add(runtime, label, replaced)

    def load(
        self,
        runtime: CanisterRuntime,
        id_: SnapshotId,
        *,
        is_controller_of: Callable[[Principal], bool],
        caller: Principal,
    ) -> Reject | None:
        """Make the canister's state the snapshot's; the snapshot stays.

        Kept as they are: cycles, settings, status, log, global timer and low-memory hook.
        is_controller_of: whether the caller controls a canister (needed for a foreign snapshot).
        """
        canister = runtime.state.id
        snapshot = self._snapshots.get(id_)
        if snapshot is None:
            return _not_found(id_, canister)
        if snapshot.canister_id != canister and not is_controller_of(snapshot.canister_id):
            return reject(
                "IC0406",
                f"Only a controller of the canister that snapshot {id_} belongs to can load it "
                f"on canister {canister}. Sender: {caller}.",
            )
        content, module = snapshot.content, snapshot.installed
        assert module is not None
        heap, stable = content.heap, content.stable
        if snapshot.canister_id != canister:
            heap, stable = _forked(heap), _forked(stable)
        before = runtime.state
        state = replace(
            before,
            module=module,
            globals=mutable_bits(module, content.globals),
            certified_data=content.certified_data,
            chunks=content.chunks,
            version=before.version + 1,
            installed_at_ns=runtime.machine.now_ns(),
        )
        runtime.restore(Capture(state, heap, stable))
        return None

    def of(self, canister: Principal) -> tuple[Snapshot, ...]:
        """Return a canister's snapshots, oldest first."""
        found = (item for item in self._snapshots.values() if item.canister_id == canister)
        return tuple(sorted(found, key=lambda item: item.id))

    def get(self, id_: SnapshotId) -> Snapshot | None:
        """Return a snapshot by id."""
        return self._snapshots.get(id_)

    def delete(self, id_: SnapshotId, canister: Principal) -> Reject | None:
        """Forget a snapshot and the pages only it needed."""
        refusal = self._owned(id_, canister)
        if refusal is None:
            del self._snapshots[id_]
        return refusal

    def forget_canister(self, canister: Principal) -> None:
        """Delete all snapshots of a deleted canister."""
        for item in self.of(canister):
            del self._snapshots[item.id]

    def saved(self) -> Saved:
        """Return which snapshots there are; they live as long as this is kept."""
        return MappingProxyType(dict(self._snapshots)), MappingProxyType(dict(self._next))

    def restore(self, saved: Saved) -> None:
        """Put back what ``saved`` returned."""
        self._snapshots, self._next = dict(saved[0]), dict(saved[1])

    def _add(self, runtime: CanisterRuntime, label: str, replaced: SnapshotId | None) -> Snapshot:
        canister = runtime.state.id
        local = self._next.get(canister, 0)
        snapshot = Snapshot.taken(
            SnapshotId.of(canister, local), runtime.machine.now_ns(), label, runtime.capture()
        )
        if replaced is None and self._replaces and len(self.of(canister)) >= self._max:
            replaced = self.of(canister)[0].id
        self._next[canister] = local + 1
        self._snapshots[snapshot.id] = snapshot
        if replaced is not None:
            del self._snapshots[replaced]
        return snapshot

    def _owned(self, id_: SnapshotId, canister: Principal) -> Reject | None:
        snapshot = self._snapshots.get(id_)
        if snapshot is None:
            return _not_found(id_, canister)
        if snapshot.canister_id != canister:
            return reject("IC0406", f"The snapshot {id_} does not belong to canister {canister}.")
        return None


def _not_found(id_: SnapshotId, canister: Principal) -> Reject:
    text = f"Could not find the snapshot ID {id_} for canister {canister}."
    return reject("IC0305", f"{text}\n{_NOT_FOUND_HELP}")


def _forked(memory: Held) -> Held:
    """Return a memory of a foreign snapshot as a region of the loading canister's own."""
    return Held(memory.region.fork(at=memory.mark))
