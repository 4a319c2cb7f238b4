"""Candid: types, values, and both their forms, usable without the rest of the sandbox.

>>> from sandbox import candid
>>> data = candid.encode('(record { owner = "alice"; amount = 5 : nat })')
>>> candid.decode(data, "(record { owner : text; amount : int })")
(RecordValue({'owner': 'alice', 'amount': 5}),)

How Candid values appear in Python is one table, in ``sandbox.candid.values``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sandbox.candid.codec import Codec, decode, encode
from sandbox.candid.compat import Finding, Severity, compare
from sandbox.candid.errors import (
    CandidDecodeError,
    CandidEncodeError,
    CandidError,
    CandidSyntaxError,
    CandidTypeError,
)
from sandbox.candid.limits import Limits
from sandbox.candid.subtype import subtype
from sandbox.candid.types import (
    Env,
    Field,
    Func,
    Interface,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Type,
    Variant,
    Vec,
    field_hash,
)
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, VariantValue

if TYPE_CHECKING:
    from sandbox.candid.files import load_interface
    from sandbox.candid.grammar import parse_interface, parse_type, parse_types
    from sandbox.candid.messagetext import format_message
    from sandbox.candid.pretty import format_interface, format_type
    from sandbox.candid.stubs import generate_stub
    from sandbox.candid.text import format_values, parse_values

# The language side is loaded when its first name is used: calls on bytes do without it.
_LANGUAGE = {
    "format_interface": "pretty",
    "format_message": "messagetext",
    "format_type": "pretty",
    "format_values": "text",
    "generate_stub": "stubs",
    "load_interface": "files",
    "parse_interface": "grammar",
    "parse_type": "grammar",
    "parse_types": "grammar",
    "parse_values": "text",
}

__all__ = [
    "CandidDecodeError",
    "CandidEncodeError",
    "CandidError",
    "CandidSyntaxError",
    "CandidTypeError",
    "Codec",
    "Env",
    "Field",
    "Finding",
    "Func",
    "FuncRef",
    "Interface",
    "Limits",
    "Mode",
    "Opt",
    "Prim",
    "Record",
    "RecordValue",
    "Ref",
    "Service",
    "ServiceRef",
    "Severity",
    "Some",
    "Type",
    "Variant",
    "VariantValue",
    "Vec",
    "compare",
    "decode",
    "encode",
    "field_hash",
    "format_interface",
    "format_message",
    "format_type",
    "format_values",
    "generate_stub",
    "load_interface",
    "parse_interface",
    "parse_type",
    "parse_types",
    "parse_values",
    "subtype",
]


def __getattr__(name: str) -> object:
    if name not in _LANGUAGE:
        raise AttributeError(f"module 'sandbox.candid' has no attribute {name!r}")
    return getattr(import_module(f"sandbox.candid.{_LANGUAGE[name]}"), name)
