"""Values on the command line: numbers, bytes, places in a memory, globals.

The functions are click types: their names stand in ``--help``.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isnan
from typing import Any, Final

import click

_UNITS: Final = {"T": 10**12, "B": 10**9, "M": 10**6, "K": 10**3, "": 1}
_AMOUNT: Final = re.compile(r"(\d[\d,_]{0,99}(?:\.\d{1,99})?)([TBMK]?)", re.ASCII | re.IGNORECASE)


class Real(click.FloatRange):
    """A number within a range; nan, which is beside every range, is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it. Raises: click.BadParameter."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


def number(text: str) -> int:
    """Read an integer, decimal or with 0x. Raises: click.BadParameter."""
    try:
        return int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None


def cycles(text: str) -> int:
    """Read an amount of cycles, ``1_000_000`` or ``1.5T``. Raises: click.BadParameter."""
    found = _AMOUNT.fullmatch(text)
    amount = Fraction(re.sub("[,_]", "", found[1])) * _UNITS[found[2].upper()] if found else -1
    if not 0 <= amount < 1 << 128 or amount % 1:
        raise click.BadParameter(f"{text!r} is no amount of cycles such as 5T")
    return int(amount)


def hex_bytes(text: str) -> bytes:
    """Read bytes in hex; spaces are allowed. Raises: click.BadParameter."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not hexadecimal") from None


def place(text: str) -> tuple[int, bytes]:
    """Read where to put which bytes, ``0x10=2a00``. Raises: click.BadParameter."""
    offset, equals, data = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not OFFSET=HEX, for example 0x10=2a00")
    return number(offset), hex_bytes(data)


def global_value(text: str) -> tuple[str, int]:
    """Read a global's new bits, ``name=5``; the name may hold an equals sign.

    Raises: click.BadParameter.
    """
    name, equals, bits = text.rpartition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=BITS, for example runs=5")
    return name, number(bits)
