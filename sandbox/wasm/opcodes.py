r"""The instruction set as tables: what each instruction carries, weighs, and whether it may be.

An instruction's *key* is its opcode byte, or two bytes behind the prefix ``0xFC``
(``b"\xfc\x0a"`` is ``memory.copy``); vector instructions share the key ``b"\xfd"``.

``PLAIN_RUN`` and ``PLAIN`` are regular expressions over code: the regex engine steps over
instructions thirty times faster than a Python loop. They know every instruction of Wasm 2.0
with memory64 and tail calls in the encoding all compilers use, except those in ``NOTABLE``
(the checks ask for them) and ``br_table`` (its length is data). At anything else a run ends,
and ``code`` decodes that one instruction by hand.

Weights: replica ``wasm_utils/validation.rs``, ``wasm_function_complexity``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BR_TABLE: Final = 0x0E
SELECT_TYPED: Final = 0x1C
TABLE_SET: Final = 0x26
FIRST_MEMARG, LAST_MEMARG = 0x28, 0x3E
NUMERIC_PREFIX, VECTOR_PREFIX = 0xFC, 0xFD

# Instructions the checks ask for, by key.
NOTABLE: Mapping[bytes, str] = {
    b"\x26": "table.set",
    b"\xfc\x0c": "table.init",
    b"\xfc\x0e": "table.copy",
    b"\xfc\x0f": "table.grow",
    b"\xfc\x11": "table.fill",
    b"\xfc\x09": "data.drop",
    b"\xfc\x0d": "elem.drop",
}
UNSUPPORTED: Final = frozenset(NOTABLE.values()) - {"data.drop", "elem.drop"}

# Opcodes of plain instructions that carry something; a run ends at one only if that is broken.
CARRYING: Final = frozenset(
    (*range(0x02, 0x05), 0x0C, 0x0D, *range(0x10, 0x14), *range(0x20, 0x26), *range(0x3F, 0x45))
) | {0xD0, 0xD2}

# Opcodes of proposals that are off on the IC, for the refusal's text.
_OFF = (
    ((0x06, 0x07, 0x08, 0x09, 0x0A, 0x18, 0x19, 0x1F), "exceptions support is not enabled"),
    ((0x14, 0x15, 0xD4, 0xD5, 0xD6), "function references support is not enabled"),
    ((0xD3, 0xFB), "gc support is not enabled"),
    ((0xFE,), "threads support is not enabled"),
)
SWITCHED_OFF: Mapping[int, str] = {code: text for codes, text in _OFF for code in codes}

# Number of LEB128 immediates behind 0xFC, by second byte.
NUMERIC_IMMEDIATES: Mapping[int, int] = {
    **dict.fromkeys(range(0x08), 0),  # saturating truncations
    **dict.fromkeys((0x08, 0x0A, 0x0C, 0x0E), 2),  # memory.init/copy, table.init/copy
    **dict.fromkeys((0x09, 0x0B, 0x0D, 0x0F, 0x10, 0x11), 1),  # drops, memory.fill, table.*
}

# Immediates behind 0xFD, by second number: a memory argument, then this many raw bytes.
_VECTOR_ROWS = (
    #  numbers                              memory  bytes
    ((*range(0x0C), 0x5C, 0x5D), True, 0),  # whole and extending loads, stores
    (range(0x0C, 0x0E), False, 16),  # v128.const, i8x16.shuffle
    (range(0x15, 0x23), False, 1),  # extract and replace lane
    (range(0x54, 0x5C), True, 1),  # load and store lane
    ((*range(0x0E, 0x15), *range(0x23, 0x54), *range(0x5E, 0x100)), False, 0),
)
VECTOR_IMMEDIATES: Mapping[int, tuple[bool, int]] = {
    number: (memory, size) for numbers, memory, size in _VECTOR_ROWS for number in numbers
}


def _leb(bits: int) -> bytes:
    return rb"[\x80-\xff]{0,%d}+[\x00-\x7f]" % (bits // 7)


_INDEX = _leb(32)
_MEMARG = rb"[\x00-\x3f]" + _leb(64)  # alignment without the multi-memory bit, offset
_PLAIN = b"|".join(
    (
        rb"[\x02-\x04\x0c\x0d\x10\x12\x20-\x25\x3f-\x41\xd0\xd2]" + _INDEX,
        rb"[\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]",
        rb"[\x28-\x3e]" + _MEMARG,
        rb"\x42" + _leb(64),
        rb"[\x11\x13]" + _INDEX + _INDEX,
        rb"\x44.{8}|\x43.{4}|\x1c\x01.",
        rb"\xfc(?:[\x00-\x07]|[\x08\x0a]" + _INDEX + _INDEX + rb"|[\x0b\x10]" + _INDEX + rb")",
        rb"\xfd(?:[\x00-\x0b\x5c\x5d]" + _MEMARG + rb"|[\x0c\x0d].{16}|[\x15-\x22]."
        rb"|[\x54-\x5b]" + _MEMARG + rb".|[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]\x01)",
    )
)

# The longest run of plain instructions from here.
PLAIN_RUN: Final = re.compile(rb"(?:" + _PLAIN + rb")*+", re.DOTALL)

# One plain instruction; its group is the key.
PLAIN: Final = re.compile(rb"(?=(\xfc.|.))(?:" + _PLAIN + rb")", re.DOTALL)

_WEIGHT_ROWS: tuple[tuple[int, tuple[int, ...]], ...] = (
    # control that calls or jumps, and memory.grow, which calls once instrumented
    (50, (0x02, 0x03, 0x04, 0x0C, 0x0D, 0x0E, 0x10, 0x11, 0x40)),
    (14, (0x25,)),  # table.get
    (8, (0xD2,)),  # ref.func
    (6, (0xD1,)),  # ref.is_null
    # integer <-> float, i64.extend_i32, f32.demote
    (5, (*range(0xA8, 0xBB),)),
    (4, (0x8B, 0x8C, 0x99, 0x9A)),  # float neg, abs
    # loads, div, rem, copysign, f64.eq
    (3, (*range(0x28, 0x36), *range(0x6D, 0x71), *range(0x7F, 0x83), 0x98, 0xA6, 0x61)),
    # stores, comparisons, rounding, sqrt, reinterpretations, sign extensions, wrap, promote
    (2, (0x1B, 0x23, 0x3F, *range(0x36, 0x3F), *range(0x45, 0x61), *range(0x62, 0x67))),
    (2, (0x69, 0x7B, *range(0x8D, 0x90), 0x91, *range(0x9B, 0x9E), 0x9F)),
    (2, (0xA7, *range(0xBB, 0xC5))),
)
_NUMERIC_WEIGHTS = {
    b"\xfc\x0a": 4,  # memory.copy
    b"\xfc\x0b": 3,  # memory.fill
    **{bytes((0xFC, code)): 3 for code in range(8)},
}

# Complexity of one instruction by key; whatever is not here weighs 1.
WEIGHTS: Mapping[bytes, int] = {
    **{bytes((code,)): weight for weight, codes in _WEIGHT_ROWS for code in codes},
    **_NUMERIC_WEIGHTS,
}

# No encoding is heavier per byte than ``block`` or ``call``: weight 50 in two bytes.
MAX_WEIGHT_PER_BYTE: Final = 25
