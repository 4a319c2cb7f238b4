"""Making a canister what a snapshot says: the last checks, then the swap.

Kept by the canister: cycles, settings, status, log, history; of a taken snapshot also the
present global timer and low-memory hook, since that is what the IC does.
Source: reference/management_canister.md section 3.7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused
from sandbox.execution.canister import CanisterRuntime, Capture, Held
from sandbox.execution.lifecycle import invalid_module
from sandbox.messages import Reject
from sandbox.state import LowMemoryHook
from snapshot import rejects
from snapshot.content import fits, mutable_bits
from snapshot.record import Source, accounted_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.execution.modules import InstalledModule
    from sandbox.state import CanisterState
    from snapshot.content import Content
    from snapshot.record import Snapshot

_HEAP_32_BYTES: Final = 4 << 30
_MAGICS: Final = (b"\0asm", b"\x1f\x8b")  # a module, and a compressed one


def apply(
    runtime: CanisterRuntime,
    snapshot: Snapshot,
    load_module: Callable[[bytes], InstalledModule],
) -> Reject | None:
    """Make the canister's state the snapshot's; the snapshot stays.

    load_module: raises ModuleRefused.
    On failure: nothing changed.
    """
    content = snapshot.content
    module = snapshot.installed or _module(runtime, content, load_module)
    if isinstance(module, Reject):
        return module
    if not fits(module, content.globals):
        return rejects.globals_mismatch()
    is_uploaded = snapshot.origin.source is Source.UPLOADED
    if is_uploaded:
        refusal = _hook_refusal(runtime.state, content)
        if refusal is not None:
            return refusal
    state = _state(runtime, content, module, restores_timer=is_uploaded)
    heap, stable = content.heap, content.stable
    if snapshot.home != runtime.state.id:
        # A region of another canister, or of a snapshot alone, must not become this
        # canister's: what it does from now on would move it.
        heap = Held(heap.region.fork(at=heap.mark))
        stable = Held(stable.region.fork(at=stable.mark))
    runtime.restore(Capture(state, heap, stable))
    return None


def _module(
    runtime: CanisterRuntime, content: Content, load_module: Callable[[bytes], InstalledModule]
) -> InstalledModule | Reject:
    if not content.module.startswith(_MAGICS):
        error = ModuleRefused("Failed to parse: it does not begin as a Wasm module does")
        return invalid_module(runtime.state.id, error)
    try:
        return load_module(content.module)
    except ModuleRefused as error:
        return invalid_module(runtime.state.id, error)


def _state(
    runtime: CanisterRuntime, content: Content, module: InstalledModule, *, restores_timer: bool
) -> CanisterState:
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
    if restores_timer and content.timer_ns is not None:
        state = replace(state, timer_ns=content.timer_ns)
    if restores_timer and content.low_memory_hook is not None:
        state = replace(state, low_memory_hook=LowMemoryHook(content.low_memory_hook))
    return state


def _hook_refusal(state: CanisterState, content: Content) -> Reject | None:
    """Hold an uploaded hook status against what the memory sizes say."""
    status = content.low_memory_hook
    if status is None:
        return None
    is_satisfied = _is_memory_low(state, content)
    if is_satisfied == (status != LowMemoryHook.CONDITION_NOT_SATISFIED):
        return None
    return rejects.hook_mismatch(status, is_condition_satisfied=is_satisfied)


def _is_memory_low(state: CanisterState, content: Content) -> bool:
    """Source: section 3.7, the hook condition of the replica's task queue."""
    settings, heap = state.settings, content.heap.mark.size_bytes
    capacity = settings.wasm_memory_limit_bytes or _HEAP_32_BYTES
    if settings.memory_allocation_bytes:
        other = accounted_bytes(content, Source.UPLOADED) - heap
        capacity = min(capacity, max(0, settings.memory_allocation_bytes - other))
    return capacity < heap + settings.wasm_memory_threshold_bytes
