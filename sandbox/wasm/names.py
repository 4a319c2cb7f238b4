"""Function names from the ``name`` section, for backtraces.

A damaged name section never makes a module invalid: names end where it stops making sense.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused
from sandbox.wasm.reader import Reader

if TYPE_CHECKING:
    from sandbox.wasm.module import Module

NAME_SECTION: Final = "name"
_FUNCTION_NAMES = 1  # id of the subsection
_MAX_FUNCTIONS = 1_000_000


def function_names(module: Module) -> dict[int, str]:
    """Return the names of functions by index; empty without a name section."""
    names: dict[int, str] = {}
    for section in module.customs:
        if section.name == NAME_SECTION:
            with suppress(ModuleRefused):
                _read_subsections(section.payload, names)
    return names


def _read_subsections(payload: bytes, names: dict[int, str]) -> None:
    reader = Reader(payload, 0, len(payload))
    while reader.position < reader.end:
        subsection, size = reader.byte(), reader.u32()
        start = reader.skip(size)
        if subsection == _FUNCTION_NAMES:
            _read_names(Reader(payload, start, start + size), names)


def _read_names(reader: Reader, names: dict[int, str]) -> None:
    for _ in range(reader.count("names", _MAX_FUNCTIONS)):
        index = reader.u32()
        names[index] = reader.name()
