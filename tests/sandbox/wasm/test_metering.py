"""Instructions are counted as the IC counts them: costs, blocks, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import wasmtime

from sandbox.engine.signals import trapping_safely
from sandbox.wasm.code import measure_function
from sandbox.wasm.costs import COSTS, VECTOR_COSTS
from sandbox.wasm.metering import MeterNames, metered
from sandbox.wasm.parse import parse_module

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS: Final = Path(__file__).parents[4] / "shared" / "reference" / "instruction_weights.json"
NAMES: Final = MeterNames("counter", "charge", "pause")
LIMIT: Final = 1_000_000


@pytest.fixture(scope="module")
def engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_memory64 = config.wasm_tail_call = True
    return wasmtime.Engine(config)


class Metered:
    """A metered module, to be called and asked what a call cost."""

    def __init__(self, engine: wasmtime.Engine, wat: str) -> None:
        wasm, _ = metered(parse_module(bytes(wasmtime.wat2wasm(wat))), NAMES)
        self._store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self._store, wasmtime.Module(engine, wasm), [])
        self._exports = instance.exports(self._store)

    def cost(self, *arguments: int, limit: int = LIMIT, name: str = "f") -> int:
        counter = self._exports["counter"]
        function = self._exports[name]
        assert isinstance(counter, wasmtime.Global)
        assert isinstance(function, wasmtime.Func)
        counter.set_value(self._store, limit)
        with trapping_safely():  # other tests may have put their own handlers
            function(self._store, *arguments)
        return limit - int(str(counter.value(self._store)))


# What is called, with what, and what the IC charges; each function costs 1 to enter.
COUNTED: Final = {
    "nothing": ('(func (export "f"))', (), 1),
    "an addition": ('(func (export "f") (drop (i32.add (i32.const 1) (i32.const 2))))', (), 1 + 4),
    "a division": (
        '(func (export "f") (drop (i32.div_u (i32.const 6) (i32.const 2))))', (), 1 + 13,
    ),
    "a call": ('(func $g) (func (export "f") (call $g))', (), 1 + 5 + 1),
    "a branch taken": (
        '(func (export "f") (param i32) (if (local.get 0) (then nop nop)))', (1,), 1 + 3 + 2,
    ),
    "a branch not taken": (
        '(func (export "f") (param i32) (if (local.get 0) (then nop nop)))', (0,), 1 + 3,
    ),
    "the other branch": (
        '(func (export "f") (param i32) (if (local.get 0) (then nop) (else nop nop nop)))', (0,),
        1 + 3 + 3,
    ),
    # entered 5 times: local.get, const, sub, tee, br_if
    "a loop": (
        ('(func (export "f") (param i32) (loop (br_if 0 (local.tee 0 '
        "(i32.sub (local.get 0) (i32.const 1))))))"), (5,), 1 + 5 * 6,
    ),
    "behind a loop": (
        ('(func (export "f") (param i32) (loop (br_if 0 (local.tee 0 '
        "(i32.sub (local.get 0) (i32.const 1))))) nop)"), (2,), 1 + 2 * 6 + 1,
    ),
    "an early return": ('(func (export "f") return nop nop)', (), 1 + 1),
    "a table of branches": (
        '(func (export "f") (param i32) (block (block (br_table 0 1 (local.get 0))) nop) nop)',
        (0,), 1 + 3 + 1 + 1,
    ),
    "a fill": (
        ('(memory 1) (func (export "f") (param i32) '
        "(memory.fill (i32.const 0) (i32.const 7) (local.get 0)))"), (1_000,), 1 + 3 + 100 + 1_000,
    ),
    "a copy": (
        ('(memory 1) (func (export "f") (param i32) '
        "(memory.copy (i32.const 0) (i32.const 7) (local.get 0)))"), (50,), 1 + 3 + 100 + 50,
    ),
    "a copy of 64 bits": (
        ('(memory i64 1) (func (export "f") (param i64) '
        "(memory.copy (i64.const 0) (i64.const 7) (local.get 0)))"), (50,), 1 + 3 + 100 + 50,
    ),
    "data": (
        ('(memory 1) (data $d "0123456789") (func (export "f") (param i32) '
        "(memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))"), (10,), 1 + 3 + 100 + 10,
    ),
    "a store of 64 bits": (
        '(memory i64 1) (func (export "f") (i32.store (i64.const 0) (i32.const 7)))', (), 1 + 2 + 2,
    ),
    "vectors": (
        '(func (export "f") (drop (f64x2.sqrt (v128.const i64x2 1 2))))', (), 1 + 1 + 14 + 1,
    ),
    "a tail call": ('(func $g) (func (export "f") (return_call $g))', (), 1 + 3 + 1),
    "a global": (
        '(global $a (mut i32) (i32.const 0)) (func (export "f") (global.set $a (global.get $a)))',
        (), 1 + 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", COUNTED)
def test_a_function_costs_what_the_ic_charges(engine: wasmtime.Engine, what: str) -> None:
    wat, arguments, cost = COUNTED[what]

    assert Metered(engine, f"(module {wat})").cost(*arguments) == cost


def test_what_is_left_is_looked_at_where_code_can_come_again(engine: wasmtime.Engine) -> None:
    loop = '(module (func (export "f") (loop (br 0))))'
    straight = '(module (func (export "f") nop nop nop nop (block nop nop)))'

    with pytest.raises(wasmtime.Trap):
        Metered(engine, loop).cost()
    assert Metered(engine, straight).cost(limit=7) == 7
    with pytest.raises(wasmtime.Trap):
        Metered(engine, straight).cost(limit=6)


@pytest.mark.parametrize("size", [-1, 1 << 62, (1 << 63) - 1])
def test_a_size_beyond_all_bounds_runs_out(engine: wasmtime.Engine, size: int) -> None:
    wat = COUNTED["a copy of 64 bits"][0]

    with pytest.raises(wasmtime.Trap, match=r"unreachable|uninitialized element"):
        Metered(engine, f"(module {wat})").cost(size)


def test_sections_that_are_not_there_are_made(engine: wasmtime.Engine) -> None:
    wasm, _ = metered(parse_module(bytes(wasmtime.wat2wasm("(module)"))), NAMES)

    exports = wasmtime.Module(engine, wasm).exports
    assert [item.name for item in exports] == ["counter", "charge", "pause"]


def test_all_instructions_of_a_module_are_counted_as_those_of_its_functions() -> None:
    module = parse_module(
        bytes(
            wasmtime.wat2wasm("""(module (import "ic0" "msg_reply" (func)) (memory 1)
          (func (block (br_table 0 0 (i32.const 1))) (call 0))
          (func (param i32) (result i32) (i32.load offset=300 (local.get 0)))
          (func))""")
        )
    )

    counted = sum(measure_function(module, index).instructions for index in (1, 2, 3))

    assert metered(module, NAMES)[1] == counted


def test_the_costs_are_those_of_the_replica() -> None:
    weights = json.loads(WEIGHTS.read_text("utf-8"))
    known = set()
    for name, key in _opcodes():
        known.add(name)
        wanted = weights[name]
        costs = wanted if isinstance(wanted, list) else [wanted, wanted]
        tables = VECTOR_COSTS if isinstance(key, int) else COSTS
        assert [tables[is_64].get(key, 1) for is_64 in (False, True)] == costs, name  # type: ignore[call-overload]  # each its own kind

    assert set(weights) - known == {"TypedSelect"} & set(weights)


def _opcodes() -> Iterator[tuple[str, bytes | int]]:
    """Yield each instruction by the replica's name: its key, or a vector instruction's number."""
    for start, names in SCALARS.items():
        for code, name in enumerate(names.split(), start):
            if name != "-":
                yield name, bytes((code,))
    for code, name in enumerate(NUMERIC.split()):
        yield name, bytes((0xFC, code))
    for code, name in enumerate(VECTORS.split()):
        if name != "-":
            yield name, code


SCALARS: Final = {
    0x00: "Unreachable Nop Block Loop If Else - - - - - End Br BrIf BrTable Return Call "
    "CallIndirect ReturnCall ReturnCallIndirect - - - - - - Drop Select",
    0x20: "LocalGet LocalSet LocalTee GlobalGet GlobalSet TableGet TableSet - "
    "I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U "
    "I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U "
    "I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32 "
    "MemorySize MemoryGrow I32Const I64Const F32Const F64Const",
    0x45: "I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU "
    "I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU "
    "F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge "
    "I32Clz I32Ctz I32Popcnt I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU "
    "I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr "
    "I64Clz I64Ctz I64Popcnt I64Add I64Sub I64Mul I64DivS I64DivU I64RemS I64RemU "
    "I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr "
    "F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt F32Add F32Sub F32Mul F32Div "
    "F32Min F32Max F32Copysign "
    "F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt F64Add F64Sub F64Mul F64Div "
    "F64Min F64Max F64Copysign "
    "I32WrapI64 I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U I64ExtendI32S I64ExtendI32U "
    "I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U "
    "F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U F32DemoteF64 "
    "F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U F64PromoteF32 "
    "I32ReinterpretF32 I64ReinterpretF64 F32ReinterpretI32 F64ReinterpretI64 "
    "I32Extend8S I32Extend16S I64Extend8S I64Extend16S I64Extend32S",
    0xD0: "RefNull RefIsNull RefFunc",
}
NUMERIC: Final = (
    "I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U "
    "I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U "
    "MemoryInit DataDrop MemoryCopy MemoryFill TableInit ElemDrop TableCopy TableGrow TableSize "
    "TableFill"
)
VECTORS: Final = (
    "V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U V128Load32x2S V128Load32x2U "
    "V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat V128Store V128Const "
    "I8x16Shuffle I8x16Swizzle I8x16Splat I16x8Splat I32x4Splat I64x2Splat F32x4Splat F64x2Splat "
    "I8x16ExtractLaneS I8x16ExtractLaneU I8x16ReplaceLane I16x8ExtractLaneS I16x8ExtractLaneU "
    "I16x8ReplaceLane I32x4ExtractLane I32x4ReplaceLane I64x2ExtractLane I64x2ReplaceLane "
    "F32x4ExtractLane F32x4ReplaceLane F64x2ExtractLane F64x2ReplaceLane "
    "I8x16Eq I8x16Ne I8x16LtS I8x16LtU I8x16GtS I8x16GtU I8x16LeS I8x16LeU I8x16GeS I8x16GeU "
    "I16x8Eq I16x8Ne I16x8LtS I16x8LtU I16x8GtS I16x8GtU I16x8LeS I16x8LeU I16x8GeS I16x8GeU "
    "I32x4Eq I32x4Ne I32x4LtS I32x4LtU I32x4GtS I32x4GtU I32x4LeS I32x4LeU I32x4GeS I32x4GeU "
    "F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge F64x2Eq F64x2Ne F64x2Lt F64x2Gt F64x2Le "
    "F64x2Ge V128Not V128And V128AndNot V128Or V128Xor V128Bitselect V128AnyTrue "
    "V128Load8Lane V128Load16Lane V128Load32Lane V128Load64Lane V128Store8Lane V128Store16Lane "
    "V128Store32Lane V128Store64Lane V128Load32Zero V128Load64Zero F32x4DemoteF64x2Zero "
    "F64x2PromoteLowF32x4 I8x16Abs I8x16Neg I8x16Popcnt I8x16AllTrue I8x16Bitmask "
    "I8x16NarrowI16x8S I8x16NarrowI16x8U F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest "
    "I8x16Shl I8x16ShrS I8x16ShrU I8x16Add I8x16AddSatS I8x16AddSatU I8x16Sub I8x16SubSatS "
    "I8x16SubSatU F64x2Ceil F64x2Floor I8x16MinS I8x16MinU I8x16MaxS I8x16MaxU F64x2Trunc "
    "I8x16AvgrU I16x8ExtAddPairwiseI8x16S I16x8ExtAddPairwiseI8x16U I32x4ExtAddPairwiseI16x8S "
    "I32x4ExtAddPairwiseI16x8U I16x8Abs I16x8Neg I16x8Q15MulrSatS I16x8AllTrue I16x8Bitmask "
    "I16x8NarrowI32x4S I16x8NarrowI32x4U I16x8ExtendLowI8x16S I16x8ExtendHighI8x16S "
    "I16x8ExtendLowI8x16U I16x8ExtendHighI8x16U I16x8Shl I16x8ShrS I16x8ShrU I16x8Add "
    "I16x8AddSatS I16x8AddSatU I16x8Sub I16x8SubSatS I16x8SubSatU F64x2Nearest I16x8Mul "
    "I16x8MinS I16x8MinU I16x8MaxS I16x8MaxU - I16x8AvgrU I16x8ExtMulLowI8x16S "
    "I16x8ExtMulHighI8x16S I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U I32x4Abs I32x4Neg - "
    "I32x4AllTrue I32x4Bitmask - - I32x4ExtendLowI16x8S I32x4ExtendHighI16x8S "
    "I32x4ExtendLowI16x8U I32x4ExtendHighI16x8U I32x4Shl I32x4ShrS I32x4ShrU I32x4Add - - "
    "I32x4Sub - - - I32x4Mul I32x4MinS I32x4MinU I32x4MaxS I32x4MaxU I32x4DotI16x8S - "
    "I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U "
    "I64x2Abs I64x2Neg - I64x2AllTrue I64x2Bitmask - - I64x2ExtendLowI32x4S I64x2ExtendHighI32x4S "
    "I64x2ExtendLowI32x4U I64x2ExtendHighI32x4U I64x2Shl I64x2ShrS I64x2ShrU I64x2Add - - I64x2Sub "
    "- - - I64x2Mul I64x2Eq I64x2Ne I64x2LtS I64x2GtS I64x2LeS I64x2GeS I64x2ExtMulLowI32x4S "
    "I64x2ExtMulHighI32x4S I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U F32x4Abs F32x4Neg - "
    "F32x4Sqrt F32x4Add F32x4Sub F32x4Mul F32x4Div F32x4Min F32x4Max F32x4PMin F32x4PMax "
    "F64x2Abs F64x2Neg - F64x2Sqrt F64x2Add F64x2Sub F64x2Mul F64x2Div "
    "F64x2Min F64x2Max F64x2PMin F64x2PMax "
    "I32x4TruncSatF32x4S I32x4TruncSatF32x4U F32x4ConvertI32x4S F32x4ConvertI32x4U "
    "I32x4TruncSatF64x2SZero I32x4TruncSatF64x2UZero F64x2ConvertLowI32x4S F64x2ConvertLowI32x4U"
)
