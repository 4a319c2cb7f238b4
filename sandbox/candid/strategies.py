"""Hypothesis strategies for Candid: types, and values of a type as ``decode`` gives them.

Hypothesis is optional: import this module only where it is installed.

>>> from sandbox.candid import strategies
>>> @given(strategies.values(transfer_args, env))
... def test_no_transfer_traps(args): ledger.update("transfer", args)

Types and values are drawn by plain recursive functions, not by nested strategies: a
strategy per node of a random type takes Hypothesis far longer to build than to use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from sandbox.candid.graph.nodes import OMISSIBLE, Con, Graph, Node, build
from sandbox.candid.types import (
    Env,
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
    field_hash,
)
from sandbox.candid.values import FuncRef, RecordValue, ServiceRef, Some, VariantValue
from sandbox.principal import MAX_LENGTH_BYTES, Principal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from sandbox.candid.values import Value

_TYPE_DEPTH: Final = 3
# Opt and vec inside one another, per value; below, values end as soon as they can.
_VALUE_DEPTH: Final = 6
_MAX_BYTES: Final = 20
_NEVER: Final = 1 << 30
_NAMES: Final = ("a", "name", "Ok", "Err", "items", "_", "record", "ünï code", "")

_FLAGS: Final = st.booleans()
_COUNTS: Final = st.integers(0, 4)
_LABELS: Final = st.sampled_from(_NAMES) | st.integers(0, 2**32 - 1)
_METHODS: Final = st.sampled_from(_NAMES)
_PRINCIPALS: Final = st.binary(max_size=MAX_LENGTH_BYTES).map(Principal)
_MODES: Final = st.sampled_from((None, None, *Mode))
_BLOBS: Final = st.binary(max_size=_MAX_BYTES)
_SHAPES: Final = st.sampled_from(
    ("opt", "vec", "record", "variant", "tuple", "opt", "record", "variant", "func", "service")
)
_BITS: Final = (8, 16, 32, 64)
_PRIMITIVES: Final[dict[object, SearchStrategy[Any]]] = {
    Prim.NULL: st.none(),
    Prim.RESERVED: st.none(),
    Prim.BOOL: _FLAGS,
    Prim.NAT: st.integers(0, 200) | st.integers(min_value=0),
    Prim.INT: st.integers(-100, 100) | st.integers(),
    Prim.TEXT: st.text(max_size=_MAX_BYTES),
    Prim.PRINCIPAL: _PRINCIPALS,
    Prim.FLOAT32: st.floats(width=32, allow_nan=False),
    Prim.FLOAT64: st.floats(allow_nan=False),
    **{Prim(f"nat{bits}"): st.integers(0, 2**bits - 1) for bits in _BITS},
    **{Prim(f"int{bits}"): st.integers(-(2**bits) // 2, 2**bits // 2 - 1) for bits in _BITS},
}


@st.composite
def types(draw: DrawFn, *, names: Sequence[str] = ()) -> Type:
    """Draw a type; with ``names`` it may use these as names of other types."""
    return _type(draw, _leaves(names), _TYPE_DEPTH)


@st.composite
def definitions(draw: DrawFn, *, names: Sequence[str] = ("A", "B")) -> tuple[Type, Env]:
    """Draw a type and an environment, often recursive, that explains its names."""
    leaves = _leaves(names)
    env = {name: _composed(draw, leaves, _TYPE_DEPTH) for name in names}
    return _type(draw, leaves, _TYPE_DEPTH), env


def principals() -> SearchStrategy[Principal]:
    """Return principals of all lengths."""
    return _PRINCIPALS


def values(type_: Type, env: Env | None = None) -> SearchStrategy[Any]:
    """Return values of a type in the form ``decode`` gives; nothing if it has none.

    Floats are never NaN, so that every value equals itself.
    """
    drawing = _Drawing(build((type_,), env or {}))
    root = drawing.graph.roots[0]
    if drawing.least_depth[root] >= _NEVER:
        return st.nothing()
    return st.composite(lambda draw: drawing.value(draw, root, _VALUE_DEPTH))()


def arguments(types_: Sequence[Type], env: Env | None = None) -> SearchStrategy[tuple[Value, ...]]:
    """Return argument lists: one value per type."""
    return st.tuples(*(values(type_, env) for type_ in types_))


def _leaves(names: Sequence[str]) -> SearchStrategy[Type]:
    primitives: SearchStrategy[Type] = st.sampled_from(Prim)
    return primitives | st.sampled_from([Ref(name) for name in names]) if names else primitives


def _type(draw: DrawFn, leaves: SearchStrategy[Type], depth: int) -> Type:
    if depth and draw(_FLAGS):
        return _composed(draw, leaves, depth)
    return draw(leaves)


def _composed(draw: DrawFn, leaves: SearchStrategy[Type], depth: int) -> Type:
    """Draw a type that is more than a primitive or a name."""
    match draw(_SHAPES):
        case "opt":
            return Opt(_type(draw, leaves, depth - 1))
        case "vec":
            return Vec(_type(draw, leaves, depth - 1))
        case "tuple":
            inner = _several(draw, leaves, depth)
            return Record(tuple(Field(number, None, each) for number, each in enumerate(inner)))
        case "record":
            return Record(_fields(draw, leaves, depth))
        case "variant":
            return Variant(_fields(draw, leaves, depth))
        case "func":
            return _function(draw, leaves, depth)
    names = sorted({draw(_METHODS) for _ in range(draw(_COUNTS))}, key=str.encode)
    return Service(tuple((name, _function(draw, leaves, depth - 1)) for name in names))


def _several(draw: DrawFn, leaves: SearchStrategy[Type], depth: int) -> tuple[Type, ...]:
    return tuple(_type(draw, leaves, depth - 1) for _ in range(draw(_COUNTS)))


def _fields(draw: DrawFn, leaves: SearchStrategy[Type], depth: int) -> tuple[Field, ...]:
    fields = {}
    for type_ in _several(draw, leaves, depth):
        label = draw(_LABELS)
        field_id = field_hash(label) if isinstance(label, str) else label
        fields[field_id] = Field(field_id, label if isinstance(label, str) else None, type_)
    return tuple(field for _, field in sorted(fields.items()))


def _function(draw: DrawFn, leaves: SearchStrategy[Type], depth: int) -> Func:
    mode = draw(_MODES)
    arguments_ = _several(draw, leaves, max(1, depth))
    results = () if mode is Mode.ONEWAY else _several(draw, leaves, max(1, depth))
    return Func(arguments_, results, frozenset({mode} - {None}))


class _Drawing:
    """Draws values of the nodes of one graph.

    least_depth: how deep the shallowest value of a node is; ``_NEVER`` if it has none.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.least_depth = _least_depths(graph)

    def value(self, draw: DrawFn, index: int, depth: int) -> Value:
        """Draw a value; without depth left, of a kind that ends soon."""
        node = self.graph.nodes[index]
        match node.kind:
            case Con.OPT:
                return self._opt(draw, node.targets[0], depth)
            case Con.VEC:
                return self._vec(draw, node.targets[0], depth)
            case Con.RECORD:
                parts = tuple(self.value(draw, target, depth) for target in node.targets)
                return parts if node.is_tuple else RecordValue(zip(node.keys, parts, strict=True))
            case Con.VARIANT:
                return self._variant(draw, node, depth)
            case Con.FUNC:
                return FuncRef(draw(_PRINCIPALS), draw(_METHODS))
            case Con.SERVICE:
                return ServiceRef(draw(_PRINCIPALS))
        return draw(_PRIMITIVES[node.kind])

    def _opt(self, draw: DrawFn, inner: int, depth: int) -> Value:
        if not depth or self.least_depth[inner] >= _NEVER or not draw(_FLAGS):
            return None
        present = self.value(draw, inner, depth - 1)
        return Some(present) if self.graph.nodes[inner].kind in OMISSIBLE else present

    def _vec(self, draw: DrawFn, inner: int, depth: int) -> Value:
        if self.graph.nodes[inner].kind is Prim.NAT8:
            return draw(_BLOBS)
        if not depth or self.least_depth[inner] >= _NEVER:
            return []
        return [self.value(draw, inner, depth - 1) for _ in range(draw(_COUNTS))]

    def _variant(self, draw: DrawFn, node: Node, depth: int) -> Value:
        cases = sorted(range(len(node.keys)), key=lambda case: self.least_depth[node.targets[case]])
        possible = [case for case in cases if self.least_depth[node.targets[case]] < _NEVER]
        case = draw(st.sampled_from(possible)) if depth else possible[0]
        return VariantValue(
            node.keys[case], self.value(draw, node.targets[case], max(0, depth - 1))
        )


def _least_depths(graph: Graph) -> list[int]:
    """Return the depth of each node's shallowest value, by going round until nothing sinks."""
    depths = [_NEVER] * len(graph.nodes)
    settled = False
    while not settled:
        before = list(depths)
        for index, node in enumerate(graph.nodes):
            depths[index] = _least_depth(node, [depths[target] for target in node.targets])
        settled = depths == before
    return depths


def _least_depth(node: Node, inner: list[int]) -> int:
    if node.kind is Prim.EMPTY:
        return _NEVER
    if node.kind is Con.RECORD:
        return min(_NEVER, 1 + max(inner, default=0))
    if node.kind is Con.VARIANT:
        return min(_NEVER, 1 + min(inner, default=_NEVER))
    return 0
