"""The C calls of every message, without the checks wasmtime-py makes each time.

``Func.__call__`` costs 7 to 13 µs because it asks for the function's type anew; here the
type is known, so a call is one foreign call (1.3 µs). wasmtime is pinned to one major
version because of this module.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

import wasmtime
from wasmtime import _bindings as ffi
from wasmtime import _func

from sandbox.engine.signals import wasmtime_handlers

WASM_TYPES: Final = ("i32", "i64", "f32", "f64", "v128")
_KINDS: Final = {name: kind for kind, name in enumerate(WASM_TYPES)}


class Function:
    """An exported or table function that takes at most one integer and returns nothing."""

    __slots__ = ("_context", "_function", "_handlers")

    def __init__(self, store: wasmtime.Store, function: wasmtime.Func) -> None:
        self._context = store._context()
        self._function = function._func
        self._handlers = wasmtime_handlers()

    def call(self, *arguments: tuple[str, int]) -> wasmtime.Trap | None:
        """Run it; the trap if it trapped.

        Raises: what a host function raised (KeyboardInterrupt, …); WasmtimeError.
        """
        values = (ffi.wasmtime_val_t * len(arguments))()
        for value, (type_, bits) in zip(values, arguments, strict=True):
            store_value(value, type_, bits)
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        others = self._handlers.take_over()
        try:
            error = ffi.wasmtime_func_call(
                self._context,
                ctypes.byref(self._function),
                values if arguments else None,
                len(arguments),
                None,
                0,
                ctypes.byref(trap),
            )
        finally:
            if others is not None:
                self._handlers.give_back(others)
        if error:
            refusal = wasmtime.WasmtimeError._from_ptr(error)
            _func.maybe_raise_last_exn()
            raise refusal
        if not trap:
            return None
        taken = wasmtime.Trap._from_ptr(trap)
        _func.maybe_raise_last_exn()
        return taken


class Globals:
    """A fixed list of globals, read and written as raw bits all at once."""

    __slots__ = ("_context", "_globals", "_types", "_value")

    def __init__(
        self, store: wasmtime.Store, globals_: Sequence[wasmtime.Global], types: Sequence[str]
    ) -> None:
        self._context = store._context()
        self._globals = [item._global for item in globals_]
        self._types = tuple(types)
        self._value = ffi.wasmtime_val_t()

    def read(self) -> tuple[int, ...]:
        """Return the bits of every global; floats keep their NaN payloads."""
        value, context = self._value, self._context
        reference = ctypes.byref(value)
        result = []
        for item, type_ in zip(self._globals, self._types, strict=True):
            ffi.wasmtime_global_get(context, ctypes.byref(item), reference)
            result.append(_load_value(value, type_))
        return tuple(result)

    def write(self, bits: Sequence[int]) -> None:
        """Put every global back; the list must be as long as ``read`` returns."""
        value, context = self._value, self._context
        reference = ctypes.byref(value)
        for item, type_, number in zip(self._globals, self._types, bits, strict=True):
            store_value(value, type_, number)
            error = ffi.wasmtime_global_set(context, ctypes.byref(item), reference)
            if error:
                raise wasmtime.WasmtimeError._from_ptr(error)


def store_value(value: Any, type_: str, bits: int) -> None:
    """Fill a wasmtime_val_t with the bits of a number of that Wasm type."""
    value.kind = _KINDS[type_]
    if type_ == "v128":
        value.of.v128[:] = bits.to_bytes(16, "little")
    elif type_ in ("i32", "f32"):
        value.of.i32 = ctypes.c_int32(bits).value
    else:
        value.of.i64 = ctypes.c_int64(bits).value


def _load_value(value: Any, type_: str) -> int:
    if type_ == "v128":
        return int.from_bytes(bytes(value.of.v128), "little")
    if type_ in ("i32", "f32"):
        return int(value.of.i32) & 0xFFFF_FFFF
    return int(value.of.i64) & 0xFFFF_FFFF_FFFF_FFFF


def memory_address(store: wasmtime.Store, memory: wasmtime.Memory) -> int:
    """Return where a memory's first byte lives in this process."""
    pointer = memory.data_ptr(store)
    return ctypes.addressof(pointer.contents) if pointer else 0


HostFunction = Callable[..., Any]
