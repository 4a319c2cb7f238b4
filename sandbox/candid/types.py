"""Candid types as plain values, shared by every other module of the package.

A type is immutable and finite: recursion goes through ``Ref(name)``, which an
``Env`` resolves. Field order is canonical (ascending hash), as in the binary form.
Source: Candid specification, "Core Grammar" and "Field names".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from sandbox.candid.errors import CandidTypeError


class Prim(Enum):
    """The primitive types; the value is the keyword in the interface language."""

    NULL = "null"
    BOOL = "bool"
    NAT = "nat"
    INT = "int"
    NAT8 = "nat8"
    NAT16 = "nat16"
    NAT32 = "nat32"
    NAT64 = "nat64"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    TEXT = "text"
    RESERVED = "reserved"
    EMPTY = "empty"
    PRINCIPAL = "principal"


@dataclass(frozen=True, slots=True)
class Opt:
    """``opt inner``."""

    inner: Type


@dataclass(frozen=True, slots=True)
class Vec:
    """``vec inner``; ``blob`` is ``Vec(Prim.NAT8)``."""

    inner: Type


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record or variant.

    id: the 32-bit hash of the name, or the number itself.
    name: the name as written, None where only the number is known.
    """

    id: int
    name: str | None
    type: Type


@dataclass(frozen=True, slots=True)
class Record:
    """``record { … }``; fields ascending by id, ids unique."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """``variant { … }``; fields ascending by id, ids unique."""

    fields: tuple[Field, ...]


class Mode(Enum):
    """Function annotations."""

    QUERY = "query"
    ONEWAY = "oneway"
    COMPOSITE_QUERY = "composite_query"


@dataclass(frozen=True, slots=True)
class Func:
    """``func (args) -> (results) modes``."""

    args: tuple[Type, ...]
    results: tuple[Type, ...]
    modes: frozenset[Mode] = frozenset()


@dataclass(frozen=True, slots=True)
class Service:
    """``service { … }``; methods ascending by name, each a Func or a Ref to one."""

    methods: tuple[tuple[str, Func | Ref], ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A use of a named type; the surrounding ``Env`` says what it means."""

    name: str


# Any Candid type.
Type: TypeAlias = Prim | Opt | Vec | Record | Variant | Func | Service | Ref
# What the names in types mean.
Env: TypeAlias = Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class Interface:
    """A parsed ``.did`` file.

    env: every named type, imports included.
    service: the actor, None in a file of types only.
    init: the constructor's argument types, None for a plain ``service : { … }``.
    """

    env: Env
    service: Service | Ref | None
    init: tuple[Type, ...] | None


def field_hash(name: str) -> int:
    """Return the 32-bit id of a field name (specification: "Field names")."""
    result = 0
    for byte in name.encode():
        result = (result * 223 + byte) & 0xFFFFFFFF
    return result


def follow(ref: Ref, env: Env) -> tuple[str, Type] | None:
    """Follow a name to the last one; return that and the type proper it means.

    None for a cycle of names, which means nothing.

    Raises: CandidTypeError for a name that ``env`` does not have.
    """
    meaning: Type = ref
    passed: dict[str, None] = {}
    while isinstance(meaning, Ref):
        if meaning.name in passed:
            return None
        if meaning.name not in env:
            raise CandidTypeError(f"there is no type {meaning.name}")
        passed[meaning.name] = None
        meaning = env[meaning.name]
    return next(reversed(passed)), meaning


def unfold(of: Type, env: Env) -> Type | None:
    """Return what a type means once names are followed; None for a cycle of names.

    Raises: CandidTypeError for a name that ``env`` does not have.
    """
    if not isinstance(of, Ref):
        return of
    found = follow(of, env)
    return None if found is None else found[1]
