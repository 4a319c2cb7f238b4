"""Tables, data, globals, functions, memory size and metadata keep to the IC's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_contents import (
    check_data,
    check_functions,
    check_globals,
    check_memory_size,
    check_metadata,
    check_tables,
)
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rules import ModuleRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.wasm.module import Module


def parse(fields: str) -> Module:
    return parse_module(bytes(wasmtime.wat2wasm(f"(module {fields})")))


def refusal(check: Callable[..., None], fields: str, *rules: ModuleRules) -> str:
    with pytest.raises(ModuleRefused) as refused:
        check(parse(fields), *rules)
    return refused.value.reason


def test_one_table_of_functions_is_allowed() -> None:
    check_tables(parse("(table 1000000 funcref)"), ModuleRules())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            "(table 1 externref)",
            (
                "Wasm module has an invalid table section. "
                "Table element type must be funcref, got externref"
            ),
        ),
        (
            "(table 1 funcref) (table 1 funcref)",
            "Failed to instantiate module: resource limit exceeded: table count too high at 2",
        ),
        (
            "(table 1000001 funcref)",
            (
                "Failed to instantiate module: "
                "table minimum size of 1000001 elements exceeds table limits"
            ),
        ),
    ],
)
def test_other_tables_are_refused(fields: str, reason: str) -> None:
    assert refusal(check_tables, fields, ModuleRules()) == reason


@pytest.mark.parametrize(
    "fields",
    [
        '(memory 1) (data (i32.const 65533) "abc")',
        '(memory 1) (data (i32.const 65536) "")',
        '(memory i64 1) (data (i64.const 0) "abc")',
        '(memory 1) (data "passive")',
        '(import "env" "memory" (memory 1)) (data (i32.const 0) "abc")',
    ],
)
def test_data_may_go_to_a_constant_place_or_stay_passive(fields: str) -> None:
    check_data(parse(fields))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            '(global i32 (i32.const 0)) (memory 1) (data (global.get 0) "a")',
            "for 32bit memory: [Global(GlobalID(0))]",
        ),
        ('(memory 1) (data (i64.const 0) "a")', "for 32bit memory: [i64.const 0]"),
        ('(memory i64 1) (data (i32.const 0) "a")', "for 64bit memory: [i32.const 0]"),
    ],
)
def test_other_offsets_are_refused(fields: str, reason: str) -> None:
    assert refusal(check_data, fields) == (
        "Wasm module has an invalid data section. "
        f"Invalid offset expression in data segment {reason}"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('(memory 1) (data (i32.const 65534) "abc")', "3 bytes at 65534"),
        ('(memory 1) (data (i32.const 65537) "")', "0 bytes at 65537"),
        ('(memory 1) (data (i32.const -1) "a")', "1 bytes at 18446744073709551615"),
        ('(memory i64 1) (data (i64.const -1) "a")', "1 bytes at 18446744073709551615"),
    ],
)
def test_data_outside_the_initial_memory_is_refused(fields: str, reason: str) -> None:
    assert refusal(check_data, fields) == f"Wasm module has invalid data segment of {reason}"


def test_globals_hold_numbers_and_vectors() -> None:
    check_globals(
        parse(
            """(global i32 (i32.const 0)) (global i64 (i64.const 0)) (global f32 (f32.const 0))
            (global f64 (f64.const 0)) (global v128 (v128.const i64x2 0 0))"""
        ),
        ModuleRules(max_globals=5),
    )


@pytest.mark.parametrize("value", ["func", "extern"])
def test_globals_hold_no_references(value: str) -> None:
    reason = refusal(check_globals, f"(global {value}ref (ref.null {value}))", ModuleRules())

    assert reason == (
        f"Wasm module has an invalid global section. Unsupported global type: Ref({value}ref)"
    )


def test_too_many_globals_are_refused() -> None:
    many = "(global i32 (i32.const 0))" * 1_001

    assert refusal(check_globals, many, ModuleRules()) == (
        "Wasm module defined 1001 globals which exceeds the maximum number allowed 1000."
    )


def test_too_many_functions_are_refused_and_imports_do_not_count() -> None:
    rules = ModuleRules(max_functions=2)
    fields = '(import "ic0" "msg_reply" (func)) (func) (func)'
    check_functions(parse(fields), rules)

    assert refusal(check_functions, fields + "(func)", rules) == (
        "Wasm module defined 3 functions which exceeds the maximum number allowed 2."
    )


def test_a_64_bit_memory_may_start_with_six_gib_and_no_more() -> None:
    check_memory_size(parse("(memory i64 98304)"), ModuleRules())
    check_memory_size(parse("(memory 65536)"), ModuleRules(max_wasm64_pages=1))

    assert refusal(check_memory_size, "(memory i64 98305)", ModuleRules()) == (
        "Wasm module declares an initial Wasm64 heap memory size of 98305 pages "
        "which exceeds the maximum allowed size of 98304 pages."
    )


def custom(name: str, content: str = "") -> str:
    return f'(@custom "{name}" "{content}")'


def test_sections_without_a_meaning_are_not_counted() -> None:
    rules = ModuleRules(max_custom_sections=1, max_custom_sections_bytes=3)

    check_metadata(parse(custom("icp:public a", "xy") + custom("other", "long") * 3), rules)


def test_too_many_metadata_sections_are_refused() -> None:
    sections = [custom(f"icp:public {number}") for number in range(17)]
    check_metadata(parse("".join(sections[:16])), ModuleRules())

    assert refusal(check_metadata, "".join(sections), ModuleRules()) == (
        "Wasm module defined 17 custom sections which exceeds the maximum number allowed 16."
    )


def test_metadata_is_measured_with_its_names() -> None:
    rules = ModuleRules(max_custom_sections_bytes=8)
    check_metadata(parse(custom("icp:public ab", "cd") + custom("icp:private ef", "gh")), rules)

    reason = refusal(
        check_metadata, custom("icp:public ab", "cd") + custom("icp:private ef", "ghi"), rules
    )

    assert reason == (
        "Wasm module has an invalid custom section. Invalid custom sections: total size of the "
        "custom sections exceeds the maximum allowed: size 9 bytes, allowed 8 bytes"
    )
