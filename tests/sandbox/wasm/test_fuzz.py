"""Damaged modules: refused or handled, never a crash, and always in step with the engine."""

from __future__ import annotations

import random

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm import (
    FuncType,
    Module,
    describe,
    function_names,
    measure_function,
    notable_instructions,
    parse_module,
    rewrite_module,
    validate_module,
)
from sandbox.wasm.module import ExternKind

SYSTEM_API = {"msg_reply": FuncType((), ()), "stable64_size": FuncType((), ("i64",))}

CANISTER = """(module $canister
    (import "ic0" "msg_reply" (func $reply))
    (import "ic0" "stable64_size" (func $size (result i64)))
    (type $pair (func (param i32 i64) (result f64)))
    (memory (export "memory") 1 200) (table $t 3 funcref) (elem (i32.const 1) func $reply $init)
    (global $a (mut i32) (i32.const 5)) (global $b (mut i64) (i64.const -1))
    (global $c (export "c") f64 (f64.const 2.5))
    (func $init (export "canister_init")) (start $init)
    (func (export "canister_update inc") (local i32 i64)
        (block (loop (br_table 0 1 0 (global.get $a))))
        (if (i32.eqz (local.get 0)) (then (call $reply)) (else (drop (call $size))))
        (i64.store offset=70000 (i32.const 8) (i64.const 1234567890123)))
    (func (type $pair) (memory.copy (local.get 0) (i32.const 300) (i32.const 9)) (f64.const 1))
    (func (param v128) (result v128) (i8x16.add (local.get 0) (v128.load (i32.const 0))))
    (data (i32.const 16) "hello canister") (data $p "passive")
    (func (memory.init $p (i32.const 0) (i32.const 0) (i32.const 1)) data.drop $p)
    (@custom "icp:public candid:service" "service : {}"))"""

MEMORY64 = """(module
    (import "env" "table" (table i64 2 funcref)) (memory i64 1 99999)
    (global $a (mut v128) (v128.const i64x2 1 2)) (global f32 (f32.const 1))
    (func (export "canister_query get") (drop (table.get 0 (i64.const 0)))
        (i64.store (i64.const 4294967300) (i64.load (i64.const 8))))
    (elem declare func 0) (elem funcref (ref.func 0)) (data (i64.const 3) "abc"))"""

EMPTY = '(module (@custom "icp:private x" "y"))'

SEEDS = tuple(bytes(wasmtime.wat2wasm(text)) for text in (CANISTER, MEMORY64, EMPTY))
INTERESTING = b"\0\1\2\3\x0b\x0e\x26\x40\x41\x60\x70\x7f\x80\xfc\xfd\xfe\xff"


def mutate(wasm: bytes, dice: random.Random) -> bytes:
    """Return a copy with a few small wounds, or one that moves everything behind it."""
    wounded = bytearray(wasm)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(8, len(wounded))
        wounded[place] = dice.choice((dice.randrange(256), dice.choice(INTERESTING)))
    if dice.random() < 0.3:
        place = dice.randrange(len(wounded))
        other = dice.randrange(len(wounded))
        match dice.randrange(4):
            case 0:
                wounded.insert(place, dice.choice(INTERESTING))
            case 1:
                del wounded[place : place + dice.randint(1, 4)]
            case 2:
                wounded[place:place] = wounded[other : other + dice.randint(1, 30)]
            case _:
                del wounded[place:]
    return bytes(wounded)


def ic_engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_multi_memory = False
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.wasm_exceptions = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_tail_call = True
    return wasmtime.Engine(config)


def engine_accepts(engine: wasmtime.Engine, wasm: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine, wasm)
    except wasmtime.WasmtimeError:
        return False
    return True


def read_all_code(module: Module) -> None:
    """Read every function both ways."""
    list(notable_instructions(module))
    first = len(module.imported(ExternKind.FUNCTION))
    for index in range(first, first + len(module.bodies)):
        measure_function(module, index)


def check(engine: wasmtime.Engine, wasm: bytes) -> bool:
    """Put a module through everything and say whether it came through.

    Where the engine accepts a module, so must the reading of it, and what is rewritten must
    be to the engine's liking exactly when the original was.
    """
    accepted = engine_accepts(engine, wasm)
    try:
        module = parse_module(wasm)
        read_all_code(module)
    except ModuleRefused as refused:
        # The engine knows extended constant expressions, the IC does not.
        if accepted and "constant expression" not in refused.reason:
            raise
        return False
    function_names(module)
    try:
        rewritten = rewrite_module(module)
        describe(module)
        validate_module(module, system_api=SYSTEM_API)
    except ModuleRefused:
        return False
    assert engine_accepts(engine, rewritten.wasm) == accepted
    return True


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_module_is_refused_or_handled_in_step_with_the_engine(seed: int) -> None:
    dice = random.Random(seed)
    engine = ic_engine()

    survived = [check(engine, mutate(dice.choice(SEEDS), dice)) for _ in range(250)]

    assert 10 < sum(survived) < 240  # the wounds are neither all deadly nor all harmless


@pytest.mark.parametrize("wasm", SEEDS, ids=["canister", "memory64", "empty"])
def test_the_undamaged_modules_are_accepted_by_both(wasm: bytes) -> None:
    engine = ic_engine()
    assert engine_accepts(engine, wasm)

    assert engine_accepts(engine, rewrite_module(parse_module(wasm)).wasm)


def test_random_bytes_behind_a_header_are_refused() -> None:
    dice = random.Random(0)

    for _ in range(500):
        junk = b"\0asm\1\0\0\0" + dice.randbytes(dice.randint(1, 60))
        if junk[8] % 14:  # a custom section of junk may be a module
            with pytest.raises(ModuleRefused):
                read_all_code(parse_module(junk))
