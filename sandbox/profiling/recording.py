"""Collecting a profile from what the instances of a world keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from sandbox.profiling.profile import Profile
from sandbox.profiling.tree import Node, printable
from sandbox.wasm.module import ExternKind
from sandbox.wasm.names import function_names
from sandbox.wasm.parse import parse_module
from sandbox.wasm.rustnames import demangled

if TYPE_CHECKING:
    from sandbox.engine.probe import CallTree
    from sandbox.execution.modules import InstalledModule
    from sandbox.principal import Principal
    from sandbox.world.world import World

_SYSTEM_CALLS: Final = "(system calls)"
_CHANGED_PAGES: Final = "(changed pages)"
_NOT_PROFILED: Final = "(not profiled)"
# What is called from deeper counts for the function there: recursion may be very deep.
_MOST_DEPTH: Final = 200


class Recording(Profile):
    """Collects what runs in a world while it is entered; see the package."""

    def __init__(self, world: World) -> None:
        super().__init__(Node("all"))
        self._profiling = world.machine.profiling
        self._name_of = world.wording.name
        self._names: dict[bytes, dict[int, str]] = {}

    @property
    def root(self) -> Node:
        """The tree as it is now."""
        self._profiling.collect()
        return self._root

    def __enter__(self) -> Self:
        self._profiling.begin(self)
        return self

    def __exit__(self, *_unused: object) -> None:
        self._profiling.end(self)

    def collect(self, canister: Principal, module: InstalledModule, calls: CallTree) -> None:
        """See ``execution.profiling.Listener``."""
        top = self._root.child(printable(self._name_of(canister)))
        names = self._names_of(module)
        entered = {entry.node: printable(name) for name, entry in calls.entries.items()}
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


def _name(name: str) -> str:
    """Return what a function is called here: nothing that begins as what is no function's."""
    return printable(f"fn {name}" if name.startswith("(") else name)
