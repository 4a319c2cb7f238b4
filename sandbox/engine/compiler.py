"""From Wasm bytes to compiled code: configuration, validity, the compile cache.

Two engines: ``strict`` accepts what the IC accepts and only validates; ``runtime`` also
has several memories per module, which the system API module needs. Both are
deterministic: NaNs canonical, no threads, no relaxed SIMD.
Source: reference/system_api.md section 4, "engine config".
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import wasmtime
from wasmtime import _bindings as ffi

from sandbox.engine.cache import CompileCache, default_directory
from sandbox.engine.signals import wasmtime_handlers
from sandbox.engine.stack import StackCheck, usable_stack_bytes
from sandbox.errors import ModuleRefused, UsageError

_SPARE_STACK_BYTES: Final = 2 << 20
_COUNT_BYTES: Final = 8
__all__ = ["Compiled", "Compiler", "usable_stack_bytes", "wat_to_wasm"]

# Base addresses never move up to the largest heap (6 GiB, wasm64).
_RESERVATION_BYTES: Final = 8 << 30


@dataclass(frozen=True, slots=True)
class Compiled:
    """A module ready to be instantiated any number of times.

    instructions: how many Wasm instructions were compiled, as the caller counted them.
    """

    module: wasmtime.Module
    instructions: int = 0


class Compiler:
    """Compiles modules; one per sandbox.

    cache: where compiled code is kept between processes; default: the user's cache.
    """

    def __init__(self, cache: CompileCache | None = None) -> None:
        self._cache = CompileCache(default_directory()) if cache is None else cache
        self.stack_bytes = usable_stack_bytes()
        self.stack = StackCheck(self.stack_bytes)
        self._strict = wasmtime.Engine(_config(self.stack_bytes, is_strict=True))
        self.engine = wasmtime.Engine(_config(self.stack_bytes, is_strict=False))
        wasmtime_handlers()  # remembered before anybody can replace them
        self._fingerprint = _fingerprint()

    def check(self, wasm: bytes) -> None:
        """Refuse bytes that are not a valid module with the IC's feature set.

        Raises: ModuleRefused with wasmtime's reason.
        """
        try:
            wasmtime.Module.validate(self._strict, wasm)
        except wasmtime.WasmtimeError as error:
            raise ModuleRefused(_first_lines(error)) from error

    def load(self, key: str) -> Compiled | None:
        """Return what ``store`` kept under this key for this very engine, or None."""
        entry = self._cache.load(self._name(key))
        if entry is None:
            return None
        count, code = int.from_bytes(entry[:_COUNT_BYTES], "big"), entry[_COUNT_BYTES:]
        try:
            return Compiled(wasmtime.Module.deserialize(self.engine, code), count)
        except wasmtime.WasmtimeError:
            return None

    def compile(self, wasm: bytes, instructions: int = 0) -> Compiled:
        """Compile a rewritten module; how many instructions it has is kept with it.

        Raises: ModuleRefused if the compiler cannot take it.
        """
        try:
            return Compiled(wasmtime.Module(self.engine, wasm), instructions)
        except wasmtime.WasmtimeError as error:
            raise ModuleRefused(_first_lines(error)) from error

    def store(self, key: str, compiled: Compiled) -> None:
        """Keep a compiled module for the next process."""
        count = compiled.instructions.to_bytes(_COUNT_BYTES, "big")
        self._cache.store(self._name(key), count + bytes(compiled.module.serialize()))

    def _name(self, key: str) -> str:
        return hashlib.sha256(f"{key} {self._fingerprint}".encode()).hexdigest()


def wat_to_wasm(text: str) -> bytes:
    """Assemble WebAssembly text.

    Raises: UsageError with line, column and reason.
    """
    try:
        return bytes(wasmtime.wat2wasm(text))
    except wasmtime.WasmtimeError as error:
        raise UsageError(f"this is not WebAssembly text: {error}") from error


def _config(stack_bytes: int, *, is_strict: bool) -> wasmtime.Config:
    config = wasmtime.Config()
    config.cranelift_nan_canonicalization = True
    config.cranelift_opt_level = "speed"
    config.parallel_compilation = True
    # Nothing runs on an async stack, but wasmtime aborts when it is the smaller one.
    ffi.wasmtime_config_async_stack_size_set(config.ptr(), stack_bytes + _SPARE_STACK_BYTES)
    config.max_wasm_stack = stack_bytes
    config.memory_reservation = _RESERVATION_BYTES
    config.memory_may_move = False
    config.wasm_memory64 = True
    config.wasm_bulk_memory = True
    config.wasm_reference_types = True
    config.wasm_multi_value = True
    config.wasm_simd = True
    config.wasm_relaxed_simd = False
    config.wasm_tail_call = True
    config.wasm_threads = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_custom_page_sizes = False
    config.wasm_multi_memory = not is_strict
    return config


def _fingerprint() -> str:
    # importlib.metadata would tell the version, and cost 30 ms of every start.
    packages = Path(wasmtime.__file__).parents[1]
    version = ",".join(sorted(found.name for found in packages.glob("wasmtime-*.dist-info")))
    return f"{version} {platform.machine()}"


def _first_lines(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:6] if line.strip())
