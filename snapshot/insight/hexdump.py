"""Hexdumps: sixteen bytes a line, offset, hex, text; before and after one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapshot.insight.diff import Change

_LINE: Final = 16


def hexdump(data: bytes, offset: int = 0) -> str:
    """Return a dump of some bytes that stand at ``offset``."""
    return "\n".join(_line(data[at : at + _LINE], offset + at) for at in range(0, len(data), _LINE))


def change_dump(change: Change) -> str:
    """Return a dump of what a change replaced (``-``) and by what (``+``)."""
    return "\n".join(_change_lines(change))


def _change_lines(change: Change) -> Iterator[str]:
    for at in range(0, len(change.before), _LINE):
        for sign, data in (("-", change.before), ("+", change.after)):
            yield f"{sign} {_line(data[at : at + _LINE], change.offset + at)}"


def _line(data: bytes, offset: int) -> str:
    shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"{offset:012x}  {data.hex(' '):<47}  {shown}"
