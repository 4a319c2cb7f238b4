"""What a module calls its globals: by export, by name section, or by number."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sandbox.errors import ModuleRefused
from sandbox.wasm import parse_module, rewrite_module
from sandbox.wasm.reader import Reader
from sandbox.wasm.source import load_source

if TYPE_CHECKING:
    from sandbox.wasm.module import Module

_NAME_SECTION: Final = "name"
_GLOBAL_NAMES: Final = 7  # id of the subsection (extended name section)


@lru_cache(maxsize=16)
def parsed(raw: bytes) -> Module | None:
    """Return the module, None when it is none (an upload that is not complete)."""
    try:
        return parse_module(load_source(raw, wat_to_wasm=str.encode).wasm)
    except ModuleRefused:
        return None


@lru_cache(maxsize=16)
def global_names(raw: bytes) -> tuple[str, ...]:
    """Return a name for each global of a snapshot, in its order."""
    module = parsed(raw)
    if module is None:
        return ()
    named = _named_globals(module)
    return tuple(
        slot.export_name if slot.user_exported else named.get(slot.index, f"global {slot.index}")
        for slot in rewrite_module(module).globals
    )


@lru_cache(maxsize=16)
def module_name(raw: bytes) -> str:
    """Return the name in the module's name section; empty without one."""
    module = parsed(raw)
    return "" if module is None else _subsections(module).get(0, b"")[1:].decode(errors="replace")


def _named_globals(module: Module) -> dict[int, str]:
    payload = _subsections(module).get(_GLOBAL_NAMES)
    if payload is None:
        return {}
    names: dict[int, str] = {}
    reader = Reader(payload, 0, len(payload))
    try:
        for _ in range(reader.u32()):
            index = reader.u32()
            names[index] = reader.name()
    except ModuleRefused:
        pass  # names end where the section stops making sense
    return names


def _subsections(module: Module) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for section in module.customs:
        if section.name != _NAME_SECTION:
            continue
        reader = Reader(section.payload, 0, len(section.payload))
        try:
            while reader.position < reader.end:
                number, size = reader.byte(), reader.u32()
                start = reader.skip(size)
                found[number] = section.payload[start : start + size]
        except ModuleRefused:
            break
    return found
