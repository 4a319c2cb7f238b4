"""Numbers, texts and other values without parts, at the type that is expected.

A number is the only one with a choice: it becomes whichever number type is expected,
if it is in its range. A service may stand where a principal is expected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.candid.language.pretty import format_type
from sandbox.candid.syntax import spelling
from sandbox.candid.text.literals import BLOB, Literal
from sandbox.candid.text.parser import Case, Fields, Items, Present
from sandbox.candid.types import Func, Opt, Prim, Service, Vec, unfold

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.candid.errors import CandidSyntaxError
    from sandbox.candid.syntax.cursor import Cursor
    from sandbox.candid.text.parser import Node
    from sandbox.candid.types import Env, Type
    from sandbox.candid.values import Value

_BITS: Final = (8, 16, 32, 64)
_RANGES: Final[dict[Type, tuple[float, float]]] = {
    Prim.NAT: (0, math.inf),
    Prim.INT: (-math.inf, math.inf),
    **{Prim(f"nat{bits}"): (0, 2**bits - 1) for bits in _BITS},
    **{Prim(f"int{bits}"): (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in _BITS},
}
_ROUNDINGS: Final[dict[Prim, Callable[[float], float]]] = {
    Prim.FLOAT32: spelling.single,
    Prim.FLOAT64: float,
}
_NODE_WORDS: Final = {Present: "an opt", Items: "a vec", Fields: "a record", Case: "a variant"}
_SHOWN_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
class LiteralTyper:
    """Gives the literals read at ``cursor`` the types of ``env``."""

    cursor: Cursor
    env: Env

    def value(self, node: Literal, of: Type) -> Value:
        """Return a literal at a type.

        Raises: CandidSyntaxError when it does not fit.
        """
        expected = unfold(of, self.env)
        if node.type in (Prim.INT, Prim.FLOAT64) and isinstance(expected, Prim):
            return self._number(node, expected)
        if node.type == expected or expected is Prim.RESERVED:
            return None if expected is Prim.RESERVED else node.value
        match node.type, expected:
            case Prim.NULL, Opt():
                return None
            case (Service(), Service()) | (Func(), Func()):
                return node.value
            case Service(), Prim.PRINCIPAL:
                return node.value.principal
            case Vec(), Vec(inner):
                return [self.value(Literal(node.token, n, Prim.INT), inner) for n in node.value]
        raise self.mismatch(node, of)

    def mismatch(self, node: Node, of: Type) -> CandidSyntaxError:
        """Return the error "expected this type, found such a value"."""
        expected = unfold(of, self.env)
        reason = f"expected {shown_type(of)}, found {_kind(node)}"
        if isinstance(expected, Opt):
            reason += ": write `opt` before it"
        elif isinstance(node, Literal) and node.type is Prim.TEXT and _is_id(expected):
            word = "principal" if expected is Prim.PRINCIPAL else "service"
            reason += f": write {word} {_clipped(node.token.text)}"
        return self.cursor.error(node.token, reason)

    def _number(self, node: Literal, expected: Prim) -> int | float | None:
        if expected in _ROUNDINGS:
            return self._float(node, expected)
        if expected is Prim.RESERVED:
            return None
        if node.type is not Prim.INT or expected not in _RANGES:
            raise self.mismatch(node, expected)
        low, high = _RANGES[expected]
        number: int = node.value
        if not low <= number <= high:
            bounds = f"at least {low}" if high == math.inf else f"{low} to {high}"
            reason = f"{_clipped(spelling.integer(number))} is no {expected.value} ({bounds})"
            raise self.cursor.error(node.token, reason)
        return number

    def _float(self, node: Literal, expected: Prim) -> float:
        try:
            number = _ROUNDINGS[expected](node.value)
        except OverflowError:  # an integer literal beyond every float
            number = math.inf
        if math.isinf(number) and node.value not in (math.inf, -math.inf):
            raise self.cursor.error(node.token, f"the number is too large for {expected.value}")
        return number


def shown_type(of: Type) -> str:
    """Write a type on one line short enough for a message."""
    return _clipped(format_type(of, width=_SHOWN_CHARS * 1000))


def _kind(node: Node) -> str:
    match node:
        case Literal(_, _, Prim.INT):
            return "a number"
        case Literal(_, _, Prim.FLOAT64):
            return "a float"
        case Literal(_, value, Prim.NULL | Prim.BOOL):
            return {None: "null", True: "true", False: "false"}[value]
        case Literal():
            return "a blob" if node.type == BLOB else f"a {shown_type(node.type).split()[0]}"
    return _NODE_WORDS[type(node)]


def _is_id(of: Type | None) -> bool:
    return of is Prim.PRINCIPAL or isinstance(of, Service)


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
