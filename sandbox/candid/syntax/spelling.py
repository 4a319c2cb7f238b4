r"""How names, numbers, texts and blobs are written, for printers of types and values.

The spelling is didc's, with one repair: what didc writes so that it cannot be read
back (a zero byte as ``\0``, the field ``true``) is written so that it can.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from decimal import Decimal
from typing import Final

from sandbox.candid.syntax.lexer import KEYWORDS
from sandbox.candid.types import Prim

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED_NAMES: Final = KEYWORDS | {prim.value for prim in Prim}
_ESCAPES: Final = {
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\\": r"\\",
    '"': r"\"",
    "'": r"\'",
    "\0": r"\00",
}
_PRINTABLE_BYTES: Final = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))
_PLAIN_BYTES: Final = frozenset(range(0x20, 0x7F)) - frozenset(b"\"'`\\")
# Python converts at most this many decimal digits without being asked to take the time.
_MAX_DECIMAL_DIGITS: Final = 4_000


def name(text: str) -> str:
    """Write a field or method name, in quotes where it is not a plain identifier."""
    if _PLAIN_NAME.match(text) and text not in _RESERVED_NAMES:
        return text
    return quoted(text)


def label(number: int, text: str | None) -> str:
    """Write a field's label: its name where known, else its id."""
    return integer(number) if text is None else name(text)


def quoted(text: str) -> str:
    """Write a text literal."""
    if text.isprintable() and not _ESCAPES.keys() & set(text):
        return f'"{text}"'
    return '"' + "".join(map(_escaped, text)) + '"'


def blob(data: bytes) -> str:
    r"""Write ``blob "…"``: as text if all of it is printable ASCII, else as ``\xx`` only."""
    if set(data) <= _PRINTABLE_BYTES:
        return f'blob "{"".join(map(_byte, data))}"'
    escaped = data.hex("\\")
    return f'blob "\\{escaped}"'


def integer(number: int) -> str:
    """Write a number in decimal digits by threes; beyond 4,000 of them, hexadecimal."""
    if number.bit_length() > _MAX_DECIMAL_DIGITS * 3:
        return f"{number:#_x}"
    return f"{number:_}"


def float64(number: float) -> str:
    """Write the shortest digits that read back as this number."""
    return _float(number, repr(number))


def float32(number: float) -> str:
    """Write the shortest digits that read back as this single-precision number."""
    # Nine digits always suffice for single precision.
    candidates = (f"{number:.{digits}g}" for digits in range(1, 10))
    shortest = next((text for text in candidates if single(float(text)) == number), repr(number))
    return _float(number, shortest)


def single(number: float) -> float:
    """Round to single precision; what is too large becomes infinite."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _float(number: float, digits: str) -> str:
    if not math.isfinite(number):
        return {math.inf: "inf", -math.inf: "-inf"}.get(number, "NaN")
    # didc never uses an exponent; past these bounds nobody would count the zeros.
    if number == 0 or 1e-7 <= abs(number) < 1e21:
        digits = f"{Decimal(digits):f}"
    return digits if "." in digits or "e" in digits else f"{digits}.0"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    # Separators other than the space look like nothing, but fine in text of any script.
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return f"\\u{{{ord(character):x}}}"


def _byte(byte: int) -> str:
    return chr(byte) if byte in _PLAIN_BYTES else f"\\{byte:02x}"
