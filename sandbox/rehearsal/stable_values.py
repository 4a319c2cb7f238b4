"""Motoko's stable variables as classical persistence writes them, read back.

Before an upgrade the runtime writes one record with all stable variables to stable memory:
its length in four bytes, then Candid, extended by an opcode for mutable things (``var``
fields and arrays), which stand there once and are referred to after that.
Source: caffeinelabs/motoko, ``rts/motoko-rts/src/idl.rs``, "Note [mutable stable values]".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from sandbox.candid.binary.leb128 import read_int, read_length, read_nat
from sandbox.candid.errors import CandidError
from sandbox.candid.types import field_hash
from sandbox.candid.values import Some, VariantValue
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_DEPTH: Final = 400
# Nulls and empty records take no bytes; honest data has few of them.
_VALUES_PER_BYTE: Final = 8
_NULL, _NAT, _INT, _TEXT, _RESERVED = -1, -3, -4, -15, -16
_OPT, _VEC, _RECORD, _VARIANT, _PRINCIPAL, _ALIAS = -18, -19, -20, -21, -24, 1
_FIXED: Final = {
    -2: "?", -5: "B", -6: "<H", -7: "<I", -8: "<Q",
    -9: "b", -10: "<h", -11: "<i", -12: "<q", -13: "<f", -14: "<d",
}  # fmt: skip
# What the runtime leaves free behind a mutable thing's tag, and a reference's offset.
_FIRST_SEEN_BYTES: Final = 8
_REFERENCE_BYTES: Final = 4


def stable_values(record: bytes, names: Iterable[str]) -> dict[str, Any] | None:
    """Return the stable variables by name; None when the bytes are not understood.

    record: without its length. names: of variables and fields; others stay numbers.
    """
    try:
        found = _Reader(record, {field_hash(name): name for name in names}).message()
    except (CandidError, IndexError, struct.error, UnicodeDecodeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class _Reader:
    """Reads one message; whatever it does not know raises."""

    def __init__(self, data: bytes, names: dict[int, str]) -> None:
        if not data.startswith(b"DIDL"):
            raise ValueError("no Candid")
        self._data = data
        self._names = names
        self._at = 4
        self._left = _VALUES_PER_BYTE * len(data)
        self._types: list[tuple[int, tuple[Any, ...]]] = []

    def message(self) -> Any:
        self._types = [self._type() for _ in range(self._length())]
        if self._length() != 1:
            raise ValueError("stable variables are one record")
        return self._value(self._int(), 0)

    def _type(self) -> tuple[int, tuple[Any, ...]]:
        opcode = self._int()
        if opcode in (_OPT, _VEC, _ALIAS):
            return opcode, (self._int(),)
        if opcode in (_RECORD, _VARIANT):
            fields = [(self._length(), self._int()) for _ in range(self._length())]
            return opcode, tuple((self._names.get(key, str(key)), part) for key, part in fields)
        raise ValueError(f"opcode {opcode}")

    def _value(self, type_: int, depth: int) -> Any:
        self._left -= 1
        if depth > _MOST_DEPTH or self._left < 0:
            raise ValueError("nested too deeply, or values of no bytes without end")
        if type_ < 0:
            return self._primitive(type_)
        opcode, parts = self._types[type_]
        match opcode:
            case _ if opcode == _OPT:
                return Some(self._value(parts[0], depth + 1)) if self._byte() else None
            case _ if opcode == _ALIAS:
                return self._mutable(parts[0], depth)
            case _ if opcode == _VEC:
                return self._list(parts[0], depth)
            case _ if opcode == _RECORD:
                return {key: self._value(part, depth + 1) for key, part in parts}
            case _:
                key, part = parts[self._length()]
                return VariantValue(key, self._value(part, depth + 1))

    def _list(self, item: int, depth: int) -> Any:
        count = self._length()
        if item == -5:
            return self._take(count)
        return [self._value(item, depth + 1) for _ in range(count)]

    def _mutable(self, content: int, depth: int) -> Any:
        if self._byte():
            self._take(_REFERENCE_BYTES)
            return "(seen before)"
        self._take(_FIRST_SEEN_BYTES)
        return self._value(content, depth + 1)

    def _primitive(self, type_: int) -> Any:
        if type_ in _FIXED:
            format_ = _FIXED[type_]
            return struct.unpack(format_, self._take(struct.calcsize(format_)))[0]
        if type_ in (_NULL, _RESERVED):
            return None
        if type_ == _TEXT:
            return self._take(self._length()).decode()
        if type_ in (_NAT, _INT):
            return self._nat() if type_ == _NAT else self._int()
        if type_ == _PRINCIPAL and self._byte():
            return Principal(self._take(self._length()))
        raise ValueError(f"type {type_}")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise IndexError
        self._at += count
        return found

    def _length(self) -> int:
        value, self._at = read_length(self._data, self._at)
        return value

    def _nat(self) -> int:
        value, self._at = read_nat(self._data, self._at)
        return value

    def _int(self) -> int:
        value, self._at = read_int(self._data, self._at)
        return value
