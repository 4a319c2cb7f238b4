"""Candid types and interfaces from text: the public face of the interface language.

Nothing here reads a file: whoever has imports says how a path becomes a text
(``resolve``), or uses ``files.load_interface``. What comes out is checked: names
exist, recursion is productive, fields and methods are unique.
Source: Candid specification, "Core Grammar".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.candid.language.imports import Loader
from sandbox.candid.language.program import read_definitions
from sandbox.candid.language.scope import check_names
from sandbox.candid.language.type_parser import TypeReader
from sandbox.candid.syntax.cursor import Cursor
from sandbox.candid.types import Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.types import Env, Type


def parse_type(text: str, *, env: Env | None = None) -> Type:
    """Read one type, for example ``opt record { owner : principal }``.

    env: what the names in it mean.

    Raises: CandidSyntaxError.
    """
    cursor = Cursor(text)
    reader = TypeReader(cursor)
    result = reader.expression()
    cursor.end()
    check_names(cursor, {}, reader.uses, env or {})
    return result


def parse_types(text: str, *, env: Env | None = None) -> tuple[tuple[Type, ...], Env]:
    """Read an argument list, for example ``(nat, record { a : text })``.

    Definitions may stand before it: ``type list = opt node; … (list)``.
    env: what other names mean; it is part of the result.

    Raises: CandidSyntaxError.
    """
    cursor = Cursor(text)
    reader = TypeReader(cursor)
    definitions, imports = read_definitions(reader)
    if imports:
        raise cursor.error(imports[0].token, "an argument list cannot import")
    types = reader.arguments()
    cursor.end()
    whole = {**(env or {}), **{name: of for name, (_, of) in definitions.items()}}
    check_names(cursor, {name: at for name, (at, _) in definitions.items()}, reader.uses, whole)
    return types, whole


def parse_interface(text: str, *, resolve: Callable[[str], str] | None = None) -> Interface:
    """Read a whole ``.did`` text.

    resolve: gives the text of an imported file. Its path is as written for imports of
        this text; for imports of an imported file it is joined to that file's folder
        (``import/a.did`` importing ``b/b.did`` asks for ``import/b/b.did``). An
        ``OSError`` or ``LookupError`` it raises is reported at the import.

    Raises: CandidSyntaxError, for an imported file with that file's name.
    """
    file = Loader(resolve).load("", text)
    return Interface(file.env, file.service, file.init)
