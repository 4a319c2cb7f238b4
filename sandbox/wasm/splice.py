"""A module with some of its sections exchanged; the others keep their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.wasm.module import SECTION_ORDER, Module, SectionId
from sandbox.wasm.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADER_BYTES: Final = 8
_RANK: Final = {section_id: rank for rank, section_id in enumerate(SECTION_ORDER)}


def old_entries(module: Module, section_id: SectionId) -> tuple[bytes, int]:
    """Return the entries of a vector section as they stand, and their number."""
    section = module.section(section_id)
    if section is None:
        return b"", 0
    reader = Reader(module.wasm, section.content, section.end)
    count = reader.u32()
    return reader.take(reader.end - reader.position), count


def splice(module: Module, replaced: Mapping[SectionId, bytes]) -> bytes:
    """Return the module with these sections put in, in place of the old if there were any.

    Sections that are new go where the order wants them; custom sections keep their places.
    """
    parts = [module.wasm[:_HEADER_BYTES]]
    waiting = sorted(replaced, key=_RANK.__getitem__)
    for section in module.sections:
        while waiting and _RANK.get(section.id, -1) >= _RANK[waiting[0]]:
            parts.append(replaced[waiting.pop(0)])
        if section.id not in replaced:
            parts.append(module.wasm[section.start : section.end])
    parts += [replaced[section_id] for section_id in waiting]
    return b"".join(parts)
