"""Every instruction is read to its exact length, and functions are measured as on the replica."""

from __future__ import annotations

import itertools

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import ModuleRefused
from sandbox.wasm.code import (
    FunctionSize,
    measure_function,
    notable_instructions,
)
from sandbox.wasm.encode import encode_u
from sandbox.wasm.opcodes import MAX_WEIGHT_PER_BYTE, WEIGHTS
from sandbox.wasm.parse import parse_module

# The replica's weights (wasm_function_complexity) by instruction name; all others weigh 1.
REPLICA_WEIGHTS = {
    50: "block loop if br br_if br_table call call_indirect memory.grow",
    14: "table.get",
    8: "ref.func",
    6: "ref.is_null",
    5: """i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s
        i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u
        f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64
        f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u""",
    4: "f32.neg f32.abs f64.neg f64.abs memory.copy",
    3: """f32.copysign f64.copysign f64.eq i32.rem_u i32.rem_s i64.rem_u i64.rem_s i32.div_u
        i32.div_s i64.div_u i64.div_s memory.fill i32.load i64.load f32.load f64.load i32.load8_s
        i32.load8_u i32.load16_s i32.load16_u i64.load8_s i64.load8_u i64.load16_s i64.load16_u
        i64.load32_s i64.load32_u i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s
        i32.trunc_sat_f64_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s
        i64.trunc_sat_f64_u""",
    2: """global.get i32.popcnt i64.popcnt select memory.size i32.store i32.store16 i32.store8
        i64.store i64.store32 i64.store16 i64.store8 f64.store f32.store i32.eqz i32.eq i32.ne
        i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u i64.eqz i64.eq
        i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u f32.eq
        f32.ne f32.lt f32.gt f32.le f32.ge f64.ne f64.lt f64.gt f64.le f64.ge f32.ceil f64.ceil
        f32.floor f64.floor f32.sqrt f64.sqrt f32.trunc f64.trunc i32.reinterpret_f32
        i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 i32.wrap_i64 i32.extend8_s
        i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s f64.promote_f32""",
    1: """unreachable nop return return_call return_call_indirect drop local.get local.set
        local.tee global.set i32.const i64.const f32.const f64.const i32.clz i32.ctz i32.add
        i32.sub i32.mul i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
        i64.clz i64.ctz i64.add i64.sub i64.mul i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u
        i64.rotl i64.rotr f32.nearest f32.add f32.sub f32.mul f32.div f32.min f32.max f64.nearest
        f64.add f64.sub f64.mul f64.div f64.min f64.max ref.null memory.init data.drop elem.drop
        table.size""",
}

# Immediates in text; loads, stores and vector instructions have rules of their own below.
IMMEDIATES = {
    "br": "0",
    "br_if": "0",
    "br_table": "0 0 0",
    "call": "0",
    "return_call": "0",
    "call_indirect": "(type 0)",
    "return_call_indirect": "(type 0)",
    "global.get": "0",
    "global.set": "0",
    "local.get": "200",
    "local.set": "0",
    "local.tee": "0",
    "i32.const": "-2147483648",
    "i64.const": "-9223372036854775808",
    "f32.const": "1.5",
    "f64.const": "1.5",
    "ref.null": "func",
    "ref.func": "0",
    "memory.init": "0",
    "data.drop": "0",
    "elem.drop": "0",
}

SHAPES = ("i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2")
INTEGERS, FLOATS = SHAPES[:4], SHAPES[4:]
VECTOR_NAMES = {
    "loads": "load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u",
    "whole": "not and andnot or xor bitselect any_true",
    "float comparisons": "eq ne lt gt le ge",
    "integer": "abs neg all_true bitmask shl shr_s shr_u add sub",
    "float": "ceil floor trunc nearest abs neg sqrt add sub mul div min max pmin pmax",
}
LANES = {"i8x16": 16, "i16x8": 8, "i32x4": 4, "i64x2": 2, "f32x4": 4, "f64x2": 2}


def vector_instructions() -> list[str]:
    """Return every vector instruction of Wasm 2.0 as text, immediates included."""
    names = {group: text.split() for group, text in VECTOR_NAMES.items()}
    splats = [f"load{bits}_splat" for bits in (8, 16, 32, 64)]
    found = [f"v128.{name} offset=300" for name in ("load", *names["loads"], *splats, "store")]
    found += ["v128.load32_zero", "v128.load64_zero offset=70000"]
    for action, bits in itertools.product(("load", "store"), (8, 16, 32, 64)):
        found.append(f"v128.{action}{bits}_lane offset=5 1")
    found += ["v128.const i64x2 -1 5", "i8x16.shuffle " + " ".join(map(str, range(16)))]
    found += [f"v128.{name}" for name in names["whole"]]
    found += [f"{shape}.splat" for shape in SHAPES]
    found += [f"{shape}.replace_lane {LANES[shape] - 1}" for shape in SHAPES]
    found += [f"{shape}.extract_lane 1" for shape in SHAPES[2:]]
    found += [f"{shape}.extract_lane_{sign} 1" for shape in SHAPES[:2] for sign in "su"]
    found += [f"{shape}.{name}" for shape in FLOATS for name in names["float comparisons"]]
    found += [f"{shape}.{name}" for shape in INTEGERS for name in ("eq", "ne")]
    for shape, name in itertools.product(INTEGERS, ("lt", "gt", "le", "ge")):
        found += [f"{shape}.{name}_{sign}" for sign in ("su" if shape != "i64x2" else "s")]
    found += [f"{shape}.{name}" for shape in INTEGERS for name in names["integer"]]
    for shape, name, sign in itertools.product(INTEGERS[:3], ("min", "max"), "su"):
        found.append(f"{shape}.{name}_{sign}")
    for shape, name, sign in itertools.product(INTEGERS[:2], ("add_sat", "sub_sat"), "su"):
        found.append(f"{shape}.{name}_{sign}")
    found += ["i8x16.avgr_u", "i16x8.avgr_u", "i8x16.popcnt", "i8x16.swizzle"]
    found += ["i16x8.mul", "i32x4.mul", "i64x2.mul", "i16x8.q15mulr_sat_s", "i32x4.dot_i16x8_s"]
    for (wide, narrow), sign in itertools.product(
        (("i16x8", "i8x16"), ("i32x4", "i16x8"), ("i64x2", "i32x4")), "su"
    ):
        found += [
            f"{wide}.{op}_{half}_{narrow}_{sign}"
            for op in ("extend", "extmul")
            for half in ("low", "high")
        ]
        if wide != "i64x2":
            found.append(f"{wide}.extadd_pairwise_{narrow}_{sign}")
            found.append(f"{narrow}.narrow_{wide}_{sign}")
    found += [f"{shape}.{name}" for shape in FLOATS for name in names["float"]]
    for sign in "su":
        found += [f"i32x4.trunc_sat_f32x4_{sign}", f"f32x4.convert_i32x4_{sign}"]
        found += [f"i32x4.trunc_sat_f64x2_{sign}_zero", f"f64x2.convert_low_i32x4_{sign}"]
    return [*found, "f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4"]


def as_text(name: str) -> str:
    if "load" in name or "store" in name:
        return f"{name} offset=4294967295"
    if name in {"block", "loop", "if"}:
        return f"{name} end"
    return f"{name} {IMMEDIATES.get(name, '')}"


def module_with(code: str) -> bytes:
    """Return a module with something behind every index; it need not be well typed."""
    return bytes(
        wasmtime.wat2wasm(
            f"""(module (type (func)) (import "ic0" "msg_reply" (func)) (memory 1) (table 1 funcref)
            (global (mut i32) (i32.const 0)) (elem func 0) (data "passive")
            (func (local i32 i64 i32) {code}))"""
        )
    )


def measure(code: str) -> FunctionSize:
    return measure_function(parse_module(module_with(code)), 1)


def notable(code: str) -> list[tuple[int, str]]:
    return list(notable_instructions(parse_module(module_with(code))))


def with_body(code: bytes, *, end: bytes = b"\x0b") -> bytes:
    """Return a module whose only function has these raw bytes behind no locals."""
    body = b"\0" + code + end
    section = b"\1" + encode_u(len(body)) + body
    return b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a" + encode_u(len(section)) + section


@pytest.mark.parametrize("weight", REPLICA_WEIGHTS)
def test_instructions_weigh_what_they_weigh_on_the_replica(weight: int) -> None:
    empty = measure("")
    assert empty == FunctionSize(instructions=1, complexity=1)

    for name in REPLICA_WEIGHTS[weight].split():
        size = measure(as_text(name))

        ends = 1 if name in {"block", "loop", "if"} else 0
        assert size.complexity - empty.complexity - ends == weight, name
        assert size.instructions - empty.instructions - ends == 1, name


def test_all_236_vector_instructions_are_read_to_their_length() -> None:
    names = vector_instructions()
    assert len(set(names)) == 236

    for name in names:
        assert measure(f"{name} nop nop") == FunctionSize(4, 4), name


def test_a_typed_select_and_an_else_count_one() -> None:
    assert measure("select (result i64)") == FunctionSize(2, 2)
    assert measure("if else end") == FunctionSize(4, 53)


def test_blocks_may_have_a_type_or_a_type_index() -> None:
    assert measure("block (result i32) end loop (type 0) end").instructions == 5


@pytest.mark.parametrize("labels", [0, 1, 127, 128, 5_000])
def test_a_branch_table_of_any_length_is_one_instruction(labels: int) -> None:
    assert measure("nop br_table 0" + " 0" * labels + " nop") == FunctionSize(4, 53)


def test_a_branch_table_with_wide_labels_is_one_instruction() -> None:
    code = "block " * 300 + "br_table 0 299 299 nop " + "end " * 300

    assert measure(code).instructions == 300 + 2 + 300 + 1


@pytest.mark.parametrize(
    "code",
    [
        b"\xfc\x8a\x80\x00\x00\x00",  # memory.copy
        b"\xfd\xae\x80\x80\x00",  # i8x16.lt_s, a number below 128
        b"\xfd\xe3\x81\x00",  # f32x4.sqrt, a number above 127
        b"\xfd\x80\x80\x00\x04\x90\x01",  # v128.load
        b"\xfd\xd4\x00\x80\x80\x00\x05\x01",  # v128.load8_lane
        b"\x28\x82\x80\x00\x00",  # i32.load
        b"\x1c\x81\x00\x7f",  # select (result i32)
        b"\x20\x80\x80\x00",  # local.get
        b"\x10\x80\x80\x80\x80\x00",  # call
        b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00",  # i64.const
        b"\x02\xc0\x7f",  # block without results
        b"\x0e\x81\x00\x80\x00\x00",  # br_table
    ],
    ids=lambda code: code.hex(),
)
def test_padded_numbers_do_not_move_the_boundaries(code: bytes) -> None:
    module = parse_module(with_body(b"\1" + code + b"\1"))

    assert measure_function(module, 0).instructions == 4
    assert list(notable_instructions(module)) == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("table.set 0", "table.set"),
        ("table.grow 0", "table.grow"),
        ("table.fill 0", "table.fill"),
        ("table.copy", "table.copy"),
        ("table.init 0", "table.init"),
        ("data.drop 0", "data.drop"),
        ("elem.drop 0", "elem.drop"),
    ],
)
def test_notable_instructions_are_found_with_their_function(code: str, name: str) -> None:
    assert notable(f"nop {code} nop") == [(1, name)]


def test_notable_instructions_are_found_behind_a_padded_number() -> None:
    padded_table_set = b"\x26\x80\x80\x00"
    padded_data_drop = b"\xfc\x89\x80\x00\x00"

    found = notable_instructions(parse_module(with_body(padded_table_set + padded_data_drop)))

    assert list(found) == [(0, "table.set"), (0, "data.drop")]


def test_bytes_of_constants_are_not_taken_for_instructions() -> None:
    code = """i32.const 38 i64.const 38 f64.const nan:0xc000000000926
        v128.const i8x16 38 0 252 9 0 252 12 0 0 14 38 0 252 17 0 254 local.get 38 drop
        block br_table 0 0 0 end i32.load offset=38 table.get 0"""

    assert notable(code) == []


def test_locals_are_not_taken_for_code() -> None:
    wasm = bytes(wasmtime.wat2wasm(f"(module (func (local {'i32 i64 ' * 38}) nop))"))

    assert measure_function(parse_module(wasm), 0).instructions == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"\x08\0", "exceptions support is not enabled"),
        (b"\x1f\x40\0\x0b", "exceptions support is not enabled"),
        (b"\xfe\x10\2\0", "threads support is not enabled"),
        (b"\xfb\0\0", "gc support is not enabled"),
        (b"\x14\0", "function references support is not enabled"),
        (b"\xfd\x80\2", "relaxed SIMD support is not enabled"),
        (b"\x28\x42\0\0", "multi-memory support is not enabled"),
        (b"\x27", "illegal opcode: 0x27"),
        (b"\xff", "illegal opcode: 0xff"),
        (b"\xfc\x13", "illegal opcode: 0xfc 0x13"),
    ],
)
def test_instructions_the_ic_does_not_know_are_refused_with_their_offset(
    code: bytes, reason: str
) -> None:
    wasm = with_body(b"\1\1" + code)

    with pytest.raises(ModuleRefused) as refused:
        list(notable_instructions(parse_module(wasm)))

    offset = wasm.index(b"\1\1" + code + b"\x0b") + 2
    assert refused.value.reason == (
        "Wasmtime failed to validate wasm module wasmtime::Module::validate() failed with "
        f"{reason} (at offset 0x{offset:x})"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"\x41\x80", "malformed immediate of opcode 0x41"),
        (b"\x10\x80\x80\x80\x80\x80\0", "malformed immediate of opcode 0x10"),
        (b"\x43\0", "malformed immediate of opcode 0x43"),
        (b"\x0e\x80\x80\4", "unexpected end-of-file"),
        (b"\x0e\3\0\x80", "unexpected end-of-file"),
        (b"\xfd\x0c\0", "unexpected end-of-file"),
        (b"\xfc", "unexpected end-of-file"),
        (b"\x28\2\x80", "unexpected end-of-file"),
    ],
)
def test_an_instruction_cut_short_is_refused(code: bytes, reason: str) -> None:
    with pytest.raises(ModuleRefused, match=reason):
        list(notable_instructions(parse_module(with_body(code, end=b""))))


INSTRUCTION = st.one_of(
    st.sampled_from(
        [b"\0", b"\1", b"\x1a", b"\x1b", b"\x45", b"\x6a", b"\xc4", b"\xd1", b"\xfc\0"]
    ),
    st.builds(
        lambda opcode, value: bytes((opcode,)) + encode_u(value),
        st.sampled_from([0x0C, 0x0D, 0x10, 0x20, 0x21, 0x23, 0x25, 0x40, 0x41, 0xD2]),
        st.integers(0, 2**31),
    ),
    st.builds(
        lambda opcode, align, offset: bytes((opcode, align)) + encode_u(offset),
        st.integers(0x28, 0x3E),
        st.integers(0, 0x3F),
        st.integers(0, 2**64 - 1),
    ),
    st.builds(lambda value: b"\x42" + encode_u(value), st.integers(0, 2**62)),
    st.builds(lambda raw: b"\x43" + raw, st.binary(min_size=4, max_size=4)),
    st.builds(lambda raw: b"\x44" + raw, st.binary(min_size=8, max_size=8)),
    st.builds(lambda raw: b"\xfd\x0c" + raw, st.binary(min_size=16, max_size=16)),
    st.builds(
        lambda labels: b"\x0e" + encode_u(len(labels)) + b"".join(map(encode_u, labels)) + b"\0",
        st.lists(st.integers(0, 300), max_size=5),
    ),
    st.just(b"\xfc\x09\0"),
    st.just(b"\x26\0"),
)


@given(st.lists(INSTRUCTION, max_size=40))
def test_any_sequence_of_instructions_is_counted_and_weighed(sequence: list[bytes]) -> None:
    module = parse_module(with_body(b"".join(sequence)))
    keys = [each[:2] if each[0] == 0xFC else each[:1] for each in [*sequence, b"\x0b"]]

    assert measure_function(module, 0) == FunctionSize(
        instructions=len(keys), complexity=sum(WEIGHTS.get(key, 1) for key in keys)
    )
    assert [name for _, name in notable_instructions(module)] == [
        {b"\x26": "table.set", b"\xfc\x09": "data.drop"}[key]
        for key in keys
        if key in {b"\x26", b"\xfc\x09"}
    ]


def test_no_instruction_outweighs_the_bound_per_byte() -> None:
    shortest = {0x0E: 3}  # br_table: opcode, count, default
    without_immediates = set(range(0x45, 0xC5)) | {0x1B, 0xD1}

    for key, weight in WEIGHTS.items():
        size = shortest.get(key[0], 1 if key[0] in without_immediates else 2)

        assert weight <= size * MAX_WEIGHT_PER_BYTE


def test_a_body_of_a_million_instructions_is_read_in_one_run() -> None:
    module = parse_module(with_body(b"\1" * 1_000_000))

    assert measure_function(module, 0).instructions == 1_000_001
