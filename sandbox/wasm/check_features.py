"""Features of WebAssembly the IC has switched off, as far as declarations show them.

The replica leaves these to wasmtime's validator and shows its messages; the engine's
configuration says the same. They are looked for here too, because the rewriting relies on
them: at most one memory, private and of ordinary pages, with limits that make sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused

if TYPE_CHECKING:
    from sandbox.wasm.module import Limits, MemoryType, Module

_WASM_PAGE_LOG2 = 16
_MAX_PAGES = {False: 1 << 16, True: 1 << 48}  # by is_64: the whole address space


def check_features(module: Module) -> None:
    """Check memories, limits and tags.

    Raises: ModuleRefused with wasmtime's message in the replica's frame.
    """
    if len(module.memories) > 1:
        raise _invalid("multiple memories")
    for memory in module.memories:
        _check_memory(memory)
    for table in module.tables:
        _check_order(table.limits)
    if module.tags:
        raise _invalid("exceptions proposal not enabled")


def _check_memory(memory: MemoryType) -> None:
    if memory.is_shared:
        raise _invalid("threads must be enabled for shared memories")
    if memory.page_size_log2 != _WASM_PAGE_LOG2:
        raise _invalid(
            "the custom page sizes proposal must be enabled to customize a memory's page size"
        )
    limit = _MAX_PAGES[memory.is_64]
    if max(memory.limits.minimum, memory.limits.maximum or 0) > limit:
        raise _invalid(f"memory size must be at most 0x{limit:x} 65536-byte pages")
    _check_order(memory.limits)


def _check_order(limits: Limits) -> None:
    if limits.maximum is not None and limits.minimum > limits.maximum:
        raise _invalid("size minimum must not be greater than maximum")


def _invalid(what: str) -> ModuleRefused:
    return ModuleRefused(
        "Wasmtime failed to validate wasm module wasmtime::Module::validate() failed with " + what
    )
