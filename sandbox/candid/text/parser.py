"""Values as they are written: from tokens to a tree without types.

A number may become a nat8 or a float, ``null`` an opt: what a value means depends on
the type expected, so here it is only read (``typer`` decides). Every node keeps
its token, for errors. Reading nests without Python's stack.

Wider than the specification: a variant may end with a semicolon.
Source: Candid specification, "Values".
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from sandbox.candid.syntax.labels import Labels
from sandbox.candid.text.literals import Literal, read_literal
from sandbox.candid.trampoline import Task, run
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from sandbox.candid.language.type_parser import TypeReader
    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.syntax.lexer import Token
    from sandbox.candid.types import Type

_T = TypeVar("_T")


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
        literal = read_literal(self.cursor)
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
