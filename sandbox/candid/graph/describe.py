"""Types as short text for error messages: one line, inner types abbreviated.

The pretty-printer of the interface language prints types in full; this one never
takes longer than the message it is for.
"""

from __future__ import annotations

from typing import Final

from sandbox.candid.graph.nodes import PRIM_INDEX, Con, Graph, Node
from sandbox.candid.types import Prim

_LEVELS: Final = 3
_MEMBERS: Final = 4


def describe(graph: Graph, index: int, levels: int = _LEVELS) -> str:
    """Return the type as text; a named type inside another appears by its name."""
    if index in graph.names and levels < _LEVELS:
        return graph.names[index]
    return _spelled_out(graph, graph.nodes[index], levels - 1) if levels else "…"


def _spelled_out(graph: Graph, node: Node, levels: int) -> str:
    text: str = node.kind.value
    match node.kind:
        case Con.VEC if node.targets[0] == PRIM_INDEX[Prim.NAT8]:
            text = "blob"
        case Con.OPT | Con.VEC:
            text += f" {describe(graph, node.targets[0], levels)}"
        case Con.RECORD | Con.VARIANT | Con.SERVICE:
            members = _members(graph, node, levels)
            text += f" {{ {members} }}" if members else " {}"
        case Con.FUNC:
            arguments = describe_all(graph, node.parameters, levels)
            results = describe_all(graph, node.results, levels)
            text += f" {arguments} -> {results}{_modes(node)}"
    return text


def describe_all(graph: Graph, indices: tuple[int, ...], levels: int = _LEVELS - 1) -> str:
    """Return a sequence of arguments or results as text."""
    shown = [describe(graph, index, levels) for index in indices[:_MEMBERS]]
    return f"({', '.join(shown + ['…'] * (len(indices) > _MEMBERS))})"


def _members(graph: Graph, node: Node, levels: int) -> str:
    shown = []
    for key, target in list(zip(node.keys, node.targets, strict=True))[:_MEMBERS]:
        if node.kind is Con.VARIANT and target == PRIM_INDEX[Prim.NULL]:
            shown.append(f"{key}")
        elif node.is_tuple:
            shown.append(describe(graph, target, levels))
        else:
            shown.append(f"{key} : {describe(graph, target, levels)}")
    return "; ".join(shown + ["…"] * (len(node.keys) > _MEMBERS))


def _modes(node: Node) -> str:
    return "".join(f" {name}" for name in sorted(mode.value for mode in node.modes))
