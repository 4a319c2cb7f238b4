"""Exports: methods and hooks with the right type, no name that is the IC's own.

Source: replica ``wasm_utils/validation.rs``, ``validate_export_section``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused
from sandbox.wasm.check_imports import check_signature
from sandbox.wasm.methods import HOOKS, RESERVED_PREFIX, RESERVED_SYMBOLS, split_method
from sandbox.wasm.module import ExternKind, FuncType

if TYPE_CHECKING:
    from sandbox.wasm.module import Module
    from sandbox.wasm.rules import ModuleRules

_ENTRY_POINT = FuncType((), ())
_METHOD_FORMS = (
    "`canister_update <name>`, `canister_query <name>`, or `canister_composite_query <name>`"
)


def check_exports(module: Module, rules: ModuleRules) -> None:
    """Check every export, then the number of methods and the length of their names.

    Raises: ModuleRefused at the first one that is not allowed.
    """
    methods: set[str] = set()
    for export in module.exports:
        if export.name in RESERVED_SYMBOLS:
            raise _invalid(f"Exporting reserved symbol {export.name} not allowed.")
        if export.kind is not ExternKind.FUNCTION:
            continue
        if (method := split_method(export.name)) is not None:
            _add_method(methods, method[0])
        elif not export.name.startswith(RESERVED_PREFIX):
            continue
        elif export.name not in HOOKS:
            raise _invalid(
                f"Exporting reserved function '{export.name}' with \"{RESERVED_PREFIX}\" prefix"
            )
        check_signature(export.name, module.function_type(export.index), _ENTRY_POINT)
    _check_totals(methods, rules)


def _add_method(methods: set[str], name: str) -> None:
    if name in methods:
        raise ModuleRefused(
            f"Duplicate function '{name}' exported multiple times "
            "with different call types: update, query, or composite_query."
        )
    methods.add(name)


def _check_totals(methods: set[str], rules: ModuleRules) -> None:
    if len(methods) > rules.max_exported_methods:
        raise ModuleRefused(
            f"The number of exported functions called {_METHOD_FORMS} is {len(methods)} "
            f"which exceeds {rules.max_exported_methods}."
        )
    total = sum(len(name.encode()) for name in methods)
    if total > rules.max_exported_names_bytes:
        raise ModuleRefused(
            f"The sum of `<name>` lengths in exported functions called {_METHOD_FORMS} "
            f"is {total} which exceeds the allowed limit of {rules.max_exported_names_bytes}."
        )


def _invalid(what: str) -> ModuleRefused:
    return ModuleRefused(f"Wasm module has an invalid export section. {what}")
