"""Values as they are written: from tokens to a tree without types.

A number may become a nat8 or a float, ``null`` an opt: what a value means depends on
the type expected, so here it is only read (``valuetyping`` decides). Every node keeps
its token, for errors. Reading nests without Python's stack.

Wider than the specification: ``inf``, ``-inf`` and ``NaN`` are floats, because didc
prints them so, and a variant may end with a semicolon.
Source: Candid specification, "Values".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from sandbox.candid.labels import Labels
from sandbox.candid.lexer import Kind, Token
from sandbox.candid.trampoline import Task, run
from sandbox.candid.types import Func, Prim, Service, Vec
from sandbox.candid.values import FuncRef, ServiceRef, Value
from sandbox.principal import Principal

if TYPE_CHECKING:
    from sandbox.candid.cursor import Cursor
    from sandbox.candid.types import Type
    from sandbox.candid.typesyntax import TypeReader

BLOB: Final = Vec(Prim.NAT8)
_ANY_SERVICE: Final = Service(())
_ANY_FUNC: Final = Func((), ())
_CONSTANTS: Final = {
    "null": (None, Prim.NULL),
    "true": (True, Prim.BOOL),
    "false": (False, Prim.BOOL),
}
_T = TypeVar("_T")
_NAMED_FLOATS: Final = {"inf": math.inf, "NaN": math.nan, "nan": math.nan}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value without parts, and the type it has where none is expected."""

    token: Token
    value: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Present:
    """``opt value``."""

    token: Token
    inner: Node


@dataclass(frozen=True, slots=True)
class Items:
    """``vec { value; … }``."""

    token: Token
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """``label = value`` in a record or variant."""

    id: int
    name: str | None
    node: Node


@dataclass(frozen=True, slots=True)
class Fields:
    """``record { … }``."""

    token: Token
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """``variant { label = value }``."""

    token: Token
    entry: Entry


@dataclass(frozen=True, slots=True)
class Annotated:
    """``value : type``."""

    token: Token
    inner: Node
    type: Type


Node: TypeAlias = Literal | Present | Items | Fields | Case | Annotated


_Reading: TypeAlias = Generator[Task[Node], Node, _T]


@dataclass(slots=True)
class ValueReader:
    """Reads values at a cursor; ``types`` notes the type names they use."""

    cursor: Cursor
    types: TypeReader

    def arguments(self) -> tuple[Node, ...]:
        """Read ``(value, …)``.

        Raises: CandidSyntaxError.
        """
        self.cursor.open("values")
        return tuple(self.cursor.separated(lambda: run(self._annotated()), ",", ")"))

    def _annotated(self) -> Task[Node]:
        token = self.cursor.token
        node = yield from self._operand()
        if self.cursor.accept(":"):
            return Annotated(token, node, self.types.expression())
        return node

    def _operand(self) -> _Reading[Node]:
        token = self.cursor.token
        literal = _literal(self.cursor, token)
        return literal or (yield self._built(token))

    def _built(self, token: Token) -> Task[Node]:
        if not self.cursor.at("opt", "vec", "record", "variant", "("):
            raise self.cursor.refuse("a value")
        node: Node
        match self.cursor.take().text:
            case "opt":
                node = Present(token, (yield from self._operand()))
            case "vec":
                node = Items(token, (yield from self._items()))
            case "record":
                node = Fields(token, (yield from self._entries()))
            case "variant":
                node = Case(token, (yield from self._case()))
            case _:
                node = yield self._annotated()
                self.cursor.expect(")")
        return node

    def _items(self) -> _Reading[tuple[Node, ...]]:
        self.cursor.expect("{")
        items: list[Node] = []
        while not self.cursor.accept("}"):
            items.append((yield self._annotated()))
            if self.cursor.expect(";", "}").text == "}":
                break
        return tuple(items)

    def _entries(self) -> _Reading[tuple[Entry, ...]]:
        self.cursor.expect("{")
        labels = Labels(self.cursor)
        entries: list[Entry] = []
        while not self.cursor.accept("}"):
            entries.append((yield from self._entry(labels)))
            if self.cursor.expect(";", "}").text == "}":
                break
        return tuple(entries)

    def _entry(self, labels: Labels) -> _Reading[Entry]:
        if not self.cursor.is_labelled("="):
            return Entry(labels.number(), None, (yield self._annotated()))
        number, name = labels.read()
        self.cursor.expect("=")
        return Entry(number, name, (yield self._annotated()))

    def _case(self) -> _Reading[Entry]:
        self.cursor.expect("{")
        token = self.cursor.token
        number, name = Labels(self.cursor).read()
        node: Node = Literal(token, None, Prim.NULL)
        if self.cursor.accept("="):
            node = yield self._annotated()
        self.cursor.accept(";")
        self.cursor.expect("}")
        return Entry(number, name, node)


def _literal(cursor: Cursor, token: Token) -> Literal | None:
    """Read a value without parts; None when something else stands here."""
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
