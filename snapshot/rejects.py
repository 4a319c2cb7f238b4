"""What the replica answers when it refuses something about snapshots, letter by letter.

Source: reference/management_canister.md sections 3.6 to 3.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.messages import Reject, reject

if TYPE_CHECKING:
    from sandbox.principal import Principal
    from snapshot.ids import SnapshotId

_ERRORS: Final = "https://internetcomputer.org/docs/current/references/execution-errors#"
_NOT_FOUND_HELP: Final = (
    "Use the `list_canister_snapshot` API to see which snapshots are present. "
    f"See documentation: {_ERRORS}canister-snapshot-not-found"
)
_LIMIT_HELP: Final = (
    "Consider deleting an unnecessary snapshot of the specified canister before creating a new "
    "one. See documentation: canister-snapshot-limit-exceeded"
)
_CHUNK_HELP: Final = (
    "Use the `stored_chunks` API to check which hashes are present or top up the canister if it "
    f"is low on cycles. See documentation: {_ERRORS}wasm-chunk-store-error"
)


def not_found(id_: SnapshotId, canister: Principal) -> Reject:
    """Say that no snapshot has this id."""
    text = f"Could not find the snapshot ID {id_} for canister {canister}."
    return reject("IC0305", f"{text}\n{_NOT_FOUND_HELP}")


def not_owned(id_: SnapshotId, canister: Principal) -> Reject:
    """Say that the snapshot is another canister's."""
    return reject("IC0406", f"The snapshot {id_} does not belong to canister {canister}.")


def too_many(canister: Principal, limit: int) -> Reject:
    """Say that the canister has as many snapshots as it may."""
    text = f"Canister {canister} has reached the maximum number of snapshots allowed: {limit}."
    return reject("IC0406", f"{text}\n{_LIMIT_HELP}")


def empty_canister(canister: Principal) -> Reject:
    """Say that there is nothing to take a snapshot of."""
    return reject("IC0406", f"Failed to create snapshot for empty canister {canister}:")


def not_owners_controller(id_: SnapshotId, canister: Principal, sender: Principal) -> Reject:
    """Say that a foreign snapshot is for controllers of its canister only."""
    return reject(
        "IC0406",
        f"Only a controller of the canister that snapshot {id_} belongs to can load it "
        f"on canister {canister}. Sender: {sender}.",
    )


def not_loadable_yet(id_: SnapshotId, canister: Principal) -> Reject:
    """Say that the replica has not written the snapshot to a checkpoint."""
    return reject(
        "IC0406",
        f"Snapshot {id_} is not currently loadable on the specified canister {canister}. Try "
        "again later. The call should succeed if you wait sufficiently long (usually ten minutes).",
    )


def globals_mismatch() -> Reject:
    """Say that the snapshot's globals are not those of its module."""
    return reject(
        "IC0408", "Wasm exported globals of canister module and snapshot metadata do not match."
    )


def hook_mismatch(status: str, *, is_condition_satisfied: bool) -> Reject:
    """Say that the uploaded hook status contradicts the canister's memory."""
    variant = "".join(word.capitalize() for word in status.split("_"))
    satisfied = str(is_condition_satisfied).lower()
    return reject(
        "IC0408",
        f"Hook status ({variant}) of uploaded snapshot is inconsistent with the canister's state "
        f"(hook condition satisfied: {satisfied}).",
    )


def invalid_metadata(fault: str) -> Reject:
    """Say that the uploaded metadata breaks a limit; fault is the replica's name for it."""
    return reject("IC0408", f"Snapshot Metadata contains invalid data: {fault}")


def slice_too_large(size: int, limit: int) -> Reject:
    """Say that more was asked for at once than a message can carry."""
    return reject("IC0408", f"Requested slice too large: {size} > {limit}")


def invalid_slice(where: str, offset: int, size: int) -> Reject:
    """Say that the range is not inside the data."""
    return reject("IC0408", f"Invalid subslice into {where}: offset: {offset}, size: {size}")


def immutable() -> Reject:
    """Say that only uploaded snapshots can be written to."""
    return reject("IC0409", "Only canister snapshots created by metadata upload can be mutated.")


def chunk_store(message: str) -> Reject:
    """Say that the chunk store refused."""
    return reject("IC0504", f"Error from Wasm chunk store: {message}.\n{_CHUNK_HELP}")
