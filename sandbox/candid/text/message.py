"""Messages as text when nobody says what they should be: printed at their own types.

The binary form carries types but no names, so fields print as numbers unless their
names are among those given. A value of a type this version does not know prints as
``null : reserved``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.candid.binary.decoder import UntypedDecoder
from sandbox.candid.binary.limits import DEFAULT_LIMITS, Limits
from sandbox.candid.binary.typetable import read_header
from sandbox.candid.graph.nodes import PRIMITIVES, Con, Node
from sandbox.candid.text.values import format_values
from sandbox.candid.types import (
    Field,
    Func,
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WIDTH: Final = 80


def format_message(
    data: bytes,
    *,
    names: Iterable[str] = (),
    width: int = _WIDTH,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """Write a message's values as text, for example ``(record { 97 = 5 : nat })``.

    names: field and tag names to put in place of their ids.

    Raises: CandidDecodeError.
    """
    known = tuple(names)
    graph = read_header(data, limits).graph
    hashes = {field_hash(name): name for name in known}
    env = {f"t{index}": _type(node, hashes) for index, node in enumerate(graph.nodes)}
    types = [Ref(f"t{root}") for root in graph.roots]
    return format_values(UntypedDecoder(known, limits).decode(data), types, env, width=width)


def _type(node: Node, names: Mapping[int, str]) -> Type:
    """Return a node as a type in which every part is a reference."""
    if isinstance(node.kind, Prim):
        return node.kind
    targets: list[Type] = [_part(target) for target in node.targets]
    result: Type = Prim.RESERVED
    match node.kind:
        case Con.OPT:
            result = Opt(targets[0])
        case Con.VEC:
            result = Vec(targets[0])
        case Con.RECORD:
            result = Record(_fields(node, targets, names))
        case Con.VARIANT:
            result = Variant(_fields(node, targets, names))
        case Con.FUNC:
            result = Func((), ())
        case Con.SERVICE:
            result = Service(())
    return result


def _part(index: int) -> Type:
    if index < len(PRIMITIVES):
        kind = PRIMITIVES[index].kind
        assert isinstance(kind, Prim)
        return kind
    return Ref(f"t{index}")


def _fields(node: Node, targets: list[Type], names: Mapping[int, str]) -> tuple[Field, ...]:
    return tuple(
        Field(number, names.get(number), target)
        for number, target in zip(node.ids, targets, strict=True)
    )
