"""What a canister's module offers: the facts callers, tools and the upgrade need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.wasm.code import notable_instructions
from sandbox.wasm.metadata import read_metadata
from sandbox.wasm.methods import HOOKS, Method, split_method
from sandbox.wasm.module import ExternKind
from sandbox.wasm.names import NAME_SECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.wasm.metadata import Metadata
    from sandbox.wasm.module import Module

# What ic-cdk's ``export_candid!`` exports: it returns the address of the interface's text.
CANDID_POINTER: Final = "get_candid_pointer"
_EOP_SECTION = "enhanced-orthogonal-persistence"


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """A module as its canister's callers and controllers see it.

    methods: by method name, in export order.
    hooks: the exported system entry points, such as ``"canister_init"``.
    metadata: the ``icp:`` custom sections by name.
    is_64: the heap is a 64-bit memory.
    is_eop: Motoko's enhanced orthogonal persistence, so an upgrade may keep the heap.
    drops_segments: code may drop a passive data segment, which no live instance can take
        back; a rollback has to instantiate afresh.
    reads_certificate: it imports what a query reads its certificate with.
    has_candid_pointer: it exports ``CANDID_POINTER``, of the type such a function has.
    """

    methods: Mapping[str, Method]
    hooks: frozenset[str]
    metadata: Mapping[str, Metadata]
    has_start: bool
    is_64: bool
    is_eop: bool
    drops_segments: bool
    has_names: bool
    reads_certificate: bool
    has_candid_pointer: bool


def describe(module: Module) -> ModuleFacts:
    """Collect the facts about a module that passed ``validate_module``.

    Raises: ModuleRefused when its ``icp:`` sections or its code do not decode.
    """
    functions = [entry.name for entry in module.exports if entry.kind is ExternKind.FUNCTION]
    metadata = read_metadata(module)
    return ModuleFacts(
        methods=_methods(functions),
        hooks=frozenset(functions).intersection(HOOKS),
        metadata=metadata,
        has_start=module.start is not None,
        is_64=module.is_64,
        is_eop=_EOP_SECTION in metadata,
        drops_segments=_drops_segments(module),
        has_names=any(section.name == NAME_SECTION for section in module.customs),
        reads_certificate=any(
            entry.name.startswith("data_certificate_") for entry in module.imports
        ),
        has_candid_pointer=_has_candid_pointer(module),
    )


def _methods(functions: list[str]) -> dict[str, Method]:
    return {
        method[0]: Method(method[1], export_name)
        for export_name in functions
        if (method := split_method(export_name)) is not None
    }


def _has_candid_pointer(module: Module) -> bool:
    pointer = ((), ("i64" if module.is_64 else "i32",))
    return any(
        module.function_type(entry.index) == pointer
        for entry in module.exports
        if entry.name == CANDID_POINTER and entry.kind is ExternKind.FUNCTION
    )


def _drops_segments(module: Module) -> bool:
    # Active segments are dropped at instantiation anyway. Passive element segments do not
    # count: only table.init could tell whether one is still there, and it is refused.
    return any(segment.mode == "passive" for segment in module.data) and any(
        name == "data.drop" for _, name in notable_instructions(module)
    )
