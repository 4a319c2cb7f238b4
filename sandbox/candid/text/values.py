"""Candid values as text, both ways: what dfx and didc take and print.

``parse_values`` reads ``(record { owner = principal "aaaaa-aa" }, 5 : nat64)``,
``format_values`` writes it; what is written reads back as the same values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.candid.language.pretty import format_types
from sandbox.candid.language.scope import check_names
from sandbox.candid.language.type_parser import TypeReader
from sandbox.candid.mapping import is_omissible
from sandbox.candid.syntax.cursor import Cursor
from sandbox.candid.syntax.layout import enclose, render
from sandbox.candid.text.inference import TypeInferrer
from sandbox.candid.text.literal_typer import LiteralTyper, shown_type
from sandbox.candid.text.parser import Node, ValueReader
from sandbox.candid.text.printer import ValuePrinter
from sandbox.candid.text.typer import ValueTyper
from sandbox.candid.trampoline import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.candid.types import Env, Type
    from sandbox.candid.values import Value

_WIDTH: Final = 80


def parse_values(
    text: str, types: Sequence[Type] | None = None, env: Env | None = None
) -> tuple[tuple[Value, ...], tuple[Type, ...]]:
    """Read an argument list; return its values (see ``values``) and their types.

    types: what is expected; without it types are inferred, a plain number as int.
    env: what type names mean, in ``types`` and in annotations within the text.

    Raises: CandidSyntaxError at the word that is wrong or does not fit.
    """
    env = env or {}
    cursor = Cursor(text)
    reader = ValueReader(cursor, TypeReader(cursor))
    nodes = reader.arguments()
    cursor.end()
    check_names(cursor, {}, reader.types.uses, env)
    if types is None:
        types = [TypeInferrer(cursor).type(node) for node in nodes]
    _check_count(cursor, nodes, types, env)
    typer = ValueTyper(cursor, env, LiteralTyper(cursor, env))
    values = [run(typer.value(node, of)) for node, of in zip(nodes, types, strict=False)]
    missing = [None] * (len(types) - len(nodes))
    return (*values, *missing), tuple(types)


def format_values(
    values: Sequence[Value], types: Sequence[Type], env: Env, *, width: int = _WIDTH
) -> str:
    """Write an argument list, wrapped and indented as didc does.

    Where didc gives up wrapping (vectors of more than ten items) this one goes on;
    like didc it stays on one line below ten levels of nesting.

    Raises: CandidEncodeError for a value that is not of its type.
    """
    printer = ValuePrinter(env)
    return render(enclose("(", printer.arguments(values, types), ",", ")"), width)


def _check_count(cursor: Cursor, nodes: Sequence[Node], types: Sequence[Type], env: Env) -> None:
    if len(nodes) > len(types):
        reason = f"one value too many for {format_types(types)}"
        raise cursor.error(nodes[len(types)].token, reason)
    for of in types[len(nodes) :]:
        if not is_omissible(of, env):
            raise cursor.error(cursor.token, f"a value for {shown_type(of)} is missing")
