"""Reading types and constant expressions, the small change of every section.

Only what the IC has switched on is read: value types of Wasm 2.0, function types in their
plain form, constant expressions of one instruction (extended-const is off). The rest is
refused here, where its offset is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.wasm.module import (
    ConstExpr,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    TableType,
    ValType,
)
from sandbox.wasm.reader import Reader, malformed

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUE_TYPES: dict[int, ValType] = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}
_REFERENCE_TYPES: dict[int, ValType] = {0x70: "funcref", 0x6F: "externref"}

_FLOAT_CONSTANTS = {0x43: ("f32.const", 4), 0x44: ("f64.const", 8)}
_INTEGER_CONSTANTS: dict[int, tuple[str, Callable[[Reader], int]]] = {
    0x41: ("i32.const", Reader.s32),
    0x42: ("i64.const", Reader.s64),
    0x23: ("global.get", Reader.u32),
    0xD2: ("ref.func", Reader.u32),
}

# Bits of the flags byte before limits.
_HAS_MAXIMUM, _SHARED, _64_BIT, _PAGE_SIZE = 0x01, 0x02, 0x04, 0x08
_WASM_PAGE_LOG2 = 16
_MAX_PARAMETERS = 1_000  # wasmparser's limit, for parameters and for results


def read_function_type(reader: Reader) -> FuncType:
    """Read an entry of the type section."""
    offset = reader.position
    form = reader.byte()
    if form != 0x60:
        raise malformed(f"only function types are supported, not type form 0x{form:02x}", offset)
    return FuncType(_read_value_types(reader), _read_value_types(reader))


def read_value_type(reader: Reader) -> ValType:
    """Read one value type."""
    offset = reader.position
    code = reader.byte()
    if (value := _VALUE_TYPES.get(code)) is None:
        raise malformed(f"unsupported value type 0x{code:02x}", offset)
    return value


def read_reference_type(reader: Reader) -> ValType:
    """Read ``funcref`` or ``externref``."""
    offset = reader.position
    code = reader.byte()
    if (value := _REFERENCE_TYPES.get(code)) is None:
        raise malformed(f"unsupported reference type 0x{code:02x}", offset)
    return value


def read_table_type(reader: Reader) -> TableType:
    """Read a table type; tables with an initialiser expression are refused."""
    element = read_reference_type(reader)
    limits, flags = _read_limits(reader, _HAS_MAXIMUM | _64_BIT)
    return TableType(element, limits, bool(flags & _64_BIT))


def read_memory_type(reader: Reader) -> MemoryType:
    """Read a memory type of any feature; what the IC allows is checked later."""
    limits, flags = _read_limits(reader, _HAS_MAXIMUM | _SHARED | _64_BIT | _PAGE_SIZE)
    page_size_log2 = reader.u32() if flags & _PAGE_SIZE else _WASM_PAGE_LOG2
    return MemoryType(limits, bool(flags & _64_BIT), bool(flags & _SHARED), page_size_log2)


def read_global_type(reader: Reader) -> GlobalType:
    """Read a global's type."""
    value = read_value_type(reader)
    offset = reader.position
    mutability = reader.byte()
    if mutability > 1:
        raise malformed("malformed mutability", offset)
    return GlobalType(value, mutability == 1)


def read_const_expr(reader: Reader) -> ConstExpr:
    """Read a constant expression: one instruction and ``end``."""
    start = reader.position
    operator, operand = _read_constant(reader)
    offset = reader.position
    if reader.byte() != 0x0B:
        raise malformed("constant expression required: more than one instruction", offset)
    return ConstExpr(operator, operand, reader.data[start : reader.position])


def _read_value_types(reader: Reader) -> tuple[ValType, ...]:
    return tuple(
        read_value_type(reader) for _ in range(reader.count("value types", _MAX_PARAMETERS))
    )


def _read_limits(reader: Reader, allowed: int) -> tuple[Limits, int]:
    offset = reader.position
    flags = reader.byte()
    if flags & ~allowed:
        raise malformed(f"malformed limits flags 0x{flags:02x}", offset)
    read = reader.u64 if flags & _64_BIT else reader.u32
    minimum = read()
    maximum = read() if flags & _HAS_MAXIMUM else None
    return Limits(minimum, maximum), flags


def _read_constant(reader: Reader) -> tuple[str, int | None]:
    offset = reader.position
    opcode = reader.byte()
    if opcode == 0xFD and reader.u32() == 0x0C:
        reader.skip(16)
        return "v128.const", None
    if opcode in _FLOAT_CONSTANTS:
        operator, size = _FLOAT_CONSTANTS[opcode]
        reader.skip(size)
        return operator, None
    if opcode == 0xD0:
        read_reference_type(reader)
        return "ref.null", None
    if opcode in _INTEGER_CONSTANTS:
        operator, read = _INTEGER_CONSTANTS[opcode]
        return operator, read(reader)
    raise malformed("constant expression required: non-constant operator", offset)
