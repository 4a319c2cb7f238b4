"""Type expressions: from tokens to ``types.Type``.

Only what stands in the text is read here; whether the names it uses exist, and mean
a function or service where they must, is ``scope``'s business. For that every use
of a name is noted with its place.
Source: Candid specification, "Core Grammar" and "Syntactic Shorthands".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from sandbox.candid.syntax.labels import Labels
from sandbox.candid.syntax.lexer import Kind, Token
from sandbox.candid.types import (
    Field,
    Func,
    Mode,
    Opt,
    Prim,
    Record,
    Ref,
    Service,
    Type,
    Variant,
    Vec,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.syntax.cursor import Cursor

# Comparing two types costs up to 8 of Python's 1,000 default stack frames a level.
# Interfaces in the wild nest to about 12 levels; recursion goes through names.
MAX_DEPTH: Final = 64

_PRIMITIVES: Final = {prim.value: prim for prim in Prim}
_MODES: Final = {mode.value: mode for mode in Mode}


class Role(Enum):
    """What a name must stand for at the place where it is used."""

    TYPE = "a type"
    METHOD = "a function type"
    SERVICE = "a service type"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a type name."""

    name: str
    token: Token
    role: Role


@dataclass(slots=True)
class TypeReader:
    """Reads types at a cursor and notes the names they use."""

    cursor: Cursor
    uses: list[Use] = field(default_factory=list)
    _depth: int = 0

    def expression(self) -> Type:
        """Read one type expression.

        Raises: CandidSyntaxError.
        """
        token = self.cursor.token
        if self._depth == MAX_DEPTH:
            raise self.cursor.error(token, f"types nest deeper than {MAX_DEPTH} levels: name some")
        self._depth += 1
        result = self._name() if token.kind is Kind.NAME else self._built(token)
        self._depth -= 1
        return result

    def arguments(self) -> tuple[Type, ...]:
        """Read ``(name : type, type, …)``; the names only document."""
        names: dict[str, Token] = {}
        self.cursor.open("types")
        return tuple(self.cursor.separated(lambda: self._argument(names), ",", ")"))

    def func(self) -> Func:
        """Read ``(types) -> (types) annotations``."""
        arguments = self.arguments()
        self.cursor.expect("->")
        token = self.cursor.token
        results = self.arguments()
        modes = self._modes()
        if Mode.ONEWAY in modes and results:
            raise self.cursor.error(token, "a oneway function has no results")
        return Func(arguments, results, modes)

    def service(self) -> Service:
        """Read ``{ name : function; … }``."""
        methods: dict[str, Func | Ref] = {}
        self.cursor.expect("{")
        self.cursor.separated(lambda: self._method(methods), ";", "}")
        return Service(tuple(sorted(methods.items())))

    def use(self, role: Role) -> Ref:
        """Read the name of a type that must be of this kind."""
        token = self.cursor.identifier(f"the name of {role.value}")
        self.uses.append(Use(token.text, token, role))
        return Ref(token.text)

    def _name(self) -> Type:
        primitive = _PRIMITIVES.get(self.cursor.token.text)
        if primitive is None:
            return self.use(Role.TYPE)
        self.cursor.take()
        return primitive

    def _built(self, token: Token) -> Type:
        reader = _READERS.get(token.text)
        if reader is None or token.kind is not Kind.KEYWORD:
            raise self.cursor.refuse("a type")
        self.cursor.take()
        return reader(self)

    def fields(self, item: Callable[[Labels], Field]) -> tuple[Field, ...]:
        """Read ``{ field; … }`` and put the fields in their canonical order."""
        labels = Labels(self.cursor)
        self.cursor.expect("{")
        fields = self.cursor.separated(lambda: item(labels), ";", "}")
        return tuple(sorted(fields, key=lambda field: field.id))

    def record_field(self, labels: Labels) -> Field:
        """Read ``label : type`` or ``type``, which is numbered after the field before it."""
        if not self.cursor.is_labelled(":"):
            return Field(labels.number(), None, self.expression())
        number, name = labels.read()
        self.cursor.expect(":")
        return Field(number, name, self.expression())

    def variant_field(self, labels: Labels) -> Field:
        """Read ``label : type`` or ``label``, whose type is null."""
        number, name = labels.read()
        return Field(number, name, self.expression() if self.cursor.accept(":") else Prim.NULL)

    def _argument(self, names: dict[str, Token]) -> Type:
        if self.cursor.is_labelled(":"):
            token = self.cursor.token
            name = self.cursor.name("a name or a type")
            if name in names:
                raise self.cursor.error(token, f"a second argument is named `{name}`")
            names[name] = token
            self.cursor.expect(":")
        return self.expression()

    def _modes(self) -> frozenset[Mode]:
        modes: set[Mode] = set()
        while self.cursor.at(*_MODES):
            token = self.cursor.take()
            if _MODES[token.text] in modes:
                raise self.cursor.error(token, f"`{token.text}` is written twice")
            modes.add(_MODES[token.text])
        return frozenset(modes)

    def _method(self, methods: dict[str, Func | Ref]) -> None:
        token = self.cursor.token
        name = self.cursor.name("a method name")
        if name in methods:
            raise self.cursor.error(token, f"a second method is named `{name}`")
        self.cursor.expect(":")
        if self.cursor.at("("):
            methods[name] = self.func()
        else:
            methods[name] = self.use(Role.METHOD)


_READERS: Final[dict[str, Callable[[TypeReader], Type]]] = {
    "opt": lambda reader: Opt(reader.expression()),
    "vec": lambda reader: Vec(reader.expression()),
    "blob": lambda _: Vec(Prim.NAT8),
    "null": lambda _: Prim.NULL,
    "principal": lambda _: Prim.PRINCIPAL,
    "record": lambda reader: Record(reader.fields(reader.record_field)),
    "variant": lambda reader: Variant(reader.fields(reader.variant_field)),
    "func": TypeReader.func,
    "service": TypeReader.service,
}
