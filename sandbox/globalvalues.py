"""The values of a canister's mutable globals as Python numbers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.execution.canister import CanisterRuntime


def global_values(runtime: CanisterRuntime) -> dict[str, int | float]:
    """Return the mutable globals by export name, or ``global N`` where there is none.

    Integers are unsigned; v128 is one 128-bit number.
    """
    module = runtime.state.module
    if module is None:
        return {}
    slots = [slot for slot in module.shape.globals if slot.mutable]
    return {
        slot.export_name if slot.user_exported else f"global {slot.index}": _value(slot.type, bits)
        for slot, bits in zip(slots, runtime.state.globals, strict=True)
    }


def _value(type_: str, bits: int) -> int | float:
    if type_ == "f32":
        return float(struct.unpack("<f", struct.pack("<I", bits))[0])
    if type_ == "f64":
        return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
    return bits
