"""What a Wasm module says, as plain data.

Nothing here decides anything: ``parse`` fills these records, the checks and the rewriting
read them. Functions, tables, memories and globals are numbered as in Wasm: imported ones
first, in import order. Offsets are byte positions in ``Module.wasm``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, NamedTuple

ValType = Literal["i32", "i64", "f32", "f64", "v128", "funcref", "externref"]


class SectionId(IntEnum):
    """Section ids of the binary format; ``SECTION_ORDER`` says where each may stand."""

    CUSTOM = 0
    TYPE = 1
    IMPORT = 2
    FUNCTION = 3
    TABLE = 4
    MEMORY = 5
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12
    TAG = 13


SECTION_ORDER: tuple[SectionId, ...] = (
    SectionId.TYPE,
    SectionId.IMPORT,
    SectionId.FUNCTION,
    SectionId.TABLE,
    SectionId.MEMORY,
    SectionId.TAG,
    SectionId.GLOBAL,
    SectionId.EXPORT,
    SectionId.START,
    SectionId.ELEMENT,
    SectionId.DATA_COUNT,
    SectionId.CODE,
    SectionId.DATA,
)


class ExternKind(IntEnum):
    """What an import or an export names; the values are those of the binary format."""

    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


class FuncType(NamedTuple):
    """A function's signature; equal to the plain pair of tuples."""

    params: tuple[str, ...]
    results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Declared size, in Wasm pages or table elements; no maximum is ``None``."""

    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class TableType:
    """A table: what it holds, how many, and whether its indices are 64-bit."""

    element: ValType
    limits: Limits
    is_64: bool


@dataclass(frozen=True, slots=True)
class MemoryType:
    """A memory; ``page_size_log2`` is 16 unless the module asks for custom pages."""

    limits: Limits
    is_64: bool
    is_shared: bool
    page_size_log2: int


@dataclass(frozen=True, slots=True)
class GlobalType:
    """A global's value type and whether code may set it."""

    value: ValType
    is_mutable: bool


@dataclass(frozen=True, slots=True)
class ConstExpr:
    """A constant expression of one instruction, as the IC allows them.

    operator: its text name, ``"i32.const"`` or ``"global.get"``.
    operand: the number or the index; ``None`` for float and vector constants and ``ref.null``.
    encoded: the bytes, final ``end`` included.
    """

    operator: str
    operand: int | None
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Import:
    """One import; a function and a tag have their signature as type.

    span: (start, end) of the whole entry.
    """

    module: str
    name: str
    kind: ExternKind
    type: FuncType | TableType | MemoryType | GlobalType
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Global:
    """One global; an imported one has no initial value here."""

    type: GlobalType
    init: ConstExpr | None


@dataclass(frozen=True, slots=True)
class Export:
    """One export: a name for the thing of this kind with this index."""

    name: str
    kind: ExternKind
    index: int


@dataclass(frozen=True, slots=True)
class ElementSegment:
    """One element segment; table and offset belong to active ones only."""

    mode: Literal["active", "passive", "declared"]
    table: int | None
    offset: ConstExpr | None
    count: int


@dataclass(frozen=True, slots=True)
class DataSegment:
    """One data segment; memory and offset belong to active ones only."""

    mode: Literal["active", "passive"]
    memory: int | None
    offset: ConstExpr | None
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CustomSection:
    """One custom section, wherever it stands."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """Where a section lies: id byte at ``start``, contents in ``[content, end)``."""

    id: SectionId
    start: int
    content: int
    end: int


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed module.

    functions: for each function the index of its type.
    bodies: for each defined function the (start, end) of its locals and code.
    data_count: contents of the data count section, when there is one.
    """

    wasm: bytes
    sections: tuple[Section, ...]
    types: tuple[FuncType, ...]
    imports: tuple[Import, ...]
    functions: tuple[int, ...]
    tables: tuple[TableType, ...]
    memories: tuple[MemoryType, ...]
    tags: tuple[int, ...]
    globals: tuple[Global, ...]
    exports: tuple[Export, ...]
    start: int | None
    elements: tuple[ElementSegment, ...]
    data_count: int | None
    bodies: tuple[tuple[int, int], ...]
    data: tuple[DataSegment, ...]
    customs: tuple[CustomSection, ...]

    @property
    def is_64(self) -> bool:
        """Whether the heap is a 64-bit memory; a module without memory counts as 32-bit."""
        return bool(self.memories) and self.memories[0].is_64

    def imported(self, kind: ExternKind) -> tuple[Import, ...]:
        """Return the imports of one kind, in order."""
        return tuple(entry for entry in self.imports if entry.kind is kind)

    def function_type(self, index: int) -> FuncType:
        """Return the signature of an imported or defined function."""
        return self.types[self.functions[index]]

    def section(self, section_id: SectionId) -> Section | None:
        """Return the section with this id, if the module has one (customs excepted)."""
        return next((found for found in self.sections if found.id is section_id), None)
