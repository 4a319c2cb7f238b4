"""The snapshot methods: the IC's face of what ``snapshot`` does.

Source: reference/management_canister.md section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.cycles.bank import out_of_cycles
from sandbox.cycles.uses import Use
from sandbox.execution import ratelimits
from sandbox.management.call import Refused, check, refuse
from sandbox.messages import Reject
from sandbox.world import controlling
from snapshot import rejects
from snapshot.ids import SnapshotId
from snapshot.record import CHUNK_ACCOUNTED_BYTES

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.management.call import ManagementCall
    from snapshot.record import Snapshot

_BASE_INSTRUCTIONS: Final = 2_000_000_000
_LONGEST_ID_BYTES: Final = 37


def take(call: ManagementCall) -> dict[str, Any]:
    """Save a canister's state, in place of another snapshot if one is named."""
    runtime, replaced = call.target(), call.argument["replace_snapshot"]
    id_ = None if replaced is None else snapshot_id(replaced)
    size = runtime.heap.size_bytes + runtime.stable.size_bytes
    check(call.world.snapshots.no_room(runtime.state.id, id_))
    check(ratelimits.refuse_heap_delta(runtime))
    require_funds(call, runtime, _BASE_INSTRUCTIONS + size)
    taken = call.world.snapshots.take(runtime, "", replaced=id_)
    if isinstance(taken, Reject):
        raise Refused(taken)
    pay(call, runtime, _BASE_INSTRUCTIONS + size)
    note_heap_delta(runtime, taken)
    if call.argument["uninstall_code"]:
        controlling.uninstall_code(call.world, runtime, call.origin)
    return shown(taken)


def load(call: ManagementCall) -> None:
    """Make a canister what a snapshot says."""
    runtime, id_ = call.target(), snapshot_id(call.argument["snapshot_id"])
    check(ratelimits.refuse_heap_delta(runtime))
    found = call.world.snapshots.get(id_)
    if found is None:
        raise Refused(rejects.not_found(id_, runtime.state.id))
    require_funds(call, runtime, _BASE_INSTRUCTIONS + found.total_size)
    check(controlling.load_snapshot(call.world, runtime, id_, call.caller, call.origin))
    pay(call, runtime, _BASE_INSTRUCTIONS)
    compiling = call.world.limits.compile_instructions * runtime.module.instructions
    pay(call, runtime, compiling + found.total_size)
    note_heap_delta(runtime, found)


def listed(call: ManagementCall) -> list[dict[str, Any]]:
    """Return a canister's snapshots, oldest first."""
    runtime = call.target()
    require_viewer(call, runtime)
    return [shown(item) for item in call.world.snapshots.of(runtime.state.id)]


def delete(call: ManagementCall) -> None:
    """Forget a snapshot."""
    id_ = snapshot_id(call.argument["snapshot_id"])
    check(call.world.snapshots.delete(id_, call.target().state.id))


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as ``ic.did`` has it."""
    return {
        "id": snapshot.id.raw,
        "taken_at_timestamp": snapshot.taken_on,
        "total_size": snapshot.total_size,
    }


def require_viewer(call: ManagementCall, runtime: CanisterRuntime) -> None:
    """Refuse the call unless the caller may see the canister's snapshots. Raises: Refused."""
    settings = runtime.state.settings
    if not settings.lets_see(call.caller, settings.snapshot_visibility):
        call.require_controller(runtime)


def require_funds(call: ManagementCall, runtime: CanisterRuntime, instructions: int) -> None:
    """Refuse an operation that the canister cannot pay for. Raises: Refused."""
    fee = call.world.bank.prices.execution(instructions, is_64=False)
    missing = fee - call.world.bank.liquid(runtime)
    if fee and missing > 0:
        reason = out_of_cycles(runtime.state.id, missing).message
        raise refuse(
            "IC0207",
            f"Canister snapshotting failed with: `{reason}`\nTry sending more cycles with the "
            "request. See documentation: canister-snapshot-not-enough-cycles",
        )


def pay(call: ManagementCall, runtime: CanisterRuntime, instructions: int) -> None:
    """Charge the canister for an operation on snapshots, as far as its balance goes."""
    fee = call.world.bank.prices.execution(instructions, is_64=False)
    call.world.bank.charge(runtime, min(fee, call.world.bank.liquid(runtime)), Use.INSTRUCTIONS)


def note_heap_delta(runtime: CanisterRuntime, snapshot: Snapshot) -> None:
    """Count what a snapshot's memories and chunks hold as written by the canister."""
    if not runtime.machine.limits.heap_delta_bytes_per_round:
        return  # what a snapshot holds is worked out when somebody asks
    content = snapshot.content
    chunks = CHUNK_ACCOUNTED_BYTES * len(content.chunks)
    written = ratelimits.written_bytes(content.heap, content.stable)
    ratelimits.note_heap_delta(runtime, written + chunks)


def snapshot_id(raw: bytes) -> SnapshotId:
    """Return an id from its bytes. Raises: Refused for one of a wrong length."""
    if len(raw) < 9:
        raise refuse(
            "IC0408",
            "Error decoding candid: Invalid length of SnapshotId: Invalid snapshot ID length: "
            f"provided {len(raw)}, minumum length expected {_LONGEST_ID_BYTES}.",
        )
    if len(raw) > _LONGEST_ID_BYTES:
        raise refuse(
            "IC0408",
            "Error decoding candid: Invalid length of SnapshotId: Invalid snapshot ID length: "
            f"provided {len(raw)}, maximum length expected {_LONGEST_ID_BYTES}.",
        )
    return SnapshotId(raw)
