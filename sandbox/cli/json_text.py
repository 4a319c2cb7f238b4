"""Values as JSON, in ASCII, however deep they are.

Python's ``json`` gives up at its limit of recursion, which a linked list of some hundred items
reaches, as Motoko's ``List`` is one. This goes on; what is deeper than ``_INDENTED`` stays on one
line, for else the indentation alone would grow with the square of the depth.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_INDENTED: Final = 20
# Python refuses to write, and to read, integers of more than 4,300 decimal digits.
_DECIMAL_BITS: Final = 14_000
_MOSTLY: Final = frozenset({str, bool, list, dict, type(None)})  # what needs no other look
_Open = tuple["Iterator[tuple[str, Any]]", str]


def json_text(value: Any) -> str:
    """Return a Candid or record value as JSON: principals as text, bytes as hex."""
    pieces: list[str] = []
    stack: list[_Open] = [(iter([("", value)]), "")]
    while stack:
        items, closing = stack[-1]
        item = next(items, None)
        if item is None:
            pieces.append(closing)
            stack.pop()
            continue
        before, inner = item
        shown = inner if type(inner) in _MOSTLY else plain(inner)
        if isinstance(shown, (dict, list)) and shown:
            stack.append(_opened(shown, len(stack)))
            pieces.append(f"{before}{'{' if isinstance(shown, dict) else '['}")
        else:
            pieces.append(f"{before}{json.dumps(shown)}")
    return "".join(pieces)


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what is inside of it stays as it is."""
    from sandbox.candid.values import FuncRef, ServiceRef, Some, VariantValue

    match value:
        case VariantValue():
            return {str(value.tag): value.value}
        case Some():
            return [value.value]
        case FuncRef():
            return {"principal": str(value.principal), "method": value.method}
        case ServiceRef():
            return str(value.principal)
        case int() if value.bit_length() > _DECIMAL_BITS:
            return hex(value)
        case dict() | list() | bool() | int() | str() | None:
            return value
        case tuple():
            return list(value)
        case bytes():
            return value.hex()
        case float():  # JSON has no numbers that are not finite
            return value if isfinite(value) else str(value)
        case _:
            return str(value)


def _opened(value: dict[Any, Any] | list[Any], depth: int) -> _Open:
    """Return what stands within a value, each with what is to be written before it; its end."""
    if depth > _INDENTED:
        start, between, end = "", ", ", ""
    else:
        start, end = f"\n{'  ' * depth}", f"\n{'  ' * (depth - 1)}"
        between = f",{start}"
    return _items(value, start, between), f"{end}{'}' if isinstance(value, dict) else ']'}"


def _items(
    value: dict[Any, Any] | list[Any], start: str, between: str
) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{start}{json.dumps(str(key))}: ", item
            start = between
    else:
        for item in value:
            yield start, item
            start = between
