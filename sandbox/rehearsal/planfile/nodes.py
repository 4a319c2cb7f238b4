"""A plan's YAML with the lines it stands on, and what is wrong with it.

PyYAML's node graph keeps the position of everything; ``shapes`` checks it node by node, so
that a mistake can name its line and its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml

from sandbox.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_CANDID_HINT: Final = "; a text with a colon, like '(5 : nat)', stands in quotes"


class PlanInvalid(UsageError):
    """A plan file cannot be used; the text has one line for each mistake."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in a plan. place: the key, like ``probes[1].call``."""

    line: int
    place: str
    reason: str


@dataclass(slots=True)
class Source:
    """A plan while it is read.

    lines: where each key stands, by place. mistakes: what was found wrong.
    """

    file: Path
    lines: dict[str, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def note(self, node: yaml.Node, place: str) -> None:
        """Remember where something stands."""
        self.lines[place] = line_of(node)

    def wrong(self, node: yaml.Node, place: str, reason: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(line_of(node), place, reason))

    def refuse_mistakes(self) -> None:
        """Raise when there are any. Raises: PlanInvalid."""
        if self.mistakes:
            ordered = sorted(self.mistakes, key=lambda it: it.line)
            raise PlanInvalid("\n".join(self._told(it) for it in ordered))

    def located(self, place: str, reason: str) -> PlanInvalid:
        """Return the error for a place, as near to it as there is a line."""
        outer = place
        while outer and outer not in self.lines:
            outer = outer[: max(outer.rfind("."), outer.rfind("["), 0)]
        return PlanInvalid(self._told(Mistake(self.lines.get(outer, 0), place, reason)))

    def _told(self, mistake: Mistake) -> str:
        where = f"{self.file}:{mistake.line}" if mistake.line else f"{self.file}"
        return ": ".join(filter(None, [where, mistake.place, mistake.reason]))


def composed(source: Source, text: str) -> yaml.MappingNode:
    """Return the root of a plan's node graph. Raises: PlanInvalid."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise PlanInvalid(_syntax(source.file, error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PlanInvalid(f"{source.file}: this is no YAML: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise PlanInvalid(f"{source.file}: a plan has keys, such as start and steps")
    return root


def line_of(node: yaml.Node) -> int:
    """Return the line a node begins on, from 1."""
    return int(node.start_mark.line) + 1


def _syntax(file: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}" if mark else f"{file}"
    hint = _CANDID_HINT if "mapping values are not allowed" in str(error.problem) else ""
    return f"{where}: {error.problem or error.context}{hint}"
