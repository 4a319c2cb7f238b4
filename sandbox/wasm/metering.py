"""Function bodies that count their instructions as the IC's do.

The counter is a global that starts at the message's limit, or at a part of it. At the start of
each block the costs of all its instructions are taken off; whether any are left is looked at
where code can come again (function entry, loop body) and when something is charged by its size.

    (func $f …                    (func $f …
                                    (global.set $counter (i64.sub (global.get $counter)
                                      (i64.const 5)))
                                    (if (i64.lt_s (global.get $counter) (i64.const 0))
                                      (then (call $out)))
      (memory.copy                  (memory.copy
        … (local.get $size)))         … (call $sized (local.get $size))))

``$out`` calls what the host has put into a table of one function, which may fill the counter up
again, and traps when it is still below 0. Functions, types, tables, globals and exports are
appended, so no index changes.
Source: replica ``wasm_utils/instrumentation.rs`` (reference/limits_and_costs.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.wasm.code import read_instructions
from sandbox.wasm.costs import COSTS, VECTOR_COSTS
from sandbox.wasm.encode import encode_export, encode_i, encode_section, encode_u
from sandbox.wasm.module import ExternKind, SectionId
from sandbox.wasm.opcodes import VECTOR_PREFIX
from sandbox.wasm.splice import old_entries, splice

if TYPE_CHECKING:
    from sandbox.wasm.module import Module

_LOOP: Final = b"\x03"
# if, else, end, br, br_if, br_table, return, unreachable, return_call, return_call_indirect
_BLOCK_ENDS: Final = frozenset(
    bytes((code,)) for code in (0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x00, 0x12, 0x13)
) | {_LOOP}
# memory.init, memory.copy, memory.fill, table.init, table.copy, table.fill: the size is on top.
_SIZED: Final = frozenset(bytes((0xFC, code)) for code in (0x08, 0x0A, 0x0B, 0x0C, 0x0E, 0x11))
_SIZED_BY_ADDRESS: Final = frozenset((b"\xfc\x0a", b"\xfc\x0b"))  # else 32 bits wide

_I32, _I64, _FUNCTION, _MUTABLE = 0x7F, 0x7E, 0x60, 0x01
_FUNCREF: Final = 0x70
_LEFT: Final = b"\x42\x00\x53"  # i64.const 0, i64.lt_s
_TRAP_IF: Final = b"\x04\x40\x00\x0b"  # if unreachable end


@dataclass(frozen=True, slots=True)
class MeterNames:
    """The names under which a metered module exports its meter.

    counter: an i64 global, what is left; below 0 it traps. charge: a function that takes an
        i64 off it. pause: a table whose function is called before it traps.
    """

    counter: str
    charge: str
    pause: str


def metered(module: Module, names: MeterNames) -> tuple[bytes, int]:
    """Return the module with every function counting, and how many instructions it had before.

    Requires: it is valid, and exports none of the names.
    Raises: ModuleRefused at bytes that are no instruction the IC knows.
    """
    meter = _Meter(module)
    bodies = [meter.body(start, end) for start, end in module.bodies]
    types, functions, tables, code, globals_ = meter.additions()
    exports = [
        encode_export(names.counter, ExternKind.GLOBAL, meter.counter),
        encode_export(names.charge, ExternKind.FUNCTION, meter.charge),
        encode_export(names.pause, ExternKind.TABLE, meter.pause),
    ]
    added = {
        SectionId.TYPE: types,
        SectionId.FUNCTION: functions,
        SectionId.TABLE: tables,
        SectionId.GLOBAL: globals_,
        SectionId.EXPORT: exports,
    }
    replaced = {}
    for section_id, entries in added.items():
        old, count = old_entries(module, section_id)
        replaced[section_id] = encode_section(section_id, [old, *entries], count + len(entries))
    bodies += code
    sized = [encode_u(len(body)) + body for body in bodies]
    replaced[SectionId.CODE] = encode_section(SectionId.CODE, sized, len(sized))
    return splice(module, replaced), meter.instructions


class _Meter:
    """Makes metered bodies for one module. instructions: of the bodies so far."""

    def __init__(self, module: Module) -> None:
        self.instructions = 0
        self._wasm = module.wasm
        self._costs = COSTS[module.is_64]
        self._vector_costs = VECTOR_COSTS[module.is_64]
        self._is_64 = module.is_64
        self._first_type = len(module.types)
        first = len(module.functions)
        self._out, self.charge, self._sized_32, self._sized_64 = range(first, first + 4)
        self.pause = len(module.tables)
        self.counter = len(module.globals)
        counter = encode_u(self.counter)
        self._get, self._set = b"\x23" + counter, b"\x24" + counter
        self._check = self._get + _LEFT + b"\x04\x40\x10" + encode_u(self._out) + b"\x0b"

    def body(self, start: int, end: int) -> bytes:
        """Return a body, locals included, with its charges."""
        wasm = self._wasm
        pieces: list[bytes] = []
        slot, cost, may_come_again, copied = -1, 1, True, start
        for key, at, after in read_instructions(wasm, start, end):
            if slot < 0:  # the first instruction: everything before it declares locals
                pieces += [wasm[copied:at], b""]
                slot, copied = 1, at
            self.instructions += 1
            cost += self._cost(key, at)
            if key in _SIZED:
                pieces += [wasm[copied:at], self._sized(key)]
                copied = at
            elif key in _BLOCK_ENDS:
                pieces.append(wasm[copied:after])
                copied = after
                pieces[slot] = self._charged(cost, may_come_again=may_come_again)
                slot, cost, may_come_again = len(pieces), 0, key == _LOOP
                pieces.append(b"")
        return b"".join(pieces)

    def additions(self) -> tuple[list[bytes], ...]:
        """Return the types, the functions' types, the tables, the bodies, and the globals."""
        types = [
            bytes((_FUNCTION, 0, 0)),
            bytes((_FUNCTION, 1, _I64, 0)),
            bytes((_FUNCTION, 1, _I32, 1, _I32)),
            bytes((_FUNCTION, 1, _I64, 1, _I64)),
        ]
        functions = [encode_u(self._first_type + number) for number in range(len(types))]
        call_charge = b"\x10" + encode_u(self.charge)
        take = self._get + b"\x20\x00\x7d" + self._set  # counter - argument
        # An argument of 2^63 or more is negative here, and more than anybody has left.
        is_huge = b"\x20\x00" + _LEFT + _TRAP_IF
        pause = b"\x41\x00\x11" + encode_u(self._first_type) + encode_u(self.pause)
        bodies = [
            pause + self._get + _LEFT + _TRAP_IF,
            is_huge + take + self._check,
            b"\x20\x00\xad" + call_charge + b"\x20\x00",
            b"\x20\x00" + call_charge + b"\x20\x00",
        ]
        globals_ = [bytes((_I64, _MUTABLE)) + b"\x42\x00\x0b"]
        tables = [bytes((_FUNCREF, 1, 1, 1))]
        return types, functions, tables, [b"\x00" + body + b"\x0b" for body in bodies], globals_

    def _cost(self, key: bytes, at: int) -> int:
        if key[0] != VECTOR_PREFIX:
            return self._costs.get(key, 1)
        low = self._wasm[at + 1]
        number = low if low < 0x80 else low & 0x7F | self._wasm[at + 2] << 7
        return self._vector_costs.get(number, 1)

    def _charged(self, cost: int, *, may_come_again: bool) -> bytes:
        if not cost and not may_come_again:
            return b""
        charge = self._get + b"\x42" + encode_i(cost) + b"\x7d" + self._set if cost else b""
        return charge + self._check if may_come_again else charge

    def _sized(self, key: bytes) -> bytes:
        is_wide = self._is_64 and key in _SIZED_BY_ADDRESS
        return b"\x10" + encode_u(self._sized_64 if is_wide else self._sized_32)
