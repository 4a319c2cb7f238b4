"""A profile: a tree of calls as values, and the forms it is shown and saved in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError
from sandbox.profiling.tree import Node, function_costs, rows_of, stacks, tree_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from sandbox.profiling.tree import FunctionCost

_SHOWN: Final = 20


class Profile:
    """Which functions used up the instructions of messages.

    Equal to one with the same tree, and can be pickled. What ``ic.profile()`` gives goes on
    collecting until its block ends.
    """

    def __init__(self, root: Node) -> None:
        self._root = root

    @property
    def root(self) -> Node:
        """The tree: canisters, below them entries, below these functions."""
        return self._root

    @property
    def instructions(self) -> int:
        """All instructions of the messages that ran, as they are charged."""
        return self.root.total

    def functions(self, *, entry: str | None = None) -> tuple[FunctionCost, ...]:
        """Return the functions, the most expensive (of their own) first.

        entry: only what this entry led to, ``canister_pre_upgrade`` for example.
        """
        return function_costs(self.root, entry)

    def folded(self) -> str:
        """Return the tree as folded stacks, as flamegraph.pl, inferno and speedscope read it."""
        return "".join(f"{';'.join(path)} {own}\n" for path, own in stacks(self.root))

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

    def __eq__(self, other: object) -> bool:
        """Compare the trees."""
        return isinstance(other, Profile) and rows_of(self.root) == rows_of(other.root)

    __hash__ = None  # type: ignore[assignment]  # a tree can change

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the tree as a list: pickle itself goes down a tree by recursion, not so far."""
        return _unpickled, (rows_of(self.root),)


def _unpickled(rows: list[tuple[int, str, int, int]]) -> Profile:
    return Profile(tree_of(rows))


_FORMS: Final[Mapping[str, Callable[[Profile], str]]] = {
    ".svg": Profile.svg,
    ".folded": Profile.folded,
    ".json": lambda profile: profile.to_json() + "\n",
    ".txt": lambda profile: f"{profile}\n",
}
