"""A profile: calls as a tree, from the canisters down to their functions, with what each cost.

Below each canister are the entries that ran (``canister_update inc``, ``canister_pre_upgrade``,
``reply callback``), below these the functions. Three leaves stand for what is no function's:
``(system calls)`` for the small ones, which the system API adds up and charges in lumps of
100,000, ``(changed pages)`` for what every changed page of memory costs, and ``(not profiled)``
for functions that could not be told apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from sandbox.errors import UsageError
from sandbox.wasm.module import ExternKind
from sandbox.wasm.names import function_names
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rustnames import demangled

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.engine.probe import CallTree
    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal
    from sandbox.world.world import World

_SYSTEM_CALLS: Final = "(system calls)"
_CHANGED_PAGES: Final = "(changed pages)"
_NOT_PROFILED: Final = "(not profiled)"
_SHOWN: Final = 20
# What is called from deeper counts for the function there: recursion may be very deep.
_MOST_DEPTH: Final = 200


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


class Profile:
    """Collects what runs in a world while it is entered; see the package."""

    def __init__(self, world: World) -> None:
        self._root = Node("all")
        self._profiling = world.machine.profiling
        self._name_of = world.wording.name
        self._names: dict[bytes, dict[int, str]] = {}

    @property
    def root(self) -> Node:
        """The tree: canisters, below them entries, below these functions."""
        self._profiling.collect()
        return self._root

    def __enter__(self) -> Self:
        self._profiling.begin(self)
        return self

    def __exit__(self, *_unused: object) -> None:
        self._profiling.end(self)

    @property
    def instructions(self) -> int:
        """All instructions of the messages that ran, as they are charged."""
        return self.root.total

    def functions(self) -> tuple[FunctionCost, ...]:
        """Return the functions, the most expensive (of their own) first."""
        found: dict[tuple[str, str], list[int]] = {}
        for canister in self.root.below.values():
            for entry in canister.below.values():
                for node in entry.below.values():
                    _add_up(node, canister.name, found, set())
        costs = (FunctionCost(*key, *numbers) for key, numbers in found.items())
        return tuple(sorted(costs, key=lambda cost: (-cost.own, -cost.total, cost.name)))

    def folded(self) -> str:
        """Return the tree as folded stacks, as flamegraph.pl, inferno and speedscope read it."""
        return "".join(f"{';'.join(path)} {own}\n" for path, own in _stacks(self.root))

    def svg(self) -> str:
        """Return a flame graph."""
        from sandbox.profiling.flamegraph import flame_graph

        return flame_graph(self.root)

    def to_json(self) -> str:
        """Return the tree as JSON."""
        # Not indented: that takes the time of the depth for each node.
        return json.dumps(self.root.as_dict())

    @staticmethod
    def check(path: Path) -> None:
        """Refuse a file that ``save`` cannot write. Raises: UsageError."""
        if path.suffix not in _FORMS:
            known = ", ".join(_FORMS)
            raise UsageError(f"a profile is saved as {known}; what is {str(path)!r}?")
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file: .svg a flame graph, .folded folded stacks, .json the tree, .txt the table.

        Raises: UsageError for another suffix, or when the file cannot be written.
        """
        target = Path(path)
        self.check(target)
        try:
            target.write_text(_FORMS[target.suffix](self), "utf-8")
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error

    def __str__(self) -> str:
        """Return a table of the most expensive functions."""
        costs = self.functions()
        shown = costs[:_SHOWN]
        width = max((len(f"{cost.own:,}") for cost in shown), default=3)
        whole = self.instructions
        lines = [f"{whole:,} instructions: own, share, with what it called"]
        lines += [
            f"{cost.own:>{width},}  {cost.own / (whole or 1):4.0%}  "
            f"{cost.total / (whole or 1):4.0%}  {cost.name}"
            + (f"  ({cost.calls:,} ×)" if cost.calls else "")
            for cost in shown
        ]
        if len(costs) > len(shown):
            lines.append(f"and {len(costs) - len(shown)} functions more")
        return "\n".join(lines)

    def collect(self, canister: Principal, module: InstalledModule, calls: CallTree) -> None:
        """See ``execution.profiling.Listener``."""
        top = self._root.child(_printable(self._name_of(canister)))
        names = self._names_of(module)
        entered = {entry.node: _printable(name) for name, entry in calls.entries.items()}
        nodes, depths = [top], [0]
        for number, (function, parent, times, own) in enumerate(calls, start=1):
            node, depth = nodes[parent], depths[parent]
            if depth < _MOST_DEPTH:
                if function < 0:
                    node = node.child(entered[number])
                else:
                    node = node.child(names.get(function) or f"function {function}")
                node.calls += times
            if own:  # an entry has no code: what stands there ran without a profile
                (node if function >= 0 else node.child(_NOT_PROFILED)).own += own
            nodes.append(node)
            depths.append(depth + 1)
        for entry in calls.entries.values():
            node = nodes[entry.node]
            node.calls += entry.messages
            if entry.late:
                node.child(_SYSTEM_CALLS).own += entry.late
            if entry.page_instructions:
                pages = node.child(_CHANGED_PAGES)
                pages.own += entry.page_instructions
                pages.calls += entry.pages

    def _names_of(self, module: InstalledModule) -> dict[int, str]:
        found = self._names.get(module.module_hash)
        if found is None:
            parsed = parse_module(module.shape.wasm)
            exported = {
                item.index: item.name for item in parsed.exports if item.kind is ExternKind.FUNCTION
            }
            listed = {index: demangled(name) for index, name in function_names(parsed).items()}
            found = {index: _name(name) for index, name in (exported | listed).items()}
            self._names[module.module_hash] = found
        return found


_FORMS: Final[Mapping[str, Callable[[Profile], str]]] = {
    ".svg": Profile.svg,
    ".folded": Profile.folded,
    ".json": lambda profile: profile.to_json() + "\n",
    ".txt": lambda profile: f"{profile}\n",
}


def _printable(name: str) -> str:
    # Names come from canisters, and go to terminals and into pictures.
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _name(name: str) -> str:
    """Return what a function is called here: nothing that begins as what is no function's."""
    return _printable(f"fn {name}" if name.startswith("(") else name)


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


def _stacks(root: Node) -> Iterator[tuple[tuple[str, ...], int]]:
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
