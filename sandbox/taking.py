"""The proposal's four snapshot methods, by canister id: a part of ``Sandbox``."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sandbox.errors import OpenCallsWarning
from sandbox.messages import Reject
from sandbox.principal import Principal
from sandbox.world.controlling import refuse_stranger
from snapshot.ids import SnapshotId
from snapshot.record import Snapshot

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sandbox.sandbox import PrincipalLike
    from sandbox.world.world import World


class TakesSnapshots(ABC):
    """The part of a sandbox that takes, loads, lists and deletes snapshots.

    What else one does with them is ``ic.snapshots``. These four are the sandbox's own: free of
    cycles and rate limits, which ``ic.management`` and canisters meet.
    """

    @abstractmethod
    def entered(self) -> AbstractContextManager[World]:
        """Be the only thread in the sandbox."""

    @abstractmethod
    def identity_of(self, caller: PrincipalLike | None) -> Principal:
        """Return the principal behind a ``caller=`` argument."""

    def take_snapshot(
        self,
        canister_id: PrincipalLike,
        label: str = "",
        *,
        replace: SnapshotId | str | None = None,
        caller: PrincipalLike | None = None,
    ) -> Snapshot:
        """Save a canister's state; costs the same whatever the canister's size.

        Raises: CanisterRejected (not a controller, ten snapshots already, empty canister).
        Warns: OpenCallsWarning, before anything is done.
        """
        with self.entered() as world:
            runtime = world.existing(Principal(canister_id))
            who = self.identity_of(caller)
            check(refuse_stranger(runtime.state, who, "take_canister_snapshot"))
            _warn_of_open_calls(world, runtime.state.id)
            replaced = None if replace is None else _snapshot_id(replace)
            return checked(world.snapshots.take(runtime, label, replaced=replaced))

    def load_snapshot(
        self,
        snapshot_id: Snapshot | SnapshotId | str,
        canister_id: PrincipalLike | None = None,
        *,
        caller: PrincipalLike | None = None,
    ) -> None:
        """Make a canister what it was when the snapshot was taken.

        canister_id: another canister may load it too; default: the snapshot's own.
        Raises: CanisterRejected; nothing changes then.
        Warns: OpenCallsWarning, before anything is done.
        """
        id_ = _snapshot_id(snapshot_id)
        with self.entered() as world:
            runtime = world.existing(
                id_.canister if canister_id is None else Principal(canister_id)
            )
            who = self.identity_of(caller)
            check(refuse_stranger(runtime.state, who, "load_canister_snapshot"))
            _warn_of_open_calls(world, runtime.state.id)
            check(world.load_snapshot(runtime, id_, who))

    def list_snapshots(
        self, canister_id: PrincipalLike, *, caller: PrincipalLike | None = None
    ) -> tuple[Snapshot, ...]:
        """Return a canister's snapshots, oldest first."""
        with self.entered() as world:
            runtime = world.existing(Principal(canister_id))
            who = self.identity_of(caller)
            check(refuse_stranger(runtime.state, who, "list_canister_snapshots"))
            return world.snapshots.of(runtime.state.id)

    def delete_snapshot(
        self, snapshot_id: Snapshot | SnapshotId | str, *, caller: PrincipalLike | None = None
    ) -> None:
        """Delete a snapshot. Raises: CanisterRejected."""
        id_ = _snapshot_id(snapshot_id)
        with self.entered() as world:
            runtime = world.existing(id_.canister)
            who = self.identity_of(caller)
            check(refuse_stranger(runtime.state, who, "delete_canister_snapshot"))
            check(world.snapshots.delete(id_, runtime.state.id))


def check(refusal: Reject | None) -> None:
    """Raise a reject as an exception."""
    if refusal is not None:
        raise refusal.to_exception()


def checked(result: Snapshot | Reject) -> Snapshot:
    """Return a result, or raise the reject in its place."""
    if isinstance(result, Reject):
        raise result.to_exception()
    return result


def _warn_of_open_calls(world: World, canister: Principal) -> None:
    if world.router.has_open_contexts(canister):
        warnings.warn(
            f"canister {canister} has open calls, which a snapshot does not hold: their "
            "callbacks run in whatever state the canister has by then. Stop it first, "
            "or let the calls end (ic.tick(), ic.advance(...)).",
            OpenCallsWarning,
            stacklevel=3,
        )


def _snapshot_id(snapshot: Snapshot | SnapshotId | str) -> SnapshotId:
    if isinstance(snapshot, Snapshot):
        return snapshot.id
    return SnapshotId.parse(snapshot) if isinstance(snapshot, str) else snapshot
