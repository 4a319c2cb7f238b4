"""Line breaking: what fits stands on one line, what does not is spread over several.

A document is text, line breaks and groups; a group is either flat (its breaks are
spaces or nothing) or broken (each break is a new line, indented by two). A group
breaks only when it, and what follows up to the next possible break, would pass the
width. These are the rules of the Rust crate ``pretty``, so the lines break where
didc's do. Nothing recurses: documents may nest as deep as the values they show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

_INDENT: Final = 2


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a line may end; ``flat`` stands there if it does not."""

    flat: str


@dataclass(frozen=True, slots=True)
class WhenBroken:
    """Text that stands only in a broken group: the last separator."""

    text: str


@dataclass(frozen=True, slots=True)
class Nest:
    """Content whose lines are indented by two more."""

    content: Document


@dataclass(frozen=True, slots=True)
class Group:
    """Content that is flat or broken as a whole.

    flat: never break it, whatever the width.
    """

    content: Document
    flat: bool = False


Document: TypeAlias = "str | _Structure"
_Structure: TypeAlias = Break | WhenBroken | Nest | Group | tuple[Document, ...]

_SPACE: Final = Break(" ")
_NOTHING: Final = Break("")


def enclose(
    opening: str, items: Sequence[Document], separator: str, closing: str, *, flat: bool = False
) -> Document:
    """Return a bracketed list: ``( a, b )`` flat, one item a line when broken.

    Braces have space inside (``{ a; b }``), parentheses have none.
    """
    if not items:
        return opening + closing
    edge = _SPACE if closing == "}" else _NOTHING
    content: list[Document] = [edge, items[0]]
    for item in items[1:]:
        content += (separator, _SPACE, item)
    content.append(WhenBroken(separator))
    return Group((opening, Nest(tuple(content)), edge, closing), flat)


def render(document: Document, width: int) -> str:
    """Lay a document out in lines of at most ``width`` characters where possible."""
    pieces: list[str] = []
    column = 0
    stack: list[_Frame] = [(0, True, document)]
    while stack:
        indent, broken, item = stack.pop()
        if isinstance(item, str):
            pieces.append(item)
            column += len(item)
        elif isinstance(item, Break) and broken:
            pieces.append("\n" + " " * indent)
            column = indent
        elif isinstance(item, Group):
            breaks = broken and not item.flat and not _fits(width - column, item, stack)
            stack.append((indent, breaks, item.content))
        else:
            stack += _opened(indent, broken, item)
    return "".join(pieces)


_Frame: TypeAlias = tuple[int, bool, Document]


def _opened(indent: int, broken: bool, item: _Structure) -> list[_Frame]:
    """Return the parts of an item, the first one last, ready to be put on a stack."""
    match item:
        case tuple():
            return [(indent, broken, part) for part in reversed(item)]
        case Nest():
            return [(indent + _INDENT, broken, item.content)]
        case Group():
            return [(indent, broken, item.content)]
        case Break():
            return [(indent, broken, item.flat)]
        case WhenBroken():
            return [(indent, broken, item.text)] if broken else []


def _fits(room: int, group: Group, rest: Sequence[_Frame]) -> bool:
    """Say whether a group, laid flat, and what follows it to the next break have room."""
    pending: list[_Frame] = [(0, False, group.content)]
    following = reversed(rest)
    while room >= 0:
        if not pending:
            frame = next(following, None)
            if frame is None:
                return True
            pending.append(frame)
        indent, broken, item = pending.pop()
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, Break) and broken:
            return True
        else:
            pending += _opened(indent, broken, item)
    return False
