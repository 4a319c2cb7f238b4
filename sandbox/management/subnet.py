"""The subnet: randomness, nodes, versions, which canisters there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.management.call import refuse
from sandbox.principal import Principal

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall

_DAY_NS: Final = 86_400_000_000_000
_BLOCKS_PER_NODE_AND_DAY: Final = 6_500


def raw_rand(call: ManagementCall) -> bytes:
    """Return the next 32 random bytes of the sandbox's seed."""
    return call.world.random.draw()


def info(call: ManagementCall) -> dict[str, Any]:
    """Return versions. Raises: Refused for another subnet."""
    _require_own_subnet(call)
    return {"replica_version": f"canister-sandbox {call.world.limits}", "registry_version": 1}


def node_metrics(call: ManagementCall) -> list[dict[str, Any]]:
    """Return one entry per day since the wanted time: every node proposed its blocks."""
    _require_own_subnet(call)
    start = call.argument["start_at_timestamp_nanos"]
    now = call.world.clock.now_ns
    first = max(start, now - 60 * _DAY_NS)
    return [
        {"timestamp_nanos": time, "node_metrics": _nodes(call, time)}
        for time in range(-(-first // _DAY_NS) * _DAY_NS, now + 1, _DAY_NS)
    ]


def canisters(call: ManagementCall) -> dict[str, Any]:
    """Return the ids of all canisters as ranges; this sandbox's own controllers may ask.

    On the IC only subnet administrators may; here everybody who is no canister is one.
    """
    if call.is_from_canister:
        raise refuse("IC0410", f"Caller {call.caller} is not a subnet admin")
    ranges: list[dict[str, Principal]] = []
    for id_ in sorted(call.world.canisters):
        if ranges and _follows(ranges[-1]["end"], id_):
            ranges[-1]["end"] = id_
        else:
            ranges.append({"start": id_, "end": id_})
    return {"canisters": ranges}


def _follows(before: Principal, id_: Principal) -> bool:
    a, b = bytes(before), bytes(id_)
    if len(a) != len(b) or a[8:] != b[8:]:
        return False
    return int.from_bytes(a[:8], "big") + 1 == int.from_bytes(b[:8], "big")


def _nodes(call: ManagementCall, time_ns: int) -> list[dict[str, Any]]:
    days = time_ns // _DAY_NS
    return [
        {
            "node_id": Principal.self_authenticating(f"canister-sandbox node {number}".encode()),
            "num_blocks_proposed_total": days * _BLOCKS_PER_NODE_AND_DAY,
            "num_block_failures_total": 0,
        }
        for number in range(call.world.bank.prices.nodes)
    ]


def _require_own_subnet(call: ManagementCall) -> None:
    wanted = call.argument["subnet_id"]
    if wanted != call.world.machine.subnet:
        text = f"Subnet {wanted} is not the subnet of this sandbox, {call.world.machine.subnet}"
        raise refuse("IC0404", text)
