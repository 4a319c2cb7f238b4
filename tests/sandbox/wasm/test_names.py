"""Function names come from the name section, as far as it makes sense."""

from __future__ import annotations

import wasmtime

from sandbox.wasm import function_names, parse_module

HEADER = b"\0asm\1\0\0\0"
NAME_SECTION = b"\x04name"


def with_names(subsections: bytes) -> dict[int, str]:
    content = NAME_SECTION + subsections
    return function_names(parse_module(HEADER + bytes((0, len(content))) + content))


def test_imported_and_defined_functions_have_their_names() -> None:
    wasm = bytes(
        wasmtime.wat2wasm(
            '(module $m (import "a" "b" (func $in)) (func $one (local $x i32)) (func))'
        )
    )

    assert function_names(parse_module(wasm)) == {0: "in", 1: "one"}


def test_a_module_without_a_name_section_has_no_names() -> None:
    assert function_names(parse_module(HEADER)) == {}


def test_names_end_where_the_section_stops_making_sense() -> None:
    assert with_names(b"\1\6\2\0\1a\1\2bc") == {0: "a"}
    assert with_names(b"\1\4\1\0\1\xff") == {}
    assert with_names(b"\1\x7f") == {}
    assert with_names(b"\0\2\1m\1\4\1\0\1a") == {0: "a"}
