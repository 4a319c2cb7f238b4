"""Tables, data, globals, functions, memory size, metadata: the checks of a few lines each.

Each function reads one kind of thing and raises ``ModuleRefused`` with the replica's text.

Source: replica ``wasm_utils/validation.rs``; ``Segments::validate`` for data that does not
fit; wasmtime's resource limiter, with the replica's settings, for the size of tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused
from sandbox.wasm.metadata import invalid_custom_section, read_metadata

if TYPE_CHECKING:
    from sandbox.wasm.module import ConstExpr, DataSegment, Module
    from sandbox.wasm.rules import ModuleRules

_WASM_PAGE_BYTES = 65_536
_OFFSET_OPERATOR = {False: "i32.const", True: "i64.const"}


def check_tables(module: Module, rules: ModuleRules) -> None:
    """Check that there is at most one table, of functions, and not too large."""
    for table in module.tables:
        if table.element != "funcref":
            raise ModuleRefused(
                "Wasm module has an invalid table section. "
                f"Table element type must be funcref, got {table.element}"
            )
    if (count := len(module.tables)) > rules.max_tables:
        raise _not_instantiable(f"resource limit exceeded: table count too high at {count}")
    for table in module.tables:
        if table.limits.minimum > rules.max_table_elements:
            raise _not_instantiable(
                f"table minimum size of {table.limits.minimum} elements exceeds table limits"
            )


def check_data(module: Module) -> None:
    """Check that active segments go to a constant place inside the initial memory."""
    for segment in module.data:
        if segment.offset is not None:
            _check_offset(segment.offset, is_64=module.is_64)
            _check_bounds(segment, segment.offset, module)


def check_globals(module: Module, rules: ModuleRules) -> None:
    """Check the number of globals and that each holds a number or a vector."""
    if (defined := len(module.globals)) > rules.max_globals:
        raise ModuleRefused(
            f"Wasm module defined {defined} globals "
            f"which exceeds the maximum number allowed {rules.max_globals}."
        )
    for entry in module.globals:
        if entry.type.value in {"funcref", "externref"}:
            raise ModuleRefused(
                "Wasm module has an invalid global section. "
                f"Unsupported global type: Ref({entry.type.value})"
            )


def check_functions(module: Module, rules: ModuleRules) -> None:
    """Check the number of defined functions."""
    if (defined := len(module.bodies)) > rules.max_functions:
        raise ModuleRefused(
            f"Wasm module defined {defined} functions "
            f"which exceeds the maximum number allowed {rules.max_functions}."
        )


def check_memory_size(module: Module, rules: ModuleRules) -> None:
    """Check the initial size of a 64-bit memory; a 32-bit one always fits."""
    if not module.is_64:
        return
    declared = module.memories[0].limits.minimum
    if declared > rules.max_wasm64_pages:
        raise ModuleRefused(
            f"Wasm module declares an initial Wasm64 heap memory size of {declared} pages "
            f"which exceeds the maximum allowed size of {rules.max_wasm64_pages} pages."
        )


def check_metadata(module: Module, rules: ModuleRules) -> None:
    """Check names, total size and number of the ``icp:`` custom sections."""
    metadata = read_metadata(module)
    size = sum(len(name.encode()) + len(entry.content) for name, entry in metadata.items())
    if size > rules.max_custom_sections_bytes:
        raise invalid_custom_section(
            "Invalid custom sections: total size of the custom sections exceeds the maximum "
            f"allowed: size {size} bytes, allowed {rules.max_custom_sections_bytes} bytes"
        )
    if len(metadata) > rules.max_custom_sections:
        raise ModuleRefused(
            f"Wasm module defined {len(metadata)} custom sections "
            f"which exceeds the maximum number allowed {rules.max_custom_sections}."
        )


def _check_offset(offset: ConstExpr, *, is_64: bool) -> None:
    if offset.operator != _OFFSET_OPERATOR[is_64]:
        raise ModuleRefused(
            "Wasm module has an invalid data section. Invalid offset expression in data segment "
            f"for {64 if is_64 else 32}bit memory: [{_print(offset)}]"
        )


def _check_bounds(segment: DataSegment, offset: ConstExpr, module: Module) -> None:
    # The replica sign-extends 32-bit offsets, so data in the upper half of a 4 GiB memory
    # is out of bounds for it; so it is here.
    assert offset.operand is not None  # a constant of the right type was checked before
    start = offset.operand % (1 << 64)
    size = segment.span[1] - segment.span[0]
    memory_bytes = sum(memory.limits.minimum for memory in module.memories) * _WASM_PAGE_BYTES
    if start + size > memory_bytes:
        raise ModuleRefused(f"Wasm module has invalid data segment of {size} bytes at {start}")


def _print(offset: ConstExpr) -> str:
    if offset.operator == "global.get":
        return f"Global(GlobalID({offset.operand}))"
    return offset.operator if offset.operand is None else f"{offset.operator} {offset.operand}"


def _not_instantiable(what: str) -> ModuleRefused:
    return ModuleRefused(f"Failed to instantiate module: {what}")
