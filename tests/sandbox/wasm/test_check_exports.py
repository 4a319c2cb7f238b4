"""Exports: methods and hooks need the right type, and some names are not free."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_exports import check_exports
from sandbox.wasm.methods import HOOKS, RESERVED_SYMBOLS, MethodKind, split_method
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rules import ModuleRules


def check(fields: str, rules: ModuleRules | None = None) -> None:
    wasm = bytes(wasmtime.wat2wasm(f"(module (func $f) {fields})"))
    check_exports(parse_module(wasm), rules or ModuleRules())


def refusal(fields: str, rules: ModuleRules | None = None) -> str:
    with pytest.raises(ModuleRefused) as refused:
        check(fields, rules)
    return refused.value.reason


@pytest.mark.parametrize(
    ("export", "method"),
    [
        ("canister_update inc", ("inc", MethodKind.UPDATE)),
        ("canister_query get", ("get", MethodKind.QUERY)),
        ("canister_composite_query all", ("all", MethodKind.COMPOSITE_QUERY)),
        ("canister_update <cdk internal> timer", ("<cdk internal> timer", MethodKind.UPDATE)),
        ("canister_update ", ("", MethodKind.UPDATE)),
        ("canister_update  x", (" x", MethodKind.UPDATE)),
        ("canister_init", None),
        ("inc", None),
    ],
)
def test_a_method_is_named_by_all_that_follows_the_first_space(
    export: str, method: tuple[str, MethodKind] | None
) -> None:
    assert split_method(export) == method


@pytest.mark.parametrize("name", [*HOOKS, "canister_update ", "canister_query a b", "anything"])
def test_hooks_methods_and_private_names_may_be_exported(name: str) -> None:
    check(f'(export "{name}" (func $f))')


@pytest.mark.parametrize(
    "name", ["canister_update", "canister_query", "canister_bar", "canister_inits", "canister_"]
)
def test_other_names_with_the_reserved_prefix_are_refused(name: str) -> None:
    assert refusal(f'(export "{name}" (func $f))') == (
        "Wasm module has an invalid export section. "
        f"Exporting reserved function '{name}' with \"canister_\" prefix"
    )


def test_the_reserved_prefix_is_free_for_what_is_no_function() -> None:
    check('(global $g i32 (i32.const 1)) (export "canister_global" (global $g))')


@pytest.mark.parametrize("name", sorted(RESERVED_SYMBOLS))
@pytest.mark.parametrize("what", ["(func $f)", "(global $g)"])
def test_symbols_of_the_instrumentation_are_refused(name: str, what: str) -> None:
    reason = refusal(f'(global $g i32 (i32.const 1)) (export "{name}" {what})')

    assert reason == (
        f"Wasm module has an invalid export section. Exporting reserved symbol {name} not allowed."
    )


@pytest.mark.parametrize("name", [*HOOKS, "canister_query q", "canister_composite_query c"])
def test_entry_points_take_and_return_nothing(name: str) -> None:
    with_param = refusal(f'(func $g (param i32)) (export "{name}" (func $g))')
    with_result = refusal(f'(func $g (result i64) i64.const 0) (export "{name}" (func $g))')

    frame = "Wasm module has an invalid function signature. "
    assert with_param == frame + f"Expected input params [] for '{name}', got [I32]."
    assert with_result == frame + f"Expected return type [] for '{name}', got [I64]."


def test_an_imported_function_may_be_an_entry_point() -> None:
    wasm = wasmtime.wat2wasm(
        '(module (import "ic0" "msg_reply" (func $r)) (export "canister_heartbeat" (func $r)))'
    )

    check_exports(parse_module(bytes(wasm)), ModuleRules())


@pytest.mark.parametrize(
    ("first", "second"),
    [("update", "query"), ("composite_query", "update"), ("query", "composite_query")],
)
def test_a_method_has_one_kind_only(first: str, second: str) -> None:
    check(f'(export "canister_{first} a" (func $f)) (export "canister_{second} b" (func $f))')

    reason = refusal(
        f'(export "canister_{first} a" (func $f)) (export "canister_{second} a" (func $f))'
    )

    assert reason == (
        "Duplicate function 'a' exported multiple times with different call types: "
        "update, query, or composite_query."
    )


def test_methods_are_counted_and_hooks_are_not() -> None:
    rules = ModuleRules(max_exported_methods=2)
    two = '(export "canister_update a" (func $f)) (export "canister_query b" (func $f))'
    check(two + '(export "canister_init" (func $f)) (export "x" (func $f))', rules)

    assert refusal(two + '(export "canister_query c" (func $f))', rules) == (
        "The number of exported functions called `canister_update <name>`, "
        "`canister_query <name>`, or `canister_composite_query <name>` is 3 which exceeds 2."
    )


def test_method_names_are_measured_together_in_bytes() -> None:
    rules = ModuleRules(max_exported_names_bytes=5)
    check('(export "canister_update abc" (func $f)) (export "canister_query é" (func $f))', rules)

    reason = refusal(
        '(export "canister_update abcd" (func $f)) (export "canister_query é" (func $f))', rules
    )

    assert reason == (
        "The sum of `<name>` lengths in exported functions called `canister_update <name>`, "
        "`canister_query <name>`, or `canister_composite_query <name>` is 6 "
        "which exceeds the allowed limit of 5."
    )
