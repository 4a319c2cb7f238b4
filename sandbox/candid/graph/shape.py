"""What generated code must know of a type before it sees a value of it.

Four measures per node, each computed in time linear in the graph, also for graphs
that an attacker wrote: whether values exist at all, the bytes they take at least,
the work they cost beyond their bytes, and whether they can nest so deep that direct
calls would exhaust Python's stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.candid.graph.nodes import Con, Graph, Node
from sandbox.candid.types import Prim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Bytes per value of the types that have only one size.
FIXED_BYTES: Final = {
    Prim.NULL: 0,
    Prim.RESERVED: 0,
    Prim.BOOL: 1,
    Prim.NAT8: 1,
    Prim.INT8: 1,
    Prim.NAT16: 2,
    Prim.INT16: 2,
    Prim.NAT32: 4,
    Prim.INT32: 4,
    Prim.FLOAT32: 4,
    Prim.NAT64: 8,
    Prim.INT64: 8,
    Prim.FLOAT64: 8,
}
# The numbers among them, with their letters for ``struct``.
FORMATS: Final = {
    Prim.NAT8: "B",
    Prim.INT8: "b",
    Prim.NAT16: "H",
    Prim.INT16: "h",
    Prim.NAT32: "I",
    Prim.INT32: "i",
    Prim.FLOAT32: "f",
    Prim.NAT64: "Q",
    Prim.INT64: "q",
    Prim.FLOAT64: "d",
}
# Direct calls may nest this far; with the 40 of recursive types that leaves most of
# Python's 1,000 frames to the program around us.
_DIRECT_HEIGHT: Final = 40
# Sums stop here: shared records double with each level, and 2^10000 helps nobody.
_ENOUGH: Final = 1 << 40
# Nodes of a value that its own bytes pay for; what goes beyond is charged to the quota.
_NODES_PER_BYTE: Final = 16
_INSIDE_VALUES: Final = frozenset((Con.OPT, Con.VEC, Con.RECORD, Con.VARIANT))


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of a graph, one entry per node.

    inhabited: some value exists.
    least_bytes: no value takes fewer.
    excess: nodes of a value that its bytes do not pay for (see ``_NODES_PER_BYTE``),
        not counting what is inside an opt, vec or variant.
    units: nodes of the type when written out in full, at most ``_ENOUGH``.
    deep: values can nest deeper than direct calls should.
    """

    inhabited: list[bool]
    least_bytes: list[int]
    excess: list[int]
    units: list[int]
    deep: list[bool]


def measure(graph: Graph) -> Shape:
    """Return the measures of all nodes."""
    count = len(graph.nodes)
    least_bytes, weights = _sizes(graph)
    units, heights = [_ENOUGH] * count, [_ENOUGH] * count
    for index in _leaves_first(graph, _value_targets):
        targets = _value_targets(graph.nodes[index])
        units[index] = min(1 + sum(units[target] for target in targets), _ENOUGH)
        heights[index] = 1 + max((heights[target] for target in targets), default=0)
    excess = [
        max(0, weight - _NODES_PER_BYTE * size)
        for weight, size in zip(weights, least_bytes, strict=True)
    ]
    deep = [height > _DIRECT_HEIGHT for height in heights]
    return Shape(_inhabited(graph), least_bytes, excess, units, deep)


def endless_opts(graph: Graph) -> frozenset[int]:
    """Return the nodes where unwrapping ``opt`` after ``opt`` never ends (``type T = opt T``)."""
    return frozenset(range(len(graph.nodes))).difference(_leaves_first(graph, _opt_targets))


def _sizes(graph: Graph) -> tuple[list[int], list[int]]:
    """Return least bytes and node counts; both stay at ``_ENOUGH`` where no value exists."""
    least = [_ENOUGH] * len(graph.nodes)
    weight = [_ENOUGH] * len(graph.nodes)
    for index in _leaves_first(graph, _record_targets):
        node = graph.nodes[index]
        if node.kind is Con.RECORD:
            least[index] = min(sum(least[target] for target in node.targets), _ENOUGH)
            weight[index] = min(1 + sum(weight[target] for target in node.targets), _ENOUGH)
        else:
            least[index] = FIXED_BYTES.get(node.kind, 1) if isinstance(node.kind, Prim) else 1
            weight[index] = 1
    return least, weight


def _value_targets(node: Node) -> tuple[int, ...]:
    return node.targets if node.kind in _INSIDE_VALUES else ()


def _opt_targets(node: Node) -> tuple[int, ...]:
    return node.targets if node.kind is Con.OPT else ()


def _record_targets(node: Node) -> tuple[int, ...]:
    return node.targets if node.kind is Con.RECORD else ()


def _leaves_first(graph: Graph, edges: Callable[[Node], tuple[int, ...]]) -> Iterable[int]:
    """Yield each node after all it points to; nodes that reach a cycle never come."""
    waits_for = [len(edges(node)) for node in graph.nodes]
    users = _users(graph, edges)
    ready = [index for index, number in enumerate(waits_for) if not number]
    while ready:
        index = ready.pop()
        yield index
        for user in users[index]:
            waits_for[user] -= 1
            if not waits_for[user]:
                ready.append(user)


def _users(graph: Graph, edges: Callable[[Node], tuple[int, ...]]) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in graph.nodes]
    for index, node in enumerate(graph.nodes):
        for target in edges(node):
            users[target].append(index)
    return users


def _inhabited(graph: Graph) -> list[bool]:
    """Find the types with values: a record needs all its fields, a variant one case."""
    missing = [_needed_targets(node) for node in graph.nodes]
    found = [number == 0 for number in missing]
    users = _users(graph, lambda node: node.targets if _needed_targets(node) else ())
    ready = [index for index, is_found in enumerate(found) if is_found]
    while ready:
        for user in users[ready.pop()]:
            missing[user] -= 1
            if not found[user] and missing[user] <= 0:
                found[user] = True
                ready.append(user)
    return found


def _needed_targets(node: Node) -> int:
    """Return how many of its targets must have values for the node to have one."""
    if node.kind is Con.RECORD:
        return len(node.targets)
    # A variant without cases waits for one that never comes, as `empty` does.
    return 1 if node.kind in {Con.VARIANT, Prim.EMPTY} else 0
