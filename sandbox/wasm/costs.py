"""What the IC charges for each instruction, in its own unit.

Keys are opcode bytes, or two bytes behind ``0xFC``; vector instructions have a table by number.
What is in no table costs 1.
Source: replica ``instruction_to_cost`` (reference/instruction_weights.json).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROWS: Final[tuple[tuple[int, tuple[int, ...]], ...]] = (
    (0, (0x02, 0x03, 0x05, 0x0B)),  # block, loop, else, end
    (2, (0x04, 0x0C, 0x0D, 0x0E, 0x23, 0x24)),  # if, br, br_if, br_table, global.get/set
    # add, sub, mul, rounding of floats; f32.copysign
    (2, (*range(0x8D, 0x91), *range(0x92, 0x95), 0x98, *range(0x9B, 0x9F), *range(0xA0, 0xA3))),
    # f32.div, f64.copysign, float comparisons, signed conversions, return_call
    (3, (0x95, 0xA6, *range(0x5B, 0x67), 0xB2, 0xB4, 0xB7, 0xB9, 0x12)),
    (5, (0xA3, 0x91, 0x25, 0x26, 0x10, 0xD1)),  # f64.div, f32.sqrt, table.get/set, call, is_null
    (8, (0x9F,)),  # f64.sqrt
    (10, (*range(0x6D, 0x71), *range(0x7F, 0x83), 0x11)),  # div, rem, call_indirect
    (16, (0xB3, 0xB5, 0xB8, 0xBA)),  # unsigned conversions
    (18, (0x96, 0x97, 0xA4, 0xA5)),  # min, max
    (20, (*range(0xA8, 0xAC), *range(0xAE, 0xB2), 0x3F)),  # truncations, memory.size
    (60, (0x13,)),  # return_call_indirect
    (130, (0xD2,)),  # ref.func
    (300, (0x40,)),  # memory.grow
)
_NUMERIC_ROWS: Final[tuple[tuple[int, tuple[int, ...]], ...]] = (
    (20, tuple(range(8))),  # saturating truncations
    (100, (0x08, 0x0A, 0x0B, 0x0C, 0x0E, 0x10, 0x11)),  # memory and table operations
    (300, (0x09, 0x0D, 0x0F)),  # data.drop, elem.drop, table.grow
)
_VECTOR_ROWS: Final[tuple[tuple[int, tuple[int, ...]], ...]] = (
    (2, (0x26, 0x28, 0x30, 0x32, 0x3A, 0x3C)),  # unsigned lt and gt
    (2, (0x6D, 0x7D, 0x8B, 0x8C, 0x8D, 0x9D, 0x9F)),
    (2, (0xAB, 0xAC, 0xAD, 0xB5, *range(0xBC, 0xC0), 0xCB, 0xCD)),
    (2, (*range(0x67, 0x6B), 0xE0, 0xE1, *range(0xE4, 0xE7))),  # f32x4
    (2, (0x74, 0x75, 0x7A, 0x94, 0xEC, 0xED, *range(0xF0, 0xF3), 0xF8, 0xFC)),  # f64x2
    (3, (0x0D, 0x62, 0x6B, 0x6C, 0x7F, 0xCC, 0xFD)),
    (4, (0xD5, 0xE8, 0xE9, 0xF4, 0xF9, 0xFB)),
    (5, (0xE3, 0xF5)),
    (10, (0xE7,)),
    (12, (0xF3,)),
    (14, (0xEF,)),
)
_LOADS_AND_STORES: Final = range(0x28, 0x3F)
_VECTOR_LOADS_AND_STORES: Final = (*range(0x0C), *range(0x54, 0x5E))


def _scalar_costs(*, is_64: bool) -> Mapping[bytes, int]:
    rows = {bytes((code,)): cost for cost, codes in _ROWS for code in codes}
    rows |= {bytes((0xFC, code)): cost for cost, codes in _NUMERIC_ROWS for code in codes}
    rows |= {bytes((code,)): 1 + is_64 for code in _LOADS_AND_STORES}
    return MappingProxyType(rows)


def _vector_costs(*, is_64: bool) -> Mapping[int, int]:
    rows = {code: cost for cost, codes in _VECTOR_ROWS for code in codes}
    return MappingProxyType(rows | dict.fromkeys(_VECTOR_LOADS_AND_STORES, 1 + is_64))


# By the heap's width: loads and stores of a 64-bit memory cost two.
COSTS: Final = {is_64: _scalar_costs(is_64=is_64) for is_64 in (False, True)}
VECTOR_COSTS: Final = {is_64: _vector_costs(is_64=is_64) for is_64 in (False, True)}
