"""Python values brought into the form the encoder writes; what fits is in ``values``.

Generated encoders take the usual types directly and come here for everything else:
other integers, buffers, dataclasses, dicts with missing fields. Each function
returns the usual form or raises ``Unfit``; ``explain`` adds where and what.
"""

from __future__ import annotations

import operator
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.binary.leb128 import put_nat
from sandbox.candid.types import field_hash
from sandbox.candid.values import FuncRef, ServiceRef, Value, VariantValue
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.candid.graph.nodes import Node
    from sandbox.candid.values import Label

_SHOWN_NAMES: Final = 8
# Native codes of memoryview by what they hold; sizes differ between platforms.
_CODE_FAMILIES: Final = ("BHILQN", "bhilqn", "fd")


class Unfit(Exception):
    """The value does not fit; the text says why where that is not plain."""


def as_int(value: Value) -> int:
    """Return an integer; a bool is none, though Python thinks so."""
    if isinstance(value, bool):
        raise Unfit
    try:
        return operator.index(value)
    except TypeError:
        raise Unfit from None


def as_float(value: Value) -> float:
    """Return a float; integers are fine, text is not."""
    if isinstance(value, bool | str | bytes):
        raise Unfit
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Unfit from None


def as_principal(value: Value) -> Principal:
    """Return a principal, also from its text or from a reference to a service."""
    if isinstance(value, Principal):
        return value
    if isinstance(value, ServiceRef):
        return value.principal
    if not isinstance(value, str):
        raise Unfit
    try:
        return Principal(value)
    except ValueError as error:
        raise Unfit(str(error)) from None


def as_func(value: Value) -> tuple[Principal, str]:
    """Return the principal and method name of a function reference."""
    match value:
        case FuncRef(principal, method) | (principal, str(method)):
            return as_principal(principal), method
    raise Unfit


def as_list(value: Value) -> Sequence[Value]:
    """Return a sequence of all elements."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise Unfit
    return list(value)


def as_blob(value: Value) -> bytes:
    """Return bytes, also from a buffer or from integers."""
    if isinstance(value, str | int):
        raise Unfit
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    view = _view(value)
    if view is not None and view.itemsize == 1 and view.format != "?":
        return view.tobytes()
    return bytes(map(as_int, as_list(value)))


def put_numbers(out: bytearray, values: Value, letter: str) -> None:
    """Append a vector of numbers of fixed size; ``letter`` is their struct format."""
    view = None if type(values) is list else _view(values)
    if view is not None and _same_items(view, letter):
        put_nat(out, len(view))
        out += view.tobytes()
        return
    usual, convert = (float, as_float) if letter in "fd" else (int, as_int)
    numbers = as_list(values if view is None else view.tolist())
    if not {usual}.issuperset(map(type, numbers)):
        numbers = [convert(number) for number in numbers]
    put_nat(out, len(numbers))
    out += struct.pack(f"<{len(numbers)}{letter}", *numbers)


def _view(value: Value) -> memoryview | None:
    try:
        view = memoryview(value)
    except TypeError:
        return None
    if view.ndim != 1:
        raise Unfit(f"the buffer has {view.ndim} dimensions")
    return view


def _same_items(view: memoryview, letter: str) -> bool:
    """Return whether the buffer's items are laid out as in the message."""
    family = next(family for family in _CODE_FAMILIES if letter in family)
    is_same = view.format in family and view.itemsize == struct.calcsize(f"<{letter}")
    return is_same and (sys.byteorder == "little" or view.itemsize == 1)


@dataclass(frozen=True, slots=True)
class Members:
    """The fields of a record type, or the cases of a variant type, by all their names.

    keys: what Python calls them, in order.
    omissible: which of them may be left out.
    """

    keys: tuple[Label, ...]
    positions: Mapping[Label, int]
    omissible: tuple[bool, ...]

    @classmethod
    def of(cls, node: Node, omissible: Iterable[bool]) -> Members:
        """Return the members of a record or variant node."""
        positions: dict[Label, int] = {key: number for number, key in enumerate(node.ids)}
        positions |= {key: number for number, key in enumerate(node.keys)}
        return cls(node.keys, positions, tuple(omissible))

    def position(self, label: Value) -> int:
        """Return which member a name or id means; a name may stand for an unnamed id."""
        found = self.positions.get(label) if isinstance(label, str | int) else None
        if found is None and isinstance(label, str):
            found = self.positions.get(field_hash(label))
        if found is None:
            raise Unfit(f"there is no {label!r}{self._near(label)}")
        return found

    def values(self, given: Value) -> list[Value]:
        """Return a record's fields in order, null where one may be left out and is.

        given: a mapping, a dataclass instance or, for the leading fields, a sequence.
        """
        found: list[Any] = [_ABSENT] * len(self.keys)
        for label, value in self._items(given):
            position = self.position(label)
            if found[position] is not _ABSENT:
                raise Unfit(f"{label!r} is given twice, by name and by id")
            found[position] = value
        missing = [
            key
            for key, value, may_lack in zip(self.keys, found, self.omissible, strict=True)
            if value is _ABSENT and not may_lack
        ]
        if missing:
            raise Unfit(f"missing {', '.join(map(repr, missing[:_SHOWN_NAMES]))}")
        return [None if value is _ABSENT else value for value in found]

    def _items(self, given: Value) -> Iterable[tuple[Label, Value]]:
        if isinstance(given, Mapping):
            return given.items()
        if is_dataclass(given) and not isinstance(given, type):
            return [(field.name, getattr(given, field.name)) for field in fields(given)]
        is_tuple_type = self.keys == tuple(range(len(self.keys)))
        if isinstance(given, list | tuple) and is_tuple_type:
            return enumerate(given)
        raise Unfit

    def _near(self, label: Value) -> str:
        from difflib import get_close_matches

        names = {str(key).lower(): str(key) for key in self.keys}
        near = get_close_matches(str(label).lower(), names, n=1) or list(names)[:_SHOWN_NAMES]
        return f"; did you mean {' or '.join(repr(names[name]) for name in near)}?" if near else ""


_ABSENT: Final = object()


def as_variant(value: Value) -> tuple[Value, Value]:
    """Return tag and payload of a variant value."""
    if isinstance(value, VariantValue):
        return value.tag, value.value
    if isinstance(value, Mapping) and len(value) == 1:
        return next(iter(value.items()))
    if isinstance(value, str):
        return value, None
    raise Unfit
