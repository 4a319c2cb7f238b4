"""The low-memory hook: told once when little heap is left.

The condition is looked at whenever heap or settings may have changed. From *not satisfied*
it becomes *ready*, and the hook is queued before everything else; when it has run it is
*executed*, until the condition ceases to hold.
Source: replica ``task_queue.rs`` (reference/management_canister.md section 3.7).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.state import LowMemoryHook
from sandbox.system_api.table import Context
from sandbox.world.traffic import SystemTask

if TYPE_CHECKING:
    from collections import deque

    from sandbox.execution.canister import CanisterRuntime
    from sandbox.world.traffic import Message

EXPORT: Final = "canister_on_low_wasm_memory"
# Where the settings have no limit: of 64-bit heaps too, though they may grow beyond.
_HEAP_BYTES: Final = 4 << 30


def look(runtime: CanisterRuntime, queue: deque[Message]) -> None:
    """Update the hook's status, and queue the hook when it has become ready."""
    state = runtime.state
    is_low = state.module is not None and _is_low(runtime)
    if not is_low:
        if state.low_memory_hook is not LowMemoryHook.CONDITION_NOT_SATISFIED:
            _set(runtime, LowMemoryHook.CONDITION_NOT_SATISFIED)
    elif state.low_memory_hook is LowMemoryHook.CONDITION_NOT_SATISFIED:
        _set(runtime, LowMemoryHook.READY)
        if EXPORT in runtime.module.hooks:
            queue.appendleft(SystemTask(state.id, EXPORT, Context.LOW_MEMORY))


def note_executed(runtime: CanisterRuntime) -> None:
    """Remember that the hook has run."""
    _set(runtime, LowMemoryHook.EXECUTED)


def _is_low(runtime: CanisterRuntime) -> bool:
    settings = runtime.state.settings
    if not settings.wasm_memory_threshold_bytes:
        return False
    limit = settings.wasm_memory_limit_bytes or _HEAP_BYTES
    if settings.memory_allocation_bytes:
        other = runtime.machine.used_bytes(runtime) - runtime.heap.size_bytes
        limit = min(limit, max(0, settings.memory_allocation_bytes - other))
    return limit < runtime.heap.size_bytes + settings.wasm_memory_threshold_bytes


def _set(runtime: CanisterRuntime, status: LowMemoryHook) -> None:
    runtime.state = replace(runtime.state, low_memory_hook=status)
