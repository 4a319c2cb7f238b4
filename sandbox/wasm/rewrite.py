"""The canister's module, changed so that the host holds all of its state.

Sections are spliced, code is not touched: no index changes, so bodies, element segments and
the name section stay valid byte for byte. Before and after:

    (module                                  (module
      (import "ic0" "msg_reply" (func))        (import "ic0" "msg_reply" (func))
                                               (import "canister_sandbox" "heap" (memory 1 9))
      (memory 1 9)
      (table 4 funcref)                        (table 4 funcref)
      (global $a (mut i32) (i32.const 0))      (global $a (mut i32) (i32.const 0))
      (global $b (mut i64) (i64.const 0))      (global $b (mut i64) (i64.const 0))
      (global $c i32 (i32.const 7))            (global $c i32 (i32.const 7))
      (func $init …)                           (func $init …)
      (export "memory" (memory 0))             (export "memory" (memory 0))
      (export "b" (global $b))                 (export "b" (global $b))
                                               (export "canister_sandbox start" (func $init))
                                               (export "canister_sandbox table" (table 0))
                                               (export "canister_sandbox global 0" (global $a))
      (start $init))                           )

The heap is imported, so the host can put a copy-on-write mapping under it. The start
function runs when the IC runs it, not whenever an instance is made. Every mutable global
can be read and set. An imported ``env.memory`` becomes the heap import; an imported table
stays as it is and is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.wasm.check_features import check_features
from sandbox.wasm.encode import encode_export, encode_memory_import, encode_section
from sandbox.wasm.metering import MeterNames
from sandbox.wasm.module import ExternKind, SectionId, TableType
from sandbox.wasm.splice import old_entries, splice

if TYPE_CHECKING:
    from sandbox.wasm.module import Module, ValType

HEAP_IMPORT: Final = ("canister_sandbox", "heap")
_OURS = "canister_sandbox"


@dataclass(frozen=True, slots=True)
class MemorySpec:
    """The memory to create for ``HEAP_IMPORT``; sizes in Wasm pages."""

    min_pages: int
    max_pages: int | None
    is_64: bool


@dataclass(frozen=True, slots=True)
class TableSpec:
    """The table of functions to create for an import (``env.table``); sizes in elements."""

    module: str
    name: str
    minimum: int
    maximum: int | None
    is_64: bool


@dataclass(frozen=True, slots=True)
class GlobalSlot:
    """One place in the list of globals that a snapshot stores.

    index: the global's index; a global exported twice has two slots.
    export_name: its name in the rewritten module.
    """

    index: int
    export_name: str
    type: ValType
    mutable: bool
    user_exported: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A rewritten module and how to reach what it holds.

    heap: ``None`` when the canister has no memory.
    start_export: what the start section named, to be called by the host.
    table_export: table 0, where callbacks live.
    globals: in snapshot order, which is the replica's: exported ones in export order,
        constants included, then the other mutable ones by index.
    meter: the names that metering it exports.
    """

    wasm: bytes
    heap: MemorySpec | None
    start_export: str | None
    table_export: str | None
    imported_table: TableSpec | None
    globals: tuple[GlobalSlot, ...]
    meter: MeterNames


def rewrite_module(module: Module) -> Rewritten:
    """Rewrite a parsed module so that its state is in the host's hands.

    Requires: the module passed ``validate_module``; what follows from its code being valid
        holds for the result too.
    Raises: ModuleRefused when it declares what cannot be rewritten (several memories).
    """
    check_features(module)
    exports = _NewExports(module)
    start_export = exports.add_start()
    table_export = exports.add_table()
    slots = exports.add_globals()
    return Rewritten(
        wasm=splice(module, _heap_replacements(module) | exports.replacements()),
        heap=_heap_spec(module),
        start_export=start_export,
        table_export=table_export,
        imported_table=_imported_table(module),
        globals=slots,
        meter=exports.meter(),
    )


class _NewExports:
    """Collects exports to add, under names nobody has taken."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._taken = {export.name for export in module.exports}
        self._entries: list[bytes] = []

    def add_start(self) -> str | None:
        """Export the start function and return its name."""
        if self._module.start is None:
            return None
        return self._add("start", ExternKind.FUNCTION, self._module.start)

    def add_table(self) -> str | None:
        """Return the name of table 0, the canister's own if it exports it."""
        if not self._module.tables:
            return None
        for export in self._module.exports:
            if export.kind is ExternKind.TABLE and export.index == 0:
                return export.name
        return self._add("table", ExternKind.TABLE, 0)

    def add_globals(self) -> tuple[GlobalSlot, ...]:
        """Export the mutable globals that are not, and return all in snapshot order."""
        exported = [
            (export.index, export.name)
            for export in self._module.exports
            if export.kind is ExternKind.GLOBAL
        ]
        slots = [self._slot(index, name, user_exported=True) for index, name in exported]
        reached = {index for index, _ in exported}
        for index, entry in enumerate(self._module.globals):
            if entry.type.is_mutable and index not in reached:
                name = self._add(f"global {index}", ExternKind.GLOBAL, index)
                slots.append(self._slot(index, name, user_exported=False))
        return tuple(slots)

    def meter(self) -> MeterNames:
        """Return free names for what metering adds; nothing is exported yet."""
        return MeterNames(*map(self._free, ("counter", "charge", "pause")))

    def replacements(self) -> dict[SectionId, bytes]:
        """Return the sections that differ: exports if any were added, no start section."""
        replaced = {SectionId.START: b""}
        if self._entries:
            old, count = old_entries(self._module, SectionId.EXPORT)
            replaced[SectionId.EXPORT] = encode_section(
                SectionId.EXPORT, [old, *self._entries], count + len(self._entries)
            )
        return replaced

    def _add(self, what: str, kind: ExternKind, index: int) -> str:
        name = self._free(what)
        self._entries.append(encode_export(name, kind, index))
        return name

    def _free(self, what: str) -> str:
        name = f"{_OURS} {what}"
        while name in self._taken:
            name += "'"
        self._taken.add(name)
        return name

    def _slot(self, index: int, name: str, *, user_exported: bool) -> GlobalSlot:
        entry = self._module.globals[index].type
        return GlobalSlot(index, name, entry.value, entry.is_mutable, user_exported)


def _heap_replacements(module: Module) -> dict[SectionId, bytes]:
    if not module.memories:
        return {}
    heap = encode_memory_import(*HEAP_IMPORT, module.memories[0])
    old, count = old_entries(module, SectionId.IMPORT)
    imported = module.imported(ExternKind.MEMORY)
    if not imported:
        entries, count = [old, heap], count + 1
    else:
        # Only this entry changes; the others keep their bytes and their order.
        start, end = imported[0].span
        before = module.wasm[module.imports[0].span[0] : start]
        after = module.wasm[end : module.imports[-1].span[1]]
        entries = [before, heap, after]
    return {
        SectionId.MEMORY: b"",
        SectionId.IMPORT: encode_section(SectionId.IMPORT, entries, count),
    }


def _heap_spec(module: Module) -> MemorySpec | None:
    if not module.memories:
        return None
    memory = module.memories[0]
    return MemorySpec(memory.limits.minimum, memory.limits.maximum, memory.is_64)


def _imported_table(module: Module) -> TableSpec | None:
    for entry in module.imports:
        if isinstance(entry.type, TableType):
            limits = entry.type.limits
            return TableSpec(
                entry.module, entry.name, limits.minimum, limits.maximum, entry.type.is_64
            )
    return None
