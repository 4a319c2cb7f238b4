"""As much of CBOR as certificates are made of.

Unsigned numbers, bytes, text, arrays, and maps with text as keys, each key once, all of
definite length, behind the tag that says "this is CBOR".
Source: RFC 8949; IC interface specification.
"""

from __future__ import annotations

from typing import Final

Item = int | bytes | str | list["Item"] | dict[str, "Item"]

_SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"
# Deeper than any witness; Python's own recursion stays far below its limit.
_MOST_DEPTH: Final = 400
_NUMBER, _BYTES, _TEXT, _ARRAY, _MAP = 0, 2, 3, 4, 5


class CborMalformed(ValueError):
    """The bytes are no CBOR, or use what certificates do not."""


def encode(item: Item) -> bytes:
    """Return an item's bytes, the tag before them."""
    return _SELF_DESCRIBED + _encoded(item)


def decode(data: bytes) -> Item:
    """Return the one item that these bytes are, with or without the tag.

    Raises: CborMalformed.
    """
    try:
        item, end = _item(data, 3 if data.startswith(_SELF_DESCRIBED) else 0, 0)
    except (IndexError, UnicodeDecodeError) as error:
        raise CborMalformed(f"CBOR ends early or is no text: {error}") from error
    if end != len(data):
        raise CborMalformed(f"{len(data) - end} bytes follow the item")
    return item


def _encoded(item: Item) -> bytes:
    match item:
        case int():
            return _head(_NUMBER, item)
        case bytes():
            return _head(_BYTES, len(item)) + item
        case str():
            text = item.encode()
            return _head(_TEXT, len(text)) + text
        case list():
            return _head(_ARRAY, len(item)) + b"".join(map(_encoded, item))
        case dict():
            pairs = (_encoded(key) + _encoded(value) for key, value in item.items())
            return _head(_MAP, len(item)) + b"".join(pairs)


def _head(kind: int, value: int) -> bytes:
    if value < 24:
        return bytes([kind << 5 | value])
    power = next(n for n in range(4) if value < 1 << (8 << n))
    return bytes([kind << 5 | 24 + power]) + value.to_bytes(1 << power, "big")


def _item(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    if depth > _MOST_DEPTH:
        raise CborMalformed("nested too deeply")
    kind, value, at = data[at] >> 5, data[at] & 31, at + 1
    if value >= 28:
        raise CborMalformed("a length that is not definite")
    if value >= 24:
        width = 1 << (value - 24)
        value, at = int.from_bytes(_part(data, at, width), "big"), at + width
    if kind == _NUMBER:
        return value, at
    if kind in (_BYTES, _TEXT):
        part = _part(data, at, value)
        return (part if kind == _BYTES else part.decode()), at + value
    if kind == _ARRAY:
        items = []
        for _ in range(value):
            item, at = _item(data, at, depth + 1)
            items.append(item)
        return items, at
    if kind != _MAP:
        raise CborMalformed(f"an item of major type {kind}")
    pairs: dict[str, Item] = {}
    for _ in range(value):
        key, at = _item(data, at, depth + 1)
        if not isinstance(key, str):
            raise CborMalformed(f"a key that is no text: {key!r:.40}")
        if key in pairs:
            raise CborMalformed(f"the key {key!r:.40} twice")
        pairs[key], at = _item(data, at, depth + 1)
    return pairs, at


def _part(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise IndexError(f"{length} bytes at {at}")
    return data[at : at + length]
