"""Values without parts as they are written: numbers, texts, blobs, references.

Each has the type it would have if none is expected. Wider than the specification:
``inf``, ``-inf`` and ``NaN`` are floats, because didc prints them so.
Source: Candid specification, "Values": ``<primval>`` and ``<refval>``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.candid.syntax.lexer import Kind, Token
from sandbox.candid.types import Func, Prim, Service, Vec
from sandbox.candid.values import FuncRef, ServiceRef, Value
from sandbox.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.types import Type

BLOB: Final = Vec(Prim.NAT8)
_ANY_SERVICE: Final = Service(())
_ANY_FUNC: Final = Func((), ())
_CONSTANTS: Final = {
    "null": (None, Prim.NULL),
    "true": (True, Prim.BOOL),
    "false": (False, Prim.BOOL),
}
_NAMED_FLOATS: Final = {"inf": math.inf, "NaN": math.nan, "nan": math.nan}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value without parts, and the type it has where none is expected."""

    token: Token
    value: Value
    type: Type


def read_literal(cursor: Cursor) -> Literal | None:
    """Read a value without parts; None when something else stands here.

    Raises: CandidSyntaxError.
    """
    token = cursor.token
    if token.kind is Kind.TEXT:
        return Literal(token, cursor.text(), Prim.TEXT)
    if token.kind is Kind.KEYWORD:
        return _keyword(cursor, token)
    if token.text in ("+", "-"):
        cursor.take()
        return _number(cursor, token, -1 if token.text == "-" else 1)
    if token.kind in (Kind.NATURAL, Kind.FLOAT) or token.text in _NAMED_FLOATS:
        return _number(cursor, token, 1)
    return None


def _keyword(cursor: Cursor, token: Token) -> Literal | None:
    if token.text in _CONSTANTS:
        cursor.take()
        value, of = _CONSTANTS[token.text]
        return Literal(token, value, of)
    reader = _REFERENCES.get(token.text)
    if reader is None:
        return None
    cursor.take()
    return reader(cursor, token)


def _blob(cursor: Cursor, token: Token) -> Literal:
    return Literal(token, cursor.data("the bytes of the blob in quotes"), BLOB)


def _func(cursor: Cursor, token: Token) -> Literal:
    principal = _id(cursor)
    cursor.expect(".")
    return Literal(token, FuncRef(principal, cursor.name("a method name")), _ANY_FUNC)


def _id(cursor: Cursor) -> Principal:
    token = cursor.token
    text = cursor.text("a principal in quotes")
    try:
        return Principal(text)
    except ValueError as error:
        raise cursor.error(token, str(error)) from error


_REFERENCES: Final[dict[str, Callable[[Cursor, Token], Literal]]] = {
    "blob": _blob,
    "principal": lambda cursor, token: Literal(token, _id(cursor), Prim.PRINCIPAL),
    "service": lambda cursor, token: Literal(token, ServiceRef(_id(cursor)), _ANY_SERVICE),
    "func": _func,
}


def _number(cursor: Cursor, token: Token, sign: int) -> Literal:
    digits = cursor.token
    if digits.kind is Kind.NATURAL:
        return Literal(token, sign * cursor.natural(), Prim.INT)
    if digits.text in _NAMED_FLOATS:
        cursor.take()
        return Literal(token, sign * _NAMED_FLOATS[digits.text], Prim.FLOAT64)
    if digits.kind is not Kind.FLOAT:
        raise cursor.refuse("a number")
    cursor.take()
    value = _float(digits.text.replace("_", ""))
    if math.isinf(value):
        raise cursor.error(digits, f"`{digits.text}` is too large for a float64")
    return Literal(token, sign * value, Prim.FLOAT64)


def _float(digits: str) -> float:
    if digits[1:2] not in ("x", "X"):
        return float(digits)
    try:
        return float.fromhex(digits)
    except OverflowError:
        return math.inf
