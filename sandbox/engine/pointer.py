"""A text that a module's function points at, asked of an instance made for that alone.

Nothing is shared with any canister: store, memory, globals and table are new, and gone
afterwards. The system API does nothing and answers 0, and the start function does not run.
What the module may do is bounded in instructions and memory, what it says in length.
Source: dfinity/candid-extractor 0.1.6, ``extract.rs``; it does run a start function, but Rust
modules have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import wasmtime

from sandbox.engine.signals import trapping_safely
from sandbox.engine.traps import read_trap
from sandbox.errors import NoText
from sandbox.wasm.rewrite import HEAP_IMPORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.engine.compiler import Compiled, Compiler
    from sandbox.wasm.rewrite import Rewritten

# A tenth of what a query may use, 500 times what the SDK's Candid UI takes. It ends in 0.1 s, at
# the worst (nothing but system calls, which cost nothing here) in 2 s.
MAX_INSTRUCTIONS: Final = 500_000_000
# ic-cdk's modules begin with 1 or 2 MiB, and building the text takes less than as much again.
MAX_HEAP_BYTES: Final = 256 << 20
# As metadata the text could be no longer: the IC takes 1 MiB of custom sections.
MAX_TEXT_BYTES: Final = 1 << 20
_PAGE_BYTES: Final = 65_536


def text_at(compiler: Compiler, compiled: Compiled, shape: Rewritten, export: str) -> str:
    """Call a function that returns an address, and return the NUL-terminated text that is there.

    Requires: the function takes nothing and returns one address, as wide as the heap's are.
    Raises: NoText; UsageError in a thread whose stack is too small for Wasm code.
    """
    compiler.stack.check()
    store = wasmtime.Store(compiler.engine)
    try:
        store.set_limits(memory_size=MAX_HEAP_BYTES)
        heap = _new_heap(store, shape)
        with trapping_safely():
            exports = _instantiate(store, compiled, heap)
            address = _call(store, exports, export, shape.meter.counter)
        return _read(store, heap, address % (1 << _width(shape)))
    finally:
        store.close()


def _width(shape: Rewritten) -> int:
    return 64 if shape.heap is not None and shape.heap.is_64 else 32


def _new_heap(store: wasmtime.Store, shape: Rewritten) -> wasmtime.Memory:
    if shape.heap is None:
        raise NoText("points nowhere: the module has no memory")
    if shape.heap.min_pages * _PAGE_BYTES > MAX_HEAP_BYTES:
        raise NoText(f"is not called: the heap begins with more than {MAX_HEAP_BYTES >> 20} MiB")
    limits = wasmtime.Limits(shape.heap.min_pages, shape.heap.max_pages)
    return wasmtime.Memory(store, wasmtime.MemoryType(limits, shape.heap.is_64))


def _instantiate(
    store: wasmtime.Store, compiled: Compiled, heap: wasmtime.Memory
) -> Mapping[str, object]:
    linker = wasmtime.Linker(store.engine)
    try:
        linker.define(store, *HEAP_IMPORT, heap)
        linker.define_unknown_imports_as_default_values(store, compiled.module)
        return linker.instantiate(store, compiled.module).exports(store)
    except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise NoText(f"cannot be called: {reason}") from error
    finally:
        linker.close()


def _call(store: wasmtime.Store, exports: Mapping[str, object], export: str, counter: str) -> int:
    function, left = exports[export], exports[counter]
    assert isinstance(function, wasmtime.Func), f"{export} was validated to be a function"
    assert isinstance(left, wasmtime.Global)
    left.set_value(store, wasmtime.Val.i64(MAX_INSTRUCTIONS))
    try:
        return int(function(store))
    except wasmtime.Trap as trap:
        if int(left.value(store)) < 0:
            reason = f"does not end within {MAX_INSTRUCTIONS:,} instructions"
            raise NoText(reason) from trap
        raise NoText(f"traps: {read_trap(trap).text}") from trap


def _read(store: wasmtime.Store, heap: wasmtime.Memory, address: int) -> str:
    size = heap.data_len(store)
    if address >= size:
        raise NoText(f"points at {address}, behind the heap's {size} bytes")
    found = bytes(heap.read(store, address, address + MAX_TEXT_BYTES + 1))
    length = found.find(0)
    if length < 0:
        where = "1 MiB" if len(found) > MAX_TEXT_BYTES else "the heap"
        raise NoText(f"points at a text without an end: there is no NUL within {where}")
    if not length:
        raise NoText("points at an empty text")
    try:
        return found[:length].decode()
    except UnicodeDecodeError as error:
        reason = f"points at a text that is not UTF-8 at byte {error.start}"
        raise NoText(reason) from error
