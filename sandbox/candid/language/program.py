"""One ``.did`` text as it is written: definitions, imports and the service.

The reader stays within one text; ``imports`` puts several together.
Source: Candid specification, "Core Grammar": ``<prog>``, ``<def>`` and ``<actor>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.candid.language.type_parser import Role, TypeReader, Use
from sandbox.candid.types import Prim, Ref, Service

if TYPE_CHECKING:
    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.syntax.lexer import Token
    from sandbox.candid.types import Type

_PRIMITIVES: Final = frozenset(prim.value for prim in Prim)


@dataclass(frozen=True, slots=True)
class Import:
    """``import "path"`` or ``import service "path"``."""

    token: Token
    path: str
    has_service: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """``service : (init) -> …``; init is None for a plain ``service : …``."""

    token: Token
    init: tuple[Type, ...] | None
    service: Service | Ref


@dataclass(frozen=True, slots=True)
class Program:
    """Everything one text says; ``definitions`` keeps the place of each name."""

    definitions: dict[str, tuple[Token, Type]]
    imports: tuple[Import, ...]
    actor: Actor | None
    uses: tuple[Use, ...]


def read_program(cursor: Cursor) -> Program:
    """Read a whole text.

    Raises: CandidSyntaxError.
    """
    reader = TypeReader(cursor)
    definitions, imports = read_definitions(reader)
    actor = _actor(reader) if cursor.at("service") else None
    cursor.end()
    return Program(definitions, imports, actor, tuple(reader.uses))


def read_definitions(
    reader: TypeReader,
) -> tuple[dict[str, tuple[Token, Type]], tuple[Import, ...]]:
    """Read what may stand before a service, an argument list or a list of tests."""
    cursor = reader.cursor
    definitions: dict[str, tuple[Token, Type]] = {}
    imports: list[Import] = []
    while cursor.at("type", "import"):
        if cursor.at("type"):
            _define(reader, definitions)
        else:
            imports.append(_import(cursor))
        if not cursor.accept(";"):
            break
    return definitions, tuple(imports)


def _define(reader: TypeReader, definitions: dict[str, tuple[Token, Type]]) -> None:
    cursor = reader.cursor
    cursor.expect("type")
    token = cursor.identifier("a name for the type")
    if token.text in _PRIMITIVES:
        raise cursor.error(token, f"`{token.text}` is a primitive type and stays what it is")
    if token.text in definitions:
        raise cursor.error(token, f"a second type is named `{token.text}`")
    cursor.expect("=")
    definitions[token.text] = (token, reader.expression())


def _import(cursor: Cursor) -> Import:
    cursor.expect("import")
    has_service = cursor.accept("service")
    token = cursor.token
    return Import(token, cursor.text("`service` or a path in quotes"), has_service)


def _actor(reader: TypeReader) -> Actor:
    cursor = reader.cursor
    token = cursor.expect("service")
    if not cursor.at(":"):
        cursor.identifier("`:` or a name for the service")
    cursor.expect(":")
    init = None
    if cursor.at("("):
        init = reader.arguments()
        cursor.expect("->")
    service = reader.service() if cursor.at("{") else reader.use(Role.SERVICE)
    cursor.accept(";")
    return Actor(token, init, service)
