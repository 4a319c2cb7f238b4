"""All rules together: a whole canister passes, and of several faults the replica's first counts."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm import FuncType, ModuleRules, parse_module, validate_module

SYSTEM_API = {"msg_reply": FuncType((), ()), "stable64_size": FuncType((), ("i64",))}

# One fault per check, in the order the replica looks.
FAULTS = (
    ("(memory 1) (memory 1)", "multiple memories"),
    ('(import "ic0" "nothing" (func))', "not exported by the runtime"),
    ('(func $e) (export "canister_other" (func $e))', "Exporting reserved function"),
    ("(table 1 externref)", "invalid table section"),
    ('(data (global.get 0) "x")', "invalid data section"),
    ("(global funcref (ref.null func))", "invalid global section"),
    ("(func)" * 9, "functions which exceeds"),
    ("(func (param i32) local.get 0 ref.null func table.set 0)", "unsupported instruction"),
    ('(@custom "icp:secret x" "")', "invalid custom section"),
)


def check(fields: str, rules: ModuleRules | None = None) -> None:
    module = parse_module(bytes(wasmtime.wat2wasm(f"(module {fields})")))
    validate_module(module, system_api=SYSTEM_API, rules=rules or ModuleRules())


def test_a_whole_canister_passes() -> None:
    check(
        """(import "ic0" "msg_reply" (func $reply))
        (import "ic0" "stable64_size" (func (result i64)))
        (memory 1 10) (table 2 funcref) (elem (i32.const 0) func $reply)
        (global (mut i64) (i64.const 0))
        (func $start) (start $start)
        (func (export "canister_init"))
        (func (export "canister_update inc") call $reply)
        (data (i32.const 0) "hello")
        (@custom "icp:public candid:service" "service : {}")
        (@custom "name" (after last) "")"""
    )


@pytest.mark.parametrize("position", range(len(FAULTS)))
def test_of_several_faults_the_one_the_replica_finds_first_is_named(position: int) -> None:
    fields = "".join(text for text, _ in reversed(FAULTS[position:]))
    imports = [text for text in (FAULTS[1][0],) if text in fields]
    base = "(global i32 (i32.const 0))" + ("" if position == 0 else "(memory 1)")
    if position != 3:
        base += "(table 1 funcref)"

    with pytest.raises(ModuleRefused) as refused:
        check(
            "".join(imports) + base + fields.replace(FAULTS[1][0], ""),
            ModuleRules(max_functions=8, max_tables=2),
        )

    assert FAULTS[position][1] in refused.value.reason


def test_the_code_section_is_weighed_before_everything_else() -> None:
    with pytest.raises(ModuleRefused, match="code section size"):
        check("(memory 1) (memory 1) (func)", ModuleRules(max_code_section_bytes=2))
