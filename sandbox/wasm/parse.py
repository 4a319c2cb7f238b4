"""From bytes to ``Module``: the header, the order of sections, the counts that must agree.

``parse_module`` is total: any bytes give a module or ``ModuleRefused`` with an offset, in
time and memory proportional to their number. It does not look into function bodies
(``code`` does) and does not type-check (the engine does).
"""

from __future__ import annotations

from sandbox.wasm.module import (
    SECTION_ORDER,
    CustomSection,
    ExternKind,
    Module,
    Section,
    SectionId,
)
from sandbox.wasm.reader import Reader, malformed
from sandbox.wasm.sections import SECTION_READERS, Draft

_MAGIC = b"\0asm"
_VERSION = b"\1\0\0\0"
_COMPONENT_LAYER = b"\1\0"
_HEADER_BYTES = 8
_RANK = {section_id: rank for rank, section_id in enumerate(SECTION_ORDER)}

# Each record outweighs the three bytes a custom section needs; real modules have under 50.
_MAX_SECTIONS = 10_000


def parse_module(wasm: bytes) -> Module:
    """Parse a core WebAssembly module.

    Raises: ModuleRefused for anything else, saying what and at which offset.
    """
    check_header(wasm)
    draft = Draft()
    reader = Reader(wasm, _HEADER_BYTES, len(wasm))
    rank = -1
    while reader.position < reader.end:
        section = _read_section_header(reader)
        if section.id is not SectionId.CUSTOM:
            if _RANK[section.id] <= rank:
                raise malformed("section out of order", section.start)
            rank = _RANK[section.id]
        _read_section(wasm, section, draft)
        reader.position = section.end
    _check_counts(draft, len(wasm))
    return _finish(wasm, draft)


def check_header(wasm: bytes) -> None:
    """Check that these bytes begin a core module of version 1.

    Raises: ModuleRefused, naming a component for what it is.
    """
    if len(wasm) < _HEADER_BYTES:
        raise malformed("unexpected end-of-file", len(wasm))
    if not wasm.startswith(_MAGIC):
        raise malformed(f"magic header not detected: found {wasm[:4].hex(' ')}", 0)
    if wasm[6:8] == _COMPONENT_LAYER:
        raise malformed(
            "this is a component, and a canister is a core module; "
            "extract the core module from it or build without the component step",
            4,
        )
    if wasm[4:8] != _VERSION:
        raise malformed(f"unknown binary version: 0x{int.from_bytes(wasm[4:8], 'little'):x}", 4)


def _read_section_header(reader: Reader) -> Section:
    start = reader.position
    code = reader.byte()
    if code > SectionId.TAG:
        raise malformed(f"malformed section id: {code}", start)
    size = reader.u32()
    content = reader.skip(size)
    return Section(SectionId(code), start, content, content + size)


def _read_section(wasm: bytes, section: Section, draft: Draft) -> None:
    if len(draft.sections) == _MAX_SECTIONS:
        raise malformed(f"more than {_MAX_SECTIONS} sections", section.start)
    draft.sections.append(section)
    reader = Reader(wasm, section.content, section.end)
    if section.id is SectionId.CUSTOM:
        draft.customs.append(CustomSection(reader.name(), wasm[reader.position : section.end]))
        return
    SECTION_READERS[section.id](reader, draft)
    reader.expect_end()


def _check_counts(draft: Draft, end: int) -> None:
    imported = sum(1 for entry in draft.imports if entry.kind is ExternKind.FUNCTION)
    if len(draft.functions) - imported != len(draft.bodies):
        raise malformed("function and code section have inconsistent lengths", end)
    if draft.data_count not in (None, len(draft.data)):
        raise malformed("data count and data section have inconsistent lengths", end)


def _finish(wasm: bytes, draft: Draft) -> Module:
    return Module(
        wasm=wasm,
        sections=tuple(draft.sections),
        types=tuple(draft.types),
        imports=tuple(draft.imports),
        functions=tuple(draft.functions),
        tables=tuple(draft.tables),
        memories=tuple(draft.memories),
        tags=tuple(draft.tags),
        globals=tuple(draft.globals),
        exports=tuple(draft.exports),
        start=draft.start,
        elements=tuple(draft.elements),
        data_count=draft.data_count,
        bodies=tuple(draft.bodies),
        data=tuple(draft.data),
        customs=tuple(draft.customs),
    )
