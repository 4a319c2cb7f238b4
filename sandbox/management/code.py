"""Installing and removing code, whole or from chunks."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sandbox.execution.lifecycle import Persistence
from sandbox.management.call import check
from sandbox.management.chunks import chunk_store_error
from sandbox.world import controlling
from sandbox.world.controlling import Installation

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime
    from sandbox.management.call import ManagementCall


def install(call: ManagementCall) -> None:
    """Install, reinstall or upgrade from a whole module."""
    _install(call, call.target(), call.argument["wasm_module"])


def install_chunked(call: ManagementCall) -> None:
    """Install, reinstall or upgrade from chunks in some canister's store."""
    target = call.target()
    store_id = call.argument["store_canister"] or target.state.id
    store = call.runtime(store_id)
    if store_id != call.caller:
        call.require_controller(store)
    module = b"".join(_chunk(store, item["hash"]) for item in call.argument["chunk_hashes_list"])
    wanted = call.argument["wasm_module_hash"]
    found = sha256(module).digest()
    if found != wanted:
        text = f"Wasm module hash {list(found)} does not match given hash {list(wanted)}"
        raise chunk_store_error(text)
    _install(call, target, module)


def uninstall(call: ManagementCall) -> None:
    """Remove code and memory; open calls are answered."""
    controlling.uninstall_code(call.world, call.target(), call.origin)


def _chunk(store: CanisterRuntime, hash_: bytes) -> bytes:
    found = store.state.chunks.get(hash_)
    if found is None:
        raise chunk_store_error(f"Chunk hash {list(hash_)} was not found")
    return found


def _install(call: ManagementCall, runtime: CanisterRuntime, module: bytes) -> None:
    mode, options = call.argument["mode"].tag, call.argument["mode"].value
    wanted = Installation(
        mode,
        module,
        call.argument["arg"],
        call.caller,
        bool(options and options["skip_pre_upgrade"]),
        _persistence(options),
    )
    report = controlling.install_code(call.world, runtime, wanted, call.origin)
    check(report.failure)


def _persistence(options: Any) -> Persistence | None:
    wanted = options["wasm_memory_persistence"] if options else None
    return None if wanted is None else Persistence(wanted.tag)
