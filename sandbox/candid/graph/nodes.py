"""Types as a table of numbered nodes, the form all algorithms of the package work on.

Names are gone: a node points to other nodes by index, so recursion is a cycle and
sharing is visible. The primitive types are the first nodes of every graph, with the
same index everywhere. ``build`` makes a graph of ``Type`` values and refuses types
that cannot exist; ``binary.typetable.read_header`` makes one of a message's type table.
No function here recurses: types may nest as deep as they like.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from sandbox.candid.errors import CandidTypeError
from sandbox.candid.mapping import key
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
    follow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.candid.values import Label


class Con(Enum):
    """The type constructors; FUTURE is one that this version does not know."""

    OPT = "opt"
    VEC = "vec"
    RECORD = "record"
    VARIANT = "variant"
    FUNC = "func"
    SERVICE = "service"
    FUTURE = "future type"


Kind: TypeAlias = Prim | Con


@dataclass(frozen=True, slots=True)
class Node:
    """One type.

    targets: opt and vec: the inner type; record and variant: one per field; func:
        arguments, then results; service: one per method.
    ids, keys: record and variant: field ids, ascending, and what Python calls them.
    keys: service: method names, ascending.
    arity: func: how many of the targets are arguments.
    """

    kind: Kind
    targets: tuple[int, ...] = ()
    ids: tuple[int, ...] = ()
    keys: tuple[Label, ...] = ()
    arity: int = 0
    modes: frozenset[Mode] = frozenset()

    @property
    def is_tuple(self) -> bool:
        """True for a record whose fields are just numbered, from 0 without a gap."""
        return 0 < len(self.ids) == self.ids[-1] + 1 and self.keys == self.ids

    @property
    def parameters(self) -> tuple[int, ...]:
        """A function's argument types."""
        return self.targets[: self.arity]

    @property
    def results(self) -> tuple[int, ...]:
        """A function's result types."""
        return self.targets[self.arity :]


PRIMITIVES: Final = tuple(Node(prim) for prim in Prim)
PRIM_INDEX: Final = {prim: index for index, prim in enumerate(Prim)}
# Types whose value may be missing: an absent field or argument reads as null.
OMISSIBLE: Final = frozenset((Con.OPT, Prim.NULL, Prim.RESERVED))


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes and the ones among them that were asked for.

    names: what the interface calls a node, where it does.
    """

    nodes: tuple[Node, ...]
    roots: tuple[int, ...]
    names: Mapping[int, str]


def build(types: Iterable[Type], env: Env) -> Graph:
    """Return the graph of ``types``, equal types shared.

    Raises: CandidTypeError for an unknown name, a cycle of names only, equal ids.
    """
    builder = _Builder(env)
    roots = [builder.index(type_) for type_ in types]
    builder.finish()
    return _shared(Graph(tuple(builder.nodes), tuple(roots), builder.names))


class _Builder:
    """Gives every type a node; those still to be looked into wait in ``pending``."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.nodes = list(PRIMITIVES)
        self.names: dict[int, str] = {}
        self._by_name: dict[str, int] = {}
        self._pending: list[tuple[int, Type]] = []

    def index(self, type_: Type) -> int:
        if isinstance(type_, Prim):
            return PRIM_INDEX[type_]
        if not isinstance(type_, Ref):
            return self._allocate(type_)
        name, meaning = self._resolve(type_)
        if isinstance(meaning, Prim):
            return PRIM_INDEX[meaning]
        if name not in self._by_name:
            self._by_name[name] = self._allocate(meaning)
            self.names[self._by_name[name]] = name
        return self._by_name[name]

    def finish(self) -> None:
        while self._pending:
            index, type_ = self._pending.pop()
            self.nodes[index] = self._node(type_)

    def _allocate(self, type_: Type) -> int:
        self.nodes.append(PRIMITIVES[0])
        self._pending.append((len(self.nodes) - 1, type_))
        return len(self.nodes) - 1

    def _resolve(self, ref: Ref) -> tuple[str, Type]:
        """Follow names to the last one, which means a type proper."""
        found = follow(ref, self.env)
        if found is None:
            raise CandidTypeError(f"type {ref.name} is only another name for itself")
        return found

    def _node(self, type_: Type) -> Node:
        match type_:
            case Opt(inner):
                return Node(Con.OPT, (self.index(inner),))
            case Vec(inner):
                return Node(Con.VEC, (self.index(inner),))
            case Record(fields):
                return self._fields(Con.RECORD, fields)
            case Variant(fields):
                return self._fields(Con.VARIANT, fields)
            case Func(args, results, modes):
                targets = tuple(self.index(each) for each in (*args, *results))
                return Node(Con.FUNC, targets, arity=len(args), modes=modes)
            case Service(methods):
                return self._service(methods)
            case _:
                raise CandidTypeError(f"{type_!r} is not a Candid type")

    def _fields(self, kind: Con, fields: tuple[Field, ...]) -> Node:
        ordered = sorted(fields, key=lambda field: field.id)
        ids = tuple(field.id for field in ordered)
        keys = tuple(key(field) for field in ordered)
        for before, after in pairwise(ordered):
            if before.id == after.id:
                raise CandidTypeError(f"two fields of a {kind.value} have the id {after.id}")
        if ids and not 0 <= ids[0] <= ids[-1] < 1 << 32:
            raise CandidTypeError("a field id must fit 32 bits")
        return Node(kind, tuple(self.index(field.type) for field in ordered), ids, keys)

    def _service(self, methods: tuple[tuple[str, Func | Ref], ...]) -> Node:
        ordered = sorted(methods, key=lambda method: method[0].encode())
        keys = tuple(name for name, _ in ordered)
        if len(set(keys)) != len(keys):
            raise CandidTypeError("two methods of a service have the same name")
        for name, type_ in ordered:
            meaning = self._resolve(type_)[1] if isinstance(type_, Ref) else type_
            if not isinstance(meaning, Func):
                raise CandidTypeError(f"method {name} is not a function")
        return Node(Con.SERVICE, tuple(self.index(type_) for _, type_ in ordered), keys=keys)


def _shared(graph: Graph) -> Graph:
    """Return the graph with equal nodes merged, as far as one pass from the leaves sees them.

    Children mostly have higher indices than their parents, so going down the indices
    merges all but some recursive types; those left stay separate, which is harmless.
    """
    stands_for = list(range(len(graph.nodes)))
    known: dict[Node, int] = {}
    for index in reversed(range(len(graph.nodes))):
        node = _retargeted(graph.nodes[index], stands_for)
        stands_for[index] = known.setdefault(node, index)
    nodes = tuple(_retargeted(node, stands_for) for node in graph.nodes)
    names = {stands_for[index]: name for index, name in reversed(list(graph.names.items()))}
    return Graph(nodes, tuple(stands_for[root] for root in graph.roots), names)


def _retargeted(node: Node, stands_for: list[int]) -> Node:
    if not node.targets:
        return node
    targets = tuple(stands_for[target] for target in node.targets)
    return Node(node.kind, targets, node.ids, node.keys, node.arity, node.modes)
