"""Candid: types, values, and both their forms, usable without the rest of the sandbox.

>>> from sandbox import candid
>>> data = candid.encode('(record { owner = "alice"; amount = 5 : nat })')
>>> candid.decode(data, "(record { owner : text; amount : int })")
(RecordValue({'owner': 'alice', 'amount': 5}),)

How Candid values appear in Python is one table, in ``sandbox.candid.values``.

The vocabulary is ``types``, ``values`` and ``errors``; on it stand, each using only what
is above it here:

``graph``        types as graphs; on them ``subtyping``, and ``compat``, which explains it
``binary``       the binary format, by generated code
``syntax``       tokens and layout, common to the next two
``language``     the interface language: types and ``.did`` files
``text``         the textual format of values
``codec``        the public ``encode`` and ``decode``, from Python values or from text
``stubs``        Python types generated from an interface
``conformance``  the specification's own tests
``strategies``   types and values for Hypothesis

``trampoline`` (recursion without the stack), ``place`` (where a value stands) and
``mapping`` (Python forms that depend on context) serve them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.candid.binary.limits import Limits
    from sandbox.candid.codec import Codec, decode, encode
    from sandbox.candid.compat import Finding, Severity, compare
    from sandbox.candid.errors import (
        CandidDecodeError,
        CandidEncodeError,
        CandidError,
        CandidSyntaxError,
        CandidTypeError,
    )
    from sandbox.candid.language.files import load_interface
    from sandbox.candid.language.grammar import parse_interface, parse_type, parse_types
    from sandbox.candid.language.pretty import format_interface, format_type
    from sandbox.candid.stubs.module import generate_stub
    from sandbox.candid.subtyping import subtype
    from sandbox.candid.text.message import format_message
    from sandbox.candid.text.values import format_values, parse_values
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

# Loaded when a name is first used: most processes need a part of it only.
_HOMES = {
    "CandidDecodeError": "errors",
    "CandidEncodeError": "errors",
    "CandidError": "errors",
    "CandidSyntaxError": "errors",
    "CandidTypeError": "errors",
    "Codec": "codec",
    "Env": "types",
    "Field": "types",
    "Finding": "compat",
    "Func": "types",
    "FuncRef": "values",
    "Interface": "types",
    "Limits": "binary.limits",
    "Mode": "types",
    "Opt": "types",
    "Prim": "types",
    "Record": "types",
    "RecordValue": "values",
    "Ref": "types",
    "Service": "types",
    "ServiceRef": "values",
    "Severity": "compat",
    "Some": "values",
    "Type": "types",
    "Variant": "types",
    "VariantValue": "values",
    "Vec": "types",
    "compare": "compat",
    "decode": "codec",
    "encode": "codec",
    "field_hash": "types",
    "format_interface": "language.pretty",
    "format_message": "text.message",
    "format_type": "language.pretty",
    "format_values": "text.values",
    "generate_stub": "stubs.module",
    "load_interface": "language.files",
    "parse_interface": "language.grammar",
    "parse_type": "language.grammar",
    "parse_types": "language.grammar",
    "parse_values": "text.values",
    "subtype": "subtyping",
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
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox.candid' has no attribute {name!r}")
    return getattr(import_module(f"sandbox.candid.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
