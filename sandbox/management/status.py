"""What can be learnt about a canister: status, metrics, history, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.values import VariantValue
from sandbox.cycles.usage import memory_use
from sandbox.management.call import refuse
from sandbox.management.settings import shown
from sandbox.wasm.metadata import Visibility as MetadataVisibility

if TYPE_CHECKING:
    from sandbox.management.call import ManagementCall
    from sandbox.world.history import Change

_NO_METADATA_HELP: Final = (
    "If you are a controller of the canister, install a Wasm module containing a metadata "
    "section with the given name."
)
_QUERY_STATS: Final = (
    "num_calls_total",
    "num_instructions_total",
    "request_payload_bytes_total",
    "response_payload_bytes_total",
)


def status(call: ManagementCall) -> dict[str, Any]:
    """Return everything a controller may know."""
    runtime = call.target()
    state = runtime.state
    settings = state.settings
    if call.caller != state.id and not settings.lets_see(call.caller, settings.status_visibility):
        call.require_controller(runtime)
    bank = call.world.bank
    memory = memory_use(runtime, call.world.snapshots.of(state.id))
    return {
        "status": VariantValue(state.status.name.lower()),
        "ready_for_migration": state.status.name == "STOPPED"
        and not call.world.router.has_messages_for(state.id),
        "version": state.version,
        "settings": shown(settings),
        "module_hash": state.module.module_hash if state.module else None,
        "memory_size": memory.total,
        "memory_metrics": {
            "wasm_memory_size": memory.heap,
            "stable_memory_size": memory.stable,
            "global_memory_size": memory.globals,
            "wasm_binary_size": memory.module,
            "custom_sections_size": memory.custom_sections,
            "canister_history_size": memory.history,
            "wasm_chunk_store_size": memory.chunks,
            "snapshots_size": memory.snapshots,
            "log_memory_store_size": memory.log,
        },
        "cycles": state.cycles,
        "reserved_cycles": state.reserved_cycles,
        "idle_cycles_burned_per_day": bank.idle_per_day(runtime),
        "query_stats": dict(zip(_QUERY_STATS, call.world.queried.of(state.id), strict=True)),
    }


def metrics(call: ManagementCall) -> dict[str, Any]:
    """Return what a canister's cycles were spent on."""
    consumed = call.world.bank.consumed(call.target().state.id)
    return {"cycles_consumed": {str(use): amount for use, amount in consumed.items()}}


def info(call: ManagementCall) -> dict[str, Any]:
    """Return history, module hash and controllers; any canister may ask."""
    state = call.target().state
    wanted = call.argument["num_requested_changes"] or 0
    recent = state.history[-wanted:] if wanted else ()
    return {
        "total_num_changes": state.total_changes,
        "recent_changes": [_shown_change(change) for change in recent],
        "module_hash": state.module.module_hash if state.module else None,
        "controllers": list(state.settings.controllers),
    }


def metadata(call: ManagementCall) -> dict[str, Any]:
    """Return a custom section; private ones are for controllers."""
    runtime, name = call.target(), call.argument["name"]
    id_, module = runtime.state.id, runtime.state.module
    if module is None:
        text = f"The canister {id_} has no Wasm module and hence no metadata is available."
        raise refuse("IC0406", _bare_help(text, "canister-metadata-no-wasm-module"))
    found = module.metadata.get(name)
    is_controller = call.caller in runtime.state.settings.controllers
    if found is None or not (found.visibility is MetadataVisibility.PUBLIC or is_controller):
        text = f"The canister {id_} has no metadata section with the name {name}."
        raise refuse("IC0406", _bare_help(text, "canister-metadata-section-not-found"))
    return {"value": found.content}


def _bare_help(text: str, anchor: str) -> str:
    # The replica gives these two a bare anchor in place of a link.
    return f"{text}\n{_NO_METADATA_HELP} See documentation: {anchor}"


def _shown_change(change: Change) -> dict[str, Any]:
    return {
        "timestamp_nanos": change.time_ns,
        "canister_version": change.version,
        "origin": change.origin,
        "details": change.details,
    }
