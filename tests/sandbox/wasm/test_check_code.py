"""Code: the section, each function, and the table instructions the IC refuses."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_code import check_code, check_code_size
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rules import ModuleRules

IMPORTED = '(import "ic0" "msg_reply" (func))'
TABLE = "(table 1 funcref) (elem declare func 0)"


def check(fields: str, rules: ModuleRules | None = None) -> None:
    module = parse_module(bytes(wasmtime.wat2wasm(f"(module {IMPORTED} {fields})")))
    check_code(module, rules or ModuleRules())


def refusal(fields: str, rules: ModuleRules | None = None) -> str:
    with pytest.raises(ModuleRefused) as refused:
        check(fields, rules)
    return refused.value.reason


@pytest.mark.parametrize(
    ("code", "instruction"),
    [
        ("i32.const 0 ref.null func table.set 0", "table.set"),
        ("ref.null func i32.const 1 table.grow 0 drop", "table.grow"),
        ("i32.const 0 ref.null func i32.const 0 table.fill 0", "table.fill"),
        ("i32.const 0 i32.const 0 i32.const 0 table.copy", "table.copy"),
        ("i32.const 0 i32.const 0 i32.const 0 table.init 0", "table.init"),
    ],
)
def test_changing_a_table_is_refused_with_the_function(code: str, instruction: str) -> None:
    assert refusal(f"{TABLE} (func) (func {code})") == (
        f"Wasm module contains a function at index 2 with unsupported instruction {instruction}."
    )


@pytest.mark.parametrize(
    "code",
    [
        "i32.const 0 table.get 0 drop",
        "table.size 0 drop",
        "i32.const 0 call_indirect",
        "elem.drop 0",
    ],
)
def test_reading_a_table_is_allowed(code: str) -> None:
    check(f"{TABLE} (func {code})")


def test_a_function_may_have_as_many_instructions_as_the_limit_says() -> None:
    rules = ModuleRules(max_function_instructions=100)
    check(f"(func {'nop ' * 99})", rules)

    assert refusal(f"(func) (func {'nop ' * 100})", rules) == (
        "Wasm module contains a function at index 2 of size 101 "
        "that exceeds the maximum allowed size of 100."
    )


def test_a_function_may_be_as_complex_as_the_limit_says() -> None:
    rules = ModuleRules(max_function_complexity=511)
    check(f"(func {'loop end ' * 10})", rules)

    assert refusal(f"(func) (func {'loop end ' * 10} nop)", rules) == (
        "Wasm module contains a function at index 2 with complexity 512 "
        "which exceeds the maximum complexity allowed 511."
    )


def test_the_real_limit_on_complexity_is_the_replicas() -> None:
    check(f"(func {'loop end ' * 19_607})")

    assert "complexity 1000009" in refusal(f"(func {'loop end ' * 19_608})")


def test_functions_are_judged_in_order() -> None:
    rules = ModuleRules(max_function_instructions=3)
    big, forbidden = "(func nop nop nop nop)", "(func table.copy)"

    assert "at index 1 of size 5" in refusal(TABLE + big + forbidden, rules)
    assert "at index 1 with unsupported" in refusal(TABLE + forbidden + big, rules)


def test_the_code_section_is_measured_without_its_header() -> None:
    module = parse_module(bytes(wasmtime.wat2wasm("(module (func nop nop))")))
    check_code_size(module, ModuleRules(max_code_section_bytes=6))

    with pytest.raises(ModuleRefused) as refused:
        check_code_size(module, ModuleRules(max_code_section_bytes=5))

    assert refused.value.reason == (
        "Wasm module code section size of 6 exceeds the maximum allowed size of 5."
    )


def test_a_module_without_code_has_no_size_to_check() -> None:
    check_code_size(parse_module(b"\0asm\1\0\0\0"), ModuleRules(max_code_section_bytes=0))
