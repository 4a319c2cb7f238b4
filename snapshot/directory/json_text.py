"""JSON as Rust's serde_json pretty-prints it: two spaces, no newline at the end.

Floats are what needs care: the shortest digits that read back as the same 32 or 64 bits,
laid out as the ryu crate does (``1.0``, ``0.001234``, ``1.5e-7``, ``1e16``).
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, Final

# From here on an exponent is written: (digits before the point, zeros after it).
_PLAIN: Final = {32: (13, -6), 64: (16, -5)}

_MOST_DIGITS: Final = 17  # so many tell any two floats of 64 bits apart


@dataclass(frozen=True, slots=True)
class Float:
    """A number to be written as a float of 32 or 64 bits."""

    value: float
    width: int


def pretty(value: Any, depth: int = 0) -> str:
    """Return the text of dicts, lists, strings, integers, ``Float`` and None."""
    match value:
        case Float():
            return float_text(value)
        case dict() if value:
            lines = [f"{json.dumps(key)}: {pretty(item, depth + 1)}" for key, item in value.items()]
            return _block("{", lines, "}", depth)
        case list() if value:
            return _block("[", [pretty(item, depth + 1) for item in value], "]", depth)
        case _:
            return json.dumps(value)


def float_text(number: Float) -> str:
    """Return a float's text; ``null`` for those that JSON lacks, as serde_json does."""
    value, width = number.value, number.width
    if not math.isfinite(value):
        return "null"
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return f"{sign}0.0"
    digits, exponent = _shortest(abs(value), width)
    return sign + _layout(digits, exponent, *_PLAIN[width])


def as_f32(value: float) -> float:
    """Return the nearest float of 32 bits."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf


def _block(opening: str, lines: list[str], closing: str, depth: int) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{outer}{closing}"


def _shortest(value: float, width: int) -> tuple[str, int]:
    """Return the fewest digits that read back as the value, and the exponent of the last."""
    text = ""
    for precision in range(_MOST_DIGITS):
        text = f"{value:.{precision}e}"
        if (float(text) if width == 64 else as_f32(float(text))) == value:
            break
    mantissa, _, power = text.partition("e")
    digits = mantissa.replace(".", "").rstrip("0") or "0"
    return digits, int(power) - len(digits) + 1


def _layout(digits: str, exponent: int, most_before: int, most_zeros: int) -> str:
    point = len(digits) + exponent  # where the decimal point stands, counted from the left
    if exponent >= 0 and point <= most_before:
        return digits + "0" * exponent + ".0"
    if 0 < point <= most_before:
        return f"{digits[:point]}.{digits[point:]}"
    if most_zeros < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1}"
