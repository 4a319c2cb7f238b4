"""A tree of calls, from the canisters down to their functions, with what each cost.

Below each canister are the entries that ran (``canister_update inc``, ``canister_pre_upgrade``,
``reply callback``), below these the functions. Three leaves stand for what is no function's:
``(system calls)`` for the small ones, which the system API adds up and charges in lumps of
100,000, ``(changed pages)`` for what every changed page of memory costs, and ``(not profiled)``
for functions that could not be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(slots=True)
class Node:
    """A function in one place of the tree.

    own: instructions used up in it, the functions it called left out. calls: how often it was
    called from there.
    """

    name: str
    calls: int = 0
    own: int = 0
    below: dict[str, Node] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Instructions of it and of all below it."""
        return sum(node.own for node in _all_of(self))

    def child(self, name: str) -> Node:
        """Return the node below with this name, made when it is not there."""
        found = self.below.get(name)
        if found is None:
            found = self.below[name] = Node(name)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the tree as plain values."""
        below = [node.as_dict() for node in self.below.values()]
        return {"name": self.name, "calls": self.calls, "own": self.own, "below": below}


def totals(root: Node) -> dict[int, int]:
    """Return the totals of a node and of all below it, by ``id``; each is looked at once."""
    found: dict[int, int] = {}
    for node in reversed(_all_of(root)):
        found[id(node)] = node.own + sum([found[id(below)] for below in node.below.values()])
    return found


def _all_of(root: Node) -> list[Node]:
    """Return a node and all below it, each behind its caller."""
    found = [root]
    for node in found:
        found += node.below.values()
    return found


def rows_of(root: Node) -> list[tuple[int, str, int, int]]:
    """Return the tree as (number of the node above, name, calls, own) of each node.

    A node's number is its place in the list; it is above its own, so that ``tree_of`` can build
    on it. The root stands above itself.
    """
    nodes = _all_of(root)
    above = {id(root): 0}
    for number, node in enumerate(nodes):
        for below in node.below.values():
            above[id(below)] = number
    return [(above[id(node)], node.name, node.calls, node.own) for node in nodes]


def tree_of(rows: Sequence[tuple[int, str, int, int]]) -> Node:
    """Return the tree that ``rows_of`` gave the rows of."""
    nodes: list[Node] = []
    for above, name, calls, own in rows:
        node = Node(name, calls, own)
        if nodes:
            nodes[above].below[name] = node
        nodes.append(node)
    return nodes[0]


def stacks(root: Node) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield (names from the canister down, own instructions) of each node that has some."""
    waiting: list[tuple[Node, tuple[str, ...]]] = [
        (node, ()) for node in reversed(root.below.values())
    ]
    while waiting:
        node, above = waiting.pop()
        path = (*above, node.name.replace(";", ","))
        if node.own:
            yield path, node.own
        waiting += [(below, path) for below in reversed(node.below.values())]


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """All that one function of one canister cost, wherever it was called.

    own: without what it called. total: with it; its calls of itself are not counted twice.
    """

    canister: str
    name: str
    calls: int
    own: int
    total: int


def function_costs(root: Node, entry: str | None = None) -> tuple[FunctionCost, ...]:
    """Return the functions, the most expensive first. entry: only what that one led to."""
    found: dict[tuple[str, str], list[int]] = {}
    for canister in root.below.values():
        for entered in canister.below.values():
            if entry in (None, entered.name):
                for node in entered.below.values():
                    _add_up(node, canister.name, found, set())
    costs = (FunctionCost(*key, *numbers) for key, numbers in found.items())
    return tuple(sorted(costs, key=lambda cost: (-cost.own, -cost.total, cost.name)))


def _add_up(
    node: Node, canister: str, found: dict[tuple[str, str], list[int]], above: set[str]
) -> int:
    """Add a node and all below to what was found; return its instructions."""
    is_outermost = node.name not in above
    above.add(node.name)
    total = node.own
    for below in node.below.values():
        total += _add_up(below, canister, found, above)
    numbers = found.setdefault((canister, node.name), [0, 0, 0])
    numbers[0] += node.calls
    numbers[1] += node.own
    if is_outermost:
        numbers[2] += total
        above.discard(node.name)
    return total


def printable(name: str) -> str:
    """Return a name that does no harm where it is shown.

    Names come from canisters, and go to terminals and into pictures.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in name)
