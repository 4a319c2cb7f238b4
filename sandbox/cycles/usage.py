"""How much memory a canister is charged for, part by part.

Source: ``canister_status``, field ``memory_metrics``; reference/management_canister.md
sections 1 and 3.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.execution.modules import InstalledModule
    from sandbox.state import CanisterState
    from sandbox.world.history import Change
    from snapshot.record import Snapshot

CHUNK_ACCOUNTED_BYTES: Final = 1 << 20
_GLOBAL_BYTES: Final = 32
# The replica counts the Rust structs of its history; their exact size is not documented.
_CHANGE_BYTES: Final = 160
_CONTROLLER_BYTES: Final = 30
# Header and index of a log, a page each (replica, ring_buffer.rs).
_LOG_TABLES_BYTES: Final = 2 * 4_096


class MemoryUse(NamedTuple):
    """Bytes by what they are, in the order of ``memory_metrics``.

    A tuple, because three are made per message.
    """

    heap: int
    stable: int
    globals: int
    module: int
    custom_sections: int
    history: int
    chunks: int
    snapshots: int
    log: int

    @property
    def total(self) -> int:
        """All of it: ``memory_size``."""
        return sum(self)


def memory_use(runtime: CanisterRuntime, snapshots: Iterable[Snapshot]) -> MemoryUse:
    """Return what a canister with these snapshots holds."""
    state = runtime.state
    module = state.module
    return MemoryUse(
        heap=runtime.heap.size_bytes,
        stable=runtime.stable.size_bytes,
        # One more than the module's own: the instruction counter.
        globals=_GLOBAL_BYTES * (len(module.shape.globals) + 1) if module else 0,
        module=len(module.raw) if module else 0,
        custom_sections=_metadata_bytes(module) if module else 0,
        history=sum(map(_change_bytes, state.history)),
        chunks=CHUNK_ACCOUNTED_BYTES * len(state.chunks),
        snapshots=sum(snapshot.total_size for snapshot in snapshots),
        log=_log_bytes(state),
    )


def _log_bytes(state: CanisterState) -> int:
    """Return what the log takes: all of it at once, and nothing after an uninstallation."""
    limit = state.settings.log_memory_limit_bytes
    is_uninstalled = state.module is None and any(
        change.details.tag == "code_uninstall" for change in state.history
    )
    return _LOG_TABLES_BYTES + limit if limit and not is_uninstalled else 0


def _metadata_bytes(module: InstalledModule) -> int:
    return sum(len(name) + len(item.content) for name, item in module.metadata.items())


def _change_bytes(change: Change) -> int:
    details = change.details.value or {}
    return _CHANGE_BYTES + _CONTROLLER_BYTES * len(details.get("controllers", ()))
