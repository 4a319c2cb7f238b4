"""Candid: types, values, and both their forms, usable without the rest of the sandbox.

>>> from sandbox import candid
>>> data = candid.encode('(record { owner = "alice"; amount = 5 : nat })')
>>> candid.decode(data, "(record { owner : text; amount : int })")
(RecordValue({'owner': 'alice', 'amount': 5}),)

How Candid values appear in Python is one table, in ``sandbox.candid.values``.
"""

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
    "subtype",
]
