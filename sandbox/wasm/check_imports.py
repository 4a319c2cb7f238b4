"""Imports: functions of the system API with their exact types, and almost nothing else.

Source: replica ``wasm_utils/validation.rs``, ``validate_import_section``. Where the replica
lets an import pass and then fails to link it (a memory called anything but ``env.memory``),
it is refused here, with the replica's own sentence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox.errors import ModuleRefused
from sandbox.wasm.hints import hint_for_import
from sandbox.wasm.module import ExternKind, FuncType, Import

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.wasm.module import Module

_SYSTEM_MODULE = "ic0"
_NOT_ALLOWED = {
    ExternKind.TABLE: ("table", "Only tables imported from env.table are allowed."),
    ExternKind.MEMORY: ("memory", "Only memory imported from env.memory is allowed."),
    ExternKind.GLOBAL: (None, "Importing globals is not allowed."),
    ExternKind.TAG: (None, "Importing tags is not allowed."),
}

# How the replica prints a value type.
_PRINTED = {
    "i32": "I32",
    "i64": "I64",
    "f32": "F32",
    "f64": "F64",
    "v128": "V128",
    "funcref": "FuncRef",
    "externref": "ExternRef",
}


def check_imports(module: Module, system_api: Mapping[str, FuncType]) -> None:
    """Check every import.

    system_api: the functions of module ``ic0``, with the types for this module's width.

    Raises: ModuleRefused at the first one that is not allowed.
    """
    for entry in module.imports:
        if isinstance(entry.type, FuncType) and entry.kind is ExternKind.FUNCTION:
            _check_function(entry, entry.type, system_api, is_64=module.is_64)
            continue
        allowed_name, text = _NOT_ALLOWED[entry.kind]
        if (entry.module, entry.name) != ("env", allowed_name):
            raise _invalid(text)


def check_signature(name: str, actual: FuncType, expected: FuncType) -> None:
    """Check a function's type, in the replica's words.

    Raises: ModuleRefused when parameters or results differ.
    """
    for what, wanted, got in (
        ("input params", expected.params, actual.params),
        ("return type", expected.results, actual.results),
    ):
        if wanted != got:
            raise ModuleRefused(
                "Wasm module has an invalid function signature. "
                f"Expected {what} {_print(wanted)} for '{name}', got {_print(got)}."
            )


def _check_function(
    entry: Import, actual: FuncType, system_api: Mapping[str, FuncType], *, is_64: bool
) -> None:
    expected = system_api.get(entry.name)
    if expected is not None and entry.module == _SYSTEM_MODULE:
        check_signature(entry.name, actual, expected)
        return
    if expected is not None:
        raise _invalid(
            f"Module imports function {json.dumps(entry.name)} from {json.dumps(entry.module)}, "
            f'expected to be imported from one of ["{_SYSTEM_MODULE}"] instead.'
        )
    raise _invalid(
        f"Module imports function '{entry.name}' from '{entry.module}' "
        "that is not exported by the runtime."
        + hint_for_import(entry.module, entry.name, is_64=is_64)
    )


def _print(types: tuple[str, ...]) -> str:
    return f"[{', '.join(_PRINTED[name] for name in types)}]"


def _invalid(what: str) -> ModuleRefused:
    return ModuleRefused(f"Wasm module has an invalid import section. {what}")
