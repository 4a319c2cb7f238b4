"""The IC's rules for a module, in the replica's order, so the same fault is named first.

What is not here is the engine's: types, nesting, indices inside code, and instructions of
features that are switched off. A module is fit to run when both have passed it.

Source: replica ``wasm_utils/validation.rs``, ``validate_wasm_binary``; ``ModuleRefused``
carries the text of its ``WasmValidationError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.wasm.check_code import check_code, check_code_size
from sandbox.wasm.check_contents import (
    check_data,
    check_functions,
    check_globals,
    check_memory_size,
    check_metadata,
    check_tables,
)
from sandbox.wasm.check_exports import check_exports
from sandbox.wasm.check_features import check_features
from sandbox.wasm.check_imports import check_imports
from sandbox.wasm.rules import ModuleRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.wasm.module import FuncType, Module

_MAINNET = ModuleRules()


def validate_module(
    module: Module, *, system_api: Mapping[str, FuncType], rules: ModuleRules = _MAINNET
) -> None:
    """Check a parsed module against the rules of the IC.

    system_api: the functions of ``ic0`` by name, for this module's width (``module.is_64``).

    Raises: ModuleRefused at the first rule it breaks.
    """
    check_code_size(module, rules)
    check_features(module)
    check_imports(module, system_api)
    check_exports(module, rules)
    check_tables(module, rules)
    check_data(module)
    check_globals(module, rules)
    check_functions(module, rules)
    check_memory_size(module, rules)
    check_code(module, rules)
    check_metadata(module, rules)
