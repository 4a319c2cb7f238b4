"""Features the IC has switched off are refused with the words of the engine."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_features import check_features
from sandbox.wasm.parse import parse_module

FRAME = "Wasmtime failed to validate wasm module wasmtime::Module::validate() failed with "


def ic_engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_multi_memory = False
    config.wasm_threads = False
    config.wasm_exceptions = False
    return wasmtime.Engine(config)


@pytest.mark.parametrize(
    "fields", ["", "(memory 1)", "(memory 0 65536)", "(memory i64 1 99999)", "(table 2 2 funcref)"]
)
def test_plain_declarations_pass_here_and_in_the_engine(fields: str) -> None:
    wasm = bytes(wasmtime.wat2wasm(f"(module {fields})"))

    check_features(parse_module(wasm))
    wasmtime.Module.validate(ic_engine(), wasm)


@pytest.mark.parametrize(
    "fields",
    [
        "(memory 1) (memory 1)",
        '(import "env" "memory" (memory 1)) (memory 1)',
        "(memory 1 1 shared)",
        "(memory 1 (pagesize 1))",
        "(memory 2 1)",
        "(memory 65537)",
        "(memory i64 281474976710657)",
        "(table 2 1 funcref)",
        "(tag)",
    ],
)
def test_the_engine_says_the_same(fields: str) -> None:
    wasm = bytes(wasmtime.wat2wasm(f"(module {fields})"))
    with pytest.raises(wasmtime.WasmtimeError) as engine:
        wasmtime.Module.validate(ic_engine(), wasm)

    with pytest.raises(ModuleRefused) as refused:
        check_features(parse_module(wasm))

    assert refused.value.reason.startswith(FRAME)
    assert refused.value.reason.removeprefix(FRAME) in str(engine.value)
