"""Records to JSON and back: every value tagged with what it is, only known classes read.

``encode`` takes what worlds are made of: numbers, text, bytes, principals, enums, tuples,
lists, mappings, sets, Candid values and the record classes named in ``known``. ``decode``
makes nothing but those, so a hostile file can at most be refused.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, VariantValue
from sandbox.errors import UsageError
from sandbox.principal import Principal

Known = Mapping[str, type]
_PLAIN: Final = (bool, int, str, float, type(None))
_CANDID: Final = (FuncRef, ServiceRef, Some)


def known_classes(*classes: type) -> Known:
    """Return the registry that ``decode`` needs."""
    return MappingProxyType({item.__name__: item for item in (*classes, *_CANDID)})


def encode(value: Any, known: Known) -> Any:
    """Return a value as JSON can hold it. Requires: made of known classes."""
    match value:
        case Enum():
            return {"enum": type(value).__name__, "value": encode(value.value, known)}
        case bool() | int() | str() | float() | None:
            return value
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case Principal():
            return {"principal": str(value)}
        case VariantValue():
            return {"variant": value.tag, "value": encode(value.value, known)}
        case RecordValue():
            return {"record": _pairs(value, known)}
        case tuple():
            return {"tuple": [encode(item, known) for item in value]}
        case list():
            return [encode(item, known) for item in value]
        case set() | frozenset():
            return {"set": [encode(item, known) for item in sorted(value)]}
        case Mapping():
            return {"map": _pairs(value, known)}
        case _:
            return _encode_record(value, known)


def decode(data: Any, known: Known) -> Any:
    """Return the value that ``encode`` was given.

    Raises: UsageError for anything that ``encode`` does not write.
    """
    if isinstance(data, _PLAIN):
        return data
    if isinstance(data, list):
        return [decode(item, known) for item in data]
    if not isinstance(data, dict) or not data:
        raise UsageError(f"not a value of a saved world: {data!r:.80}")
    try:
        return _decode_tagged(data, known)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"not a value of a saved world: {data!r:.80} ({error})") from error


def _decode_tagged(data: dict[str, Any], known: Known) -> Any:
    tag, content = next(iter(data.items()))
    match tag:
        case "bytes":
            return base64.b64decode(content, validate=True)
        case "principal":
            return Principal(_text(content))
        case "tuple":
            return tuple(decode(item, known) for item in content)
        case "set":
            return frozenset(decode(item, known) for item in content)
        case "map":
            return {decode(key, known): decode(value, known) for key, value in content}
        case "record":
            return RecordValue((decode(k, known), decode(v, known)) for k, v in content)
        case "variant":
            return VariantValue(content, decode(data["value"], known))
        case "enum":
            return _known(content, known, Enum)(decode(data["value"], known))
        case _:
            values = {name: decode(value, known) for name, value in content.items()}
            return _known(tag, known, object)(**values)


def _text(content: object) -> str:
    """Refuse what is no text: a number would be taken for a length, and allocated."""
    if not isinstance(content, str):
        raise TypeError(f"{content!r:.40} is no text")
    return content


def _known(name: str, known: Known, kind: type) -> type:
    """Return the class of an enum, or of a record."""
    found = known[name]
    if issubclass(found, Enum) != (kind is Enum):
        raise TypeError(f"{name} is not what it is taken for")
    return found


def _encode_record(value: Any, known: Known) -> Any:
    name = type(value).__name__
    assert is_dataclass(value), f"{name} is no record"
    assert name in known, f"{name} is not registered"
    return {name: {item.name: encode(getattr(value, item.name), known) for item in fields(value)}}


def _pairs(mapping: Mapping[Any, Any], known: Known) -> list[list[Any]]:
    return [[encode(key, known), encode(value, known)] for key, value in mapping.items()]
