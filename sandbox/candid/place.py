"""Where a value stands among the arguments, for error messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SHOWN_ENDS: Final = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A value's way from the argument list; turned into words only for an error.

    A chain, not a text per level: values may be nested a hundred thousand times.
    depth: how many values it is inside of.
    """

    outer: Place | None
    name: str
    depth: int

    def inside(self, name: str) -> Place:
        """Return the place of a part; an opt's value has no name."""
        return Place(self, name, self.depth + 1)

    def path(self) -> str:
        """Return the way from the argument list in words, a long one without its middle."""
        place: Place | None = self
        names: list[str] = []
        while place is not None:
            names += [place.name] if place.name else []
            place = place.outer
        names.reverse()
        if len(names) > 2 * _SHOWN_ENDS:
            names[_SHOWN_ENDS:-_SHOWN_ENDS] = ["…"]
        return ", ".join(names)
