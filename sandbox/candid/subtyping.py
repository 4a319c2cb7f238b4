"""The subtype relation: what may take the place of what without breaking a reader.

``lower <: upper`` holds when every value of ``lower`` can be read at ``upper``. All
rules only demand further pairs, none offers a choice (a type that does not fit under
``opt`` reads as null, so ``opt`` demands nothing). Hence the check walks the pairs
once, assuming what it already looks at, with a list instead of the stack.
Source: Candid specification, "Rules". One difference: where ``opt`` opens endlessly
(``type T = opt T``), a plain value cannot be read at it and is no subtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.candid.errors import CandidError
from sandbox.candid.graph.nodes import OMISSIBLE, Con, Graph, Node, build
from sandbox.candid.graph.shape import endless_opts
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.candid.types import Env, Type

Pair: TypeAlias = tuple[int, int]

# Pairs of two large recursive interfaces; the governance canister compared with
# itself has some 600. Two cycles of lengths p and q have p times q.
MAX_PAIRS: Final = 200_000
# Types that are a subtype of another kind of type.
ACROSS_KINDS: Final = frozenset(((Prim.NAT, Prim.INT), (Con.SERVICE, Prim.PRINCIPAL)))
_NULL_OR_OPT: Final = frozenset((Prim.NULL, Prim.RESERVED, Prim.EMPTY, Con.OPT))


def subtype(lower: Type, lower_env: Env, upper: Type, upper_env: Env) -> bool:
    """Return whether every value of ``lower`` can be read at ``upper``.

    Raises: CandidTypeError; CandidError when the types are too entangled to compare.
    """
    low, high = build((lower,), lower_env), build((upper,), upper_env)
    return Relation(low, high).holds(low.roots[0], high.roots[0])


class Relation:
    """Answers for the pairs of two graphs, remembering what it found true.

    All answers together look at ``MAX_PAIRS`` pairs at most: an attacker may ask often.
    """

    def __init__(self, lower: Graph, upper: Graph) -> None:
        self._shift = len(lower.nodes)
        self._nodes = (*lower.nodes, *(_shifted(node, self._shift) for node in upper.nodes))
        self._endless = endless_opts(Graph(self._nodes, (), {}))
        self._true: set[Pair] = set()
        self._pairs_left = MAX_PAIRS

    def holds(self, lower: int, upper: int) -> bool:
        """Return whether node ``lower`` of the one graph is a subtype of ``upper`` of the other.

        Raises: CandidError when too many pairs would have to be looked at.
        """
        found, looked_at = self._search((lower, upper + self._shift), self._pairs_left)
        self._pairs_left -= looked_at
        if found is None:
            raise CandidError("the types are too entangled to compare")
        return found

    def surely_holds(self, lower: int, upper: int, max_pairs: int) -> bool:
        """Return whether a short look suffices to see that the pair holds."""
        return self._search((lower, upper + self._shift), max_pairs)[0] is True

    def _search(self, start: Pair, max_pairs: int) -> tuple[bool | None, int]:
        """Return the answer, None if it takes too long, and how many pairs were looked at."""
        assumed = {start}
        waiting = [start]
        while waiting:
            demanded = self._demands(*waiting.pop())
            if demanded is None:
                return False, len(assumed)
            new = {pair for pair in demanded if pair not in assumed and pair not in self._true}
            assumed |= new
            waiting.extend(new)
            if len(assumed) > max_pairs:
                return None, len(assumed)
        self._true |= assumed
        return True, len(assumed)

    def _demands(self, lower: int, upper: int) -> Iterable[Pair] | None:
        """Return the pairs that must hold for this one to hold, None if it cannot."""
        low, high = self._nodes[lower], self._nodes[upper]
        demanded: Iterable[Pair] | None = ()
        if high.kind is Con.OPT:
            demanded = () if low.kind in _NULL_OR_OPT or upper not in self._endless else None
        elif high.kind is Prim.RESERVED or low.kind is Prim.EMPTY:
            demanded = ()
        elif low.kind is not high.kind:
            demanded = () if (low.kind, high.kind) in ACROSS_KINDS else None
        elif high.kind is Con.VEC:
            demanded = ((low.targets[0], high.targets[0]),)
        elif high.kind is Con.RECORD:
            demanded = self._fields(low, high)
        elif high.kind is Con.VARIANT:
            demanded = _cases(low, high)
        elif high.kind is Con.SERVICE:
            demanded = _cases(high, low, swapped=True)
        elif high.kind is Con.FUNC:
            demanded = self._function(low, high)
        return demanded

    def _fields(self, low: Node, high: Node) -> list[Pair] | None:
        given = dict(zip(low.ids, low.targets, strict=True))
        wanted = zip(high.ids, high.targets, strict=True)
        return self._sequence([(given.get(field_id), target) for field_id, target in wanted])

    def _function(self, low: Node, high: Node) -> list[Pair] | None:
        if low.modes != high.modes:
            return None
        arguments = self._sequence(_aligned(high.parameters, low.parameters))
        results = self._sequence(_aligned(low.results, high.results))
        return None if arguments is None or results is None else arguments + results

    def _sequence(self, pairs: list[tuple[int | None, int]]) -> list[Pair] | None:
        """Return the pairs where both exist; where one is missing, it must be omissible."""
        if any(low is None and self._nodes[high].kind not in OMISSIBLE for low, high in pairs):
            return None
        return [(low, high) for low, high in pairs if low is not None]


def _aligned(given: tuple[int, ...], wanted: tuple[int, ...]) -> list[tuple[int | None, int]]:
    padded: list[int | None] = [*given, *[None] * max(0, len(wanted) - len(given))]
    return list(zip(padded, wanted, strict=False))


def _cases(low: Node, high: Node, *, swapped: bool = False) -> list[Pair] | None:
    """Demand each case (or method) of ``low`` in ``high``; ``swapped``: the other way round."""
    known = dict(zip(high.ids or high.keys, high.targets, strict=True))
    pairs = []
    for key, target in zip(low.ids or low.keys, low.targets, strict=True):
        if key not in known:
            return None
        pairs.append((known[key], target) if swapped else (target, known[key]))
    return pairs


def _shifted(node: Node, shift: int) -> Node:
    targets = tuple(target + shift for target in node.targets)
    return Node(node.kind, targets, node.ids, node.keys, node.arity, node.modes)
