"""Reading the contents of each section into a draft of the module.

One function per section, all of the same form: it is given a reader over exactly that
section and the draft to fill. Sections come in their fixed order, so a function may rely on
what the earlier ones have put into the draft. ``SECTION_READERS`` is the table.

The count limits are wasmparser's; they bound what a hostile module can make us hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.wasm.module import (
    Export,
    ExternKind,
    FuncType,
    Global,
    GlobalType,
    Import,
    MemoryType,
    SectionId,
    TableType,
)
from sandbox.wasm.reader import Reader, malformed
from sandbox.wasm.segments import read_data_segment, read_element_segment
from sandbox.wasm.types import (
    read_const_expr,
    read_function_type,
    read_global_type,
    read_memory_type,
    read_table_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.wasm.module import CustomSection, DataSegment, ElementSegment, Section

_MANY = 1_000_000  # types, imports, functions, globals, exports, tags
_FEW = 100  # tables, memories
_SEGMENTS = 100_000


@dataclass(slots=True)
class Draft:
    """The fields of ``Module`` while they are being filled."""

    sections: list[Section] = field(default_factory=list)
    types: list[FuncType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    tables: list[TableType] = field(default_factory=list)
    memories: list[MemoryType] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    start: int | None = None
    elements: list[ElementSegment] = field(default_factory=list)
    data_count: int | None = None
    bodies: list[tuple[int, int]] = field(default_factory=list)
    data: list[DataSegment] = field(default_factory=list)
    customs: list[CustomSection] = field(default_factory=list)


def _read_types(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("types", _MANY)):
        draft.types.append(read_function_type(reader))


def _read_imports(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("imports", _MANY)):
        start = reader.position
        module, name = reader.name(), reader.name()
        kind = _read_kind(reader)
        entry = _read_import_type(reader, draft, kind)
        draft.imports.append(Import(module, name, kind, entry, (start, reader.position)))


def _read_import_type(
    reader: Reader, draft: Draft, kind: ExternKind
) -> FuncType | TableType | MemoryType | GlobalType:
    match kind:
        case ExternKind.FUNCTION:
            draft.functions.append(index := _read_type_index(reader, draft))
            return draft.types[index]
        case ExternKind.TABLE:
            draft.tables.append(table := read_table_type(reader))
            return table
        case ExternKind.MEMORY:
            draft.memories.append(memory := read_memory_type(reader))
            return memory
        case ExternKind.GLOBAL:
            draft.globals.append(Global(value := read_global_type(reader), None))
            return value
        case ExternKind.TAG:
            draft.tags.append(index := _read_tag_type(reader, draft))
            return draft.types[index]


def _read_functions(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("functions", _MANY)):
        draft.functions.append(_read_type_index(reader, draft))


def _read_tables(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("tables", _FEW)):
        draft.tables.append(read_table_type(reader))


def _read_memories(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("memories", _FEW)):
        draft.memories.append(read_memory_type(reader))


def _read_tags(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("tags", _MANY)):
        draft.tags.append(_read_tag_type(reader, draft))


def _read_globals(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("globals", _MANY)):
        draft.globals.append(Global(read_global_type(reader), read_const_expr(reader)))


def _read_exports(reader: Reader, draft: Draft) -> None:
    seen: set[str] = set()
    for _ in range(reader.count("exports", _MANY)):
        offset = reader.position
        name, kind = reader.name(), _read_kind(reader)
        index = _read_index(reader, kind.name.lower(), _count_of(draft, kind))
        if name in seen:
            raise malformed(f"duplicate export name `{name}` already defined", offset)
        seen.add(name)
        draft.exports.append(Export(name, kind, index))


def _read_start(reader: Reader, draft: Draft) -> None:
    offset = reader.position
    index = _read_index(reader, "function", len(draft.functions))
    if draft.types[draft.functions[index]] != ((), ()):
        raise malformed("invalid start function type", offset)
    draft.start = index


def _read_elements(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("element segments", _SEGMENTS)):
        draft.elements.append(read_element_segment(reader))


def _read_data_count(reader: Reader, draft: Draft) -> None:
    draft.data_count = reader.u32()


def _read_code(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("functions", _MANY)):
        start = reader.skip(reader.u32())
        draft.bodies.append((start, reader.position))


def _read_data(reader: Reader, draft: Draft) -> None:
    for _ in range(reader.count("data segments", _SEGMENTS)):
        draft.data.append(read_data_segment(reader))


SECTION_READERS: Mapping[SectionId, Callable[[Reader, Draft], None]] = {
    SectionId.TYPE: _read_types,
    SectionId.IMPORT: _read_imports,
    SectionId.FUNCTION: _read_functions,
    SectionId.TABLE: _read_tables,
    SectionId.MEMORY: _read_memories,
    SectionId.TAG: _read_tags,
    SectionId.GLOBAL: _read_globals,
    SectionId.EXPORT: _read_exports,
    SectionId.START: _read_start,
    SectionId.ELEMENT: _read_elements,
    SectionId.DATA_COUNT: _read_data_count,
    SectionId.CODE: _read_code,
    SectionId.DATA: _read_data,
}


def _read_kind(reader: Reader) -> ExternKind:
    offset = reader.position
    code = reader.byte()
    if code > ExternKind.TAG:
        raise malformed(f"malformed external kind 0x{code:02x}", offset)
    return ExternKind(code)


def _read_type_index(reader: Reader, draft: Draft) -> int:
    return _read_index(reader, "type", len(draft.types))


def _read_tag_type(reader: Reader, draft: Draft) -> int:
    offset = reader.position
    if reader.byte() != 0:
        raise malformed("invalid tag attributes", offset)
    return _read_type_index(reader, draft)


def _read_index(reader: Reader, what: str, count: int) -> int:
    offset = reader.position
    index = reader.u32()
    if index >= count:
        raise malformed(f"unknown {what} {index}: {what} index out of bounds", offset)
    return index


def _count_of(draft: Draft, kind: ExternKind) -> int:
    match kind:
        case ExternKind.FUNCTION:
            return len(draft.functions)
        case ExternKind.TABLE:
            return len(draft.tables)
        case ExternKind.MEMORY:
            return len(draft.memories)
        case ExternKind.GLOBAL:
            return len(draft.globals)
        case ExternKind.TAG:
            return len(draft.tags)
