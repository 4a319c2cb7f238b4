"""From a wasmtime trap to plain data: a replica trap text and function names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wasmtime import Trap, TrapCode

from sandbox.wasm.rustnames import demangled

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT_OF_INSTRUCTIONS: Final = "out of instructions"
BAD_SIGNATURE: Final = "bad signature"
UNREACHABLE: Final = "unreachable"
SYSTEM_MODULE_NAME: Final = "ic0"
# What wasmtime keeps at most; its C interface has no way to ask for more.
_MOST_FRAMES: Final = 20
_UNNAMED: Final = "unknown function at index"

# The replica's trap texts (``TrapCode`` in rs/interfaces/.../errors.rs); all else is "unknown".
_TEXTS: Final[Mapping[TrapCode, str]] = MappingProxyType(
    {
        TrapCode.STACK_OVERFLOW: "stack overflow",
        TrapCode.MEMORY_OUT_OF_BOUNDS: "heap out of bounds",
        TrapCode.TABLE_OUT_OF_BOUNDS: "table out of bounds",
        TrapCode.INTEGER_DIVISION_BY_ZERO: "integer division by 0",
        TrapCode.UNREACHABLE: UNREACHABLE,
        TrapCode.BAD_SIGNATURE: BAD_SIGNATURE,
        TrapCode.OUT_OF_FUEL: OUT_OF_INSTRUCTIONS,
    }
)


@dataclass(frozen=True, slots=True)
class TrapInfo:
    """Why Wasm code stopped.

    text: the replica's trap text, or one of this module's constants.
    backtrace: canister functions, innermost first; unnamed ones as the replica words it.
    has_names: some function has a name; without any, the replica shows no backtrace.
    is_cut_short: with fewer frames on the stack there would be another trap, or none, or more
        of the backtrace.
    """

    text: str
    backtrace: tuple[str, ...]
    has_names: bool
    is_cut_short: bool = False


def read_trap(trap: Trap, unnamed_from: int | None = None) -> TrapInfo:
    """Take out of a trap what outlives it.

    unnamed_from: functions from this index on are bodies, with the function itself behind them.
    """
    code = trap.trap_code
    text = _TEXTS.get(code, "unknown") if code is not None else "unknown"
    listed = trap.frames
    is_cut_short = len(listed) >= _MOST_FRAMES or code is TrapCode.STACK_OVERFLOW
    frames = [
        frame
        for frame in listed
        if frame.module_name != SYSTEM_MODULE_NAME
        and (unnamed_from is None or frame.func_index < unnamed_from)
    ]
    names = [frame.func_name and demangled(frame.func_name) for frame in frames]
    backtrace = tuple(
        name or f"{_UNNAMED} {frame.func_index}" for frame, name in zip(frames, names, strict=True)
    )
    return TrapInfo(text, backtrace, any(names), is_cut_short)


def named_from(backtrace: tuple[str, ...]) -> tuple[str, ...]:
    """Return a backtrace from its innermost named function on."""
    return tuple(dropwhile(lambda name: name.startswith(_UNNAMED), backtrace))
