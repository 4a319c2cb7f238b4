"""Any bytes give a module, or a refusal that says what and where."""

from __future__ import annotations

import pytest
import wasmtime

from sandbox.errors import ModuleRefused
from sandbox.wasm.module import (
    ExternKind,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    Module,
    SectionId,
    TableType,
)
from sandbox.wasm.parse import parse_module

HEADER = b"\0asm\1\0\0\0"


def parse(wat: str) -> Module:
    return parse_module(bytes(wasmtime.wat2wasm(wat)))


def test_the_empty_module_has_nothing() -> None:
    module = parse("(module)")

    assert (module.types, module.imports, module.exports, module.sections) == ((), (), (), ())
    assert module.start is None
    assert not module.is_64


def test_imports_are_read_in_order_with_their_types() -> None:
    module = parse(
        """(module
            (import "ic0" "call" (func (param i32 i64) (result f32)))
            (import "env" "table" (table 1 2 funcref))
            (import "env" "memory" (memory 3))
            (import "env" "g" (global (mut f64)))
            (import "env" "t" (tag (param v128))))"""
    )

    assert [(entry.module, entry.name, entry.kind) for entry in module.imports] == [
        ("ic0", "call", ExternKind.FUNCTION),
        ("env", "table", ExternKind.TABLE),
        ("env", "memory", ExternKind.MEMORY),
        ("env", "g", ExternKind.GLOBAL),
        ("env", "t", ExternKind.TAG),
    ]
    assert [entry.type for entry in module.imports] == [
        FuncType(("i32", "i64"), ("f32",)),
        TableType("funcref", Limits(1, 2), is_64=False),
        MemoryType(Limits(3, None), is_64=False, is_shared=False, page_size_log2=16),
        GlobalType("f64", is_mutable=True),
        FuncType(("v128",), ()),
    ]


def test_imported_things_come_before_defined_ones() -> None:
    module = parse(
        """(module
            (import "ic0" "f" (func (result i32)))
            (import "env" "g" (global i32))
            (func (param i64))
            (global (mut i64) (i64.const 5)))"""
    )

    assert module.function_type(0) == ((), ("i32",))
    assert module.function_type(1) == (("i64",), ())
    assert [entry.type.value for entry in module.globals] == ["i32", "i64"]
    assert len(module.bodies) == 1


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ("1", MemoryType(Limits(1, None), False, False, 16)),
        ("1 9", MemoryType(Limits(1, 9), False, False, 16)),
        ("i64 1 100000", MemoryType(Limits(1, 100_000), True, False, 16)),
        ("1 2 shared", MemoryType(Limits(1, 2), False, True, 16)),
        ("7 (pagesize 1)", MemoryType(Limits(7, None), False, False, 0)),
    ],
)
def test_memories_are_read_with_every_feature(memory: str, expected: MemoryType) -> None:
    module = parse(f"(module (memory {memory}))")

    assert module.memories == (expected,)
    assert module.is_64 == expected.is_64


@pytest.mark.parametrize(
    ("expression", "operator", "operand"),
    [
        ("i32.const -1", "i32.const", -1),
        ("i64.const 9223372036854775807", "i64.const", 2**63 - 1),
        ("f32.const 1.5", "f32.const", None),
        ("f64.const 1.5", "f64.const", None),
        ("v128.const i64x2 1 2", "v128.const", None),
        ("global.get 0", "global.get", 0),
        ("ref.null func", "ref.null", None),
        ("ref.func 0", "ref.func", 0),
    ],
)
def test_constant_expressions_of_every_kind_are_read(
    expression: str, operator: str, operand: int | None
) -> None:
    module = parse(f"(module (global i32 (i32.const 0)) (func) (global i32 ({expression})))")

    init = module.globals[1].init
    assert init is not None
    assert (init.operator, init.operand) == (operator, operand)
    assert init.encoded.endswith(b"\x0b")


def test_element_segments_of_all_eight_forms_are_summed_up() -> None:
    module = parse(
        """(module (table 9 funcref) (table 9 funcref) (func $f)
            (elem (i32.const 0) func $f)
            (elem func $f $f)
            (elem (table 1) (i32.const 1) func $f)
            (elem declare func $f)
            (elem (i32.const 0) funcref (ref.func $f))
            (elem funcref (ref.null func) (ref.func $f) (ref.func $f))
            (elem (table 1) (i32.const 2) funcref (ref.func $f))
            (elem declare funcref (ref.func $f)))"""
    )

    assert [(segment.mode, segment.table, segment.count) for segment in module.elements] == [
        ("active", 0, 1),
        ("passive", None, 2),
        ("active", 1, 1),
        ("declared", None, 1),
        ("active", 0, 1),
        ("passive", None, 3),
        ("active", 1, 1),
        ("declared", None, 1),
    ]


def test_data_segments_are_known_by_their_place() -> None:
    module = parse(
        '(module (memory 1) (data (i32.const 8) "abc") (data $p "xy") (func data.drop $p))'
    )

    assert [segment.mode for segment in module.data] == ["active", "passive"]
    active = module.data[0]
    assert active.offset is not None
    assert active.offset.operand == 8
    assert [module.wasm[slice(*segment.span)] for segment in module.data] == [b"abc", b"xy"]
    assert module.data_count == 2


def test_custom_sections_are_kept_in_order_with_their_contents() -> None:
    module = parse(
        '(module (@custom "b" (before first) "1") (memory 1) (@custom "a" (after memory) "2"))'
    )

    assert [(section.name, section.payload) for section in module.customs] == [
        ("b", b"1"),
        ("a", b"2"),
    ]


def test_sections_cover_the_file_without_gaps() -> None:
    module = parse('(module (memory 1) (func (export "f")) (start 0) (@custom "x" "y"))')

    starts = [section.start for section in module.sections]
    ends = [section.end for section in module.sections]
    assert starts == [len(HEADER), *ends[:-1]]
    assert ends[-1] == len(module.wasm)
    assert module.section(SectionId.START) is not None
    assert module.section(SectionId.TABLE) is None


@pytest.mark.parametrize(
    ("wasm", "reason"),
    [
        (b"", "unexpected end-of-file (at offset 0x0)"),
        (b"\0asm", "unexpected end-of-file (at offset 0x4)"),
        (b"junkjunk", "magic header not detected: found 6a 75 6e 6b (at offset 0x0)"),
        (b"\0asm\2\0\0\0", "unknown binary version: 0x2 (at offset 0x4)"),
        (b"\0asm\x0d\0\1\0", "this is a component, and a canister is a core module"),
        (HEADER + b"\x0e\0", "malformed section id: 14 (at offset 0x8)"),
        (HEADER + b"\1", "unexpected end-of-file (at offset 0x9)"),
        (HEADER + b"\1\5\0", "unexpected end-of-file"),
        (HEADER + b"\1\2\0\0", "section size mismatch: unexpected data at the end"),
        (HEADER + b"\3\1\0\1\1\0", "section out of order (at offset 0xb)"),
        (HEADER + b"\1\1\0\1\1\0", "section out of order (at offset 0xb)"),
        (HEADER + b"\0\2\1\xff", "malformed UTF-8 encoding"),
        (HEADER + b"\1\3\1\x5f\0", "only function types are supported, not type form 0x5f"),
        (HEADER + b"\1\4\1\x60\1\x6e", "unsupported value type 0x6e"),
        (HEADER + b"\3\2\1\0", "unknown type 0: type index out of bounds (at offset 0xb)"),
        (HEADER + b"\1\4\1\x60\0\0\3\2\1\0", "function and code section have inconsistent"),
        (HEADER + b"\x0c\1\1", "data count and data section have inconsistent lengths"),
        (HEADER + b"\4\4\1\x40\0\x70", "unsupported reference type 0x40"),
        (HEADER + b"\4\4\1\x70\2\1", "malformed limits flags 0x02"),
        (HEADER + b"\5\3\1\x10\1", "malformed limits flags 0x10"),
        (HEADER + b"\6\6\1\x7f\2\x41\0\x0b", "malformed mutability"),
        (HEADER + b"\6\6\1\x7f\0\x41\0\x41", "constant expression required"),
        (HEADER + b"\6\4\1\x7f\0\x0b", "constant expression required"),
        (HEADER + b"\7\5\1\1a\0\0", "unknown function 0: function index out of bounds"),
        (HEADER + b"\7\5\1\1a\5\0", "malformed external kind 0x05"),
        (HEADER + b"\x08\1\0", "unknown function 0"),
        (HEADER + b"\x09\3\1\x08\0", "invalid flags byte in element segment: 8"),
        (HEADER + b"\x09\4\1\1\1\0", "invalid element kind"),
        (HEADER + b"\x0b\3\1\3\0", "invalid flags byte in data segment: 3"),
        (HEADER + b"\1\4\1\x60\0\0\x0d\3\1\1\0", "invalid tag attributes"),
        (HEADER + b"\1\5\xff\xff\xff\xff\x0f", "types count exceeds limit of 1000000"),
    ],
)
def test_bytes_that_are_no_module_are_refused_with_a_reason(wasm: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused) as refused:
        parse_module(wasm)

    assert refused.value.reason.startswith("Failed to decode wasm module: ")
    assert reason in refused.value.reason


def test_extended_constant_expressions_are_refused_as_on_the_ic() -> None:
    parse("(module (global i32 (i32.const 1)))")

    with pytest.raises(ModuleRefused, match="constant expression required"):
        parse("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))")


def test_a_name_exported_twice_is_refused() -> None:
    parse('(module (func) (export "a" (func 0)) (export "b" (func 0)))')

    with pytest.raises(ModuleRefused, match="duplicate export name `a` already defined"):
        parse('(module (func) (export "a" (func 0)) (export "a" (func 0)))')


def test_exports_of_every_kind_are_read_in_order() -> None:
    module = parse(
        """(module (tag) (table 1 funcref) (memory 1) (global i32 (i32.const 0)) (func)
            (export "e" (tag 0)) (export "d" (global 0)) (export "c" (memory 0))
            (export "b" (table 0)) (export "a" (func 0)))"""
    )

    assert [(export.name, export.kind, export.index) for export in module.exports] == [
        ("e", ExternKind.TAG, 0),
        ("d", ExternKind.GLOBAL, 0),
        ("c", ExternKind.MEMORY, 0),
        ("b", ExternKind.TABLE, 0),
        ("a", ExternKind.FUNCTION, 0),
    ]


def test_a_start_function_with_parameters_is_refused() -> None:
    parse("(module (func) (start 0))")

    with pytest.raises(ModuleRefused, match="invalid start function type"):
        parse("(module (func (param i32)) (start 0))")


def test_more_sections_than_any_real_module_has_are_refused() -> None:
    custom = b"\0\1\0"
    parse_module(HEADER + custom * 10_000)

    with pytest.raises(ModuleRefused, match="more than 10000 sections"):
        parse_module(HEADER + custom * 10_001)


def test_every_truncation_of_a_module_is_refused_or_still_a_module() -> None:
    whole = bytes(
        wasmtime.wat2wasm(
            """(module (import "ic0" "f" (func)) (table 2 funcref) (memory 1 2)
                (global (mut i32) (i32.const 7)) (func (export "g") call 0) (start 1)
                (elem (i32.const 0) func 1) (data (i32.const 0) "abc") (@custom "x" "y"))"""
        )
    )
    ends = {8} | {section.end for section in parse_module(whole).sections}
    parsed = set()
    for size in range(len(whole)):
        try:
            parse_module(whole[:size])
        except ModuleRefused:
            continue
        parsed.add(size)

    assert parsed <= ends
    assert 8 in parsed
