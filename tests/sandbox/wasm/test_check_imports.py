"""Only the system API may be imported, with its exact types; what else is tried is explained."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_imports import check_imports
from sandbox.wasm.module import FuncType
from sandbox.wasm.parse import parse_module

WASM32 = {
    "msg_reply": FuncType((), ()),
    "msg_arg_data_size": FuncType((), ("i32",)),
    "msg_arg_data_copy": FuncType(("i32", "i32", "i32"), ()),
    "stable_size": FuncType((), ("i32",)),
    "call_cycles_add": FuncType(("i64",), ()),
}
WASM64 = {
    "msg_reply": FuncType((), ()),
    "msg_arg_data_size": FuncType((), ("i64",)),
    "msg_arg_data_copy": FuncType(("i64", "i64", "i64"), ()),
}
FRAME = "Wasm module has an invalid import section. "


def check(fields: str) -> None:
    module = parse_module(bytes(wasmtime.wat2wasm(f"(module {fields})")))
    check_imports(module, WASM64 if module.is_64 else WASM32)


def refusal(fields: str) -> str:
    with pytest.raises(ModuleRefused) as refused:
        check(fields)
    return refused.value.reason


@pytest.mark.parametrize(
    "fields",
    [
        "",
        '(import "ic0" "msg_reply" (func))',
        '(import "ic0" "msg_reply" (func)) (import "ic0" "msg_reply" (func))',
        '(import "ic0" "msg_arg_data_copy" (func (param i32 i32 i32)))',
        '(import "ic0" "msg_arg_data_copy" (func (param i64 i64 i64))) (memory i64 1)',
        '(import "ic0" "stable_size" (func (result i32))) (memory 1)',
        '(import "env" "table" (table 33 33 funcref))',
        '(import "env" "memory" (memory 529))',
    ],
)
def test_what_the_system_offers_may_be_imported(fields: str) -> None:
    check(fields)


def test_a_function_nobody_offers_is_refused() -> None:
    assert refusal('(import "ic0" "my_call" (func))') == (
        FRAME + "Module imports function 'my_call' from 'ic0' that is not exported by the runtime."
    )


def test_advice_for_64_bit_modules_is_not_given_to_others() -> None:
    assert refusal('(import "ic0" "burn_cycles" (func)) (memory 1)').endswith("by the runtime.")


def test_a_known_function_from_another_module_is_refused() -> None:
    assert refusal('(import "foo" "msg_reply" (func))') == (
        FRAME + 'Module imports function "msg_reply" from "foo", '
        'expected to be imported from one of ["ic0"] instead.'
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            '(import "ic0" "msg_reply" (func (param i64 i32)))',
            "Expected input params [] for 'msg_reply', got [I64, I32].",
        ),
        (
            '(import "ic0" "msg_arg_data_size" (func (result f64)))',
            "Expected return type [I32] for 'msg_arg_data_size', got [F64].",
        ),
        (
            '(import "ic0" "msg_arg_data_size" (func (result i32))) (memory i64 1)',
            "Expected return type [I64] for 'msg_arg_data_size', got [I32].",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_both_types(fields: str, reason: str) -> None:
    assert refusal(fields) == "Wasm module has an invalid function signature. " + reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('(import "foo" "table" (table 1 funcref))', "Only tables imported from env.table"),
        ('(import "env" "tables" (table 1 funcref))', "Only tables imported from env.table"),
        ('(import "foo" "memory" (memory 1))', "Only memory imported from env.memory"),
        ('(import "env" "heap" (memory 1))', "Only memory imported from env.memory"),
        ('(import "env" "g" (global i32))', "Importing globals is not allowed."),
        ('(import "env" "t" (tag))', "Importing tags is not allowed."),
    ],
)
def test_other_imports_are_refused(fields: str, reason: str) -> None:
    assert refusal(fields).startswith(FRAME + reason)


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("wasi_snapshot_preview1", "fd_write", "wasi2ic"),
        ("wasi_unstable", "fd_write", "wasi2ic"),
        ("__wbindgen_placeholder__", "__wbindgen_throw", "wasm-bindgen"),
        ("ic1", "time", "before 2021"),
        ("ic0", "call_simple", "before 2021"),
        ("ic0", "msg_funds_available", "before 2021"),
        ("ic0", "mint_cycles", "mint_cycles128"),
        ("__", "try_grow_wasm_memory", "reserved"),
        ("env", "abort", "AssemblyScript"),
        ("env", "puts", "unresolved"),
    ],
)
def test_imports_of_a_known_mistake_come_with_advice(module: str, name: str, advice: str) -> None:
    reason = refusal(f'(import "{module}" "{name}" (func))')

    text, _, hint = reason.partition(" that is not exported by the runtime.")
    assert text == FRAME + f"Module imports function '{name}' from '{module}'"
    assert advice in hint


@pytest.mark.parametrize(
    ("name", "advice"), [("stable_size", "stable64_*"), ("call_cycles_add", "with 128")]
)
def test_a_64_bit_module_is_told_what_replaces_the_32_bit_calls(name: str, advice: str) -> None:
    reason = refusal(f'(import "ic0" "{name}" (func)) (memory i64 1)')

    assert "that is not exported by the runtime." in reason
    assert advice in reason
